"""Benchmarks, run from the root of the checkout: ``python -m benchmarks``, or ``python -m benchmarks.bench_NAME``."""
