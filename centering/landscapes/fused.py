"""The landscape as one correlation: equation (3.1) without its absolute value, and when the two are equal.

Write ``S(p) = sum_rho u_p[rho]``.  Without the absolute value (3.1) reads ``L_lin(p) = (R + 1) - S(p) / E``, which is
linear in the image but for the normaliser.  Since ``|x| = -x + 2 max(0, x)``,

    L(p) = L_lin(p) + 2 sum_rho max(0, u_p[rho] / E - 1)  >=  L_lin(p),

with equality where no ``u_p[rho]`` exceeds E (no overshoot).  So if the minimiser p* of L_lin has no overshoot, then
``L(p) >= L_lin(p) >= L_lin(p*) = L(p*)`` for every candidate p: p* minimises (3.1) itself.  One rotational average
certifies it, whatever happens at the other candidates.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.landscapes.direct import energies_at
from centering.landscapes.maps import maps
from centering.landscapes.minimum import bowl
from centering.landscapes.plan import Plan
from centering.landscapes.score import ROUNDING, reciprocal
from centering.landscapes.screen import Peaks
from centering.results import Flag
from pswf._jit import jit

__all__ = ["fused", "linear", "overshoots", "settle"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

BORDER = int(Flag.BORDER)


def linear(image: Array, plan: Plan) -> tuple[Array, float]:
    """Return ``S(p) = sum_rho u_p[rho]``, shape (h, w), and ``max_p u_p[R]`` of one float64 image."""
    total, whole = plan.linear_maps(plan.region(image))
    return total, float(whole.max())


def fused(image: Array, plan: Plan) -> Array:
    """Return ``L_lin``, shape (h, w), of one non-negative float64 image.

    Under the normaliser ``"disk"`` it is a lower bound of (3.1), equal where nothing overshoots.  Under ``"peak"``
    nothing can overshoot, but E is the maximum over all rings, so it has to come from the coefficient maps.
    """
    if plan.score.normalizer == "peak":
        return maps(image, plan)
    total, largest = linear(image, plan)
    return plan.radius + 1 - total * reciprocal(largest, image)


def overshoots(image: Array, plan: Plan, rows: Index, columns: Index, largest: float) -> bool:
    """Return whether some ``u_p[rho]`` exceeds E = ``largest`` on this grid of candidate displacements."""
    energies = energies_at(image, plan, rows, columns)
    return largest <= 0 or bool((energies > largest + ROUNDING * image.sum()).any())


def settle(
    regions: npt.NDArray[Any], peaks: Peaks, plan: Plan, *, subpixel: bool
) -> tuple[Array, Array, Index, npt.NDArray[np.bool_]]:
    """Turn the peaks of a screen into centres, and prove them.

    Parameters
    ----------
    regions : ndarray, shape (B, m, m)
        As `Plan.region` cuts them.
    peaks : Peaks
        Of these regions.
    subpixel : bool
        Whether the centre is refined by the quadratic through the neighbours of the candidate.

    Returns
    -------
    displacement, score, flags : ndarray, shapes (B, 2), (B,) and (B,)
        As in `centering.results.Centers`.
    doubtful : ndarray of bool, shape (B,)
        True where rounding could have made the differences between the candidates, or, under the normaliser
        ``"disk"``, where some ``u[rho]`` at the candidate exceeds ``u[R]``.  That none does is sufficient for the
        certificate above, because E is the largest of all ``u[R]``.
    """
    batch = len(regions)
    displacement, score = np.empty((batch, 2)), np.empty(batch)
    flags, doubtful = np.zeros(batch, dtype=np.int64), np.zeros(batch, dtype=np.bool_)
    disk = plan.disk
    rings = disk.ring_index, plan.ring_starts, disk.multiplicity, plan.energies_by_ring
    results = displacement, score, flags, doubtful
    prove = plan.score.normalizer == "disk"
    _settle(regions, tuple(peaks), plan.rows, plan.columns, subpixel, prove, rings, results)
    return results


@jit
def _settle(
    regions: Any,
    peaks: Any,
    rows: Any,
    columns: Any,
    subpixel: bool,
    prove: bool,
    rings: Any,
    results: Any,
) -> None:
    candidate, patches, mean, deviation, lowest = peaks
    displacement, score, flags, doubtful = results
    for i in range(len(regions)):
        row, column = candidate[i]
        patch = patches[i]
        top = patch[1, 1]
        displacement[i, 0], displacement[i, 1] = rows[row], columns[column]
        largest, least = top, top
        for value in patch.flat:
            if math.isnan(value):
                flags[i] = BORDER
            else:
                largest, least = max(largest, value), min(least, value)
        if subpixel and flags[i] == 0:
            d_row, d_column = bowl(-patch)
            displacement[i, 0] += d_row
            displacement[i, 1] += d_column
        clear = largest - least > 1e-6 * (abs(top) + abs(mean[i]))
        if clear and prove:
            energies = _energies(regions[i], row, column, lowest[i], rings)
            whole = energies[-1]
            clear = whole > 0.0 and energies.max() <= whole * (1.0 + 1e-9)
        doubtful[i] = not clear
        score[i] = (top - mean[i]) / deviation[i] if clear else 0.0


@jit
def _energies(region: Any, row: int, column: int, lowest: float, rings: Any) -> Any:
    """Return ``u[rho]`` of one candidate, shape (R+1,), from the sums of the pixels over rings of equal distance."""
    index, starts, multiplicity, energies_by_ring = rings
    sums = -lowest * multiplicity
    side = len(index)
    radius = side // 2
    # pixels that mirror each other lie on the same ring
    for r in range(radius):
        above, below, ring = region[row + r], region[row + side - 1 - r], index[r]
        for c in range(starts[r], radius):
            left, right = column + c, column + side - 1 - c
            sums[ring[c]] += (float(above[left]) + float(above[right])) + (float(below[left]) + float(below[right]))
        sums[ring[radius]] += float(above[column + radius]) + float(below[column + radius])
    middle, ring = region[row + radius], index[radius]
    for c in range(radius):
        sums[ring[c]] += float(middle[column + c]) + float(middle[column + side - 1 - c])
    sums[ring[radius]] += middle[column + radius]
    return np.dot(sums, energies_by_ring)
