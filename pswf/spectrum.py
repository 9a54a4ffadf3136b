"""Eigenvectors of the disk prolate operator in the Zernike basis, to full relative accuracy.

In the orthonormal radial Zernike functions ``q_k(r) = h_k r^N P_k^(N,0)(1 - 2 r^2)``,
``h_k = sqrt(2 (2k + N + 1))``, positive at 0+, multiplication by r^2 is tridiagonal, and so is the
differential operator that commutes with the finite Fourier transform (Slepian, Bell Syst. Tech. J. 43
(1964) 3009; Shkolnisky, Appl. Comput. Harmon. Anal. 22 (2007) 235).  Its eigenvalues chi, ascending, number
the radial orders n = 0, 1, ...

``order`` is N on the disk.  In the ball of p dimensions it is ``N + p / 2 - 1``, N + 1/2 in space, and nothing else
changes: the q_k and R divided by ``r^(p/2 - 1)``, which start as r^N, are the functions there, orthonormal for
``r^(p-1) dr`` (Slepian, as above).

LAPACK's eigenvectors are accurate in the absolute sense only, while the eigenvalue lambda of the integral
operator is read off the first coordinate, which may be 1e-200.  So LAPACK supplies start values of chi alone;
the vectors come from twisted factorisations (Dhillon and Parlett, Linear Algebra Appl. 387 (2004) 1), whose
coordinates are products of ratios and keep their relative accuracy however small they are.  r^2 and 1 - r^2 are
positive definite; their factors, not their entries, go into the factorisations (differential qd: Parlett, Acta
Numerica 4 (1995) 459), for the lower half of the spectrum as ``mu = chi - (N + 1/2)(N + 3/2)`` beside c^2 r^2, for the
upper as ``mu - c^2`` beside ``-c^2 (1 - r^2)``.  So neither a small mu nor one close to c^2 is lost in rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.checks import check_memory
from pswf.jit import jit

__all__ = ["Modes", "matrix_size", "operator_diagonals", "solve", "square_multiplication", "step_rates"]

Array = npt.NDArray[np.float64]

# Coordinates are kept as mantissa * 2**(512 * block); a mantissa moves to another block when it leaves the range.
_SHIFT = 512
_BIG = 2.0**_SHIFT
_SMALL = 2.0**-_SHIFT
_LOG_TEN = math.log(10.0)
_TAIL = 18.5
"""Coordinates are kept until they have fallen by so many powers of ten."""


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
            (fall - np.minimum.accumulate(fall) > _TAIL * _LOG_TEN) & (np.cumsum(rate) > _TAIL * _LOG_TEN)
        )
        if len(enough):
            return max(int(enough[0]), count) + 8
        size *= 2


def step_rates(order: float, size: int) -> tuple[Array, Array]:
    """Return the rates A and C of multiplication by r^2, shape (size,) each.

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
    """Return the diagonal b and the off-diagonal a of multiplication by r^2, ``a[0] = 0``, shapes (size,)."""
    up, down = step_rates(order, size)
    off = np.zeros(size)
    off[1:] = -np.sqrt(up[:-1] * down[1:])
    return up + down, off


def operator_diagonals(bandlimit: float, order: float, size: int) -> tuple[Array, Array]:
    """Return diagonal and off-diagonal (first entry 0) of the commuting differential operator."""
    b, a = square_multiplication(order, size)
    return _degree_part(order, size) + bandlimit**2 * b, bandlimit**2 * a


def _degree_part(order: float, size: int) -> Array:
    m = order + 2.0 * np.arange(size)
    return np.asarray((m + 0.5) * (m + 1.5))


