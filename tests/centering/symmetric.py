"""Radially symmetric phantoms in noise: what the radial reference assumes, with every truth known."""

from __future__ import annotations

import numpy as np


def distances(size, displacement):
    """Return the distance of every pixel from the centre of every object, shape (B, n, n)."""
    axis = np.arange(size) - size // 2
    shift = np.asarray(displacement, dtype=np.float64)
    return np.hypot(axis[:, None] - shift[:, 0, None, None], axis - shift[:, 1, None, None])


def gaussian(width):
    """Return a profile, 1 at the centre."""
    return lambda distance: np.exp(-(distance**2) / (2 * width**2))


def disc(radius, edge=1.0):
    """Return the profile of a disc whose edge is a few pixels wide."""
    return lambda distance: 0.5 * (1.0 - np.tanh((distance - radius) / edge))


def ring(radius, width):
    """Return the profile of a ring."""
    return lambda distance: np.exp(-((distance - radius) ** 2) / (2 * width**2))


def stack(rng, count, size, profile, *, shift=0.0, noise=1.0, dtype=np.float64):
    """Return objects, uniform in [-shift, shift] along both axes, in white noise, and their displacements."""
    displacement = rng.uniform(-shift, shift, (count, 2))
    images = profile(distances(size, displacement)) + noise * rng.standard_normal((count, size, size))
    return images.astype(dtype), displacement


def errors(centers, displacement):
    """Return the distances from the true centres, shape (B,)."""
    return np.hypot(*(centers.displacement - displacement).T)


def inside(centers, displacement, probability):
    """Return the fraction of errors inside the ellipse that should hold this part of them."""
    error = centers.displacement - displacement
    square = np.einsum("bi,bij,bj->b", error, np.linalg.inv(centers.covariance), error)
    return np.mean(square <= -2.0 * np.log(1.0 - probability))  # chi-square of two degrees of freedom
