"""The paper's experiments with noise: errors of estimators against SNR, and what rotational averaging gains.

The signal-to-noise ratio is the paper's, ``SNR(I) = |I_c|^2 / |e|^2``: squared norms of the clean image I_c and of
the noise ``e = I - I_c`` over the same pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from centering.estimators.base import Estimator
from pswf.arrays import Array
from pswf.disk import AngularZero

__all__ = ["add_noise", "averaging_gain", "errors_against_snr", "snr"]


def snr(clean: npt.ArrayLike, noisy: npt.ArrayLike) -> float:
    """Return ``|I_c|^2 / |I - I_c|^2``, both norms over all pixels.

    Examples
    --------
    >>> snr([[3.0, 4.0]], [[4.0, 4.0]])
    25.0
    """
    signal = np.asarray(clean, dtype=np.float64)
    noise = np.asarray(noisy, dtype=np.float64) - signal
    return float((signal**2).sum() / (noise**2).sum())


def add_noise(clean: npt.ArrayLike, level: float, count: int, seed: int | np.random.Generator = 0) -> Array:
    """Return noisy copies of an image.

    Parameters
    ----------
    clean : array_like, shape (n, n)
    level : float
        Expected SNR; white Gaussian noise.
    count : int
        Number of copies.
    seed : int or Generator
        The same seed gives the same noise.

    Returns
    -------
    ndarray, shape (count, n, n)

    Raises
    ------
    ValueError
        A level that is not positive.
    """
    if not level > 0:
        raise ValueError(f"level is {level!r}; give a positive signal-to-noise ratio")
    image = np.asarray(clean, dtype=np.float64)
    deviation = np.sqrt(np.mean(image**2) / level)
    noisy: Array = image + deviation * np.random.default_rng(seed).standard_normal((count, *image.shape))
    return noisy


def errors_against_snr(
    clean: npt.ArrayLike,
    displacement: npt.ArrayLike,
    estimators: Mapping[str, Estimator],
    levels: Sequence[float],
    *,
    draws: int = 200,
    seed: int = 0,
) -> dict[str, Array]:
    """Return how far every estimator is from the known centre, at several levels of noise.

    Parameters
    ----------
    clean : array_like, shape (n, n)
    displacement : array_like, shape (2,)
        Its known centre, (row, column) in pixels minus ``n // 2``.
    estimators : mapping of str to Estimator
    levels : sequence of float
        Signal-to-noise ratios.
    draws : int
        Independent draws of the noise at every level; all estimators see the same ones.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    dict of str to ndarray, shape (len(levels), draws)
        Distance in pixels.
    """
    truth = np.asarray(displacement, dtype=np.float64)
    rng = np.random.default_rng(seed)
    errors = {name: np.empty((len(levels), draws)) for name in estimators}
    for k, level in enumerate(levels):
        images = add_noise(clean, level, draws, rng).astype(np.float32)
        for name, estimator in estimators.items():
            errors[name][k] = np.hypot(*(estimator(images).displacement - truth).T)
    return errors


def averaging_gain(clean: npt.ArrayLike, disk: AngularZero) -> float:
    r"""Return by how much rotational averaging multiplies the SNR, for white noise.

    Both SNRs are taken over the pixels of the disk.  The average is linear, ``A I = sum_n <I, psi_n> psi_n``, so
    white noise of variance s^2 keeps the energy ``s^2 sum_mn G_mn^2`` of its ``s^2 D``, D being the number of pixels
    and ``G_mn = <psi_m, psi_n>`` close to the identity matrix of K functions: the gain is
    ``(|A I|^2 / |I|^2) D / sum_mn G_mn^2``, about ``pi R`` times the part of the energy that does not depend on the
    angle, because about R functions of angular order 0 describe a disk of ``pi R^2`` pixels.

    Parameters
    ----------
    clean : array_like, shape (2R+1, 2R+1)
        The clean image, its centre pixel in the middle.
    disk : AngularZero
        The disk and its functions.

    Examples
    --------
    >>> disk = AngularZero(20)
    >>> offset = np.arange(-20, 21)
    >>> bump = np.exp(-(offset[:, None] ** 2 + offset**2) / 80)
    >>> bool(0.7 * np.pi * 20 < averaging_gain(bump, disk) < np.pi * 20)
    True
    """
    image = np.asarray(clean, dtype=np.float64)
    inside = disk.ring_index >= 0
    average = disk.reconstruct(disk.coefficients(image))[0]
    gram = (disk.functions * disk.multiplicity) @ disk.functions.T
    kept = (average**2).sum() / (image[inside] ** 2).sum()
    return float(kept * inside.sum() / (gram**2).sum())
