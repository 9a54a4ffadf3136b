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

from pswf._jit import jit

__all__ = ["Peaks", "Screen"]

Array = npt.NDArray[Any]

LOW = 12
"""Highest frequency kept, in periods per region."""
CERTAINTY = 5.0
"""Standard deviations of the ripple's part by which a candidate must lie below the best to be dismissed."""
CONTENDERS = 160
"""The full transform is cheaper than more exact evaluations than this."""

_BLOCK = 16  # images at a time: what passes between the steps then stays in the processor's cache


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
        self._energy = (np.where(kept, copies, 0.0) / size**2)[: low + 1, : low + 1]
        self._energy[0, 0] = 0.0
        rim = kept & (frequency > low - 3)
        self._rim_power = (np.where(rim, copies, 0.0) / copies[rim].sum() / size**2)[: low + 1, : low + 1]
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
            undecided = _decide(block, landscape, means, spectrum, self._kernel, CERTAINTY, CONTENDERS, results)
            for i in np.flatnonzero(undecided):
                correlation = self._full(block[i], means[i])
                results.candidate[i] = row, column = _where(correlation, correlation.max())
                _cut(correlation, row, column, results.patch[i])
        return peaks

    def _low(self, regions: Array) -> tuple[Array, Array, tuple[Array, Array, float, float, float, float]]:
        """Return the low frequencies of the correlation, the means of the images, and what the ripple may do."""
        half = self.size // 2 + 1
        parities = np.empty((2, 2, len(regions), half, half), dtype=self.dtype)
        _fold(regions, parities)
        coefficients = np.matmul(np.matmul(self._analysis[:, None, None], parities), self._transposed[:, None])
        means = coefficients[0, 0, :, 0, 0].astype(np.float64) / self.size**2
        squares = (coefficients.astype(np.float64) ** 2).sum(axis=(0, 1))
        energy, rim_power = np.tensordot(squares, self._energy), np.tensordot(squares, self._rim_power)
        coefficients *= self._transfer
        rows = np.matmul(self._synthesis[:, None, None], coefficients)
        quarters = np.matmul(rows, self._synthesis_transposed[:, None])
        landscape = np.empty((len(regions), self.count, self.count), dtype=self.dtype)
        _unfold(quarters, landscape)
        return landscape, means, (energy, rim_power, *self._left_out)

    def _full(self, region: Array, mean: float) -> Array:
        """Return the correlation with the full kernel at all candidates, by FFT in the type of the images."""
        spectrum = fft.rfft2(region - np.asarray(mean, self.dtype), (self._period, self._period))
        spectrum *= self._response
        product: Array = fft.irfft2(spectrum, (self._period, self._period))
        wanted = slice(self._reach, self._reach + self.count)
        return product[wanted, wanted]


@jit
def _fold(regions: Any, parities: Any) -> None:
    """Split each region about its centre pixel; ``parities[a, b]``: even (0) or odd (1) along rows (a), columns (b)."""
    batch, size, _ = regions.shape
    middle = size // 2
    right = size - middle - 1  # columns right of the middle; one less than on the left where the size is even
    absent = np.zeros(size, dtype=regions.dtype)
    for i in range(batch):
        for r in range(middle + 1):
            above = regions[i, middle + r] if middle + r < size else absent
            below = regions[i, middle - r] if r > 0 else absent
            even_even, even_odd = parities[0, 0, i, r], parities[0, 1, i, r]
            odd_even, odd_odd = parities[1, 0, i, r], parities[1, 1, i, r]
            even_even[0] = above[middle] + below[middle]
            odd_even[0] = above[middle] - below[middle]
            even_odd[0] = 0.0
            odd_odd[0] = 0.0
            above_right, below_right = above[middle + 1 :], below[middle + 1 :]
            above_left, below_left = above[:middle][::-1], below[:middle][::-1]
            for c in range(right):
                right_sum = above_right[c] + below_right[c]
                right_difference = above_right[c] - below_right[c]
                left_sum = above_left[c] + below_left[c]
                left_difference = above_left[c] - below_left[c]
                even_even[c + 1] = right_sum + left_sum
                even_odd[c + 1] = right_sum - left_sum
                odd_even[c + 1] = right_difference + left_difference
                odd_odd[c + 1] = right_difference - left_difference
            if right < middle:
                even_even[middle] = above[0] + below[0]
                odd_even[middle] = above[0] - below[0]
                even_odd[middle] = 0.0
                odd_odd[middle] = 0.0


