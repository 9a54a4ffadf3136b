"""Noise of the images' own spectrum, which takes an image apart into two of independent noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array

__all__ = ["Noise"]

_RIM = 0.7, 0.9  # of the radius of a mask; its edge may be soft


@dataclass(frozen=True)
class Noise:
    """Noise as images have it in their corners.

    Attributes
    ----------
    corners : ndarray of bool, shape (n, n)
        The pixels farther than n/2 from the middle; of images that are masked to a disk, those near its edge.
    inside : ndarray of bool, shape (n, n)
        The pixels that have noise: not what is masked.
    spectrum : ndarray, shape (n, n // 2 + 1)
        Power, mean 1: the transform of the autocorrelation of the corners, which is taken to depend on the distance
        alone, as it is up to n/8 and faded to 0 at n/4.
    """

    corners: npt.NDArray[np.bool_]
    inside: npt.NDArray[np.bool_]
    spectrum: npt.NDArray[np.float32]

    @classmethod
    def of(cls, batches: Iterator[npt.NDArray[np.float32]]) -> Noise:
        """Measure it in normalised images, every one of which counts the same."""
        from scipy import fft

        power = np.zeros((0, 0))
        first = next(batches)
        for image in (one for images in chain([first], batches) for one in images):
            if not power.size:
                size = len(image)
                corners, inside = _where(first)
                reach = max(size // 4, 1)
                period = fft.next_fast_len(size + reach + 1, real=True)
                power = np.zeros((period, period // 2 + 1))
            values, variance = _corner_values(image[None], corners)
            if variance[0] > 0:
                power += np.abs(fft.rfft2(values[0], (period, period))) ** 2 / variance[0]
        pairs = np.abs(fft.rfft2(corners.astype(np.float64), (period, period))) ** 2
        offset = np.arange(-reach, reach + 1)
        square = np.ix_(offset, offset)
        products, counts = (fft.irfft2(part, (period, period))[square].ravel() for part in (power, pairs))
        distance, ring = np.unique(offset[:, None] ** 2 + offset**2, return_inverse=True)
        ring = ring.reshape(len(offset), len(offset))
        covariance = np.bincount(ring.ravel(), products) / np.maximum(np.bincount(ring.ravel(), counts), 0.5)
        x = np.sqrt(distance) / (reach + 1)
        window = 0.5 + 0.5 * np.cos(2 * np.pi * np.clip(x - 0.5, 0.0, 0.5))
        # the mean of the corners that was taken off had a part in every product
        pixels = max(int(corners.sum()), 1)
        lowest = (covariance * window)[ring].sum() / max(1.0 - window[ring].sum() / pixels, 0.5)
        whole = np.zeros((size, size))
        whole[np.ix_(offset % size, offset % size)] = ((covariance + lowest / pixels) * window)[ring]
        spectrum = np.maximum(fft.fft2(whole).real, 0.0)
        half = spectrum[:, : size // 2 + 1] / (spectrum.mean() or 1.0)
        return cls(corners, inside, half.astype(np.float32))

    def like(self, images: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return noise for every one of these images, as strong as in its own corners."""
        from scipy import fft

        white = random.standard_normal(images.shape, dtype=np.float32)
        _, variance = _corner_values(images, self.corners)
        scale = np.sqrt(variance)[:, None, None].astype(np.float32)
        noise: npt.NDArray[np.float32] = fft.irfft2(fft.rfft2(white) * np.sqrt(self.spectrum), s=images.shape[1:])
        return noise * scale * self.inside


def _where(
    images: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return the pixels in which noise is measured, and those that have any; see `Noise`."""
    size = images.shape[-1]
    axis = np.arange(size) - size // 2
    distance = np.hypot(axis[:, None], axis)
    corners = distance > size / 2
    inside = (images != images[:, :1, :1]).any(axis=0)
    if 2 * np.count_nonzero(inside & corners) >= np.count_nonzero(corners):
        return corners, np.ones_like(corners)
    edge = float(distance[inside].max()) if inside.any() else 0.0
    low, high = _RIM
    return inside & (distance > low * edge) & (distance < high * edge), inside


def _corner_values(
    images: npt.NDArray[np.float32], corners: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float32], Array]:
    """Return images that are 0 but in their corners, whose mean is taken off, and the variances there."""
    pixels = max(int(corners.sum()), 1)
    mean = np.where(corners, images, np.float32(0)).sum(axis=(1, 2), keepdims=True) / np.float32(pixels)
    values = np.where(corners, images - mean, np.float32(0))
    return values, (values.astype(np.float64) ** 2).sum(axis=(1, 2)) / pixels
