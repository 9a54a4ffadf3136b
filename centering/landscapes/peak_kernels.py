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
    edges: Any,
    difference: Any,
    columns: Any,
    squares: Any,
    coarse: Any,
    summary: Any,
    ranges: Any,
    left: Any,
) -> None:
    """Write regions (B, m, m) less a value near their means into (B, p, p), and what the search has to know of them.

    Parameters
    ----------
    regions : ndarray, shape (B, m, m)
    edges : ndarray of int, shape (k+1,)
        Ascending from 0 to m.
    difference : ndarray, shape (B, p, p)
        What lies beyond the m x m pixels is not written.
    columns, squares : ndarray, shapes (3, m), of the type of the regions, and (m,)
        Room to work in.
    coarse : ndarray, shape (B, k, k)
        Sums of the differences over the rectangles between the edges.
    summary : ndarray, shape (6, B)
        Least and largest pixel, the value taken off, the energy left, the sum of ``I - min I``, and half of the range
        of the middle row.
    ranges : ndarray, shape (2,)
        The largest contrast that is far from overflow, as is its inverse, and the largest pixel.
    left : ndarray of bool, shape (B,)
        True where the pixels are out of range.
    """
    batch, rows, count = regions.shape
    parts = len(edges) - 1
    low, high, total = columns[0], columns[1], columns[2]
    for i in range(batch):
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
                row, line = regions[i, r], difference[i, r]
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
def multiply(spectrum: Any, response: Any, squares: Any, energy: Any, norm: float, norms: Any) -> None:
    """Multiply half spectra (B, q, 2p) by a response (q, 2p), and write, shape (B,), what errors are measured by.

    ``norms``: ``norm sqrt(energy)``, and the root of twice the sum of squares of the products, less the factor p.
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
        norms[i] = norm * math.sqrt(energy[i]) + math.sqrt(8.0 * total) / count


@jit
def contenders(
    surface: Any,
    first: int,
    regions: Any,
    pixel: Any,
    bound: Any,
    slack: Any,
    kernel: Any,
    columns: Any,
    chosen: Any,
    sums: Any,
    moments: Any,
    left: Any,
    image: Any,
    place: Any,
    seen: Any,
    value: Any,
) -> int:
    """List the candidates that can be the best of their images, in row order, and evaluate them; return their number.

    Parameters
    ----------
    surface : ndarray, shape (B, p, h)
        The correlations of the candidates are the h rows from ``first`` on, right to within ``bound``.
    regions, pixel : ndarray, shapes (B, m, m) and (B,)
        The pixels, and the value that was taken off.
    bound, slack : ndarray, shape (B,)
        Candidates within ``slack`` of the best are wanted.
    kernel : ndarray, shape (2a+1, 2a+1)
        Even: rows that mirror each other go together.
    columns, chosen, sums : ndarray, shapes (3, h), (h,) and (2a+1,)
        Room to work in.
    moments : ndarray, shape (2, B)
        Mean and standard deviation of each image.
    left : ndarray of bool, shape (B,)
        Images with a True are left out; it becomes True where there are more contenders than ``len(image) / B``, or
        none.
    image, place, seen, value : ndarray, shapes (K,), (K, 2), (K,) and (K,)
        Images and places of the candidates, their values here, and ``sum_s (I(p + s) - pixel) k(s)``.
    """
    batch, _, count = surface.shape
    side, most = len(kernel), len(image) // batch
    middle = side // 2
    high, total, square = columns[0], columns[1], columns[2]
    kept = 0
    for i in range(batch):
        origin = surface[i, first, 0]
        for c in range(count):
            high[c] = origin
            total[c] = square[c] = 0.0
        for r in range(count):
            row = surface[i, first + r]
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
        moments[0, i] = origin + mean
        moments[1, i] = math.sqrt(max(variance, 0.0))
        if left[i]:
            continue
        limit = best - 2.0 * bound[i] - slack[i]
        some = 0
        for c in range(count):
            if float(high[c]) >= limit:
                chosen[some] = c
                some += 1
        start, end, top = kept, kept, kept
        for r in range(count):
            for k in range(some):
                c = chosen[k]
                if float(surface[i, first + r, c]) >= limit:
                    if end - start < most:
                        place[end, 0], place[end, 1], seen[end] = r, c, surface[i, first + r, c]
                        top = end if seen[end] > seen[top] else top
                        end += 1
                    else:
                        left[i] = True
        if left[i] or end == start:
            left[i] = True
            continue
        # the largest is evaluated first; what lies too far below the best value known is not
        best = -math.inf
        shift, reach = pixel[i], bound[i] + slack[i]
        for step in range(start - 1, end):
            k = top if step < start else step
            if step == top:
                continue
            value[k] = -math.inf
            if seen[k] < best - reach:
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
        for k in range(start, end):
            if value[k] >= best - slack[i]:
                image[kept], place[kept, 0], place[kept, 1], value[kept] = i, place[k, 0], place[k, 1], value[k]
                kept += 1
    return kept
