"""Several estimators on one stack: how far apart their centres are, and how far from the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from centering.results import Centers, Flag

__all__ = ["Comparison", "compare_centers"]

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Medians over the images, in pixels.

    Attributes
    ----------
    names : tuple of str
        The E estimators.
    disagreement : ndarray, shape (E, E), float64
        Median distance between the centres of two estimators; symmetric, zero on the diagonal.
    error : ndarray, shape (E, 2), float64, or None
        Median and 95th percentile of the distance from the truth; None where it is not known.
    uncertainty : ndarray, shape (E,), float64
        Typical uncertainty that each estimator states: median of the standard deviation along either axis,
        ``sqrt((var_row + var_column) / 2)``; NaN for an estimator that states none.
    uncentered : ndarray, shape (2,), float64, or None
        The same for taking the middle of the box.
    images : int
        Number of images that were compared.
    """

    names: tuple[str, ...]
    disagreement: Float64
    error: Float64 | None
    uncertainty: Float64
    uncentered: Float64 | None
    images: int


def compare_centers(centers: Mapping[str, Centers], truth: Float64 | None = None) -> Comparison:
    """Compare the results of several estimators for the same stack.

    Parameters
    ----------
    centers : mapping of str to Centers
        Results by name; images with non-finite pixels in any of them are left out.
    truth : ndarray, shape (B, 2), optional
        Known displacement, (row, column) in pixels.

    Raises
    ------
    ValueError
        A truth of another shape, or no image that could be looked at.
    """
    results = list(centers.values())
    count = len(results[0])
    if truth is not None and truth.shape != (count, 2):
        raise ValueError(f"the truth has shape {truth.shape}, the stack asks for ({count}, 2)")
    seen = ~np.any([result.has(Flag.NONFINITE | Flag.UNREADABLE) for result in results], axis=0)
    if not seen.any():
        raise ValueError("every image has NaN or infinite pixels; there is nothing to compare")
    found = np.array([result.displacement[seen] for result in results])
    apart = np.linalg.norm(found[:, None] - found[None, :], axis=-1)
    error = uncentered = None
    if truth is not None:
        error = np.percentile(np.linalg.norm(found - truth[seen], axis=-1), [50, 95], axis=1).T
        uncentered = np.percentile(np.linalg.norm(truth[seen], axis=-1), [50, 95])
    uncertainty = np.array([_uncertainty(result, seen) for result in results])
    return Comparison(tuple(centers), np.median(apart, axis=-1), error, uncertainty, uncentered, int(seen.sum()))


def _uncertainty(centers: Centers, seen: npt.NDArray[np.bool_]) -> float:
    """Return the typical standard deviation in pixels, NaN where the estimator states none."""
    if centers.covariance is None:
        return float("nan")
    variance = np.trace(centers.covariance[seen], axis1=1, axis2=2) / 2
    known = variance[np.isfinite(variance)]  # a flat image has none
    return float(np.median(np.sqrt(known))) if len(known) else float("nan")
