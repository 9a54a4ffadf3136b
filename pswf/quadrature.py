"""Radial quadrature rules for the disk, ``sum_j w_j f(r_j) = int_0^1 f(r) r dr``.

On the whole disk a radial rule goes with the trapezoidal rule in the angle.  Gauss-Legendre needs nothing but a
count of nodes; the generalised Gaussian rule integrates band-limited functions with about half as many (Greengard
and Serkh, arXiv 1811.02733; mathematics of such rules: Xiao, Rokhlin and Yarvin, Inverse Problems 17 (2001) 805).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pswf.arrays import Array
from pswf.checks import check_bandlimit, check_count, check_memory, check_positive
from pswf.jit import jit
from pswf.radial import combine
from pswf.spectrum import solve

__all__ = ["disk_quadrature", "gauss_legendre"]


_TOLERANCES = (1e-15, 0.1)
_NEWTON_STEPS = 20


@jit
def _legendre_rule(nodes: Any, weights: Any) -> None:
    """Fill in the Gauss-Legendre rule of [0, 1].

    With ``x = cos(theta)`` the node is ``(1 - x) / 2 = sin^2(theta / 2)``, relatively accurate near 0, and the
    recurrence runs on ``P_k - P_{k-1}`` with ``x - 1``, which does not cancel where the nodes crowd.
    """
    n = len(nodes)
    for i in range((n + 1) // 2):
        theta = math.pi * (i + 0.75) / (n + 0.5)
        theta += 1.0 / (8.0 * (n + 0.5) ** 2 * math.tan(theta))
        slope = 1.0
        for _ in range(4):
            half = math.sin(0.5 * theta)
            shifted = -2.0 * half * half
            value = 1.0
            difference = 0.0
            for k in range(n):
                difference = (k * difference + (2.0 * k + 1.0) * shifted * value) / (k + 1.0)
                value += difference
            # dP_n/dtheta = n (x P_n - P_{n-1}) / sin(theta)
            slope = n * (difference + shifted * value) / math.sin(theta)
            theta -= value / slope
        nodes[i] = math.sin(0.5 * theta) ** 2
        nodes[n - 1 - i] = math.cos(0.5 * theta) ** 2
        weights[i] = 1.0 / (slope * slope)
        weights[n - 1 - i] = weights[i]


def gauss_legendre(count: int) -> tuple[Array, Array]:
    """Return the Gauss-Legendre rule in the radius, with the factor r of the area element in the weights.

    Parameters
    ----------
    count : int
        Number of nodes, at least 1.

    Returns
    -------
    r : ndarray, shape (count,)
        Nodes in (0, 1), ascending, dimensionless.
    w : ndarray, shape (count,)
        Positive weights: ``sum(w * f(r)) = int_0^1 f(r) r dr``, exact for polynomials f of degree 2 count - 2.

    Raises
    ------
    TypeError, ValueError
        ``count`` not an integer of at least 1.

    Examples
    --------
    >>> from pswf import gauss_legendre
    >>> r, w = gauss_legendre(2)
    >>> float(round(sum(w * r**2), 15))
    0.25
    """
    count = check_count(count)
    check_memory(2 * count, f"a rule of {count} nodes", "give a smaller count")
    r = np.empty(count)
    w = np.empty(count)
    _legendre_rule(r, w)
    w *= r
    return r, w


def _roots(coordinates: Array, count: int) -> Array:
    """Return the roots in (0, 1) of the function of order 0 with these Zernike coordinates, ``count`` at most."""
    # the roots lie at distances of at least about pi / chi^(1/2) in arcsin(r)
    samples = 8 * count + 8
    x = np.sin(0.5 * np.pi * np.arange(samples + 1) / samples)
    row = coordinates[np.newaxis]
    values = combine(0, row, x)[0]
    left = np.flatnonzero((values[:-1] < 0.0) != (values[1:] < 0.0))[:count]
    roots = x[left] + (x[left + 1] - x[left]) * values[left] / (values[left] - values[left + 1])
    for _ in range(4):
        roots -= combine(0, row, roots)[0] / combine(0, row, roots, derivative=True)[0]
    return np.asarray(roots)


def _node_count(bandlimit: float, log_concentration: Array, tol: float) -> int:
    """Return the least m for which a rule that is exact on the first 2m functions has errors below ``tol``.

    ``J_0(C r s) = sum_k beta_k R_k(s) R_k(r)``: the first function missed contributes the most, and its error is
    a little less than beta_k times its largest value, that of the Zernike function, (2 (2k + 1))^(1/2).  Newton's
    iteration starts close enough only where that function lies beyond the plunge of the spectrum.
    """
    k = np.arange(len(log_concentration))
    log_error = 0.5 * (log_concentration + np.log(4.0 * k + 2.0)) - math.log(bandlimit)
    negligible = (log_error <= math.log(tol)) & (log_concentration < math.log(1e-3))
    first = int(np.argmax(negligible))
    return max(1, (first + 1) // 2)


def _polish(coordinates: Array, r: Array, w: Array) -> bool:
    """Change nodes and weights in place until the 2m functions are integrated exactly; return whether they are."""
    integrals = coordinates[:, 0] / math.sqrt(2.0)
    for _ in range(_NEWTON_STEPS):
        values = combine(0, coordinates, r)
        slopes = combine(0, coordinates, r, derivative=True)
        step = np.linalg.solve(np.hstack([values, slopes * w]), integrals - values @ w)
        w += step[: len(w)]
        r += step[len(w) :]
        if np.abs(step[len(w) :]).max() < 1e-13:
            return True
    return False


def _enough(bandlimit: float, tol: float) -> int:
    """Return a number of functions beyond the last one that matters: plunge at C/pi, ln(4C)/pi^2 wide per e-fold."""
    return math.ceil(bandlimit / math.pi + math.log(1.0 / tol) * math.log(4.0 * bandlimit + 20.0) / 5.0) + 10


def disk_quadrature(bandlimit: float, tol: float = 1e-14) -> tuple[Array, Array]:
    r"""Return the generalised Gaussian rule for band-limited functions on the disk.

    Parameters
    ----------
    bandlimit : float
        C > 0, dimensionless: radius of the band times radius of the disk.  A *product* of two functions of band c
        has band 2c.
    tol : float, optional
        Largest error of ``int_0^1 J_0(w r) r dr`` over ``0 <= w <= C``, in [1e-15, 0.1].

    Returns
    -------
    r : ndarray, shape (m,)
        Nodes in (0, 1), ascending, dimensionless.
    w : ndarray, shape (m,)
        Positive weights: ``sum(w * f(r)) = int_0^1 f(r) r dr``; they contain the factor r of the area element.

    Raises
    ------
    TypeError
        Bandlimit or tolerance not a real number.
    ValueError
        Bandlimit not in [1e-70, 1e6], tolerance outside [1e-15, 0.1], or not enough memory.
    RuntimeError
        No rule found (not seen for C from 1e-8 to 3300).

    Notes
    -----
    Start: the roots of ``R_{0,m}`` of bandlimit C/2, with the weights that integrate ``R_{0,k}`` of C/2, k < m.
    Newton's iteration on the 2m nodes and weights then makes the rule exact for ``R_{0,k}`` of C, k < 2m, whose
    integrals are ``d_0 / sqrt(2)`` in terms of the first Zernike coordinate.

    Examples
    --------
    >>> import numpy as np
    >>> from pswf import disk_quadrature
    >>> len(disk_quadrature(20 * np.pi)[0])
    17
    """
    bandlimit = check_bandlimit(bandlimit)
    tol = check_positive(tol, "tol")
    if not _TOLERANCES[0] <= tol <= _TOLERANCES[1]:
        raise ValueError(f"tol is {tol!r}; give a tolerance between {_TOLERANCES[0]:g} and {_TOLERANCES[1]:g}")
    full = solve(bandlimit, 0, _enough(bandlimit, tol))
    m = _node_count(bandlimit, full.log_concentration, tol)

    half = solve(0.5 * bandlimit, 0, m + 1).coordinates
    r = _roots(half[m], m)
    found = len(r)
    if found == m:
        w: Array = np.linalg.solve(combine(0, half[:m], r), half[:m, 0] / math.sqrt(2.0)).astype(np.float64)
        converged = _polish(full.coordinates[: 2 * m], r, w)
    if found < m or not (converged and r[0] > 0.0 and r[-1] < 1.0 and np.all(np.diff(r) > 0.0) and np.all(w > 0.0)):
        raise RuntimeError(f"no rule of {m} nodes found for bandlimit {bandlimit!r} and tol {tol!r}")
    return r, w
