"""The loops of the screen, compiled: folding images into parities, and looking closely at few candidates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pswf._jit import jit

__all__ = ["cut", "screen", "smooth", "where", "workspace"]


@jit
def screen(regions: Any, tables: Any, kernel: Any, left_out: Any, certainty: float, most: int, results: Any) -> Any:
    """Find the best candidates of all regions; return a mask of those left open, and the means of all.

    ``tables``: waves along the rows and the columns of the parities and of the candidates, transfer, and the weights
    of the squared coefficients in the energy of the kept frequencies and in the power of the outermost of them.
    ``left_out``: number of frequencies left out, power of the ripple at the near and at the far ones, and its largest
    value.  ``results``: as in `centering.landscapes.screen.Peaks`.
    """
    size = regions.shape[1]
    count = size - len(kernel[0]) + 1
    kind = regions.dtype
    buffers = workspace(tables, kind)
    landscape = np.empty((count, count), dtype=kind)
    contenders = max(min(most, count * count), 1)
    known = np.empty((contenders, 2), dtype=np.int64), np.empty(contenders)
    work = np.empty((3, size), dtype=kind), np.empty((3, count), dtype=kind), np.empty(len(kernel[0]), dtype=kind)
    undecided = np.zeros(len(regions), dtype=np.bool_)
    means = np.empty(len(regions))
    for i in range(len(regions)):
        means[i], energy, rim_power = smooth(regions[i], tables, buffers, landscape)
        power = energy, rim_power
        undecided[i] = decide(
            regions[i], landscape, means[i], power, left_out, kernel, certainty, most, known, work, results, i
        )
    return undecided, means


@jit
def workspace(tables: Any, kind: Any) -> Any:
    """Return the arrays that `smooth` works in."""
    _, waves, half = tables[0].shape
    side = tables[2].shape[1]
    return (
        np.empty((2, 2, half, half), dtype=kind),
        np.empty((waves, half), dtype=kind),
        np.empty((waves, waves), dtype=kind),
        np.empty((side, waves), dtype=kind),
        np.empty((2, 2, side, side), dtype=kind),
    )


@jit
def smooth(region: Any, tables: Any, buffers: Any, landscape: Any) -> tuple[float, float, float]:
    """Write the low frequencies of the correlation; return mean pixel, kept energy and power of the outermost."""
    analysis, transposed, synthesis, synthesis_transposed, transfer, energy_weights, rim_weights = tables
    parities, rows, coefficients, candidate_rows, quarters = buffers
    fold(region, parities)
    mean = 0.0
    energy = 0.0
    rim_power = 0.0
    for a in range(2):
        for b in range(2):
            np.dot(analysis[a], parities[a, b], rows)
            np.dot(rows, transposed[b], coefficients)
            if a == 0 and b == 0:
                mean = coefficients[0, 0] / len(region) ** 2
            for u in range(len(transfer)):
                for v in range(len(transfer)):
                    square = float(coefficients[u, v]) ** 2
                    energy += square * energy_weights[u, v]
                    rim_power += square * rim_weights[u, v]
                    coefficients[u, v] *= transfer[u, v]
            np.dot(synthesis[a], coefficients, candidate_rows)
            np.dot(candidate_rows, synthesis_transposed[b], quarters[a, b])
    unfold(quarters, landscape)
    return mean, energy, rim_power


@jit
def fold(region: Any, parities: Any) -> None:
    """Split a region about its centre pixel; ``parities[a, b]``: even (0) or odd (1) along rows (a), columns (b)."""
    size = len(region)
    middle = size // 2
    # one column less on the right than on the left where the size is even; unsigned indices need no check for < 0
    right, center = np.uint64(size - middle - 1), np.uint64(middle)
    absent = np.zeros(size, dtype=region.dtype)
    for r in range(middle + 1):
        above = region[middle + r] if middle + r < size else absent
        below = region[middle - r] if r > 0 else absent
        even_even, even_odd = parities[0, 0, r], parities[0, 1, r]
        odd_even, odd_odd = parities[1, 0, r], parities[1, 1, r]
        even_even[0] = above[middle] + below[middle]
        odd_even[0] = above[middle] - below[middle]
        even_odd[0] = 0.0
        odd_odd[0] = 0.0
        for c in range(np.uint64(1), right + np.uint64(1)):
            right_sum = above[center + c] + below[center + c]
            right_difference = above[center + c] - below[center + c]
            left_sum = above[center - c] + below[center - c]
            left_difference = above[center - c] - below[center - c]
            even_even[c] = right_sum + left_sum
            even_odd[c] = right_sum - left_sum
            odd_even[c] = right_difference + left_difference
            odd_odd[c] = right_difference - left_difference
        if right < center:
            even_even[middle] = above[0] + below[0]
            odd_even[middle] = above[0] - below[0]
            even_odd[middle] = 0.0
            odd_odd[middle] = 0.0


@jit
def unfold(quarters: Any, landscape: Any) -> None:
    """Put the four parities of the landscape together; inverse of `fold` on the candidates."""
    count = len(landscape)
    left = np.uint64(quarters.shape[3] - 1)
    right = np.uint64(count) - left  # candidates from the middle on
    for r in range(quarters.shape[2]):
        even_even, even_odd = quarters[0, 0, r], quarters[0, 1, r]
        odd_even, odd_odd = quarters[1, 0, r], quarters[1, 1, r]
        middle = quarters.shape[2] - 1
        above = landscape[middle + r] if middle + r < count else landscape[middle - r]
        below = landscape[middle - r]
        for c in range(right):
            above[left + c] = even_even[c] + even_odd[c] + odd_even[c] + odd_odd[c]
            below[left + c] = even_even[c] + even_odd[c] - odd_even[c] - odd_odd[c]
        for c in range(left + np.uint64(1)):
            above[left - c] = even_even[c] - even_odd[c] + odd_even[c] - odd_odd[c]
            below[left - c] = even_even[c] - even_odd[c] - odd_even[c] + odd_odd[c]


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
    columns = np.uint64(size)
    shift = region.dtype.type(mean)
    # column by column: the compiler may not reorder one long sum, but it can work on many side by side
    squares, highest, lowest = work[0], work[1], work[2]
    for c in range(columns):
        squares[c] = 0.0
        highest[c] = lowest[c] = region[size - 1, c]
    for r in range(0, size - 1, 2):
        first, second = region[r], region[r + 1]
        for c in range(columns):
            large = first[c] if first[c] > second[c] else second[c]
            small = second[c] if first[c] > second[c] else first[c]
            highest[c] = large if large > highest[c] else highest[c]
            lowest[c] = small if small < lowest[c] else lowest[c]
    for r in range(0, size, 3):  # a third of the rows estimates the sum well enough
        row = region[r]
        for c in range(columns):
            squares[c] += (row[c] - shift) * (row[c] - shift)
    total = 0.0
    for c in range(columns):
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
    region: Any,
    low: Any,
    region_mean: float,
    power: Any,
    left_out: Any,
    kernel: Any,
    certainty: float,
    most: int,
    known: Any,
    work: Any,
    results: Any,
    i: int,
) -> bool:
    """Evaluate the full kernel at the candidates that can still win; return whether they are too many."""
    index, patch, average, spread, lowest = results
    energy, rim_power = power
    high_frequencies, ripple_near, ripple_far, ripple_most = left_out
    region_sums, columns, sums = work
    places, values = known
    count = len(low)
    mean = region.dtype.type(region_mean)
    squares, extreme, lowest[i] = pixels(region, region_mean, region_sums)
    best, average[i], spread[i] = moments(low, columns)
    high_power = max(squares - energy, 1e-12 * squares) / high_frequencies
    # spectra fall: up to twice the highest kept frequency the power is at most what it was at the rim
    ripple = max(rim_power, high_power) * ripple_near + high_power * ripple_far
    spread[i] = math.sqrt(spread[i] ** 2 + ripple)
    margin = certainty * math.sqrt(ripple) + ripple_most * extreme
    at_row, at_column = where(low, best)
    highest = columns[0]
    winner = exact(region, mean, at_row, at_column, kernel, sums)
    first_row, first_column, first = at_row, at_column, winner
    left = 0
    for c in range(count):
        if highest[c] >= winner - margin:
            for r in range(count):
                left += low[r, c] >= winner - margin
    if left > most:
        return True
    looked = 0
    for c in range(count):
        # a better winner, once found, dismisses more
        if highest[c] < winner - margin:
            continue
        for r in range(count):
            if low[r, c] < winner - margin:
                continue
            known_already = r == first_row and c == first_column
            value = first if known_already else exact(region, mean, r, c, kernel, sums)
            places[looked, 0], places[looked, 1], values[looked] = r, c, value
            looked += 1
            if value > winner or (value == winner and (r, c) < (at_row, at_column)):
                winner = value
                at_row, at_column = r, c
    patch[i] = math.nan
    for k in range(looked):
        r, c = places[k, 0] - at_row + 1, places[k, 1] - at_column + 1
        if 0 <= r < 3 and 0 <= c < 3:
            patch[i, r, c] = values[k]
    for r in range(max(at_row - 1, 0), min(at_row + 2, count)):
        for c in range(max(at_column - 1, 0), min(at_column + 2, count)):
            if math.isnan(patch[i, r - at_row + 1, c - at_column + 1]):
                patch[i, r - at_row + 1, c - at_column + 1] = exact(region, mean, r, c, kernel, sums)
    index[i, 0], index[i, 1] = at_row, at_column
    return False
