"""Whole-image bases: build, transforms and accuracy, against ASPIRE-Python's classes in the same run.

python -m benchmarks.bench_basis [--sizes 128 256] [--dtype float32] [--implementations ...]

Every implementation runs in a process of its own, so that its memory can be told.  Threads: all processors, unless
OMP_NUM_THREADS says otherwise.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))

from benchmarks.common import median_time, print_environment, print_table  # isort: skip  (limits the threads, so before numpy)

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

OURS = ("pswf.PSWF2D", "pswf.aspire")
ASPIRE = ("PSWFBasis2D", "FPSWFBasis2D", "FFBBasis2D", "FLEBasis2D")
# beyond these ASPIRE's classes need minutes and many gigabytes to build
LARGEST = {"PSWFBasis2D": 128, "FPSWFBasis2D": 128, "FLEBasis2D": 256}


def gaussians(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a sum of Gaussians well inside the disk."""
    radius = size // 2
    rows, columns = np.mgrid[:size, :size] - radius
    image = np.zeros((size, size))
    for _ in range(8):
        distance, angle = 0.4 * radius * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        sigma = max(2.6, 0.05 * radius)
        row, column = distance * np.sin(angle), distance * np.cos(angle)
        image += rng.uniform(0.5, 2.0) * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))
    return image


def transforms(name: str, size: int, dtype: str) -> tuple[Any, dict[str, Callable[[np.ndarray], np.ndarray]]]:
    """Build a basis; return it and its transforms from arrays to arrays."""
    if name == "pswf.PSWF2D":
        from pswf import PSWF2D

        ours = PSWF2D(size, dtype=dtype)
        return ours, {"evaluate_t": ours.evaluate_t, "evaluate": ours.evaluate, "expand": ours.expand}
    import aspire.basis
    from aspire.basis import Coef
    from aspire.image import Image

    import pswf.aspire

    kind = pswf.aspire.PSWFBasis2D if name == "pswf.aspire" else getattr(aspire.basis, name)
    basis = kind(size, dtype=np.dtype(dtype).type)
    return basis, {
        "evaluate_t": lambda x: basis.evaluate_t(Image(x)).asnumpy(),
        "evaluate": lambda c: basis.evaluate(Coef(basis, c)).asnumpy(),
        "expand": lambda x: basis.expand(Image(x)).asnumpy(),
    }


def measure(name: str, size: int, dtype: str, batch: int) -> dict[str, float]:
    """Return the figures of one implementation, measured in this process."""
    rng = np.random.default_rng(0)
    # imports and compiled code are not part of the basis
    _, small = transforms(name, 16, dtype)
    small["evaluate"](small["expand"](rng.standard_normal((2, 16, 16)).astype(dtype)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    basis, functions = transforms(name, size, dtype)
    build = time.perf_counter() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    images = rng.standard_normal((batch, size, size)).astype(dtype)
    coefficients = functions["evaluate_t"](images)
    forward = median_time(lambda: functions["evaluate_t"](images), least=3) / batch
    backward = median_time(lambda: functions["evaluate"](coefficients), least=3) / batch
    smooth = gaussians(size, rng).astype(dtype)[None]
    error = np.abs(functions["evaluate"](functions["expand"](smooth)) - smooth).max() / smooth.max()
    return {
        "count": int(basis.count),
        "build": build,
        "memory": memory,
        "evaluate_t": forward,
        "evaluate": backward,
        "round trip": float(error),
    }


def in_a_process(name: str, size: int, dtype: str, batch: int) -> dict[str, float] | str:
    """Return `measure` from a fresh process, or why there is nothing."""
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "benchmarks.bench_basis", "--one", name]
    command += ["--sizes", str(size), "--dtype", dtype, "--batch", str(batch)]
    # ASPIRE writes a log folder where it is imported
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
        result = subprocess.run(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
    if result.returncode:
        return result.stderr.strip().splitlines()[-1][:60]
    figures: dict[str, float] = json.loads(result.stdout.strip().splitlines()[-1])
    return figures


def row(name: str, size: int, dtype: str, batch: int) -> list[str]:
    """Return one row of the table."""
    head = [str(size), dtype, name]
    if size > LARGEST.get(name, size):
        return [*head, "not built", *[""] * 5]
    # the slowest at large sizes, with fewer images
    slow = name == "FLEBasis2D" and size > 128
    figures = in_a_process(name, size, dtype, max(1, batch // 10) if slow else batch)
    if isinstance(figures, str):
        return [*head, figures, *[""] * 5]
    return [
        *head,
        f"{figures['count']:.0f}",
        f"{figures['build']:.2f}",
        f"{figures['memory']:.0f}",
        f"{1e3 * figures['evaluate_t']:.2f}",
        f"{1e3 * figures['evaluate']:.2f}",
        f"{figures['round trip']:.1e}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[65, 128, 256])
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--implementations", nargs="+", choices=OURS + ASPIRE)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(measure(options.one, options.sizes[0], options.dtype, options.batch)))
        return
    present = OURS + ASPIRE if importlib.util.find_spec("aspire") else OURS[:1]
    names = options.implementations or present
    print_environment()
    header = ["L", "dtype", "basis", "functions", "build s", "peak MB"]
    header += ["evaluate_t ms/image", "evaluate ms/image", "round-trip error"]
    print_table(header, [row(name, size, options.dtype, options.batch) for size in options.sizes for name in names])


if __name__ == "__main__":
    main()
