"""What is no set of images of single particles: refused where that is sure, warned of where it may be."""

from pathlib import Path

import mrcfile
import numpy as np
import processes
import pytest
from datafiles import dataset, write_cs, write_star
from hypothesis import given
from hypothesis import strategies as st

from centering.cli._common import option
from centering.io.cryosparc import CsFile
from centering.io.formats import read_table
from centering.io.mrc import MrcStack, write_stack
from centering.io.opening import open_particles
from centering.io.planar import segment_doubts
from centering.io.star import StarFile
from centering.io.star_to_cs import to_cs
from centering.sentence import retold
from centering.tools.coordinates import recenter_coordinates

N = 8


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def star_text(optics="", particles="", general="", name="1@stack.mrcs"):
    """Return a STAR file of RELION 5 with further columns, ``label value``."""
    found = general
    for block, first in (("optics", "rlnOpticsGroup 1"), ("particles", f"rlnImageName {name}")):
        pairs = [first, *{"optics": optics, "particles": particles}[block].split(",")]
        pairs = [one.split() for one in pairs if one]
        found += f"\ndata_{block}\n\nloop_\n" + "".join(f"_{label}\n" for label, _ in pairs)
        found += " ".join(value for _, value in pairs) + "\n\n"
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (star_text(particles="rlnTomoName TS_01"), "particles of tomography: it has a column rlnTomoName"),
        (star_text(optics="rlnTomoTiltSeriesPixelSize 1.35"), "a column rlnTomoTiltSeriesPixelSize"),
        (star_text(general="data_general\n\n_rlnTomoSubTomosAre2DStacks 1\n"), "a column rlnTomoSubTomosAre2DStacks"),
        (star_text(optics="rlnImageDimensionality 3"), "lists volumes: it says rlnImageDimensionality 3"),
        (star_text(optics="rlnImageDimensionality 3.000000"), "it says rlnImageDimensionality 3.000000"),
        (star_text(particles="rlnCtfImage ctf.mrc"), "lists subtomograms: it has a column rlnCtfImage"),
        (star_text(particles="rlnOriginZAngst -2.5"), "origins in three dimensions: it says rlnOriginZAngst -2.5"),
        (star_text(particles="rlnOriginZ 3"), "it says rlnOriginZ 3"),
    ],
)
def test_three_dimensions_are_refused_by_every_reader_of_particles(text, words):
    write_stack("stack.mrcs", np.zeros((2, N, N)))
    Path("p.star").write_text(text)
    for read in (read_table, open_particles, lambda path: recenter_coordinates(StarFile.read(path))):
        with pytest.raises(ValueError, match=r"^'p\.star' lists ") as caught:
            read("p.star")
        assert words in str(caught.value)


@pytest.mark.parametrize("particles", ["rlnOriginZAngst 0.0", "rlnGroupName TomoGroup", "rlnCoordinateZ 0"])
def test_two_dimensions_are_not(particles):
    write_stack("stack.mrcs", np.zeros((2, N, N)), 1.5)
    Path("p.star").write_text(star_text(optics="rlnImageDimensionality 2", particles=particles))
    assert len(open_particles("p.star")) == 1


@pytest.mark.parametrize("volume", [False, True])
def test_a_name_without_number_means_the_whole_file(volume):
    with mrcfile.new("five.mrcs", np.zeros((5, N, N), dtype=np.float32)) as file:
        file.set_volume() if volume else file.set_image_stack()
    write_stack("one.mrcs", np.zeros((1, N, N)))
    what = "a volume of 8 x 8 x 5 voxels" if volume else "a file of 5 images"
    with pytest.raises(ValueError, match=f"names 'five.mrcs' without the number of an image, and that is {what}"):
        open_particles(write_star("p.star", ["one.mrcs", "five.mrcs"]))
    with pytest.raises(ValueError, match=r"names 'five\.mrcs:mrcs' without the number of an image"):
        open_particles(write_star("p.star", ["1@one.mrcs", "five.mrcs:mrcs"]))
    assert len(open_particles(write_star("p.star", ["one.mrcs"]))) == 1


def write_header(path, count, group, sections, size=N):
    """Write a float32 file with ``ISPG`` and ``MZ`` as some programs leave them."""
    with mrcfile.new(path, np.zeros((count, size, size), dtype=np.float32), overwrite=True) as file:
        file.header.ispg, file.header.mz = group, sections
        file.header.cella = 0


