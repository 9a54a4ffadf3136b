"""Posteriors narrower than a pixel: the maximum between the candidates, and its curvature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.reference.waves import Waves
from pswf._jit import jit

__all__ = ["sharpen", "spread"]

Array = npt.NDArray[np.float64]
Images = npt.NDArray[Any]

STEPS = 3


def sharpen(
    spectra: Images, waves: Waves, start: npt.NDArray[np.int64], factors: Array, trend: Array, shift: float
) -> tuple[Array, Array]:
    """Return means (S, 2) and covariances (S, 2, 2) of posteriors with one sharp maximum, by Newton steps.

    About its maximum the logarithm of the posterior is a parabola: its place is the mean, the inverse of its curvature
    the covariance (Laplace).  Where the steps find no maximum, the candidate itself is the mean, and the variance that
    of a place anywhere in its pixel.

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
    covariance = np.empty((len(mean), 2, 2))
    _sharpen(spectra, waves.period, factors, trend, 1.0 / shift**2, STEPS, mean, covariance)
    return mean, covariance


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
    spectra: Any, period: int, factors: Any, trend: Any, precision: float, steps: int, mean: Any, covariance: Any
) -> None:
    count = spectra.shape[1]
    rows, columns = np.empty((3, count)), np.empty((3, count))
    sums = np.empty((3, count))
    value = np.empty(6)
    for i in range(len(spectra)):
        start_row, start_column = mean[i, 0], mean[i, 1]
        slope, curvature = factors[i]
        found = True
        for step in range(steps + 1):
            _waves(rows, period, mean[i, 0])
            _waves(columns, period, mean[i, 1])
            _derivatives(spectra[i], rows, columns, sums, value)
            a = slope * value[3] + curvature * value[1] * value[1] + trend[i, 2] - precision
            b = slope * value[4] + curvature * value[1] * value[2] + trend[i, 3]
            d = slope * value[5] + curvature * value[2] * value[2] + trend[i, 4] - precision
            determinant = a * d - b * b
            found = a < 0.0 and determinant > 0.0
            if not found:
                break
            covariance[i, 0, 0], covariance[i, 1, 1] = -d / determinant, -a / determinant
            covariance[i, 0, 1] = covariance[i, 1, 0] = b / determinant
            if step < steps:
                r, c = mean[i, 0] - start_row, mean[i, 1] - start_column
                down = slope * value[1] + trend[i, 0] + trend[i, 2] * r + trend[i, 3] * c - precision * mean[i, 0]
                right = slope * value[2] + trend[i, 1] + trend[i, 3] * r + trend[i, 4] * c - precision * mean[i, 1]
                mean[i, 0] += covariance[i, 0, 0] * down + covariance[i, 0, 1] * right
                mean[i, 1] += covariance[i, 1, 0] * down + covariance[i, 1, 1] * right
                # the maximum lies within a pixel of the best candidate
                mean[i, 0] = min(max(mean[i, 0], start_row - 1.0), start_row + 1.0)
                mean[i, 1] = min(max(mean[i, 1], start_column - 1.0), start_column + 1.0)
        if not found:
            mean[i, 0], mean[i, 1] = start_row, start_column
            covariance[i, 0, 0] = covariance[i, 1, 1] = 1.0 / 12.0
            covariance[i, 0, 1] = covariance[i, 1, 0] = 0.0


@jit
def _waves(rows: Any, period: int, position: float) -> None:
    """Write the scaled waves of one axis at ``position``, and their first and second derivatives."""
    highest = rows.shape[1] // 2
    rows[0, 0] = math.sqrt(1.0 / period)
    rows[1, 0] = rows[2, 0] = 0.0
    scale = math.sqrt(2.0 / period)
    for k in range(1, highest + 1):
        frequency = 2.0 * math.pi * k / period
        cosine = scale * math.cos(frequency * position)
        sine = scale * math.sin(frequency * position)
        rows[0, k], rows[0, highest + k] = cosine, sine
        rows[1, k], rows[1, highest + k] = -frequency * sine, frequency * cosine
        rows[2, k], rows[2, highest + k] = -(frequency**2) * cosine, -(frequency**2) * sine


@jit
def _derivatives(spectrum: Any, rows: Any, columns: Any, sums: Any, result: Any) -> None:
    """Write value, d/dr, d/dc, d2/dr2, d2/drdc and d2/dc2 of ``sum_kl spectrum[k, l] rows[0, k] columns[0, l]``."""
    count = columns.shape[1]
    sums[:] = 0.0
    for k in range(count):
        for derivative in range(3):
            factor = rows[derivative, k]
            for m in range(count):
                sums[derivative, m] += factor * spectrum[k, m]
    result[:] = 0.0
    for m in range(count):
        result[0] += sums[0, m] * columns[0, m]
        result[1] += sums[1, m] * columns[0, m]
        result[2] += sums[0, m] * columns[1, m]
        result[3] += sums[2, m] * columns[0, m]
        result[4] += sums[1, m] * columns[1, m]
        result[5] += sums[0, m] * columns[2, m]
