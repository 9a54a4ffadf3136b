"""Energy concentrations lambda and leakages 1 - lambda, both with full relative accuracy, as logarithms.

lambda is read off the first Zernike coordinate where it is below about one half.  Near 1 the difference 1 - lambda
would drown in rounding below 1e-14, so there ``-ln lambda`` is built from positive terms only:

* ``d ln(lambda) / d ln(c) = R(1)^2``, hence ``-ln lambda_0 = int_c^inf R_0(1; c')^2 dc'/c'``, a 32-node
  Gauss-Laguerre rule in ``2 (1 - N^2 / c^2)^(1/2) (c' - c)``, the rate at which 1 - lambda falls;
* ``ln lambda_{n+1} = ln lambda_n + 2 log1p(-R_n(1) R_{n+1}(1) / |<r R'_{n+1}, R_n>|)``.

Both need R(1) with relative accuracy where it is exponentially small: `pswf.edge.log_edges`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pswf.arrays import Array
from pswf.edge import log_edges
from pswf.spectrum import Modes, solve

__all__ = ["DIRECT_LIMIT", "direct_leakage", "log_spectrum"]


DIRECT_LIMIT = 1e3
"""Up to this truncation 1 - lambda may come from lambda by subtraction: its relative error stays below 1e-6."""

_LAGUERRE_NODES = 32
_NEAR_ONE = math.log(0.1)
"""Where ln(-ln lambda) is below this, it comes from the identities."""


def direct_leakage(log_concentration: Array) -> Array:
    """Return ln(1 - lambda) by subtraction: a relative error of some 1e-13 / (1 - lambda)."""
    # rounding may leave ln lambda above 0 by 1e-13
    log_lambda = np.minimum(log_concentration, -1e-300)
    small = log_lambda < -1.0
    return np.where(small, np.log1p(-np.exp(np.where(small, log_lambda, -1.0))), np.log(-np.expm1(log_lambda)))


def _first_deficit(bandlimit: float, order: float) -> float:
    """Return ln(-ln lambda_0): equation (P.8) by a Gauss-Laguerre rule, at a rate of at least 0.2 where N nears c."""
    nodes, weights = np.polynomial.laguerre.laggauss(_LAGUERRE_NODES)
    rate = 2.0 * math.sqrt(max(1.0 - (order / bandlimit) ** 2, 0.01))
    bandlimits = bandlimit + nodes / rate
    lowest = [solve(float(c), order, 1) for c in bandlimits]
    gap = np.array([modes.gap[0] for modes in lowest])
    edge = log_edges(bandlimits, order, gap, [modes.coordinates[0] for modes in lowest])
    return float(np.logaddexp.reduce(np.log(weights) + nodes + 2.0 * edge - np.log(rate * bandlimits)))


def _log_overlap(order: float, coordinates: Array) -> Array:
    """Return ln|<r R'_{n+1}, R_n>| by ``r q_k' = (2k+N) q_k + q_k(1) sum_{j<k} q_j(1) q_j``, shape (count - 1,)."""
    k = np.arange(coordinates.shape[1])
    edge = np.sqrt(2.0 * (2.0 * k + order + 1.0)) * (1.0 - 2.0 * (k % 2))
    at_edge = coordinates[:-1] * edge
    applied = coordinates[:-1] * (2.0 * k + order) + edge * (np.cumsum(at_edge, axis=1) - at_edge)
    return np.asarray(np.log(np.abs(np.einsum("nk,nk->n", coordinates[1:], applied))))


def _deficits(bandlimit: float, order: float, modes: Modes, edges: Array) -> Array:
    """Return ln(-ln lambda) of the functions, from n = 0, whose lambda is near 1, by equation (P.9)."""
    first = _first_deficit(bandlimit, order)
    # the functions that need it, and one more
    count = min(len(edges), 1 + int(np.count_nonzero(modes.log_concentration > -0.2)))
    log_ratio = edges[: count - 1] + edges[1:count] - _log_overlap(order, modes.coordinates[:count])
    # the term is below -1 wherever lambda is near 1
    log_ratio = np.minimum(log_ratio, -1e-3)
    tiny = log_ratio < -40.0
    steps = np.where(tiny, math.log(2.0) + log_ratio, 0.0)
    steps[~tiny] = np.log(-2.0 * np.log1p(-np.exp(log_ratio[~tiny])))
    deficit = np.logaddexp.accumulate(np.concatenate([[first], steps]))
    end = np.flatnonzero((deficit[1:] > _NEAR_ONE) | (log_ratio > -1.0))
    return deficit[: end[0] + 1] if len(end) else deficit


def log_spectrum(
    bandlimit: float, order: float, modes: Modes, edges: Callable[[], Array] | None = None
) -> tuple[Array, Array]:
    """Return ln lambda and ln(1 - lambda), shape (count,) each, of the first functions of one order.

    ``edges`` returns the ln|R(1)|; it is called only where they are needed.
    """
    log_lambda = modes.log_concentration.copy()
    log_leakage = direct_leakage(log_lambda)
    if log_lambda[0] > np.log(0.9):
        # the identities start from n = 0, so their first term must be there even if only it is wanted
        known = (
            edges() if edges else log_edges(np.full(len(log_lambda), bandlimit), order, modes.gap, modes.coordinates)
        )
        deficit = _deficits(bandlimit, order, modes, known)
        # ln(-expm1(-x)) = ln x - x/2 + x^2/24 - ..., and x itself may be far below the smallest double
        x = np.exp(deficit)
        log_lambda[: len(x)] = -x
        log_leakage[: len(x)] = deficit - x / 2 + x**2 / 24 - x**4 / 2880 + x**6 / 181440
    return np.minimum(log_lambda, 0.0), log_leakage
