"""Phase centre: the angle of the first harmonic of the projections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from centering.estimators.spec import EstimatorSpec
from centering.landscapes.each import center_each
from centering.landscapes.minimum import Minimum
from centering.results import Centers, Flag
from centering.stack import check_stack

__all__ = ["ESTIMATOR", "PhaseCenter"]

Array = npt.NDArray[np.float64]

_FLAT = 1e-12  # a first harmonic below this part of the sum of the pixels is rounding


@dataclass(frozen=True)
class PhaseCenter:
    """Phase centre of Penczek (SPIDER ``CG PH``): the centre of mass on a circle.

    The row and column projections are wrapped around a circle of n pixels; with ``j`` counted from the centre pixel,
    ``displacement = n arg(sum_j p_j exp(2 pi i j / n)) / (2 pi)``, in (-n/2, n/2].  A constant background has no
    first harmonic and does not matter.  Sub-pixel by nature; bright objects on a darker background only (a dark one
    comes out half a box away), and neighbours pull at it from anywhere in the box.

    Notes
    -----
    ``score`` is the smaller of the two mean resultant lengths ``|sum_j p_j exp(2 pi i j / n)| / sum_j p_j`` of
    ``I - min I``: 1 for a single bright pixel, 0 for no preferred position.  Flags: FLAT where a projection has no
    first harmonic, NONFINITE.  Uncertainty: none, ``covariance`` is None.
    """

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Return the centres of ``images``, shape (B, n, n) or (n, n)."""
        return center_each(*check_stack(images), _find, repr(self))


def _find(image: Array) -> Minimum:
    size = len(image)
    circle = np.exp(2j * np.pi * (np.arange(size) - size // 2) / size)
    moments = np.array([image.sum(axis=1) @ circle, image.sum(axis=0) @ circle])
    score = float(np.abs(moments).min() / image.sum())
    if score < _FLAT:
        return Minimum(0.0, 0.0, 0.0, int(Flag.FLAT))
    row, column = np.angle(moments) * size / (2.0 * np.pi)
    return Minimum(float(row), float(column), score, 0)


ESTIMATOR = EstimatorSpec(name="phase", title="phase centre", make=lambda radius: PhaseCenter())