def _weights(order: float, size: int) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return ``h_k C(k+N, k)``, where q_k / r^N starts at 0, as mantissas and powers of 2**512."""
    k = np.arange(size, dtype=np.float64)
    mantissa, exponent = np.frexp((k + order) / np.maximum(k, 1.0))
    mantissa[0], exponent[0] = 0.5, 1
    power = np.cumsum(exponent, dtype=np.int64)
    carry = 1.0
    lost = 0
    for start in range(0, size, _SHIFT):
        part = slice(start, start + _SHIFT)
        mantissa[part] = carry * np.cumprod(mantissa[part])
        power[part] += lost
        carry, extra = math.frexp(float(mantissa[part][-1]))
        lost += extra
    mantissa, exponent = np.frexp(mantissa * np.sqrt(2.0 * (2.0 * k + order + 1.0)))
    power += exponent
    block = power // _SHIFT
    return np.ldexp(mantissa, (power - _SHIFT * block).astype(np.int32)), block


@jit
def _modes(
    base: Any,
    up: Any,
    down: Any,
    off: Any,
    weight: Any,
    weight_place: Any,
    mu: Any,
    rest: Any,
    d: Any,
    ratio: Any,
    block: Any,
    work: Any,
    place: Any,
) -> None:
    """Correct every mu, fill in its rounding error ``rest``, the coordinates d and what lambda is read off.

    ``base`` is the part of the operator without c, ``up`` and ``down`` are c^2 times the rates of r^2, or -c^2 times
    those of 1 - r^2, ``off`` minus the off-diagonal with a 0 at both ends.  The first coordinate divided by
    ``R / r^N`` at 0 is ``ratio * 2**(512 * block)``.
    """
    size = len(base)
    shifted = work[0]
    mantissa = work[1]
    for n in range(len(mu)):
        twist = 0
        square = 1.0
        for sweep in range(3):
            for k in range(size):
                shifted[k] = (base[k] - mu[n]) - rest[n]
            # pivots from above are up + work[2], from below down + work[3]; work[4] and work[5] are the ratios of
            # neighbouring coordinates
            for way in range(2):
                ahead = up if way == 0 else down
                behind = down if way == 0 else up
                k = 0 if way == 0 else size - 1
                part = shifted[k] + behind[k]
                for _ in range(size):
                    pivot = ahead[k] + part
                    if pivot == 0.0:
                        pivot = 1e-17 * up[k]
                    work[2 + way, k] = part
                    work[4 + way, k] = off[k + 1 - way] / pivot
                    part /= pivot
                    k += 1 - 2 * way
                    if 0 <= k < size:
                        part = shifted[k] + behind[k] * part
            least = math.inf
            for k in range(size):
                residual = work[2, k] + work[3, k] - shifted[k]
                if abs(residual) < abs(least):
                    least = residual
                    twist = k
            mantissa[twist] = 1.0
            place[twist] = 0
            square = 1.0
            for way in range(2):
                value = 1.0
                shift = 0
                k = twist - 1 + 2 * way
                while 0 <= k < size:
                    value *= work[4 + way, k]
                    if abs(value) < _SMALL and value != 0.0:
                        value *= _BIG
                        shift -= 1
                    mantissa[k] = value
                    place[k] = shift
                    if shift == 0:
                        square += value * value
                    k += 2 * way - 1
            if sweep == 0:
                mu[n] += least / square
            elif sweep == 1:
                rest[n] = least / square
        highest = -(2**62)
        for k in range(size):
            if mantissa[k] != 0.0 and place[k] + weight_place[k] > highest:
                highest = place[k] + weight_place[k]
        total = 0.0
        for k in range(size):
            shift = place[k] + weight_place[k] - highest
            if shift >= -2:
                value = mantissa[k] * weight[k]
                if shift <= -1:
                    value *= _SMALL
                if shift == -2:
                    value *= _SMALL
                total += value
        ratio[n] = abs(mantissa[0] / total)
        block[n] = place[0] - highest
        # positive at 0+
        scale = 1.0 / math.sqrt(square) if total > 0.0 else -1.0 / math.sqrt(square)
        for k in range(size):
            value = mantissa[k] * scale
            if place[k] == -1:
                value *= _SMALL
            elif place[k] < -1:
                value = 0.0
            d[n, k] = value


@dataclass(frozen=True)
class Modes:
    """Prolate functions of one order.

    Attributes
    ----------
    chi : ndarray, shape (count,)
        Eigenvalues of the differential operator, ascending.
    gap : ndarray, shape (count,)
        ``c^2 + (N + 1/2)(N + 3/2) - chi``, relatively accurate where it is small.
    coordinates : ndarray, shape (count, size)
        Coordinates in the radial Zernike functions, functions positive at 0+; those below 1e-308 are 0.
    log_concentration : ndarray, shape (count,)
        ln lambda read off the first coordinate: an error of some 1e-13, and 1e-16 of itself, absolutely.
    """

    chi: Array
    gap: Array
    coordinates: Array
    log_concentration: Array

    def first(self, count: int) -> Modes:
        """Return the first ``count`` of the functions."""
        coordinates = self.coordinates[:count]
        needed = _significant(coordinates)
        if count < len(self.chi):
            coordinates = coordinates[:, :needed].copy()
        return Modes(self.chi[:count], self.gap[:count], coordinates, self.log_concentration[:count])


def _significant(coordinates: Array) -> int:
    """Return how many columns hold a coordinate that a function in double precision can feel."""
    return int(np.flatnonzero(np.abs(coordinates).max(axis=0, initial=0.0) > 10.0**-_TAIL)[-1]) + 1


def solve(bandlimit: float, order: float, count: int, chi: Array | None = None) -> Modes:
    """Return the first ``count`` prolate functions of one order; with their ``chi``, where they are known.

    Raises
    ------
    ValueError
        More coordinates than the machine has memory for.
    """
    from scipy.linalg import eigh_tridiagonal

    what = f"{count} functions of bandlimit {bandlimit:.6g} and order {order}"
    advice = "give a smaller count or bandlimit, or a larger truncation"
    # before and after their size is known
    check_memory(count * count, what, advice)
    size = matrix_size(count, bandlimit, order)
    check_memory(count * size, what, advice)
    c2 = bandlimit * bandlimit
    k = np.arange(size, dtype=np.float64)
    base = 4.0 * k * (k + order + 1.0)
    rates = step_rates(order, size)
    up, down = c2 * rates[0], c2 * rates[1]
    if chi is None:
        # bisection for a few, all by the QR iteration otherwise
        options: dict[str, Any] = {"lapack_driver": "sterf"}
        if 12 * count < size:
            options = {"select": "i", "select_range": (0, count - 1), "lapack_driver": "stebz"}
        start = eigh_tridiagonal(
            base + up + down, np.sqrt(up[:-1] * down[1:]), eigvals_only=True, check_finite=False, **options
        )
        mu = np.array(start[:count], dtype=np.float64)
    else:
        mu = chi - (order + 0.5) * (order + 1.5)
    low = int(np.searchsorted(mu, 0.5 * c2))
    rest = np.zeros(count)
    coordinates = np.empty((count, size))
    ratio = np.empty(count)
    block = np.empty(count, dtype=np.int64)
    mu[low:] -= c2
    lower, upper = slice(0, low), slice(low, count)
    shared = (np.concatenate([[0.0], np.sqrt(up[:-1] * down[1:]), [0.0]]), *_weights(order, size))
    work = np.empty((6, size)), np.empty(size, dtype=np.int64)
    if low > 0:
        outputs = mu[lower], rest[lower], coordinates[lower], ratio[lower], block[lower]
        _modes(base, up, down, *shared, *outputs, *work)
    if low < count:
        up = up * ((k + 1.0) / -(k + order + 1.0))
        down = down * ((k + order) / -np.maximum(k, 1.0))
        outputs = mu[upper], rest[upper], coordinates[upper], ratio[upper], block[upper]
        _modes(base, up, down, *shared, *outputs, *work)
    gap = -(mu + rest)
    gap[:low] = (c2 - mu[:low]) - rest[:low]
    mu[low:] += c2
    chi = mu + (order + 0.5) * (order + 1.5)
    factor, power = _bessel_factor(bandlimit, order)
    # beta R / r^N -> (c/2)^N / N! <r^N, R> as r -> 0, and <r^N, R> = d_0 / sqrt(2N+2)
    beta = bandlimit * factor * ratio / math.sqrt(2.0 * order + 2.0)
    log_concentration = 2.0 * np.log(beta) + 2.0 * math.log(2.0) * (power + _SHIFT * block)
    # the weights that lambda needs keep more of the coordinates than the functions themselves need
    needed = _significant(coordinates)
    if needed < size:
        coordinates = coordinates[:, :needed].copy()
    return Modes(chi, gap, coordinates, log_concentration)


def _bessel_factor(bandlimit: float, order: float) -> tuple[float, int]:
    """Return ``(c/2)^N / N!`` as mantissa and power of two: a sum of logarithms would cost N ln c * 1e-16."""
    rest = math.fmod(order, 1.0)
    mantissa, power = np.frexp(0.5 * bandlimit / np.arange(1.0 + rest, order + 1.0))
    total = (0.5 * bandlimit) ** rest / math.gamma(1.0 + rest)
    exponent = int(power.sum(dtype=np.int64))
    for start in range(0, len(mantissa), _SHIFT):
        total, extra = math.frexp(total * float(np.prod(mantissa[start : start + _SHIFT])))
        exponent += extra
    return total, exponent
