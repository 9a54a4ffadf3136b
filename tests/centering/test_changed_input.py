"""An input that is replaced while a command is at work ends it with one sentence, and nothing is written."""

import os
import shutil
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import dataset, write_cs

from centering.cli import main
from centering.io.cryosparc import CsFile
from centering.io.mrc import MrcStack
from centering.io.star import StarFile
from centering.tools.convert import to_cs

RUN = ["--estimator", "mass", "--no-report", "-j", "1", "--batch-size", "4", "--out", "out"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a project folder with 12 particles as .star, .cs and stack, with origins, classes and coordinates."""
    monkeypatch.chdir(tmp_path)
    path, simulation = dataset(tmp_path, 12)
    star = StarFile.read(path).with_origins(simulation.displacement, np.full(12, 1.5))
    zeros = ["0.0"] * 12
    columns = {"rlnClassNumber": ["1"] * 12, "rlnAnglePsi": zeros, "rlnCoordinateX": zeros, "rlnCoordinateY": zeros}
    star = star.with_columns(star.particles, columns)
    star.write(path)
    to_cs(star).write("particles.cs")
    shutil.copy("stack.mrcs", "averages.mrcs")
    return tmp_path


def reorder():
    """Give the rows of the .cs file another order: the same length, and the time of the last change put back."""
    state = Path("particles.cs").stat()
    write_cs("particles.cs", CsFile.read("particles.cs").table[::-1])
    os.utime("particles.cs", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert Path("particles.cs").stat().st_size == state.st_size


def rewrite(name="stack.mrcs"):
    """Write other pixels into a stack of the same length."""
    with mrcfile.open(name, "r+") as file:
        file.data[:] = file.data[::-1].copy()


def edit():
    """Change the voltage in the STAR file, and put the time of the last change back."""
    state = Path("particles.star").stat()
    path = Path("particles.star")
    old = path.read_bytes()
    path.write_bytes(old.replace(b"300.0", b"200.0", 1))
    assert path.read_bytes() != old
    os.utime("particles.star", ns=(state.st_atime_ns, state.st_mtime_ns))


def vanish():
    """Remove the STAR file."""
    Path("particles.star").unlink()


def disturbed(monkeypatch, arguments, change):
    """Run a command, and let something change once the first image, or the first table, is read."""
    done = []

    def after(function):
        def read(*arguments, **options):
            result = function(*arguments, **options)
            if not done:
                done.append(True)
                change()
            return result

        return read

    with monkeypatch.context() as patch:
        if arguments[0] in ("convert", "extract-coordinates") or arguments[:3:2] == ["classes", "particles.star"]:
            patch.setattr(StarFile, "read", after(StarFile.read))
        else:
            patch.setattr(MrcStack, "read", after(MrcStack.read))
        result = CliRunner().invoke(main, arguments)
    assert done
    return result


@pytest.mark.parametrize(
    ("arguments", "change", "name"),
    [
        (["run", "particles.cs", *RUN], reorder, "particles.cs"),
        (["run", "particles.cs", *RUN, "--write-stack"], rewrite, "stack.mrcs"),
        (["run", "particles.star", *RUN], edit, "particles.star"),
        (["run", "particles.star", *RUN], vanish, "particles.star"),
        (["run", "stack.mrcs", *RUN], rewrite, "stack.mrcs"),
        (["apply", "particles.star", "--out", "out"], edit, "particles.star"),
        (["apply", "particles.cs", "--out", "out"], rewrite, "stack.mrcs"),
        (["classes", "averages.mrcs", "particles.star", "--estimator", "mass", "--out", "out"], edit, "particles.star"),
        (
            ["classes", "averages.mrcs", "particles.cs", "--estimator", "mass", "--out", "out"],
            lambda: rewrite("averages.mrcs"),
            "averages.mrcs",
        ),
        (["convert", "particles.star", "out.cs"], edit, "particles.star"),
        (["convert", "particles.star", "out.cs", "--into", "particles.cs"], reorder, "particles.cs"),
        (["extract-coordinates", "particles.star", "--mic-angpix", "1.5", "--out", "out.star"], edit, "particles.star"),
    ],
)
def test_it_is_one_sentence_and_nothing_is_written(project, monkeypatch, arguments, change, name):
    before = sorted(path.name for path in project.iterdir())
    result = disturbed(monkeypatch, arguments, change)
    assert result.exit_code == 2, result.output
    [line] = [line for line in result.stderr.splitlines() if not line.startswith(("note: ", "warning: "))]
    assert line.startswith("Error: ")
    assert f"{name}' has changed since the work began; nothing was written, give the command again" in line
    assert sorted(path.name for path in project.iterdir()) == [one for one in before if Path(one).exists()]
    if change is not vanish:
        again = CliRunner().invoke(main, arguments)
        assert again.exit_code == 0, again.output


def test_a_watch_centers_it_anew(project, monkeypatch):
    Path("in").mkdir()
    shutil.move("stack.mrcs", "in/stack.mrcs")
    command = ["watch", "in", "--out", "live", "--estimator", "mass", "-j", "1", "--settle", "0.05"]
    command += ["--interval", "0.02", "--until-idle", "0.3"]
    result = disturbed(monkeypatch, command, lambda: rewrite("in/stack.mrcs"))
    assert result.exit_code == 0, result.output
    assert "stack.mrcs: left alone: 'in/stack.mrcs' has changed since the work began" in result.stderr
    assert "stopped: 1 stack with 12 particles done\n" in result.stdout
    found = Path("live/particles.star").read_bytes()
    shutil.rmtree("live")
    assert CliRunner().invoke(main, command).exit_code == 0
    assert Path("live/particles.star").read_bytes() == found
