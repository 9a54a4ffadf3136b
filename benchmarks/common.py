"""What every benchmark shares: one thread, medians after a warm-up, a table, and the environment.

Import this module before numpy: the numerical libraries read their thread limits when they are loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

THREADS = os.environ.setdefault("OMP_NUM_THREADS", "1")
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = THREADS


def environment() -> dict[str, str]:
    """Return what the timings depend on: processor, threads, system and versions."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].split(":")[1].strip() if models else processor
    packages = {name: version(name) for name in ("numpy", "scipy", "numba", "pswf-centering")}
    return {
        "processor": f"{processor}, {os.cpu_count()} CPUs, {THREADS} thread(s) used",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {number}" for name, number in packages.items()),
    }


def median_time(call: Callable[[], object], *, seconds: float = 1.0, least: int = 5) -> float:
    """Return the median duration of ``call`` in seconds, after one call to warm up.

    At least ``least`` calls are timed, and more until ``seconds`` have passed.
    """
    call()
    times: list[float] = []
    while len(times) < least or sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = (header, ["-" * width for width in widths], *rows)
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in lines
    )


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a `markdown_table`."""
    print(markdown_table(header, rows))


def print_environment() -> None:
    """Print `environment`, one line each."""
    for name, value in environment().items():
        print(f"{name}: {value}")
    print()


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows ``--out``, the folder for JSON and plots, and ``--quick``."""
    result = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    result.add_argument("--out", type=Path, default=RESULTS, metavar="DIR", help="folder for JSON and plots")
    result.add_argument("--quick", action="store_true", help="small cases: a look at whether it runs")
    return result


def save(folder: Path, name: str, results: Any) -> None:
    """Write ``results`` with the environment as ``name.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"environment": environment(), "results": results}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
