"""Centre of mass: the minimiser of the Frechet variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from centering.estimators.spec import EstimatorSpec
from centering.results import Centers, Flag
from centering.stack import check_stack, nonnegative

__all__ = ["ESTIMATOR", "CenterOfMass"]


@dataclass(frozen=True)
class CenterOfMass:
    """Centre of mass of the non-negative image ``I - min I`` over the whole box.

    It minimises ``sum_i I(p_i) d(p_i, x)^2`` over all x, sub-pixel by nature, but every pixel of
    background pulls it towards the middle of the box, so it fails on noise.

    Notes
    -----
    ``score`` is NaN: there is no landscape to judge.  Uncertainty: none, ``covariance`` is None.
    """

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Return the centres of ``images``, shape (B, n, n) or (n, n)."""
        stack, finite = check_stack(images)
        weights = nonnegative(stack)
        position = np.arange(stack.shape[-1], dtype=np.float64) - stack.shape[-1] // 2
        rows = weights.sum(axis=2, dtype=np.float64)
        columns = weights.sum(axis=1, dtype=np.float64)
        total = rows.sum(axis=1)
        flat = (total == 0) & finite
        safe = np.where(total == 0, 1.0, total)
        # not rows @ position: BLAS rounds a row differently in a stack of another length
        moments = [(rows * position).sum(axis=1), (columns * position).sum(axis=1)]
        displacement = np.stack(moments, axis=1) / safe[:, None]
        displacement[total == 0] = 0.0
        flags = flat * int(Flag.FLAT) + ~finite * int(Flag.NONFINITE)
        return Centers(displacement, np.full(len(stack), np.nan), flags, None, "CenterOfMass()")


ESTIMATOR = EstimatorSpec(name="mass", title="centre of mass", make=lambda radius: CenterOfMass())
