"""A STAR file of a million rows: read, origins set, written; time and memory.

python -m benchmarks.bench_star [--rows 1000000] [--out DIR]
"""

from __future__ import annotations

from benchmarks.common import parser, print_environment, print_table, save  # isort: skip  (before numpy)

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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

CHILD = """
import sys
import numpy as np
from centering.io.star import StarFile
star = StarFile.read(sys.argv[1])
sizes = star.numbers(star.optics, "rlnImagePixelSize")
groups = star.numbers(star.particles, "rlnOpticsGroup").astype(int)
shift = np.random.default_rng(0).normal(size=(len(groups), 2))
star.with_origins(shift, sizes[groups - 1]).write(sys.argv[2])
"""

# A child's peak is at least the memory of the process that it comes from: let that be a small one.
WATCH = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
child = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
seconds = time.perf_counter() - start
if child.returncode:
    sys.exit(f"exit code {child.returncode}: {child.stderr.decode()}")
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def write_rows(path: Path, rows: int) -> None:
    with path.open("w") as file:
        file.write(HEAD)
        for k in range(rows):
            stack = k // 200
            name = f"Movies/mic{stack:06d}.mrc"
            file.write(
                f"{k % 4000:12.6f} {k % 3700:12.6f} {15000 + k % 9000:12.6f} {15100 + k % 9000:12.6f} {k % 180:12.6f} "
                f"{k % 200 + 1:06d}@Extract/job012/{name}s MotionCorr/job002/{name} "
                f"{stack % 2 + 1:12d}     0.000000     0.000000 \n"
            )


def measured(command: Sequence[str | Path]) -> tuple[float, float]:
    """Run a command; return its wall-clock seconds and its peak resident memory in MB."""
    words = [sys.executable, "-c", WATCH, *(str(word) for word in command)]
    seconds, kilobytes = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    return seconds, kilobytes / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    words = parser(__doc__)
    words.add_argument("--rows", type=int, default=1_000_000)
    options = words.parse_args(arguments)
    if options.quick:
        options.rows = 1000
    with tempfile.TemporaryDirectory() as name:
        source, target = Path(name, "in.star"), Path(name, "out.star")
        write_rows(source, options.rows)
        size = source.stat().st_size / 1e6
        seconds, memory = measured([sys.executable, "-c", CHILD, source, target])
    print_environment()
    print_table(
        ["STAR file", "MB", "read, origins set, written", "peak memory"],
        [[f"{options.rows} rows", f"{size:.0f}", f"{seconds:.1f} s", f"{memory:.0f} MB"]],
    )
    save(options.out, "star", {"rows": options.rows, "megabytes": size, "seconds": seconds, "peak_MB": memory})


if __name__ == "__main__":
    main()
