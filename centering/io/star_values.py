"""Where a STAR file says something of every particle: with the particle, or with its optics group."""

from __future__ import annotations

from dataclasses import dataclass
from os import fspath

import numpy as np
import numpy.typing as npt

from centering.io.star_table import Table
from centering.io.star_text import StarText

__all__ = ["StarValues"]


@dataclass(frozen=True)
class StarValues(StarText):
    """A STAR file of particles, and of their optics groups where it is of RELION 3.1 or later."""

    def __len__(self) -> int:
        return len(self.particles)

    @property
    def names(self) -> list[str]:
        """The image names, ``000001@stack.mrcs``, in the order of the rows."""
        return self.column(self.particles, "rlnImageName")

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


def _whole(group: str) -> str:
    """Return an optics group without the decimals that programs for tables append."""
    whole, point, rest = group.partition(".")
    return whole if point and not rest.strip("0") else group
