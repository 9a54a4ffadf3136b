"""What is suspicious about a posterior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.radial.posterior import Expectation, Posterior
from centering.radial.tuning import TUNING
from centering.results import Flag
from pswf.jit import jit

__all__ = ["posterior_flags"]


def posterior_flags(posterior: Posterior, expectation: Expectation) -> npt.NDArray[np.int64]:
    """Return the flags, shape (B,), of posteriors.

    BORDER: the most probable candidate lies on the border of the candidates.  AMBIGUOUS: there is a second local
    maximum, farther than a quarter of the radius away and at least a quarter as probable.  NEIGHBOUR: there is a second
    local maximum, farther than the radius away, that by itself is much more likely a particle than nothing: its
    log-likelihood ratio exceeds the logarithm of the number of candidates by 3 and is at least a quarter of that of the
    best; the prior on the displacement has no say.  OUTLIER: the image is better explained without a particle, or its
    log-likelihood ratio is less than a fifth of the median over the images learned from, and by more than noise makes
    it so: the ratio of a particle of amplitude s is about ``s^2 |m|^2 / (2 v)``, and as noise of variance v gives s a
    standard deviation of ``sqrt(v) / |m|``, that of the root of the ratio is ``1 / sqrt(2)``.
    """
    highest = posterior.landscape.max(axis=1)
    logarithm = highest + np.log(np.exp(posterior.landscape - highest[:, None]).sum(axis=1))
    radius = expectation.templates.disk.radius
    prior = np.logaddexp.reduce(expectation.log_prior, axis=0)
    flags = np.zeros(len(logarithm), dtype=np.int64)
    _judge(
        logarithm.astype(np.float64),
        prior,
        max(2.0, TUNING.ambiguous_distance * radius),
        float(radius),
        math.log(TUNING.ambiguous_ratio),
        math.log(prior.size) + TUNING.neighbour_margin,
        TUNING.neighbour_part,
        int(Flag.BORDER),
        int(Flag.AMBIGUOUS),
        int(Flag.NEIGHBOUR),
        flags,
    )
    outlier = posterior.evidence < least_evidence(expectation.model.typical)
    return flags | np.where(outlier, int(Flag.OUTLIER), 0)


def least_evidence(typical: float) -> float:
    """Return the log-likelihood ratio below which an image is an outlier where ``typical`` is the median."""
    by_chance = max(0.0, math.sqrt(max(typical, 0.0)) - TUNING.outlier_deviations / math.sqrt(2.0)) ** 2
    return min(TUNING.outlier_part * max(typical, 0.0), by_chance)


@jit
def _judge(
    landscape: Any,
    prior: Any,
    near: float,
    far: float,
    equal: float,
    chance: float,
    part: float,
    border: int,
    ambiguous: int,
    neighbour: int,
    flags: Any,
) -> None:
    """Set the flags (B,) of logarithms of posteriors (B, h, h) with the logarithm ``prior`` (h, h) in them.

    ``near`` and ``far``, in pixels, are the least distances of a second maximum for AMBIGUOUS and for NEIGHBOUR;
    ``equal``, ``chance`` and ``part`` the thresholds of `posterior_flags`; ``border`` and so on the bits.
    """
    batch, side, _ = landscape.shape
    for i in range(batch):
        first, row, column = landscape[i, 0, 0], 0, 0
        for r in range(side):
            for c in range(side):
                if landscape[i, r, c] > first:
                    first, row, column = landscape[i, r, c], r, c
        if row == 0 or column == 0 or row == side - 1 or column == side - 1:
            flags[i] |= border
        alone = first - prior[row, column]
        for r in range(side):
            for c in range(side):
                distance = math.sqrt((r - row) ** 2 + (c - column) ** 2)
                if distance <= near:
                    continue
                value = landscape[i, r, c]
                likely = value - prior[r, c]
                equals = value >= first - equal
                other = distance > far and likely >= chance and likely >= part * alone
                if not (equals or other):
                    continue
                for k in range(9):
                    y, x = r + k // 3 - 1, c + k % 3 - 1
                    if 0 <= y < side and 0 <= x < side and landscape[i, y, x] > value:
                        break
                else:  # no neighbour is higher
                    if equals:
                        flags[i] |= ambiguous
                    if other:
                        flags[i] |= neighbour
