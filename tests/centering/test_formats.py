"""A file format of an outside distribution: installed, found by its entry point, used from the command line."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from datafiles import RADIUS, SIZE, simulated
from installed import EXTENSIONS, install
from processes import run

from centering.io.mrc import MrcStack, write_stack
from centering.io.star import StarFile

COUNT, PIXEL = 6, 1.5
CENTERING = [sys.executable, "-c", "import sys; from centering.cli import main; sys.exit(main(prog_name='centering'))"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site")
    install("format", target)
    return target


@pytest.fixture
def project(tmp_path, monkeypatch, packages):
    """Write a stack and ``list.csv``, whose centres are wrong; return the simulation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.fspath(packages))
    simulation = simulated(COUNT)
    write_stack("stack.mrcs", simulation.images)
    fields = ["stack", "image", "row", "column", "pixel_size", "defocus", "class", "psi", "remark"]
    rows = [["stack.mrcs", k, 1.0, -2.0, PIXEL, 1e4 + k, 1 + k % 2, 90.0, f"no. {k}"] for k in range(COUNT, 0, -1)]
    with Path("list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([fields, *rows])
    return simulation


def command(*words, code=0):
    done = run([*CENTERING, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def table(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def centres(path):
    return np.array([[float(row["row"]), float(row["column"])] for row in table(path)])


def test_run_writes_its_results_in_the_format_too_and_apply_reads_them(project):
    said = command("run", "list.csv", "--estimator", "mass", "--radius", RADIUS, "--out", "out", "--no-report")
    assert f"{PIXEL} A (from the CSV file)" in said.stdout
    assert "placeholders" not in said.stderr  # the defocus came with a microscope
    found = centres("out/particles.csv")
    star = StarFile.read("out/particles.star")
    np.testing.assert_allclose(star.displacements(np.full(COUNT, PIXEL)), found, atol=1e-4)
    np.testing.assert_allclose(star.numbers(star.particles, "rlnDefocusU"), np.arange(COUNT, 0, -1) + 1e4)
    assert np.abs(found - project.displacement[::-1]).max() < 2
    assert [row["remark"] for row in table("out/particles.csv")] == [f"no. {k}" for k in range(COUNT, 0, -1)]
    command("apply", "out/particles.csv", "--out", "moved", "--whole-pixels")
    moved = MrcStack.open("moved/recentered.mrcs").read(np.arange(COUNT))
    whole = np.trunc(found + np.copysign(0.5, found)).astype(int)
    for image, old, (row, column) in zip(moved, project.images[::-1], whole.tolist(), strict=True):
        inner = slice(SIZE // 4, -SIZE // 4)
        rolled = np.roll(old, (-row, -column), (0, 1))
        np.testing.assert_allclose(image[inner, inner], rolled[inner, inner], atol=1e-6)
    # a second run replaces all that the first one owns
    command("run", "list.csv", "--estimator", "mass", "--out", "out", "--no-report", "--overwrite")


def test_classes_and_convert_know_it(project):
    write_stack("averages.mrcs", simulated(2, seed=3).images, PIXEL)
    command("classes", "averages.mrcs", "list.csv", "--estimator", "mass", "--out", "out")
    shifts = np.array([[float(row["row_px"]), float(row["column_px"])] for row in table("out/classes.csv")])
    c = shifts[[k % 2 for k in range(COUNT, 0, -1)]]
    # psi is 90 degrees: o' = o - R^T c with (x, y), so that d' = (row, column) + (-x, y) of c
    expected = np.add([1.0, -2.0], np.stack([-c[:, 1], c[:, 0]], axis=1))
    np.testing.assert_allclose(centres("out/particles.csv"), expected, atol=2e-4)
    command("convert", "out/particles.csv", "as.star")
    command("convert", "as.star", "back.csv")
    np.testing.assert_allclose(centres("back.csv"), centres("out/particles.csv"), atol=1e-4)
    command("convert", "list.csv", "as.cs")
    shift = np.load("as.cs")["alignments2D/shift"]
    np.testing.assert_allclose(shift, np.tile([2.0, -1.0], (COUNT, 1)))


def test_learning_asks_it_for_transfer_functions(project):
    code = "from centering.io.opening import open_particles; from centering.runs.learning import transfer_functions"
    code += "; ctf, words = transfer_functions(open_particles('list.csv')); print(len(ctf), words)"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.startswith("6 defocus")


BAD = {
    "image": ("number", "'list.csv' cannot be read as a CSV list of particles: KeyError: 'image'"),
    "-2.0": ("left", "'list.csv' cannot be read as a CSV list of particles: could not convert string to float"),
    "stack.mrcs": ("gone.mrcs", "stack 'gone.mrcs' named in 'list.csv' was not found"),
    "1.5": ("-1.5", "'list.csv' gives a pixel size of -1.5 Angstrom"),
    ",-2": (",nan", "'list.csv' cannot be read as a CSV list of particles: could not convert string to float: 'nan.0'"),
    ",-2.0": (",nan", "'list.csv' holds a shift of nan pixels"),
}
ALL = """
import json, sys
from pathlib import Path
from click.testing import CliRunner
from centering.cli import main
text, found = Path("list.csv").read_text(), []
for old, new in json.loads(sys.argv[1]) + [[text.partition("\\n")[2], ""]]:
    Path("list.csv").write_text(text.replace(old, new))
    result = CliRunner().invoke(main, ["run", "list.csv", "--estimator", "mass", "--out", "out", "--no-report"])
    found.append([result.exit_code, result.stderr, Path("out").exists()])
print(json.dumps(found))
"""


def test_names_that_nobody_could_read_are_not_written(project):
    text = Path("list.csv").read_text()
    Path("list.csv").write_text(text.replace("stack.mrcs,1,", "stack.mrcs,0,"))
    said = command("convert", "list.csv", "as.star", code=2).stderr
    assert "'000000@stack.mrcs'" in said
    assert not Path("as.star").exists()


def test_whatever_is_wrong_with_a_file_is_one_sentence(project):
    given = json.dumps([[old, new] for old, (new, _) in BAD.items()])
    done = run([sys.executable, "-c", ALL, given], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = [words for _, words in BAD.values()] + ["'list.csv' lists no particles"]
    for (code, stderr, written), words in zip(json.loads(done.stdout), expected, strict=True):
        assert (code, written) == (2, False)
        assert stderr.startswith(f"Error: {words}")
        assert len(stderr.splitlines()) == 1


def test_a_format_that_cannot_be_loaded_is_named_when_it_is_asked_for(project, tmp_path, monkeypatch):
    info = tmp_path / "site" / "odd_formats-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-formats\nVersion: 1.0\n")
    points = {"odd": "not_there:FORMAT", "none": "math:pi", "star": "math:pi", "../up": "math:pi", "csv": "math:pi"}
    (info / "entry_points.txt").write_text("[centering.formats]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    monkeypatch.setenv("PYTHONPATH", os.fspath(tmp_path / "site"))
    for name, words in (("odd", "ModuleNotFoundError: No module named 'not_there'"), ("none", "math:pi is a float")):
        Path(f"p.{name}").write_text("")
        said = command("run", f"p.{name}", "--out", "out", code=2).stderr
        assert said.startswith(f"Error: the format '{name}' of the package 'odd-formats' cannot be used: {words}")
        assert len(said.splitlines()) == 1
    Path("p.txt").write_text("")
    assert (
        "give a .star, .cs, .mrcs, .mrc, .csv, .none or .odd file"
        in command("run", "p.txt", "-o", "out", code=2).stderr
    )
    command("run", "stack.mrcs", "--estimator", "mass", "--out", "out", "--no-report")  # which needs none of them


def test_a_distribution_that_cannot_be_read_does_not_stop_the_others(tmp_path, monkeypatch, packages):
    info = tmp_path / "site" / "malformed-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: malformed\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[centering.formats]\nodd\nno equals sign = math:pi\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{packages}")
    code = "from centering.io.formats import in_words; print(in_words())"
    said = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == ".star, .cs, .mrcs, .mrc or .csv\n"


def test_several_formats_of_one_suffix_look_into_the_file(project, tmp_path, monkeypatch, packages):
    for number in (1, 2):
        info = tmp_path / "site" / f"other{number}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: other{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[centering.formats]\ncsv = other{number}:FORMAT\n")
        (tmp_path / "site" / f"other{number}.py").write_text(
            f"""from dataclasses import replace
from particles_csv import FORMAT as FIRST
FORMAT = replace(FIRST, name="number {number}", recognise=lambda path: b"other{number}" in path.read_bytes())"""
        )
    monkeypatch.setenv("PYTHONPATH", f"{packages}{os.pathsep}{tmp_path / 'site'}")
    for n, words in enumerate(["", "other1", "other2", "other1 other2"]):
        Path(f"{n}.csv").write_text(f"{words}\n")
    code = "from centering.io.formats import format_of"
    code += "; print(*(format_of(f'{n}.csv').name for n in (0, 1, 2, 9)), sep='; ')"
    said = run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "a CSV list of particles; number 1; number 2; a CSV list of particles\n"
    assert "which several packages read" in command("run", "3.csv", "--out", "out", code=2).stderr


def test_the_page_shows_the_example_as_it_is():
    page = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
    for name in ("particles_csv.py", "pyproject.toml"):
        assert (EXTENSIONS / "format" / name).read_text(encoding="utf-8").strip() in page


@pytest.mark.parametrize("module", ["io", "tools", "runs", "engine", "aspire"])
def test_the_library_names_arguments_and_not_options(module):
    """Only the commands know what is typed; `centering.sentence` lets them say it."""
    for path in (Path(__file__).parents[2] / "centering" / module).glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]  # docstrings
        words = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        said = [one.value for one in words if one not in alone and re.search(r"(^|[ (])--[a-z]", one.value)]
        assert not said, path.name
