"""STAR files, edited in place of being rewritten: what is not touched stays as it was written.

The `starfile` package reads values into a table and writes a new file, which loses comments (RELION's
``# version`` among them), turns ``nan`` into ``<NA>`` and cuts a value at ``#``.  Here the file stays text
and only the cells of the columns that change are replaced; new files are written by `starfile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.atomic import replacing

__all__ = ["StarFile", "Table", "new_star"]

_TOKEN = r"""(?:"[^"]*"(?=\s|$)|'[^']*'(?=\s|$)|[^\s#]\S*)"""
_TOKENS = re.compile(_TOKEN + r"|(\#.*)")


def _plain(line: str) -> bool:
    return not ("#" in line or '"' in line or "'" in line)


def _split(line: str) -> list[str]:
    """Return the values of one line, quotes kept, a trailing comment left out."""
    if _plain(line):
        return line.split()
    found = []
    for match in _TOKENS.finditer(line):
        if match.group(1) is not None:
            break
        found.append(match.group())
    return found


def _unquote(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


@dataclass(frozen=True)
class Table:
    """Where one ``loop_`` lies in a STAR file.

    Attributes
    ----------
    name : str
        Name of the block: ``particles`` for ``data_particles``, empty for ``data_``.
    columns : tuple of str
        Labels without the leading underscore, in file order.
    labels : tuple of int
        Line numbers (0-based) of the labels.
    rows : sequence of int
        Line numbers (0-based) of the rows.
    """

    name: str
    columns: tuple[str, ...]
    labels: tuple[int, ...]
    rows: Sequence[int]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class StarFile:
    """A STAR file of RELION 3.0 (one block) or 3.1 and later (``data_optics`` and ``data_particles``).

    Attributes
    ----------
    path : Path
        Where it was read from.
    lines : list of str
        Its text without line ends; never changed, `with_columns` returns another `StarFile`.
    tables : tuple of Table
        The loops, in file order.
    """

    path: Path
    lines: list[str]
    tables: tuple[Table, ...]

    @classmethod
    def read(cls, path: str | PathLike[str]) -> StarFile:
        r"""Read a STAR file; Windows line ends are accepted, ``\n`` is written.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            Not a STAR file, or a row whose number of values is not the number of columns.
        """
        source = Path(path)
        # surrogateescape: names in whatever encoding come out as the bytes that went in
        text = source.read_text(encoding="utf-8", errors="surrogateescape")
        lines = text.split("\n")  # reading in text mode has already made "\n" of every line end
        if lines[-1] == "":
            lines.pop()
        tables = tuple(_tables(lines))
        if not any(line.startswith("data_") for line in lines):
            raise ValueError(f"{fspath(source)!r} is not a STAR file: it has no line that starts with data_")
        for table in tables:
            _check_rows(source, lines, table)
        return cls(source, lines, tables)

    def table(self, name: str) -> Table | None:
        """Return the loop of block ``data_<name>``, None where there is none."""
        return next((table for table in self.tables if table.name == name), None)

    @property
    def optics(self) -> Table | None:
        """The optics groups of RELION 3.1 and later; None in a file of RELION 3.0."""
        return self.table("optics")

    @property
    def particles(self) -> Table:
        """The loop that names the images.

        Raises
        ------
        ValueError
            No loop has a column ``rlnImageName``, or it has no rows.
        """
        named = [table for table in self.tables if "rlnImageName" in table.columns]
        if not named:
            raise ValueError(
                f"STAR file {fspath(self.path)!r} has no column rlnImageName; give a STAR file of particles"
            )
        table = next((table for table in named if table.name == "particles"), named[0])
        if not len(table):
            raise ValueError(f"STAR file {fspath(self.path)!r} lists no particles: its table has no rows")
        return table

    def column(self, table: Table, label: str) -> list[str]:
        """Return the values of one column as text, without quotes.

        Raises
        ------
        ValueError
            The table has no such column.
        """
        index = self._index(table, label)
        lines = self.lines
        values = []
        for row in table.rows:
            line = lines[row]
            values.append(
                line.split(None, index + 1)[index] if _plain(line) else _unquote(_split(line)[index])
            )
        return values

    def numbers(self, table: Table, label: str) -> npt.NDArray[np.float64]:
        """Return the values of one column as float64.

        Raises
        ------
        ValueError
            The table has no such column, or a value is not a number.
        """
        values = self.column(table, label)
        try:
            return np.array(values, dtype=np.float64)
        except ValueError:
            bad = next(value for value in values if not _is_number(value))
            raise ValueError(
                f"column {label} of {fspath(self.path)!r} holds {bad!r}, which is not a number"
            ) from None

    def with_columns(self, table: Table, columns: Mapping[str, Sequence[str]]) -> StarFile:
        """Return a file in which the given columns of ``table`` are replaced, or appended where new.

        Parameters
        ----------
        table : Table
            One of ``self.tables``.
        columns : mapping of str to sequence of str
            The new values, one for each row; values are written as they are.

        Raises
        ------
        ValueError
            A column whose length is not the number of rows.
        """
        for label, values in columns.items():
            if len(values) != len(table):
                raise ValueError(f"column {label} has {len(values)} values, the table has {len(table)} rows")
        lines = list(self.lines)
        old = sorted(table.columns.index(label) for label in columns if label in table.columns)
        new = [label for label in columns if label not in table.columns]
        if old:
            pattern = _around(old, len(table.columns))
            replacements = zip(*(columns[table.columns[index]] for index in old), strict=True)
            for row, values in zip(table.rows, replacements, strict=True):
                lines[row] = _weave(pattern, lines[row], values)
        if new:
            for row, values in zip(
                table.rows, zip(*(columns[label] for label in new), strict=True), strict=True
            ):
                lines[row] = _append(lines[row], values)
        return self._with_labels(lines, table, new)

    def with_origins(
        self, displacement: npt.NDArray[np.float64], pixel_size: npt.NDArray[np.float64] | None
    ) -> StarFile:
        """Return a file whose origins centre the particles; what stood there is replaced.

        RELION adds the origin to the coordinates: ``OriginX = -column``, ``OriginY = -row``, in Angstrom
        (``rlnOriginXAngst``, ``rlnOriginYAngst``) where the file has optics groups, otherwise in pixels
        (``rlnOriginX``, ``rlnOriginY``).  A column of the other unit that the file already has is set too,
        so that no stale origin survives.

        Parameters
        ----------
        displacement : ndarray, shape (B, 2), float64
            (row, column) in pixels, object centre minus ``n // 2``, in the order of the rows.
        pixel_size : ndarray, shape (B,), float64, or None
            Angstrom per pixel.

        Raises
        ------
        ValueError
            Angstrom are to be written and the pixel size is not known, or a shape does not fit.
        """
        table = self.particles
        if displacement.shape != (len(table), 2):
            raise ValueError(
                f"displacement has shape {displacement.shape}, the STAR file asks for ({len(table)}, 2)"
            )
        wanted = ["rlnOriginXAngst", "rlnOriginYAngst"] if self.optics else ["rlnOriginX", "rlnOriginY"]
        known = ["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginX", "rlnOriginY"]
        columns = {}
        for label in known:
            if label in wanted or label in table.columns:
                pixels = -displacement[:, 1] if label.startswith("rlnOriginX") else -displacement[:, 0]
                if label.endswith("Angst") and pixel_size is None:
                    raise ValueError(
                        f"{fspath(self.path)!r} stores origins in Angstrom and the pixel size is not known; "
                        "give it with --angpix"
                    )
                scale = pixel_size if label.endswith("Angst") and pixel_size is not None else 1.0
                columns[label] = _decimals(pixels * scale)
        return self.with_columns(table, columns)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the file; it appears under its name only when it is complete."""
        with replacing(path) as temporary, temporary.open(
            "w", encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as file:
            file.writelines(f"{line}\n" for line in self.lines)

    def _index(self, table: Table, label: str) -> int:
        if label not in table.columns:
            raise ValueError(f"table data_{table.name} of {fspath(self.path)!r} has no column {label}")
        return table.columns.index(label)

    def _with_labels(self, lines: list[str], table: Table, new: list[str]) -> StarFile:
        """Insert the labels of appended columns after the last label and move what comes behind."""
        if not new:
            return replace(self, lines=lines)
        numbered = "#" in lines[table.labels[-1]]
        place = table.labels[-1] + 1
        count = len(table.columns)
        lines[place:place] = [
            f"_{label} #{count + k}" if numbered else f"_{label}" for k, label in enumerate(new, 1)
        ]
        return replace(self, lines=lines, tables=tuple(_tables(lines)))


def new_star(path: str | PathLike[str], blocks: Mapping[str, Mapping[str, Sequence[object]]]) -> None:
    """Write a new STAR file of loops; the same blocks give the same bytes.

    Parameters
    ----------
    path : path
        The file to write; it appears under its name only when it is complete.
    blocks : mapping of str to mapping of str to sequence
        For each block name (``optics``, ``particles``) its columns in order; floats get six decimals.
    """
    import pandas as pd
    import starfile

    text = starfile.to_string({name: pd.DataFrame(dict(columns)) for name, columns in blocks.items()})
    body = text.split("\n", 1)[1]  # the first line holds the time of day
    with replacing(path) as temporary:
        temporary.write_text("# version 30001\n" + body, encoding="utf-8", errors="surrogateescape")


def _tables(lines: list[str]) -> Iterator[Table]:
    """Yield the loops of a STAR file."""
    block = ""
    place = 0
    while place < len(lines):
        word = lines[place].strip()
        if _is_block(word):
            block = word.split()[0][5:]
        place += 1
        if word == "loop_" or word.startswith(("loop_ ", "loop_\t", "loop_#")):
            labels, place = _labels(lines, place)
            rows, place = _rows(lines, place)
            columns = tuple(lines[label].split()[0][1:] for label in labels)
            yield Table(block, columns, labels, rows)


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
        word = lines[number].lstrip()
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
    return word.startswith("data_") and len(_split(word)) == 1


def _check_rows(path: Path, lines: list[str], table: Table) -> None:
    count = len(table.columns)
    if len(set(table.columns)) != count:
        twice = next(name for name in table.columns if table.columns.count(name) > 1)
        raise ValueError(f"table data_{table.name} of {fspath(path)!r} has the column {twice} twice")
    for row in table.rows:
        found = len(_split(lines[row]))
        if found != count:
            raise ValueError(
                f"line {row + 1} of {fspath(path)!r} has {found} values, its table has {count} columns"
            )


def _around(indices: list[int], count: int) -> re.Pattern[str]:
    """Return a pattern whose groups are the text between the columns ``indices`` of a row of ``count``."""
    parts = [r"(\s*"]
    for index in range(count):
        if index:
            parts.append(r"\s+")
        parts.append(rf"){_TOKEN}(" if index in indices else _TOKEN)
    parts.append(r".*)")
    return re.compile("".join(parts), re.DOTALL)


def _weave(pattern: re.Pattern[str], line: str, values: Sequence[str]) -> str:
    match = pattern.fullmatch(line)
    if match is None:
        raise AssertionError(f"a row that passed the check does not match: {line!r}")
    kept = match.groups()
    return kept[0] + "".join(value + text for value, text in zip(values, kept[1:], strict=True))


def _append(line: str, values: Sequence[str]) -> str:
    if "#" in line and (comment := next((m for m in _TOKENS.finditer(line) if m.group(1)), None)):
        return f"{line[: comment.start()].rstrip()} {' '.join(values)} {comment.group()}"
    return f"{line.rstrip()} {' '.join(values)}"


def _decimals(values: npt.NDArray[np.float64]) -> list[str]:
    # adding zero turns -0.0, and what rounds to it, into 0.0
    return [f"{value:.6f}" for value in (np.round(values, 6) + 0.0).tolist()]


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
