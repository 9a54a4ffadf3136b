"""Self-convolution: an image that looks like itself turned by 180 degrees shows the point it was turned about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from centering.estimators.spec import EstimatorSpec
from centering.landscapes.each import center_each
from centering.landscapes.minimum import Minimum, find_minimum
from centering.results import Centers
from centering.stack import check_stack

__all__ = ["ESTIMATOR", "SelfConvolution"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SelfConvolution:
    """Half the position of the peak of the image's convolution with itself.

    ``(f * f)(x) = sum_y f(y) f(x - y)`` compares f with its copy turned by 180 degrees about x / 2 (EMAN2
    ``xform.centeracf``, SPIDER ``CG SYM``).  f is the image minus its median, zero outside the box: the median is
    the background of a particle that fills less than half of its box, and dark particles do as well as bright ones.
    Nothing is assumed about the size of the particle, so neighbours and symmetric noise can win.

    Notes
    -----
    x runs over the pixels of the (2n - 1) x (2n - 1) convolution, so its half has a resolution of half a pixel before
    the quadratic through the 3 x 3 neighbourhood of the peak refines it.  ``score`` is ``(max - mean) / std`` of the
    convolution.  Flags: BORDER (the peak lies on the border of the box), AMBIGUOUS (as for
    `SurrogateCenter`), FLAT, NONFINITE.  Uncertainty: none, ``covariance`` is None.
    """

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Return the centres of ``images``, shape (B, n, n) or (n, n)."""
        return center_each(*check_stack(images), _find, repr(self))


def _find(image: Array) -> Minimum:
    size = len(image)
    full = 2 * size - 1
    period = fft.next_fast_len(full, real=True)
    spectrum = fft.rfft2(image - np.median(image), (period, period))
    convolution = fft.irfft2(spectrum * spectrum, (period, period))[:full, :full]
    position = np.arange(full) / 2.0 - size // 2
    return find_minimum(-convolution, position, position)


ESTIMATOR = EstimatorSpec(name="self-convolution", title="centre of symmetry", make=lambda radius: SelfConvolution())
