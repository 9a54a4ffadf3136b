"""``.cs`` files: what is not ours keeps its bytes; signs and units agree with RELION's."""

import os
import warnings

import numpy as np
import pytest

from centering.io.cryosparc import CsFile
from centering.io.star import StarFile

ALIGNED = [
    ("uid", "<u8"),
    ("blob/path", "S40"),
    ("blob/idx", "<u4"),
    ("blob/shape", "<u4", (2,)),
    ("blob/psize_A", "<f4"),
    ("ctf/tetra_A", "<f4", (4,)),
    ("alignments3D/shift", "<f4", (2,)),
    ("alignments3D/psize_A", "<f4"),
    ("alignments2D/shift", "<f4", (2,)),
    ("alignments2D/psize_A", "<f4"),
]


def table(count=5, fields=ALIGNED):
    rng = np.random.default_rng(4)
    result = np.zeros(count, dtype=fields)
    for name in result.dtype.names:
        if result.dtype[name].base.kind == "f":
            result[name] = rng.normal(size=result[name].shape)
    result["uid"] = rng.integers(2**63, size=count)
    result["blob/path"] = b">J1/extract/stack.mrcs"
    result["blob/idx"] = np.arange(count)[::-1]
    result["blob/shape"] = 48
    result["blob/psize_A"] = np.where(np.arange(count) % 2, 2.0, 1.5)
    for prefix in ("alignments2D", "alignments3D"):
        if f"{prefix}/psize_A" in result.dtype.names:
            result[f"{prefix}/psize_A"] = 3.0
    return result


def write(path, array):
    with path.open("wb") as file:
        np.save(file, array)
    return path


def test_shifts_are_in_pixels_of_the_alignment_and_add(tmp_path):
    cs = CsFile.read(write(tmp_path / "p.cs", table()))
    displacement = np.random.default_rng(0).normal(size=(5, 2)) * 6
    new = cs.with_shifts(displacement)
    # the object is at row +d: cryoSPARC and RELION add (x, y) = (-column, -row), here in pixels of 3 A
    expected = -displacement[:, ::-1] * cs.table["blob/psize_A"][:, None] / 3.0
    for prefix in ("alignments2D", "alignments3D"):
        np.testing.assert_allclose(new.table[f"{prefix}/shift"], expected, rtol=1e-6)
    np.testing.assert_allclose(new.displacements(), displacement, atol=1e-5)


@pytest.mark.parametrize("fields", [ALIGNED, ALIGNED[:6]], ids=["shifts replaced", "shifts appended"])
def test_every_other_field_is_identical_byte_for_byte(tmp_path, fields):
    path = write(tmp_path / "p.cs", table(fields=fields))
    before = path.read_bytes()
    CsFile.read(path).with_shifts(np.ones((5, 2))).write(tmp_path / "new.cs")
    assert path.read_bytes() == before
    old, new = np.load(path), np.load(tmp_path / "new.cs")
    assert new.dtype.names[: len(old.dtype.names)] == old.dtype.names
    for name in old.dtype.names:
        if not name.endswith("/shift"):
            assert old.dtype[name] == new.dtype[name]
            assert old[name].tobytes() == new[name].tobytes()
    shift_in_angstrom = new["alignments2D/shift"] * new["alignments2D/psize_A"][:, None]
    np.testing.assert_allclose(shift_in_angstrom, -np.repeat(old["blob/psize_A"][:, None], 2, axis=1))


def test_as_star_it_names_images_from_one_and_origins_in_angstrom(tmp_path):
    cs = CsFile.read(write(tmp_path / "p.cs", table())).with_shifts(np.arange(10.0).reshape(5, 2))
    star = cs.to_star()
    assert star.column(star.particles, "rlnImageName")[0] == "000005@J1/extract/stack.mrcs"
    assert star.column(star.particles, "rlnOpticsGroup") == ["1", "2", "1", "2", "1"]
    np.testing.assert_allclose(star.numbers(star.optics, "rlnImagePixelSize"), [1.5, 2.0])
    np.testing.assert_allclose(star.numbers(star.particles, "rlnOriginYAngst"), -np.arange(0, 10, 2) * cs.pixel_size)
    np.testing.assert_allclose(star.displacements(cs.pixel_size), cs.displacements(), atol=1e-5)


