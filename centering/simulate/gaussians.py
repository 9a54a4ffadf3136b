"""Particles with a known centre: projections of a 3-D sum of Gaussians, exact at any sub-pixel shift.

The projection of a Gaussian is a Gaussian, so every image is an analytic function sampled at the pixels:
nothing is interpolated, and the centre of mass of the object is known to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array

__all__ = ["GaussianParticle", "Simulation", "particles", "rotations"]


@dataclass(frozen=True)
class GaussianParticle:
    """A 3-D density ``sum_k w_k N(x; m_k, S_k)``, N the normal density.

    Attributes
    ----------
    weights : ndarray, shape (K,)
        Mass of each Gaussian.
    means : ndarray, shape (K, 3)
        Centres in pixels, axes (row, column, depth).
    covariances : ndarray, shape (K, 3, 3)
        Pixels squared, the same axes.
    """

    weights: Array
    means: Array
    covariances: Array

    @classmethod
    def random(cls, radius: float, count: int = 36, seed: int | np.random.Generator = 0) -> GaussianParticle:
        """Return a compact particle without any symmetry, its centre of mass at the origin.

        Parameters
        ----------
        radius : float
            Radius in pixels of a ball about the centre of mass; every Gaussian stays inside it to two
            standard deviations.
        count : int
            Number of Gaussians.
        seed : int or Generator
            The same seed gives the same particle, scaled with ``radius``.
        """
        rng = np.random.default_rng(seed)
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        means = direction * rng.uniform(0.0, 1.0, size=(count, 1)) ** (1 / 3)
        # a lobe: the outline is not centred on the mass, and no rotation maps the particle to itself
        lobe = slice(0, count // 6)
        means[lobe] = 0.25 * means[lobe] + 1.25 * direction[0]
        frames = rotations(count, rng)
        widths = rng.uniform(0.14, 0.28, size=(count, 3))
        covariances = np.einsum("kij,kj,klj->kil", frames, widths**2, frames)
        weights = rng.uniform(0.2, 1.8, size=count)
        means -= weights @ means / weights.sum()
        reach = np.linalg.norm(means, axis=1) + 2.0 * widths.max(axis=1)
        scale = radius / reach.max()
        return cls(weights / weights.sum(), means * scale, covariances * scale**2)

    @property
    def center_of_mass(self) -> Array:
        """Centre of mass in pixels, axes (row, column, depth)."""
        center: Array = self.weights @ self.means / self.weights.sum()
        return center

    def project(self, rotation: npt.ArrayLike, displacement: npt.ArrayLike, size: int) -> Array:
        """Rotate the density, project it along depth and displace it.

        Parameters
        ----------
        rotation : array_like, shape (B, 3, 3)
            Rotations about the origin, axes (row, column, depth).
        displacement : array_like, shape (B, 2)
            (row, column) in pixels from the centre pixel ``size // 2`` to the projected origin.
        size : int
            Side of the images.

        Returns
        -------
        ndarray, shape (B, size, size), float64
            The projections at the pixel centres; the pixels of one image add up to the total weight as far
            as the particle lies inside the box.
        """
        frames = np.asarray(rotation, dtype=np.float64)
        shift = np.asarray(displacement, dtype=np.float64)
        center = np.einsum("bij,kj->bki", frames[:, :2], self.means) + shift[:, None, :]
        covariance = np.einsum("bij,kjl,bml->bkim", frames[:, :2], self.covariances, frames[:, :2])
        inverse = np.linalg.inv(covariance)
        height = self.weights / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
        position = np.arange(size) - size // 2
        images = np.zeros((len(frames), size, size))
        for b, image in enumerate(images):
            rows = position[None, :] - center[b, :, 0, None]
            columns = position[None, :] - center[b, :, 1, None]
            (aa, ab), (_, bb) = inverse[b].transpose(1, 2, 0)
            exponent = (
                (aa[:, None] * rows**2)[:, :, None]
                + (bb[:, None] * columns**2)[:, None, :]
                + 2 * (ab[:, None] * rows)[:, :, None] * columns[:, None, :]
            )
            np.einsum("k,krc->rc", height[b], np.exp(-0.5 * exponent), out=image)
        return images


@dataclass(frozen=True)
class Simulation:
    """A simulated stack and what is true of it.

    Attributes
    ----------
    images : ndarray, shape (B, n, n)
        Signal plus noise.
    displacement : ndarray, shape (B, 2), float64
        (row, column) in pixels from the centre pixel ``n // 2`` to the particle's centre of mass.
    rotation : ndarray, shape (B, 3, 3), float64
        Orientation of the particle in each image.
    noise : float
        Standard deviation of the noise.
    particle : GaussianParticle
        The density.
    """

    images: npt.NDArray[np.floating]
    displacement: Array
    rotation: Array
    noise: float
    particle: GaussianParticle


def rotations(count: int, seed: int | np.random.Generator = 0) -> Array:
    """Return ``count`` rotation matrices, uniform over all rotations, shape (count, 3, 3)."""
    quaternion = np.random.default_rng(seed).normal(size=(count, 4))
    w, x, y, z = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return matrix.transpose(2, 0, 1)


def particles(
    count: int,
    size: int,
    *,
    radius: float | None = None,
    max_shift: float = 0.0,
    snr: float = np.inf,
    views: int | None = None,
    particle: GaussianParticle | None = None,
    dtype: npt.DTypeLike = np.float32,
    seed: int = 0,
) -> Simulation:
    """Simulate a stack of bright particles, off-centre by a known amount, in white noise.

    Parameters
    ----------
    count, size : int
        Number of images, and their side in pixels.
    radius : float, optional
        Radius of the particle in pixels; a quarter of the box without it.
    max_shift : float
        Rows and columns of the displacement are uniform in [-max_shift, max_shift] pixels.
    snr : float
        ``|signal|^2 / |noise|^2`` over the whole box, averaged over the stack; infinite: no noise.
    views : int, optional
        Number of viewing directions, each seen at random in-plane angles; without it every image is seen
        from a direction of its own.
    particle : GaussianParticle, optional
        The density; without it `GaussianParticle.random` of this radius and seed.
    dtype : dtype
        float32 or float64.
    seed : int
        The same seed gives the same stack.

    Raises
    ------
    ValueError
        A count, size, radius or signal-to-noise ratio that is not positive, a negative ``max_shift``, or a
        particle that would leave the box.

    Examples
    --------
    >>> simulation = particles(3, 64, max_shift=5, snr=0.1)
    >>> simulation.images.shape, simulation.displacement.shape
    ((3, 64, 64), (3, 2))
    """
    if radius is None:
        radius = size / 4
    for name, value in {"count": count, "size": size, "radius": radius, "snr": snr, "views": views}.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value!r}; give a positive number")
    if not max_shift >= 0 or max_shift + radius > (size - 1) / 2:
        raise ValueError(
            f"max_shift is {max_shift!r}; give at least 0 and at most {(size - 1) / 2 - radius:g}, so that a "
            f"particle of radius {radius:g} stays inside a box of {size} pixels"
        )
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype is {dtype!r}; give float32 or float64")
    rng = np.random.default_rng(seed)
    density = particle or GaussianParticle.random(radius, seed=rng)
    rotation = rotations(count, rng)
    if views is not None:
        rotation = _in_plane(rng.uniform(0, 2 * np.pi, count)) @ rotation[rng.integers(views, size=count) % count]
    displacement = rng.uniform(-max_shift, max_shift, size=(count, 2))
    signal = density.project(rotation, displacement, size)
    # the truth is where the mass is, also for a density that the caller did not centre
    center = np.einsum("bij,j->bi", rotation[:, :2], density.center_of_mass)
    noise = float(np.sqrt(np.mean(signal**2) / snr))
    images = signal.astype(dtype)
    if noise:
        images += rng.standard_normal(images.shape, dtype=images.dtype) * images.dtype.type(noise)
    return Simulation(images, displacement + center, rotation, noise, density)


def _in_plane(angle: Array) -> Array:
    """Return rotations about the depth axis, shape (B, 3, 3)."""
    cosine, sine, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.array([[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]]).transpose(2, 0, 1)
