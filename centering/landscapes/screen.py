"""Where a correlation is largest, without computing all of it to the last digit.

The kernel of the linear landscape is a smooth cone plus a fine ripple (the numbers of pixels in the rings jump,
and the series rings at the edge of the disk).  The cone alone, a few low frequencies, ranks all candidates; the
full kernel then decides among those that can still win.  What the ripple can change is estimated for each image
from its own power at the other frequencies and its most extreme pixel; where too many candidates are left, the
full kernel is applied to all of them by FFT.  The answer is that of the full kernel in either case.

The low frequencies of a region of m x m pixels are taken with the period m, for which no candidate wraps around,
as products of cosines and sines about the centre pixel.  An even kernel acts on these products by one number
each, so the image is folded into its four parities first, and every matrix product is a quarter as large.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from centering.landscapes.screen_kernels import cut, decide, fold, unfold, where

__all__ = ["Peaks", "Screen"]

Array = npt.NDArray[Any]

LOW = 12
"""Highest frequency kept, in periods per region."""
CERTAINTY = 5.0
"""Standard deviations of the ripple's part by which a candidate must lie below the best to be dismissed."""
CONTENDERS = 160
"""The full transform is cheaper than more exact evaluations than this."""

_BLOCK = 8  # images at a time: what passes between the steps then stays in the processor's cache


class Peaks(NamedTuple):
    """The largest correlation of every image, up to an offset that all candidates of an image share."""

    candidate: npt.NDArray[np.int64]
    """(B, 2): row and column of the best candidate, from 0; the first in row order among equals."""
    patch: npt.NDArray[np.float64]
    """(B, 3, 3): the correlations about it; NaN beyond the candidates."""
    mean: npt.NDArray[np.float64]
    """(B,): mean of the correlation over the candidates, from its low frequencies."""
    deviation: npt.NDArray[np.float64]
    """(B,): its standard deviation, from the low frequencies and the estimate of the rest."""
    lowest: npt.NDArray[np.float64]
    """(B,): least pixel of the region."""

    @staticmethod
    def empty(batch: int) -> Peaks:
        """Return arrays to be filled in."""
        return Peaks(
            np.zeros((batch, 2), np.int64), np.empty((batch, 3, 3)), np.empty(batch), np.empty(batch), np.empty(batch)
        )


