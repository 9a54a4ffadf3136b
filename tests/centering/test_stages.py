"""A command names what it is at; compiling is named, and no particle is said to have taken the time of it."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time
from pathlib import Path

import numpy as np
import processes
import pytest
from click.testing import CliRunner

from centering.cli import _stages, main
from centering.cli._stages import COMPILING, Stages
from centering.io.mrc import write_stack
from pswf.jit import jit

PROGRAM = Path(sys.executable).with_name("centering")


@pytest.fixture
def soon(monkeypatch):
    """Let a stage be named that takes a hundredth of a second."""
    monkeypatch.setattr(_stages, "_SOON", 0.01)
    monkeypatch.setattr(_stages, "_PATIENCE", 0.01)
    monkeypatch.setattr(_stages, "_AT_WORK", 0.0)


def fresh():
    """Return a kernel that is nowhere compiled yet, in no cache either."""

    @jit
    def kernel(x):
        total = 0.0
        for k in range(x):
            total += k / (k + 1.0)
        return total

    kernel._cache.disable()
    return kernel


def test_a_long_stage_is_named_and_a_short_one_is_not(soon, capsys):
    with Stages() as stages:
        stages.begin("reading", 0)
        update = stages.begin("centering", 4, then="drawing")
        update(0)
        update(3)
        time.sleep(0.2)
        assert capsys.readouterr().err == "centering\n"
        update(1)
        time.sleep(0.2)
    assert capsys.readouterr().err == "drawing\n"


def test_nothing_is_named_that_is_over_soon(capsys):
    with Stages() as stages:
        for words in ("reading", "learning"):
            stages.begin(words, 2)(2)
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_a_busy_machine_alone_does_not_name_the_first_stage(monkeypatch, capsys):
    """A file may still be refused then, in one sentence that stands alone; work, or a long wait, is named."""
    monkeypatch.setattr(_stages, "_PATIENCE", 0.01)
    with Stages() as stages:
        stages.begin("reading", 0)
        time.sleep(0.5)
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(_stages, "_TOO_LONG", 0.1)
        time.sleep(0.4)
        assert capsys.readouterr().err == "reading\n"


def test_a_stage_of_many_short_ones_is_named(monkeypatch, capsys):
    """However short each is: nobody waits for long without a word."""
    monkeypatch.setattr(_stages, "_SOON", 0.1)
    with Stages() as stages:
        for k in range(8):
            stages.begin(f"stage {k}", 2)
            time.sleep(0.06)
    assert 1 <= len(capsys.readouterr().err.splitlines()) <= 4


def test_where_nobody_watches_a_line_says_how_far_a_stage_has_come(monkeypatch, capsys):
    monkeypatch.setattr(_stages, "_SOON", 0.01)
    monkeypatch.setattr(_stages, "_PATIENCE", 0.01)
    monkeypatch.setattr(_stages, "_AT_WORK", 0.0)
    monkeypatch.setattr(_stages, "_SILENCE", 0.1)
    with Stages() as stages:
        update = stages.begin("centering", 40)
        update(0)
        for _ in range(3):
            update(10)
            time.sleep(0.12)
        stages.begin("learning the reference")
        time.sleep(0.25)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "centering"
    assert re.fullmatch(r"centering: [123]0 of 40, [\d.e+]+ per second, about \d s left", said[1])
    assert re.fullmatch(r"learning the reference: \d s so far", said[-1])
    time.sleep(0.15)
    assert capsys.readouterr().err == ""  # it has ended


def test_every_stage_has_its_time_and_they_add_up(monkeypatch):
    start = time.perf_counter()
    with Stages() as stages:
        for words in ("reading", "centering", "reading", "drawing"):
            stages.begin(words, 0)
            time.sleep(0.05)
    elapsed = time.perf_counter() - start
    assert list(stages.spent) == ["reading", "centering", "drawing"]
    assert stages.spent["reading"] >= 0.1
    assert sum(stages.spent.values()) == pytest.approx(elapsed, abs=0.02)


def test_compiling_is_named_and_kept_out_of_the_rate(soon, capsys):
    fresh()(3)  # numba itself gets ready
    kernel = fresh()
    with Stages() as stages:
        update = stages.begin("centering", 10)
        update(6)  # of an earlier run
        start = time.perf_counter()
        kernel(3)
        compiling = time.perf_counter() - start
        assert compiling > 0.02
        update(4)
        assert 0.5 * compiling < stages.compiled <= compiling
        assert stages.rate > 2 * 4 / compiling
        compiled = stages.compiled
        kernel(4)  # compiled already
        assert stages.compiled == compiled
    assert COMPILING in capsys.readouterr().err.splitlines()
    fresh()(3)
    assert stages.compiled == compiled  # nobody listens any more


def test_a_stage_can_be_entered_again(soon, capsys):
    stages = Stages()
    for _ in range(2):
        with stages:
            stages.begin("reading", 0)
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_a_stage_that_is_interrupted_as_it_begins_says_nothing_else(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    stages = Stages()
    stages._watched = True
    monkeypatch.setattr(_stages, "progress_bar", interrupted)  # Ctrl-C while the bar is loaded
    with pytest.raises(KeyboardInterrupt), stages:
        stages.begin("reading", 0)


@pytest.mark.parametrize("estimator", ["surrogate", "mass"])
def test_the_stages_of_a_run(tmp_path, monkeypatch, rng, estimator):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_stages, "_SOON", 0.0)
    monkeypatch.setattr(_stages, "_PATIENCE", 0.0)
    monkeypatch.setattr(_stages, "_AT_WORK", 0.0)
    write_stack("stack.mrcs", rng.standard_normal((60, 32, 32)).astype(np.float32))
    result = CliRunner().invoke(main, ["run", "stack.mrcs", "--radius", "8", "--estimator", estimator, "--out", "out"])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if line in ("reading", "centering", "drawing")]
    assert lines[-1] == "drawing"
    found = re.search(
        r"^time +([\d.]+) s: (.*\d s centering \(\d+ particles per second\).*)$", result.stdout, re.MULTILINE
    )
    parts = [float(part.split()[0]) for part in found[2].split(", ")]
    assert sum(parts) == pytest.approx(float(found[1]), abs=0.01)


def test_the_stages_of_a_run_on_a_terminal(tmp_path, rng):
    write_stack(tmp_path / "stack.mrcs", rng.standard_normal((60, 32, 32)).astype(np.float32))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    arguments = [PROGRAM, "run", "stack.mrcs", "--estimator", "mass", "--out", "out", "--no-report"]
    result = processes.run(
        arguments,
        cwd=tmp_path,
        stderr=theirs,
        stdout=processes.DEVNULL,
        timeout=120,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while part := terminal.read(4096):
                shown += part
        except OSError:  # how Linux says that nobody writes any more
            pass
    assert result.returncode == 0
    assert b"centering: 100%" in shown
    assert b"60/60" in shown
