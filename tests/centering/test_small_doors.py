"""What a first user meets: folders of others, a search without room, a comparison that is kept."""

import csv
from pathlib import Path

import field
import numpy as np
import pytest
from field import centering, images, write_mrc

from centering.io.atomic import check_output_folder
from centering.io.opening import open_particles
from centering.runs.prepare import prepare
from centering.tools.comparison import OUTPUTS, compare_centers, comparison_figure


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in an empty project folder, with a stack."""
    monkeypatch.chdir(tmp_path)
    write_mrc("stack.mrcs", images())


def test_a_folder_of_others_is_not_written_into():
    Path("thesis").mkdir()
    Path("thesis/chapter1.tex").write_text("all")
    result = centering("run", "stack.mrcs", "--radius", 12, "--out", "thesis", "--overwrite")
    assert result.code == 2
    assert "'chapter1.tex'" in result.err
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter1.tex"]


@pytest.mark.parametrize("name", ["chapter1.tex", "centered"])
def test_the_demonstration_is_not_written_among_files_of_others(name):
    Path("thesis").mkdir()
    Path("thesis", name).mkdir()
    result = centering("demo", "--out", "thesis", "--overwrite")
    assert result.code == 2
    assert f"'thesis' holds '{name}'" in result.err
    assert [path.name for path in Path("thesis").iterdir()] == [name]


@pytest.mark.parametrize("names", [[], ["summary.json", "notes.txt"], ["job.star", "run.out"], [".hidden"]])
def test_an_empty_folder_one_of_ours_and_a_job_of_relion_may_be_written_into(names):
    Path("out").mkdir()
    for name in names:
        Path("out", name).touch()
    check_output_folder("out", owned=["summary.json"], overwrite=True)


@pytest.mark.parametrize("shift", ["0", "0.5"])
def test_a_search_without_room_is_refused(shift):
    result = centering("run", "stack.mrcs", "--radius", 12, "--max-shift", shift, "--out", "out")
    assert result.refused
    assert "--max-shift" in result.err


def test_a_comparison_is_kept_where_that_is_asked():
    result = centering("compare", "stack.mrcs", "--radius", 12, "-e", "surrogate", "-e", "mass", "--out", "kept")
    assert result.code == 0
    assert sorted(path.name for path in Path("kept").iterdir()) == sorted(OUTPUTS)
    with Path("kept/comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["estimator"] for row in rows] == ["surrogate", "mass"]
    assert rows[0]["to mass"] == rows[1]["to surrogate"]
    assert f"{float(rows[0]['to mass']):.2f}" in result.out
    assert centering("compare", "stack.mrcs", "--radius", 12, "-e", "mass", "--out", "kept").code == 2


def test_the_picture_of_a_comparison_shows_its_numbers():
    from centering.results import Centers

    rng = np.random.default_rng(1)
    found = {name: Centers(rng.normal(size=(9, 2)), np.ones(9), np.zeros(9, np.int64)) for name in ("one", "two")}
    comparison = compare_centers(found, rng.normal(size=(9, 2)))
    shown = {text.get_text() for text in comparison_figure(comparison).axes[0].texts}
    assert shown == {f"{value:.2f}" for value in (comparison.disagreement[0, 1], *comparison.error[:, 0])}


def test_page_and_terminal_name_the_estimator_in_words():
    result = centering("run", "stack.mrcs", "--radius", 12, "--max-shift", 20, "--out", "out")
    assert result.code == 0
    assert "estimator  surrogate centre, max_shift=20, radius=12 px" in result.out.splitlines()
    head = Path("out/report.html").read_text().partition("</header>")[0]
    assert "surrogate centre, max_shift=20" in head
    assert "SurrogateCenter(" not in head
    assert field.found().shape == (field.COUNT, 2)


@pytest.mark.parametrize(("name", "words"), [("watch.json", "centering watch"), ("mine.txt", "no results")])
def test_nothing_is_written_into_the_folder_of_somebody_else(name, words):
    """That of a watch has a particles.star, too, which it collects."""
    Path("out").mkdir()
    Path("out", name).write_text("{}")
    there = {name, "particles.star"} if name == "watch.json" else {name}
    for other in there - {name}:
        Path("out", other).write_text("collected")
    for command in (["run", "stack.mrcs", "--radius", "4"], ["demo"]):
        result = centering(*command, "--out", "out", "--overwrite")
        assert result.code == 2
        assert words in result.err
    assert {path.name for path in Path("out").iterdir()} == there


def test_what_is_not_asked_for_is_not_in_the_name_of_the_estimator():
    particles = open_particles("stack.mrcs")
    assert prepare(particles, radius=12, search=None, max_shift=7.5).title.endswith(", max_shift=7.5")
    learned = prepare(particles, estimator="radial-reference", radius=12, phase_flip=False, prior="flat")
    assert learned.title == "radial reference, prior=flat"
