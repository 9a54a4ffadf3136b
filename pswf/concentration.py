"""Energy concentrations lambda and leakages 1 - lambda, both with full relative accuracy, as logarithms.

lambda is read off the first Zernike coordinate where it is below about one half.  Near 1 the difference 1 - lambda
would drown in rounding below 1e-14, so there ``-ln lambda`` is built from positive terms only:

* ``d ln(lambda) / d ln(c) = R(1)^2``, hence ``-ln lambda_0 = int_c^inf R_0(1; c')^2 dc'/c'``, a 32-node
  Gauss-Laguerre rule in ``2 (c' - c)``;
* ``ln lambda_{n+1} = ln lambda_n + 2 log1p(-R_n(1) R_{n+1}(1) / |<r R'_{n+1}, R_n>|)``.

Both need R(1) with relative accuracy where it is exponentially small; it is carried from the outermost lobe to
r = 1 by the Frobenius series of the differential equation at r = 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf._jit import jit
from pswf.spectrum import matrix_size, operator_diagonals, square_multiplication, twisted

__all__ = ["log_spectrum"]

Array = npt.NDArray[np.float64]

_LAGUERRE_NODES = 32


@jit
def _log_concentration(bandlimit: float, order: int, mantissa: Any, exponent: Any) -> float:
    """Return ln lambda from the limit r -> 0.

    ``beta R(r) / r^N -> (c/2)^N / N! <r^N, R>`` and ``<r^N, R> = d_0 / sqrt(2N+2)``; R / r^N at 0 is
    ``sum_k d_k h_k C(k+N, k)``, whose large terms have one sign.  Products are accumulated with their powers of
    two, because the sum of the logarithms would cost N ln c * 1e-16.
    """
    N = order
    top = -(2**62)
    power = 0
    weight = 1.0
    for sweep in range(2):
        total = 0.0
        weight = 1.0
        power = 0
        for k in range(len(mantissa)):
            h = math.sqrt(2.0 * (2.0 * k + N + 1.0))
            part, shift = math.frexp(mantissa[k] * weight * h)
            shift += power + exponent[k]
            if sweep == 0:
                if part != 0.0 and shift > top:
                    top = shift
            elif shift - top > -1000:
                total += math.ldexp(part, shift - top)
            weight *= (k + 1.0 + N) / (k + 1.0)
            if weight > 1e100:
                weight, extra = math.frexp(weight)
                power += extra
    ratio = 1.0
    power = 0
    for i in range(1, N + 1):
        ratio *= bandlimit / (2.0 * i)
        if ratio < 1e-100 or ratio > 1e100:
            ratio, extra = math.frexp(ratio)
            power += extra
    beta = ratio * abs(mantissa[0] / total) / math.sqrt(2.0 * N + 2.0)
    log_beta = math.log(beta) + (power + exponent[0] - top) * math.log(2.0)
    return float(2.0 * (math.log(bandlimit) + log_beta))


@jit
def _value(order: int, mantissa: Any, exponent: Any, b: Any, a: Any, x: float) -> float:
    """Return R(x) for one 0 < x < 1 by the recurrence of the Zernike functions."""
    log2_start = 0.5 * math.log2(2.0 * order + 2.0) + order * math.log2(x)
    power = int(math.floor(log2_start))
    q = 2.0 ** (log2_start - power)
    before = 0.0
    total = 0.0
    for k in range(len(mantissa)):
        shift = power + exponent[k]
        if shift > -1100:
            total += math.ldexp(mantissa[k] * q, shift)
        after = ((x * x - b[k]) * q - a[k] * before) / a[k + 1]
        before = q
        q = after
        if abs(q) > 1e150:
            q *= 2.0**-512
            before *= 2.0**-512
            power += 512
    return total


@jit
def _frobenius(bandlimit: float, order: int, chi: float, x: float) -> float:
    """Return ln|R(x) / R(1)| by the series ``R = r^N sum_j a_j z^j``, ``z = 1 - r^2``, ``a_0 = 1``."""
    z = (1.0 - x) * (1.0 + x)
    quarter = 0.25 * bandlimit * bandlimit
    constant = quarter - 0.25 * (chi - (order + 0.5) * (order + 1.5))
    before = 0.0
    term = 1.0
    total = 1.0
    log_scale = 0.0
    j = 0
    quiet = 0
    while quiet < 8 and j < 1_000_000:
        after = ((j * (j + order + 1.0) + constant) * term * z - quarter * before * z * z) / ((j + 1.0) ** 2)
        before = term
        term = after
        total += term
        if abs(term) > 1e100:
            term *= 1e-100
            before *= 1e-100
            total *= 1e-100
            log_scale += 100.0 * math.log(10.0)
        quiet = quiet + 1 if abs(term) < 1e-17 * abs(total) else 0
        j += 1
    return math.log(abs(total)) + log_scale + order * math.log(x)


@jit
def _log_edge(bandlimit: float, order: int, chi: float, mantissa: Any, exponent: Any, b: Any, a: Any) -> float:
    """Return ln|R(1)| with relative accuracy."""
    edge = 0.0
    for k in range(len(mantissa)):
        if exponent[k] == 0:
            h = math.sqrt(2.0 * (2.0 * k + order + 1.0))
            edge += mantissa[k] * (-h if k % 2 == 1 else h)
    # outer turning point of chi - c^2 r^2 - (N^2 - 1/4) / r^2
    c2 = bandlimit * bandlimit
    barrier = max(order * order - 0.25, 0.0)
    root = math.sqrt(max(chi * chi - 4.0 * c2 * barrier, 0.0))
    turn = math.sqrt((chi + root) / (2.0 * c2))
    if turn >= 1.0:
        return math.log(abs(edge))
    slope = 2.0 * (c2 * turn - barrier / turn**3) / ((1.0 - turn) * (1.0 + turn))
    airy = slope ** (-1.0 / 3.0) if slope > 0.0 else turn
    reach = min(2.5 * airy, 0.7 * turn)
    best = 0.0
    where = 1.0
    for i in range(24):
        x = turn - reach * i / 23.0
        value = abs(_value(order, mantissa, exponent, b, a, x))
        if value > best:
            best = value
            where = x
    if abs(edge) > 0.5 * best:
        return math.log(abs(edge))
    return math.log(best) - _frobenius(bandlimit, order, chi, where)


@jit
def _lowest(bandlimit: float, order: int, size: int, mantissa: Any, exponent: Any) -> float:
    """Return chi of n = 0 by bisection on Sturm counts, and fill in its vector."""
    t, a = operator_diagonals(bandlimit, order, size)
    high = t[0]
    low = 0.0
    for k in range(size):
        high = min(high, t[k])
    while high - low > 0.5:
        middle = 0.5 * (low + high)
        pivot = t[0] - middle
        below = pivot < 0.0
        k = 1
        while not below and k < size:
            pivot = (t[k] - middle) - a[k] * a[k] / pivot
            below = pivot < 0.0
            k += 1
        if below:
            high = middle
        else:
            low = middle
    chi = low
    down = np.empty(size)
    up = np.empty(size)
    for _ in range(6):
        chi += twisted(t, a, chi, mantissa, exponent, down, up)
    twisted(t, a, chi, mantissa, exponent, down, up)
    return chi


@jit
def _log_integral(bandlimit: float, order: int, sizes: Any, nodes: Any, log_weights: Any) -> float:
    """Return ln(-ln lambda_0), the Gauss-Laguerre rule on ``R_0(1; c')^2 / c'`` in ``2 (c' - c)``."""
    total = -math.inf
    for i in range(len(nodes)):
        c = bandlimit + 0.5 * nodes[i]
        size = sizes[i]
        mantissa = np.empty(size)
        exponent = np.empty(size, dtype=np.int64)
        chi = _lowest(c, order, size, mantissa, exponent)
        b, a = square_multiplication(order, size + 1)
        edge = _log_edge(c, order, chi, mantissa, exponent, b, a)
        total = np.logaddexp(total, log_weights[i] + nodes[i] + 2.0 * edge - math.log(2.0 * c))
    return total


@jit
def _log_overlap(order: int, lower: Any, lower_exponent: Any, upper: Any, upper_exponent: Any) -> float:
    """Return ln|<r R'_{n+1}, R_n>| by ``r q_k' = (2k+N) q_k + q_k(1) sum_{j<k} q_j(1) q_j``."""
    total = 0.0
    prefix = 0.0
    for k in range(len(lower)):
        h = math.sqrt(2.0 * (2.0 * k + order + 1.0))
        edge = -h if k % 2 == 1 else h
        d_lower = lower[k] if lower_exponent[k] == 0 else 0.0
        d_upper = upper[k] if upper_exponent[k] == 0 else 0.0
        total += d_upper * ((2.0 * k + order) * d_lower + edge * prefix)
        prefix += edge * d_lower
    return math.log(abs(total))


@jit
def _log_deficits(
    bandlimit: float, order: int, first: float, chi: Any, mantissa: Any, exponent: Any, deficit: Any
) -> int:
    """Fill ``deficit[n] = ln(-ln lambda_n)`` upwards from ``first`` while lambda > 0.9; return how many."""
    size = mantissa.shape[1]
    b, a = square_multiplication(order, size + 1)
    deficit[0] = first
    edge = _log_edge(bandlimit, order, chi[0], mantissa[0], exponent[0], b, a)
    for n in range(len(chi) - 1):
        next_edge = _log_edge(bandlimit, order, chi[n + 1], mantissa[n + 1], exponent[n + 1], b, a)
        log_ratio = edge + next_edge - _log_overlap(order, mantissa[n], exponent[n], mantissa[n + 1], exponent[n + 1])
        if log_ratio > -1.0:
            return n + 1
        log_step = math.log(2.0) + log_ratio if log_ratio < -40.0 else math.log(-2.0 * math.log1p(-math.exp(log_ratio)))
        deficit[n + 1] = np.logaddexp(deficit[n], log_step)
        if deficit[n + 1] > math.log(0.1):
            return n + 1
        edge = next_edge
    return len(chi)


def log_spectrum(
    bandlimit: float, order: int, chi: Array, mantissa: Array, exponent: npt.NDArray[np.int64]
) -> tuple[Array, Array]:
    """Return ln lambda and ln(1 - lambda), shape (count,) each, of the functions of `eigenvectors`."""
    count = len(chi)
    log_lambda = np.empty(count)
    for n in range(count):
        log_lambda[n] = _log_concentration(bandlimit, order, mantissa[n], exponent[n])
    near_one = 0
    if log_lambda[0] > np.log(0.9):
        # the identities start from n = 0, so their first term must be there even if only it is wanted
        nodes, log_weights = _laguerre()
        sizes = np.array([matrix_size(1, bandlimit + 0.5 * x) for x in nodes])
        first = _log_integral(bandlimit, order, sizes, nodes, log_weights)
        deficit = np.empty(count)
        near_one = _log_deficits(bandlimit, order, first, chi, mantissa, exponent, deficit)
        log_lambda[:near_one] = -np.exp(deficit[:near_one])
    log_leakage = np.empty(count)
    log_leakage[near_one:] = np.log(-np.expm1(log_lambda[near_one:]))
    if near_one:
        # ln(-expm1(-x)) = ln x - x/2 + x^2/24 - ..., and x itself may be far below the smallest double
        x = np.exp(deficit[:near_one])
        log_leakage[:near_one] = deficit[:near_one] - x / 2 + x**2 / 24 - x**4 / 2880 + x**6 / 181440
    return log_lambda, log_leakage


def _laguerre() -> tuple[Array, Array]:
    """Return nodes and log-weights of the Gauss-Laguerre rule."""
    nodes, weights = np.polynomial.laguerre.laggauss(_LAGUERRE_NODES)
    return nodes, np.log(weights)
