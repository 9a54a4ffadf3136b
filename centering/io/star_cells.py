"""The values of a STAR file as places in its bytes: a million rows are found, read and replaced without an object each.

Blanks are those of C, and RELION's: space, tab, and what ends a line; a name may hold any other character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
import numpy.typing as npt

__all__ = ["Cells", "Spans", "blank", "decoded", "encoded", "fixed", "gather", "joined", "woven"]

Bytes = npt.NDArray[np.uint8]
Index = npt.NDArray[np.int64]

TOKENS = re.compile(rb"""(?:"[^"]*"(?=\s|$)|'[^']*'(?=\s|$)|[^\s#]\S*)|(\#.*)""")
"""A value, quotes and all, or a comment, which is the group."""

_CHUNK = 2**18  # bytes that are worked on at a time: they fit into a cache with all that is made of them
_NEWLINE, _SPACE = 10, 32
_FINE = 1e15  # below it six decimals of a double are exact


def blank(text: Bytes) -> npt.NDArray[np.bool_]:
    """Return which bytes are blanks, or end a line."""
    return np.asarray((text == _SPACE) | ((text >= 9) & (text <= 13)))


def encoded(text: str) -> bytes:
    """Return the bytes of what was read: names of whatever encoding come out as they went in."""
    return text.encode("utf-8", "surrogateescape")


def decoded(text: bytes) -> str:
    """Return the text of bytes in whatever encoding."""
    return text.decode("utf-8", "surrogateescape")


def gather(source: Bytes, starts: Index, lengths: Index) -> Bytes:
    """Return pieces of ``source``, one behind the other."""
    some = lengths > 0
    starts, lengths = starts[some], lengths[some]
    if not len(starts):
        return np.empty(0, dtype=np.uint8)
    ends = np.cumsum(lengths)
    place = np.ones(ends[-1], dtype=np.int64)
    place[0] = starts[0]
    place[ends[:-1]] = starts[1:] - (starts[:-1] + lengths[:-1] - 1)
    return source[np.cumsum(place, out=place)]


@dataclass(frozen=True, eq=False)
class Cells(Sequence[str]):
    """The texts of one column: pieces of an array of bytes, one behind the other with or without gaps."""

    text: Bytes
    starts: Index
    lengths: Index

    @classmethod
    def of(cls, values: Sequence[str]) -> Cells:
        """Return values, none of which has a line break."""
        text = np.frombuffer(encoded("".join(f"{value}\n" for value in values)), dtype=np.uint8)
        ends = np.flatnonzero(text == _NEWLINE)
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        return cls(text, starts, ends - starts)

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return Cells(self.text, self.starts[index], self.lengths[index]).texts()
        start = self.starts[index]
        return decoded(self.text[start : start + self.lengths[index]].tobytes())

    def parts(self) -> Iterator[slice]:
        """Yield slices of the rows, each about as long as a cache likes."""
        whole = int(self.starts[-1] + self.lengths[-1] - self.starts[0]) if len(self) else 0
        yield from _parts(len(self), whole)

    def texts(self) -> list[str]:
        """Return the texts, which hold no line breaks."""
        found: list[str] = []
        breaks = np.array([_NEWLINE], dtype=np.uint8)
        for part in self.parts():
            text, starts, lengths = self.piece(part)
            pieces = np.stack([starts, np.full_like(starts, len(text))], axis=1).ravel()
            one = np.stack([lengths, np.ones_like(lengths)], axis=1).ravel()
            found += decoded(gather(np.concatenate([text, breaks]), pieces, one).tobytes()).split("\n")[:-1]
        return found

    def piece(self, part: slice) -> tuple[Bytes, Index, Index]:
        """Return some rows, with no more text than they lie in."""
        starts, lengths = self.starts[part], self.lengths[part]
        if not len(starts):
            return self.text[:0], starts, lengths
        low, high = int(starts[0]), int(starts[-1] + lengths[-1])
        return self.text[low:high], starts - low, lengths


