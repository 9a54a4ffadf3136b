"""Run every benchmark; JSON goes to benchmarks/results (or --out), the page docs/benchmarks.md is made of it.

python -m benchmarks [--quick] [--out DIR] [--docs DIR]

With --quick the page goes beside the numbers, so that the one in docs/ stays that of a whole run.
"""

from __future__ import annotations

from benchmarks.common import parser  # isort: skip  (limits the threads, so before numpy)

from pathlib import Path

from benchmarks import bench_basis, bench_engine, bench_landscape, bench_scaling, bench_star, report

words = parser(__doc__)
words.add_argument("--docs", type=Path, metavar="DIR", help="folder for the page and its figures")
options = words.parse_args()
common = ["--out", str(options.out), *(["--quick"] if options.quick else [])]
for benchmark in (bench_landscape, bench_scaling, bench_star, bench_engine, bench_basis):
    benchmark.main(common)
    print(flush=True)
docs = options.docs or (options.out if options.quick else report.DOCS)
report.main(["--out", str(options.out), "--docs", str(docs)])
