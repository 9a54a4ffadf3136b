"""Which functions of angle and which pixels belong together under the quarter turns and reflections of the pixel grid.

The grid of pixels does not change under turns by 90 degrees and reflections in its axes and diagonals.  On it
``cos(N theta)`` and ``sin(N theta)`` fall into six classes that are orthogonal to each other, whatever the radial
functions; within a class a function is known from its values on an eighth of the disk (a quarter for odd N).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array, Indices
from pswf.steerable.layout import Layout

__all__ = ["CLASSES", "SymmetryClass", "check_separable", "unpaired"]


@dataclass(frozen=True)
class SymmetryClass:
    """Functions that behave alike under the symmetries of the grid.

    Attributes
    ----------
    sine : bool
        ``sin(N theta)``, theta from the column axis towards the row axis; otherwise ``cos(N theta)``.
    first, step : int
        Their orders N = first, first + step, ...
    rows, columns, transposed : int
        1 or -1: factor under row -> -row, under column -> -column, and under exchange of row and column; the last is
        0 where the exchange leads to another class (odd N).
    """

    sine: bool
    first: int
    step: int
    rows: int
    columns: int
    transposed: int

    @property
    def trigonometric(self) -> Callable[[Any], Any]:
        """The function of N theta."""
        return np.sin if self.sine else np.cos

    def __str__(self) -> str:
        return f"{'sines' if self.sine else 'cosines'} of orders {self.first}, {self.first + self.step}, ..."

    def slices(self, layout: Layout) -> list[tuple[int, slice]]:
        """Return (N, coefficients) of the orders that have functions in this class."""
        every = layout.sines if self.sine else layout.cosines
        parts = [(N, every[N]) for N in range(self.first, len(layout.counts), self.step)]
        return [(N, part) for N, part in parts if part.stop > part.start]

    def indices(self, layout: Layout) -> Indices:
        """Return the positions of the coefficients of this class, by order."""
        parts = [np.arange(part.start, part.stop) for _, part in self.slices(layout)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def fold(self, rows: Indices, columns: Indices) -> tuple[Indices, Array]:
        """Return the pixel (row, column) that stands for each pixel, shape (2, P), and the sign there, shape (P,).

        The value of a function of the class at the pixel is the sign times its value at that one; the sign is 0
        where all functions of the class vanish by symmetry.
        """
        sign = np.ones(len(rows))
        for positions, parity in ((rows, self.rows), (columns, self.columns)):
            if parity < 0:
                sign *= np.sign(positions)
        folded = np.abs(np.array([rows, columns]))
        if self.transposed:
            swapped = folded[0] > folded[1]
            sign[swapped] *= self.transposed
            if self.transposed < 0:
                sign[folded[0] == folded[1]] = 0.0
            folded = np.sort(folded, axis=0)
        return folded, sign


CLASSES = (
    SymmetryClass(sine=False, first=0, step=4, rows=1, columns=1, transposed=1),
    SymmetryClass(sine=False, first=2, step=4, rows=1, columns=1, transposed=-1),
    SymmetryClass(sine=True, first=4, step=4, rows=-1, columns=-1, transposed=-1),
    SymmetryClass(sine=True, first=2, step=4, rows=-1, columns=-1, transposed=1),
    SymmetryClass(sine=False, first=1, step=2, rows=1, columns=-1, transposed=0),
    SymmetryClass(sine=True, first=1, step=2, rows=-1, columns=1, transposed=0),
)
"""All functions of angle, once each.  The last class is the one before it with rows and columns exchanged."""


def unpaired(rows: Indices, columns: Indices) -> npt.NDArray[np.bool_]:
    """Return the pixels without all of their mirror images: two, at distance R, where the side of the grid is even."""
    return np.asarray(np.maximum(np.abs(rows), np.abs(columns)) > min(rows.max(), columns.max()))


def _free_pixels(kind: SymmetryClass, rows: Indices, columns: Indices) -> int:
    """Return at how many of the pixels, those counted once that mirror each other, a class may take any value."""
    folded, sign = kind.fold(rows, columns)
    return int(np.unique(folded[:, sign != 0.0], axis=1).shape[1])


def check_separable(layout: Layout, rows: Indices, columns: Indices) -> None:
    """Raise ValueError where there are more functions than the pixels of the disk can tell apart.

    ``rows`` and ``columns``, shape (P,), are the positions of the pixels relative to the centre.
    """
    many = "" if layout.count <= len(rows) else f"{layout.count} functions for the {len(rows)} pixels on the disk"
    alone = unpaired(rows, columns)
    spare = int(np.count_nonzero(alone))
    for kind in () if many else CLASSES:
        functions = len(kind.indices(layout))
        free, extra = (_free_pixels(kind, rows[part], columns[part]) for part in (~alone, alone))
        spare -= max(0, functions - free)
        if functions > free + extra or spare < 0:
            many = f"{functions} {kind} for the {free} pixels that turns and reflections leave to them on the disk"
            break
    if many:
        size = int(np.ptp(rows)) + 1
        raise ValueError(
            f"the basis has {many} of {size} x {size} images; give a larger truncation, a smaller band or degree, "
            "or larger images"
        )
