"""What a run writes opens in RELION, ASPIRE and our own commands, wherever the run was made and wherever it lies."""

import os
from pathlib import Path

import field
import mrcfile
import numpy as np
import processes
import pytest
from field import centering, images, particles, write_mrc, write_star

from centering.io.star import StarFile

RUN = ("--radius", 12, "--no-report")


@pytest.fixture(params=["relative to the project", "relative to the file", "absolute"])
def project(request, tmp_path):
    """A project whose STAR file names its stack in one of three ways."""
    home = tmp_path / "project"
    write_mrc(home / "Extract/job012/stack.mrcs", images())
    folder = home / "Extract/job012"
    name = {
        "relative to the project": "Extract/job012/stack.mrcs",
        "relative to the file": "stack.mrcs",
        "absolute": folder / "stack.mrcs",
    }[request.param]
    write_star(folder / "particles.star", particles(str(name)))
    return home


def centred(data):
    """Return how far from the centre pixel the objects are at most."""
    axis = np.arange(data.shape[-1]) - data.shape[-1] // 2
    mass = data.sum(axis=(1, 2))[:, None]
    return np.abs(np.stack([data.sum(axis=2) @ axis, data.sum(axis=1) @ axis], axis=1) / mass).max()


@pytest.mark.parametrize("start", ["the project", "the folder of the file", "elsewhere"])
def test_results_open_from_where_they_lie(relion, project, monkeypatch, start, tmp_path):
    aspire = pytest.importorskip("aspire.source", reason="ASPIRE is not installed")
    here = {"the project": project, "the folder of the file": project / "Extract/job012", "elsewhere": tmp_path}[start]
    monkeypatch.chdir(here)
    star = os.path.relpath(project / "Extract/job012/particles.star")
    assert centering("run", star, "--out", "centered", *RUN).code == 0
    results = (here / "centered/particles.star").absolute()
    monkeypatch.chdir(tmp_path.parent)
    # ourselves, in place and moved
    assert centering("apply", results, "--out", tmp_path / "moved").code == 0
    moved = tmp_path / "moved/recentered.star"
    assert centred(mrcfile.read(tmp_path / "moved/recentered.mrcs").astype(np.float64)) < 0.1
    assert centering("apply", moved, "--out", tmp_path / "again").code == 0
    # ASPIRE, by the folder of the file, which knows our columns not
    for path in (results, moved):
        source = aspire.RelionSource(str(path))
        assert source.n == field.COUNT
        pixels = source.images[:2].asnumpy()
        assert pixels.std() > 0.01
    # RELION
    arguments = ["relion_stack_create", "--i", results, "--o", tmp_path / "r", "--apply_transformation"]
    result = processes.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert centred(mrcfile.read(tmp_path / "r.mrcs").astype(np.float64)) < 0.1


def test_particles_of_class_averages_open_from_where_they_lie(project, monkeypatch):
    star = project / "Extract/job012/particles.star"
    write_mrc(project / "averages.mrcs", images()[:1])
    table = particles(StarFile.read(star).names[0].rpartition("@")[2], rlnClassNumber=1, rlnAnglePsi=0.0)
    write_star(star, table)
    monkeypatch.chdir(project)
    name = "Extract/job012/particles.star"
    given = ("classes", "averages.mrcs", name, "--radius", 12)
    assert centering(*given, "--out", "recentered").code == 0
    kept = centering(*given, "--out", "kept", "--keep-names")
    assert kept.code == 0
    names = StarFile.read("kept/particles.star").names
    before = StarFile.read(name).names
    assert names == before or before[0].startswith("000001@stack")  # else it would lead nowhere from here
    monkeypatch.chdir(project.parent)
    assert centering("apply", project / "recentered/particles.star", "--out", "moved").code == 0


def test_names_of_a_project_stay_where_that_is_asked(project, monkeypatch):
    monkeypatch.chdir(project)
    before = StarFile.read("Extract/job012/particles.star").names
    assert centering("run", "Extract/job012/particles.star", "--out", "centered", *RUN, "--keep-names").code == 0
    after = StarFile.read("centered/particles.star").names
    if before[0].startswith("000001@stack"):  # not relative to the project: it would lead nowhere from here
        before = [name.replace("@", f"@{project}/Extract/job012/") for name in before]
    assert after == before


@pytest.mark.parametrize("folder", ["job", "job@home"])
def test_names_of_the_stack_that_was_read_where_a_name_fits_two(tmp_path, monkeypatch, folder):
    for place in ("project", "elsewhere"):
        write_mrc(tmp_path / place / folder / "stack.mrcs", images())
    write_star(tmp_path / "project/particles.star", particles(f"{folder}/stack.mrcs"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert centering("run", "../project/particles.star", "--out", "out", *RUN).warns("fits two files")
    assert StarFile.read("out/particles.star").names[0] == f"000001@{tmp_path}/elsewhere/{folder}/stack.mrcs"


def test_particles_of_classes_open_from_where_they_lie(tmp_path, monkeypatch):
    write_mrc(tmp_path / "job/stack.mrcs", images())
    write_mrc(tmp_path / "averages.mrcs", images()[:2])
    rows = particles("job/stack.mrcs", rlnClassNumber=1, rlnAnglePsi=0.0, centeringFlags="none")
    rows[3]["rlnImageName"] = "000004@gone/stack.mrcs"  # images are not read
    write_star(tmp_path / "particles.star", rows)
    monkeypatch.chdir(tmp_path)
    given = ("classes", "averages.mrcs", "particles.star", "--radius", 12, "--estimator", "mass")
    assert centering(*given, "--out", "out").warns("centeringFlags", "stay")
    names = StarFile.read("out/particles.star").names
    assert (names[0], names[3]) == (f"000001@{tmp_path}/job/stack.mrcs", "000004@gone/stack.mrcs")
    assert centering(*given, "--out", "kept", "--keep-names").code == 0
    assert StarFile.read("kept/particles.star").names == StarFile.read("particles.star").names


def test_relion_selects_by_what_a_run_thinks(relion, tmp_path, monkeypatch):
    """The score stands in RELION's own column; it keeps ours, which it does not know."""
    monkeypatch.chdir(tmp_path)
    write_mrc("stack.mrcs", np.concatenate([images()[:8], np.zeros((4, 64, 64), np.float32)]))
    write_star("particles.star", particles())
    assert centering("run", "particles.star", "--out", "out", *RUN).code == 0
    table = field.table()
    score = table["rlnParticleFigureOfMerit"].to_numpy(np.float64)
    limit = np.median(score)
    handler = ["relion_star_handler", "--i", "out/particles.star", "--o", "selected.star"]
    select = ["--select", "rlnParticleFigureOfMerit", "--minval", str(limit)]
    result = processes.run([*handler, *select], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    selected = field.table("selected.star")
    assert selected["rlnImageName"].tolist() == table["rlnImageName"][score >= limit].tolist()
    assert selected["centeringFlags"].tolist() == table["centeringFlags"][score >= limit].tolist()
    assert table["centeringFlags"].tolist()[8:] == ["flat"] * 4


def test_a_figure_of_merit_of_somebody_else_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_mrc("stack.mrcs", images())
    write_star("particles.star", particles(rlnParticleFigureOfMerit=0.25))
    assert centering("run", "particles.star", "--out", "out", *RUN).code == 0
    assert set(field.table()["rlnParticleFigureOfMerit"]) == {0.25}
    assert "centeringScore" in field.table().columns
    assert Path("out/particles.star").exists()