def _parts(rows: int, size: int) -> Iterator[slice]:
    step = max(1, _CHUNK * rows // max(size, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


@dataclass(frozen=True, eq=False)
class Spans:
    """Where the values of the rows of a table lie.

    Attributes
    ----------
    begins, ends : ndarray, shape (rows,), int64
        Where each line begins and ends, without its line break.
    places : ndarray, shape (rows, 2 * columns)
        Where each value begins and ends, from the beginning of its line.
    special : ndarray, int64
        The rows that have quotes, comments or control characters, in order.
    """

    begins: Index
    ends: Index
    places: npt.NDArray[np.integer]
    special: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @classmethod
    def find(cls, text: Bytes, begins: Index, ends: Index, columns: int) -> Spans:
        """Find the values of some rows.

        Raises
        ------
        RowError
            A row that has not as many values as there are columns.
        """
        longest = int((ends - begins).max(initial=0))
        short = np.flatnonzero(ends - begins < 2 * columns - 1)
        if len(short):  # so many places are not even asked for where there cannot be as many values
            one = slice(int(short[0]), int(short[0]) + 1)
            _find(text, begins[one], ends[one], np.empty((1, 2 * columns), dtype=np.int64), one.start)
        places = np.empty((len(begins), 2 * columns), dtype=np.uint16 if longest < 2**16 else np.int64)
        special = [
            part.start + _find(text, begins[part], ends[part], places[part], part.start)
            for part in _parts(len(begins), int(ends[-1] - begins[0]) if len(begins) else 0)
        ]
        return cls(begins, ends, places, np.concatenate([np.empty(0, dtype=np.int64), *special]))

    def cells(self, text: Bytes, column: int) -> Cells:
        """Return the values of one column, quotes and all."""
        begins = self.places[:, 2 * column].astype(np.int64)
        return Cells(text, self.begins + begins, self.places[:, 2 * column + 1] - begins)

    def values(self, text: Bytes, column: int) -> Cells:
        """Return the values of one column, without the quotes around them."""
        cells = self.cells(text, column)
        rows = self.special[cells.lengths[self.special] > 1]
        first, last = text[cells.starts[rows]], text[cells.starts[rows] + cells.lengths[rows] - 1]
        rows = rows[(first == last) & np.isin(first, list(b"\"'"))]
        cells.starts[rows] += 1
        cells.lengths[rows] -= 2
        return cells

    def rest(self, text: Bytes, new: Sequence[Cells]) -> tuple[Cells, Cells]:
        """Return what stands behind the last value of every row, and the same behind values of ``new``."""
        last = self.begins + self.places[:, -1].astype(np.int64)
        rest = Cells(text, last, self.ends - last)
        remarks = [b""] * len(last)
        for row in self.special.tolist():
            remark = text[last[row] : self.ends[row]].tobytes().rstrip()
            remarks[row] = remark if remark.strip() else b""
        return rest, joined(new, Cells.of([decoded(one) for one in remarks]) if any(remarks) else None)


class RowError(ValueError):
    """A row has not as many values as its table has columns."""

    def __init__(self, row: int, found: int) -> None:
        super().__init__(row, found)
        self.row, self.found = row, found


def _find(text: Bytes, begins: Index, ends: Index, places: npt.NDArray[np.integer], before: int) -> Index:
    """Set the places of the values of a few rows; return those that have quotes, comments or control characters.

    ``before`` is the number of the first one.
    """
    low, count = int(begins[0]), places.shape[1]
    view = text[low : int(ends[-1])]
    begins, ends = begins - low, ends - low
    edges = np.empty(len(view) + 2, dtype=np.bool_)
    edges[0] = edges[-1] = True
    np.less_equal(view, _SPACE, out=edges[1:-1])
    found = np.flatnonzero(edges[1:] != edges[:-1])  # begin and end of every word
    odd = _odd(view)
    rows = np.arange(len(begins))
    if not len(odd) and len(found) == count * len(begins):
        words = found.reshape(len(begins), count)
        if (words[:, 0] >= begins).all() and (words[:, -1] <= ends).all():
            places[:] = words - begins[:, None]
            return rows[:0]
    first = np.searchsorted(found, begins)
    many = np.searchsorted(found, ends, side="right") - first
    row_of = np.searchsorted(begins, odd, side="right") - 1
    even = many == count
    even[row_of[odd < ends[row_of]]] = False  # what is odd may also stand between rows
    places[even] = found[first[even, None] + np.arange(count)] - begins[even, None]
    for row in rows[~even].tolist():
        line = view[begins[row] : ends[row]].tobytes()
        spans: list[int] = []
        for match in TOKENS.finditer(line):
            if match.group(1) is not None:
                break
            spans += match.span()
        if len(spans) != count:
            raise RowError(before + row, len(spans) // 2)
        places[row] = spans
    return np.asarray(rows[~even])


def _odd(view: Bytes) -> Index:
    """Return where quotes, number signs and control characters are, of which most files have none."""
    text = view.tobytes()
    mask = np.zeros(0, dtype=np.bool_)
    if any(sign in text for sign in (b'"', b"'", b"#")):
        mask = (view == 34) | (view == 35) | (view == 39)
    control = (view < 9) | ((view > 13) & (view < _SPACE))
    if control.any():
        mask = mask | control if len(mask) else control
    return np.flatnonzero(mask)


def joined(columns: Sequence[Cells], remarks: Cells | None) -> Cells:
    """Return the texts of several columns, each behind a blank, and behind them ``remarks`` as they are."""
    rows, found, lengths = len(columns[0]), [], []
    if not rows:
        return columns[0]
    size = sum(int(one.lengths.sum()) for one in columns)
    for part in _parts(rows, size):
        source, starts, sizes = [np.array([_SPACE], dtype=np.uint8)], [], []
        place = 1
        for number, one in enumerate([*columns, *([] if remarks is None else [remarks])]):
            text, start, length = one.piece(part)
            if number < len(columns):
                starts.append(np.zeros_like(start))
                sizes.append(np.ones_like(start))
            starts.append(start + place)
            sizes.append(length)
            source.append(text)
            place += len(text)
        size_of = np.stack(sizes, axis=1)
        found.append(gather(np.concatenate(source), np.stack(starts, axis=1).ravel(), size_of.ravel()))
        lengths.append(size_of.sum(axis=1))
    length = np.concatenate(lengths)
    return Cells(np.concatenate(found), np.cumsum(length) - length, length)


def woven(
    text: Bytes, begin: int, end: int, old: Sequence[Cells], new: Sequence[Cells], before: bytes | bytearray = b""
) -> bytearray:
    """Return ``text[begin:end]`` with other cells in the place of ``old``, columns in the order of the file.

    ``before`` is what it comes behind.
    """
    result = bytearray(before)
    rows = len(old[0]) if old else 0
    for part in _parts(rows, end - begin):
        starts = np.stack([one.starts[part] for one in old], axis=1)
        ends = starts + np.stack([one.lengths[part] for one in old], axis=1)
        stop = int(ends[-1, -1])
        source, places, lengths = [text[begin:stop]], [], []
        place = stop - begin
        # what is kept before a cell begins where the cell before it ended
        kept = np.concatenate([[begin], ends.ravel()[:-1]]).reshape(starts.shape)
        for column, one in enumerate(new):
            piece, start, length = one.piece(part)
            places += [kept[:, column] - begin, start + place]
            lengths += [starts[:, column] - kept[:, column], length]
            source.append(piece)
            place += len(piece)
        result += gather(
            np.concatenate(source), np.stack(places, axis=1).ravel(), np.stack(lengths, axis=1).ravel()
        ).data
        begin = stop
    result += text[begin:end].data
    return result


def fixed(values: npt.ArrayLike) -> Cells:
    """Return numbers as a STAR file has them, with six decimals."""
    numbers = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(numbers * 1e6)
    if not len(scaled) or not (np.abs(scaled) < _FINE).all():
        # adding zero turns -0.0, and what rounds to it, into 0.0
        rounded = np.where(np.abs(scaled) < _FINE, scaled / 1e6 + 0.0, numbers)
        return Cells.of([f"{value:.6f}" for value in rounded.tolist()])
    negative, rest = scaled < 0, np.abs(scaled).astype(np.int64)
    digits = np.full(len(rest), 7)
    limit = 10**7
    while (larger := rest >= limit).any():
        digits += larger
        limit *= 10
    width = int(digits.max()) + 2
    text = np.empty((len(rest), width), dtype=np.uint8)
    for part in _parts(len(rest), len(rest) * 8 * width):
        left, chunk = rest[part], np.empty((width, len(rest[part])), dtype=np.uint8)
        for place in range(width - 1, -1, -1):
            if place == width - 7:
                chunk[place] = ord(".")
                continue
            tens = left // 10
            chunk[place] = left - 10 * tens + ord("0")
            left = tens
        text[part] = chunk.T
    lengths = digits + 1 + negative
    signs = np.flatnonzero(negative)
    text[signs, width - lengths[signs]] = ord("-")
    return Cells(text.ravel(), np.arange(1, len(rest) + 1) * width - lengths, lengths)
