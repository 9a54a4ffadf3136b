"""Recurrences of the radial Zernike functions of any order, and the operators that they make tridiagonal.

``order`` is N on the disk, a whole number.  In the ball of p dimensions it is ``N + p / 2 - 1``, N + 1/2 in space, and
nothing else changes: the functions there are those of that order divided by ``r^(p/2 - 1)``, so that they start as
r^N, orthonormal for ``r^(p-1) dr`` (Slepian, Bell Syst. Tech. J. 43 (1964) 3009).
"""

from __future__ import annotations

import math

import numpy as np

from pswf.arrays import Array, Indices

__all__ = [
    "BLOCK_BITS",
    "BLOCK_DOWN",
    "BLOCK_UP",
    "TAIL",
    "bessel_factor",
    "central_weights",
    "matrix_size",
    "operator_diagonals",
    "square_multiplication",
    "step_rates",
]


BLOCK_BITS = 512
"""Numbers that may leave the range of doubles are kept as ``mantissa * 2**(BLOCK_BITS * block)``."""
BLOCK_UP = 2.0**BLOCK_BITS
BLOCK_DOWN = 2.0**-BLOCK_BITS

TAIL = 18.5
"""Coordinates are kept until they have fallen by so many powers of ten."""


def step_rates(order: float, size: int) -> tuple[Array, Array]:
    """Return the rates A and C of multiplication by r^2, shape (size,) each; equation (P.4).

    ``-r^2 p_k = A_k (p_{k+1} - p_k) - C_k (p_k - p_{k-1})`` for ``p_k = q_k / (q_k / r^N)(0) r^-N``; the entries of
    the matrix are ``b_k = A_k + C_k`` and ``a_k = -(A_{k-1} C_k)^(1/2)``.  Those of 1 - r^2, in
    ``q_k / q_k(1)``, are ``A_k (k + 1) / (k + N + 1)`` and ``C_k (k + N) / k``.
    """
    k = np.arange(size, dtype=np.float64)
    s = 2.0 * k + order
    # 0 / 0 for k = N = 0
    up = (k + order + 1.0) ** 2 / ((s + 1.0) * (s + 2.0))
    down = k * k / (np.maximum(s, 1.0) * (s + 1.0))
    return up, down


def square_multiplication(order: float, size: int) -> tuple[Array, Array]:
    """Return the diagonal b and the off-diagonal a, ``a[0] = 0``, of multiplication by r^2 (P.2), shapes (size,)."""
    up, down = step_rates(order, size)
    off = np.zeros(size)
    off[1:] = -np.sqrt(up[:-1] * down[1:])
    return up + down, off


def operator_diagonals(bandlimit: float, order: float, size: int) -> tuple[Array, Array]:
    """Return diagonal and off-diagonal (first entry 0) of the commuting differential operator; equation (P.3)."""
    b, a = square_multiplication(order, size)
    return _degree_part(order, size) + bandlimit**2 * b, bandlimit**2 * a


def _degree_part(order: float, size: int) -> Array:
    m = order + 2.0 * np.arange(size)
    return np.asarray((m + 0.5) * (m + 1.5))


def central_weights(order: float, size: int) -> tuple[Array, Indices]:
    """Return ``h_k C(k+N, k)``, where q_k / r^N starts at 0, as mantissas and powers of 2**512."""
    k = np.arange(size, dtype=np.float64)
    mantissa, exponent = np.frexp((k + order) / np.maximum(k, 1.0))
    mantissa[0], exponent[0] = 0.5, 1
    power = np.cumsum(exponent, dtype=np.int64)
    carry = 1.0
    lost = 0
    for start in range(0, size, BLOCK_BITS):
        part = slice(start, start + BLOCK_BITS)
        mantissa[part] = carry * np.cumprod(mantissa[part])
        power[part] += lost
        carry, extra = math.frexp(float(mantissa[part][-1]))
        lost += extra
    mantissa, exponent = np.frexp(mantissa * np.sqrt(2.0 * (2.0 * k + order + 1.0)))
    power += exponent
    block = power // BLOCK_BITS
    return np.ldexp(mantissa, (power - BLOCK_BITS * block).astype(np.int32)), block


def matrix_size(count: int, bandlimit: float, order: float) -> int:
    """Return the number of Zernike functions that hold ``count`` prolate functions in double precision.

    Where the operator exceeds chi, the coordinates decay: ``T_kk - chi = 2 |T_k,k+1| cosh(rate)``.  At r = 0 they are
    weighted by C(k+N, k), and lambda is read off there, so the products have to decay too.
    """
    top = order + 2.0 * (count - 1)
    # chi is at most that of the oscillator (c large) and of the Zernike function (c small)
    chi = 2.0 * bandlimit * (top + 1.0) + 1.0 if bandlimit > top + 1.0 else (top + 2.0) ** 2 + bandlimit**2
    size = count + 64 + int(max(0.0, math.sqrt(chi) - order))
    while True:
        up, down = step_rates(order, size)
        off = 2.0 * bandlimit**2 * np.sqrt(up[:-1] * down[1:])
        above = _degree_part(order, size)[:-1] + bandlimit**2 * (up + down)[:-1] - chi
        rate = np.arccosh(np.maximum(above / off, 1.0))
        k = np.arange(1.0, size)
        fall = np.cumsum(rate - np.log1p(order / k))
        enough = np.flatnonzero(
            (fall - np.minimum.accumulate(fall) > TAIL * math.log(10.0)) & (np.cumsum(rate) > TAIL * math.log(10.0))
        )
        if len(enough):
            return max(int(enough[0]), count) + 8
        size *= 2


def bessel_factor(bandlimit: float, order: float) -> tuple[float, int]:
    """Return ``(c/2)^N / N!`` as mantissa and power of two: a sum of logarithms would cost N ln c * 1e-16."""
    rest = math.fmod(order, 1.0)
    mantissa, power = np.frexp(0.5 * bandlimit / np.arange(1.0 + rest, order + 1.0))
    total = (0.5 * bandlimit) ** rest / math.gamma(1.0 + rest)
    exponent = int(power.sum(dtype=np.int64))
    for start in range(0, len(mantissa), BLOCK_BITS):
        total, extra = math.frexp(total * float(np.prod(mantissa[start : start + BLOCK_BITS])))
        exponent += extra
    return total, exponent
