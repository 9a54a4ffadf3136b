"""Runs commands in forks of one warm process, with the shim of ``fault_shim.c`` armed: see ``fault_injection``."""

import ctypes
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

KINDS = {"none": 0, "kill": 1, "enospc": 2, "eio": 3}
LIMIT = 120  # seconds for one command; this process itself was started with a limit, and its forks go with it


def child(task, log, words):
    """Run one command and leave; the number of operations is that of the lines in ``log``."""
    from centering.cli import main

    signal.alarm(LIMIT)
    if not task["draw"]:
        outline_figures()
    os.chdir(task["folder"])
    os.dup2(words, 1)
    os.dup2(words, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    shim = ctypes.CDLL(None)
    shim.fault_arm(os.fsencode(os.path.realpath(task["folder"])), KINDS[task["kind"]], task["place"], log)
    code = 1
    try:
        main(task["arguments"], prog_name="centering")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    shim.fault_disarm()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def outline_figures():
    """Let figures be files of some bytes: the operations are the same, and drawing is nine tenths of the time."""
    from matplotlib.figure import Figure

    from centering import plot

    def savefig(self, place, **options):
        if hasattr(place, "write"):
            place.write(b"a figure")
        else:
            Path(place).write_bytes(b"a figure")

    Figure.savefig = savefig
    plot.montage = plot.shift_histogram = lambda *arguments, **options: Figure()


def answer(task):
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as words:
        pid = os.fork()
        if not pid:
            child(task, log.fileno(), words.fileno())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        log.seek(0)
        words.seek(0)
        operations = log.read().decode(errors="replace").splitlines()
        return {"code": code, "operations": operations, "words": words.read().decode(errors="replace")}


def warm(arguments):
    """Load what the commands load, in this process, so that its forks need not."""
    from centering.cli import main

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        import numpy as np

        from centering import simulate
        from centering.io.mrc import write_stack

        write_stack("stack.mrcs", simulate.particles(20, 16, radius=3, max_shift=1, seed=1).images.astype(np.float32))
        for line in arguments:
            main(line, prog_name="centering", standalone_mode=False)
        os.chdir("/")


if __name__ == "__main__":
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the warm-up prints is not an answer
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    warm([["run", "stack.mrcs", "--estimator", "mass", "--out", "out", "--write-stack", "-j", "1"]])
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=replies, flush=True)
