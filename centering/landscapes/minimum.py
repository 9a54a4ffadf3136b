"""From a landscape to a centre: the minimum, its sub-pixel position, how clear it is, and what is suspicious."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from centering.results import Flag

__all__ = ["TIE", "Minimum", "best_candidate", "choose", "clearness", "find_minimum", "quadratic_offset"]

Array = npt.NDArray[np.float64]

TIE = 1e-13
"""Differences below this part of the terms that were summed are rounding: the candidates are equal."""
NEAR = 4.0
"""In units of the least difference: what separates up to this many may be a tie by another method."""


class Minimum(NamedTuple):
    """Displacement (row, column) in pixels of the minimum of a landscape, its score, and its flags."""

    row: float
    column: float
    score: float
    flags: int


def find_minimum(
    landscape: Array,
    rows: npt.NDArray[Any],
    columns: npt.NDArray[Any],
    *,
    subpixel: bool = True,
    terms: float | None = None,
) -> Minimum:
    """Return the minimum of a landscape (h, w) whose axes are evenly spaced displacements in pixels.

    The flag is FLAT (displacement 0) where nothing but rounding distinguishes the candidates: ``terms`` is the size of
    the terms that were summed, by default that of the landscape.  BORDER: the best candidate lies on the border of the
    grid.  AMBIGUOUS: see `choose`.  The sub-pixel position is the minimum of the quadratic fitted to the 3 x 3
    neighbourhood; there is none on the border.
    """
    # the normaliser may be negative, and the terms with it
    size = float(np.abs(landscape).max()) if terms is None else abs(terms)
    if landscape.size > 1 and np.ptp(landscape) <= TIE * size:
        return Minimum(0.0, 0.0, 0.0, int(Flag.FLAT))
    height, width = landscape.shape
    i, j, ambiguous = best_candidate(landscape, size)
    border = i in (0, height - 1) or j in (0, width - 1)
    flags = border * int(Flag.BORDER) | ambiguous * int(Flag.AMBIGUOUS)
    row, column = float(rows[i]), float(columns[j])
    if subpixel and not border:
        d_row, d_column = quadratic_offset(landscape[i - 1 : i + 2, j - 1 : j + 2])
        row += float(d_row) * float(rows[1] - rows[0])
        column += float(d_column) * float(columns[1] - columns[0])
    return Minimum(row, column, clearness(landscape), flags)


def best_candidate(landscape: Array, terms: float) -> tuple[int, int, bool]:
    """Return the index of the minimum of a landscape (h, w), and whether it is in doubt: see `choose`."""
    near = np.flatnonzero(landscape <= landscape.min() + NEAR * TIE * terms)
    place = np.stack(np.divmod(near, landscape.shape[1]), axis=1)
    best, ambiguous = choose(landscape.ravel()[near], place, TIE * terms)
    i, j = place[best].tolist()
    return i, j, ambiguous


def choose(values: Array, place: npt.NDArray[np.int64], tie: float) -> tuple[int, bool]:
    """Return which of several candidates has the least value, and whether that is in doubt.

    Images with symmetries have ties, and every method has to settle them alike although it rounds in its own way: the
    first in row order wins among those that lie within ``tie`` of the least.

    Parameters
    ----------
    values : ndarray, shape (K,)
        All that lie within `NEAR` times ``tie`` of the least, and any others.
    place : ndarray, shape (K, 2)
        Row and column of the candidates, in row order.
    tie : float
        Differences up to this are rounding.

    Returns
    -------
    best : int
    ambiguous : bool
        True where a candidate that does not touch the chosen one is as good; or nearly, so that another method could
        take it for as good or not.
    """
    if len(values) == 1:
        return 0, False
    excess = values - values.min()
    best = int(np.argmax(excess <= tie))
    near = excess <= NEAR * tie
    apart = np.abs(place - place[best]).max(axis=1) > 1
    return best, bool((near & (apart | (excess > tie / NEAR))).any())


def clearness(landscape: Array) -> float:
    """Return ``(mean L - min L) / std L``, which scale and offset of L do not change; 0 for a single candidate."""
    deviation = landscape.std()
    return float((landscape.mean() - landscape.min()) / deviation) if deviation else 0.0


def quadratic_offset(patch: Array) -> Array:
    """Return the (row, column) offsets from their centres of the minima of the quadratics fitted to 3 x 3 patches.

    Shapes (..., 3, 3) -> (..., 2).  Least squares with six coefficients.  Where the fit has no minimum, or one beyond
    the patch, of which it knows nothing, those of the parabolas through the middle row and the middle column instead: a
    middle that is the least of its neighbours always has these, half a pixel away at most.
    """
    patches = np.asarray(patch, dtype=np.float64)
    lines = (patches - patches[..., 1:2, 1:2]).reshape(-1, 1, 9)
    # one product for each patch, so that none sees the others; a few numbers each are no work for arrays
    fits, middle = np.matmul(lines, _QUADRATIC)[:, 0].tolist(), lines[:, 0, [1, 7, 3, 5]].tolist()
    offsets = [_lowest(*five) or _on_the_lines(*four) for five, four in zip(fits, middle, strict=True)]
    return np.array(offsets).reshape(*patches.shape[:-2], 2)


def _lowest(slope_r: float, slope_c: float, h_r: float, h_c: float, across: float) -> tuple[float, float] | None:
    """Return where a quadratic with these slopes, curvatures and mixed one is least; None: nowhere within one pixel."""
    determinant = h_r * h_c - across * across
    if not (h_r > 0 and h_c > 0 and determinant > 0):
        return None
    row = (across * slope_c - h_c * slope_r) / determinant
    column = (across * slope_r - h_r * slope_c) / determinant
    return (row, column) if abs(row) <= 1.0 and abs(column) <= 1.0 else None


def _on_the_lines(above: float, below: float, left: float, right: float) -> tuple[float, float]:
    """Return where parabolas through the middle row and the middle column are least."""
    return _vertex(above, below), _vertex(left, right)


def _vertex(before: float, after: float) -> float:
    """Return where the parabola through ``before``, 0 and ``after`` at -1, 0 and 1 is least; 0: nothing curves."""
    curvature = before + after
    return min(max(0.5 * (before - after) / curvature, -1.0), 1.0) if curvature > 0 else 0.0


def _quadratic() -> Array:
    """Return the matrix (9, 5) of `quadratic_offset`: the coefficients from the values of a patch, row by row."""
    row, column = (axis.ravel().astype(np.float64) for axis in np.mgrid[-1:2, -1:2])
    return np.stack([row / 6.0, column / 6.0, row**2 - 2.0 / 3.0, column**2 - 2.0 / 3.0, row * column / 4.0], axis=1)


_QUADRATIC = _quadratic()
