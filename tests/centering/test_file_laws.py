"""Laws of the two tables of particles, STAR and `.cs`, for files drawn at random: what goes in comes out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from centering.io.cryosparc import CsFile
from centering.io.star import StarFile

FAR = 1e5  # pixels; no image is larger
ORIGINS = ["rlnOriginX", "rlnOriginY", "rlnOriginXAngst", "rlnOriginYAngst"]

# no blank that Python knows, and nothing that ends a line: those are between the values
letters = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"])
words = st.text(letters | st.sampled_from(list("#\"'_$;%")), min_size=1, max_size=8)
words |= st.sampled_from(["data_", "data_optics", "data_x/y.mrcs", "loop_", "loop_#", "_rlnName", "#", "'a'", '"'])
sentences = st.lists(words, max_size=3).map(" ".join)


def bare(value: str) -> bool:
    """Whether a value is one word without quotes, wherever it stands."""
    return bool(value.split() == [value] and value[0] not in "#\"'_" and not value.startswith(("data_", "loop_")))


def written(value: str) -> str:
    """Return a value as it stands in a STAR file: in quotes where it would not be one word without."""
    if bare(value):
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def can_be_written(value: str) -> bool:
    """Whether it needs no quotes, or some hold it: they end where they stand before a blank."""
    return bare(value) or '"' not in value or "'" not in value


values = sentences.filter(can_be_written)
blanks = st.text(" \t", min_size=1, max_size=3)


@st.composite
def star_files(draw):
    """Return the text of a STAR file, its labels, and the values of its rows."""
    others = draw(st.lists(st.from_regex(r"[a-z][A-Za-z]{0,6}", fullmatch=True), max_size=3, unique=True))
    stale = draw(st.lists(st.sampled_from(ORIGINS), max_size=3, unique=True))
    labels = draw(st.permutations(["rlnImageName", *others, *stale]))
    count = draw(st.integers(1, 4))
    cells = {
        label: draw(st.lists(values, min_size=count, max_size=count))
        if label not in stale
        else [repr(number) for number in draw(st.lists(st.floats(-9, 9), min_size=count, max_size=count))]
        for label in labels
    }
    lines = ["data_particles", "", "loop_", *(f"_{label} #{k}" for k, label in enumerate(labels, 1))]
    for row in range(count):
        line = "".join(draw(blanks) + written(cells[label][row]) for label in labels)
        remark = draw(st.none() | sentences)
        lines.append(line if remark is None else f"{line} # {remark}")
        lines += draw(st.sampled_from([[], ["# a comment"]]))
    if draw(st.booleans()):
        lines = ["data_optics", "", "loop_", "_rlnOpticsGroup", "1", "", *lines]
    return "\n".join(lines) + "\n", labels, cells


def displacements(count: int):
    return arrays.arrays(np.float64, (count, 2), elements=st.floats(-FAR, FAR, allow_subnormal=False))


@given(star_files(), st.data())
def test_a_star_file_keeps_its_bytes_and_every_value_but_the_origins(drawn, data):
    text, labels, cells = drawn
    count = len(cells["rlnImageName"])
    moves, pixel = data.draw(displacements(count)), data.draw(st.floats(0.1, 50.0))
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder, "in.star"), Path(folder, "out.star")
        path.write_text(text, encoding="utf-8")
        star = StarFile.read(path)
        star.write(copy)
        assert copy.read_bytes() == path.read_bytes()
        assert star.particles.columns == tuple(labels)
        for label in labels:
            assert star.column(star.particles, label) == cells[label]
        sizes = np.full(count, pixel)
        star.with_origins(moves, sizes).write(copy)
        again = StarFile.read(copy)
    # six decimals are written, of pixels or of Angstrom
    np.testing.assert_allclose(again.displacements(sizes), moves, rtol=1e-12, atol=5.1e-7 * max(1.0, 1.0 / pixel))
    assert set(again.particles.columns) - set(labels) <= set(ORIGINS)
    for label in labels:
        if label not in ORIGINS:
            assert again.column(again.particles, label) == cells[label]
    for number, line in enumerate(star.lines):
        if number not in star.particles.rows and not line.startswith("_"):
            assert line in again.lines


@given(star_files(), st.data())
def test_columns_that_are_set_read_back(drawn, data):
    text, labels, cells = drawn
    count = len(cells["rlnImageName"])
    new = data.draw(st.dictionaries(st.sampled_from([*labels, "rlnNew", "rlnOther"]), st.lists(values, min_size=count)))
    new = {label: column[:count] for label, column in new.items() if label != "rlnImageName"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.star")
        path.write_text(text, encoding="utf-8")
        star = StarFile.read(path)
        star.with_columns(star.particles, new).write(path)
        again = StarFile.read(path)
    for label, column in (cells | new).items():
        assert again.column(again.particles, label) == column


@given(sentences | st.text(max_size=5))
def test_a_value_reads_back_or_is_refused_in_one_sentence(value):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.star")
        path.write_text("data_particles\n\nloop_\n_rlnFirst\n_rlnLast\n1 2\n", encoding="utf-8")
        star = StarFile.read(path)
        table = star.tables[0]
        columns = {"rlnFirst": [value], "rlnLast": [value]}
        if "\n" in value or "\r" in value or not can_be_written(value):
            with pytest.raises(ValueError, match="cannot be written into a STAR file"):
                star.with_columns(table, columns)
            return
        star.with_columns(table, columns).write(path)
        again = StarFile.read(path)
    (table,) = again.tables
    assert table.columns == ("rlnFirst", "rlnLast")
    assert again.column(table, "rlnFirst") == again.column(table, "rlnLast") == [value]


FIELDS = [
    ("uid", "<u8"),
    ("blob/path", "S12"),
    ("blob/idx", "<u4"),
    ("blob/psize_A", "<f4"),
    ("ctf/tetra_A", ">f8", (4,)),
    ("alignments3D/shift", "<f4", (2,)),
    ("alignments3D/psize_A", "<f4"),
    ("alignments2D/shift", "<f4", (2,)),
    ("alignments2D/psize_A", "<f4"),
]


@st.composite
def tables(draw):
    """Return a table of particles whose bytes are anything where they mean nothing to centering."""
    fields = [field for field in draw(st.permutations(FIELDS)) if field[0][:4] == "blob" or draw(st.booleans())]
    count = draw(st.integers(1, 4))
    table = np.frombuffer(
        draw(st.binary(min_size=np.dtype(fields).itemsize * count, max_size=np.dtype(fields).itemsize * count)),
        dtype=fields,
    ).copy()
    table["blob/path"] = b">J1/s.mrcs"
    sizes = st.floats(0.125, 50.0, width=32)
    for name in table.dtype.names:
        if name.endswith("psize_A"):
            table[name] = draw(arrays.arrays(np.float32, count, elements=sizes))
    return table


@given(tables(), st.data())
def test_a_cs_file_keeps_every_byte_but_those_of_the_shifts(table, data):
    moves = data.draw(displacements(len(table)))
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder, "in.cs"), Path(folder, "out.cs")
        with path.open("wb") as file:
            np.save(file, table)
        cs = CsFile.read(path)
        cs.write(copy)
        assert copy.read_bytes() == path.read_bytes()
        cs.with_shifts(moves).write(copy)
        again = CsFile.read(copy)
    # shifts are single precision
    np.testing.assert_allclose(again.displacements(), moves, rtol=3e-7, atol=1e-30)
    assert again.table.dtype.names[: len(table.dtype.names)] == table.dtype.names
    for name in table.dtype.names:
        if not name.endswith("/shift"):
            assert again.table.dtype[name] == table.dtype[name]
            assert again.table[name].tobytes() == table[name].tobytes()
