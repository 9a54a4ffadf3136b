"""STAR files of a million rows: read, origins set, written; time and memory, beside those of gemmi.

python -m benchmarks.bench_star [--rows 1000000] [--out DIR]

Seconds are those of the processor, of whole processes, and medians.
"""

from __future__ import annotations

from benchmarks.common import parser, print_environment, print_table, save  # isort: skip  (before numpy)

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HEAD = """# version 30001

data_optics

loop_
_rlnOpticsGroup #1
_rlnImagePixelSize #2
1 1.31
2 0.85

# version 30001

data_particles

loop_
_rlnCoordinateX #1
_rlnCoordinateY #2
_rlnDefocusU #3
_rlnDefocusV #4
_rlnDefocusAngle #5
_rlnImageName #6
_rlnMicrographName #7
_rlnOpticsGroup #8
_rlnOriginXAngst #9
_rlnOriginYAngst #10
"""

MORE = {
    **dict.fromkeys(("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnPhaseShift"), "{0:12.6f}"),
    **dict.fromkeys(
        ("rlnAutopickFigureOfMerit", "rlnCtfBfactor", "rlnCtfScalefactor", "rlnNormCorrection"), "{1:12.6f}"
    ),
    **dict.fromkeys(("rlnMaxValueProbDistribution", "rlnCtfMaxResolution", "rlnCtfFigureOfMerit"), "{1:12.6f}"),
    "rlnLogLikeliContribution": "{0:12.6e}",
    **dict.fromkeys(("rlnClassNumber", "rlnNrOfSignificantSamples", "rlnRandomSubset", "rlnGroupNumber"), "{2:12d}"),
}
"""What a refinement adds: 16 columns, of k % 360 - 180, k % 7 / 7 and k % 50."""

CENTERING = """
import sys
import numpy as np
from centering.io.star import StarFile
star = StarFile.read(sys.argv[1])
sizes = star.numbers(star.optics, "rlnImagePixelSize")
groups = star.numbers(star.particles, "rlnOpticsGroup").astype(int)
shift = np.random.default_rng(0).normal(size=(len(groups), 2))
star.with_origins(shift, sizes[groups - 1]).write(sys.argv[2])
"""

GEMMI = """
import sys
import numpy as np
from gemmi import cif
star = cif.read(sys.argv[1])
particles = star.find_block("particles")
sizes = np.array(list(star.find_block("optics").find_loop("_rlnImagePixelSize")), dtype=float)
groups = np.array(list(particles.find_loop("_rlnOpticsGroup")), dtype=int)
shift = np.random.default_rng(0).normal(size=(len(groups), 2))
for label, values in zip("YX", (-shift * sizes[groups - 1, None]).T.tolist()):
    column = particles.find_loop(f"_rlnOrigin{label}Angst")
    for row, value in enumerate(values):
        column[row] = f"{value:.6f}"
star.write_file(sys.argv[2])
"""

# A child's peak is at least the memory of the process that it comes from: let that be a small one.
WATCH = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
child = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
seconds = time.perf_counter() - start
if child.returncode:
    sys.exit(f"exit code {child.returncode}: {child.stderr.decode()}")
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, used.ru_maxrss, used.ru_utime + used.ru_stime]))
"""


def write_rows(path: Path, rows: int, more: Mapping[str, str]) -> None:
    """Write a file of ten columns and ``more``, each a label and how it is formatted."""
    columns = "".join(f" {one}" for one in more.values())
    with path.open("w") as file:
        file.write(HEAD + "".join(f"_{label} #{k}\n" for k, label in enumerate(more, 11)))
        for k in range(rows):
            stack = k // 200
            name = f"Movies/mic{stack:06d}.mrc"
            file.write(
                f"{k % 4000:12.6f} {k % 3700:12.6f} {15000 + k % 9000:12.6f} {15100 + k % 9000:12.6f} {k % 180:12.6f} "
                f"{k % 200 + 1:06d}@Extract/job012/{name}s MotionCorr/job002/{name} "
                f"{stack % 2 + 1:12d}     0.000000     0.000000{columns.format(k % 360 - 180, k % 7 / 7, k % 50)} \n"
            )


def measured(command: Sequence[str | Path]) -> tuple[float, float]:
    """Run a command; return its wall-clock seconds and its peak resident memory in MB."""
    return used(command)[:2]


def used(command: Sequence[str | Path]) -> tuple[float, float, float]:
    """Run a command; return what `measured` returns, and the processor's seconds."""
    words = [sys.executable, "-c", WATCH, *(str(word) for word in command)]
    seconds, kilobytes, processor = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    return seconds, kilobytes / 1024, processor


def case(rows: int, more: Mapping[str, str], times: int) -> dict[str, float]:
    """Return columns, megabytes, and of each program the median of seconds and the peak memory."""
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "in.star"), Path(name, "out.star")
        write_rows(source, rows, more)
        found: dict[str, float] = {"columns": 10 + len(more), "megabytes": source.stat().st_size / 1e6}
        programs = {"centering": CENTERING, "gemmi": GEMMI}
        runs = {
            program: [used([sys.executable, "-c", text, source, target]) for _ in range(times)]
            for program, text in programs.items()
        }
    for program, each in runs.items():
        found[program] = statistics.median(seconds for _, _, seconds in each)
        found[f"{program}_MB"] = statistics.median(memory for _, memory, _ in each)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    words = parser(__doc__)
    words.add_argument("--rows", type=int, default=1_000_000)
    options = words.parse_args(arguments)
    if options.quick:
        options.rows = 1000
    cases = [case(options.rows, more, 1 if options.quick else 5) for more in ({}, MORE)]
    print_environment()
    print(f"{options.rows} rows: read, origins set, written")
    print_table(HEADER, [row(one) for one in cases])
    first = {"megabytes": cases[0]["megabytes"], "seconds": cases[0]["centering"], "peak_MB": cases[0]["centering_MB"]}
    save(options.out, "star", {"rows": options.rows, **first, "cases": cases})


HEADER = ["columns", "MB", "processor: s", "gemmi: s", "ratio", "peak memory: MB", "gemmi: MB"]


def row(one: Mapping[str, float]) -> list[str]:
    """Return the row of a `HEADER` table."""
    seconds = [f"{one['centering']:.2f}", f"{one['gemmi']:.2f}", f"{one['centering'] / one['gemmi']:.2f}"]
    return [
        str(one["columns"]),
        f"{one['megabytes']:.0f}",
        *seconds,
        f"{one['centering_MB']:.0f}",
        f"{one['gemmi_MB']:.0f}",
    ]


if __name__ == "__main__":
    main()
