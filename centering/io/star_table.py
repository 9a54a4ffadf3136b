"""Where the tables of a STAR file lie, and how a row is cut into values and put together again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = [
    "PLACEHOLDERS",
    "Table",
    "append",
    "around",
    "check_rows",
    "find_tables",
    "new_lines",
    "plain",
    "quote",
    "refuse_twice",
    "split",
    "unmarked",
    "unquote",
    "weave",
]

PLACEHOLDERS = {"rlnVoltage": 300.0, "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.1}
"""What a new STAR file says because RELION refuses one that does not; centering has no use for it."""

_TOKEN = r"""(?:"[^"]*"(?=\s|$)|'[^']*'(?=\s|$)|[^\s#]\S*)"""
_MARK = "\ufeff"
_BREAKS = re.compile(r"[\n\r]")
_TOKENS = re.compile(_TOKEN + r"|(\#.*)")


def plain(line: str) -> bool:
    """Return whether a line has neither quotes nor a comment, so that blanks alone separate its values."""
    return not ("#" in line or '"' in line or "'" in line)


def split(line: str) -> list[str]:
    """Return the values of one line, quotes kept, a trailing comment left out."""
    if plain(line):
        return line.split()
    found = []
    for match in _TOKENS.finditer(line):
        if match.group(1) is not None:
            break
        found.append(match.group())
    return found


def unquote(value: str) -> str:
    """Return a value without the quotes around it."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


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


def find_tables(lines: list[str]) -> Iterator[Table]:
    """Yield the loops of a STAR file, and what its blocks have of pairs."""
    block = ""
    place = 0
    while place < len(lines):
        word = unmarked(lines[place]).strip()
        if _is_block(word):
            block = word.split()[0][5:]
        loop = word == "loop_" or word.startswith(("loop_ ", "loop_\t", "loop_#"))
        if loop or word.startswith("_"):
            labels, place = _labels(lines, place + loop)
            columns = tuple(lines[label].split()[0][1:] for label in labels)
            rows: Sequence[int] = ()
            if loop:
                rows, place = _rows(lines, place)
            yield Table(block, columns, labels, rows, pairs=not loop)
        else:
            place += 1


def unmarked(line: str) -> str:
    """Return a line without the byte order mark that some editors put before the first one."""
    return line.lstrip(_MARK)


def _labels(lines: list[str], place: int) -> tuple[tuple[int, ...], int]:
    labels = []
    while place < len(lines):
        word = lines[place].strip()
        if word.startswith("_"):
            labels.append(place)
        elif word and not word.startswith("#"):
            break
        place += 1
    return tuple(labels), place


def _rows(lines: list[str], place: int) -> tuple[Sequence[int], int]:
    rows = []
    for number in range(place, len(lines)):
        word = unmarked(lines[number]).lstrip()
        if word.startswith(("data_", "loop_")) and (_is_block(word.rstrip()) or word.rstrip() == "loop_"):
            break
        if word and word[0] != "#":
            rows.append(number)
    else:
        number = len(lines)
    # rows without a gap, the usual case, need no list of a million integers
    if rows and rows[-1] - rows[0] + 1 == len(rows):
        return range(rows[0], rows[-1] + 1), number
    return rows, number


def _is_block(word: str) -> bool:
    """Whether a stripped line opens a block; a row may well start with a folder called data_..."""
    return word.startswith("data_") and len(split(word)) == 1


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


def check_rows(path: Path, lines: list[str], table: Table) -> None:
    """Raise ValueError where a row does not have as many values as the table has columns.

    Pairs are looked at where they are optics groups or particles: others are nothing to us, and may be anything.
    """
    if table.pairs and not (table.name == "optics" or "rlnImageName" in table.columns):
        return
    count = len(table.columns)
    if len(set(table.columns)) != count:
        twice = next(name for name in table.columns if table.columns.count(name) > 1)
        raise ValueError(f"table data_{table.name} of {fspath(path)!r} has the column {twice} twice")
    for label in table.labels if table.pairs else ():
        found = len(split(lines[label])) - 1
        if found != 1:
            raise ValueError(f"line {label + 1} of {fspath(path)!r} has {found} values behind a label; give one")
    for row in table.rows:
        found = len(split(lines[row]))
        if found != count:
            raise ValueError(f"line {row + 1} of {fspath(path)!r} has {found} values, its table has {count} columns")


def around(indices: list[int], count: int) -> re.Pattern[str]:
    """Return a pattern whose groups are the text between the columns ``indices`` of a row of ``count``."""
    parts = [r"(\s*"]
    for index in range(count):
        if index:
            parts.append(r"\s+")
        parts.append(rf"){_TOKEN}(" if index in indices else _TOKEN)
    parts.append(r".*)")
    return re.compile("".join(parts), re.DOTALL)


def weave(pattern: re.Pattern[str], line: str, values: Sequence[str]) -> str:
    """Return the row with new values between the groups that ``pattern`` keeps."""
    match = pattern.fullmatch(line)
    if match is None:
        raise AssertionError(f"a row that passed the check does not match: {line!r}")
    kept = match.groups()
    return kept[0] + "".join(value + text for value, text in zip(values, kept[1:], strict=True))


def append(line: str, values: Sequence[str]) -> str:
    """Return the row with further values at its end, before a comment."""
    if "#" in line and (comment := next((m for m in _TOKENS.finditer(line) if m.group(1)), None)):
        return f"{line[: comment.start()].rstrip()} {' '.join(values)} {comment.group()}"
    return f"{line.rstrip()} {' '.join(values)}"


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
