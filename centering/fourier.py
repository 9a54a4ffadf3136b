"""Sums of waves: the waves along one axis, what a sum of them is between the pixels, and Newton's climb to its peak.

A correlation that is known at the pixels and holds no wave shorter than two of them is known everywhere: its value and
its derivatives at any point are sums over its waves, and nothing is interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.jit import jit

__all__ = ["Complex", "climb", "climb_waves", "cosines", "parity_waves", "wave_derivatives"]

Complex = npt.NDArray[np.complex128]

MOST_STEPS = 12
"""Steps of `climb`: Newton's method doubles the digits, so four lead from a pixel to the peak; flat peaks take more."""


def cosines(period: int, highest: int, position: npt.NDArray[Any]) -> Array:
    """Return ``cos(2 pi k x / period)``, shape (highest + 1, positions), for k = 0..highest; x and period in pixels."""
    result: Array = np.cos(_phase(period, highest, position))
    return result


def parity_waves(period: int, highest: int, position: npt.NDArray[Any]) -> Array:
    """Return ``1, cos 1..highest, sin 1..highest`` at positions, shape (2 highest + 1, positions).

    They are scaled such that they are orthonormal on ``period`` pixels: ``sqrt(1 / period)`` for the constant,
    ``sqrt(2 / period)`` for the others.
    """
    phase = _phase(period, highest, position)
    scale = np.full(2 * highest + 1, np.sqrt(2.0 / period))
    scale[0] = np.sqrt(1.0 / period)
    waves: Array = np.concatenate([np.cos(phase), np.sin(phase[1:])]) * scale[:, None]
    return waves


def _phase(period: int, highest: int, position: npt.NDArray[Any]) -> Array:
    phase: Array = 2.0 * np.pi / period * np.outer(np.arange(highest + 1), position)
    return phase


def wave_derivatives(
    product: Complex, size: int, rows: npt.NDArray[Any], columns: npt.NDArray[Any], weights: Array, point: Array
) -> Array:
    """Return the derivatives of orders 0, 1, 2 along rows and columns, shape (..., 3, 3), of a sum of waves at a point.

    The sum is ``Re sum product[k, l] weights[l] exp(2 pi i (rows[k] x + columns[l] y) / size)``, (x, y) = ``point``
    in pixels; ``rows`` and ``columns`` are whole frequencies, ``weights`` counts the half of the spectrum that is not
    stored.  Several products along leading axes.
    """
    row_rate, column_rate = (2j * np.pi / size * axis for axis in (rows, columns))
    powers = np.arange(3)[:, None]
    along, across = np.exp(row_rate * point[0]), weights * np.exp(column_rate * point[1])
    result: Array = ((along * row_rate**powers) @ product @ (across * column_rate**powers).T).real
    return result


def climb(
    derivatives: Callable[[Array], tuple[Array, Array]], start: Array, *, reach: npt.ArrayLike, settled: npt.ArrayLike
) -> Array:
    """Return the highest point of a smooth function near ``start``, shape (D,), by Newton's method.

    Parameters
    ----------
    derivatives : callable
        ``derivatives(point) -> (gradient (D,), second derivatives (D, D))``.
    start : ndarray, shape (D,)
        It is returned where the function is no hill there, or where the top lies farther away than ``reach``.
    reach, settled : float or array_like, shape (D,)
        How far the point may move along each axis, and the step below which it has arrived.
    """
    point = start
    for _ in range(MOST_STEPS):
        gradient, curvature = derivatives(point)
        step = _newton_step(gradient, curvature)
        if step is None:
            return start
        point = point + step
        if (np.abs(point - start) > reach).any():
            return start
        if (np.abs(step) < settled).all():
            break
    return point


def _newton_step(gradient: Array, curvature: Array) -> Array | None:
    """Return the step to the top of a quadratic, shape (D,); None where it is no hill."""
    if len(gradient) != 2:
        hill = np.linalg.eigvalsh(curvature)[-1] < 0
        return np.asarray(-np.linalg.solve(curvature, gradient), dtype=np.float64) if hill else None
    # in the plane, the eigenvalues and the solution by LAPACK take longer than all the rest of a step
    (a, b), (_, d) = curvature.tolist()
    determinant = a * d - b * b
    if not (a < 0.0 < determinant):
        return None
    down, right = gradient.tolist()
    return np.array([(b * right - d * down) / determinant, (b * down - a * right) / determinant])


@jit
def climb_waves(
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
    """Write where ``f(c(t)) + trend - |t|^2 precision / 2`` is largest near the pixels ``mean``, by Newton's method.

    c(t) is a sum of parity waves with the coefficients ``spectra``.  See `centering.radial.sharp.sharpen` for the
    arguments.  ``covariance`` receives minus the inverse of the curvature there and ``peak`` the value of c.  Where the
    curvature is not that of a hill: the pixel itself, 1/12 along both axes (a point anywhere in the pixel), and NaN.
    """
    count = spectra.shape[1]
    highest = count // 2
    rows, columns, sums = np.empty((3, count)), np.empty((3, count)), np.empty((3, count))
    for i in range(len(spectra)):
        start_row, start_column = mean[i, 0], mean[i, 1]
        slope, curvature = factors[i, 0], factors[i, 1]
        found = True
        for step in range(steps + 1):
            # the waves at this point, and their first and second derivatives
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
