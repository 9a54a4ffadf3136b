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

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from centering.landscapes.screen_kernels import cut, screen, where

__all__ = ["Peaks", "Screen"]

Array = npt.NDArray[Any]

LOW = 12
"""Highest frequency kept, in periods per region."""
CERTAINTY = 5.0
"""Standard deviations of the ripple's part by which a candidate must lie below the best to be dismissed."""
EXCHANGE = 5.0
"""One full transform costs as much as this times ``p^2 log2 p`` multiplications of exact evaluations, p its period."""

_BLOCK = 64  # regions copied at a time, where they are not the whole image


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
        # candidates on the left reach one further than those on the right where the size is even
        inner = waves[:, :, : size // 2 - reach + 1]

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
        response = np.where(kept, copies * transfer, 0.0) / size**2
        response[0, 0] = 0.0
        # energy of an image in the kept frequencies, and its mean power in the outermost of them
        frequency = np.hypot(*np.mgrid[: size // 2 + 1, : size // 2 + 1])
        energy = np.where(kept, copies, 0.0) / size**2
        energy[0, 0] = 0.0
        rim = kept & (frequency > low - 3)
        rim_power = energy * rim / copies[rim].sum()
        lowest = slice(low + 1), slice(low + 1)
        along = (waves, waves.transpose(0, 2, 1), inner.transpose(0, 2, 1), inner, response[lowest])
        self._tables = (
            *(np.ascontiguousarray(table, dtype=self.dtype) for table in along),
            *(np.ascontiguousarray(table[lowest]) for table in (energy, rim_power)),
        )
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
        most = int(EXCHANGE * self._period**2 * math.log2(self._period) / self._kernel[0].size)
        for start in range(0, len(regions), _BLOCK):
            part = slice(start, start + _BLOCK)
            block = np.ascontiguousarray(regions[part])
            results = Peaks._make(values[part] for values in peaks)
            undecided, means = screen(
                block, self._tables, self._kernel, self._left_out, CERTAINTY, most, tuple(results)
            )
            for i in np.flatnonzero(undecided):
                correlation = self._full(block[i], means[i])
                results.candidate[i] = row, column = where(correlation, correlation.max())
                cut(correlation, row, column, results.patch[i])
        return peaks

    def _full(self, region: Array, mean: float) -> Array:
        """Return the correlation with the full kernel at all candidates, by FFT in the type of the images."""
        spectrum = fft.rfft2(region - np.asarray(mean, self.dtype), (self._period, self._period))
        spectrum *= self._response
        wanted = slice(self._reach, self._reach + self.count)
        # back along the columns, then only along the rows that hold candidates
        rows = fft.ifft(spectrum, axis=0, overwrite_x=True)[wanted]
        product: Array = fft.irfft(rows, self._period, axis=1)
        return product[:, wanted]
