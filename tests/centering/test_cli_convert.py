"""From ``.cs`` to ``.star`` and back: what centering knows keeps its meaning, everything else its bytes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import starfile
from click.testing import CliRunner
from datafiles import write_cs, write_star

from centering.cli import main
from centering.io.cryosparc import CsFile
from centering.io.star import StarFile

COUNT = 9


def convert(*arguments, code=0):
    result = CliRunner().invoke(main, ["convert", *map(str, arguments)])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Write ``p.cs``: two stacks, two pixel sizes, shifts in pixels of another size; return its table."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    fields = [
        ("uid", "<u8"), ("blob/path", "S30"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4"),
        ("ctf/df1_A", "<f4"), ("alignments2D/shift", "<f4", (2,)), ("alignments2D/psize_A", "<f4"),
        ("alignments2D/class", "<u4"), ("alignments2D/pose", "<f4"), ("location/micrograph_path", "S20"),
    ]  # fmt: skip
    table = np.zeros(COUNT, dtype=fields)
    table["uid"] = rng.integers(2**63, size=COUNT)
    table["blob/path"] = np.where(np.arange(COUNT) < 5, b">J1/extract/a.mrc", b">J1/extract/b.mrc")
    table["blob/idx"] = [4, 3, 2, 1, 0, 0, 1, 2, 3]
    table["blob/shape"] = 64
    table["blob/psize_A"] = np.where(np.arange(COUNT) % 2, 1.5, 2.0)
    table["ctf/df1_A"] = rng.uniform(1e4, 2e4, COUNT)
    table["alignments2D/shift"] = rng.normal(size=(COUNT, 2)) * 4
    table["alignments2D/psize_A"] = 3.0
    table["alignments2D/class"] = rng.integers(50, size=COUNT)
    table["alignments2D/pose"] = rng.uniform(-np.pi, np.pi, COUNT)
    table["location/micrograph_path"] = b"mics/m.mrc"
    write_cs("p.cs", table)
    return table


def test_to_star_as_relion_means_it(table):
    assert "9 particles" in convert("p.cs", "p.star").output
    particles = starfile.read("p.star")["particles"]
    optics = starfile.read("p.star")["optics"].set_index("rlnOpticsGroup")
    assert particles["rlnImageName"].tolist()[0] == "000005@J1/extract/a.mrc:mrcs"
    np.testing.assert_allclose(
        optics.loc[particles["rlnOpticsGroup"], "rlnImagePixelSize"], table["blob/psize_A"], rtol=1e-6
    )
    # x first, in Angstrom
    shift = table["alignments2D/shift"] * 3.0
    np.testing.assert_allclose(particles[["rlnOriginXAngst", "rlnOriginYAngst"]], shift, atol=1e-5)
    np.testing.assert_array_equal(particles["rlnClassNumber"], table["alignments2D/class"] + 1)
    np.testing.assert_allclose(particles["rlnAnglePsi"], np.rad2deg(table["alignments2D/pose"]), atol=1e-4)


def test_there_and_back_into_the_file_it_came_from(table):
    convert("p.cs", "p.star")
    convert("p.star", "back.cs", "--into", "p.cs")
    back = np.load("back.cs")
    assert back.dtype == table.dtype
    for name in table.dtype.names:
        if name in ("alignments2D/shift", "alignments2D/pose"):
            np.testing.assert_allclose(back[name], table[name], atol=1e-5)
        else:
            assert back[name].tobytes() == table[name].tobytes()


def test_a_selection_in_another_order_with_new_origins(table):
    """What RELION leaves of the particles finds its rows, though it calls the stacks by other names."""
    convert("p.cs", "p.star")
    old = starfile.read("p.star")
    chosen = old["particles"].iloc[[7, 0, 3]].copy()
    chosen["rlnImageName"] = (
        chosen["rlnImageName"].str.replace("J1/extract", "Import/job003").str.replace(".mrc", ".mrcs")
    )
    chosen["rlnOriginXAngst"] = [3.0, 6.0, 9.0]
    chosen["rlnOriginYAngst"] = 0.0
    chosen["rlnAngleTilt"] = 40.0  # the psi and the classes of a refinement are no 2-D ones
    chosen["rlnAnglePsi"] = 1.0
    starfile.write({"optics": old["optics"], "particles": chosen}, "few.star")
    convert("few.star", "few.cs", "--into", "p.cs")
    few = np.load("few.cs")
    rows = [0, 3, 7]
    np.testing.assert_array_equal(few["uid"], table["uid"][rows])
    np.testing.assert_allclose(few["alignments2D/shift"], [[2, 0], [3, 0], [1, 0]], atol=1e-6)
    for name in set(table.dtype.names) - {"alignments2D/shift"}:
        assert few[name].tobytes() == table[rows][name].tobytes()


def test_to_a_new_file_without_the_old_one(table):
    convert("p.cs", "p.star")
    convert("p.star", "new.cs")
    new = CsFile.read("new.cs")
    old = CsFile.read("p.cs")
    assert new.stacks == old.stacks
    np.testing.assert_array_equal(new.table["blob/idx"], table["blob/idx"])
    np.testing.assert_array_equal(new.table["blob/shape"], table["blob/shape"])
    np.testing.assert_allclose(new.pixel_size, old.pixel_size)
    np.testing.assert_allclose(new.displacements(), old.displacements(), atol=1e-5)
    np.testing.assert_array_equal(new.classes, old.classes)
    np.testing.assert_allclose(new.psi, old.psi, atol=1e-4)
    assert len(set(new.table["uid"].tolist())) == COUNT
    convert("p.star", "again.cs")
    assert Path("again.cs").read_bytes() == Path("new.cs").read_bytes()


def test_the_microscope_goes_there_and_back(table):
    optics = "1 1.5 200 1.4 0.07"
    Path("p.star").write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n_rlnVoltage\n_rlnSphericalAberration\n"
        f"_rlnAmplitudeContrast\n{optics}\n\ndata_particles\n\nloop_\n_rlnImageName\n_rlnOpticsGroup\n_rlnDefocusU\n"
        "_rlnDefocusV\n_rlnDefocusAngle\n_rlnPhaseShift\n1@a.mrc 1 12000 11000 30 90\n2@a.mrc 1 9000 8000 -5 90\n"
    )
    convert("p.star", "q.cs")
    new = np.load("q.cs")
    for name, values in {
        "df1_A": [12e3, 9e3], "df2_A": [11e3, 8e3], "df_angle_rad": np.deg2rad([30, -5]), "accel_kv": 200, "cs_mm": 1.4,
        "amp_contrast": 0.07, "phase_shift_rad": np.pi / 2,
    }.items():  # fmt: skip
        np.testing.assert_allclose(new[f"ctf/{name}"], values, rtol=1e-6)
    convert("q.cs", "back.star")
    old, back = StarFile.read("p.star"), StarFile.read("back.star")
    for label in ("DefocusU", "DefocusV", "DefocusAngle", "Voltage", "SphericalAberration", "PhaseShift"):
        np.testing.assert_allclose(back.per_particle(f"rln{label}"), old.per_particle(f"rln{label}"), rtol=1e-6)
    # images that are corrected already state none
    Path("p.star").write_text(Path("p.star").read_text().replace("rlnPhaseShift", "rlnCtfDataArePhaseFlipped"))
    convert("p.star", "flipped.cs")
    assert "ctf/df1_A" not in np.load("flipped.cs").dtype.names


def test_origins_in_pixels_and_no_origins(table):
    Path("p.star").write_text("data_\n\nloop_\n_rlnImageName\n_rlnOriginX\n_rlnOriginY\n5@J1/extract/a.mrc 2 -4\n")
    convert("p.star", "one.cs", "--into", "p.cs", "--angpix", 2)
    np.testing.assert_allclose(np.load("one.cs")["alignments2D/shift"], [[2 * 2 / 3, -4 * 2 / 3]], rtol=1e-6)
    write_star("p.star", ["5@J1/extract/a.mrc"])
    convert("p.star", "two.cs", "--into", "p.cs")
    assert np.load("two.cs").tobytes() == table[:1].tobytes()


STAR = "data_\n\nloop_\n_rlnImageName\n_rlnOriginX\n_rlnOriginY\n{}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["p.cs", "q.cs"], "one must be a .star file, the other a .cs file"),
        (["p.star", "q.star"], "one must be a .star file, the other a .cs file"),
        (["gone.cs", "q.star"], "No such file or directory: 'gone.cs'"),
        (["p.star", "p.cs", "--into", "p.cs", "--overwrite"], "would overwrite its own input 'p.cs'"),
        (["p.star", "there.cs"], "'there.cs' exists"),
        (["p.star", "q.cs"], "the pixel size of 'p.star' is not known; give it (--angpix)"),
        (["p.star", "q.cs", "--angpix", "0"], "pixel size is 0"),
        (["p.cs", "q.star", "--angpix", "1"], "are for the way from .star to .cs"),
        (["strange.star", "q.cs", "--angpix", "1", "--into", "p.cs"], "'p.cs' has no image '1@J9/z.mrc'"),
        (["twice.star", "q.cs", "--angpix", "1"], "names the image '1@a.mrc' twice, in rows 1 and 2"),
        (["same.star", "q.cs", "--angpix", "1", "--into", "p.cs"], "several images of 'same.star' are the same one"),
        (
            ["classes.star", "q.cs", "--angpix", "1"],
            "'classes.star' has a particle of class 1e+300; classes count from 1",
        ),
        (["number.star", "q.cs", "--angpix", "1"], "'number.star': 5e+09 does not fit into the field blob/idx"),
        (["size.star", "q.cs"], "'size.star': 1e+300 does not fit into the field blob/shape"),
        (["p.star", "locked/q.cs", "--angpix", "1"], "'locked/"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(table, tmp_path, arguments, words):
    Path("p.star").write_text(STAR.format("5@J1/extract/a.mrc 2 -4"))
    Path("strange.star").write_text(STAR.format("1@J9/z.mrc 0 0"))
    Path("twice.star").write_text(STAR.format("1@a.mrc 0 0\n1@a.mrc 0 0"))
    Path("same.star").write_text(STAR.format("1@a.mrc 0 0\n1@b/a.mrcs 0 0"))
    Path("classes.star").write_text(
        "data_\n\nloop_\n_rlnImageName\n_rlnClassNumber\n_rlnAnglePsi\n1@a.mrc 1 0\n2@a.mrc 1e300 0\n"
    )
    Path("number.star").write_text(STAR.format("5000000001@a.mrc 0 0"))
    Path("size.star").write_text(
        "data_optics\n\nloop_\n_rlnImagePixelSize\n_rlnImageSize\n1 1e300\n\n"
        "data_particles\n\nloop_\n_rlnImageName\n1@a.mrc\n"
    )
    shutil.copy("p.cs", "there.cs")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*")}
    result = convert(*arguments, code=2)
    assert words in result.stderr
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_stacks_of_the_same_name_are_not_mixed_up(table):
    table["blob/path"] = np.where(np.arange(COUNT) < 5, b">J1/x.mrc", b">J2/x.mrc")
    write_cs("p.cs", table)
    convert("p.cs", "p.star")
    convert("p.star", "back.cs", "--into", "p.cs")
    np.testing.assert_array_equal(np.load("back.cs")["uid"], table["uid"])
    Path("q.star").write_text(STAR.format("1@elsewhere/x.mrc 0 0"))
    assert (
        "'p.cs' has no image '1@elsewhere/x.mrc'"
        in convert("q.star", "q.cs", "--angpix", 1, "--into", "p.cs", code=2).stderr
    )
