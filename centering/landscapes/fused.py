"""The landscape as one correlation: equation (3.1) without its absolute value, and when the two are equal.

Write ``S(p) = sum_rho u_p[rho]``.  Without the absolute value (3.1) reads ``L_lin(p) = (R + 1) - S(p) / E``, which is
linear in the image but for the normaliser.  Since ``|x| = -x + 2 max(0, x)``,

    L(p) = L_lin(p) + 2 sum_rho max(0, u_p[rho] / E - 1)  >=  L_lin(p),

with equality where no ``u_p[rho]`` exceeds E (no overshoot).  So if the minimiser p* of L_lin has no overshoot, then
``L(p) >= L_lin(p) >= L_lin(p*) = L(p*)`` for every candidate p: p* minimises (3.1) itself.  One rotational average
certifies it, whatever happens at the other candidates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from centering.landscapes.direct import energies_at
from centering.landscapes.maps import maps
from centering.landscapes.plan import Plan
from centering.landscapes.score import ROUNDING, reciprocal
from pswf._jit import jit

__all__ = ["certified", "fused", "linear", "overshoots"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


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


def certified(regions: npt.NDArray[Any], lowest: Array, index: Index, plan: Plan) -> npt.NDArray[np.bool_]:
    """Return a mask of the candidates, one of every region, at which nothing overshoots.

    No ``u[rho]`` exceeds ``u[R]`` there, which is sufficient, because E is the largest of all ``u[R]``.

    Parameters
    ----------
    regions : ndarray, shape (B, m, m)
        As `Plan.region` cuts them.
    lowest : ndarray, shape (B,)
        Value of the pixels that counts as zero.
    index : ndarray of int, shape (B, 2)
        (row, column) of the candidate in the landscape.
    """
    sums = _ring_sums_at(regions, index, plan.disk.ring_index, plan.ring_starts, len(plan.disk.distances))
    sums -= lowest[:, np.newaxis] * plan.disk.multiplicity
    energies = sums @ plan.energies_by_ring
    return np.asarray((energies[:, -1] > 0) & (energies <= energies[:, -1:] * (1.0 + 1e-9)).all(axis=1))


@jit
def _ring_sums_at(regions: Any, index: Any, ring_index: Any, starts: Any, count: int) -> Any:
    """Sum the pixels about one candidate of every region over the rings of equal distance: (B, count)."""
    sums = np.zeros((len(regions), count))
    side = len(ring_index)
    for i in range(len(regions)):
        result = sums[i]
        for r in range(side):
            start = starts[r]
            pixels = regions[i, index[i, 0] + r, index[i, 1] + start : index[i, 1] + side - start]
            rings = ring_index[r, start : side - start]
            for c in range(side - 2 * start):
                result[rings[c]] += pixels[c]
    return sums
