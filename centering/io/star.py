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

import numpy as np
import numpy.typing as npt

from centering.io.atomic import replacing
from centering.io.refusal import refuse_far, refused_in_one_sentence
from centering.io.star_table import (
    PLACEHOLDERS,
    Table,
    append,
    around,
    check_rows,
    find_tables,
    new_lines,
    plain,
    quote,
    split,
    unquote,
    weave,
)

__all__ = ["PLACEHOLDERS", "StarFile", "new_star"]


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
    def new(
        cls,
        path: str | PathLike[str],
        names: Sequence[str],
        *,
        size: int,
        pixel_size: npt.NDArray[np.float64] | None = None,
        microscope: Mapping[str, float] | None = None,
    ) -> StarFile:
        """Return a file in memory for images that have none, without origins.

        Parameters
        ----------
        path : path
            What messages call it; nothing is read or written there.
        names : sequence of str
            Image names, ``000001@stack.mrcs``.
        size : int
            n of the n x n images.
        pixel_size : ndarray, shape (B,), float64, optional
            Angstrom per pixel, one optics group for every distinct value; without it the file has none, as RELION
            3.0.  With it the file must name a voltage and a spherical aberration to be read at all.
        microscope : mapping of str to float, optional
            Those, by their labels; `PLACEHOLDERS`, which are called so, without it.
        """
        lines = new_lines(names, size, pixel_size, microscope)
        return cls(Path(path), lines, tuple(find_tables(lines)))

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

    @property
    def optics(self) -> Table | None:
        """The optics groups of RELION 3.1 and later; None in a file of RELION 3.0.

        Raises
        ------
        ValueError
            The table is there and has no rows.
        """
        table = self.table("optics")
        if table is not None and not len(table):
            raise ValueError(f"table data_optics of {fspath(self.path)!r} has no rows; give its optics groups")
        return table

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

    def with_columns(self, table: Table, columns: Mapping[str, Sequence[str]]) -> StarFile:
        """Return a file in which the given columns of ``table`` are replaced, or appended where new.

        Parameters
        ----------
        table : Table
            One of ``self.tables``.
        columns : mapping of str to sequence of str
            The new values, one for each row; a value that is empty or has spaces is written in quotes.

        Raises
        ------
        ValueError
            A column whose length is not the number of rows.
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
            raise ValueError(f"displacement has shape {displacement.shape}, the STAR file asks for ({len(table)}, 2)")
        refuse_far(self.path, displacement)
        wanted = ["rlnOriginXAngst", "rlnOriginYAngst"] if self.optics else ["rlnOriginX", "rlnOriginY"]
        known = ["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginX", "rlnOriginY"]
        columns = {}
        for label in known:
            if label in wanted or label in table.columns:
                pixels = -displacement[:, 1] if label.startswith("rlnOriginX") else -displacement[:, 0]
                if label.endswith("Angst") and pixel_size is None:
                    raise ValueError(
                        f"{fspath(self.path)!r} stores origins in Angstrom and the pixel size is not known; "
                        "give it (--angpix)"
                    )
                scale = pixel_size if label.endswith("Angst") and pixel_size is not None else 1.0
                columns[label] = _decimals(pixels * scale)
        return self.with_columns(table, columns)

    def displacements(self, pixel_size: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
        """Return what the origins say, the inverse of `with_origins`, shape (B, 2), (row, column) in pixels.

        Parameters
        ----------
        pixel_size : ndarray, shape (B,), float64, or None
            Angstrom per pixel; needed where the origins are in Angstrom.

        Raises
        ------
        ValueError
            No origins, or Angstrom without a pixel size.
        """
        table = self.particles
        if {"rlnOriginXAngst", "rlnOriginYAngst"} <= set(table.columns):
            if pixel_size is None:
                raise ValueError(
                    f"{fspath(self.path)!r} stores origins in Angstrom and the pixel size is not known; "
                    "give it (--angpix)"
                )
            scale, unit = pixel_size, "Angst"
        elif {"rlnOriginX", "rlnOriginY"} <= set(table.columns):
            scale, unit = np.ones(len(table)), ""
        else:
            raise ValueError(f"{fspath(self.path)!r} has no origins: no column rlnOriginXAngst or rlnOriginX")
        with np.errstate(over="ignore"):
            both = [-self.numbers(table, f"rlnOrigin{axis}{unit}") / scale for axis in "YX"]
        result = np.stack(both, axis=1)
        refuse_far(self.path, result)
        return result

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

    def _with_labels(self, lines: list[str], table: Table, new: list[str]) -> StarFile:
        """Insert the labels of appended columns after the last label and move what comes behind."""
        if not new:
            return replace(self, lines=lines)
        numbered = "#" in lines[table.labels[-1]]
        place = table.labels[-1] + 1
        count = len(table.columns)
        lines[place:place] = [f"_{label} #{count + k}" if numbered else f"_{label}" for k, label in enumerate(new, 1)]
        return replace(self, lines=lines, tables=tuple(find_tables(lines)))


def new_star(
    path: str | PathLike[str],
    names: Sequence[str],
    displacement: npt.NDArray[np.float64],
    *,
    size: int,
    pixel_size: float | None = None,
) -> None:
    """Write a new STAR file for images that had none; the same values give the same bytes.

    Parameters
    ----------
    path : path
        The file to write; it appears under its name only when it is complete.
    names : sequence of str
        Image names, ``000001@stack.mrcs``.
    displacement : ndarray, shape (B, 2), float64
        (row, column) in pixels; the origins are its negative, as in `StarFile.with_origins`.
    size : int
        n of the n x n images.
    pixel_size : float, optional
        Angstrom per pixel.  Without it the file is one of RELION 3.0, with origins in pixels, with it one of
        RELION 3.1, as `StarFile.new` makes it.
    """
    sizes = None if pixel_size is None else np.full(len(names), float(pixel_size))
    StarFile.new(path, names, size=size, pixel_size=sizes).with_origins(displacement, sizes).write(path)


def _decimals(values: npt.NDArray[np.float64]) -> list[str]:
    # adding zero turns -0.0, and what rounds to it, into 0.0
    return [f"{value:.6f}" for value in (np.round(values, 6) + 0.0).tolist()]


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
