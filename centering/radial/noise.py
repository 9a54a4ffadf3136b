"""The power spectrum of the noise, from the corners of the images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from centering.radial.tuning import TUNING
from centering.radial.waves import Waves
from centering.stack import Images
from pswf.arrays import Array

__all__ = ["corner_spectrum", "whole_power"]


def corner_spectrum(stacks: Sequence[Images], waves: Waves) -> Array:
    """Return the radial power spectrum of the noise on the frequencies of the waves, shape (L+1, L+1), median 1.

    Parameters
    ----------
    stacks : sequence of ndarray, shape (b, n, n)
        Finite images; each counts with the power of its own corners.
    waves : Waves

    Notes
    -----
    The corners are the pixels farther than n/2 from the centre pixel: about a fifth of the box, and no centred particle
    reaches them.  The spectrum is the transform of their autocorrelation: products of all pairs of corner pixels at one
    offset over the number of such pairs, averaged over offsets of equal length, tapered (Parzen's window).
    """
    from scipy import fft

    size = waves.size
    corners = np.hypot(waves.pixels[:, None], waves.pixels) > size / 2
    period = fft.next_fast_len(size + size // TUNING.noise_lags + 1, real=True)
    power = np.zeros((period, period // 2 + 1))
    for image in chain.from_iterable(stacks):
        values = np.where(corners, image, 0.0)
        values = np.where(corners, values - values.sum() / corners.sum(), 0.0)
        squares = float((values**2).sum())
        if squares > 0:
            power += np.abs(fft.rfft2(values, (period, period))) ** 2 / squares
    pairs = np.abs(fft.rfft2(corners.astype(np.float64), (period, period))) ** 2
    offset = np.arange(-(size // TUNING.noise_lags), size // TUNING.noise_lags + 1)
    square = np.ix_(offset, offset)
    products, counts = (fft.irfft2(part, (period, period))[square] for part in (power, pairs))
    ring = np.rint(np.hypot(offset[:, None], offset)).astype(np.int64)
    covariance = np.bincount(ring.ravel(), products.ravel()) / np.bincount(ring.ravel(), counts.ravel())
    window = parzen(np.arange(len(covariance)) / (size // TUNING.noise_lags + 1))
    # the mean that was subtracted had a variance of S(0) / pixels, which every product lacks
    part = window[ring].sum() / corners.sum()
    lowest = (covariance * window)[ring].sum() / (1.0 - part)
    spectrum = waves.transform(((covariance + lowest / corners.sum()) * window)[ring])
    middle = float(np.median(spectrum[waves.quarter > 0]))
    if not middle > 0:
        return np.ones_like(spectrum)
    result: Array = np.maximum(spectrum / middle, TUNING.least_noise)
    return result


def whole_power(waves: Waves, spectrum: Array | None, structure: Array | None, transfer: Array | None = None) -> Array:
    """Return ``N + H^2 S``, (..., L+1, L+1): the power of noise and of structure seen through transfer functions.

    Parameters
    ----------
    waves : Waves
    spectrum, structure : ndarray, shape (L+1, L+1), or None
        N, 1 without it; S, 0 without it.
    transfer : ndarray, shape (..., L+1, L+1), optional
        H, 1 without it.
    """
    noise = np.ones_like(waves.quarter) if spectrum is None else spectrum
    if structure is None:
        return noise
    whole: Array = noise + (structure if transfer is None else transfer**2 * structure)
    return whole


def parzen(x: Array) -> Array:
    """Return Parzen's window, 1 at 0 and 0 from 1 on; its transform is nowhere negative."""
    window: Array = np.where(x < 0.5, 1.0 - 6.0 * x**2 * (1.0 - x), 2.0 * np.maximum(1.0 - x, 0.0) ** 3)
    return window
