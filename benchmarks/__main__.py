"""Run every benchmark with its defaults; JSON and plots go to benchmarks/results, or to the folder of --out."""

from __future__ import annotations

from benchmarks.common import parser  # isort: skip  (limits the threads, so before numpy)

from benchmarks import bench_engine, bench_landscape, bench_scaling, bench_star

out = ["--out", str(parser(__doc__).parse_args().out)]
for benchmark in (bench_landscape, bench_scaling, bench_star, bench_engine):
    benchmark.main(out)
    print()
