"""Geometric median: the minimiser of the sum of distances, over the whole image or locally."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from centering.checks import check_radius
from centering.estimators.spec import EstimatorSpec
from centering.landscapes.correlate import EvenCorrelation
from centering.landscapes.each import center_each
from centering.landscapes.grid import candidates
from centering.landscapes.landscape import landscapes
from centering.landscapes.minimum import Minimum, find_minimum
from centering.results import Centers, Surface
from centering.stack import check_stack

__all__ = ["ESTIMATOR", "GeometricMedian"]

Array = npt.NDArray[np.float64]
Displacements = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GeometricMedian:
    """Geometric median of the non-negative image ``I - min I``: ``argmin_x sum_i I(p_i) d(p_i, x)``.

    Parameters
    ----------
    radius : int, optional
        None: distances to all pixels of the image, every pixel a candidate.  A number R >= 1: the local median, which
        looks at the pixels within R of x only.

    Raises
    ------
    ValueError
        Radius below 1 or not whole; when called, a disk larger than the images.

    Notes
    -----
    The sum over the disk alone, ``sum_{d <= R} I d``, is no local median: it is least where the disk holds least,
    which is far from every object.  Pixels beyond R have to count, and here they count as if they were at distance
    R: the local median minimises ``sum_i I(p_i) min(d(p_i, x), R) = R sum_i I(p_i) - sum_{d < R} I(p_i) (R - d)``,
    an M-estimator with bounded loss that tends to the geometric median for large R.  It is what equation (3.1)
    imitates: compare ``(R + 1 - ceil d)`` there.  Its candidates are the pixels whose disk lies inside the image,
    so that all of them see the same number of pixels.

    The landscape is a correlation, computed by FFT at the pixels; the sub-pixel position comes from the quadratic
    through the 3 x 3 neighbourhood of the minimum.  Flags: BORDER, AMBIGUOUS (as for `SurrogateCenter`), FLAT,
    NONFINITE.
    Uncertainty: none, ``covariance`` is None.
    """

    radius: int | None = None

    def __post_init__(self) -> None:
        if self.radius is not None:
            check_radius(self.radius)

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Return the centres of ``images``, shape (B, n, n) or (n, n)."""
        stack, finite = check_stack(images)
        correlation, axis = self._correlation(stack.shape[-1])
        farthest = float(self.radius or stack.shape[-1])

        def find(image: Array) -> Minimum:
            return find_minimum(correlation(image)[0], axis, axis, terms=farthest * float(image.sum()))

        return center_each(stack, finite, find, repr(self))

    def landscape(self, images: npt.ArrayLike) -> Array:
        """Return ``sum_i I(p_i) min(d(p_i, x), R)`` for every candidate x, in pixel values times pixels.

        Returns
        -------
        ndarray, shape (B, h, w), float64
            h = w = n for the whole image, n - 2R for the local median, axes as given by `centering.candidates`.
            NaN for an image with NaN or infinite pixels.
        """
        stack, finite = check_stack(images)
        correlation, axis = self._correlation(stack.shape[-1])
        shape = len(axis), len(axis)
        if self.radius is None:
            return landscapes(stack, finite, shape, lambda image: correlation(image)[0], degree=1)
        radius = float(self.radius)

        def whole(image: Array) -> Array:
            loss: Array = radius * image.sum() + correlation(image)[0]
            return loss

        return landscapes(stack, finite, shape, whole, degree=1)

    def surface(self, image: npt.ArrayLike) -> Surface:
        """Return the landscape of one image (n, n), and the displacements along its axes."""
        values = self.landscape(image)[0]
        axis = self._correlation(np.shape(image)[-1])[1]
        return Surface(values, axis, axis)

    def _correlation(self, size: int) -> tuple[EvenCorrelation, Displacements]:
        """Return the correlation with d, or with ``min(d, R) - R``, and the displacements where it is wanted."""
        if self.radius is None:
            axis: Displacements = np.arange(size) - size // 2
            reach = size - 1
        else:
            axis, _ = candidates(size, self.radius)
            reach = check_radius(self.radius)
        offset = np.arange(-reach, reach + 1)
        kernel = np.hypot(offset[:, np.newaxis], offset)
        if self.radius is not None:
            kernel = np.minimum(kernel - reach, 0.0)
        first = int(axis[0]) + size // 2
        return EvenCorrelation(kernel[np.newaxis], size, first, len(axis)), axis


ESTIMATOR = EstimatorSpec(name="median", title="geometric median", make=GeometricMedian, landscape=True)
