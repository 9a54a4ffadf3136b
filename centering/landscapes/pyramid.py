"""RACER's coarse-to-fine search: few candidates are looked at, so a narrow minimum can be missed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.landscapes.direct import energies_at, score_energies
from centering.landscapes.minimum import Minimum, clearness, quadratic_offset
from centering.landscapes.plan import Plan
from centering.landscapes.score import RACER
from centering.results import Flag

__all__ = ["pyramid"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_COARSE = 21  # grid lines of the first level along each axis


def pyramid(image: Array, plan: Plan, *, subpixel: bool) -> Minimum:
    """Return the minimum found on a grid of 21 x 21 candidates and then with halving steps.

    The first grid spans the candidates.  Around its best point 3 x 3 candidates at half the spacing are compared,
    and so on down to neighbouring pixels; every level has its own normaliser, as in RACER.  The score is taken over
    the first grid.  BORDER: the best of the first grid lies on its border (RACER's ``remove_outliers`` rejects
    such images), or the final candidate on the border of the search.

    RACER rounds the lines of its first grid down, so that its centres do not follow a flip or a quarter turn of the
    image (by 2 pixels on noisy images).  Its own score keeps them, for reproduction; every other score has lines that
    mirror each other, and then 20 where the number of candidates is even: 21 cannot.

    Another deviation from RACER: it halves the *first* spacing of its rounded grid, which is 1 for 22 to 40 candidates
    per axis, and then never visits the candidates between the grid lines; here the widest spacing is halved.
    """
    lines = _racer_lines if plan.score == RACER else _lines
    row_grid, column_grid = lines(plan.rows), lines(plan.columns)
    landscape = _evaluate(image, plan, row_grid, column_grid)
    i, j = np.unravel_index(landscape.argmin(), landscape.shape)
    row, column = row_grid[i], column_grid[j]
    border = bool(row in row_grid[[0, -1]] or column in column_grid[[0, -1]])
    step = int(max(np.diff(row_grid).max(initial=0), np.diff(column_grid).max(initial=0))) // 2
    while step:
        row, column = _best_of_nine(image, plan, row, column, step)
        step //= 2
    border = border or bool(row in plan.rows[[0, -1]] or column in plan.columns[[0, -1]])
    d_row = d_column = 0.0
    if subpixel and not border:
        near = np.arange(-1, 2)
        d_row, d_column = quadratic_offset(_evaluate(image, plan, row + near, column + near))
    flags = int(Flag.BORDER) if border else 0
    return Minimum(float(row) + d_row, float(column) + d_column, clearness(landscape), flags)


def _lines(axis: Index) -> Index:
    """Return 20 or 21 lines, as evenly spaced as whole pixels allow and symmetric about the middle of the axis."""
    count = min(_COARSE - 1 + len(axis) % 2, len(axis))
    # twice the distances from the middle, rounded to numbers of the parity that whole pixels have
    twice = np.arange(1 - count, count, 2) * (len(axis) - 1) / max(count - 1, 1)
    odd = 1 - len(axis) % 2
    steps = np.sign(twice) * (2 * np.floor((np.abs(twice) - odd + 1) / 2) + odd)
    grid: Index = (axis[0] + axis[-1] + steps.astype(np.int64)) // 2
    return grid


def _racer_lines(axis: Index) -> Index:
    """Return RACER's coarse grid: ``floor(linspace(first, last, 21))``, or every candidate of a short axis."""
    count = min(_COARSE, len(axis))
    grid: Index = axis[0] + np.arange(count) * (len(axis) - 1) // max(count - 1, 1)
    return grid


def _best_of_nine(image: Array, plan: Plan, row: int, column: int, step: int) -> tuple[int, int]:
    near = step * np.arange(-1, 2)
    rows, columns = np.intersect1d(row + near, plan.rows), np.intersect1d(column + near, plan.columns)
    landscape = _evaluate(image, plan, rows, columns)
    i, j = np.unravel_index(landscape.argmin(), landscape.shape)
    return int(rows[i]), int(columns[j])


def _evaluate(image: Array, plan: Plan, rows: Index, columns: Index) -> Array:
    landscape, _ = score_energies(energies_at(image, plan, rows, columns), image, plan)
    return landscape.reshape(len(rows), len(columns))