@jit
def _unfold(quarters: Any, landscape: Any) -> None:
    """Put the four parities of the landscape together; inverse of `_fold` on the candidates."""
    batch, count, _ = landscape.shape
    left = quarters.shape[3] - 1
    right = count - left  # candidates from the middle on
    for i in range(batch):
        for r in range(left + 1):
            even_even, even_odd = quarters[0, 0, i, r], quarters[0, 1, i, r]
            odd_even, odd_odd = quarters[1, 0, i, r], quarters[1, 1, i, r]
            above = landscape[i, left + r] if left + r < count else landscape[i, left - r]
            below = landscape[i, left - r]
            above_right, below_right = above[left:], below[left:]
            above_left, below_left = above[: left + 1][::-1], below[: left + 1][::-1]
            for c in range(right):
                above_right[c] = even_even[c] + even_odd[c] + odd_even[c] + odd_odd[c]
                below_right[c] = even_even[c] + even_odd[c] - odd_even[c] - odd_odd[c]
            for c in range(left + 1):
                above_left[c] = even_even[c] - even_odd[c] + odd_even[c] - odd_odd[c]
                below_left[c] = even_even[c] - even_odd[c] - odd_even[c] + odd_odd[c]


@jit
def _exact(region: Any, mean: Any, row: int, column: int, kernel: Any, sums: Any) -> float:
    """Return the correlation of ``region - mean`` with the full kernel whose first row and column are given."""
    weights, starts, stops = kernel
    side = len(weights)
    middle = side // 2
    twice_mean = mean + mean
    sums[:] = 0.0
    # rows at the same distance from the middle share their weights; two such pairs at a time
    for r in range(middle % 2, middle, 2):
        start, stop = starts[r + 1], stops[r + 1]
        first = region[row + r, column + start : column + stop]
        last = region[row + side - 1 - r, column + start : column + stop]
        second = region[row + r + 1, column + start : column + stop]
        second_last = region[row + side - 2 - r, column + start : column + stop]
        outer, inner = weights[r, start:stop], weights[r + 1, start:stop]
        partial = sums[start:stop]
        for c in range(stop - start):
            partial[c] += (first[c] + last[c] - twice_mean) * outer[c] + (
                second[c] + second_last[c] - twice_mean
            ) * inner[c]
    for r in (0, middle, side - 1):
        if r == middle or middle % 2 == 1:
            pixels, factors = region[row + r, column : column + side], weights[r]
            for c in range(side):
                sums[c] += (pixels[c] - mean) * factors[c]
    total = 0.0
    for c in range(len(sums)):
        total += sums[c]
    return total


