"""Class averages and particles of different scale: a shift of one is no shift of the other."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import write_cs
from hypothesis import given, settings
from hypothesis import strategies as st

from centering.cli import main
from centering.cli._common import option
from centering.io.cryosparc import CsFile
from centering.io.formats import read_table
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.sentence import message, retold
from centering.tools.scales import average_scale

NOT_SAID, DEFAULT = None, 1.0


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def scale(box, average, particle_box, particle, *, given=None, both=None, stack=None):
    """Return what is made of averages and particles of such boxes and pixel sizes: the scale, or what is refused."""
    write_stack("averages.mrcs", np.zeros((2, box, box)), average)
    size = "" if particle is None else f"_rlnImagePixelSize\n{'_rlnImageSize' if particle_box else ''}\n"
    values = "" if particle is None else f"{particle} {particle_box or ''}"
    optics = f"data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnVoltage\n{size}1 300 {values}\n\n"
    columns = "_rlnImageName\n_rlnOpticsGroup\n_rlnClassNumber\n_rlnAnglePsi\n"
    rows = "".join(f"{k}@{stack or 'gone.mrcs'} 1 {k} 0\n" for k in (1, 2))
    Path("particles.star").write_text(f"{optics}data_particles\n\nloop_\n{columns}{rows}")
    averages = open_particles("averages.mrcs", both if given is None else given)
    source = read_table("particles.star")
    sizes, _ = source.pixel_sizes(both)
    try:
        found, doubts = average_scale(averages, source, sizes, given=given, given_for_both=both)
    except ValueError as error:
        return retold(message(error), option), []
    return (1.0 if found is None or sizes is None else found / sizes[0]), [retold(one, option) for one in doubts]


@pytest.mark.parametrize("average", [NOT_SAID, DEFAULT, 1.5])
def test_averages_of_the_same_box_are_of_the_same_scale(average):
    assert scale(64, average, 64, 1.5) == (1.0, [])


@pytest.mark.parametrize(
    ("average", "says"), [(NOT_SAID, "say no pixel size"), (DEFAULT, "a pixel size of 1 Angstrom")]
)
def test_averages_of_another_box_are_asked_about(average, says):
    words, _ = scale(64, average, 128, 1.5)
    assert says in words
    assert "have 64 pixels" in words
    assert "have 128 of 1.5 Angstrom: if both show the same field, those of averages have 3;" in words
    assert words.endswith("give the pixel size of the averages (--average-angpix)")
    assert scale(64, average, 128, 1.5, given=3.0) == (2.0, [])


def test_without_boxes_the_first_stack_of_the_particles_is_asked():
    write_stack("here.mrcs", np.zeros((2, 128, 128)))
    assert "have 128 of 1.5 Angstrom" in scale(64, NOT_SAID, None, 1.5, stack="here.mrcs")[0]
    [words] = scale(64, NOT_SAID, None, 1.5)[1]
    assert "says no pixel size: the pixel size is taken to be that of the particles" in words
    assert words.endswith("if the averages are binned, give theirs (--average-angpix)")
    words, _ = scale(64, DEFAULT, None, 1.5)
    assert "a pixel size of 1 Angstrom, as programs do that know none, and the particles of" in words
    assert scale(64, 3.0, None, 1.5) == (2.0, [])
    assert "the pixel size of the particles of 'particles.star' is not known" in scale(64, 3.0, None, None)[1][0]


def test_fields_that_differ_are_warned_of_with_both():
    found, [words] = scale(64, 1.5, 128, 1.5)
    assert found == 1.0
    assert "have 64 pixels of 1.5 Angstrom, and the particles of 'particles.star' 128 of 1.5, which is another" in words
    assert "cut, and not binned, else give the pixel size of the averages (--average-angpix)" in words
    found, [words] = scale(64, 2.5, 64, 1.5)
    assert (found, "both are believed" in words) == (2.5 / 1.5, True)


def test_one_pixel_size_for_both_must_be_that_of_both():
    assert scale(64, 3.0, 64, 1.5, both=2.0)[0].startswith(
        "--angpix cannot be that of the averages of 'averages.mrcs', too: they say 3 Angstrom and the particles of "
    )
    assert (
        "too: they have 64 pixels and the particles of 'particles.star' 128; give theirs (--average-angpix)"
        in (scale(64, NOT_SAID, 128, 1.5, both=2.0)[0])
    )
    assert scale(64, 1.5, 64, 1.5, both=2.0) == (1.0, [])
    assert scale(64, NOT_SAID, 64, None, both=2.0) == (1.0, [])
    size, told = scale(64, 3.0, 128, 1.5, both=2.0, given=4.0)
    assert size == 2.0
    assert told == ["'averages.mrcs' gives 3 Angstrom per pixel and --average-angpix 4 was given, which is taken"]


def test_a_cs_file_that_says_the_pixel_size_of_its_averages_is_believed():
    dtype = [
        ("uid", "<u8"),
        ("blob/path", "S9"),
        ("blob/idx", "<u4"),
        ("blob/shape", "<u4", (2,)),
        ("blob/psize_A", "<f4"),
    ]
    table = np.zeros(2, dtype=[*dtype, ("alignments2D/psize_A", "<f4")])
    table["blob/path"], table["blob/idx"], table["blob/shape"] = b"gone.mrc", [0, 1], 64
    table["blob/psize_A"], table["alignments2D/psize_A"] = 1.5, 3.0
    write_cs("particles.cs", table)
    write_stack("averages.mrcs", np.zeros((2, 64, 64)), 3.0)
    averages, source = open_particles("averages.mrcs"), CsFile.read("particles.cs")
    assert average_scale(averages, source, np.full(2, 1.5)) == (3.0, [])
    table["alignments2D/psize_A"] = 1.5
    write_cs("particles.cs", table)
    found, doubts = average_scale(averages, CsFile.read("particles.cs"), np.full(2, 1.5))
    assert (found, len(doubts)) == (3.0, 1)


@settings(max_examples=30)
@given(st.integers(8, 40), st.sampled_from([1, 2, 3, 4]), st.floats(0.5, 3), st.booleans())
def test_binned_averages_of_the_same_field_need_no_word(box, binning, pixel_size, said):
    """Where both pixel sizes are stated the scale is their ratio, where one is not it is asked for or 1."""
    particle = round(pixel_size, 4)
    if particle * binning == DEFAULT or particle == DEFAULT:
        return
    found, doubts = scale(box, particle * binning if said else NOT_SAID, box * binning, particle)
    if said or binning == 1:
        assert found == pytest.approx(binning, rel=1e-5)
        assert doubts == []
    else:
        assert f"have {box * binning} of {particle:.6g} Angstrom" in found


def test_shifts_of_binned_averages_are_shifts_of_the_particles():
    """The command, on averages of half the box: the displacement (2, -3) px of the average is (4, -6) px."""
    y, x = np.mgrid[:32, :32] - 16
    disk = np.exp(-((y - 2) ** 2 + (x + 3) ** 2) / 30)
    scale(32, NOT_SAID, 64, 1.5)
    with mrcfile.mmap("averages.mrcs", "r+") as file:
        file.data[:] = disk
    words = ["classes", "averages.mrcs", "particles.star", "--estimator", "mass", "--out", "out"]
    refused = CliRunner().invoke(main, words)
    assert (refused.exit_code, Path("out").exists()) == (2, False)
    done = CliRunner().invoke(main, [*words, "--average-angpix", "3"])
    assert done.exit_code == 0, done.output
    moved = read_table("out/particles.star").displacements(np.full(2, 1.5))
    np.testing.assert_allclose(moved, [[4, -6]] * 2, atol=0.1)
    with mrcfile.open("out/classes.mrcs") as file:
        assert file.voxel_size.x == pytest.approx(3.0)


@pytest.mark.parametrize("average", [NOT_SAID, DEFAULT, 1.5])
def test_a_diameter_is_in_the_pixels_that_the_particles_say(average):
    """30 Angstrom are a radius of 10 pixels of 1.5, whether the averages say so, say nothing, or say 1 by default."""
    scale(64, average, 64, 1.5)
    with mrcfile.mmap("averages.mrcs", "r+") as file:
        y, x = np.mgrid[:64, :64] - 32
        file.data[:] = np.exp(-((y - 2) ** 2 + (x + 3) ** 2) / 30) * (1 + 0.3 * np.sin(x))
    tables = []
    for size in (("--diameter", "30"), ("--radius", "10")):
        done = CliRunner().invoke(main, ["classes", "averages.mrcs", "particles.star", *size, "--out", size[0][2:]])
        assert done.exit_code == 0, done.output
        tables.append(Path(size[0][2:], "classes.csv").read_text())
    assert tables[0] == tables[1]
    done = CliRunner().invoke(main, ["classes", "averages.mrcs", "particles.star", "--radius", "20", "--out", "other"])
    assert Path("other/classes.csv").read_text() != tables[0]
