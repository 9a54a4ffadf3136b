"""Where the tables of a STAR file lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.star_cells import TOKENS, Bytes, Index, RowError, Spans, blank, decoded

__all__ = ["PLACEHOLDERS", "Table", "find_lines", "find_spans", "find_tables", "new_lines", "quote", "refuse_twice"]

PLACEHOLDERS = {"rlnVoltage": 300.0, "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.1}
"""What a new STAR file says because RELION refuses one that does not; centering has no use for it."""

_BREAKS = re.compile(r"[\n\r]")
_REMARKED = np.frombuffer(b";_", dtype=np.uint8)  # to RELION a line is a comment that stands so between labels
_LOOP = re.compile(rb"loop_([ \t#]|$)")
_MARK = "\ufeff".encode()
_NEWLINE, _COMMENT, _UNDERSCORE = b"\n#_"
_PART = 2**18  # bytes that fit into a cache
_PADDING = 64  # blanks before the first value of a row that many rows may have


def quote(value: str) -> str:
    """Return a value as it stands in a row, with quotes around it where it would not be read back without.

    Where it is empty, has blanks or begins with a quote, ``#`` or ``_``, and where it would open a block or a loop as
    the first value of a row; double quotes unless it holds such.

    Raises
    ------
    ValueError
        A value that no quotes can hold, or one with a line break.
    """
    if value.split() == [value] and value[0] not in "\"'#_" and not value.startswith(("data_", "loop_")):
        return value
    if not (_BREAKS.search(value) or ('"' in value and "'" in value)):
        return f"'{value}'" if '"' in value else f'"{value}"'
    what = "a line break" if _BREAKS.search(value) else "both kinds of quotation marks"
    raise ValueError(f"{value!r} cannot be written into a STAR file: it has {what}; give it another name")


@dataclass(frozen=True)
class Table:
    """Where one ``loop_`` lies in a STAR file, or a block of pairs of a label and a value: a table of one row.

    Attributes
    ----------
    name : str
        Name of the block: ``particles`` for ``data_particles``, empty for ``data_``.
    columns : tuple of str
        Labels without the leading underscore, in file order.
    labels : tuple of int
        Line numbers (0-based) of the labels.
    rows : sequence of int
        Line numbers (0-based) of the rows; none of pairs.
    pairs : bool
        Whether each value stands behind its label.
    """

    name: str
    columns: tuple[str, ...]
    labels: tuple[int, ...]
    rows: Sequence[int]
    pairs: bool = False

    def __len__(self) -> int:
        return 1 if self.pairs else len(self.rows)


def find_lines(text: Bytes) -> tuple[Index, Index]:
    """Return where each line begins and ends, without its line break; the text ends with one."""
    parts = range(0, len(text), _PART)
    ends = np.concatenate([np.flatnonzero(text[part : part + _PART] == _NEWLINE) + part for part in parts])
    return np.concatenate([np.zeros(min(len(ends), 1), dtype=np.int64), ends[:-1] + 1]), ends


def find_tables(text: Bytes, begins: Index, ends: Index) -> tuple[list[Table], int]:
    """Return the loops of a STAR file and what its blocks have of pairs, in file order, and the number of blocks."""
    lines, signs, turns = _solid(text, begins, ends)
    tables = []
    block, blocks, place = "", 0, 0

    def word(place: int) -> bytes:
        line = lines[place]
        return text[begins[line] : ends[line]].tobytes().lstrip(_MARK).strip()

    def next_turn(place: int, *, in_rows: bool) -> int:
        for turn in turns[np.searchsorted(turns, place) :].tolist():
            if not in_rows or signs[turn] == _UNDERSCORE or _is_block(word(turn)) or word(turn) == b"loop_":
                return int(turn)
        return len(lines)

    while (place := next_turn(place, in_rows=False)) < len(lines):
        first = word(place)
        loop = _LOOP.match(first) is not None
        if not loop and signs[place] != _UNDERSCORE:
            if _is_block(first):
                block, blocks = decoded(first.split()[0][5:]), blocks + 1
            place += 1
            continue
        stop = place = place + loop
        while stop < len(lines) and (signs[stop] == _UNDERSCORE or (signs[stop : stop + 2] == _REMARKED).all()):
            stop += 1
        found = [label for label in range(place, stop) if signs[label] == _UNDERSCORE]
        columns = tuple(decoded(word(label).split()[0][1:]) for label in found)
        labels, place = tuple(lines[found].tolist()), stop
        rows: Sequence[int] = range(0)
        if loop:
            place = next_turn(stop, in_rows=True)
            rows = _rows(lines[stop:place])
        tables.append(Table(block, columns, labels, rows, pairs=not loop))
    return tables, blocks


def _solid(text: Bytes, begins: Index, ends: Index) -> tuple[Index, Bytes, Index]:
    """Return the lines that are neither empty nor comments, their first bytes, and which of them may begin a table."""
    first = _first(text, begins, ends)
    for line in np.flatnonzero(text[first] == _MARK[0]).tolist():
        whole = text[begins[line] : ends[line]].tobytes()
        first[line] = ends[line] - len(whole.lstrip(_MARK).lstrip())
    signs = text[first]
    lines = np.flatnonzero((signs != _NEWLINE) & (signs != _COMMENT))
    signs, second = signs[lines], text[np.minimum(first[lines] + 1, len(text) - 1)]
    turns = (signs == ord("d")) & (second == ord("a")) | (signs == ord("l")) & (second == ord("o"))
    return lines, signs, np.flatnonzero(turns | (signs == _UNDERSCORE))


def _first(text: Bytes, begins: Index, ends: Index) -> Index:
    """Return where the first byte of every line is that is no blank; its end where there is none."""
    first = begins.copy()
    left = np.arange(len(first))
    for _ in range(_PADDING):
        byte = text[first[left]]
        left = left[blank(byte) & (byte != _NEWLINE)]
        if not len(left):
            return first
        first[left] += 1
    for line in left.tolist():
        first[line] = ends[line] - len(text[first[line] : ends[line]].tobytes().lstrip())
    return first


def _rows(lines: Index) -> Sequence[int]:
    # rows without a gap, the usual case, need no list of a million integers
    if len(lines) and lines[-1] - lines[0] + 1 == len(lines):
        return range(int(lines[0]), int(lines[-1]) + 1)
    return tuple(lines.tolist())


def _is_block(word: bytes) -> bool:
    """Whether a line opens a block; a row may well start with a folder called data_..."""
    return word.startswith(b"data_") and len(values_of(word)) == 1


def values_of(line: bytes) -> list[tuple[int, int]]:
    """Return where the values of one line begin and end, quotes and all, without a comment behind them."""
    found = []
    for match in TOKENS.finditer(line):
        if match.group(1) is not None:
            break
        found.append(match.span())
    return found


def refuse_twice(path: Path, tables: Sequence[Table]) -> None:
    """Raise ValueError for two tables of optics groups or particles of one name: RELION reads the first alone."""
    found: dict[str, int] = {}
    for table in tables:
        if len(table) and (table.name == "optics" or "rlnImageName" in table.columns):
            first, second = found.setdefault(table.name, table.labels[0]), table.labels[0]
            if first != second:
                raise ValueError(
                    f"{fspath(path)!r} has two tables data_{table.name}, in lines {first + 1} and {second + 1}; "
                    "make one of them, or a file of each"
                )


def find_spans(path: Path, text: Bytes, begins: Index, ends: Index, table: Table) -> Spans:
    """Return where the values of a table lie; ValueError where a row has not as many as the table has columns."""
    name, count = fspath(path), len(table.columns)
    if len(set(table.columns)) != count:
        twice = next(label for label in table.columns if table.columns.count(label) > 1)
        raise ValueError(f"table data_{table.name} of {name!r} has the column {twice} twice")
    if not table.pairs:
        rows = np.asarray(table.rows, dtype=np.int64)
        try:
            return Spans.find(text, begins[rows], ends[rows], count)
        except RowError as error:
            line = table.rows[error.row] + 1
            raise ValueError(
                f"line {line} of {name!r} has {error.found} values, its table has {count} columns"
            ) from None
    begin, places = int(begins[table.labels[0]]), []
    for label in table.labels:
        found = values_of(text[begins[label] : ends[label]].tobytes())[1:]
        if len(found) != 1:
            raise ValueError(f"line {label + 1} of {name!r} has {len(found)} values behind a label; give one")
        places += [int(begins[label]) - begin + place for place in found[0]]
    end = ends[list(table.labels[-1:])]
    return Spans(np.array([begin]), end, np.array([places], dtype=np.int64), np.zeros(1, dtype=np.int64))


def new_lines(
    names: Sequence[str],
    size: int,
    pixel_size: npt.NDArray[np.float64] | None,
    microscope: Mapping[str, float] | None = None,
) -> list[str]:
    """Return the lines of a new STAR file that names images; see `centering.io.star.StarFile.new`."""
    quoted = [quote(name) for name in names]
    if pixel_size is None:
        return ["data_", "", "loop_", "_rlnImageName", *quoted]
    sizes, groups = np.unique(pixel_size, return_inverse=True)
    labels = ["rlnOpticsGroup", "rlnOpticsGroupName", "rlnImagePixelSize", "rlnImageSize", "rlnImageDimensionality"]
    if not size:
        labels.remove("rlnImageSize")
    remark = [] if microscope else [f"# placeholders, not measured: {', '.join(PLACEHOLDERS)}"]
    microscope = microscope or PLACEHOLDERS
    rest = " ".join(f"{value:g}" for value in microscope.values())
    return [
        "# version 30001",
        *remark,
        *("data_optics", "", "loop_", *(f"_{label}" for label in (*labels, *microscope))),
        *(f"{k} opticsGroup{k} {one:.6f} {size or ''} 2 {rest}" for k, one in enumerate(sizes.tolist(), 1)),
        *("", "data_particles", "", "loop_", "_rlnImageName", "_rlnOpticsGroup"),
        *(f"{name} {group + 1}" for name, group in zip(quoted, groups.tolist(), strict=True)),
    ]
