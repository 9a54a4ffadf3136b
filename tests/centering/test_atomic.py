"""Files that appear when they are complete: what a failed or killed writer leaves, and who removes it."""

import os
import sys
from pathlib import Path

import click
import processes
import pytest
from click.testing import CliRunner
from datafiles import write_star

from centering.cli._common import Commands
from centering.io import atomic, publishing
from centering.io.atomic import remove_dead, replacing
from centering.io.output_folder import OutputFolder

LEAVES = """
import os, signal, sys
from centering.io.atomic import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def leave(path):
    """Let a process die while it writes a file; return the name of what it leaves."""
    before = set(Path(path).parent.iterdir())
    result = processes.run([sys.executable, "-c", LEAVES, path], check=False, timeout=60)
    assert result.returncode == -9
    [left] = set(Path(path).parent.iterdir()) - before
    return left


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes(tmp_path):
    left = leave(tmp_path / "a.star")
    with replacing(tmp_path / "b.star") as temporary:
        assert not left.exists()
        remove_dead(tmp_path)  # not our own
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["b.star"]


def test_what_is_not_ours_or_is_alive_or_elsewhere_stays(tmp_path):
    left = leave(tmp_path / "a.star")
    _, host, process, _ = left.name.split("-")
    alive = f".centering-{host}-{os.getppid()}-00000000.partial"
    elsewhere = f".centering-{'0' * 8}-{process}-00000000.partial"
    others = [alive, elsewhere, ".a.partial", "centering.partial", f".centering-{host}-x-00000000.partial"]
    for name in others:
        (tmp_path / name).touch()
    remove_dead(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_the_number_of_a_dead_process_may_be_ours(tmp_path):
    """In a container every process may have the number 7."""
    left = leave(tmp_path / "a.star")
    _, host, _, rest = left.name.split("-")
    left.rename(tmp_path / f".centering-{host}-{os.getpid()}-{rest}")
    remove_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []


def fail(path, error):
    path.write_text("half")
    raise error


def test_a_failed_writer_removes_its_own(tmp_path):
    (tmp_path / "a").write_text("old")
    for kind in (KeyboardInterrupt, OSError):
        with pytest.raises(kind), replacing(tmp_path / "a") as temporary:
            fail(temporary, kind)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        pass  # nothing was written
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}
    assert not atomic._ours


def test_a_name_of_the_greatest_length_can_be_written(tmp_path):
    path = tmp_path / ("x" * 250 + ".star")
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_words_that_cannot_be_written_are_one_sentence(tmp_path):
    write_star(tmp_path / "a.star", ["1@stack.mrcs"])
    program = Path(sys.executable).with_name("centering")
    with Path("/dev/full").open("w") as full:
        command = [program, "convert", "a.star", "b.cs"]
        result = processes.run(
            command, cwd=tmp_path, stdout=full, stderr=processes.PIPE, text=True, check=False, timeout=60
        )
    assert result.returncode != 0
    assert result.stderr.startswith("Error: standard output cannot be written: No space left on device\n")
    assert "Traceback" not in result.stderr
    assert (tmp_path / "b.cs").exists()


def test_a_file_that_fails_outside_of_a_command_is_not_taken_for_standard_output(tmp_path):
    @click.group(cls=Commands)
    def group():
        pass

    @group.command()
    def look():
        (tmp_path / "gone").read_text()

    result = CliRunner().invoke(group, ["look"])
    assert result.exit_code == 2
    assert result.stderr == f"Error: No such file or directory: {str(tmp_path / 'gone')!r}\n"


@pytest.mark.parametrize("step", range(4))
def test_ctrl_c_does_not_end_the_clearing_up(tmp_path, monkeypatch, step):
    remove, steps = publishing._remove_one, iter(range(100))

    def interrupted(path):
        if next(steps) == step:
            raise KeyboardInterrupt
        remove(path)

    monkeypatch.setattr(publishing, "_remove_one", interrupted)
    with pytest.raises(KeyboardInterrupt), OutputFolder(tmp_path / "out", owned=["a"]) as folder:
        (folder.results / "a").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "a").read_text() == "whole"
