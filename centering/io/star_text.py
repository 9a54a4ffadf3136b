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
from centering.io.star_table import (
    Table,
    append,
    around,
    check_rows,
    find_tables,
    plain,
    quote,
    refuse_twice,
    split,
    unmarked,
    unquote,
    weave,
)

if TYPE_CHECKING:
    from typing import Self

__all__ = ["StarText"]


@dataclass(frozen=True)
class StarText:
    """The text of a STAR file of particles, where its tables lie in it, and what it says of every particle.

    Attributes
    ----------
    path : Path
        Where it was read from.
    lines : list of str
        Its text without line ends; never changed, `with_columns` returns another file.
    tables : tuple of Table
        The loops, and the pairs of a label and a value as tables of one row, in file order.
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
            if not any(unmarked(line).startswith("data_") for line in lines):
                raise ValueError(f"{fspath(source)!r} is not a STAR file: it has no line that starts with data_")
            refuse_twice(source, tables)
            for table in tables:
                check_rows(source, lines, table)
            return cls(source, lines, tables)

    def table(self, name: str) -> Table | None:
        """Return the table of block ``data_<name>``, None where there is none."""
        return next((table for table in self.tables if table.name == name), None)

    def column(self, table: Table, label: str) -> list[str]:
        """Return the values of one column as text, without quotes; ValueError where there is no such column."""
        index = self._index(table, label)
        lines = self.lines
        if table.pairs:
            return [unquote(split(lines[table.labels[index]])[1])]
        values = []
        for row in table.rows:
            line = lines[row]
            values.append(line.split(None, index + 1)[index] if plain(line) else unquote(split(line)[index]))
        return values

    def value(self, table: Table, label: str, row: int) -> str:
        """Return one value as text, without quotes; ``row`` counts from 0."""
        if table.pairs:
            return self.column(table, label)[row]
        return unquote(split(self.lines[table.rows[row]])[self._index(table, label)])

    def numbers(self, table: Table, label: str) -> npt.NDArray[np.float64]:
        """Return the values of one column as float64; ValueError where it is not there, or a value is not finite."""
        values = self.column(table, label)
        try:
            numbers = np.array(values, dtype=np.float64)
        except ValueError:
            numbers = np.full(len(values), np.nan)
        if not np.isfinite(numbers).all():
            bad = next(value for value in values if not _is_number(value))
            raise ValueError(f"column {label} of {fspath(self.path)!r} holds {bad!r}, which is not a number")
        return numbers

    def __len__(self) -> int:
        return len(self.particles)

    @property
    def names(self) -> list[str]:
        """The image names, ``000001@stack.mrcs``, in the order of the rows."""
        return self.column(self.particles, "rlnImageName")

    @property
    def optics(self) -> Table | None:
        """The optics groups of RELION 3.1 and later; None in a file of RELION 3.0, ValueError where it has no rows."""
        table = self.table("optics")
        if table is not None and not len(table):
            raise ValueError(f"table data_optics of {fspath(self.path)!r} has no rows; give its optics groups")
        return table

    @property
    def particles(self) -> Table:
        """The table that names the images; ValueError where none has a column ``rlnImageName``, or it has no rows."""
        named = [table for table in self.tables if "rlnImageName" in table.columns]
        if not named:
            raise ValueError(
                f"STAR file {fspath(self.path)!r} has no column rlnImageName; give a STAR file of particles"
            )
        table = next((table for table in named if table.name == "particles"), named[0])
        if not len(table):
            raise ValueError(f"STAR file {fspath(self.path)!r} lists no particles: its table has no rows")
        return table

    def per_particle(self, label: str, *, optics_first: bool = False) -> npt.NDArray[np.float64] | None:
        """Return a value of every particle, shape (B,): its own, or that of its optics group; None where neither is.

        Parameters
        ----------
        label : str
        optics_first : bool
            Whether the optics group counts where both have it: for pixel sizes RELION asks nothing else, for all
            other values the particle counts.

        Raises
        ------
        ValueError
            Values that are no numbers, or optics groups that do not fit the particles.
        """
        table, optics = self.particles, self.optics
        grouped = optics is not None and label in optics.columns
        if label in table.columns and not (optics_first and grouped):
            return self.numbers(table, label)
        if optics is None or not grouped:
            return None
        values, name = self.numbers(optics, label), fspath(self.path)
        if "rlnOpticsGroup" not in optics.columns or "rlnOpticsGroup" not in table.columns:
            if len(values) > 1:
                raise ValueError(
                    f"{name!r} has {len(values)} optics groups and does not say which particle "
                    "belongs to which: there is no column rlnOpticsGroup"
                )
            return np.full(len(table), values[0])
        groups: dict[str, float] = {}
        for group, value in zip(self.column(optics, "rlnOpticsGroup"), values.tolist(), strict=True):
            if groups.setdefault(_whole(group), value) != value:
                raise ValueError(f"{name!r} has optics group {group} twice, with different values of {label}")
        members = self.column(table, "rlnOpticsGroup")
        of = {member: groups.get(_whole(member)) for member in set(members)}
        unknown = [member for member, value in of.items() if value is None]
        if unknown:
            raise ValueError(f"{name!r} has particles of optics group {min(unknown)}, which is not in its data_optics")
        return np.array([of[member] for member in members], dtype=np.float64)

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
        if table.pairs:
            pattern = around([1], 2)
            for index in old:
                place = table.labels[index]
                lines[place] = weave(pattern, lines[place], columns[table.columns[index]])
            place = table.labels[-1] + 1
            lines[place:place] = [f"_{label} {columns[label][0]}" for label in new]
            return replace(self, lines=lines, tables=tuple(find_tables(lines)))
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


def _whole(group: str) -> str:
    """Return an optics group without the decimals that programs for tables append."""
    whole, point, rest = group.partition(".")
    return whole if point and not rest.strip("0") else group
