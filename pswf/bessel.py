"""Zeros of the Bessel functions and of their derivatives, and ``J_N(x r)`` on [0, 1] in the radial Zernike functions.

Everything rests on one backward recurrence from orders where J is negligible (Miller; DLMF 3.6), stable for every
order and argument; only ratios are needed, so nothing has to be normalized.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pswf.arrays import Array
from pswf.jit import jit

__all__ = ["bessel_coordinates", "bessel_zeros", "derivative_zeros"]


_RESCALE = 1e200
"""The recurrence, whose scale does not matter, is divided by it each time that it grows beyond it."""


@jit
def _last_order(order: int, x: float) -> int:
    """Return an order from which ``J(x)`` stays below 1e-20 of its largest value."""
    return max(order, int(x + 14.0 * x ** (1.0 / 3.0))) + 40


@jit
def _miller(order: int, x: float, ladder: Any) -> None:
    """Fill ``ladder[i]`` with ``J_{order+i}(x)``, all up to one positive factor; x > 0."""
    ladder[:] = 0.0
    above = 0.0
    value = 1e-200
    for m in range(_last_order(order, x), order, -1):
        # value = J_m, above = J_{m+1}
        if m - order < len(ladder):
            ladder[m - order] = value
        below = 2.0 * m / x * value - above
        above = value
        value = below
        if abs(value) > _RESCALE:
            value /= _RESCALE
            above /= _RESCALE
            for i in range(max(m - order, 0), len(ladder)):
                ladder[i] /= _RESCALE
    ladder[0] = value


@jit
def _start(order: int, n: int) -> float:
    """Return Olver's uniform approximation of the n-th positive zero, n >= 1 (DLMF 10.21(viii), first term).

    ``(x^2 - N^2)^(1/2) - N arccos(N/x) = 2/3 |a_n|^(3/2)`` with the n-th zero of the Airy function.
    """
    t = 0.375 * math.pi * (4.0 * n - 1.0)
    phase: float = 2.0 / 3.0 * t * (1.0 + 5.0 / (48.0 * t * t) - 5.0 / (36.0 * t**4)) ** 1.5
    # the left side is convex and above x - N pi / 2, so Newton's iteration comes down from here
    x = phase + 0.5 * math.pi * order
    for _ in range(50):
        root = math.sqrt((x - order) * (x + order))
        step = (root - order * math.acos(order / x) - phase) * x / root
        x -= step
        if step < 1e-10 * x:
            break
    return x


@jit
def _zeros(order: int, zeros: Any) -> None:
    """Fill in the first positive zeros by Newton's iteration, ``J_N' = (N/x) J_N - J_{N+1}``."""
    pair = np.empty(2)
    for i in range(len(zeros)):
        x = _start(order, i + 1)
        for _ in range(5):
            _miller(order, x, pair)
            x -= pair[0] / (order / x * pair[0] - pair[1])
        zeros[i] = x


def bessel_zeros(order: int, count: int) -> Array:
    """Return the first ``count`` positive zeros of J_N, N = ``order`` >= 0, ascending, shape (count,)."""
    zeros = np.empty(count)
    _zeros(order, zeros)
    return zeros


def derivative_zeros(order: int, count: int) -> Array:
    """Return the first ``count`` zeros of J_N', ascending, shape (count,); 0 counts as one for N = 0 only."""
    if order == 0:
        # J_0' = -J_1
        return np.concatenate([[0.0], bessel_zeros(1, count)])[:count]
    zeros = np.empty(count)
    _derivative_zeros(order, bessel_zeros(order, count), zeros)
    return zeros


@jit
def _derivative_zeros(order: int, above: Any, zeros: Any) -> None:
    """Fill in the zeros of J_N', one below each zero ``above`` of J_N, by Newton's iteration kept in its bracket.

    With u = J_{N+1} / J_N the condition is ``N/x = u``, and Bessel's equation gives the second derivative.
    """
    pair = np.empty(2)
    for i in range(len(zeros)):
        high = above[i]
        low = float(order) if i == 0 else above[i - 1]
        x = 0.5 * (low + high)
        # J_N' is positive below the first of its zeros, negative above it, and so on in turn
        for _ in range(100):
            _miller(order, x, pair)
            slope = order / x * pair[0] - pair[1]
            if (slope > 0.0) == (i % 2 == 0):
                low = x
            else:
                high = x
            curvature = -slope / x - (1.0 - (order / x) ** 2) * pair[0]
            step = slope / curvature
            after = x - step
            if not low < after < high:
                after = 0.5 * (low + high)
            if abs(after - x) <= 4e-16 * x:
                break
            x = after
        zeros[i] = x


@jit
def _coordinates(order: int, arguments: Any, coordinates: Any) -> None:
    """Fill row n with ``(2 (2k+N+1))^(1/2) J_{N+2k+1}(x_n)``, scaled to norm 1."""
    size = coordinates.shape[1]
    ladder = np.empty(2 * size)
    for n in range(len(arguments)):
        _miller(order, arguments[n], ladder)
        # the largest entry first: the squares of a ladder in arbitrary units may overflow
        largest = 0.0
        for k in range(size):
            value = math.sqrt(2.0 * (2.0 * k + order + 1.0)) * ladder[2 * k + 1]
            coordinates[n, k] = value
            largest = max(largest, abs(value))
        square = 0.0
        for k in range(size):
            coordinates[n, k] /= largest
            square += coordinates[n, k] ** 2
        norm = math.sqrt(square)
        for k in range(size):
            coordinates[n, k] /= norm


def bessel_coordinates(order: int, arguments: Array) -> Array:
    """Return the coordinates of ``J_N(x r)``, scaled to ``int_0^1 f^2 r dr = 1``, in the radial Zernike functions.

    Parameters
    ----------
    order : int
        N >= 0.
    arguments : ndarray, shape (count,)
        The x > 0, in any order.

    Returns
    -------
    ndarray, shape (count, size)
    """
    size = (_last_order(order, float(np.max(arguments))) - order) // 2 + 1
    coordinates = np.empty((len(arguments), size))
    _coordinates(order, arguments, coordinates)
    return coordinates
