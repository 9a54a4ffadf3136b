"""What every estimator is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy.typing as npt

from centering.results import Centers

__all__ = ["Estimator"]


@runtime_checkable
class Estimator(Protocol):
    """A callable that finds the centre of every image of a stack.

    Laws, tested for every estimator: the displacement follows a translation and a rotation of the image
    by 90 degrees, and does not change when the pixels are multiplied by a positive number.  An estimator that has no
    model of its own uncertainty returns no covariance, and its docstring says so.
    """

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Estimate the centres of ``images``, shape (B, n, n) or (n, n)."""
        ...
