"""Posteriors narrower than a pixel: the maximum between the candidates, and its curvature."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.fourier import climb_waves
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves
from centering.stack import Images
from pswf.arrays import Array

__all__ = ["expected_at", "sharpen"]


def sharpen(
    spectra: Images, waves: Waves, start: npt.NDArray[np.int64], factors: Array, trend: Array, shift: float
) -> tuple[Array, Array, Array]:
    """Return means (S, 2), covariances (S, 2, 2) and correlations (S,) of sharp posteriors, by Newton steps.

    About its maximum the logarithm of the posterior is a parabola: the maximum is the mean, minus the inverse of the
    curvature the covariance (Laplace).  Where the steps find no maximum, the candidate itself is the mean, the variance
    that of a point anywhere in its pixel, and the correlation at the maximum NaN.

    Parameters
    ----------
    spectra : ndarray, shape (S, M, M)
        Coefficients of the correlations c with the waves.
    waves : Waves
    start : ndarray of int, shape (S, 2)
        Row and column of the best candidates.
    factors : ndarray, shape (S, 2)
        First and second derivative of the logarithms of the posteriors with respect to c.
    trend : ndarray, shape (S, 5)
        Derivatives (d/dr, d/dc, d2/dr2, d2/drdc, d2/dc2) of what else changes in them with the candidate: the norm of
        the visible template.
    shift : float
        Standard deviation of the prior in pixels.
    """
    mean = waves.shifts[start].astype(np.float64)
    covariance, peak = np.empty((len(mean), 2, 2)), np.empty(len(mean))
    climb_waves(spectra, waves.period, factors, trend, 1.0 / shift**2, TUNING.sharp_steps, mean, covariance, peak)
    return mean, covariance, peak


def expected_at(waves: Waves, mean: Array, covariance: Array) -> Array:
    """Return the expected coefficients (S, M, M) of unit weights at displacements normal about ``mean`` (S, 2).

    Only the variances along the axes count; about a sharp maximum of a radial template they are all there is.
    """
    frequency = 2.0 * np.pi / waves.period * waves.index
    factors = [
        waves.along(mean[:, axis]).T * np.exp(-0.5 * covariance[:, axis, axis, None] * frequency**2) for axis in (0, 1)
    ]
    return factors[0][:, :, None] * factors[1][:, None, :]