@pytest.mark.parametrize(
    ("path", "header", "words"),
    [
        ("a.mrc", (N, 1, N), "a volume of 8 x 8 x 8 voxels (its header says space group 1)"),  # any map
        (
            "a.mrc",
            (N, 19, 48),
            "a volume of 8 x 8 x 8 voxels (its header says space group 19)",
        ),  # cut out of a unit cell
        ("a.mrc", (2 * N, 401, N), "a stack of volumes (its header says space group 401)"),
        ("a.mrcs", (2 * N, 401, N), "a stack of volumes (its header says space group 401)"),
    ],
)
def test_what_is_surely_a_volume_is_refused(path, header, words):
    write_header(path, *header)
    with pytest.raises(ValueError, match=r"^'a\.mrcs?' is a") as caught:
        open_particles(path)
    assert f"'{path}' is {words}; give images of particles" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "header", "doubtful"),
    [
        ("a.mrc", (5, 1, 5), True),  # a stack that mrcfile.write was given, or a tomogram
        ("a.mrcs", (5, 1, 5), False),
        ("a.mrcs", (N, 1, N), True),
        ("a.mrc", (N, 0, N), True),  # a map of cryoSPARC or RELION 3.1, or a stack of cryoSPARC of as many images
        ("a.mrcs", (N, 0, N), False),  # a stack of RELION 4
        ("a.mrc", (N, 0, 1), False),  # what calls itself a stack is one
        ("a.mrc", (N, 1, 1), False),
        ("a.mrc", (5, 0, 5), False),
        ("a.mrc", (1, 0, 1), False),
    ],
)
def test_what_may_be_a_volume_is_warned_of(path, header, doubtful):
    write_header(path, *header)
    warnings = open_particles(path).warnings
    assert [words.startswith(f"'{path}' may be a volume (a density map)") for words in warnings] == [True] * doubtful


def test_stacks_that_a_file_lists_are_images_unless_all_look_like_volumes():
    write_header("a.mrc", N, 1, N)
    write_header("b.mrcs", 5, 1, 5)
    names = [f"{k}@a.mrc" for k in range(1, N + 1)]
    for listed, doubtful in ((names, True), ([*names, "1@b.mrcs"], False)):
        Path("p.star").write_text("data_\n\nloop_\n_rlnImageName\n" + "\n".join(listed) + "\n")
        warnings = open_particles("p.star").warnings
        assert [words.startswith("'a.mrc' may be a volume") for words in warnings] == [True] * doubtful


@pytest.mark.usefixtures("relion")
def test_a_stack_of_relion_with_as_many_images_as_pixels_is_one():
    write_stack("in.mrcs", np.random.default_rng(0).normal(size=(N, N, N)), 1.5)
    write_star("in.star", [f"{k}@in.mrcs" for k in range(1, N + 1)])
    done = processes.run(["relion_stack_create", "--i", "in.star", "--o", "out"], capture_output=True, check=False)
    assert done.returncode == 0
    assert MrcStack.open("out.mrcs").is_cube
    assert not open_particles("out.mrcs").warnings


@given(st.integers(1, 12), st.sampled_from([-1, 0, 1, 2, 230, 400, 401, 630]), st.integers(-1, 12), st.booleans())
def test_every_header_is_read_refused_or_doubted(count, group, sections, called_stack):
    """What says of itself that it is images, or is called so and is no cube, is never refused."""
    path = "drawn.mrcs" if called_stack else "drawn.mrc"
    write_header(path, count, group, sections)
    flagged = group > 0 and sections > 1 and count > 1
    try:
        doubts = open_particles(path).warnings
    except ValueError:
        assert count > 1
        assert group >= 401 or (flagged and count == N and not called_stack)
    else:
        assert group < 401 or count == 1
        if not flagged and (called_stack or sections != count or count != N):
            assert not doubts


def test_segments_of_filaments_are_warned_of():
    star, _ = dataset(Path(), 3)
    file = StarFile.read(star)
    assert segment_doubts(file) == []
    segments = file.with_columns(file.particles, {"rlnHelicalTubeID": ["1"] * 3})
    segments.write("segments.star")
    [words] = open_particles("segments.star").warnings
    assert "lists helical segments (rlnHelicalTubeID)" in words
    assert "keep --max-shift below half the helical rise" in retold(words, option)
    table = to_cs(file).table
    fields = [*table.dtype.descr, ("filament/filament_uid", "<u8")]
    filaments = np.zeros(len(table), dtype=fields)
    for name in table.dtype.names:
        filaments[name] = table[name]
    write_cs("filaments.cs", filaments)
    assert "(filament/filament_uid)" in segment_doubts(CsFile.read("filaments.cs"))[0]
