"""The best shift: the highest point of a cross-correlation, which is known between its pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from centering.alignment.disk import Array, Complex, Disk

__all__ = ["NEWTON_STEPS", "Match", "ShiftSearch", "climb", "derivatives"]

NEWTON_STEPS = 12  # Newton's method doubles the digits: four steps from a pixel, the rest for flat peaks


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
        """Return the vector of an image that was moved into place."""
        return self.disk.vector(low, match.displacement)

    def placed(self, low: Complex, match: Match) -> Array:
        """Return the whole image (n, n), moved into place."""
        return self.disk.image(self.disk.moved(low, match.displacement))

    def picture(self, vector: Array) -> Array:
        """Return the picture (2R+1, 2R+1) of a vector."""
        return self.disk.picture(vector)

    def best(self, low: Complex, reference: Array) -> Match:
        """Return where the image fits the reference best."""
        return self.highest(low * self.disk.template(reference).conj())

    def highest(self, product: Complex) -> Match:
        """Return where a cross-correlation is highest."""
        correlation = self.correlation(product)
        i, j = np.unravel_index(int(correlation.argmax()), correlation.shape)
        last = len(self.candidates) - 1
        place = self.candidates[[i, j]].astype(np.float64)
        border = bool({int(i), int(j)} & {0, last})
        return Match(place if border else climb(self.disk, product, place), 0.0, border)

    def correlation(self, product: Complex) -> Array:
        """Return the cross-correlation at the candidates, shape (..., h, h)."""
        index = self.candidates % self.disk.size
        result: Array = self.disk.image(product)[..., index[:, None], index]
        return result


def climb(disk: Disk, product: Complex, start: Array) -> Array:
    """Return the highest point of a cross-correlation near its highest pixel, by Newton's method.

    The pixel is returned where there is no hill, or its top is not within a pixel.
    """
    place = start
    for _ in range(NEWTON_STEPS):
        (_, across, wide), (down, twist, _), (high, _, _) = derivatives(disk, product, place).tolist()
        determinant = high * wide - twist**2
        if not (high < 0 and determinant > 0):
            return start
        step = np.array([twist * across - wide * down, twist * down - high * across]) / determinant
        place = place + step
        if np.abs(place - start).max() > 1.0:
            return start
        if np.abs(step).max() < 1e-10:
            break
    return place


def derivatives(disk: Disk, product: Complex, place: Array) -> Array:
    """Return the derivatives of a cross-correlation of orders 0, 1, 2 along rows and columns, shape (..., 3, 3).

    The correlation is the trigonometric polynomial ``sum_f product(f) exp(2 pi i f.d / n)``: its value and derivatives
    at any point d are sums, nothing is interpolated.  Several products along leading axes.
    """
    row_rate, column_rate = (2j * np.pi / disk.size * axis for axis in (disk.rows, disk.columns))
    powers = np.arange(3)[:, None]
    rows, columns = np.exp(row_rate * place[0]), disk.weights * np.exp(column_rate * place[1])
    result: Array = ((rows * row_rate**powers) @ product @ (columns * column_rate**powers).T).real
    return result
