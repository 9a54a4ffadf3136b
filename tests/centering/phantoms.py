"""Images and bases that several test modules use."""

from __future__ import annotations

import numpy as np


def lopsided(size, row=0.0, column=0.0):
    """Return an object of radius 5 without symmetry on a background of exact zeros, displaced by (row, column)."""
    axis = np.arange(size) - size // 2
    image = np.zeros((size, size))
    for weight, width, dr, dc in [(1.0, 4.0, 0.0, 0.0), (0.6, 2.5, -1.5, 2.0), (0.3, 2.0, 3.0, 0.5)]:
        squared = (axis[:, None] - row - dr) ** 2 + (axis - column - dc) ** 2
        image += weight * np.maximum(1.0 - squared / width**2, 0.0) ** 2
    return image


def turned(image):
    """Return the image turned by 90 degrees about its centre pixel n // 2: (row, column) -> (-column, row).

    For even n the first row and column, which have no counterpart, must be empty.
    """
    first = 1 - len(image) % 2
    assert not image[:first].any()
    assert not image[:, :first].any()
    result = np.zeros_like(image)
    result[first:, first:] = np.rot90(image[first:, first:])
    return result


def few_pixels(rng, stack, size, pixels):
    """Return images of a few bright pixels anywhere: where they are seen at the edge of the disk only, u overshoots."""
    images = np.zeros((stack, size, size))
    for image in images:
        image[tuple(rng.integers(0, size, (2, pixels)))] = rng.random(pixels)
    return images


class Polynomials:
    """The first two even polynomials orthonormal for r dr: too few to follow an image, so u overshoots."""

    def evaluate(self, r):
        r = np.asarray(r, dtype=np.float64)
        return np.stack([np.full(r.shape, np.sqrt(2.0)), np.sqrt(6.0) * (2.0 * r**2 - 1.0)])


class Rings:
    """One function per ring ``l-1 < d <= l`` of the pixel disk, such that A_p(l) is the mean of the ring's pixels.

    With it u_p is an exact sum of pixels, and landscapes can be written down by hand.
    """

    def __init__(self, radius):
        self.radius = radius
        offset = np.arange(-radius, radius + 1)
        distance = np.hypot(offset[:, None], offset)
        self.pixels = np.bincount(np.ceil(distance[distance <= radius]).astype(int))

    def evaluate(self, r):
        ring = np.ceil(np.round(np.asarray(r) * self.radius, 9)).astype(int)
        height = np.sqrt(2 * np.pi / self.pixels) * self.radius
        return height.reshape(-1, *[1] * ring.ndim) * (ring == np.arange(self.radius + 1).reshape(-1, *[1] * ring.ndim))
