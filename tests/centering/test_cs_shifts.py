"""Every field of a ``.cs`` file that says where a particle is agrees after a run; all others keep their bytes."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import SIZE, simulated, write_cs
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from centering.cli import main
from centering.io.cryosparc import CsFile
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.io.refusal import NotStatedError

BLOB = [("uid", "<u8"), ("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4")]
MANY = [
    ("alignments3D_multi/shift", "<f4", (3, 2)), ("alignments3D_multi/psize_A", "<f4", (3,)),
    ("alignments3D_multi/class_posterior", "<f4", (3,)), ("alignments_class_0/shift", "<f4", (2,)),
    ("alignments_class_0/psize_A", "<f4"), ("alignments3D/shift", "<f4", (2,)), ("alignments3D/psize_A", "<f4"),
]  # fmt: skip


def table(fields, count=6, psize=1.5):
    rng = np.random.default_rng(3)
    result = np.zeros(count, dtype=[*BLOB, *fields])
    result["uid"], result["blob/path"], result["blob/idx"] = np.arange(count) + 7, b">J1/stack.mrc", np.arange(count)
    result["blob/shape"], result["blob/psize_A"] = SIZE, psize
    for name, *_ in fields:
        shape = result[name].shape
        result[name] = rng.uniform(1.0, 4.0, shape) if name.endswith("psize_A") else rng.normal(size=shape)
    return result


def pixels(result, group):
    """Return what a group says of every particle, (row, column) in pixels of the images, in the words of cryoSPARC."""
    shift, unit = result[f"{group}/shift"].astype(float), result[f"{group}/psize_A"].astype(float)
    return -(shift * unit[..., None])[..., ::-1] / result["blob/psize_A"].reshape(-1, *[1] * (shift.ndim - 1))


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("J1").mkdir()
    simulation = simulated(6)
    write_stack("J1/stack.mrc", simulation.images)
    return simulation


def test_every_group_of_shifts_gets_the_new_centre_in_its_own_pixels(project):
    """The shifts of 3-D classes stayed, and a new ``alignments2D`` was made up beside them."""
    write_cs("p.cs", table(MANY))
    said = command("run", "p.cs", "--estimator", "mass", "--out", "out", "--no-report").stderr
    assert "also of alignments3D_multi, alignments_class_0" in said
    old, new = np.load("p.cs"), np.load("out/particles.cs")
    assert old.dtype == new.dtype
    for group in ("alignments3D_multi", "alignments_class_0", "alignments3D"):
        found = pixels(new, group)
        assert np.abs(found.reshape(6, -1, 2) - project.displacement[:, None]).max() < 0.1
    for name in old.dtype.names:
        if not name.endswith("/shift"):
            assert old[name].tobytes() == new[name].tobytes()
    # what was written reads back, also where there is nothing but several shifts of each
    np.testing.assert_allclose(CsFile.read("out/particles.cs").displacements(), pixels(new, "alignments3D"), atol=1e-5)


def test_of_several_shifts_the_likeliest_class_counts(tmp_path):
    one = table(MANY[:3])
    write_cs(tmp_path / "p.cs", one)
    likely = one["alignments3D_multi/class_posterior"].argmax(axis=1)
    expected = pixels(one, "alignments3D_multi")[np.arange(6), likely]
    np.testing.assert_allclose(CsFile.read(tmp_path / "p.cs").displacements(), expected, atol=1e-5)
    write_cs(tmp_path / "q.cs", table(MANY[:2]))
    with pytest.raises(NotStatedError, match="does not say which class counts: no field alignments3D_multi/class_post"):
        CsFile.read(tmp_path / "q.cs").displacements()


@pytest.mark.parametrize("field", [("alignments3D_multi/shift", "<f4", (6,)), ("particle/shift", "<f4", (2,))])
def test_shifts_of_a_kind_that_is_not_known_are_named_in_a_warning(project, field):
    write_cs("p.cs", table([field]))
    particles = open_particles("p.cs")
    (words,) = particles.warnings
    assert words.startswith(f"{field[0]} of 'p.cs' are shifts of a kind that is not known; they are left as they are")
    moved = particles.table.centered(np.ones((6, 2)), particles.pixel_size)
    assert moved.table[field[0]].tobytes() == np.load("p.cs")[field[0]].tobytes()


def test_a_pixel_size_that_is_given_changes_no_shift_in_pixels(project):
    """``--angpix 1.2`` for a file that says 1.5: what cryoSPARC makes of it is the same number of pixels."""
    write_cs("p.cs", table(MANY))
    particles = open_particles("p.cs", 1.2)
    moves = np.random.default_rng(1).normal(size=(6, 2))
    new = particles.table.centered(moves, particles.pixel_size).table
    np.testing.assert_allclose(new["blob/psize_A"], 1.2, rtol=1e-6)
    for group in ("alignments3D_multi", "alignments_class_0", "alignments3D"):
        np.testing.assert_allclose(pixels(particles.table.table, group), pixels(np.load("p.cs"), group), rtol=1e-5)
        assert np.abs(pixels(new, group).reshape(6, -1, 2) - moves[:, None]).max() < 1e-5
    star = particles.star.with_origins(moves, particles.pixel_size)
    np.testing.assert_allclose(star.per_particle("rlnImagePixelSize"), 1.2)
    np.testing.assert_allclose(star.numbers(star.particles, "rlnOriginXAngst") / 1.2, -moves[:, 1], atol=1e-5)


def test_shifts_that_class_averages_do_not_move_are_named(project):
    fields = [
        *MANY[-2:], ("alignments2D/shift", "<f4", (2,)), ("alignments2D/psize_A", "<f4"),
        ("alignments2D/pose", "<f4"), ("alignments2D/class", "<u4"),
    ]  # fmt: skip
    one = table(fields)
    one["alignments2D/class"] = [0, 1, 2, 0, 1, 2]
    write_cs("p.cs", one)
    write_stack("averages.mrc", simulated(3, seed=2).images, 1.5)
    said = command("classes", "averages.mrc", "p.cs", "--estimator", "mass", "--out", "out").stderr
    assert "warning: the shifts of alignments3D of 'p.cs' stay" in said


# any file: groups of shifts of every kind, and fields that mean nothing here, in any order
groups = st.sampled_from(
    ["alignments2D", "alignments3D", "alignments3D_multi", "alignments_class_0", "alignments_class_1"]
)
others = st.from_regex(r"[a-z]{1,5}/[a-z_A]{1,6}", fullmatch=True).filter(
    lambda name: name.partition("/")[0] not in ("blob", "ctf") and not name.endswith(("shift", "psize_A"))
)
kinds = st.sampled_from(["<f4", ">f8", "<u4", "<i8", "u1", "S5", "<c8", "?"])
shapes = st.sampled_from([(), (2,), (3, 2), (1,)])


@st.composite
def files(draw):
    fields = [(name, draw(kinds), draw(shapes)) for name in draw(st.lists(others, max_size=4, unique=True))]
    for group in draw(st.lists(groups, max_size=4, unique=True)):
        several = () if group in ("alignments2D", "alignments3D") else draw(st.sampled_from([(), (1,), (4,)]))
        fields.append((f"{group}/shift", draw(st.sampled_from(["<f4", "<f8"])), (*several, 2)))
        if draw(st.booleans()):
            fields.append((f"{group}/psize_A", "<f4", draw(st.sampled_from([(), several]))))
    fields = draw(st.permutations([*BLOB, *fields]))
    count = draw(st.integers(1, 4))
    size = np.dtype(fields).itemsize * count
    result = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=fields).copy()
    result["blob/path"], result["blob/idx"] = b">J1/s.mrc", np.arange(count)
    for name in result.dtype.names:
        if name.endswith("psize_A"):
            sizes = st.floats(0.125, 50.0, width=32) if name[:4] == "blob" else st.sampled_from([0.0, 0.5, 1.5, 7.0])
            result[name] = draw(arrays.arrays(np.float32, result[name].shape, elements=sizes))
    return result


@given(files(), st.data())
def test_any_file_keeps_every_byte_but_those_of_its_shifts_and_they_say_what_was_set(old, data):
    moves = data.draw(arrays.arrays(np.float64, (len(old), 2), elements=st.floats(-1e4, 1e4, allow_subnormal=False)))
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder, "in.cs"), Path(folder, "out.cs")
        write_cs(path, old)
        cs = CsFile.read(path)
        cs.write(copy)
        assert copy.read_bytes() == path.read_bytes()
        cs.centered(moves, None).write(copy)
        new = np.load(copy)
        read_back = CsFile.read(copy).displacements()
    np.testing.assert_allclose(read_back, moves, rtol=1e-6, atol=1e-30)
    assert new.dtype.names[: len(old.dtype.names)] == old.dtype.names
    for name in old.dtype.names:
        if not name.endswith("/shift"):
            assert new.dtype[name] == old.dtype[name]
            assert new[name].tobytes() == old[name].tobytes()
            continue
        group = name.partition("/")[0]
        images = old["blob/psize_A"].astype(float).reshape(-1, *[1] * (new[name].ndim - 2))
        unit = images
        if f"{group}/psize_A" in old.dtype.names:
            unit = old[f"{group}/psize_A"].astype(float)
            unit = unit.reshape(*unit.shape, *[1] * (new[name].ndim - 1 - unit.ndim))
            unit = np.where(unit > 0, unit, images)  # 0: that of the images
        expected = (-moves[:, ::-1]).reshape(len(old), *[1] * (new[name].ndim - 2), 2) * (images / unit)[..., None]
        np.testing.assert_allclose(new[name], np.broadcast_to(expected, new[name].shape), rtol=1e-6, atol=1e-30)
