"""Posteriors narrower than a pixel: the maximum between the candidates, and its curvature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.radial.waves import Waves
from pswf.jit import jit

__all__ = ["sharpen", "spread"]

Array = npt.NDArray[np.float64]
Images = npt.NDArray[Any]

STEPS = 3


def sharpen(
    spectra: Images, waves: Waves, start: npt.NDArray[np.int64], factors: Array, trend: Array, shift: float
) -> tuple[Array, Array, Array]:
    """Return means (S, 2), covariances (S, 2, 2) and correlations (S,) of sharp posteriors, by Newton steps.

    About its maximum the logarithm of the posterior is a parabola: its place is the mean, the inverse of its curvature
    the covariance (Laplace).  Where the steps find no maximum, the candidate itself is the mean, the variance that of a
    place anywhere in its pixel, and the correlation at the maximum NaN.

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
    _sharpen(spectra, waves.period, factors, trend, 1.0 / shift**2, STEPS, mean, covariance, peak)
    return mean, covariance, peak


def spread(waves: Waves, mean: Array, covariance: Array) -> Array:
    """Return the expected coefficients (S, M, M) of unit weights whose places are normal about ``mean`` (S, 2).

    Only the variances along the axes count; about a sharp maximum of a radial template they are all there is.
    """
    frequency = 2.0 * np.pi / waves.period * waves.index
    factors = [
        waves.along(mean[:, axis]).T * np.exp(-0.5 * covariance[:, axis, axis, None] * frequency**2) for axis in (0, 1)
    ]
    return factors[0][:, :, None] * factors[1][:, None, :]


@jit
def _sharpen(
    spectra: Any,
    period: int,
    factors: Any,
    trend: Any,
    precision: float,
    steps: int,
    mean: Any,
    covariance: Any,
    peak: Any,
) -> None:
    count = spectra.shape[1]
    highest = count // 2
    rows, columns, sums = np.empty((3, count)), np.empty((3, count)), np.empty((3, count))
    for i in range(len(spectra)):
        start_row, start_column = mean[i, 0], mean[i, 1]
        slope, curvature = factors[i, 0], factors[i, 1]
        found = True
        for step in range(steps + 1):
            # the waves at this place, and their first and second derivatives
            for k in range(highest + 1):
                scale = math.sqrt((1.0 if k == 0 else 2.0) / period)
                frequency = 2.0 * math.pi * k / period
                for axis in range(2):
                    waves = columns if axis else rows
                    cosine = scale * math.cos(frequency * mean[i, axis])
                    sine = scale * math.sin(frequency * mean[i, axis])
                    waves[0, k] = cosine
                    waves[1, k] = -frequency * sine
                    waves[2, k] = -(frequency**2) * cosine
                    if k > 0:
                        waves[0, highest + k] = sine
                        waves[1, highest + k] = frequency * cosine
                        waves[2, highest + k] = -(frequency**2) * sine
            for derivative in range(3):
                for m in range(count):
                    sums[derivative, m] = 0.0
            for k in range(count):
                for derivative in range(3):
                    factor = rows[derivative, k]
                    for m in range(count):
                        sums[derivative, m] += factor * spectra[i, k, m]
            value = down = right = second_down = mixed = second_right = 0.0
            for m in range(count):
                value += sums[0, m] * columns[0, m]
                down += sums[1, m] * columns[0, m]
                right += sums[0, m] * columns[1, m]
                second_down += sums[2, m] * columns[0, m]
                mixed += sums[1, m] * columns[1, m]
                second_right += sums[0, m] * columns[2, m]
            a = slope * second_down + curvature * down * down + trend[i, 2] - precision
            b = slope * mixed + curvature * down * right + trend[i, 3]
            d = slope * second_right + curvature * right * right + trend[i, 4] - precision
            determinant = a * d - b * b
            found = a < 0.0 and determinant > 0.0
            if not found:
                break
            peak[i] = value
            covariance[i, 0, 0], covariance[i, 1, 1] = -d / determinant, -a / determinant
            covariance[i, 0, 1] = covariance[i, 1, 0] = b / determinant
            if step < steps:
                r, c = mean[i, 0] - start_row, mean[i, 1] - start_column
                down = slope * down + trend[i, 0] + trend[i, 2] * r + trend[i, 3] * c - precision * mean[i, 0]
                right = slope * right + trend[i, 1] + trend[i, 3] * r + trend[i, 4] * c - precision * mean[i, 1]
                mean[i, 0] += covariance[i, 0, 0] * down + covariance[i, 0, 1] * right
                mean[i, 1] += covariance[i, 1, 0] * down + covariance[i, 1, 1] * right
                # the maximum lies within a pixel of the best candidate
                mean[i, 0] = min(max(mean[i, 0], start_row - 1.0), start_row + 1.0)
                mean[i, 1] = min(max(mean[i, 1], start_column - 1.0), start_column + 1.0)
        if not found:
            peak[i] = math.nan
            mean[i, 0], mean[i, 1] = start_row, start_column
            covariance[i, 0, 0] = covariance[i, 1, 1] = 1.0 / 12.0
            covariance[i, 0, 1] = covariance[i, 1, 0] = 0.0
