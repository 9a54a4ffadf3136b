"""Images as coefficients of a few real Fourier waves, in which a radial template is a diagonal matrix."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.checks import check_max_shift
from centering.fourier import cosines, parity_waves
from centering.radial.tuning import TUNING
from centering.stack import Images
from pswf.arrays import Array
from pswf.jit import jit

__all__ = ["Waves", "default_reach"]


def default_reach(size: int, radius: int, max_shift: float | None) -> int:
    """Return the largest displacement of a candidate along either axis, in whole pixels.

    Without ``max_shift``: as far as the disk stays inside the image, but at least half a radius.
    """
    limit = check_max_shift(max_shift)
    farthest = (size - 1) // 2
    wanted = max(farthest - radius, radius // 2) if limit is None else limit
    return int(min(wanted, farthest))


class Waves:
    """The products of ``1, cos, sin`` along rows and columns about the centre pixel, up to a radial frequency.

    Parameters
    ----------
    size : int
        n of the n x n images.
    radius : int
        R in pixels.
    reach : int
        Candidates are displaced by -reach..reach pixels along both axes.

    Attributes
    ----------
    period : int
        Period P of the waves in pixels: n, or more where a disk about some candidate leaves the image.
    highest : int
        Highest frequency L in periods per P: wavelength 4 pixels, or R/16 where that is longer.
    count : int
        M = 2 L + 1 waves along each axis: ``1, cos 1..L, sin 1..L``, scaled such that they are orthonormal on P pixels.
    band : ndarray of bool, shape (M, M)
        The products whose radial frequency is at most L, the constant left out.
    quarter : ndarray, shape (L+1, L+1)
        Weights that turn a sum over non-negative frequencies into one over all, over P^2; 0 outside the band.
    frequency : ndarray, shape (L+1, L+1)
        Radial frequency in cycles per pixel.
    degrees : float
        Number of independent real coefficients of white noise in the band.

    Notes
    -----
    A kernel even along both axes multiplies the coefficient (k, l) of each of the four parities by one real number, its
    transform.  So correlation with a template, whitening and a round contrast transfer function are all diagonal, and
    the transforms to the coefficients and to the candidates are small matrix products.
    """

    def __init__(self, size: int, radius: int, reach: int) -> None:
        self.size, self.radius, self.reach = size, radius, reach
        self.period = max(size, size // 2 + reach + radius + 1)
        self.highest = int(self.period / max(TUNING.finest_wave, radius / TUNING.waves_per_radius))
        self.count = 2 * self.highest + 1
        axis = np.arange(self.highest + 1)
        self.index = np.concatenate([axis, axis[1:]])
        self.pixels = np.arange(size) - size // 2
        self.shifts = np.arange(-reach, reach + 1)

        distance = np.hypot(axis[:, None], axis)
        kept = (distance <= self.highest) & (distance > 0)
        self.band = kept[self.index][:, self.index]
        twice = np.where(axis == 0, 1.0, 2.0)
        self.quarter: Array = np.where(kept, np.outer(twice, twice), 0.0) / self.period**2
        self.frequency: Array = distance / self.period
        self.degrees = float(self.band.sum()) * (size / self.period) ** 2

        self._analysis = self.along(self.pixels)
        self._synthesis = self.along(self.shifts)
        self._typed: dict[np.dtype[Any], tuple[Images, ...]] = {}

    def along(self, position: npt.NDArray[Any]) -> Array:
        """Return the scaled waves at positions along one axis (pixels from the centre pixel), shape (M, positions)."""
        return parity_waves(self.period, self.highest, position)

    def transform(self, kernels: Array) -> Array:
        """Return the transforms, shape (K, L+1, L+1), of kernels (K, 2a+1, 2a+1) even along both axes."""
        offset = np.arange(kernels.shape[-1]) - kernels.shape[-1] // 2
        waves = cosines(self.period, self.highest, offset)
        transforms: Array = waves @ kernels @ waves.T
        return transforms

    def kernel(self, transforms: Array, reach: int) -> Array:
        """Return the kernels with these transforms, in the band, at offsets -reach..reach: (K, 2 reach + 1, same)."""
        index = np.abs(np.arange(-reach, reach + 1))
        kernels: Array = self.quarter_kernel(transforms, reach)[:, index[:, None], index]
        return kernels

    def quarter_kernel(self, transforms: Array, reach: int) -> Array:
        """Return the same at offsets 0..reach, (K, reach + 1, reach + 1): kernels are even along both axes."""
        waves = np.ascontiguousarray(cosines(self.period, self.highest, np.arange(reach + 1)).T)
        kernels: Array = waves @ (transforms * self.quarter) @ waves.T
        return kernels

    def unfold(self, transforms: Array) -> Array:
        """Repeat transforms (..., L+1, L+1) for the four parities, shape (..., M, M), 0 outside the band."""
        unfolded: Array = transforms[..., self.index, :][..., self.index] * self.band
        return unfolded

    def fold(self, products: Array) -> Array:
        """Add the four parities of (M, M) together, shape (L+1, L+1)."""
        low = self.highest + 1
        rows = products[:low].copy()
        rows[1:] += products[low:]
        folded: Array = rows[:, :low].copy()
        folded[:, 1:] += rows[:, low:]
        return folded

    def analyze(self, images: Images) -> tuple[Images, Array]:
        """Return the coefficients (B, M, M) of images (B, n, n), type kept, planes removed; and their mean squares.

        The plane that fits each image best in the sense of least squares is subtracted first: a constant and a
        gradient of the background have no say.  The mean squares (B,) are those of the pixels before that.
        """
        matrix, _ = self._matrices(images.dtype)
        flat = np.empty_like(images)
        squares = np.empty(len(images))
        _remove_planes(images, flat, squares)
        return np.matmul(np.matmul(matrix, flat), matrix.T), squares

    @cached_property
    def planes(self) -> Array:
        """Coefficients of three orthonormal planes, constant and sloping down and right, shape (3, M, M)."""
        along, pairs = self._analysis, self.plane_factors(self.pixels)
        planes: Array = self.band * np.stack([np.outer(along @ rows, along @ columns) for rows, columns in pairs])
        return planes

    def plane_factors(self, position: npt.NDArray[np.int64]) -> tuple[tuple[Array, Array], ...]:
        """Return three orthonormal planes, constant and sloping down and right, as factors along rows and columns.

        At positions along either axis (pixels from the centre pixel), their shape; 0 outside the image.
        """
        seen = ((position >= self.pixels[0]) & (position <= self.pixels[-1])).astype(np.float64)
        middle = self.pixels.mean()
        slope = np.where(seen > 0, position - middle, 0.0)
        slope /= np.sqrt(((self.pixels - middle) ** 2).sum() * self.size)
        constant = seen / self.size
        return (constant, seen), (slope, seen), (seen, slope)

    def white(self) -> Array:
        """Return the expected squares of the coefficients (M, M) of white noise: planes take their part."""
        squares = (self._analysis**2).sum(axis=1)
        expected: Array = self.band * np.outer(squares, squares) - (self.planes**2).sum(axis=0)
        return expected

    def candidates(self, coefficients: Images) -> Images:
        """Return the waves with these coefficients (B, M, M) at the candidates, shape (B, h, h)."""
        _, matrix = self._matrices(coefficients.dtype)
        values: Images = np.matmul(np.matmul(matrix.T, coefficients), matrix)
        return values

    def adjoint(self, weights: Images) -> Images:
        """Return the coefficients (B, M, M) of weights at the candidates (B, h, h)."""
        _, matrix = self._matrices(weights.dtype)
        coefficients: Images = np.matmul(np.matmul(matrix, weights), matrix.T)
        return coefficients

    def _matrices(self, dtype: np.dtype[Any]) -> tuple[Images, ...]:
        if dtype not in self._typed:
            self._typed[dtype] = self._analysis.astype(dtype), self._synthesis.astype(dtype)
        return self._typed[dtype]


@jit
def _remove_planes(images: Any, result: Any, squares: Any) -> None:
    """Write images less the plane that fits each best by least squares, and the mean squares of the images.

    Rows, columns and the constant are orthogonal on the square, so the plane is three sums over the pixels.
    """
    batch, size, _ = images.shape
    middle = (size - 1) / 2.0
    moment = size * size * (size * size - 1.0) / 12.0  # sum over the pixels of (row - middle)^2
    columns, slopes, power = np.empty(size), np.empty(size), np.empty(size)
    for i in range(batch):
        for c in range(size):
            columns[c] = slopes[c] = power[c] = 0.0
        for r in range(size):
            # column by column: the compiler may not reorder one long sum, but it can add many side by side
            offset = r - middle
            for c in range(size):
                value = images[i, r, c]
                columns[c] += value
                slopes[c] += offset * value
                power[c] += value * value
        total = down = right = square = 0.0
        for c in range(size):
            total += columns[c]
            down += slopes[c]
            right += (c - middle) * columns[c]
            square += power[c] / size**2
        squares[i] = square
        mean, down, right = total / size**2, down / moment, right / moment
        for r in range(size):
            start = mean + down * (r - middle) - right * middle
            for c in range(size):
                result[i, r, c] = images[i, r, c] - (start + right * c)
