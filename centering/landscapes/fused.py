"""The landscape as one correlation: equation (3.1) without its absolute value, and when the two are equal.

Write ``S(p) = sum_rho u_p[rho]``.  Without the absolute value (3.1) reads ``L_lin(p) = (R + 1) - S(p) / E``, which is
linear in the image but for the normaliser.  Since ``|x| = -x + 2 max(0, x)``,

    L(p) = L_lin(p) + 2 sum_rho max(0, u_p[rho] / E - 1)  >=  L_lin(p),

with equality where no ``u_p[rho]`` exceeds E (no overshoot).  So if the minimiser p* of L_lin has no overshoot, then
``L(p) >= L_lin(p) >= L_lin(p*) = L(p*)`` for every candidate p: p* minimises (3.1) itself.  One rotational average
certifies it, whatever happens at the other candidates.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from centering.landscapes.direct import energies_at
from centering.landscapes.maps import maps
from centering.landscapes.minimum import NEAR, TIE, choose, quadratic_offset
from centering.landscapes.peaks import Peaks
from centering.landscapes.plan import Plan
from centering.landscapes.score import ROUNDING, reciprocal
from centering.results import Flag
from pswf.jit import jit

__all__ = ["fused", "linear", "overshoots", "settle"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

FLAT = 1e-9
"""Landscapes whose deviation is below this part of their terms are looked at in double precision throughout."""
_BORDER, _AMBIGUOUS = int(Flag.BORDER), int(Flag.AMBIGUOUS)


def linear(image: Array, plan: Plan) -> tuple[Array, float]:
    """Return ``S(p) = sum_rho u_p[rho]``, shape (h, w), and ``max_p u_p[R]`` of one float64 image."""
    total, whole = plan.linear_maps(plan.region(image))
    return total, float(whole.max())


def fused(image: Array, plan: Plan) -> tuple[Array, float]:
    """Return ``L_lin``, shape (h, w), of one non-negative float64 image, and 1 / E.

    Under the normaliser ``"disk"`` it is a lower bound of (3.1), equal where nothing overshoots.  Under ``"peak"``
    nothing can overshoot, but E is the maximum over all rings, so it has to come from the coefficient maps.
    """
    if plan.score.normalizer == "peak":
        return maps(image, plan)
    total, largest = linear(image, plan)
    scale = reciprocal(largest, image)
    return plan.radius + 1 - total * scale, scale


def overshoots(image: Array, plan: Plan, rows: Index, columns: Index, largest: float) -> bool:
    """Return whether some ``u_p[rho]`` exceeds E = ``largest`` on this grid of candidate displacements."""
    energies = energies_at(image, plan, rows, columns)
    return largest <= 0 or bool((energies > largest + ROUNDING * image.sum()).any())


def settle(
    regions: npt.NDArray[Any], peaks: Peaks, plan: Plan, *, subpixel: bool
) -> tuple[Array, Array, Index, npt.NDArray[np.bool_]]:
    """Turn the contenders of a search into centres, and certify them.

    Parameters
    ----------
    regions : ndarray, shape (B, m, m)
        As `Plan.region` cuts them.
    peaks : Peaks
        Of these regions.
    subpixel : bool
        Whether the centre is refined by the quadratic through the neighbours of the candidate.

    Returns
    -------
    displacement, score, flags : ndarray, shapes (B, 2), (B,) and (B,)
        As in `centering.results.Centers`.
    doubtful : ndarray of bool, shape (B,)
        True where the search is open, where nothing but rounding distinguishes the candidates, or, under the normaliser
        ``"disk"``, where some ``u[rho]`` at the candidate, or at a neighbour that enters the fit, exceeds the largest
        ``u[R]`` of these.  That none does is sufficient for the certificate above, because E is the largest of all
        ``u[R]``.  Always True where there are fewer than 3 x 3 candidates.
    """
    batch, last = len(peaks.lowest), plan.last
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        terms = peaks.total * plan.peak
        place, value, ambiguous = _chosen(peaks, terms)
        score = (value - peaks.mean) / peaks.deviation
        clear = ~peaks.open & (peaks.deviation > FLAT * terms)
    displacement = place + plan.origin
    border = ((place == 0) | (place == last)).any(axis=1)
    flags = border * _BORDER | ambiguous * _AMBIGUOUS
    images, doubtful = np.arange(batch), ~clear
    every = bool(clear.all())
    if not every:
        score[~(peaks.deviation > 0)] = 0.0
        images = np.flatnonzero(clear)
        place, border = place[images], border[images]
    if last.min() < 2:
        return displacement, score, flags, np.ones(batch, np.bool_)
    # the candidate and its neighbours; on the border, the 3 x 3 candidates that it belongs to
    corners = place - 1
    # on the border there is no fit, and the candidate stands for itself
    alone = np.flatnonzero(border)
    if len(alone):
        corners = np.minimum(np.maximum(corners, 0), last - 2)
    sums = np.zeros((len(images), len(plan.disk.distances), 9))
    lines = np.empty((3, 2 * plan.radius + 3))
    _ring_sums(regions, peaks.lowest, images, corners, plan.disk.ring_index, plan.ring_starts, lines, sums)
    # one product for each image, so that none sees the others
    bounds = np.matmul(plan.bounds_by_ring, sums)
    if subpixel:
        offset = quadratic_offset(-bounds[:, 0].reshape(-1, 3, 3))
        if len(alone):
            offset[alone] = 0.0
        if every:
            displacement += offset
        else:
            displacement[images] += offset
    else:
        alone = np.arange(len(images))
    if plan.score.normalizer == "disk":
        own = (place - corners) @ (3, 1) if len(alone) else images
        over = _exceeds(bounds, 1, alone, own)
        if over.any():
            closer = np.flatnonzero(over)
            alone = np.flatnonzero(np.isin(closer, alone))
            over[closer] = _exceeds(np.matmul(plan.energies_by_ring, sums[closer]), 0, alone, own[closer])
        doubtful[images] = over
    return displacement, score, flags, doubtful


def _exceeds(energies: Array, first: int, alone: Index, own: Index) -> npt.NDArray[np.bool_]:
    """Return whether energies (K, rows, 9) from a row on exceed the largest of the last, ``alone`` those of ``own``."""
    largest: Array = energies[:, -1].max(axis=1)
    highest: Array = energies.reshape(len(energies), 9 * energies.shape[1])[:, 9 * first :].max(axis=1)
    if len(alone):
        highest[alone] = energies[alone, first:, own[alone]].max(axis=1)
    return (highest > largest * (1.0 + 1e-9)) | ~(largest > 0.0)


def _chosen(peaks: Peaks, terms: Array) -> tuple[Index, Array, npt.NDArray[np.bool_]]:
    """Return place (B, 2) and value (B,) of the best contender of every image, and whether it is in doubt."""
    batch = len(peaks.lowest)
    if len(peaks.image) == batch and not peaks.open.any():  # one each
        return peaks.place, peaks.value, np.zeros(batch, np.bool_)
    tie = TIE * terms
    best = np.full(batch, -np.inf)
    np.maximum.at(best, peaks.image, peaks.value)
    # more than `choose` asks for, so that its own rounding decides
    near = np.flatnonzero(peaks.value >= (best - 2.0 * NEAR * tie)[peaks.image])
    image, value = peaks.image[near], peaks.value[near]
    place, ambiguous = np.zeros((batch, 2), np.int64), np.zeros(batch, np.bool_)
    place[image], best[image] = peaks.place[near], value
    for i in sorted(set(image[1:][image[1:] == image[:-1]].tolist())):
        mine = near[image == i]
        first, ambiguous[i] = choose(-peaks.value[mine], peaks.place[mine], float(tie[i]))
        place[i], best[i] = peaks.place[mine][first], peaks.value[mine][first]
    return place, best, ambiguous


@jit
def _ring_sums(
    regions: Any, lowest: Any, images: Any, corners: Any, ring_index: Any, starts: Any, lines: Any, sums: Any
) -> None:
    """Add up the pixels over rings of equal distance, shape (K, rings, 9), for 3 x 3 candidates at once.

    Pixels that mirror each other lie on the same ring: rows are folded first, then columns, and what is left goes to
    the ring of its pixel.
    """
    last = len(ring_index) - 1
    radius = last // 2
    width = lines.shape[1]
    zero, one, two = lines[0], lines[1], lines[2]
    for k in range(len(images)):
        i, row, column = images[k], corners[k, 0], corners[k, 1]
        least = lowest[i]
        total = sums[k]
        for r in range(radius + 1):
            index = ring_index[r]
            # the middle row is its own mirror image, and so is the middle column
            part = 0.5 if r == radius else 1.0
            for d in range(3):
                line = lines[d]
                above = regions[i, row + d + r, column : column + width]
                below = regions[i, row + d + last - r, column : column + width]
                for c in range(width):
                    line[c] = ((above[c] - least) + (below[c] - least)) * part
            for c in range(starts[r], radius + 1):
                place, mirror = total[index[c]], last - c
                half = 0.5 if c == radius else 1.0
                for e in range(3):
                    place[e] += (zero[c + e] + zero[mirror + e]) * half
                    place[3 + e] += (one[c + e] + one[mirror + e]) * half
                    place[6 + e] += (two[c + e] + two[mirror + e]) * half