def test_a_real_file(centering_data, tmp_path):
    path = centering_data / "empiar_10076" / "empiar_10076_7.cs"
    cs = CsFile.read(path)
    assert set(cs.stacks) == {"empiar_10076_7.mrc"}
    np.testing.assert_allclose(cs.pixel_size, 1.31, atol=1e-4)
    cs.with_shifts(np.zeros((7, 2))).write(tmp_path / "new.cs")
    new = np.load(tmp_path / "new.cs")
    for name in cs.table.dtype.names:
        assert cs.table[name].tobytes() == new[name].tobytes()
    with pytest.raises(ValueError, match="no shifts"):
        cs.displacements()


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("owned",)


def test_pickles_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.empty(1, dtype=[("blob/path", "O")])
    array["blob/path"] = Hostile()
    with (tmp_path / "p.cs").open("wb") as file:
        np.save(file, array, allow_pickle=True)
    with pytest.raises(ValueError, match=r"cannot be read as a \.cs file"):
        CsFile.read("p.cs")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a .cs file"),
        (b"\x94CSDAT....", "compressed format"),
        (b"\x93NUMPY\x01\x00\x10\x00garbage", "cannot be read"),
        (np.zeros(3), "without named fields"),
        (table(0), "lists no particles"),
        (np.zeros(2, dtype=[("uid", "<u8"), ("ctf/df1_A", "<f4")]), "no field blob/path.*passthrough"),
        (np.zeros(2, dtype=ALIGNED), "names the stack ''"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path, content, words):
    path = tmp_path / "p.cs"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write(path, content)
    with pytest.raises(ValueError, match=words) as caught:
        CsFile.read(path)
    assert "p.cs" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_would_break_a_star_file_and_bad_pixel_sizes_are_refused(tmp_path):
    array = table()
    array["blob/path"][2] = b"a.mrcs\n000001@/etc/passwd"
    with pytest.raises(ValueError, match="rename it"):
        CsFile.read(write(tmp_path / "p.cs", array))
    array = table()
    array["blob/psize_A"][2] = 0
    with pytest.raises(ValueError, match=r"pixel size of 0 Angstrom"):
        CsFile.read(write(tmp_path / "p.cs", array))


def header(rows):
    """Return the first bytes of a file that promises so many rows."""
    fields = [("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")]
    text = f"{{'descr': {fields}, 'fortran_order': False, 'shape': ({rows},)}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + b"x" * 100


@pytest.mark.parametrize("rows", [10**14, 10**30, -5, 5])
def test_a_header_that_promises_too_much(tmp_path, rows):
    (tmp_path / "p.cs").write_bytes(header(rows))
    with pytest.raises(ValueError, match=r"p\.cs' cannot be read as a \.cs file") as caught:
        CsFile.read(tmp_path / "p.cs")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("blob/path", ("<f4",)),
        ("blob/idx", ("<u4", (2,))),
        ("blob/idx", ("<f4",)),
        ("blob/psize_A", ("S5",)),
        ("blob/shape", ("<u4",)),
        ("alignments2D/shift", ("<f4",)),
        ("alignments3D/shift", ("S4", (2,))),
        ("alignments2D/class", ("S4",)),
        ("alignments2D/psize_A", ("<f4", (3,))),
    ],
)
def test_fields_of_another_type_are_refused(tmp_path, name, kind):
    fields = {field[0]: field for field in ALIGNED} | {name: (name, *kind)}
    array = np.zeros(2, dtype=list(fields.values()))
    with pytest.raises(ValueError, match=f"field {name} of .*p.cs' is of type"):
        CsFile.read(write(tmp_path / "p.cs", array))


def test_truncated_file(tmp_path):
    path = write(tmp_path / "p.cs", table())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="cannot be read"):
        CsFile.read(path)


