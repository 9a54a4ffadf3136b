"""Radial Zernike functions and their derivatives by recurrence, safe from underflow.

``q_{k+1} = ((r^2 - b_k) q_k - a_k q_{k-1}) / a_{k+1}`` carries the pair in a mantissa with a power of two of
its own, started from ``ln q_0 = 1/2 ln(2N+2) + N ln r``: r^N alone underflows and its Jacobi factor alone
overflows, their product does neither.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf._jit import jit
from pswf.spectrum import square_multiplication

__all__ = ["combine", "series", "zernike_functions"]

Array = npt.NDArray[np.float64]

_SHIFT = 512
_BIG = 2.0**_SHIFT


@jit
def zernike_functions(order: int, r: Any, values: Any, derivatives: Any, with_derivatives: bool) -> None:
    """Fill ``values[k, i] = q_k(r_i)``, and ``derivatives`` alike; k runs over the first axis of ``values``."""
    size = values.shape[0]
    b, a = square_multiplication(order, size + 1)
    log2_start = 0.5 * math.log2(2.0 * order + 2.0)
    for i in range(len(r)):
        x = r[i]
        if x == 0.0:
            _at_zero(order, i, values, derivatives, with_derivatives)
            continue
        log2_value = log2_start + order * math.log2(x)
        power = int(math.floor(log2_value))
        q = 2.0 ** (log2_value - power)
        dq = order * q / x
        before = 0.0
        dbefore = 0.0
        for k in range(size):
            # beyond -1100 both are zero in double precision, and ldexp would only say so slowly
            live = power > -1100
            values[k, i] = math.ldexp(q, power) if live else 0.0
            if with_derivatives:
                derivatives[k, i] = math.ldexp(dq, power) if live else 0.0
            after = ((x * x - b[k]) * q - a[k] * before) / a[k + 1]
            if with_derivatives:
                dafter = ((x * x - b[k]) * dq + 2.0 * x * q - a[k] * dbefore) / a[k + 1]
                dbefore = dq
                dq = dafter
            before = q
            q = after
            if abs(q) > _BIG:
                q /= _BIG
                before /= _BIG
                dq /= _BIG
                dbefore /= _BIG
                power += _SHIFT


@jit
def _at_zero(order: int, i: int, values: Any, derivatives: Any, with_derivatives: bool) -> None:
    """Fill column i with the values at r = 0: only N = 0 has a value there, only N = 1 a slope."""
    for k in range(values.shape[0]):
        h = math.sqrt(2.0 * (2.0 * k + order + 1.0))
        values[k, i] = h if order == 0 else 0.0
        if with_derivatives:
            derivatives[k, i] = h * (k + 1.0) if order == 1 else 0.0


@jit
def series(order: int, coordinates: Any, x: float) -> tuple[float, float]:
    """Return ``sum_k coordinates[k] q_k(x)`` and its derivative at one x."""
    size = len(coordinates)
    r = np.full(1, x)
    values = np.empty((size, 1))
    derivatives = np.empty((size, 1))
    zernike_functions(order, r, values, derivatives, True)
    value = 0.0
    slope = 0.0
    for k in range(size):
        value += coordinates[k] * values[k, 0]
        slope += coordinates[k] * derivatives[k, 0]
    return value, slope


def combine(order: int, coordinates: Array, r: Array, *, derivative: bool = False) -> Array:
    """Return ``sum_k coordinates[n, k] q_k(r)``, or its derivative, shape (count, len(r)), r one-dimensional."""
    count, size = coordinates.shape
    result = np.empty((count, len(r)))
    # blocks bound the memory of the table of q_k
    block = max(1, 4_000_000 // size)
    for start in range(0, len(r), block):
        part = np.ascontiguousarray(r[start : start + block])
        values = np.empty((size, len(part)))
        derivatives = np.empty((size if derivative else 1, len(part)))
        zernike_functions(order, part, values, derivatives, derivative)
        np.matmul(coordinates, derivatives if derivative else values, out=result[:, start : start + block])
    return result
