"""What reference-free alignment compares: the disk of an image about a point, the background around it taken off."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from centering.alignment.tuning import TUNING
from centering.fourier import Complex
from centering.stack import Images
from pswf.arrays import Array

__all__ = ["Disk"]


class Disk:
    """The pixels within R of the centre pixel of an n x n box, for images without details finer than a wavelength.

    The vector of an image about d holds the pixels of the disk after the content was moved by -d, minus the mean of
    the pixels outside of the disk; so the grey level of the background does not count, nor does what lies around the
    disk beyond its mean.  Images are kept as the low frequencies of their Fourier transforms, in which a shift is a
    phase.

    Parameters
    ----------
    size, radius : int
        n and R in pixels.
    wavelength : float
        Shortest wavelength kept, in pixels; above 2.
    """

    def __init__(self, size: int, radius: int, wavelength: float) -> None:
        self.size, self.radius, self.wavelength = size, radius, wavelength
        square = np.arange(-radius, radius + 1) ** 2
        self.inside = square[:, None] + square <= radius**2
        first = size // 2 - radius
        self.window = slice(first, first + 2 * radius + 1)
        highest = int(size / wavelength)
        self.rows = np.arange(-highest, highest + 1)
        self.columns = np.arange(highest + 1)
        self.passed = np.hypot(self.rows[:, None], self.columns) <= size / wavelength
        self.passed[highest, 0] = False  # the mean
        self.weights = np.where(self.columns, 2.0, 1.0)  # the other half of the spectrum

    def spectra(self, stack: Images) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Return the low frequencies of the images, scaled to unit deviation, and which images have any structure."""
        kind = np.complex64 if stack.dtype == np.float32 else np.complex128
        result = np.zeros((len(stack), *self.passed.shape), dtype=kind)
        clear = np.zeros(len(stack), dtype=bool)
        for k, image in enumerate(stack):
            pixels = image.astype(np.float64)
            deviation = pixels.std()
            if deviation > TUNING.structureless * np.abs(pixels).max():
                result[k] = self.low(pixels / deviation)
                clear[k] = np.abs(result[k]).max() > TUNING.structureless * self.size
        return result, clear

    def low(self, images: Array) -> Complex:
        """Return the low frequencies of images (..., n, n)."""
        result: Complex = fft.rfft2(images)[..., self.rows, : len(self.columns)] * self.passed
        return result

    def image(self, low: Complex) -> Array:
        """Return the image (n, n) with these low frequencies; several at once along leading axes."""
        spectrum = np.zeros((*low.shape[:-2], self.size, self.size // 2 + 1), dtype=low.dtype)
        spectrum[..., self.rows, : len(self.columns)] = low
        result: Array = fft.irfft2(spectrum, s=(self.size, self.size))
        return result

    def moved(self, low: Complex, displacement: npt.ArrayLike) -> Complex:
        """Return the low frequencies of the image with its content moved by ``-displacement``."""
        row, column = 2j * np.pi / self.size * np.asarray(displacement, dtype=np.float64)
        result: Complex = low * np.exp(row * self.rows)[:, None] * np.exp(column * self.columns)
        return result

    def vector(self, low: Complex, displacement: npt.ArrayLike) -> Array:
        """Return the vector of an image about ``displacement``, shape (pixels of the disk,)."""
        pixels = self.image(self.moved(low, displacement))[self.window, self.window][self.inside]
        # the mean of all pixels is zero
        background = -pixels.sum() / (self.size**2 - len(pixels))
        result: Array = pixels - background
        return result

    def template(self, vector: Array) -> Complex:
        """Return the low frequencies of the image whose inner product with a moved image is that of the vectors.

        Several at once along leading axes.
        """
        image = np.empty((*vector.shape[:-1], self.size, self.size))
        outside = self.size**2 - vector.shape[-1]
        image[...] = -vector.sum(axis=-1)[..., None, None] / outside
        image[..., self.window, self.window][..., self.inside] = vector
        return self.low(image)

    def picture(self, vector: Array) -> Array:
        """Return the disk as an image (2R+1, 2R+1), zero outside."""
        result = np.zeros((*vector.shape[:-1], *self.inside.shape))
        result[..., self.inside] = vector
        return result
