"""Algorithm 3.1, line by line: candidates one after the other, or in parallel."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from centering.landscapes.plan import Plan
from centering.landscapes.score import reciprocal
from pswf.jit import jit, parallel_jit, prange

__all__ = ["direct", "energies_at", "score_energies"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_one_parallel_call = threading.Lock()  # numba's default threading layer cannot be entered twice


def direct(image: Array, plan: Plan) -> tuple[Array, float]:
    """Return the landscape (h, w) of one non-negative float64 image, candidate by candidate, and 1 / E.

    Lines 2 to 6 of Algorithm 3.1 (Heimowitz, Sharon and Singer): crop the disk about p, average it over rotations,
    form u_p and compare it with 1.  The normaliser needs all of the u_p, so line 5 waits for them.
    """
    with _one_parallel_call:
        energies = _energies_parallel(image, *_arguments(plan, plan.rows, plan.columns))
    landscape, scale = score_energies(energies, image, plan)
    return landscape.reshape(plan.shape), scale


def energies_at(image: Array, plan: Plan, rows: Index, columns: Index) -> Array:
    """Return ``u_p``, shape (h * w, R+1), on the grid of candidate displacements ``rows`` (h,) and ``columns`` (w,)."""
    energies: Array = _energies(image, *_arguments(plan, rows, columns))
    return energies


def score_energies(energies: Array, image: Array, plan: Plan) -> tuple[Array, float]:
    """Return ``L(p) = sum_rho |u_p[rho] / E - 1|``, shape (P,), and 1 / E, with E taken over these candidates."""
    largest = energies.max() if plan.score.normalizer == "peak" else energies[:, -1].max()
    scale = reciprocal(largest, image)
    landscape: Array = np.abs(energies * scale - 1.0).sum(axis=1)
    return landscape, scale


def _arguments(plan: Plan, rows: Index, columns: Index) -> tuple[Index, Index, npt.NDArray[np.int32], Array, Array]:
    grid = np.meshgrid(rows + plan.size // 2, columns + plan.size // 2, indexing="ij")
    return grid[0].ravel(), grid[1].ravel(), plan.disk.ring_index, plan.functions_by_ring, plan.energies


@jit
def _energies(
    image: Array, rows: Index, columns: Index, ring_index: npt.NDArray[np.int32], functions: Array, matrix: Array
) -> Array:
    result = np.empty((len(rows), len(matrix)))
    for p in range(len(rows)):
        _energy(image, rows[p], columns[p], ring_index, functions, matrix, result[p])
    return result


@parallel_jit
def _energies_parallel(
    image: Array, rows: Index, columns: Index, ring_index: npt.NDArray[np.int32], functions: Array, matrix: Array
) -> Array:
    result = np.empty((len(rows), len(matrix)))
    for p in prange(len(rows)):
        _energy(image, rows[p], columns[p], ring_index, functions, matrix, result[p])
    return result


@jit
def _energy(
    image: Array,
    row: int,
    column: int,
    ring_index: npt.NDArray[np.int32],
    functions: Array,
    matrix: Array,
    energy: Array,
) -> None:
    """Write ``u_p`` for the candidate pixel (row, column)."""
    side = len(ring_index)
    radius = side // 2
    rings, count = functions.shape
    # pixels at the same distance from p share the value of psi_n
    ring_sum = np.zeros(rings)
    for i in range(side):
        for j in range(side):
            ring = ring_index[i, j]
            if ring >= 0:
                ring_sum[ring] += image[row - radius + i, column - radius + j]
    coefficients = np.zeros(count)
    for ring in range(rings):
        for n in range(count):
            coefficients[n] += functions[ring, n] * ring_sum[ring]
    for rho in range(len(matrix)):
        total = 0.0
        for n in range(count):
            total += matrix[rho, n] * coefficients[n]
        energy[rho] = total
