"""What is left of a run that did nothing, readers that go away, and words that say what the user gave."""

import errno
import os
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from datafiles import dataset
from processes import PIPE, Popen

from centering.cli import main
from centering.cli.compare import compare
from centering.io import publishing

PROGRAM = Path(sys.executable).with_name("centering")
RUN = ["run", "particles.star", "--estimator", "mass", "--no-report", "--out"]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path, 4)


def interrupted(journal):
    Path(".out.partial/results").mkdir(parents=True)
    Path(".out.partial/lock").touch()
    Path(".out.partial/journal").write_bytes(journal)


@pytest.mark.parametrize("torn", [b'{"files"', b'{"files": {}}\n', b'{"files": {}}\n\x05\x00\x00'])
def test_a_run_that_finished_nothing_is_in_nobodys_way(torn):
    assert CliRunner().invoke(main, [*RUN, "given"]).exit_code == 0
    commands = [
        [*RUN, "out"],
        [*RUN, "out", "--resume"],
        ["apply", "given/particles.star", "--out", "out"],
    ]
    for command in commands:
        interrupted(torn)
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, (command, result.output)
        assert not Path(".out.partial").exists()
        for path in Path("out").iterdir():
            path.unlink()
        Path("out").rmdir()


def test_what_another_process_puts_where_the_lock_was_stays(monkeypatch):
    place = Path(".out.partial")
    interrupted(b"")
    unlink, appeared = Path.unlink, []

    def then_another(path, missing_ok=False):
        unlink(path, missing_ok=missing_ok)
        if path.name == "lock" and not appeared:  # the moment it is free
            appeared.append(path)
            path.write_text("another process")
            (place / "journal").write_text("its work")

    monkeypatch.setattr(Path, "unlink", then_another)
    publishing.abandon(place)
    assert (place / "lock").read_text() == "another process"
    assert (place / "journal").read_text() == "its work"


@pytest.mark.parametrize("closed", ["at once", "after a line"])
def test_a_reader_that_goes_away_is_no_failure_of_a_run_that_is_complete(closed):
    reading, writing = os.pipe()
    if closed == "at once":
        os.close(reading)
    with Popen([PROGRAM, *RUN, "out"], stdout=writing, stderr=PIPE, timeout=60) as process:
        os.close(writing)
        if closed != "at once":
            with os.fdopen(reading, "rb", buffering=0) as file:
                file.read(1)
        _, words = process.communicate()
    assert process.returncode == 0, words
    assert b"Traceback" not in words
    assert b"Error" not in words
    assert Path("out/particles.star").exists()


def test_a_name_that_is_too_long_is_the_one_that_was_given():
    longest = os.pathconf(".", "PC_NAME_MAX")
    for length in (longest - 3, longest + 10):
        name = "x" * length
        result = CliRunner().invoke(main, [*RUN, name])
        assert result.exit_code == 2
        assert re.search(rf"'x{{{length}}}'$", result.stderr.strip())
        assert ".partial" not in result.stderr
        assert os.strerror(errno.ENAMETOOLONG) in result.stderr


def test_the_parts_of_the_time_add_up():
    result = CliRunner().invoke(main, [*RUN, "out"])
    line = next(line for line in result.stdout.splitlines() if line.startswith("time"))
    total, *parts = re.findall(r"([\d.]+) s\b", line)
    assert len(parts) >= 2
    assert float(total) == pytest.approx(sum(map(float, parts)), abs=0.11)


def test_every_command_has_the_same_default_number_of_threads():
    helps = {}
    for name in ("run", "compare", "watch"):
        option = next(one for one in main.commands[name].params if one.name == "jobs")
        helps[name] = option.help, option.default
    assert compare.name == "compare"
    assert len(set(helps.values())) == 1
    assert "one per processor" in helps["run"][0]
