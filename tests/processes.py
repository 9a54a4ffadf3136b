"""Processes that the tests start: each has a time limit, default signals and nothing to read.

Where the tests themselves are started in the background of a script, SIGINT is ignored and a child inherits
that: it would wait for ever for a Ctrl-C that does not reach it.  And where a child hangs, so would the tests.
``run`` and ``Popen`` stand for those of `subprocess` and take their options.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from subprocess import DEVNULL, PIPE, CompletedProcess

import pytest

__all__ = ["DEVNULL", "LIMIT", "PIPE", "CompletedProcess", "Popen", "run"]

LIMIT = 300.0  # seconds, most of them for a busy machine and for compiling
# SIGPIPE is Python's own affair: `subprocess` restores it
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def default_signals():
    """Let processes that start here have the default signals: ``exec`` resets what is handled, not what is ignored."""
    before = {one: signal.signal(one, signal.default_int_handler) for one in SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class Popen(subprocess.Popen):
    """A process that is killed with all that it started when its time is over or its ``with`` block fails."""

    def __init__(self, arguments, *, timeout=LIMIT, **options):
        self.limit, self.expired = timeout, False
        self._timer = threading.Timer(timeout, self._expire)
        self._timer.daemon = True
        with default_signals():
            # a group of its own, so that its children can be killed with it
            super().__init__(arguments, **{"stdin": DEVNULL, "start_new_session": True} | options)
        self._timer.start()

    def _expire(self):
        self.expired = True
        self.kill_all()

    def kill_all(self):
        """Kill the process and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            self.kill_all()
        super().__exit__(kind, value, traceback)
        self._timer.cancel()
        if kind is None:
            self.check_time()

    def check_time(self, *printed):
        """Fail the test if the time was over, and show what was printed so far."""
        if self.expired:
            shown = [one.decode(errors="replace") if isinstance(one, bytes) else one for one in printed if one]
            pytest.fail("\n".join([f"{self.args} took more than {self.limit:g} s and was killed", *shown]))


def run(arguments, *, timeout=LIMIT, check=False, capture_output=False, **options):
    """Run a process to its end; one that takes longer than ``timeout`` seconds fails the test with what it printed."""
    if capture_output:
        options |= {"stdout": PIPE, "stderr": PIPE}
    with Popen(arguments, timeout=timeout, **options) as process:
        out, err = process.communicate()
        process.check_time(out, err)
    if check and process.returncode:
        for text in filter(None, (out, err)):
            print(text if isinstance(text, str) else text.decode(errors="replace"))
        raise subprocess.CalledProcessError(process.returncode, process.args, out, err)
    return CompletedProcess(process.args, process.returncode, out, err)
