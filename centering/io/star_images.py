"""Which images the rows of a STAR file name, for a million of them: no name is made that is not needed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.io.image_names import Index, file_of
from centering.io.star_cells import Bytes, Cells

__all__ = ["find_images"]

_DIGITS = 18  # more are no number of an image
_LONG = 4096  # bytes; the names of most files are shorter
_AT = ord("@")


def find_images(names: Cells) -> tuple[list[str], Index, Index] | None:
    """Return what `centering.io.image_names.parse_images` returns; None where a name is not ``000001@stack.mrcs``."""
    if names.lengths.max(initial=0) > _LONG or not names.lengths.all():
        return None
    places: dict[str, int] = {}
    numbers, index = np.empty(len(names), dtype=np.int64), np.empty(len(names), dtype=np.int64)
    for part in names.parts():
        text, starts, lengths = names.piece(part)
        number, at = _numbers(_rows(text, starts, np.minimum(lengths, _DIGITS + 1)))
        if (number < 1).any():
            return None
        numbers[part] = number
        starts, lengths = starts + at + 1, lengths - at - 1
        stacks = _rows(text, starts, lengths)
        # stacks are told apart where they change: most rows name that of the row before
        new = np.ones(len(starts), dtype=np.bool_)
        new[1:] = (stacks[1:] != stacks[:-1]).any(axis=1) | (lengths[1:] != lengths[:-1])
        found = Cells(text, starts[new], lengths[new]).texts()
        index[part] = np.array([places.setdefault(one, len(places)) for one in found])[np.cumsum(new) - 1]
    files: dict[str, int] = {}
    of = np.array([files.setdefault(file_of(name), len(files)) for name in places], dtype=np.int64)
    if any(not name or "\0" in name for name in files):
        return None
    return list(files), of[index], numbers - 1


def _rows(text: Bytes, starts: Index, lengths: Index) -> Bytes:
    """Return texts as rows of one width, with zeros behind what is shorter."""
    columns = np.arange(int(lengths.max(initial=0)))
    rows: Bytes = text[np.minimum(starts[:, None] + columns, len(text) - 1)]
    rows[columns >= lengths[:, None]] = 0
    return rows


def _numbers(rows: Bytes) -> tuple[Index, npt.NDArray[np.int64]]:
    """Return the numbers before the first ``@`` and its places; 0 where there is none, or no number before it."""
    signs = rows == _AT
    at = signs.argmax(axis=1)
    fine = signs.any(axis=1)
    number = np.zeros(len(rows), dtype=np.int64)
    for place in range(int(at.max(initial=0))):
        inside = place < at
        digit = rows[:, place] - np.uint8(ord("0"))  # what is no digit becomes 10 and more
        fine &= (digit < 10) | ~inside
        number = np.where(inside, 10 * number + digit, number)
    return np.where(fine, number, 0), at
