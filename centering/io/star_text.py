"""STAR files, edited in place of being rewritten: what is not touched stays as it was written.

The `starfile` package reads values into a table and writes a new file, which loses comments (RELION's
``# version`` among them), turns ``nan`` into ``<NA>``, cuts a value at ``#`` and takes no name that is not UTF-8.
Here the file stays text and only the cells of the columns that change are replaced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from centering.io.atomic import replacing
from centering.io.refusal import refused_in_one_sentence
from centering.io.star_table import Table, append, around, check_rows, find_tables, plain, quote, split, unquote, weave

if TYPE_CHECKING:
    from typing import Self

__all__ = ["StarText"]


@dataclass(frozen=True)
class StarText:
    """The text of a STAR file, and where its loops lie in it.

    Attributes
    ----------
    path : Path
        Where it was read from.
    lines : list of str
        Its text without line ends; never changed, `with_columns` returns another file.
    tables : tuple of Table
        The loops, in file order.
    """

    path: Path
    lines: list[str]
    tables: tuple[Table, ...]

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        r"""Read a STAR file; Windows line ends are accepted, ``\n`` is written.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            Not a STAR file, or a row whose number of values is not the number of columns.
        """
        source = Path(path)
        with refused_in_one_sentence(source, "a STAR file"):
            # surrogateescape: names in whatever encoding come out as the bytes that went in
            text = source.read_text(encoding="utf-8", errors="surrogateescape")
            lines = text.split("\n")  # reading in text mode has already made "\n" of every line end
            if lines[-1] == "":
                lines.pop()
            tables = tuple(find_tables(lines))
            if not any(line.startswith("data_") for line in lines):
                raise ValueError(f"{fspath(source)!r} is not a STAR file: it has no line that starts with data_")
            for table in tables:
                check_rows(source, lines, table)
            return cls(source, lines, tables)

    def table(self, name: str) -> Table | None:
        """Return the loop of block ``data_<name>``, None where there is none."""
        return next((table for table in self.tables if table.name == name), None)

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
            values.append(line.split(None, index + 1)[index] if plain(line) else unquote(split(line)[index]))
        return values

    def value(self, table: Table, label: str, row: int) -> str:
        """Return one value as text, without quotes; ``row`` counts from 0."""
        return unquote(split(self.lines[table.rows[row]])[self._index(table, label)])

    def numbers(self, table: Table, label: str) -> npt.NDArray[np.float64]:
        """Return the values of one column as float64.

        Raises
        ------
        ValueError
            The table has no such column, or a value is not a finite number.
        """
        values = self.column(table, label)
        try:
            numbers = np.array(values, dtype=np.float64)
        except ValueError:
            numbers = np.full(len(values), np.nan)
        if not np.isfinite(numbers).all():
            bad = next(value for value in values if not _is_number(value))
            raise ValueError(f"column {label} of {fspath(self.path)!r} holds {bad!r}, which is not a number")
        return numbers

    def with_columns(self, table: Table, columns: Mapping[str, Sequence[str]]) -> Self:
        """Return a file in which the given columns of ``table`` are replaced, or appended where new.

        Parameters
        ----------
        table : Table
            One of ``self.tables``.
        columns : mapping of str to sequence of str
            The new values, one for each row; a value that is no word by itself is written in quotes.

        Raises
        ------
        ValueError
            A column whose length is not the number of rows, or a value that no quotes can hold.
        """
        for label, values in columns.items():
            if len(values) != len(table):
                raise ValueError(f"column {label} has {len(values)} values, the table has {len(table)} rows")
        columns = {label: [quote(value) for value in values] for label, values in columns.items()}
        lines = list(self.lines)
        old = sorted(table.columns.index(label) for label in columns if label in table.columns)
        new = [label for label in columns if label not in table.columns]
        if old:
            pattern = around(old, len(table.columns))
            replacements = zip(*(columns[table.columns[index]] for index in old), strict=True)
            for row, values in zip(table.rows, replacements, strict=True):
                lines[row] = weave(pattern, lines[row], values)
        if new:
            for row, values in zip(table.rows, zip(*(columns[label] for label in new), strict=True), strict=True):
                lines[row] = append(lines[row], values)
        return self._with_labels(lines, table, new)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the file; it appears under its name only when it is complete."""
        with (
            replacing(path) as temporary,
            temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
        ):
            file.writelines(f"{line}\n" for line in self.lines)

    def _index(self, table: Table, label: str) -> int:
        if label not in table.columns:
            raise ValueError(f"table data_{table.name} of {fspath(self.path)!r} has no column {label}")
        return table.columns.index(label)

    def _with_labels(self, lines: list[str], table: Table, new: list[str]) -> Self:
        """Insert the labels of appended columns after the last label and move what comes behind."""
        if not new:
            return replace(self, lines=lines)
        numbered = "#" in lines[table.labels[-1]]
        place = table.labels[-1] + 1
        count = len(table.columns)
        lines[place:place] = [f"_{label} #{count + k}" if numbered else f"_{label}" for k, label in enumerate(new, 1)]
        return replace(self, lines=lines, tables=tuple(find_tables(lines)))


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
