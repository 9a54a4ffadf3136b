"""Whole-image bases: build, transforms and accuracy, against ASPIRE-Python's classes in the same run.

python -m benchmarks.bench_basis [--sizes 128 256] [--dtype float32] [--threads 2] [--out DIR]

Every implementation runs in a process of its own, so that its memory can be told, on all processors by default.
"""

from __future__ import annotations

from benchmarks.common import median_time, parser, print_environment, print_table, save  # isort: skip  (before numpy)

import argparse
import importlib.util
import json
import os
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
HEADER = ("L", "dtype", "basis", "functions", "build s", "peak MB", "evaluate_t ms/image", "evaluate ms/image",
          "round-trip error")  # fmt: skip
# beyond these ASPIRE's classes need minutes and many gigabytes to build
LARGEST = {"PSWFBasis2D": 128, "FPSWFBasis2D": 128, "FFBBasis2D": 256, "FLEBasis2D": 256}


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


def peak_memory(*, reset: bool = False) -> float:
    """Return the peak resident memory of this process in MB, since the last reset; NaN where Linux does not tell.

    `resource` would tell the peak of the parent too, which a new process inherits.
    """
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(name: str, size: int, dtype: str, batch: int) -> dict[str, float]:
    """Return the figures of one implementation, measured in this process."""
    rng = np.random.default_rng(0)
    # imports and compiled code are not part of the basis
    _, small = transforms(name, 16, dtype)
    small["evaluate"](small["expand"](rng.standard_normal((2, 16, 16)).astype(dtype)))
    before = peak_memory(reset=True)
    start = time.perf_counter()
    basis, functions = transforms(name, size, dtype)
    build = time.perf_counter() - start
    memory = peak_memory() - before
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


def in_a_process(name: str, size: int, dtype: str, batch: int, threads: int) -> dict[str, Any]:
    """Return `measure` from a fresh process, or why there is nothing."""
    if size > LARGEST.get(name, size):
        return {"failure": "not built"}
    command = [sys.executable, "-m", "benchmarks.bench_basis", "--one", name]
    command += ["--sizes", str(size), "--dtype", dtype, "--batch", str(batch)]
    root = Path(__file__).resolve().parent.parent
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    # ASPIRE writes a log folder where it is imported
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            command, cwd=folder, env=os.environ | limits | {"PYTHONPATH": path}, capture_output=True, text=True
        )
    if result.returncode:
        return {"failure": result.stderr.strip().splitlines()[-1]}
    figures: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return figures


def row(result: dict[str, Any]) -> list[str]:
    """Return one row of the table."""
    head = [str(result["size"]), result["dtype"], result["name"]]
    if "failure" in result:
        return [*head, result["failure"][:60], *[""] * 5]
    return [
        *head,
        f"{result['count']:.0f}",
        f"{result['build']:.2f}",
        f"{result['memory']:.0f}",
        f"{1e3 * result['evaluate_t']:.2f}",
        f"{1e3 * result['evaluate']:.2f}",
        f"{result['round trip']:.1e}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    known = parser(__doc__)
    known.add_argument("--sizes", type=int, nargs="+", default=[65, 128, 256, 512], help="sides of the images")
    known.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    known.add_argument("--batch", type=int, default=100, help="images per call")
    known.add_argument("--threads", type=int, default=os.cpu_count(), help="of every implementation")
    known.add_argument("--implementations", nargs="+", choices=OURS + ASPIRE)
    known.add_argument("--one", help=argparse.SUPPRESS)
    options = known.parse_args(arguments)
    if options.one:
        print(json.dumps(measure(options.one, options.sizes[0], options.dtype, options.batch)))
        return
    if options.quick:
        options.sizes, options.batch, options.implementations = [16], 2, OURS[:1]
    present = OURS + ASPIRE if importlib.util.find_spec("aspire") else OURS[:1]
    results = []
    for size in options.sizes:
        for name in options.implementations or present:
            # the slowest at large sizes, with fewer images
            batch = max(1, options.batch // 10) if name == "FLEBasis2D" and size > 128 else options.batch
            figures = in_a_process(name, size, options.dtype, batch, options.threads)
            results.append({"size": size, "dtype": options.dtype, "name": name, "batch": batch} | figures)
    print_environment()
    print(f"{options.threads} threads in each process\n")
    print_table(HEADER, [row(result) for result in results])
    save(options.out, f"basis_{options.dtype}", results)


if __name__ == "__main__":
    main()