class Screen:
    """Finds the largest of the correlations ``sum_s I(p + s) k(s)`` over all p whose kernel lies inside the region.

    Parameters
    ----------
    kernel : ndarray, shape (2a+1, 2a+1)
        Real, even along both axes.
    size : int
        m of the m x m regions; the candidates are p = a, ..., m - 1 - a along both axes.
    dtype : dtype
        float32 or float64, the type of the images.
    """

    def __init__(self, kernel: npt.NDArray[np.float64], size: int, dtype: npt.DTypeLike) -> None:
        reach = len(kernel) // 2
        self.size = size
        self.dtype = np.dtype(dtype)
        self.count = size - 2 * reach
        low = min(LOW, (size - 1) // 2)
        phase = 2.0 * np.pi / size * np.outer(np.arange(low + 1), np.arange(size // 2 + 1))
        waves = np.stack([np.cos(phase), np.sin(phase)])
        self._analysis = waves.astype(self.dtype)
        self._transposed = np.ascontiguousarray(waves.transpose(0, 2, 1), dtype=self.dtype)
        # candidates on the left reach one further than those on the right where the size is even
        self._left = size // 2 - reach
        self._synthesis = np.ascontiguousarray(waves[:, :, : self._left + 1].transpose(0, 2, 1), dtype=self.dtype)
        self._synthesis_transposed = np.ascontiguousarray(waves[:, :, : self._left + 1], dtype=self.dtype)

        offset = np.arange(-reach, reach + 1)
        cosines = np.cos(2.0 * np.pi / size * np.outer(np.arange(size // 2 + 1), offset))
        transfer = cosines @ kernel @ cosines.T
        # every frequency but 0 and, for even sizes, the highest stands for itself and its negative
        twice = np.full(size // 2 + 1, 2.0)
        twice[0] = 1.0
        if size % 2 == 0:
            twice[-1] = 1.0
        copies = np.outer(twice, twice)
        kept = np.zeros_like(copies, dtype=bool)
        kept[: low + 1, : low + 1] = np.hypot(*np.mgrid[: low + 1, : low + 1]) <= low
        self._transfer = np.where(kept, copies * transfer, 0.0)[: low + 1, : low + 1] / size**2
        self._transfer[0, 0] = 0.0
        self._transfer = self._transfer.astype(self.dtype)
        # energy of an image in the kept frequencies, and its mean power in the outermost of them
        frequency = np.hypot(*np.mgrid[: size // 2 + 1, : size // 2 + 1])
        energy = np.where(kept, copies, 0.0) / size**2
        energy[0, 0] = 0.0
        self._energy = energy[: low + 1, : low + 1].ravel()
        rim = kept & (frequency > low - 3)
        self._rim_power = (energy * rim / copies[rim].sum())[: low + 1, : low + 1].ravel()
        # what is left out of the kernel: near the kept frequencies, where images still have structure, and far;
        # and at most, for one extreme pixel
        near = ~kept & (frequency <= 2 * low)
        left_out = copies * transfer**2 / size**2
        smooth = cosines.T @ np.where(kept, copies * transfer, 0.0) @ cosines / size**2
        self._left_out = (
            size**2 - float(copies[kept].sum()),
            float(left_out[near].sum()),
            float(left_out[~kept & ~near].sum()),
            float(np.abs(kernel - smooth).max()),
        )

        occupied = kernel != 0
        starts = np.argmax(occupied, axis=1)
        stops = np.where(occupied.any(axis=1), len(kernel) - np.argmax(occupied[:, ::-1], axis=1), starts)
        self._kernel = np.ascontiguousarray(kernel, dtype=self.dtype), starts, stops

        self._reach = reach
        self._period = int(fft.next_fast_len(size, real=True))
        # an even kernel has a real transform; its middle belongs to index 0
        wrapped = np.zeros((self._period, self._period))
        place = np.arange(-reach, reach + 1) % self._period
        wrapped[np.ix_(place, place)] = kernel
        self._response = fft.rfft2(wrapped).real.astype(self.dtype)

    def __call__(self, regions: Array) -> Peaks:
        """Return the largest correlations of ``regions``, shape (B, m, m), finite, of the type of the screen."""
        peaks = Peaks.empty(len(regions))
        for start in range(0, len(regions), _BLOCK):
            part = slice(start, start + _BLOCK)
            block = np.ascontiguousarray(regions[part])
            results = Peaks._make(values[part] for values in peaks)
            landscape, means, spectrum = self._low(block)
            undecided = decide(block, landscape, means, spectrum, self._kernel, CERTAINTY, CONTENDERS, results)
            for i in np.flatnonzero(undecided):
                correlation = self._full(block[i], means[i])
                results.candidate[i] = row, column = where(correlation, correlation.max())
                cut(correlation, row, column, results.patch[i])
        return peaks

    def _low(self, regions: Array) -> tuple[Array, Array, tuple[Array, Array, float, float, float, float]]:
        """Return the low frequencies of the correlation, the means of the images, and what the ripple may do."""
        half = self.size // 2 + 1
        parities = np.empty((2, 2, len(regions), half, half), dtype=self.dtype)
        fold(regions, parities)
        coefficients = np.matmul(np.matmul(self._analysis[:, None, None], parities), self._transposed[:, None])
        means = coefficients[0, 0, :, 0, 0].astype(np.float64) / self.size**2
        squares = (coefficients.astype(np.float64) ** 2).sum(axis=(0, 1)).reshape(len(regions), -1)
        # sums over rows, not a matrix product: an image's digits must not depend on its neighbours in the batch
        energy, rim_power = (squares * self._energy).sum(axis=1), (squares * self._rim_power).sum(axis=1)
        coefficients *= self._transfer
        rows = np.matmul(self._synthesis[:, None, None], coefficients)
        quarters = np.matmul(rows, self._synthesis_transposed[:, None])
        landscape = np.empty((len(regions), self.count, self.count), dtype=self.dtype)
        unfold(quarters, landscape)
        return landscape, means, (energy, rim_power, *self._left_out)

    def _full(self, region: Array, mean: float) -> Array:
        """Return the correlation with the full kernel at all candidates, by FFT in the type of the images."""
        spectrum = fft.rfft2(region - np.asarray(mean, self.dtype), (self._period, self._period))
        spectrum *= self._response
        product: Array = fft.irfft2(spectrum, (self._period, self._period))
        wanted = slice(self._reach, self._reach + self.count)
        return product[wanted, wanted]
