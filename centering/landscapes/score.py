"""What a landscape measures: how the energies ``u_p`` are formed from a rotational average, and normalised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pswf.bases.base import RadialBasis
from pswf.checks import check_expansion
from pswf.disk import AngularZero

__all__ = [
    "CUMULATIVE",
    "PAPER",
    "RACER",
    "ROUNDING",
    "SCORES",
    "Score",
    "check_score",
    "closed_rings",
    "racer_rings",
    "reciprocal",
]

Array = npt.NDArray[np.float64]

ROUNDING = 1e-12
"""Energies closer than this part of the sum of the pixels are not told apart: some come from FFTs."""


def closed_rings(radius: int) -> Array:
    """Return the pixel counts of the rings of (3.1): 1, then ``#{l-1 < d <= l}`` for l = 1..R; they fill the disk."""
    squared, edges = _squared_distances(radius)
    return np.diff(np.searchsorted(squared, edges, side="right"), prepend=0).astype(np.float64)


def racer_rings(radius: int) -> Array:
    """Return RACER's ring weights: 1, then ``#{l <= d < l+1}`` for l = 1..R, counted on the whole square [-R, R]^2."""
    squared, edges = _squared_distances(radius)
    return np.diff(np.searchsorted(squared, np.append(edges, (radius + 1) ** 2))).astype(np.float64)


def _squared_distances(radius: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    offset = np.arange(-radius, radius + 1)
    return np.sort((offset[:, None] ** 2 + offset**2).ravel()), np.arange(radius + 1) ** 2


def concentrations(basis: RadialBasis, count: int) -> Array:
    """Return lambda_n of a basis that knows its concentrations (the prolate functions), else ones."""
    logs = getattr(basis, "log_concentration", None)
    return np.ones(count) if logs is None else np.exp(np.asarray(logs, dtype=np.float64))


@dataclass(frozen=True)
class Score:
    r"""How a landscape is computed from the coefficients ``alpha_n(p)`` about a candidate p.

    ``A_p(l) = sum_n s_n alpha_n(p) psi_n(l)`` at the integer distances l = 0..R;  ``w_l A_p(l)`` is summed
    cumulatively ``accumulations`` times and gives ``u_p[rho]``, rho = 0..R;  then
    ``L(p) = sum_rho |u_p[rho] / E - 1|``.

    An experiment is one line: the literal reading of the paper's presentation, which adds up whole disks where
    (3.1) adds up rings, is ``Score("disks", accumulations=2)``; RACER with the cumulative sum put back is
    ``dataclasses.replace(RACER, name="racer, cumulative", accumulations=1, normalizer="disk")``.

    Attributes
    ----------
    name : str
        Shown in messages and results.
    rings : callable
        ``rings(R) -> (R+1,)``: the weights w_l; `closed_rings` or `racer_rings`, or your own.
    accumulations : int
        0: every ring on its own.  1: energy inside radius rho.  2: cumulative sums of cumulative sums.
    normalizer : {"disk", "peak"}
        ``"disk"``: E is the largest ``u_p[R]`` of all candidates, as in (3.1).  ``"peak"``: the largest
        ``u_p[rho]`` of all candidates and radii; no term then changes its sign, so L is linear in the image.
    coefficient_weights : callable or None
        ``coefficient_weights(basis, K) -> (K,)``: the weights s_n; None for ones.
    expansion : {"pixels", "paper"}
        How the rotational averages are computed, as in `pswf.AngularZero`: by least squares on the pixels, or as the
        authors do, by plain sums against prolate functions up to `pswf.PAPER_TRUNCATION` (or a basis given).
    """

    name: str
    rings: Callable[[int], Array] = field(default=closed_rings, repr=False)
    accumulations: int = 1
    normalizer: str = "disk"
    coefficient_weights: Callable[[RadialBasis, int], Array] | None = field(default=None, repr=False)
    expansion: str = "pixels"

    def __post_init__(self) -> None:
        if not isinstance(self.accumulations, int) or self.accumulations < 0:
            raise ValueError(f"accumulations is {self.accumulations!r}; give a whole number of at least 0")
        if self.normalizer not in ("disk", "peak"):
            raise ValueError(f"normalizer is {self.normalizer!r}; give 'disk' or 'peak'")
        check_expansion(self.expansion)

    def disk(self, radius: int, basis: RadialBasis | None = None) -> AngularZero:
        """Return the pixel disk on which this score expands images."""
        disk = AngularZero(radius, basis, expansion=self.expansion)
        disk.check_orthonormal()
        return disk

    def energies(self, disk: AngularZero) -> Array:
        """Return the matrix, shape (R+1, K), that takes the coefficients about p to ``u_p``."""
        rings = np.asarray(self.rings(disk.radius), dtype=np.float64)
        if rings.shape != (disk.radius + 1,):
            raise ValueError(
                f"the ring weights have shape {rings.shape}; rings(R) must return R + 1 = {disk.radius + 1}"
            )
        matrix = disk.evaluate(np.arange(disk.radius + 1)).T * rings[:, np.newaxis]
        if self.coefficient_weights is not None:
            weights = np.asarray(self.coefficient_weights(disk.basis, disk.count), dtype=np.float64)
            if weights.shape != (disk.count,):
                raise ValueError(
                    f"the coefficient weights have shape {weights.shape}; coefficient_weights(basis, K) must return "
                    f"K = {disk.count}"
                )
            matrix = matrix * weights
        for _ in range(self.accumulations):
            matrix = np.cumsum(matrix, axis=0)
        if not np.isfinite(matrix).all():
            raise ValueError(f"score {self.name!r} has weights that are not finite; give finite ones")
        return np.ascontiguousarray(matrix)


CUMULATIVE = Score("cumulative")
"""Equation (3.1) of Heimowitz, Sharon and Singer (SIAM J. Imaging Sci. 14 (2021) 689)."""

PAPER = Score("paper", expansion="paper")
"""Equation (3.1) with the rotational averages of the paper, truncated at 1e-3: for reproduction."""

RACER = Score(
    "racer",
    racer_rings,
    accumulations=0,
    normalizer="peak",
    coefficient_weights=concentrations,
    expansion="paper",
)
"""What the authors' released code computes: the averages of the paper, coefficients weighted by lambda_n, rings counted
on the square, no cumulative sum, one normaliser for all rings."""

SCORES = {score.name: score for score in (CUMULATIVE, PAPER, RACER)}
"""The scores that have a name."""


def reciprocal(energy: float, image: Array) -> float:
    """Return 1 / E, or 0 where E is nothing but rounding beside the sum of the pixels: no disk holds anything."""
    return 1.0 / energy if abs(energy) > ROUNDING * float(image.sum()) else 0.0


def check_score(score: str | Score) -> Score:
    """Return the score of that name, or the score itself; raise ValueError for an unknown name."""
    if isinstance(score, Score):
        return score
    if not isinstance(score, str) or score not in SCORES:
        raise ValueError(f"score is {score!r}; give {' or '.join(map(repr, SCORES))}, or a Score")
    return SCORES[score]
