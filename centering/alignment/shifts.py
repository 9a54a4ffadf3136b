"""The best shift: the highest point of a cross-correlation, which is known between its pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from centering.alignment.disk import Disk
from centering.alignment.tuning import TUNING
from centering.fourier import Complex, climb, wave_derivatives
from pswf.arrays import Array

__all__ = ["Match", "ShiftSearch", "derivatives"]


class Match(NamedTuple):
    """Where an image fits a reference: displacement (row, column) in pixels, angle in radians."""

    displacement: Array
    angle: float
    border: bool
    """Whether the best candidate lies on the border of the search."""


class ShiftSearch:
    """All shifts up to a limit, without rotation.

    Parameters
    ----------
    disk : Disk
    candidates : ndarray, shape (h,)
        Displacements in pixels that are looked at, along either axis; consecutive.
    """

    def __init__(self, disk: Disk, candidates: npt.NDArray[np.int64]) -> None:
        self.disk, self.candidates = disk, candidates

    @property
    def length(self) -> int:
        """Length of the vectors."""
        return int(self.disk.inside.sum())

    def vector(self, low: Complex, match: Match) -> Array:
        """Return the vector of an image that was moved to the reference."""
        return self.disk.vector(low, match.displacement)

    def aligned(self, low: Complex, match: Match) -> Array:
        """Return the whole image (n, n), moved to the reference."""
        return self.disk.image(self.disk.moved(low, match.displacement))

    def picture(self, vector: Array) -> Array:
        """Return the picture (2R+1, 2R+1) of a vector."""
        return self.disk.picture(vector)

    def best(self, low: Complex, reference: Array) -> Match:
        """Return where the image fits the reference best."""
        return self.highest(low * self.disk.template(reference).conj())

    def highest(self, product: Complex) -> Match:
        """Return where a cross-correlation is highest: at a candidate on the border, else within a pixel of one."""
        correlation = self.correlation(product)
        i, j = np.unravel_index(int(correlation.argmax()), correlation.shape)
        last = len(self.candidates) - 1
        candidate = self.candidates[[i, j]].astype(np.float64)
        if {int(i), int(j)} & {0, last}:
            return Match(candidate, 0.0, True)

        def slopes(displacement: Array) -> tuple[Array, Array]:
            (_, across, wide), (down, mixed, _), (high, _, _) = derivatives(self.disk, product, displacement).tolist()
            return np.array([down, across]), np.array([[high, mixed], [mixed, wide]])

        return Match(climb(slopes, candidate, reach=1.0, settled=TUNING.shift_tolerance), 0.0, False)

    def correlation(self, product: Complex) -> Array:
        """Return the cross-correlation at the candidates, shape (..., h, h)."""
        index = self.candidates % self.disk.size
        result: Array = self.disk.image(product)[..., index[:, None], index]
        return result


def derivatives(disk: Disk, product: Complex, displacement: Array) -> Array:
    """Return the derivatives of cross-correlations of orders 0, 1, 2 along rows and columns, shape (..., 3, 3)."""
    return wave_derivatives(product, disk.size, disk.rows, disk.columns, disk.weights, displacement)
