"""2-D classes of cryoSPARC: what RELION has shown for STAR files holds for ``.cs`` files, byte for byte elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import write_cs, write_star

from centering import simulate
from centering.cli import main
from centering.io.cryosparc import CsFile
from centering.io.mrc import write_stack
from centering.io.star import StarFile

CLASSES, COUNT, SIZE = 4, 14, 48
PSIZE, AVERAGE_PSIZE, ALIGNED_PSIZE = 1.5, 3.0, 2.0


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The same classification as ``.cs`` and as ``.star``; return the displacements (row, column) of the averages."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    off = rng.uniform(-5, 5, size=(CLASSES, 2))
    density = simulate.GaussianParticle.random(8, seed=rng)
    write_stack("averages.mrc", density.project(simulate.rotations(CLASSES, rng), off, SIZE), AVERAGE_PSIZE)
    psi, classes = rng.uniform(-180, 180, COUNT), rng.integers(CLASSES, size=COUNT)
    shift = rng.normal(size=(COUNT, 2)) * 3  # (x, y) in pixels of the alignment
    fields = [
        ("uid", "<u8"), ("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4"),
        ("alignments2D/shift", "<f4", (2,)), ("alignments2D/psize_A", "<f4"), ("alignments2D/class", "<u4"),
        ("alignments2D/pose", "<f4"), ("alignments2D/class_posterior", "<f4"), ("alignments3D/shift", "<f4", (2,)),
    ]  # fmt: skip
    table = np.zeros(COUNT, dtype=fields)
    table["uid"] = rng.integers(2**63, size=COUNT)
    table["blob/path"], table["blob/idx"], table["blob/shape"] = b">J1/stack.mrc", np.arange(COUNT), SIZE
    table["blob/psize_A"], table["alignments2D/psize_A"] = PSIZE, ALIGNED_PSIZE
    table["alignments2D/shift"], table["alignments2D/class"] = shift, classes
    table["alignments2D/pose"] = np.deg2rad(psi)
    table["alignments2D/class_posterior"] = rng.uniform(size=COUNT)
    table["alignments3D/shift"] = rng.normal(size=(COUNT, 2))
    write_cs("particles.cs", table)
    # the images of the averages in another order, as a selection has them
    some = np.zeros(CLASSES, dtype=fields[:5])
    some["blob/path"], some["blob/idx"], some["blob/psize_A"] = b"averages.mrc", [2, 0, 3, 1], AVERAGE_PSIZE
    write_cs("templates.cs", some)
    write_star(
        "particles.star",
        [f"{k:06d}@J1/stack.mrc" for k in range(1, COUNT + 1)],
        pixel_sizes=(PSIZE,),
        rlnAnglePsi=psi,
        rlnClassNumber=classes + 1,
        rlnOriginXAngst=shift[:, 0] * ALIGNED_PSIZE,
        rlnOriginYAngst=shift[:, 1] * ALIGNED_PSIZE,
    )
    return off


@pytest.mark.parametrize("averages", ["averages.mrc", "templates.cs"])
def test_a_cs_file_gets_what_a_star_file_gets(project, averages):
    command("classes", averages, "particles.cs", "--estimator", "mass", "--out", "ours")
    command("classes", "averages.mrc", "particles.star", "--estimator", "mass", "--out", "theirs")
    old, new = np.load("particles.cs"), np.load("ours/particles.cs")
    assert old.dtype == new.dtype
    for name in old.dtype.names:
        if name != "alignments2D/shift":
            assert old[name].tobytes() == new[name].tobytes()
    known = StarFile.read("theirs/particles.star").displacements(np.full(COUNT, PSIZE))
    found = -new["alignments2D/shift"][:, ::-1] * ALIGNED_PSIZE / PSIZE
    np.testing.assert_allclose(found, known, atol=1e-4)
    np.testing.assert_allclose(
        StarFile.read("ours/particles.star").displacements(np.full(COUNT, PSIZE)), known, atol=1e-4
    )
    before = -old["alignments2D/shift"][:, ::-1] * ALIGNED_PSIZE / PSIZE
    length = np.linalg.norm(project[old["alignments2D/class"]], axis=1) * AVERAGE_PSIZE / PSIZE
    np.testing.assert_allclose(np.linalg.norm(found - before, axis=1), length, atol=0.05)
    rows = [line.split(",") for line in Path("ours/classes.csv").read_text().splitlines()[1:]]
    assert [int(row[0]) for row in rows] == ([1, 2, 3, 4] if averages == "averages.mrc" else [3, 1, 4, 2])
    for row in rows:
        np.testing.assert_allclose([float(one) for one in row[2:4]], project[int(row[0]) - 1], atol=0.05)
        assert int(row[1]) == np.count_nonzero(old["alignments2D/class"] == int(row[0]) - 1)


def test_classes_and_angles_come_along_to_star(project):
    star = CsFile.read("particles.cs").to_star()
    table = np.load("particles.cs")
    np.testing.assert_allclose(
        star.numbers(star.particles, "rlnAnglePsi"), np.rad2deg(table["alignments2D/pose"]), atol=1e-5
    )
    np.testing.assert_array_equal(star.numbers(star.particles, "rlnClassNumber"), table["alignments2D/class"] + 1)


@pytest.mark.parametrize(
    ("field", "words"),
    [("class", "no field alignments2D/class"), ("pose", "no field alignments2D/pose"), ("shift", "alignments2D/shift")],
)
def test_a_missing_field_is_one_sentence(project, field, words):
    table = np.load("particles.cs")
    kept = [name for name in table.dtype.names if name != f"alignments2D/{field}"]
    write_cs(
        "less.cs",
        np.rec.fromarrays(
            [table[name] for name in kept],
            dtype=[(name, table.dtype[name].base, table.dtype[name].shape) for name in kept],
        ),
    )
    result = command("classes", "averages.mrc", "less.cs", "--estimator", "mass", "--out", "out", code=2)
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("out").exists()


def test_a_class_without_average_and_averages_of_two_jobs_are_refused(project):
    some = np.load("templates.cs")
    write_cs("fewer.cs", some[:2])
    result = command("classes", "fewer.cs", "particles.cs", "--estimator", "mass", "--out", "out", code=2)
    assert "there are averages of the classes 1, 3" in result.stderr
    write_stack("other.mrc", np.zeros((1, SIZE, SIZE)), AVERAGE_PSIZE)
    some["blob/path"][3], some["blob/idx"][3] = b"other.mrc", 0
    write_cs("two.cs", some)
    result = command("classes", "two.cs", "particles.cs", "--estimator", "mass", "--out", "out", code=2)
    assert "class averages in several stacks" in result.stderr
    assert not Path("out").exists()
