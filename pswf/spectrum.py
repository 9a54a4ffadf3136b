"""Eigenvectors of the disk prolate operator in the Zernike basis, to full relative accuracy.

In the orthonormal radial Zernike functions ``q_k(r) = h_k r^N P_k^(N,0)(1 - 2 r^2)``,
``h_k = sqrt(2 (2k + N + 1))``, positive at 0+, multiplication by r^2 is tridiagonal, and so is the
differential operator that commutes with the finite Fourier transform (Slepian, Bell Syst. Tech. J. 43
(1964) 3009; Shkolnisky, Appl. Comput. Harmon. Anal. 22 (2007) 235).  Its eigenvalues chi, ascending, number
the radial orders n = 0, 1, ...

LAPACK's eigenvectors are accurate in the absolute sense only, while the eigenvalue lambda of the integral
operator is read off the first coordinate, which may be 1e-200.  So LAPACK supplies start values of chi alone;
the vectors come from twisted factorisations (Dhillon and Parlett, Linear Algebra Appl. 387 (2004) 1), whose
coordinates are products of ratios and keep their relative accuracy however small they are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf._jit import jit

__all__ = ["eigenvectors", "matrix_size", "operator_diagonals", "square_multiplication"]

Array = npt.NDArray[np.float64]

# Coordinates are kept as mantissa * 2**exponent; a mantissa is brought back when it leaves this range.
_SHIFT = 512
_SMALL = 2.0**-_SHIFT


def matrix_size(count: int, bandlimit: float) -> int:
    """Return the number of Zernike functions that hold ``count`` prolate functions in double precision."""
    return count + 40 + math.ceil(0.7 * bandlimit + 10.0 * float(bandlimit ** (1.0 / 3.0)))


@jit
def square_multiplication(order: int, size: int) -> tuple[Any, Any]:
    """Return the diagonal b and the off-diagonal a of multiplication by r^2, ``a[0] = 0``, shapes (size,)."""
    b = np.empty(size)
    a = np.zeros(size)
    N = float(order)
    for k in range(size):
        s = 2.0 * k + N
        b[k] = 0.5 if order == 0 else 0.5 * (1.0 + N * N / (s * (s + 2.0)))
        if k > 0:
            a[k] = -k * (k + N) / (s * math.sqrt((s - 1.0) * (s + 1.0)))
    return b, a


@jit
def operator_diagonals(bandlimit: float, order: int, size: int) -> tuple[Any, Any]:
    """Return diagonal and off-diagonal (first entry 0) of the commuting differential operator."""
    b, a = square_multiplication(order, size)
    c2 = bandlimit * bandlimit
    for k in range(size):
        m = order + 2.0 * k
        b[k] = (m + 0.5) * (m + 1.5) + c2 * b[k]
        a[k] *= c2
    return b, a


@jit
def twisted(t: Any, a: Any, chi: float, mantissa: Any, exponent: Any, down: Any, up: Any) -> float:
    """Fill in the vector of the twisted factorisation at ``chi``; return the Rayleigh correction of chi.

    ``mantissa`` and ``exponent`` receive the coordinates, the one at the twist being 1; ``down`` and ``up``
    are work arrays.  Everything has the length of the diagonal ``t``; ``a[0]`` is not used.
    """
    size = len(t)
    tiny = 1e-300
    down[0] = t[0] - chi
    for k in range(1, size):
        pivot = down[k - 1]
        if pivot == 0.0:
            pivot = tiny
            down[k - 1] = tiny
        down[k] = (t[k] - chi) - a[k] * a[k] / pivot
    up[size - 1] = t[size - 1] - chi
    for k in range(size - 2, -1, -1):
        pivot = up[k + 1]
        if pivot == 0.0:
            pivot = tiny
            up[k + 1] = tiny
        up[k] = (t[k] - chi) - a[k + 1] * a[k + 1] / pivot
    twist = 0
    least = math.inf
    for k in range(size):
        residual = abs(down[k] + up[k] - (t[k] - chi))
        if residual < least:
            least = residual
            twist = k
    mantissa[twist] = 1.0
    exponent[twist] = 0
    square = 1.0
    value = 1.0
    power = 0
    for k in range(twist - 1, -1, -1):
        value *= -a[k + 1] / down[k]
        if abs(value) < _SMALL and value != 0.0:
            value /= _SMALL
            power -= _SHIFT
        mantissa[k] = value
        exponent[k] = power
        if power == 0:
            square += value * value
    value = 1.0
    power = 0
    for k in range(twist + 1, size):
        value *= -a[k] / up[k]
        if abs(value) < _SMALL and value != 0.0:
            value /= _SMALL
            power -= _SHIFT
        mantissa[k] = value
        exponent[k] = power
        if power == 0:
            square += value * value
    correction = (down[twist] + up[twist] - (t[twist] - chi)) / square
    norm = math.sqrt(square)
    for k in range(size):
        mantissa[k] /= norm
    return float(correction)


@jit
def _refine(t: Any, a: Any, chi: Any, mantissa: Any, exponent: Any) -> None:
    """Correct every chi twice, keep the vectors; signs such that the function is positive at 0+."""
    down = np.empty(len(t))
    up = np.empty(len(t))
    for n in range(len(chi)):
        for _ in range(2):
            chi[n] += twisted(t, a, chi[n], mantissa[n], exponent[n], down, up)
        twisted(t, a, chi[n], mantissa[n], exponent[n], down, up)
        # the first coordinate is beta * R(0+) up to positive factors, and beta has the sign (-1)^n
        if (mantissa[n, 0] < 0.0) != (n % 2 == 1):
            for k in range(len(t)):
                mantissa[n, k] = -mantissa[n, k]


def eigenvectors(bandlimit: float, order: int, count: int) -> tuple[Array, Array, npt.NDArray[np.int64]]:
    """Return chi and the Zernike coordinates of the first ``count`` prolate functions.

    Parameters
    ----------
    bandlimit : float
        c > 0.
    order : int
        Angular order N >= 0.
    count : int
        Number of radial orders.

    Returns
    -------
    chi : ndarray, shape (count,)
        Eigenvalues of the differential operator, ascending.
    mantissa, exponent : ndarray, shape (count, size)
        Coordinate k of function n is ``mantissa[n, k] * 2**exponent[n, k]``.
    """
    from scipy.linalg import eigh_tridiagonal

    size = matrix_size(count, bandlimit)
    t, a = operator_diagonals(bandlimit, order, size)
    start = eigh_tridiagonal(t, a[1:], eigvals_only=True, check_finite=False, lapack_driver="sterf")
    chi = np.array(start[:count], dtype=np.float64)
    mantissa = np.empty((count, size))
    exponent = np.empty((count, size), dtype=np.int64)
    _refine(t, a, chi, mantissa, exponent)
    return chi, mantissa, exponent
