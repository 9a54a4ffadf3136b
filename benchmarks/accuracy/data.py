"""Images whose centres are known: simulated without data, projected from a map, cut out of a micrograph."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from centering import CTF
from centering.io.opening import open_particles
from centering.simulate import GaussianParticle, rotations
from centering.simulate.volumes import project

SIZE, RADIUS, SHIFT = 129, 32, 12
PATCH = 65
"""Side of the square in which signal and noise are compared."""
REACH = 14
"""Those estimators that can be told look no farther than this."""
PIXEL_SIZE = 5.0

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Projections:
    """Clean projections (B, n, n), displacements (B, 2), and the frames (B, 2, 3) that map 3-D offsets to 2-D ones."""

    clean: Array
    displacement: Array
    frames: Array


def folder() -> Path | None:
    """Return the folder of the reference data, if $CENTERING_DATA names one."""
    name = os.environ.get("CENTERING_DATA")
    return Path(name) if name and Path(name).is_dir() else None


def gaussians(count: int, seed: int) -> Projections:
    """Return projections of a sum of Gaussians about its centre of mass: needs no data."""
    particle = GaussianParticle.random(RADIUS, seed=0)
    return _projections(particle.project, count, seed)


def ribosome(data: Path) -> Callable[[int, int], Projections]:
    """Return a function that projects the map of the 70S ribosome about its centre of mass."""
    import mrcfile

    volume = mrcfile.read(data / "70s" / "clean70SRibosome_vol_65p.mrc")

    def draw(count: int, seed: int) -> Projections:
        return _projections(lambda *arguments: project(volume, *arguments), count, seed)

    return draw


def _projections(view: Callable[[Array, Array, int], Array], count: int, seed: int) -> Projections:
    rng = np.random.default_rng(seed)
    displacement = rng.uniform(-SHIFT, SHIFT, (count, 2))
    frames = rotations(count, rng)
    clean = view(frames, displacement, SIZE).astype(np.float32)
    return Projections(clean, displacement, frames[:, :2])


def noisy(clean: Array, snr: float, seed: int, side: int = PATCH) -> Array:
    """Add white noise to every image, ``snr = |signal|^2 / |noise|^2`` over ``side`` x ``side`` pixels."""
    deviation = np.sqrt((clean**2).sum(axis=(1, 2)) / side**2 / snr).astype(np.float32)
    noise = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    images: Array = clean + deviation[:, None, None] * noise
    return images


def defocused(clean: Array, seed: int, pixel_size: float = PIXEL_SIZE) -> tuple[Array, CTF]:
    """Return images as a microscope shows them, defocus uniform in 1.4 to 4.7 um, and their transfer functions."""
    defocus = np.random.default_rng(seed).uniform(14_000, 47_000, len(clean))
    ctf = CTF(defocus, pixel_size, voltage=300.0, spherical_aberration=2.0)
    size = clean.shape[-1]
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    images = np.empty_like(clean)
    for start in range(0, len(clean), 100):
        part = slice(start, start + 100)
        images[part] = np.fft.irfft2(np.fft.rfft2(clean[part]) * ctf[part].transfer(frequency), s=(size, size))
    return images, ctf


PHANTOMS: dict[str, tuple[Callable[[Array], Array], int, float]] = {
    "broad Gaussian spot": (lambda r: np.exp(-(r**2) / 18), 12, 1.2),
    "sharp Gaussian spot": (lambda r: np.exp(-(r**2) / 18), 12, 0.1),
    "disc": (lambda r: 0.5 - 0.5 * np.tanh(r - 6), 10, 2.0),
    "ring": (lambda r: np.exp(-((r - 7) ** 2) / 4.5), 12, 1.0),
}
"""Profile, radius R of the reference, and standard deviation of the white noise."""


def phantom(name: str, count: int, seed: int) -> tuple[Array, Array]:
    """Return radially symmetric objects in white noise, 48 x 48, shifts of +-6 pixels, and the shifts."""
    profile, _, noise = PHANTOMS[name]
    rng = np.random.default_rng(seed)
    shift = rng.uniform(-6, 6, (count, 2))
    axis = np.arange(48) - 24
    distance = np.hypot(axis[:, None] - shift[:, 0, None, None], axis - shift[:, 1, None, None])
    images = profile(distance) + noise * rng.standard_normal(distance.shape)
    return images.astype(np.float32), shift


def micrograph(data: Path) -> tuple[Array, Array] | None:
    """Return the micrograph of apoferritin and the (row, column) of its particles, or None where they are not known."""
    import matplotlib.image

    centers = data.resolve().parent / "reference" / "apoferritin_centres.csv"
    if not centers.exists():
        return None
    image = matplotlib.image.imread(data / "apoferritin" / "May08_03.13.02.png").astype(np.float32)
    return image, np.loadtxt(centers, delimiter=",", comments="#", dtype=int)


def boxes(image: Array, centers: Array, size: int, seed: int) -> tuple[Array, Array]:
    """Cut boxes displaced by up to 12 pixels; return those that lie in the image, and their displacements."""
    shift = np.random.default_rng(seed).integers(-SHIFT, SHIFT + 1, centers.shape)
    first = centers - shift - size // 2
    whole = ((first >= 0) & (first + size <= image.shape)).all(axis=1)
    return np.array([image[r : r + size, c : c + size] for r, c in first[whole]]), shift[whole]


def relion(data: Path, name: str) -> tuple[Array, Array]:
    """Return the images of a STAR file of the fixtures, and the displacements that its origins state, in pixels."""
    particles = open_particles(data / "aspire_relion" / name)
    images = particles.read(np.arange(len(particles)))
    assert particles.star is not None
    return images, particles.star.displacements(particles.pixel_size)
