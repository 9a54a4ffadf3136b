"""Radial functions as Chebyshev series of their parity.

A smooth function on the disk of angular order N is ``f(r) exp(i N theta)`` with ``f(-r) = (-1)^N f(r)``, so
``f(cos t) = sum_m a_m cos(m t)`` over m of the parity of N (the double Fourier sphere's trick, here for the disk:
Wilber, Townsend & Wright, SIAM J. Sci. Comput. 39 (2017) C238).  The series of a function with band c and order N
ends at about m = c - N.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from pswf.arrays import Array, Real
from pswf.bases.base import RadialBasis
from pswf.bases.series import ZernikeSeries
from pswf.checks import check_values
from pswf.families import RadialFamily
from pswf.orthonormal import check_gram
from pswf.threads import thread_count, thread_map

__all__ = [
    "chebyshev_coefficients",
    "chebyshev_gram",
    "chebyshev_radii",
    "chebyshev_tables",
    "needed_degree",
    "product_kernel",
]


_TOLERANCE = {np.dtype(np.float32): 1e-7, np.dtype(np.float64): 1e-14}
"""Where a series may end, relative to its largest coefficient."""

_RESOLVED = 1e-10
"""A series counts as resolved when its end is below this part of its largest coefficient."""


def chebyshev_radii(points: int) -> Array:
    """Return the positive Chebyshev nodes cos((j + 1/2) pi / (2 points)), shape (points,), descending."""
    return np.asarray(np.cos((np.arange(points) + 0.5) * (np.pi / (2 * points))))


def chebyshev_coefficients(basis: RadialBasis, order: int, points: int) -> Array:
    """Return ``a_m`` for m = N mod 2, N mod 2 + 2, ..., shape (count, points): ``f(cos t) = sum_m a_m cos(m t)``."""
    from scipy.fft import dct

    values = np.asarray(basis.evaluate(chebyshev_radii(points)), dtype=np.float64)
    check_values(values, (points,), f"the basis of order {order}")
    if order % 2:
        return np.asarray(dct(values, type=4, axis=1)) / points
    coefficients = np.asarray(dct(values, type=2, axis=1)) / points
    coefficients[:, 0] *= 0.5
    return coefficients


def chebyshev_gram(coefficients: Array, order: int) -> Array:
    """Return ``int_0^1 f_m f_n r dr`` of functions with these coefficients, shape (count, count).

    With ``r = cos t``, ``int_0^(pi/2) cos(2 k t) cos(t) sin(t) dt`` is ``1 / (2 (1 - k^2))`` for even k, else 0.
    """
    k = np.arange(2 * coefficients.shape[1])
    moments = np.where(k % 2 == 0, 0.5 / np.where(k == 1, 1.0, 1.0 - k**2), 0.0)
    return np.asarray(coefficients @ product_kernel(moments, coefficients.shape[1], order) @ coefficients.T)


def product_kernel(moments: Array, terms: int, order: int) -> Array:
    """Return the integrals of ``cos(m t) cos(m' t)``, m and m' of the parity of the order, shape (terms, terms).

    ``moments[k]`` is that of ``cos(2 k t)``, for k < 2 terms, with the same weight: the product is the mean of
    ``cos((m + m') t)`` and ``cos((m - m') t)``, and m + m' is even.
    """
    j = np.arange(terms)
    return np.asarray(0.5 * (moments[j[:, None] + j + order % 2] + moments[np.abs(j[:, None] - j)]))


def needed_degree(coefficients: Array, order: int, tolerance: float) -> int:
    """Return the last m that any function needs to be known to ``tolerance`` of its largest coefficient."""
    size = np.abs(coefficients)
    relative = (size / size.max(axis=1, keepdims=True)).max(axis=0)
    return 2 * int(np.flatnonzero(relative > tolerance)[-1]) + order % 2


def chebyshev_tables(family: RadialFamily, radius: int, dtype: np.dtype[Any]) -> list[Real]:
    """Return the Chebyshev coefficients of all orders, scaled to unit norm as images.

    Parameters
    ----------
    family : RadialFamily
    radius : int
        R of the disk in pixels: the functions are divided by ``R sqrt(pi)``, or ``R sqrt(2 pi)`` for N = 0.
    dtype : dtype
        Of the tables; decides how far the series go.

    Returns
    -------
    list of ndarray, shape (count, terms) each
    """
    tables: list[Real] = []
    most = (2 * radius + 1) ** 2
    block = 4 * thread_count()
    make = partial(_table, family, radius, dtype)
    while True:
        part = thread_map(make, range(len(tables), len(tables) + block))
        tables += [table for table in part if table is not None]
        # far more functions than pixels: the caller will refuse them, however many are still to come
        if part[-1] is None or sum(len(t) if not order else 2 * len(t) for order, t in enumerate(tables)) > most:
            break
    if not any(len(table) for table in tables):
        raise ValueError(f"the family {family!r} has no function; a basis needs at least one")
    return tables


def _table(family: RadialFamily, radius: int, dtype: np.dtype[Any], order: int) -> Real | None:
    basis = family(order)
    if basis is None:
        return None
    if not callable(getattr(basis, "evaluate", None)):
        raise TypeError(f"the family returned {basis!r} for order {order}; give a RadialBasis or None")
    # a function of the band of the pixels and order N has degree of about pi R - N
    points = max(32, math.ceil((1.15 * math.pi * radius - order) / 2) + 48)
    most = 16 * radius + 1024
    while True:
        coefficients = chebyshev_coefficients(basis, order, points)
        if not len(coefficients):
            return np.empty((0, 1), dtype=dtype)
        largest = np.abs(coefficients).max(axis=1, keepdims=True)
        if not (np.isfinite(largest).all() and (largest > 0.0).all()):
            raise ValueError(f"a radial function of order {order} is zero or not finite; a basis needs neither")
        noise = float(np.max(np.abs(coefficients[:, -points // 8 :]) / largest))
        if noise < _RESOLVED:
            break
        points *= 2
        if points > most:
            raise ValueError(
                f"the radial functions of order {order} are not resolved by {points // 2} Chebyshev terms (the last "
                f"are {noise:.1e} of the largest); give functions that are smooth on [0, 1] and have the parity of "
                "their order"
            )
    degree = needed_degree(coefficients, order, max(_TOLERANCE[dtype], 4.0 * noise))
    if not isinstance(basis, ZernikeSeries):  # which is orthonormal as it is made
        exact = coefficients[:, : needed_degree(coefficients, order, max(1e-14, 4.0 * noise)) // 2 + 1]
        check_gram(chebyshev_gram(exact, order), f"the basis {basis!r} of order {order}", given="family")
    scale = 1.0 / (radius * math.sqrt(math.pi if order else 2.0 * math.pi))
    return np.ascontiguousarray(coefficients[:, : degree // 2 + 1] * scale, dtype=dtype)
