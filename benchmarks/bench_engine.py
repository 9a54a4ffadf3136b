"""``centering run`` on large stacks against a loop that only reads them; memory; one thread against two.

python -m benchmarks.bench_engine [--count 10000] [--many 50000] [--folder DIR] [--out DIR]
"""

from __future__ import annotations

from benchmarks.common import parser, print_environment, print_table, save  # isort: skip  (before numpy)

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np

from benchmarks.bench_scaling import stack
from benchmarks.bench_star import measured
from centering.engine.estimate import estimate
from centering.engine.job import Job
from centering.estimators.surrogate import SurrogateCenter
from centering.io.mrc import create_stack, write_images
from centering.io.opening import open_particles
from centering.runs.prepare import prepare

SIZE, RADIUS = 256, 60
ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).with_name("centering")

LOOP = """
import sys
import mrcfile
with getattr(mrcfile, sys.argv[2])(sys.argv[1], permissive=True) as file:
    for image in file.data:
        image.min(), image.mean()
"""


def write_particles(path: Path, count: int) -> None:
    """Write a stack in which the same 200 noisy particles, or fewer, come again and again."""
    images = stack(min(200, count), SIZE, RADIUS)
    create_stack(path, count, SIZE, 1.5)
    for start in range(0, count, len(images)):
        part = images[: count - start]
        write_images(path, SIZE, np.arange(start, start + len(part)), part)


def forget(path: Path) -> None:
    """Drop a file from the page cache, so that it comes from the disk."""
    file = os.open(path, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def best(command: Sequence[str | Path], source: Path, *, cold: bool, times: int) -> tuple[float, float]:
    """Return the shortest time and the largest memory of several runs."""
    runs = []
    for _ in range(times):
        if cold:
            forget(source)
        runs.append(measured(command))
    return min(run[0] for run in runs), max(run[1] for run in runs)


def compute_bound(path: Path, count: int) -> Job:
    """Return a job in which computing is nearly all: the method maps."""
    particles = open_particles(path).select(np.arange(count))
    plain = prepare(particles, radius=RADIUS, invert="no")
    return Job(particles, [SurrogateCenter(RADIUS, method="maps")], plain.members, plain.radius, plain.contrast)


def two_workers(path: Path, count: int = 160, times: int = 5) -> dict[str, float]:
    """Return the median seconds that one and two threads take, and two processes at once that share nothing.

    The processes are the limit of the machine: what both cores together give where no thread waits for another.
    """
    job = compute_bound(path, count)
    estimate(job, jobs=2, batch=1)  # tables, compiled code
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(times):
        for jobs in (1, 2):
            start = time.perf_counter()
            estimate(job, jobs=jobs, batch=4)
            seconds[str(jobs)].append(time.perf_counter() - start)
    command = [sys.executable, "-m", "benchmarks.bench_engine", "--alone", str(path), "--count", str(count)]
    apart = [Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT) for _ in range(2)]
    seconds["apart"] = []
    for _ in range(times):
        for process in apart:
            process.stdin.write("go\n")
            process.stdin.flush()
        seconds["apart"].append(max(float(process.stdout.readline()) for process in apart))
    for process in apart:
        process.communicate()
    return {name: sorted(several)[times // 2] for name, several in seconds.items()}


def alone(path: Path, count: int) -> None:
    """Do the job of `two_workers` with one thread for every line read; print the seconds."""
    job = compute_bound(path, count)
    estimate(job, jobs=1, batch=4)
    for _ in sys.stdin:
        start = time.perf_counter()
        estimate(job, jobs=1, batch=4)
        print(time.perf_counter() - start, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    words = parser(__doc__)
    words.add_argument("--count", type=int, default=10_000, help="particles of 256 x 256 pixels")
    words.add_argument("--many", type=int, default=50_000, help="particles of the second run; 0 leaves it out")
    words.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    words.add_argument("--folder", type=Path, help="where the stacks are made and deleted again")
    options = words.parse_args(arguments)
    if options.alone:
        alone(options.alone, options.count)
        return
    if options.quick:
        options.count, options.many = 40, 80
    rows, results = [], {}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        source = Path(name, "particles.mrcs")
        write_particles(source, options.count)
        workers = two_workers(source, *((8, 1) if options.quick else (min(160, options.count), 5)))
        run = [PROGRAM, "run", source, "--radius", str(RADIUS), "-j", "2", "--out", Path(name, "out"), "--overwrite"]
        mass = [*run, "--estimator", "mass"]
        loop = [sys.executable, "-c", LOOP, source]
        for cold in (True,) if options.quick else (True, False):
            state = "from disk" if cold else "from memory"
            for label, command in {
                "loop, mrcfile.open": [*loop, "open"],
                "loop, mrcfile.mmap": [*loop, "mmap"],
                "centering run": run,
                "centering run --estimator mass": mass,
            }.items():
                results[f"{label}, {state}"] = best(command, source, cold=cold, times=1 if options.quick else 3)
            opened, mapped = (results[f"loop, mrcfile.{way}, {state}"][0] for way in ("open", "mmap"))
            for label, (seconds, memory) in results.items():
                if label.endswith(state):
                    ratios = [f"{seconds / opened:.2f}", f"{seconds / mapped:.2f}"]
                    rows.append([f"{options.count}", label, f"{seconds:.2f}", *ratios, f"{memory:.0f}"])
        if options.many:
            write_particles(source, options.many)
            seconds, memory = measured(run)
            results["centering run, many"] = seconds, memory
            few = results["centering run, from disk"][1]
            rows.append([f"{options.many}", "centering run", f"{seconds:.2f}", "", "", f"{memory:.0f}"])
    print_environment()
    print(f"particles of {SIZE} x {SIZE} float32, R = {RADIUS}, two threads; whole programs, best of three\n")
    print_table(["particles", "what", "s", "to mrcfile.open", "to mrcfile.mmap", "peak MB"], rows)
    if options.many:
        print(f"\npeak memory, {options.many} to {options.count} particles: {100 * (memory / few - 1):+.1f} %")
    one, two = workers["1"], workers["2"]
    print(f"\nmethod maps, 1 to 2 threads: {one:.2f} s to {two:.2f} s, {one / two:.2f} times")
    print(
        f"two processes that share nothing, at once: {2 * one / workers['apart']:.2f} times, the limit of this machine"
    )
    runs = {label: {"seconds": seconds, "peak_MB": memory} for label, (seconds, memory) in results.items()}
    save(options.out, "engine", {"runs": runs, "workers": workers, "count": options.count, "many": options.many})


if __name__ == "__main__":
    main()