@jit
def _pixels(region: Any, mean: float, work: Any) -> tuple[float, float, float]:
    """Return the sum of ``(region - mean)^2``, the largest ``|region - mean|``, and the least pixel."""
    size = len(region)
    shift = region.dtype.type(mean)
    # column by column: the compiler may not reorder one long sum, but it can work on many side by side
    squares, highest, lowest = work[0], work[1], work[2]
    squares[:] = 0.0
    highest[:] = region[0]
    lowest[:] = region[0]
    for r in range(size):
        row = region[r]
        for c in range(size):
            highest[c] = row[c] if row[c] > highest[c] else highest[c]
            lowest[c] = row[c] if row[c] < lowest[c] else lowest[c]
    for r in range(0, size, 3):  # a third of the rows estimates the sum well enough
        row = region[r]
        for c in range(size):
            squares[c] += (row[c] - shift) * (row[c] - shift)
    total = 0.0
    for c in range(size):
        total += squares[c]
    least = float(lowest.min())
    return total * size / ((size + 2) // 3), max(float(highest.max()) - mean, mean - least), least


@jit
def _moments(landscape: Any, columns: Any) -> tuple[float, float, float]:
    """Return maximum, mean and standard deviation; ``columns[0]`` receives the maximum of every column."""
    count = len(landscape)
    columns[0] = landscape[0]
    columns[1:] = 0.0
    highest, totals, squares = columns[0], columns[1], columns[2]
    for r in range(count):
        row = landscape[r]
        for c in range(count):
            highest[c] = row[c] if row[c] > highest[c] else highest[c]
            totals[c] += row[c]
            squares[c] += row[c] * row[c]
    best = -math.inf
    total = 0.0
    square = 0.0
    for c in range(count):
        best = max(best, highest[c])
        total += totals[c]
        square += squares[c]
    mean = total / count**2
    return best, mean, math.sqrt(max(square / count**2 - mean * mean, 0.0))


@jit
def _where(landscape: Any, value: Any) -> tuple[int, int]:
    """Return row and column of the first entry that is not below ``value``."""
    for r in range(landscape.shape[0]):
        for c in range(landscape.shape[1]):
            if landscape[r, c] >= value:
                return r, c
    return 0, 0


@jit
def _cut(correlation: Any, row: int, column: int, patch: Any) -> None:
    """Write the 3 x 3 entries about one; NaN beyond the candidates."""
    count = len(correlation)
    for r in range(3):
        for c in range(3):
            at_row, at_column = row + r - 1, column + c - 1
            inside = 0 <= at_row < count and 0 <= at_column < count
            patch[r, c] = correlation[at_row, at_column] if inside else math.nan


@jit
def _decide(
    regions: Any,
    landscape: Any,
    means: Any,
    spectrum: Any,
    kernel: Any,
    certainty: float,
    most: int,
    results: Any,
) -> Any:
    """Evaluate the full kernel at the candidates that can still win; return a mask of the images with too many."""
    index, patch, average, spread, lowest = results
    energy, rim_power, high_frequencies, ripple_near, ripple_far, ripple_most = spectrum
    count = landscape.shape[1]
    sums = np.empty(kernel[0].shape[1], dtype=regions.dtype)
    columns = np.empty((3, count), dtype=regions.dtype)
    region_sums = np.empty((3, regions.shape[1]), dtype=regions.dtype)
    exact = np.empty((count, count))
    undecided = np.zeros(len(regions), dtype=np.bool_)
    for i in range(len(regions)):
        low = landscape[i]
        mean = regions.dtype.type(means[i])
        best, average[i], spread[i] = _moments(low, columns)
        squares, extreme, lowest[i] = _pixels(regions[i], means[i], region_sums)
        high_power = max(squares - energy[i], 1e-12 * squares) / high_frequencies
        # spectra fall: up to twice the highest kept frequency the power is at most what it was at the rim
        ripple = max(rim_power[i], high_power) * ripple_near + high_power * ripple_far
        spread[i] = math.sqrt(spread[i] ** 2 + ripple)
        margin = certainty * math.sqrt(ripple) + ripple_most * extreme
        at_row, at_column = _where(low, best)
        exact[:] = math.nan
        winner = _exact(regions[i], mean, at_row, at_column, kernel, sums)
        exact[at_row, at_column] = winner
        left = 0
        for c in range(count):
            if columns[0, c] >= winner - margin:
                for r in range(count):
                    left += low[r, c] >= winner - margin
        if left > most:
            undecided[i] = True
            continue
        for c in range(count):
            # a better winner, once found, dismisses more
            if columns[0, c] < winner - margin:
                continue
            for r in range(count):
                if low[r, c] < winner - margin:
                    continue
                value = _exact(regions[i], mean, r, c, kernel, sums)
                exact[r, c] = value
                if value > winner or (value == winner and (r, c) < (at_row, at_column)):
                    winner = value
                    at_row, at_column = r, c
        for r in range(max(at_row - 1, 0), min(at_row + 2, count)):
            for c in range(max(at_column - 1, 0), min(at_column + 2, count)):
                if math.isnan(exact[r, c]):
                    exact[r, c] = _exact(regions[i], mean, r, c, kernel, sums)
        index[i, 0], index[i, 1] = at_row, at_column
        _cut(exact, at_row, at_column, patch[i])
    return undecided
