"""Rotational averages of images about their centres, as rings of their spectra, and what the mean of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array

__all__ = ["Rings"]

_SMOOTH = 40.0  # details finer than this part of the box do not count

_OUTSIDE = 0.8  # beyond this part of half the box lies the background

_EDGE = 0.25  # a particle ends where its mean has fallen to this part of its greatest value


@dataclass(frozen=True)
class Rings:
    """Spectra of images about their centres, averaged over rings: those of their rotational averages.

    Attributes
    ----------
    values : ndarray, shape (B, m)
        At the frequencies 0, 1, ..., m - 1 cycles per box.
    waves : ndarray, shape (m,)
        How many waves are in each ring.
    rates : ndarray, shape (m,)
        Root mean square of their frequencies, in radians per pixel.
    size : int
        Of the images.
    """

    values: Array
    waves: Array
    rates: Array
    size: int

    @classmethod
    def of(cls, images: npt.NDArray[np.float32], displacement: Array) -> Rings:
        """Look at images about their centres, displacements in pixels from the middle of the box."""
        from scipy import fft

        size = images.shape[-1]
        rows, columns = fft.fftfreq(size), fft.rfftfreq(size)
        ring = np.rint(size * np.hypot(rows[:, None], columns)).astype(np.int64)
        twice = np.full(ring.shape, 2.0)  # half of the waves are not stored
        twice[:, 0] = 1.0
        if size % 2 == 0:
            twice[:, -1] = 1.0
        count = max(size // 2, 1)
        order = np.argsort(ring, axis=None, kind="stable")[: int((ring < count).sum())]
        first = np.searchsorted(ring.ravel()[order], np.arange(count))
        weights = twice.ravel()[order]
        waves = np.add.reduceat(weights, first)
        square = ((2 * np.pi) ** 2 * (rows[:, None] ** 2 + columns**2)).ravel()[order]
        rates = np.sqrt(np.add.reduceat(square * weights, first) / waves)
        values = np.empty((len(images), count))
        place = displacement + size // 2
        for start in range(0, len(images), 64):
            part = slice(start, start + 64)
            spectrum = fft.rfft2(images[part])
            spectrum *= np.exp(2j * np.pi * place[part, :1] * rows)[:, :, None].astype(spectrum.dtype)
            spectrum *= np.exp(2j * np.pi * place[part, 1:] * columns)[:, None, :].astype(spectrum.dtype)
            flat = spectrum.real.reshape(len(spectrum), -1)[:, order].astype(np.float64)
            values[part] = np.add.reduceat(flat * weights, first, axis=1) / waves / size
        return cls(values, waves, rates, size)

    @classmethod
    def joined(cls, parts: Sequence[Rings]) -> Rings:
        """Return the rings of all images."""
        return cls(np.concatenate([part.values for part in parts]), parts[0].waves, parts[0].rates, parts[0].size)

    def strength(self) -> tuple[float, Array, float]:
        """Return the sharpness of the mean, free of the noise in it; parts of it, (B,); and how far it is from 0.

        The sharpness is the energy of the smoothed gradient of the rotational average of the mean image.  Products of
        different images alone are in it, so that noise has no part in its mean.  Its standard error is that of the mean
        of the parts.  How far it stands out is in standard deviations of what noise alone would give.
        """
        count = len(self.values)
        if count < 2:
            return 0.0, np.zeros(count), 0.0
        weight = self.waves * self.rates**2 * np.exp(-((self.rates * self.size / _SMOOTH) ** 2))
        total, squares = self.values.sum(axis=0), (self.values**2).sum(axis=0)
        pairs = 1.0 / (count * (count - 1))
        strength = float((weight * (total**2 - squares)).sum()) * pairs
        power = np.maximum(squares / count - (total / count) ** 2, 0.0)
        chance = float(np.sqrt(2.0 * pairs * (weight**2 * power**2).sum()))
        # what each image has in common with all others
        parts: Array = 2.0 * (self.values * (total - self.values)) @ weight / (count - 1)
        return strength, parts, strength / chance if chance > 0 else 0.0

    def extent(self) -> float:
        """Return how far the mean particle reaches, in pixels; negative where it is dark, NaN where it has no end."""
        from scipy.special import j0

        r = np.arange(max(self.size // 2, 2))
        smooth = np.exp(-0.5 * (self.rates * self.size / _SMOOTH) ** 2)
        profile = j0(np.outer(r, self.rates)) @ (self.waves * smooth * self.values.mean(axis=0))
        inner = max(int(_OUTSIDE * len(r)), 1)
        profile -= np.median(profile[inner:])
        peak = int(np.argmax(np.abs(profile[:inner])))
        top = float(profile[peak])
        below = np.flatnonzero(profile[peak:] * np.sign(top) < _EDGE * abs(top))
        return float(np.sign(top)) * (peak + float(below[0])) if len(below) else np.nan
