"""Folders of results under odd names and beside odd neighbours: nothing of others is lost, nothing goes astray."""

import os
import shutil
import sys
from pathlib import Path

import processes
import pytest
from click.testing import CliRunner
from datafiles import dataset

from centering.cli import main
from centering.io.output_folder import withdraw

PROGRAM = Path(sys.executable).with_name("centering")
RUN = ("run", "particles.star", "--estimator", "mass", "--no-report", "-j", "1", "--out")
OTHER = 54321

only_root = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root, to make files of another user"
)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path, 4)


def command(*arguments, code=0):
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output + result.stderr
    if code == 2:
        assert len(result.stderr.splitlines()) == 1
    return result


def state():
    """Return every path below the current folder, with the content of files."""
    return {path: path.read_bytes() if path.is_file() else b"" for path in Path().rglob("*")}


@pytest.mark.parametrize("option", [(), ("--overwrite",), ("--resume",)])
@pytest.mark.parametrize("name", ["junk", "finished", "journal", "results"])
def test_a_hidden_folder_of_somebody_else_is_not_emptied(name, option):
    place = Path(".out.partial")
    (place / "dir").mkdir(parents=True)
    (place / "dir" / "thesis").write_text("mine")
    (place / name).write_text("{")
    before = state()
    words = command(*RUN, "out", *option, code=2).stderr
    assert ".out.partial', where the work would be done, is not of this program; remove it" in words
    assert state() == before


def test_nor_one_in_the_folder_itself():
    Path("out/inner").mkdir(parents=True)  # so that the folder cannot be exchanged
    Path("out/.partial").mkdir()
    Path("out/.partial/thesis").write_text("mine")
    command(*RUN, "out", "--overwrite", code=2)
    assert Path("out/.partial/thesis").read_text() == "mine"
    assert not Path("out/particles.star").exists()


@pytest.mark.parametrize("made", ["file", "link"])
def test_nor_what_is_no_folder(made):
    Path("elsewhere").mkdir()
    if made == "file":
        Path(".out.partial").write_text("mine")
    else:
        Path(".out.partial").symlink_to("elsewhere")
    before = state()
    command(*RUN, "out", code=2)
    assert state() == before


def test_a_lock_that_is_a_link_is_not_written_through():
    Path("precious").write_text("mine")
    Path(".out.partial").mkdir()
    Path(".out.partial/lock").symlink_to("../precious")
    command(*RUN, "out", code=2)
    assert Path("precious").read_text() == "mine"


@only_root
def test_a_working_folder_of_another_user_is_not_worked_in():
    """In a folder such as /tmp others can make it before we do, and put links into it while we work."""
    Path(".out.partial").mkdir()
    Path(".out.partial/lock").touch()
    os.chown(".out.partial", OTHER, OTHER)
    words = command(*RUN, "out", code=2).stderr
    assert "belongs to another user" in words
    assert not Path("out").exists()


def test_an_empty_one_of_a_process_killed_at_once_is_used():
    Path(".out.partial").mkdir()
    command(*RUN, "out")
    assert not Path(".out.partial").exists()
    assert Path("out/particles.star").exists()


def test_up_again_from_a_folder_that_does_not_exist_is_refused():
    before = state()
    words = command(*RUN, "nowhere/../out", code=2).stderr
    assert "'nowhere/../out' leads through 'nowhere', which is no folder; give it without '..'" in words
    assert state() == before


def test_up_again_from_a_link_is_where_the_system_says():
    Path("far/deep").mkdir(parents=True)
    Path("near").symlink_to("far/deep")
    Path("out").mkdir()
    Path("out/particles.star").write_text("of another run")
    command(*RUN, "near/../out", "--overwrite")
    assert Path("out/particles.star").read_text() == "of another run"
    assert Path("far/out/particles.star").exists()


def test_only_what_was_written_is_said_to_be():
    Path("out").mkdir()
    Path("out/notes").write_text("mine")
    Path("out/summary.json").write_text("of another run")
    words = command(*RUN, "out", "--overwrite").output
    assert "particles.star" in words
    assert "notes" not in words


def test_a_closed_standard_error_is_no_reason_to_stop():
    shell = shutil.which("sh")
    processes.run([shell, "-c", 'exec "$@" 2>&-', "sh", PROGRAM, *RUN, "out"], check=True, capture_output=True)
    assert Path("out/particles.star").exists()


def test_withdrawn_results_leave_nothing_behind():
    command(*RUN, "out")
    before = state()
    withdraw(Path("out"))
    assert state() == {path: content for path, content in before.items() if path.parts[0] != "out"}
    command(*RUN, "out")
    assert state() == before
