"""Origins and angles that a file states already are not replaced in silence."""

import json
from pathlib import Path

import field
import numpy as np
import pytest
from click.testing import CliRunner
from field import centering, images, particles, write_mrc, write_star

from centering.cli import main
from centering.engine.origins import Origins
from centering.io.mrc import write_stack
from centering.io.star import StarFile
from centering.report.words import found_in
from centering.results import Centers, Flag

RUN = ("run", "particles.star", "--radius", 12, "--out", "out", "--no-report")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in an empty project folder, with a stack."""
    monkeypatch.chdir(tmp_path)
    write_mrc("stack.mrcs", images())


def write(angles=(), *, off=0.0):
    """Write particles whose origins are right but for ``off`` pixels, with angles of 30 degrees."""
    right = field.right() + off * field.PIXEL
    columns = {"rlnOriginXAngst": right[:, 0].tolist(), "rlnOriginYAngst": right[:, 1].tolist()}
    write_star("particles.star", particles(**columns, **dict.fromkeys(angles, 30.0)))


def summary():
    return json.loads(Path("out/summary.json").read_text())


def test_origins_that_are_replaced_are_told_of_before_and_after():
    write(off=1.0)
    result = centering(*RUN)
    assert result.warns("origins that are stated already \\(12 of 12", "are replaced")
    told = summary()["origins"]
    assert told["stated"] == 12
    assert told["apart_median_px"] == pytest.approx(np.sqrt(2), abs=0.1)
    assert told["kept"] == 0
    assert any("origins" in words for words in summary()["warnings"])
    assert "origins    stated" in result.out
    words = found_in(summary())
    assert f"those found are {told['apart_median_px']:.2f} px from the stated ones (medians)." in words


def test_no_word_where_nothing_is_lost():
    write_star("particles.star", particles(rlnOriginXAngst=0.0, rlnOriginYAngst=0.0, rlnAnglePsi=30.0))
    result = centering(*RUN)
    assert not result.warns("origins")
    assert summary()["origins"] is None
    assert "stated" not in found_in(summary())


def test_refined_particles_are_refused_until_somebody_says_yes():
    write(["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"])
    result = centering(*RUN)
    assert result.refused
    assert "--yes" in result.err
    assert "--keep-origins-within" in result.err
    assert centering(*RUN, "--yes").warns("angles in space")


def test_angles_of_a_classification_are_told_of():
    write(["rlnAnglePsi"])
    assert centering(*RUN).warns("angles in the plane")


@pytest.mark.parametrize(("within", "kept"), [(0.5, False), (3.0, True)])
def test_origins_stay_within_a_distance(within, kept):
    write(["rlnAngleRot"], off=1.0)
    assert centering(*RUN, "--keep-origins-within", within).code == 0
    off = 1.0 if kept else 0.0
    np.testing.assert_allclose(field.origins(), field.right() + off * field.PIXEL, atol=0.15)
    assert summary()["origins"]["kept"] == (12 if kept else 0)


def test_the_same_for_cryosparc():
    shift = field.right(1.0) + 1.0
    fields = {"alignments3D__shift": shift, "alignments3D__pose": np.full((12, 3), 0.5)}
    field.write_cs_project(field.cs_table(**fields, alignments3D__psize_A=np.float64(field.PIXEL)))
    run = ("run", "particles.cs", *RUN[2:])
    assert centering(*run).refused
    assert centering(*run, "--keep-origins-within", 3).code == 0
    np.testing.assert_allclose(np.load("out/particles.cs")["alignments3D/shift"], shift, atol=1e-5)


@pytest.mark.parametrize("value", ["-1", "nan"])
def test_a_distance_that_is_none_is_refused(value):
    write()
    assert centering(*RUN, "--keep-origins-within", value).refused


def test_a_stack_cannot_be_moved_by_what_is_kept():
    write()
    result = centering(*RUN, "--keep-origins-within", 2, "--write-stack")
    assert result.refused
    assert "--write-stack" in result.err


def test_what_is_compared_is_what_was_found(rng):
    """By the definition, without a file."""
    stated, found = rng.normal(size=(2, 9, 2))
    centers = Centers(found, np.ones(9), np.zeros(9, np.int64))
    apart = np.linalg.norm(found - stated, axis=1)
    origins = Origins(stated, keep_within=float(np.median(apart)))
    settled = origins.settled(centers).displacement
    expected = np.where((apart <= np.median(apart))[:, None], stated, found)
    np.testing.assert_array_equal(settled, expected)
    assert origins.compared(centers)["kept"] == 5


@pytest.mark.parametrize("option", [("--write-stack",), ("--keep-origins-within", 0.01)])
def test_images_that_show_nothing_keep_the_origins_that_are_stated(option):
    """Not finite, constant, and behind the end of the file: no centre is found, and zero is none."""
    data = images()
    data[3, 5, 5], data[5] = np.nan, 1.0
    write_stack("stack.mrcs", data, field.PIXEL)
    with Path("stack.mrcs").open("r+b") as file:
        file.truncate(1024 + 11 * data[0].nbytes)
    write(off=1.0)
    stated = field.right() + field.PIXEL
    result = CliRunner().invoke(main, [str(one) for one in (*RUN, *option)])
    assert result.exit_code == 3  # complete but for what the file does not hold
    unseen = [3, 5, 11]
    np.testing.assert_allclose(field.origins()[unseen], stated[unseen], atol=1e-5)
    seen = np.setdiff1d(np.arange(12), unseen)
    np.testing.assert_allclose(field.origins()[seen], field.right()[seen], atol=0.15)
    assert summary()["origins"]["apart_median_px"] == pytest.approx(np.sqrt(2), abs=0.1)
    if "--write-stack" in option:
        left = field.origins("out/recentered.star")
        np.testing.assert_allclose(left[unseen], stated[unseen], atol=1e-5)
        assert not left[seen].any()


def test_a_summary_of_origins_without_any_image_that_shows_something():
    centers = Centers(np.zeros((3, 2)), np.full(3, np.nan), np.full(3, int(Flag.NONFINITE)))
    assert Origins(np.ones((3, 2))).compared(centers)["apart_median_px"] == pytest.approx(np.sqrt(2), abs=1e-4)


@pytest.mark.parametrize("option", [(), ("--keep-origins-within", 3), ("--yes",)])
def test_the_shifts_of_a_refinement_count_where_those_of_a_classification_are_zero(option):
    shift = field.right(1.0) + 1.0
    size = np.float64(field.PIXEL)
    fields = {"alignments3D__shift": shift, "alignments3D__pose": np.full((12, 3), 0.5), "alignments3D__psize_A": size}
    fields |= {"alignments2D__shift": np.zeros(2), "alignments2D__psize_A": size}
    field.write_cs_project(field.cs_table(**fields))
    result = centering("run", "particles.cs", *RUN[2:], *option)
    if not option:
        assert result.refused
        return
    table, keeps = np.load("out/particles.cs"), option[0] != "--yes"
    np.testing.assert_allclose(
        table["alignments3D/shift"], shift if keeps else field.right(1.0), atol=1e-5 if keeps else 0.1
    )
    expected = np.zeros((12, 2)) if keeps else field.right(1.0)
    np.testing.assert_allclose(table["alignments2D/shift"], expected, atol=1e-5 if keeps else 0.1)
    np.testing.assert_allclose(field.origins(), field.right() + keeps * field.PIXEL, atol=0.15)


def test_what_was_decided_is_no_doubt_for_strict():
    write(["rlnAngleRot"])
    result = centering(*RUN, "--strict", "--yes")
    assert result.code == 0
    assert result.warns("are replaced")
    write(["rlnAnglePsi"])
    assert centering(*RUN, "--strict", "--overwrite").code == 2
    assert centering(*RUN, "--strict", "--overwrite", "--keep-origins-within", 1).code == 0


def test_a_check_says_what_a_run_would_refuse():
    write(["rlnAngleRot"])
    result = centering("check", "particles.star")
    assert result.code == 2
    assert "--yes" in result.err
    assert "would refuse it" in result.out


def test_angles_of_zero_are_none_however_they_are_written():
    write(["rlnAngleRot"])
    text = Path("particles.star").read_text()
    for zero in ("0", "-0.0", "0.000000e+00"):
        Path("particles.star").write_text(text.replace(" 30.0\n", f" {zero}\n"))
        assert StarFile.read("particles.star").angles == 0
