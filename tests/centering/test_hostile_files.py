"""Files from strangers: odd names, links, line ends and paths; results lie in --out and nothing else changes."""

import os
import sys
from pathlib import Path

import mrcfile
import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner
from datafiles import RADIUS, dataset, simulated, write_star
from disks import full_disk

from centering.cli import main
from centering.io.mrc import write_stack
from centering.io.star import StarFile

COUNT = 6


def command(*arguments):
    result = CliRunner().invoke(main, [os.fspath(one) if isinstance(one, Path) else str(one) for one in arguments])
    if result.exception is not None:
        raise result.exception
    return result


def center(source, out="out", *options):
    return command("run", source, "--radius", RADIUS, "--out", out, *options)


def snapshot(folder, but):
    """Return everything below a folder, links as what they point to, except what lies in ``but``."""
    found = {}
    for path in folder.rglob("*"):
        if but not in (path, *path.parents):
            content = path.read_bytes() if path.is_file() else b""
            found[path] = str(path.readlink()) if path.is_symlink() else content
    return found


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a project folder with a small dataset; there is something beside it."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    dataset(folder, COUNT)
    return folder


def test_windows_line_ends_give_the_same_results(project):
    center("particles.star")
    text = Path("particles.star").read_bytes()
    assert b"\r" not in text
    Path("windows.star").write_bytes(text.replace(b"\n", b"\r\n"))
    center("windows.star", "other")
    assert Path("other/particles.star").read_bytes() == Path("out/particles.star").read_bytes()
    assert Path("other/centers.csv").read_bytes() == Path("out/centers.csv").read_bytes()


def test_unknown_columns_and_tables_pass_through(project):
    columns = {"rlnFromTheFuture": ["x#1"] * COUNT, "myOwn": np.arange(COUNT)}
    write_star("particles.star", [f"{k}@stack.mrcs" for k in range(1, COUNT + 1)], **columns)
    with Path("particles.star").open("a") as file:
        file.write("\ndata_unheard_of\n\n_rlnOne 1\n\nloop_\n_rlnNothing\n")
    center("particles.star")
    old, new = StarFile.read("particles.star"), StarFile.read("out/particles.star")
    assert new.particles.columns[: len(old.particles.columns)] == old.particles.columns
    for label in old.particles.columns:
        expected = old.column(old.particles, label)
        if label == "rlnImageName":
            expected = [name.replace("@", f"@{project}/") for name in expected]
        assert expected == new.column(new.particles, label)
    # what follows the rows is the end of the file, byte for byte
    tail = "\ndata_unheard_of\n\n_rlnOne 1\n\nloop_\n_rlnNothing\n"
    assert Path("out/particles.star").read_text().endswith(tail)


@pytest.mark.parametrize("option", [(), ("--write-stack",)])
def test_paths_in_a_star_file_do_not_move_the_output(project, tmp_path, option):
    (tmp_path / "elsewhere").mkdir()
    Path("stack.mrcs").rename(tmp_path / "elsewhere/stack.mrcs")
    names = ["1@../elsewhere/stack.mrcs", f"2@{tmp_path}/elsewhere/stack.mrcs", "3@x/../../elsewhere/stack.mrcs"]
    Path("x").mkdir()
    write_star("particles.star", names)
    before = snapshot(tmp_path, project / "out")
    center("particles.star", "out", *option)
    command("apply", "out/particles.star", "--out", "out/applied")
    assert snapshot(tmp_path, project / "out") == before
    star = StarFile.read("out/particles.star")
    absolute = [f"{k}@{tmp_path}/elsewhere/stack.mrcs" for k in (1, 2, 3)]
    assert star.column(star.particles, "rlnImageName") == absolute


def test_names_that_are_not_utf_8(project):
    name = os.fsdecode(b"Z\xfcrich \xe9.mrcs")
    Path("stack.mrcs").rename(name)
    center(name)
    star = StarFile.read("out/particles.star")
    assert star.column(star.particles, "rlnImageName")[1] == f"000002@{project}/{name}"
    # as a stranger's STAR file has it, and through every command
    center("out/particles.star", "again", "--write-stack")
    command("apply", "again/particles.star", "--out", "moved")
    assert os.fsencode(name) in Path("again/centers.csv").read_bytes()
    assert "Z\ufffdrich" in Path("again/report.html").read_text(encoding="utf-8")
    np.testing.assert_allclose(mrcfile.read("again/recentered.mrcs"), mrcfile.read("moved/recentered.mrcs"), atol=1e-4)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape"])
def test_names_that_are_not_utf_8_can_be_printed(project, encoding):
    """On most desktops Python refuses to print such a name, which comes when the work is done."""
    name, program = os.fsdecode(b"Z\xfc"), Path(sys.executable).with_name("centering")
    for arguments in (
        ["run", "particles.star", "--radius", "9", "--out", name],
        ["apply", f"{name}/particles.star", "--out", f"{name}2"],
        ["convert", f"{name}/particles.star", f"{name}.cs"],
    ):
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        result = processes.run([program, *arguments], capture_output=True, env=environment, check=False)
        assert result.returncode == 0, result.stderr
        assert b"Z\xfc" in result.stdout


