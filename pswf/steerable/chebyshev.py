"""Radial functions as Chebyshev series of their parity.

A smooth function on the disk of angular order N is ``f(r) exp(i N theta)`` with ``f(-r) = (-1)^N f(r)``, so
``f(cos t) = sum_m a_m cos(m t)`` over m of the parity of N (the double Fourier sphere's trick, here for the disk:
Wilber, Townsend & Wright, SIAM J. Sci. Comput. 39 (2017) C238).  The series of a function with band c and order N
ends at about m = c - N.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pswf.bases.base import RadialBasis

__all__ = ["chebyshev_coefficients", "chebyshev_radii", "needed_degree"]

Array = npt.NDArray[np.float64]


def chebyshev_radii(points: int) -> Array:
    """Return the positive Chebyshev nodes cos((j + 1/2) pi / (2 points)), shape (points,), descending."""
    return np.asarray(np.cos((np.arange(points) + 0.5) * (np.pi / (2 * points))))


def chebyshev_coefficients(basis: RadialBasis, order: int, points: int) -> Array:
    """Return ``a_m`` for m = N mod 2, N mod 2 + 2, ..., shape (count, points): ``f(cos t) = sum_m a_m cos(m t)``."""
    from scipy.fft import dct

    values = np.asarray(basis.evaluate(chebyshev_radii(points)), dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != points:
        raise ValueError(
            f"the basis of order {order} evaluated at {points} points gave shape {values.shape}; "
            "evaluate(r) must return (count, *r.shape)"
        )
    if order % 2:
        return np.asarray(dct(values, type=4, axis=1)) / points
    coefficients = np.asarray(dct(values, type=2, axis=1)) / points
    coefficients[:, 0] *= 0.5
    return coefficients


def needed_degree(coefficients: Array, order: int, tolerance: float) -> int:
    """Return the last m that any function needs to be known to ``tolerance`` of its largest coefficient."""
    size = np.abs(coefficients)
    relative = (size / size.max(axis=1, keepdims=True)).max(axis=0)
    return 2 * int(np.flatnonzero(relative > tolerance)[-1]) + order % 2
