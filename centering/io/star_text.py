"""STAR files, edited in place of being rewritten: what is not touched stays as it was written.

The `starfile` package reads values into a table and writes a new file, which loses comments (RELION's
``# version`` among them), turns ``nan`` into ``<NA>``, cuts a value at ``#`` and takes no name that is not UTF-8.
Here the file stays text and only the cells of the columns that change are replaced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from centering.io.atomic import replacing
from centering.io.refusal import refused_in_one_sentence
from centering.io.star_cells import Bytes, Cells, Index, Spans, decoded, encoded, woven
from centering.io.star_table import Table, find_lines, find_spans, find_tables, quote, refuse_twice

if TYPE_CHECKING:
    from typing import Self

__all__ = ["StarText"]


@dataclass(frozen=True, eq=False)
class StarText:
    """The text of a STAR file of particles, where its tables lie in it, and what it says of every particle.

    Attributes
    ----------
    path : Path
        Where it was read from.
    text : ndarray of uint8
        Its bytes, with a line break at the end; never changed, `with_columns` returns another file.
    tables : tuple of Table
        The loops, and the pairs of a label and a value as tables of one row, in file order.
    """

    path: Path
    text: Bytes
    tables: tuple[Table, ...]

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        r"""Read a STAR file; Windows line ends are accepted, ``\n`` is written, also behind the last line.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            Not a STAR file, or a row whose number of values is not the number of columns.
        """
        source = Path(path)
        with refused_in_one_sentence(source, "a STAR file"):
            return cls._parsed(source, source.read_bytes())

    @classmethod
    def of_lines(cls, path: Path, lines: Sequence[str]) -> Self:
        """Return a file in memory."""
        return cls._parsed(path, encoded("".join(f"{line}\n" for line in lines)))

    @classmethod
    def _parsed(cls, path: Path, content: bytes) -> Self:
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not content.endswith(b"\n"):
            content += b"\n"
        text = np.frombuffer(content, dtype=np.uint8)
        lines = find_lines(text)
        tables, blocks = find_tables(text, *lines)
        if not blocks:
            raise ValueError(f"{fspath(path)!r} is not a STAR file: it has no line that starts with data_")
        refuse_twice(path, tables)
        star = cls(path, text, tuple(tables))
        star.__dict__["_bounds"] = lines
        for table in tables:
            if (
                table.name == "optics" or "rlnImageName" in table.columns
            ):  # others are nothing to us, and may be anything
                star._spans(table)
        return star

    @property
    def lines(self) -> list[str]:
        """The text without line ends."""
        return decoded(self.text.tobytes()).split("\n")[:-1]

    @cached_property
    def _bounds(self) -> tuple[Index, Index]:
        return find_lines(self.text)

    @cached_property
    def _places(self) -> dict[tuple[int, ...], Spans]:
        return {}

    def _spans(self, table: Table) -> Spans:
        if table.labels not in self._places:
            self._places[table.labels] = find_spans(self.path, self.text, *self._bounds, table)
        return self._places[table.labels]

    def table(self, name: str) -> Table | None:
        """Return the table of block ``data_<name>``, None where there is none."""
        return next((table for table in self.tables if table.name == name), None)

    def column(self, table: Table, label: str) -> list[str]:
        """Return the values of one column as text, without quotes; ValueError where there is no such column."""
        return self.cells(table, label).texts()

    def cells(self, table: Table, label: str) -> Cells:
        """Return the values of one column, without quotes, as places in the text."""
        return self._spans(table).values(self.text, self._index(table, label))

    def value(self, table: Table, label: str, row: int) -> str:
        """Return one value as text, without quotes; ``row`` counts from 0."""
        index = self._index(table, label)
        return self._spans(table).values(self.text, index)[row]

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

    def gap(self, table: Table) -> int | None:
        """Return the first line (0-based) among the rows that is empty, where RELION ends a table, or None."""
        if isinstance(table.rows, range) or not table.rows:
            return None
        rows, (begins, ends) = set(table.rows), self._bounds
        between = (line for line in range(table.rows[0], table.rows[-1]) if line not in rows)
        return next((line for line in between if not self.text[begins[line] : ends[line]].tobytes().strip()), None)

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
        if not columns:
            return self
        cells = {
            label: values if isinstance(values, Cells) else Cells.of([quote(value) for value in values])
            for label, values in columns.items()
        }
        spans = self._spans(table)
        places = sorted(table.columns.index(label) for label in cells if label in table.columns)
        new = {label: one for label, one in cells.items() if label not in table.columns}
        old = [spans.cells(self.text, place) for place in places]
        replacements = [cells[table.columns[place]] for place in places]
        if new and not table.pairs:
            rest, behind = spans.rest(self.text, list(new.values()))
            old.append(rest)
            replacements.append(behind)
        begins, ends = self._bounds
        head = int(ends[table.labels[-1]]) + 1
        labels = [f"_{label}" for label in new]
        if table.pairs:
            labels = [f"_{label} {one[0]}" for label, one in new.items()]
        elif b"#" in self.text[begins[table.labels[-1]] : head].tobytes():
            labels = [f"{label} #{number}" for number, label in enumerate(labels, len(table.columns) + 1)]
        inserted = encoded("".join(f"{label}\n" for label in labels))
        # labels stand before the rows, but those of pairs behind the values that are replaced
        if table.pairs:
            text = woven(self.text, 0, head, old, replacements)
            text += inserted + self.text[head:].tobytes()
        else:
            text = bytearray(self.text[:head]) + inserted
            text = woven(self.text, head, len(self.text), old, replacements, text)
        tables = tuple(_widened(one, table, tuple(new)) for one in self.tables)
        return replace(self, text=np.frombuffer(text, dtype=np.uint8), tables=tables)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the file; it appears under its name only when it is complete."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            file.write(self.text.data)

    def _index(self, table: Table, label: str) -> int:
        if label not in table.columns:
            raise ValueError(f"table data_{table.name} of {fspath(self.path)!r} has no column {label}")
        return table.columns.index(label)


def _widened(one: Table, table: Table, new: tuple[str, ...]) -> Table:
    """Return where a table lies when ``table`` has got ``new`` columns, whose labels are lines of their own."""
    last, count = table.labels[-1], len(new)
    if not count:
        return one

    def moved(lines: Sequence[int]) -> Sequence[int]:
        if isinstance(lines, range):
            return range(lines.start + count, lines.stop + count) if lines.start > last else lines
        return tuple(line + count if line > last else line for line in lines)

    labels = tuple(moved(one.labels))
    if one is not table:
        return replace(one, labels=labels, rows=moved(one.rows))
    labels += tuple(range(last + 1, last + 1 + count))
    return replace(one, columns=(*one.columns, *new), labels=labels, rows=moved(one.rows))


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _whole(group: str) -> str:
    """Return an optics group without the decimals that programs for tables append."""
    whole, point, rest = group.partition(".")
    return whole if point and not rest.strip("0") else group