@pytest.mark.parametrize(
    "name", ["\u0661", "日本語/shift", "é", "x" * 70000, "a\ud800"], ids=lambda name: ascii(name[:4])
)
@pytest.mark.parametrize("fields", [ALIGNED, ALIGNED[:6]], ids=["shifts replaced", "shifts appended"])
def test_fields_of_any_name_are_written_without_a_word(tmp_path, recwarn, fields, name):
    """NumPy changes its format for names that are not Latin or many, and tells."""
    cs = CsFile.read(write_quietly(tmp_path / "p.cs", table(fields=[*fields, (name, "<f4")])))
    cs.with_shifts(np.ones((5, 2))).write(tmp_path / "new.cs")
    assert not [str(one.message) for one in recwarn]
    new = CsFile.read(tmp_path / "new.cs")
    assert new.table[name].tobytes() == cs.table[name].tobytes()


def write_quietly(path, array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return write(path, array)


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [("alignments2D/shift", "<f2", 70000.0), ("alignments2D/class", "u1", 300), ("alignments2D/class", "i1", 200)],
)
def test_numbers_that_the_type_of_a_field_cannot_hold_are_refused(tmp_path, recwarn, field, kind, value):
    shape = (2,) if field.endswith("shift") else ()
    array = table(fields=[*ALIGNED[:6], (field, kind, shape)])
    cs = CsFile.read(write(tmp_path / "p.cs", array))
    with pytest.raises(ValueError, match=rf"p\.cs': {value:g} does not fit into the field {field}, which is "):
        cs.with_fields({field: np.full((5, *shape), value)})
    assert not [str(one.message) for one in recwarn]


@pytest.mark.parametrize("fields", [ALIGNED, ALIGNED[:6]], ids=["shifts replaced", "shifts appended"])
def test_gaps_between_fields_do_not_become_fields(tmp_path, fields):
    more = [("small", "u1"), ("f4", "<f8")]
    kind = np.dtype([*fields, *more], align=True)
    array = np.zeros(5, dtype=kind)
    dense = table(fields=[*fields, *more])
    for name in kind.names:
        array[name] = dense[name]
    cs = CsFile.read(write(tmp_path / "p.cs", array))
    cs.with_shifts(np.ones((5, 2))).write(tmp_path / "new.cs")
    new = np.load(tmp_path / "new.cs")
    assert [name for name in new.dtype.names if not name.startswith("alignments2D")] == [
        name for name in kind.names if not name.startswith("alignments2D")
    ]
    assert new["f4"].tobytes() == dense["f4"].tobytes()


def test_the_microscope_and_both_defoci_come_along_to_star(tmp_path):
    names = ["df1_A", "df2_A", "df_angle_rad", "accel_kv", "cs_mm", "amp_contrast"]
    array = table(fields=[*ALIGNED, *((f"ctf/{name}", "<f4") for name in names)])
    for name, value in zip(names, (12e3, 11e3, np.pi / 6, 200.0, 1.4, 0.07), strict=True):
        array[f"ctf/{name}"] = value
    star = CsFile.read(write(tmp_path / "p.cs", array)).to_star()
    for label, value in {"rlnVoltage": 200, "rlnSphericalAberration": 1.4, "rlnAmplitudeContrast": 0.07}.items():
        np.testing.assert_allclose(star.numbers(star.optics, label), value)
    for label, value in {"rlnDefocusU": 12e3, "rlnDefocusV": 11e3, "rlnDefocusAngle": 30}.items():
        np.testing.assert_allclose(star.numbers(star.particles, label), value, rtol=1e-6)
    assert not star.remarks()
    array["ctf/amp_contrast"] = 7
    assert "placeholders" in CsFile.read(write(tmp_path / "p.cs", array)).to_star().remarks()[0]


def test_to_star_a_real_file_says_what_the_authors_star_file_says(centering_data):
    folder = centering_data / "empiar_10076"
    theirs, ours = StarFile.read(folder / "empiar_10076_7.star"), CsFile.read(folder / "empiar_10076_7.cs").to_star()
    for label in ("DefocusU", "DefocusV", "DefocusAngle", "Voltage", "SphericalAberration", "AmplitudeContrast"):
        np.testing.assert_allclose(ours.per_particle(f"rln{label}"), theirs.per_particle(f"rln{label}"), rtol=1e-4)
