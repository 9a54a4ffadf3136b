"""Eigenvectors of the disk prolate operator in the Zernike basis, to full relative accuracy.

In the orthonormal radial Zernike functions ``q_k(r) = h_k r^N P_k^(N,0)(1 - 2 r^2)``,
``h_k = sqrt(2 (2k + N + 1))``, positive at 0+, multiplication by r^2 is tridiagonal, and so is the
differential operator that commutes with the finite Fourier transform (Slepian, Bell Syst. Tech. J. 43
(1964) 3009; Shkolnisky, Appl. Comput. Harmon. Anal. 22 (2007) 235).  Its eigenvalues chi, ascending, number
the radial orders n = 0, 1, ...

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

from pswf.arrays import Array
from pswf.checks import check_memory
from pswf.jit import jit
from pswf.recurrence import BLOCK_BITS, BLOCK_DOWN, BLOCK_UP, TAIL, bessel_factor, central_weights, matrix_size
from pswf.recurrence import operator_diagonals as operator_diagonals  # its home until 0.1
from pswf.recurrence import square_multiplication as square_multiplication
from pswf.recurrence import step_rates as step_rates

__all__ = ["Modes", "solve"]


@jit
def _modes(
    base: Any,
    up: Any,
    down: Any,
    off: Any,
    weight: Any,
    weight_block: Any,
    mu: Any,
    rest: Any,
    d: Any,
    ratio: Any,
    ratio_block: Any,
    work: Any,
    block: Any,
) -> None:
    """Correct every mu, fill in its rounding error ``rest``, the coordinates d and what lambda is read off.

    The eigenvectors of (P.3) by two steps of Rayleigh's iteration on twisted factorisations.  A pivot that is 0 becomes
    1e-17 of the rate A there; coordinates below 1e-308 become 0.

    ``base`` is the part of the operator without c, ``up`` and ``down`` are c^2 times the rates of r^2, or -c^2 times
    those of 1 - r^2, ``off`` minus the off-diagonal with a 0 at both ends.  The first coordinate divided by
    ``R / r^N`` at 0 is ``ratio * 2**(512 * ratio_block)``; ``work`` and ``block`` are scratch.
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
            block[twist] = 0
            square = 1.0
            for way in range(2):
                value = 1.0
                shift = 0
                k = twist - 1 + 2 * way
                while 0 <= k < size:
                    value *= work[4 + way, k]
                    if abs(value) < BLOCK_DOWN and value != 0.0:
                        value *= BLOCK_UP
                        shift -= 1
                    mantissa[k] = value
                    block[k] = shift
                    if shift == 0:
                        square += value * value
                    k += 2 * way - 1
            if sweep == 0:
                mu[n] += least / square
            elif sweep == 1:
                rest[n] = least / square
        highest = -(2**62)
        for k in range(size):
            if mantissa[k] != 0.0 and block[k] + weight_block[k] > highest:
                highest = block[k] + weight_block[k]
        total = 0.0
        for k in range(size):
            shift = block[k] + weight_block[k] - highest
            if shift >= -2:
                value = mantissa[k] * weight[k]
                if shift <= -1:
                    value *= BLOCK_DOWN
                if shift == -2:
                    value *= BLOCK_DOWN
                total += value
        ratio[n] = abs(mantissa[0] / total)
        ratio_block[n] = block[0] - highest
        # positive at 0+
        scale = 1.0 / math.sqrt(square) if total > 0.0 else -1.0 / math.sqrt(square)
        for k in range(size):
            value = mantissa[k] * scale
            if block[k] == -1:
                value *= BLOCK_DOWN
            elif block[k] < -1:
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
    return int(np.flatnonzero(np.abs(coordinates).max(axis=0, initial=0.0) > 10.0**-TAIL)[-1]) + 1


def solve(bandlimit: float, order: float, count: int, chi: Array | None = None) -> Modes:
    """Return the first ``count`` prolate functions of one order; with their ``chi``, where they are known.

    lambda is ``c gamma^2``, gamma by equation (P.7).

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
    shared = (np.concatenate([[0.0], np.sqrt(up[:-1] * down[1:]), [0.0]]), *central_weights(order, size))
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
    factor, power = bessel_factor(bandlimit, order)
    # beta R / r^N -> (c/2)^N / N! <r^N, R> as r -> 0, and <r^N, R> = d_0 / sqrt(2N+2)
    beta = bandlimit * factor * ratio / math.sqrt(2.0 * order + 2.0)
    log_concentration = 2.0 * np.log(beta) + 2.0 * math.log(2.0) * (power + BLOCK_BITS * block)
    # the weights that lambda needs keep more of the coordinates than the functions themselves need
    needed = _significant(coordinates)
    if needed < size:
        coordinates = coordinates[:, :needed].copy()
    return Modes(chi, gap, coordinates, log_concentration)
