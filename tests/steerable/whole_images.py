"""Images and bases that the tests of whole images share."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from pswf import (
    PSWF2D,
    DiniBesselFamily,
    FourierBesselFamily,
    SteerableBasis,
    ZernikeFamily,
    make_family,
    prolate_spectra,
    steerable_pca,
)

Array = npt.NDArray[np.float64]


class Blobs:
    """A sum of Gaussians: an image that can be drawn at any angle, shifted or filtered in closed form."""

    def __init__(self, rng: np.random.Generator, radius: float, reach: float = 0.4, count: int = 6) -> None:
        distance = radius * reach * np.sqrt(rng.random(count))
        angle = rng.uniform(0.0, 2.0 * np.pi, count)
        self.centers = np.stack([distance * np.sin(angle), distance * np.cos(angle)], axis=1)
        # wide enough for the band of the pixels, narrow enough to end within the disk
        self.sigmas = rng.uniform(max(2.6, 0.03 * radius), max(2.8, 0.06 * radius), count)
        self.weights = rng.uniform(0.5, 2.0, count)

    def draw(self, size: int, angle: float = 0.0) -> Array:
        """Return the image, its content rotated counter-clockwise as displayed."""
        rows, columns = np.mgrid[:size, :size] - size // 2
        image = np.zeros((size, size))
        for (row, column), sigma, weight in zip(self.centers, self.sigmas, self.weights, strict=True):
            # up on the display is towards smaller rows
            r = row * math.cos(angle) - column * math.sin(angle)
            c = row * math.sin(angle) + column * math.cos(angle)
            image += weight * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2.0 * sigma**2))
        return image


def draw_stack(rng: np.random.Generator, size: int, images: int = 3) -> Array:
    return np.stack([Blobs(rng, size // 2).draw(size) for _ in range(images)])


def dense_matrix(basis: SteerableBasis) -> Array:
    """Return the basis functions at every pixel, (count, L, L), from their definition alone."""
    L, R = basis.size, basis.size // 2
    rows, columns = np.mgrid[:L, :L] - L // 2
    r, theta = np.hypot(rows, columns), np.arctan2(rows, columns)
    inside = r <= R
    functions = np.zeros((basis.count, L, L))
    at = 0
    for N in range(len(basis.counts)):
        radial = np.asarray(basis.family(N).evaluate(r[inside] / R))
        for trigonometric in (np.cos,) if N == 0 else (np.cos, np.sin):
            for f in radial:
                functions[at, inside] = f * trigonometric(N * theta[inside]) / R
                functions[at] /= math.sqrt(2.0 * np.pi if N == 0 else np.pi)
                at += 1
    assert at == basis.count
    return functions


@cache
def make_basis(name: str, size: int, dtype: str = "float64") -> SteerableBasis:
    band = np.pi * (size // 2)
    if name == "PSWF2D":
        return PSWF2D(size, dtype=dtype)
    families = {
        "prolate, half the band": lambda: prolate_spectra(band / 2),
        "prolate, truncation 0.5": lambda: prolate_spectra(band, 0.5),
        "Fourier-Bessel": lambda: FourierBesselFamily(band),
        "Dini-Bessel": lambda: DiniBesselFamily(band),
        "Zernike": lambda: ZernikeFamily(size // 2 + 3),
        "learned": lambda: steerable_pca(
            make_basis("PSWF2D", size), draw_stack(np.random.default_rng(7), size, 12), count=60
        ),
        "clamped": lambda: make_family("clamped", band / 2),
    }
    return SteerableBasis(families[name](), size, dtype=dtype)


NAMES = (
    "PSWF2D",
    "prolate, half the band",
    "prolate, truncation 0.5",
    "Fourier-Bessel",
    "Dini-Bessel",
    "Zernike",
    "learned",
    "clamped",
)
"""The last is of another distribution, see the fixture `foreign_basis`."""
