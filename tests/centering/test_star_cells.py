"""The places of values in the bytes of a STAR file, against Python's own handling of text."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from centering.io import star_cells
from centering.io.image_names import parse_images
from centering.io.star import StarFile
from centering.io.star_cells import Cells, fixed
from centering.io.star_images import find_images

finite = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e4, 1e4) | st.integers(-(10**6), 10**6)


@given(arrays.arrays(np.float64, st.integers(0, 20), elements=finite.map(float)))
def test_numbers_are_written_as_python_writes_them(values):
    # of two numbers of six decimals that are equally near Python may take the other one, and a sign before zero
    rounded = np.where(np.abs(values) < 1e9, np.rint(np.clip(values, -1e9, 1e9) * 1e6) / 1e6 + 0.0, values)
    expected = [f"{value:.6f}" for value in rounded.tolist()]
    assert fixed(values).texts() == list(fixed(values)) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e300, 1e9 - 1e-6, -999999.9999995, -4e-7, 0.0, 9.9999999])
def test_numbers_at_the_ends_of_the_range(value):
    rounded = np.round(value, 6) + 0.0 if abs(value) < 1e9 else value
    assert fixed([value, 1.5])[0] == f"{rounded:.6f}"


texts = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=9)


@given(st.lists(texts), st.sampled_from([2, 30, 2**18]))
def test_texts_come_out_as_they_went_in(values, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(star_cells, "_CHUNK", chunk)
        cells = Cells.of(values)
        assert cells.texts() == list(cells) == values
        assert cells[1:3] == values[1:3]


@given(
    st.lists(st.builds("{}{}".format, st.from_regex(r"[0-9]{1,20}@|[0-9]@@|x@|@|", fullmatch=True), texts), min_size=1)
)
def test_images_are_what_the_names_say(names):
    try:
        expected = parse_images("p.star", names)
    except ValueError:
        expected = None
    found = find_images(Cells.of(names))
    if found is not None:
        assert expected is not None
        assert found[0] == expected[0]
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(found[2], expected[2])
    else:
        # what it leaves to the slow way is no usual name
        assert not all(re.fullmatch(r"0*[1-9][0-9]{0,16}@[^\0]*[^:\0]", name) and len(name) < 18 for name in names)


@pytest.mark.parametrize("chunk", [50, 2**18])
@pytest.mark.parametrize("odd", ["\xa0", "\x85", "\u2028", "\x1c", "\x01"])
def test_only_the_blanks_of_c_separate_values(tmp_path, monkeypatch, odd, chunk):
    monkeypatch.setattr(star_cells, "_CHUNK", chunk)
    names = [f"{k}@a{odd}b.mrcs" for k in range(1, 9)]
    rows = "".join(f"{name}\t\v\f 1.5 #\n" for name in names)
    (tmp_path / "p.star").write_text(
        "data_\nloop_\n_rlnImageName\n_rlnOriginX\n" + rows, encoding="utf-8", newline="\n"
    )
    star = StarFile.read(tmp_path / "p.star")
    assert star.names == names
    star.with_origins(np.zeros((8, 2)), None).write(tmp_path / "q.star")
    expected = re.sub(r"1\.5 #\n", "0.000000 0.000000 #\n", rows)
    assert (tmp_path / "q.star").read_bytes().decode().endswith(expected)


def test_a_line_of_many_bytes(tmp_path):
    names = ["1@" + "x" * 70_000, "2@y"]
    (tmp_path / "p.star").write_text(
        "data_\nloop_\n_rlnImageName\n_rlnA\n" + "".join(f"{one} 'a b'\n" for one in names)
    )
    star = StarFile.read(tmp_path / "p.star")
    assert star.names == names
    assert star.column(star.particles, "rlnA") == ["a b", "a b"]
    assert star.images[0] == ["x" * 70_000, "y"]


@pytest.mark.parametrize("row", [0, 3, 6])
def test_the_first_row_of_another_length_is_named(tmp_path, monkeypatch, row):
    monkeypatch.setattr(star_cells, "_CHUNK", 30)
    rows = [f"{k}@a.mrcs {k}" for k in range(1, 9)]
    rows[row] = rows[row].split()[0]
    rows[7] += " 1 2"
    (tmp_path / "p.star").write_text("data_\nloop_\n_rlnImageName\n_rlnA\n" + "\n".join(rows))
    with pytest.raises(ValueError, match=f"line {row + 5} of .* has 1 values, its table has 2 columns"):
        StarFile.read(tmp_path / "p.star")
