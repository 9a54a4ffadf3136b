"""Run every benchmark with its defaults."""

from __future__ import annotations

from benchmarks import bench_landscape

for benchmark in (bench_landscape,):
    benchmark.main([])
