"""The accuracy of `pswf.PSWF` over its whole region, against multiprecision, and what large bands cost.

python -m benchmarks.spectra_sweep [--modes 2000] [--seed 0] [--verbose]

Draws modes over c in [1e-3, 3000], N in [0, 3000], every n to far beyond the plunge and r in [0, 1], and prints the
worst case of every quantity with its place.  The test suite runs a few of the same draws.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from pswf import PSWF, disk_quadrature

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "pswf"))

from oracle import draw, errors


def speed() -> None:
    """Print the CPU time of large bands, compiled before."""
    PSWF(20.0).evaluate(1.0)
    for text, call in (
        ("PSWF(1e4, count=1)", lambda: PSWF(1e4, count=1)),
        ("PSWF(1e5, count=1)", lambda: PSWF(1e5, count=1)),
        ("PSWF(1e5, count=1).evaluate(1e-3)", lambda: PSWF(1e5, count=1).evaluate(1e-3)),
        ("PSWF(1e5, count=1).log_leakage", lambda: PSWF(1e5, count=1).log_leakage),
        ("PSWF(3000, count=1000)", lambda: PSWF(3000.0, count=1000)),
        ("PSWF(3000, count=1000).log_leakage", lambda: PSWF(3000.0, count=1000).log_leakage),
        ("disk_quadrature(3000)", lambda: disk_quadrature(3000.0)),
    ):
        start = time.process_time()
        call()
        print(f"{text:36} {time.process_time() - start:8.4f} s")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--modes", type=int, default=2000)
    words.add_argument("--first", type=int, default=0, help="number of the first mode, to go on with a sweep")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--verbose", action="store_true", help="print every new worst case")
    options = words.parse_args()
    speed()
    worst: dict[str, list[tuple[float, str]]] = {}
    start = time.process_time()
    for number in range(options.first, options.first + options.modes):
        c, N, n, radii = draw(np.random.default_rng([options.seed, number]))
        place = f"c = {c!r}, N = {N}, n = {n}"
        for name, error in errors(c, N, n, radii).items():
            items = worst.setdefault(name, [])
            if options.verbose and error > max((e for e, _ in items), default=0.0):
                print(f"{number}: {name} {error:.1e}, {place}", flush=True)
            items.append((error if error == error else np.inf, place))
    for name, items in worst.items():
        items.sort(reverse=True)
        middle = items[len(items) // 2][0]
        print(f"{name:8} median {middle:.1e}; worst:")
        for error, place in items[:4]:
            print(f"    {error:.2e}  {place}")
    print(f"{options.modes} modes, {time.process_time() - start:.0f} s")


if __name__ == "__main__":
    main()