def test_folders_and_names_in_other_scripts(project):
    Path("粒子 données").mkdir()
    Path("stack.mrcs").rename("粒子 données/α.mrcs")
    write_star("粒子.star", [f"{k}@粒子 données/α.mrcs" for k in range(1, COUNT + 1)])
    center("粒子.star", "результаты", "--write-stack")
    table = starfile.read("результаты/recentered.star")["particles"]
    assert table["rlnImageName"].tolist()[0] == f"000001@{project}/результаты/recentered.mrcs"


def test_links_are_followed_and_never_replaced(project, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    Path("stack.mrcs").rename(store / "stack.mrcs")
    Path("particles.star").rename(store / "particles.star")
    Path("stack.mrcs").symlink_to(store / "stack.mrcs")
    Path("linked.star").symlink_to(store / "particles.star")
    (store / "results").mkdir()
    (store / "results" / "mine.txt").write_text("mine")
    (store / "results" / "summary.json").write_text("of another run")
    Path("out").symlink_to(store / "results")
    before = snapshot(tmp_path, store / "results")
    center("linked.star", "out", "--overwrite")
    assert Path("out").is_symlink()
    assert (store / "results" / "mine.txt").read_text() == "mine"
    assert (store / "results" / "particles.star").exists()
    assert snapshot(tmp_path, store / "results") == before


def test_a_link_where_a_result_goes_is_replaced_and_what_it_points_to_stays(project):
    Path("precious.txt").write_text("mine")
    Path("out").mkdir()
    Path("out/summary.json").symlink_to("../precious.txt")
    center("particles.star", "out", "--overwrite")
    assert Path("precious.txt").read_text() == "mine"
    assert not Path("out/summary.json").is_symlink()
    # a link to the input is more likely a mistake
    Path("out/particles.star").unlink()
    Path("out/particles.star").symlink_to("../particles.star")
    refused(project, "particles.star", "would overwrite its own input 'particles.star'")


def test_the_input_is_only_read(project):
    for path in ("stack.mrcs", "particles.star"):
        Path(path).chmod(0o444)
    states = {
        path: (Path(path).read_bytes(), Path(path).stat().st_mtime_ns) for path in ("stack.mrcs", "particles.star")
    }
    center("particles.star", "out", "--write-stack")
    for path, state in states.items():
        assert (Path(path).read_bytes(), Path(path).stat().st_mtime_ns) == state


def test_an_output_that_leads_to_the_input_is_refused(project):
    write_stack("recentered.mrcs", simulated(COUNT).images)
    write_star("p.star", [f"{k}@recentered.mrcs" for k in range(1, COUNT + 1)])
    Path("out").symlink_to(".")
    refused(project, "p.star", "would overwrite its own input 'recentered.mrcs'")


def refused(folder, source, words):
    before = snapshot(folder, folder / "none")
    result = CliRunner().invoke(main, ["run", source, "--radius", "9", "--out", "out", "--overwrite"])
    assert result.exit_code == 2
    assert words in result.stderr
    assert snapshot(folder, folder / "none") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "particles.star", "--radius", "9", "--out", "locked/out"],
        ["apply", "moved.star", "--out", "locked/out"],
        ["classes", "stack.mrcs", "moved.star", "--radius", "9", "--out", "locked/out"],
        ["extract-coordinates", "moved.star", "--mic-angpix", "1.5", "--out", "locked/picks.star"],
        ["convert", "moved.star", "locked/moved.cs"],
        ["watch", ".", "--radius", "9", "--out", "locked/out"],
        ["demo", "--out", "locked/out"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_read_only_folder_is_one_sentence_for_every_command(project, arguments):
    zeros = dict.fromkeys(
        ("rlnOriginXAngst", "rlnOriginYAngst", "rlnAnglePsi", "rlnCoordinateX", "rlnCoordinateY"), 0.0
    )
    names = [f"{k}@stack.mrcs" for k in range(1, COUNT + 1)]
    write_star("moved.star", names, **zeros, rlnClassNumber=range(1, COUNT + 1), rlnMicrographName="m.mrc")
    place = project / "locked"
    full_disk(place, "1m")
    try:
        processes.run(["mount", "-o", "remount,ro", place], check=True)
        before = snapshot(project, project / "none")
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2, result.output
        sentence = result.stderr.splitlines()[-1]
        assert sentence.startswith("Error: ")
        assert "Read-only file system" in sentence
        assert "locked/" in sentence
        assert snapshot(project, project / "none") == before
    finally:
        processes.run(["umount", place], check=True)
