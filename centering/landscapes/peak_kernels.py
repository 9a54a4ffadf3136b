"""The loops of the search for a peak, compiled.

Sums and extremes run down the columns: the compiler may not reorder one long sum, but it can work on many side by side.
"""

from __future__ import annotations

import math
from typing import Any

from pswf.jit import jit

__all__ = ["contenders", "multiply", "prepare"]

_APART = 8  # rows from one to the next of those whose mean is taken off


@jit
def prepare(
    regions: Any,
    start: int,
    edges: Any,
    difference: Any,
    columns: Any,
    squares: Any,
    coarse: Any,
    ranges: Any,
    summary: Any,
    left: Any,
) -> None:
    """Write regions less a value near their means, those from ``start`` on, and what the search has to know of them.

    Parameters
    ----------
    regions : ndarray, shape (B, m, m)
    start : int
        The first of the C regions that are looked at.
    edges : ndarray of int, shape (k+1,)
        Ascending from 0 to m.
    difference : ndarray, shape (C, p, p)
        What lies beyond the m x m pixels is not written.
    columns, squares : ndarray, shapes (3, m), of the type of the regions, and (m,)
        Room to work in.
    coarse : ndarray, shape (B, k, k)
        Sums of the differences over the rectangles between the edges.
    ranges : ndarray, shape (2,)
        The largest contrast that is far from overflow, as is its inverse, and the largest pixel.
    summary : ndarray, shape (9, B)
        First six rows: least and largest pixel, the value taken off, the energy left, the sum of ``I - min I``, and
        half of the range of the middle row.
    left : ndarray of bool, shape (B,)
        True where the pixels are out of range.
    """
    _, rows, count = regions.shape
    parts = len(edges) - 1
    low, high, total = columns[0], columns[1], columns[2]
    for i in range(start, start + len(difference)):
        row = regions[i, rows // 2]
        least, most = row[0], row[0]
        for c in range(count):
            low[c] = high[c] = row[c]
            total[c] = squares[c] = 0.0
            least = row[c] if row[c] < least else least
            most = row[c] if row[c] > most else most
        summary[5, i] = 0.5 * most - 0.5 * least
        # the mean of some rows is near enough; one that overflows does not matter: such images are left out
        for r in range(0, rows, _APART):
            row = regions[i, r]
            for c in range(count):
                total[c] += row[c]
        mean = above = energy = 0.0
        for c in range(count):
            mean += total[c]
        total[0] = mean / (count * ((rows - 1) // _APART + 1))
        shift = total[0]
        for band in range(parts):
            for c in range(count):
                total[c] = 0.0
            for r in range(edges[band], edges[band + 1]):
                row, line = regions[i, r], difference[i - start, r]
                for c in range(count):
                    low[c] = row[c] if row[c] < low[c] else low[c]
                    high[c] = row[c] if row[c] > high[c] else high[c]
                    value = row[c] - shift
                    line[c] = value
                    total[c] += value
                    squares[c] += value * value
            for k in range(parts):
                part = 0.0
                for c in range(edges[k], edges[k + 1]):
                    part += total[c]
                coarse[i, band, k] = part
                above += part
        for c in range(count):
            energy += squares[c]
            least = low[c] if low[c] < least else least
            most = high[c] if high[c] > most else most
        above += (float(shift) - float(least)) * rows * count
        summary[0, i], summary[1, i], summary[2, i], summary[3, i], summary[4, i] = least, most, shift, energy, above
        contrast = float(most) - float(least)
        left[i] = not (1.0 / ranges[0] < contrast < ranges[0] and -ranges[1] < least and most < ranges[1])


@jit
def multiply(spectrum: Any, response: Any, squares: Any, start: int, norm: float, unit: float, summary: Any) -> None:
    """Multiply half spectra (C, q, 2p) by a response (q, 2p), and bound the errors of the correlations.

    Row 6 of ``summary``, from ``start`` on: ``unit`` times the sum of ``norm`` times the root of the energy, row 3, and
    of the root of twice the sum of squares of the products, divided by p.
    """
    batch, rows, count = spectrum.shape
    for i in range(batch):
        for c in range(count):
            squares[c] = 0.0
        for r in range(rows):
            row, factors = spectrum[i, r], response[r]
            for c in range(count):
                value = row[c] * factors[c]
                row[c] = value
                squares[c] += value * value
        total = 0.0
        for c in range(count):
            total += squares[c]
        energy = summary[3, start + i]
        summary[6, start + i] = unit * (norm * math.sqrt(energy) + math.sqrt(8.0 * total) / count)


@jit
def contenders(
    surface: Any,
    first: int,
    regions: Any,
    start: int,
    kernel: Any,
    slack: float,
    columns: Any,
    chosen: Any,
    sums: Any,
    summary: Any,
    left: Any,
    image: Any,
    place: Any,
    seen: Any,
    value: Any,
    kept: int,
) -> int:
    """List the candidates that can be the best of their images, in row order, and evaluate them; return their number.

    Parameters
    ----------
    surface : ndarray, shape (C, p, h)
        The correlations of the candidates are the h rows from ``first`` on.
    regions, start : ndarray, shape (B, m, m), and int
        The pixels of all images, and the first of those that are looked at.
    kernel : ndarray, shape (2a+1, 2a+1)
        Even: rows that mirror each other go together.
    slack : float
        Candidates that much below the best are wanted as well, in parts of the sum of ``I - min I``.
    columns, chosen, sums : ndarray, shapes (3, h), (h,) and (2a+1,)
        Room to work in.
    summary : ndarray, shape (9, B)
        As `prepare` and `multiply` write it; rows 7 and 8 become mean and standard deviation of the correlations.
    left : ndarray of bool, shape (B,)
        Images with a True are left out; it becomes True where there are more contenders than ``len(image) / B``, or
        none.
    image, place, seen, value : ndarray, shapes (K,), (K, 2), (K,) and (K,)
        Images and places of the candidates, their values here, and ``sum_s (I(p + s) - pixel) k(s)``.
    kept : int
        How many there are already.
    """
    batch, _, count = surface.shape
    side, most = len(kernel), len(image) // len(regions)
    middle = side // 2
    high, total, square = columns[0], columns[1], columns[2]
    for i in range(start, start + batch):
        mine = i - start
        origin = surface[mine, first, 0]
        for c in range(count):
            high[c] = origin
            total[c] = square[c] = 0.0
        for r in range(count):
            row = surface[mine, first + r]
            for c in range(count):
                difference = row[c] - origin
                high[c] = row[c] if row[c] > high[c] else high[c]
                total[c] += difference
                square[c] += difference * difference
        best, mean, variance = float(origin), 0.0, 0.0
        for c in range(count):
            best = max(best, float(high[c]))
            mean += total[c]
            variance += square[c]
        mean /= count * count
        variance = variance / (count * count) - mean * mean
        summary[7, i] = origin + mean
        summary[8, i] = math.sqrt(max(variance, 0.0))
        if left[i]:
            continue
        # twice, for the rounding of the values themselves
        shift, bound, near = summary[2, i], summary[6, i], 2.0 * slack * summary[4, i]
        limit = best - 2.0 * bound - near
        some = 0
        for c in range(count):
            if float(high[c]) >= limit:
                chosen[some] = c
                some += 1
        before, end, top = kept, kept, kept
        for r in range(count):
            for k in range(some):
                c = chosen[k]
                if float(surface[mine, first + r, c]) >= limit:
                    if end - before < most:
                        place[end, 0] = r
                        place[end, 1] = c
                        seen[end] = surface[mine, first + r, c]
                        top = end if seen[end] > seen[top] else top
                        end += 1
                    else:
                        left[i] = True
        if left[i] or end == before:
            left[i] = True
            continue
        # the largest is evaluated first; what lies too far below the best value known is not
        best = -math.inf
        for step in range(before - 1, end):
            k = top if step < before else step
            if step == top:
                continue
            value[k] = -math.inf
            if seen[k] < best - bound - near:
                continue
            region, column = regions[i, place[k, 0] : place[k, 0] + side], place[k, 1]
            line, weights = region[middle, column : column + side], kernel[middle]
            for c in range(side):
                sums[c] = (line[c] - shift) * weights[c]
            for r in range(middle):
                above, below = region[r, column : column + side], region[side - 1 - r, column : column + side]
                weights = kernel[r]
                for c in range(side):
                    sums[c] += ((above[c] - shift) + (below[c] - shift)) * weights[c]
            value[k] = 0.0
            for c in range(side):
                value[k] += sums[c]
            best = max(best, value[k])
        for k in range(before, end):
            if value[k] >= best - near:
                image[kept] = i
                place[kept, 0] = place[k, 0]
                place[kept, 1] = place[k, 1]
                value[kept] = value[k]
                kept += 1
    return kept
