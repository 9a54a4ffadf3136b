"""Radial Zernike functions and their derivatives by recurrence, safe from underflow and exact at both ends.

``q_{k+1} = ((r^2 - b_k) q_k - a_k q_{k-1}) / a_{k+1}`` loses k^2 rounding errors near r = 0 and r = 1, where
neighbouring functions differ by little.  So the recurrence runs on the differences, of functions scaled to 1 at
the nearer end: with ``t = r^2`` or ``1 - r^2``, whichever is smaller, and rates A and C of the multiplication by it
(`pswf.recurrence.step_rates`),

    A_k (p_{k+1} - p_k) = C_k (p_k - p_{k-1}) - t p_k .

At an order N + 1/2 they are divided by r^(1/2), those of the ball (see `pswf.recurrence`): the recurrence is the same
and starts from r^N.

A power of two of its own goes with the values: r^N alone underflows and its Jacobi factor alone overflows, their
product does neither.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pswf.arrays import Array, Indices
from pswf.jit import jit
from pswf.recurrence import BLOCK_BITS, BLOCK_DOWN, BLOCK_UP, step_rates

__all__ = ["TABLE_ENTRIES", "combine", "zernike_functions"]


TABLE_ENTRIES = 500_000
"""Entries of the table of Zernike functions that is made at a time."""


@jit
def _recurrence(
    r: Any, near_0: Any, near_1: Any, start: Any, block: Any, values: Any, slopes: Any, with_slopes: bool
) -> None:
    """Fill ``values[i, k] = q_k(r_i)``, and ``slopes`` alike, by equation (P.5), in 1 - r^2 where r^2 > 1/2.

    Values below 2**-1024 are 0.

    ``near_0`` and ``near_1`` hold the rows 1 / A, C / A and the ratios of the scale factors, for r^2 and 1 - r^2;
    ``start[:, i] * 2**(512 * block[i])`` is q_0 and its slope.
    """
    for i in range(len(r)):
        x = r[i]
        q = start[0, i]
        dq = start[1, i]
        power = block[i]
        table = near_0
        t = x * x
        dt = 2.0 * x
        if t > 0.5:
            table = near_1
            t = (1.0 - x) * (1.0 + x)
            dt = -dt
        step = 0.0
        dstep = 0.0
        for k in range(values.shape[1]):
            value = q
            slope = dq
            if power < 0:
                value *= BLOCK_DOWN
                slope *= BLOCK_DOWN
                if power < -1:
                    value *= BLOCK_DOWN
                    slope *= BLOCK_DOWN
                    if power < -2:
                        value = 0.0
                        slope = 0.0
            values[i, k] = value
            step = table[1, k] * step - table[0, k] * t * q
            if with_slopes:
                slopes[i, k] = slope
                dstep = table[1, k] * dstep - table[0, k] * (t * dq + dt * q)
                dq = table[2, k] * (dq + dstep)
                dstep *= table[2, k]
            q = table[2, k] * (q + step)
            step *= table[2, k]
            if abs(q) > BLOCK_UP or abs(dq) > BLOCK_UP:
                q *= BLOCK_DOWN
                dq *= BLOCK_DOWN
                step *= BLOCK_DOWN
                dstep *= BLOCK_DOWN
                power += 1


def _start(order: float, r: Array) -> tuple[Array, Indices]:
    """Return q_0 and its slope, shape (2, len(r)), with their powers of 2**512."""
    start = np.zeros((2, len(r)))
    start[0] = math.sqrt(2.0 * order + 2.0)
    N = math.floor(order)
    if N == 0:
        return start, np.zeros(len(r), dtype=np.int64)
    # r^(N-1), the slope's power: powers of at most 512 of a mantissa stay in the range of doubles
    mantissa, exponent = np.frexp(r)
    power = exponent.astype(np.int64) * (N - 1)
    value = start[0]
    for done in range(0, N - 1, BLOCK_BITS):
        value, extra = np.frexp(value * mantissa ** min(N - 1 - done, BLOCK_BITS))
        power += extra
    block = np.minimum(-(-power // BLOCK_BITS), 0)
    start[1] = N * np.ldexp(value, (power - BLOCK_BITS * block).astype(np.int32))
    start[0] = start[1] / N * r
    return start, block


def _tables(order: float, size: int) -> tuple[Array, Array]:
    """Return what `_recurrence` needs of r^2 and of 1 - r^2, shape (3, size) each."""
    up, down = step_rates(order, size)
    k = np.arange(size, dtype=np.float64)
    root = np.sqrt((2.0 * k + order + 3.0) / (2.0 * k + order + 1.0))
    near_0 = np.stack([1.0 / up, down / up, root * (k + order + 1.0) / (k + 1.0)])
    # 1 - r^2: A (k + 1) / (k + N + 1) and C (k + N) / k, and the functions alternate at r = 1
    inverse = (k + order + 1.0) / ((k + 1.0) * up)
    near_1 = np.stack([inverse, inverse * down * (k + order) / np.maximum(k, 1.0), -root])
    return near_0, near_1


def zernike_functions(order: float, size: int, r: Array, *, slopes: bool = False) -> Array:
    """Return ``q_k(r_i)``, or their derivatives, for k = 0, ..., size - 1, shape (len(r), size)."""
    values = np.empty((len(r), size))
    derivatives = np.empty((len(r), size) if slopes else (0, 0))
    _recurrence(r, *_tables(order, size), *_start(order, r), values, derivatives, slopes)
    return derivatives if slopes else values


def combine(order: float, coordinates: Array, r: Array, *, derivative: bool = False) -> Array:
    """Return ``sum_k coordinates[n, k] q_k(r)``, or its derivative, shape (count, len(r)), r one-dimensional."""
    count, size = coordinates.shape
    result = np.empty((count, len(r)))
    # blocks bound the memory of the table
    block = max(1, TABLE_ENTRIES // size)
    for start in range(0, len(r), block):
        part = np.ascontiguousarray(r[start : start + block])
        table = zernike_functions(order, size, part, slopes=derivative)
        np.matmul(coordinates, table.T, out=result[:, start : start + block])
    return result
