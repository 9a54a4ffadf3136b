"""Whose pixel: the size of the micrographs that coordinates are in, from every place that says it."""

import re
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from centering.cli import main
from centering.io.micrographs import Micrographs, micrograph_sizes
from centering.io.star import StarFile
from centering.tools.coordinates import recenter_coordinates

PARTICLE = 2.0


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in a project folder with the micrograph mics/a.mrc of 1.25 A, and mics/none.mrc which says nothing."""
    monkeypatch.chdir(tmp_path)
    Path("mics").mkdir()
    for name, size in (("a", 1.25), ("none", 0.0), ("one", 1.0), ("fine", 0.5)):
        with mrcfile.new(f"mics/{name}.mrc", np.zeros((4, 6), dtype=np.float32)) as file:
            file.voxel_size = size


def particles(optics="", columns="", mic="mics/a.mrc", path="p.star", size=f"rlnImagePixelSize {PARTICLE}"):
    """Write two particles with the origins (+20, -10) A; return the file."""
    groups = [one.split() for one in ("rlnOpticsGroup 1", *f"{size},{optics}".split(",")) if one]
    found = "data_optics\n\nloop_\n" + "".join(f"_{label}\n" for label, _ in groups)
    found += " ".join(value for _, value in groups) + "\n\ndata_particles\n\nloop_\n"
    rows = [
        one.split()
        for one in (
            "rlnImageName {}@s.mrcs", "rlnOpticsGroup 1", "rlnCoordinateX 150", "rlnCoordinateY 260",
            "rlnOriginXAngst 20", "rlnOriginYAngst -10", f"rlnMicrographName {mic}" if mic else "", *columns.split(","),
        )
        if one
    ]  # fmt: skip
    found += "".join(f"_{label}\n" for label, _ in rows)
    found += "".join(" ".join(value for _, value in rows).format(k) + "\n" for k in (1, 2))
    Path(path).write_text(found)
    return StarFile.read(path)


def micrographs(rows, optics="", path="mics.star"):
    """Write a STAR file of micrographs."""
    found = f"data_optics\n\nloop_\n{optics}\n\n" if optics else ""
    Path(path).write_text(f"{found}data_micrographs\n\nloop_\n{rows}\n")
    return path


def sizes_of(star, **options):
    found = micrograph_sizes(star, np.full(2, PARTICLE), **options)
    assert found.sizes.shape == (2,)
    assert np.ptp(found.sizes) == 0
    return found.sizes[0], found.source, found.warnings


MOVIE = "rlnMicrographOriginalPixelSize"
OPTICS = "_rlnOpticsGroup\n_rlnMicrographOriginalPixelSize\n_rlnMicrographPixelSize\n1 0.5 1.25\n2 0.5 1.0"
ROWS = "_rlnMicrographName\n_rlnOpticsGroup\nmics/a.mrc 1\nmics/b.mrc 2"


def test_each_source_in_its_turn():
    nothing = {"mic": "mics/gone.mrc"}
    assert sizes_of(particles(f"{MOVIE} 0.5"))[:2] == (1.25, "from the headers of the micrographs")
    stated = f"{MOVIE} 0.5,rlnMicrographPixelSize 1.25"
    assert sizes_of(particles(stated, **nothing)) == (1.25, "from rlnMicrographPixelSize", [])
    assert sizes_of(particles("", "rlnMicrographPixelSize 1.25", **nothing))[0] == 1.25
    listed = micrographs(ROWS, OPTICS)
    for star in (particles(stated), particles(), particles(f"{MOVIE} 0.5", mic="mics/b.mrc")):
        assert sizes_of(star, micrographs=listed)[1] == "from mics.star"
    assert sizes_of(star, micrographs=listed)[0] == 1.0
    assert sizes_of(particles(stated), micrographs=listed, given=0.7) == (0.7, "given", [])
    # neither movies nor particles are binned: nor is what lies between
    assert sizes_of(particles(f"{MOVIE} {PARTICLE}", **nothing))[0] == PARTICLE


@pytest.mark.parametrize(
    ("star", "words"),
    [
        ({"optics": f"{MOVIE} 0.5", "mic": "mics/gone.mrc"}, "OriginalPixelSize 0.5 is that of the movies"),
        ({"optics": f"{MOVIE} 0.5", "mic": "mics/gone.mrc"}, "the micrograph 'mics/gone.mrc' was not found"),
        ({"optics": f"{MOVIE} 0.5", "mic": "mics/none.mrc"}, "'mics/none.mrc' has no header that says it"),
        ({"mic": ""}, "it does not name them (rlnMicrographName)"),
        ({"mic": "p.star"}, "the micrograph 'p.star' has no header that says it"),
    ],
)  # fmt: skip
def test_the_movies_are_never_taken_and_nothing_is_guessed(star, words):
    particles(**star)
    result = CliRunner().invoke(main, ["extract-coordinates", "p.star", "--out", "out.star"])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: 'p.star' does not say the pixel size of the micrographs")
    assert words in result.stderr
    assert result.stderr.endswith("give it (--mic-angpix), or their STAR file (--micrographs)\n")
    assert not Path("out.star").exists()


@pytest.mark.parametrize(
    ("star", "options", "words"),
    [
        ({"optics": f"{MOVIE} 1.5"}, {}, "says 1.5 Angstrom per pixel for movies .* the header .*'mics/a.mrc' 1.25"),
        ({"mic": "mics/a.mrc", "size": "rlnImagePixelSize 0.5"}, {}, "says 0.5 .* for particles, .* 1.25"),
        (
            {"optics": "rlnMicrographPixelSize 1.0"},
            {"micrographs": "mics.star"},
            "says rlnMicrographPixelSize 1, and 'mics.star' 1.25 Angstrom",
        ),
        (
            {"optics": "rlnMicrographPixelSize 1.0", "columns": "rlnMicrographPixelSize 1.25"},
            {},
            "says rlnMicrographPixelSize 1 in data_optics and 1.25 with a particle",
        ),
        ({"optics": "rlnMicrographPixelSize 0"}, {}, "gives micrographs of 0 Angstrom per pixel"),
        ({"mic": "mics/c.mrc"}, {"micrographs": "mics.star"}, "'mics.star' does not list the micrograph 'mics/c.mrc'"),
        ({"mic": ""}, {"micrographs": "mics.star"}, "have pixel sizes from 1 to 1.25"),
        ({}, {"micrographs": "p.star"}, "'p.star' lists no micrographs"),
        ({}, {"micrographs": "movies.star"}, "not say rlnMicrographPixelSize; .*OriginalPixelSize 0.5 is that of"),
    ],
)  # fmt: skip
def test_contradictions_are_refused_with_both_values(star, options, words):
    micrographs(ROWS, OPTICS)
    micrographs("_rlnMicrographName\n_rlnMicrographOriginalPixelSize\nmics/a.mrc 0.5", path="movies.star")
    with pytest.raises(ValueError, match=words):
        recenter_coordinates(particles(**star), **options)


@pytest.mark.parametrize(
    ("star", "words"),
    [
        ({"optics": "rlnMicrographPixelSize 1.0"}, "PixelSize 1, which was taken, and the header .* 1.25"),
        ({"optics": f"rlnMicrographPixelSize 1.25,{MOVIE} 2"}, "1.25 and their movies .* of 2 Angstrom"),
        ({"optics": "rlnMicrographPixelSize 4", "mic": ""}, "4 and the particles of 2 Angstrom"),
        ({"mic": "mics/one.mrc"}, "say 1 Angstrom per pixel, as many programs write"),
        ({"mic": "mics/one.mrc", "optics": f"{MOVIE} 0.83"}, "say 1 Angstrom per pixel"),
    ],
)  # fmt: skip
def test_doubts_are_warned_of(star, words):
    [warning] = recenter_coordinates(particles(**star)).warnings
    assert re.search(words, warning)
    result = CliRunner().invoke(main, ["extract-coordinates", "p.star", "--out", "out.star"])
    assert result.exit_code == 0
    assert [line.startswith("warning: ") for line in result.stderr.splitlines()] == [True]
    result = CliRunner().invoke(main, ["extract-coordinates", "p.star", "--strict", "--out", "strict.star"])
    assert (result.exit_code, result.stderr.count("Error: ")) == (2, 1)
    assert not Path("strict.star").exists()


def test_a_micrograph_whose_name_fits_two_files_is_said(monkeypatch):
    particles()
    source = Path("p.star").absolute()
    Path("other/mics").mkdir(parents=True)
    monkeypatch.chdir("other")
    with mrcfile.new("mics/a.mrc", np.zeros((4, 6), dtype=np.float32)) as file:
        file.voxel_size = 1.75
    found = recenter_coordinates(StarFile.read(source))
    assert [one.startswith("'mics/a.mrc' in ") and "fits two files" in one for one in found.warnings] == [True]


def test_super_resolution_leaves_no_doubt_in_a_header_of_one_angstrom():
    assert sizes_of(particles(f"{MOVIE} 0.5", mic="mics/one.mrc")) == (1.0, "from the headers of the micrographs", [])


def test_micrographs_of_relion_3_0_and_of_other_jobs():
    old = "_rlnMicrographName\n_rlnMagnification\n_rlnDetectorPixelSize\nMotionCorr/job002/mics/a.mrc 10000 1.25"
    assert sizes_of(particles(), micrographs=micrographs(old))[0] == 1.25
    star = particles(mic="MotionCorr/job009/mics/a.mrc")
    assert sizes_of(star, micrographs="mics.star")[0] == 1.25
    two = "_rlnMicrographName\n_rlnMicrographPixelSize\nA/job002/mics/a.mrc 1.25\nA/job003/mics/a.mrc 1"
    with pytest.raises(ValueError, match="lists, with different pixel sizes in two jobs, the micrograph 'MotionCorr"):
        sizes_of(star, micrographs=micrographs(two))
    assert sizes_of(particles(mic="A/job003/mics/a.mrc"), micrographs="mics.star")[0] == 1.0
    with pytest.raises(ValueError, match="lists the micrograph 'a' with the pixel sizes 1 and 2"):
        Micrographs.read(micrographs("_rlnMicrographName\n_rlnMicrographPixelSize\na 1\na 2")).sizes()


def test_a_file_is_not_written_over_its_micrographs():
    particles()
    micrographs(ROWS, OPTICS)
    words = ["extract-coordinates", "p.star", "--micrographs", "mics.star", "--out", "mics.star", "--overwrite"]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, "exists; give another name" in result.stderr) == (2, True)


@given(
    st.floats(0.3, 4),
    st.floats(0.3, 4),
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.one_of(st.none(), st.floats(0.5, 9)),
)
def test_coordinates_and_origins_together_are_what_they_were(micrograph, particle, x, y, given_size):
    """In micrograph pixels, coordinate minus origin is the centre of the particle, whatever a user gives."""
    star = particles("rlnMicrographPixelSize 1.25", mic="", path="drawn.star", size=f"rlnImagePixelSize {particle:.6f}")
    columns = {"rlnOriginXAngst": [repr(x)] * 2, "rlnOriginYAngst": [repr(y)] * 2}
    star = star.with_columns(star.particles, columns)
    old = star.pixel_sizes()[0][0]
    new = recenter_coordinates(star, pixel_size=given_size, micrograph_pixel_size=micrograph).star
    now = new.pixel_sizes()[0][0]
    moved = new.numbers(new.particles, "rlnCoordinateX") - 150, new.numbers(new.particles, "rlnCoordinateY") - 260
    left = -new.displacements(np.full(2, now)) * now / micrograph
    whole = np.array([x, y]) / old * now / micrograph
    np.testing.assert_array_equal(np.round(moved), moved)
    np.testing.assert_allclose(np.stack(moved, 1) - left[:, ::-1], -whole[None].repeat(2, 0), atol=1e-4 / micrograph)
    assert np.abs(left).max() <= 0.5 + 1e-4 / micrograph
