"""The landscape from maps of the coefficients: one FFT correlation per basis function, then equation (3.1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.landscapes.plan import Plan
from centering.landscapes.score import reciprocal

__all__ = ["maps"]

Array = npt.NDArray[np.float64]

_BLOCK = 1024  # candidates at a time: their energies stay in the cache


def maps(image: Array, plan: Plan) -> tuple[Array, float]:
    """Return the landscape (h, w) of one non-negative float64 image from its maps of ``alpha_n(p)``, and 1 / E.

    Equation (3.1) with its absolute value.  Under the normaliser ``"peak"`` every term has the same sign, so the
    sum over rho is taken before the absolute value.
    """
    coefficients = plan.coefficient_maps(plan.region(image)).reshape(plan.disk.count, -1)
    blocks = [slice(start, start + _BLOCK) for start in range(0, coefficients.shape[1], _BLOCK)]
    if plan.score.normalizer == "peak":
        largest = max(float((plan.energies @ coefficients[:, block]).max()) for block in blocks)
        total = plan.energies.sum(axis=0) @ coefficients
        scale = reciprocal(largest, image)
        landscape: Array = np.abs(plan.radius + 1 - total * scale)
        return landscape.reshape(plan.shape), scale
    largest = float((plan.energies[-1] @ coefficients).max())
    scale = reciprocal(largest, image)
    normalized = plan.energies * scale
    landscape = np.empty(coefficients.shape[1])
    for block in blocks:
        terms = normalized @ coefficients[:, block]
        terms -= 1.0
        np.abs(terms, out=terms)
        terms.sum(axis=0, out=landscape[block])
    return landscape.reshape(plan.shape), scale
