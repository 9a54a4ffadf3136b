"""From a landscape to a centre: the minimum, its sub-pixel position, how clear it is, and what is suspicious."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from centering.results import Flag
from pswf._jit import jit

__all__ = ["Minimum", "bowl", "clearness", "find_minimum", "first_minimum", "quadratic_offset"]

Array = npt.NDArray[np.float64]

_ROUNDING = 1e-13  # differences below this part of the terms are rounding


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
    grid.  The sub-pixel position is the minimum of the quadratic fitted to the 3 x 3
    neighbourhood; there is none on the border.
    """
    size = float(np.abs(landscape).max()) if terms is None else terms
    if landscape.size > 1 and np.ptp(landscape) <= _ROUNDING * size:
        return Minimum(0.0, 0.0, 0.0, int(Flag.FLAT))
    i, j = first_minimum(landscape, size)
    height, width = landscape.shape
    border = i in (0, height - 1) or j in (0, width - 1)
    row, column = float(rows[i]), float(columns[j])
    if subpixel and not border:
        d_row, d_column = quadratic_offset(landscape[i - 1 : i + 2, j - 1 : j + 2])
        row += float(d_row) * float(rows[1] - rows[0])
        column += float(d_column) * float(columns[1] - columns[0])
    return Minimum(row, column, clearness(landscape), int(Flag.BORDER) if border else 0)


def first_minimum(landscape: Array, terms: float) -> tuple[int, int]:
    """Return the index of the first minimum in row order; values that only rounding of the terms separates are equal.

    Images with symmetries have ties; so every method settles them alike.
    """
    index = int(np.argmax(landscape <= landscape.min() + _ROUNDING * terms))
    return index // landscape.shape[1], index % landscape.shape[1]


def clearness(landscape: Array) -> float:
    """Return ``(mean L - min L) / std L``, which scale and offset of L do not change; 0 for a single candidate."""
    deviation = landscape.std()
    return float((landscape.mean() - landscape.min()) / deviation) if deviation else 0.0


def quadratic_offset(patch: Array) -> Array:
    """Return the (row, column) offsets from their centres of the minima of the quadratics fitted to 3 x 3 patches.

    Shapes (..., 3, 3) -> (..., 2).  Least squares with six coefficients.  Within one pixel: the fit knows nothing
    beyond its patch; (0, 0) where it has no minimum.
    """
    patches = np.ascontiguousarray(patch, dtype=np.float64)
    result = np.empty((*patches.shape[:-2], 2))
    _offsets(patches.reshape(-1, 3, 3), result.reshape(-1, 2))
    return result


@jit
def _offsets(patches: Any, result: Any) -> None:
    for i in range(len(patches)):
        result[i, 0], result[i, 1] = bowl(patches[i])


@jit
def bowl(patch: Any) -> tuple[float, float]:
    """Return what `quadratic_offset` does, for one patch."""
    first, second, third = patch[0].sum(), patch[1].sum(), patch[2].sum()
    left = patch[0, 0] + patch[1, 0] + patch[2, 0]
    middle = patch[0, 1] + patch[1, 1] + patch[2, 1]
    right = patch[0, 2] + patch[1, 2] + patch[2, 2]
    row_slope, column_slope = (third - first) / 6.0, (right - left) / 6.0
    h_row, h_column = (first - 2.0 * second + third) / 3.0, (left - 2.0 * middle + right) / 3.0
    across = (patch[0, 0] + patch[2, 2] - patch[0, 2] - patch[2, 0]) / 4.0
    determinant = h_row * h_column - across * across
    if not (h_row > 0 and h_column > 0 and determinant > 0):
        return 0.0, 0.0
    row = (across * column_slope - h_column * row_slope) / determinant
    column = (across * row_slope - h_row * column_slope) / determinant
    return min(max(row, -1.0), 1.0), min(max(column, -1.0), 1.0)
