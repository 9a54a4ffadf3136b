"""The functions at and near the edge r = 1, with relative accuracy however small they are there.

Most prolate functions have decayed by many orders of magnitude where they reach r = 1, and no sum of Zernike
functions gives the value left over.  With ``R = r^N u(z)``, ``z = 1 - r^2``, the differential equation is (P.6)

    z (1 - z) u'' + (1 - (N + 2) z) u' = (gap / 4 - c^2 z / 4) u,    gap = c^2 + (N + 1/2)(N + 3/2) - chi,

and u is its regular solution at z = 0, which grows inward through the whole barrier: Taylor steps, none longer
than the length over which u changes, follow it without cancellation from u(0) = 1 to the outermost extremum of R.
There R is known.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pswf.arrays import Array
from pswf.jit import jit
from pswf.radial import zernike_functions

__all__ = ["edge_functions", "log_edges"]


_RESCALE = 2.0**256
"""u is divided by it each time that it grows beyond it."""


@jit
def _climb(order: float, bandlimit: Any, gap: Any, depth: Any, value: Any, power: Any) -> None:
    """Fill in the z of the outermost extremum and ``u(z) = value * 2**(256 * power)``, for every bandlimit and gap.

    Taylor steps of equation (P.6), each ended where three terms in turn fall below 1e-17 of the sum, or by 400 terms.
    z = 0 where the extremum is the edge itself.  For N = 0 the search ends well inside the turning point.
    """
    for i in range(len(gap)):
        c2 = 0.25 * bandlimit[i] * bandlimit[i]
        constant = 0.25 * gap[i]
        z = 0.0
        u = 1.0
        slope = constant
        blocks = 0
        # past the turning point r^2 = 1 - gap / c^2 of N = 0, which for N > 0 lies below the extremum
        last = 1.0
        if constant < c2:
            last = 0.7 + 0.3 * constant / c2
        while slope * (1.0 - z) > 0.5 * order * u and z < last:
            lead = z * (1.0 - z)
            middle = 1.0 - (order + 2.0) * z
            if z == 0.0:
                h = 1.0 / (constant + order + 4.0 + math.sqrt(c2))
            else:
                # the last is Airy's, at the turning point
                rate = abs(middle) / lead + math.sqrt(abs(constant - c2 * z) / lead) + (c2 / lead) ** (1.0 / 3.0)
                # at most half the way to the singularities
                h = 1.5 / (rate + 3.0 / lead)
            # terms a_j h^j of u; those of h u' are j times as large
            before = 0.0
            term = u
            after = slope * h
            total = u + after
            total_slope = after
            j = 0.0
            quiet = 0
            while quiet < 3 and j < 400.0:
                if z == 0.0:
                    # the general formula divided by z; the term of order j + 1 is known, so one order ahead
                    k = j + 1.0
                    new = ((k * (k + order + 1.0) + constant) * after * h - c2 * term * h * h) / ((k + 1.0) * (k + 1.0))
                else:
                    new = (j * (j + order + 1.0) + constant - c2 * z) * term
                    new -= c2 * before * h
                    new = (new * h - (j + 1.0) * ((1.0 - 2.0 * z) * j + middle) * after) * h
                    new /= lead * (j + 2.0) * (j + 1.0)
                before = term
                term = after
                after = new
                j += 1.0
                total += new
                total_slope += (j + 1.0) * new
                quiet += 1
                if abs(new) * (j + 1.0) > 1e-17 * abs(total):
                    quiet = 0
            z += h
            u = total
            slope = total_slope / h
            if abs(u) > _RESCALE:
                u /= _RESCALE
                slope /= _RESCALE
                blocks += 1
        depth[i] = z
        value[i] = u
        power[i] = blocks


def log_edges(bandlimit: Array, order: float, gap: Array, coordinates: list[Array] | Array) -> Array:
    """Return ln|R(1)| of functions of one order, shape (count,), each with its own bandlimit, gap and coordinates."""
    depth = np.empty(len(gap))
    u = np.empty(len(gap))
    power = np.empty(len(gap), dtype=np.int64)
    _climb(float(order), bandlimit, gap, depth, u, power)
    growth = np.log(np.abs(u)) + power * math.log(_RESCALE) + 0.5 * math.floor(order) * np.log1p(-depth)
    values = np.empty(len(gap))
    radii = np.sqrt(1.0 - depth)
    for start in range(0, len(gap), 64):
        part = slice(start, start + 64)
        size = max(len(row) for row in coordinates[part])
        table = zernike_functions(order, size, radii[part])
        for i, row in enumerate(coordinates[part]):
            values[start + i] = table[i, : len(row)] @ row
    return np.asarray(np.log(np.abs(values)) - growth)


def edge_functions(order: float, bandlimit: float, gap: Array, z: Array) -> tuple[Array, Array]:
    """Return ``u(z)`` and ``du/dz``, ``u(0) = 1``, by the series of (P.6) about the edge, (len(gap), len(z)) each."""
    constant = 0.25 * gap[:, np.newaxis]
    quarter = 0.25 * bandlimit * bandlimit
    before, term = np.zeros((len(gap), len(z))), np.ones((len(gap), len(z)))
    u, slope = term.copy(), np.zeros_like(term)
    for j in range(400):
        # b_j = a_j z^j, and the slope's a_{j+1} z^j
        ahead = ((j * (j + order + 1.0) + constant) * term - quarter * before * z) / (j + 1.0) ** 2
        slope += (j + 1.0) * ahead
        before, term = term, ahead * z
        u += term
        if np.all(np.abs(term) * (j + 1.0) < 1e-17 * np.abs(u)) and j > 2:
            break
    return u, slope
