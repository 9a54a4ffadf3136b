"""What an estimator returns: one named result for a whole stack."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Centers", "Flag", "Surface"]


class Flag(enum.IntFlag):
    """Why a centre should not be taken at its word; a centre without any flag has the value 0."""

    BORDER = 1
    """The best candidate lies on the border of the search region: the true centre may lie beyond."""
    FLAT = 2
    """The image, or its landscape, is constant: no candidate is better than another."""
    NONFINITE = 4
    """The image has NaN or infinite pixels: it was not looked at, its displacement is set to (0, 0)."""
    AMBIGUOUS = 8
    """Two separated minima are about equally deep, or equal but for rounding: which was taken means nothing."""
    NEIGHBOUR = 16
    """Another particle competes for the centre."""
    UNREADABLE = 32
    """The file ends before this image: its displacement is set to (0, 0)."""
    OUTLIER = 64
    """The image looks like none of the particles that the reference was learned from, or like an empty box."""
    ELONGATED = 128
    """What lies about the centre is more than 1.5 times as long as wide: the centre may lie between two bodies."""
    UNLEARNED = 256
    """The reference was learned from fewer than 100 images, or from noise: no centre of such a run is backed by it."""
    LOPSIDED = 512
    """The mass about the centre, as far as it goes on without a gap, lies to one side of it: R may be wrong."""

    @staticmethod
    def names(value: int) -> list[str]:
        """Lower-case names of the flags set in ``value``, in the order of their bits."""
        return [flag.name.lower() for flag in Flag if flag.name and value & flag]


@dataclass(frozen=True)
class Centers:
    """The centres of a stack of B images.

    Attributes
    ----------
    displacement : ndarray, shape (B, 2), float64
        (row, column) in pixels: where the centre of the object lies, minus the centre pixel ``n // 2``.
        Shifting the image content by ``-displacement`` centres it.
    score : ndarray, shape (B,), float64
        How clear the decision was, dimensionless, larger is clearer.  For the estimators that minimise a
        landscape L it is ``(mean L - min L) / std L`` over the candidates, which does not change when L
        is scaled or offset; an estimator without a landscape says what its score is, or gives NaN.
    flags : ndarray, shape (B,), int64
        Bitwise or of `Flag` members; 0 where nothing is suspicious.
    covariance : ndarray, shape (B, 2, 2), float64, or None
        Covariance of the displacement in pixels squared, axes (row, column); None when the estimator has
        no model of its own uncertainty.
    estimator : str
        Name of the estimator with its options.
    """

    displacement: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    flags: npt.NDArray[np.int64]
    covariance: npt.NDArray[np.float64] | None = None
    estimator: str = ""

    def __len__(self) -> int:
        return len(self.displacement)

    def has(self, flag: Flag) -> npt.NDArray[np.bool_]:
        """Return a mask, shape (B,), of the images that carry ``flag``, or one of several joined by ``|``."""
        return np.asarray((self.flags & int(flag)) != 0)

    def __getitem__(self, index: slice) -> Centers:
        return Centers(
            self.displacement[index],
            self.score[index],
            self.flags[index],
            None if self.covariance is None else self.covariance[index],
            self.estimator,
        )

    @staticmethod
    def concatenate(parts: Sequence[Centers]) -> Centers:
        """Join the results of consecutive batches of one estimator."""
        if not parts:
            raise ValueError("no results to join: got an empty sequence of Centers")
        covariances = [part.covariance for part in parts if part.covariance is not None]
        return Centers(
            np.concatenate([part.displacement for part in parts]),
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.flags for part in parts]),
            np.concatenate(covariances) if len(covariances) == len(parts) else None,
            parts[0].estimator,
        )


class Surface(NamedTuple):
    """A landscape (h, w), least at the centre, over displacements ``rows`` (h,) and ``columns`` (w,) in pixels."""

    values: npt.NDArray[np.float64]
    rows: npt.NDArray[Any]
    columns: npt.NDArray[Any]
