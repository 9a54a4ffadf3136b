"""The loops of the screen, compiled: folding images into parities, and looking closely at few candidates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pswf._jit import jit

__all__ = ["cut", "decide", "fold", "unfold", "where"]


@jit
def fold(regions: Any, parities: Any) -> None:
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
def unfold(quarters: Any, landscape: Any) -> None:
    """Put the four parities of the landscape together; inverse of `fold` on the candidates."""
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
def exact(region: Any, mean: Any, row: int, column: int, kernel: Any, sums: Any) -> float:
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
def pixels(region: Any, mean: float, work: Any) -> tuple[float, float, float]:
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
def moments(landscape: Any, columns: Any) -> tuple[float, float, float]:
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
def where(landscape: Any, value: Any) -> tuple[int, int]:
    """Return row and column of the first entry that is not below ``value``."""
    for r in range(landscape.shape[0]):
        for c in range(landscape.shape[1]):
            if landscape[r, c] >= value:
                return r, c
    return 0, 0


@jit
def cut(correlation: Any, row: int, column: int, patch: Any) -> None:
    """Write the 3 x 3 entries about one; NaN beyond the candidates."""
    count = len(correlation)
    for r in range(3):
        for c in range(3):
            at_row, at_column = row + r - 1, column + c - 1
            inside = 0 <= at_row < count and 0 <= at_column < count
            patch[r, c] = correlation[at_row, at_column] if inside else math.nan


@jit
def decide(
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
    known = np.empty((count, count))
    undecided = np.zeros(len(regions), dtype=np.bool_)
    for i in range(len(regions)):
        low = landscape[i]
        mean = regions.dtype.type(means[i])
        best, average[i], spread[i] = moments(low, columns)
        squares, extreme, lowest[i] = pixels(regions[i], means[i], region_sums)
        high_power = max(squares - energy[i], 1e-12 * squares) / high_frequencies
        # spectra fall: up to twice the highest kept frequency the power is at most what it was at the rim
        ripple = max(rim_power[i], high_power) * ripple_near + high_power * ripple_far
        spread[i] = math.sqrt(spread[i] ** 2 + ripple)
        margin = certainty * math.sqrt(ripple) + ripple_most * extreme
        at_row, at_column = where(low, best)
        known[:] = math.nan
        winner = exact(regions[i], mean, at_row, at_column, kernel, sums)
        known[at_row, at_column] = winner
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
                value = exact(regions[i], mean, r, c, kernel, sums)
                known[r, c] = value
                if value > winner or (value == winner and (r, c) < (at_row, at_column)):
                    winner = value
                    at_row, at_column = r, c
        for r in range(max(at_row - 1, 0), min(at_row + 2, count)):
            for c in range(max(at_column - 1, 0), min(at_column + 2, count)):
                if math.isnan(known[r, c]):
                    known[r, c] = exact(regions[i], mean, r, c, kernel, sums)
        index[i, 0], index[i, 1] = at_row, at_column
        cut(known, at_row, at_column, patch[i])
    return undecided
