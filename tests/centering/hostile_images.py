"""Finite images that are hard to centre: any magnitude, ties, and structures that deceive a search."""

from __future__ import annotations

import numpy as np


def any_image(rng, size, dtype):
    """Return one finite image (n, n) of a kind, a magnitude and an offset drawn at random."""
    kinds = [noise, noise, blob, hot_pixels, offset, checkerboard, ring, lattice, step, disk, few, magnitudes, nearly]
    image = kinds[rng.integers(len(kinds))](rng, size)
    most = 38 if dtype == np.float32 else 307
    exponent = rng.uniform(-1.15 * most, most) if rng.random() < 0.5 else 0.0
    information = np.finfo(dtype)
    with np.errstate(over="ignore", under="ignore"):
        # in two steps: the factor itself could overflow
        scaled = image * 10.0 ** (exponent / 2) * 10.0 ** (exponent / 2) * rng.choice([-1.0, 1.0])
        return np.clip(scaled, information.min, information.max).astype(dtype)


def structured_image(rng, size, radius, kernel):
    """Return one image (n, n) of order 1: rings, lattices, steps, disks, checkerboards, and adversaries of a kernel."""
    kinds = [ring, lattice, step, disk, checkerboard, few]
    kind = rng.integers(len(kinds) + 2)
    if kind < len(kinds):
        return kinds[kind](rng, size)
    return adversary(rng, size, kernel) if kind == len(kinds) else rival(rng, size, kernel)


def noise(rng, size):
    return rng.normal(size=(size, size))


def _distance(rng, size, spread=0.3):
    row, column = rng.uniform(-spread, spread, 2) * size
    if rng.random() < 0.5:
        row, column = np.round(2 * row) / 2, np.round(2 * column) / 2
    axis = np.arange(size) - size // 2
    return np.hypot(axis[:, None] - row, axis - column)


def blob(rng, size):
    width = rng.uniform(0.5, size / 4)
    return np.exp(-((_distance(rng, size) / width) ** 2)) + rng.choice([0.0, 0.1, 1.0]) * noise(rng, size)


def ring(rng, size):
    radius, width = rng.uniform(1, size / 3), rng.uniform(0.3, 4)
    return np.exp(-(((_distance(rng, size) - radius) / width) ** 2)) + rng.choice([0.0, 0.1]) * noise(rng, size)


def disk(rng, size):
    edge = rng.uniform(1, size / 2)
    return (_distance(rng, size) < edge).astype(float)


def step(rng, size):
    axis = np.arange(size) - size / 2
    angle, place = rng.choice([0.0, np.pi / 4, rng.uniform(0, np.pi)]), rng.uniform(-size / 3, size / 3)
    return (np.cos(angle) * axis[:, None] + np.sin(angle) * axis > place).astype(float)


def lattice(rng, size):
    period, start = rng.integers(2, size // 2), rng.integers(0, size // 2, 2)
    image = np.zeros((size, size))
    image[start[0] % period :: period, start[1] % period :: period] = 1.0
    return image


def checkerboard(rng, size):
    side = rng.integers(1, size // 2)
    cell = np.arange(size) // side
    return ((cell[:, None] + cell) % 2).astype(float)


def few(rng, size):
    image = np.zeros((size, size))
    count = rng.integers(1, 6)
    image[tuple(rng.integers(0, size, (2, count)))] = rng.choice([1.0, -1.0]) * rng.choice(
        [np.ones(count), rng.random(count)]
    )
    return image


def hot_pixels(rng, size):
    image = noise(rng, size)
    count = rng.integers(1, 4)
    with np.errstate(over="ignore"):
        image[tuple(rng.integers(0, size, (2, count)))] = rng.choice([1.0, -1.0]) * 10.0 ** rng.uniform(0, 300)
    return image


def offset(rng, size):
    return (blob if rng.random() < 0.5 else noise)(rng, size) + rng.choice([1.0, -1.0]) * 10.0 ** rng.uniform(0, 10)


def magnitudes(rng, size):
    return noise(rng, size) * 10.0 ** rng.uniform(-300, 300, (size, size))


def nearly(rng, size):
    """Return a constant, or one with a pixel that differs in its last bit."""
    image = np.full((size, size), rng.choice([0.0, 1.0, 7.25]))
    if rng.random() < 0.7:
        pixel = tuple(rng.integers(0, size, 2))
        image[pixel] = np.nextafter(np.float32(image[pixel]), np.float32(2.0))
    return image


def adversary(rng, size, kernel):
    """Return an image that a search by low frequencies misses: one candidate wins by the ripple of the kernel alone."""
    radius = len(kernel) // 2
    image = np.zeros((size, size))
    first, second = rng.integers(radius, size - radius, (2, 2))
    low = np.fft.rfft2(kernel)
    low[3:-2] = 0.0
    low[:, 3:] = 0.0
    smooth = np.fft.irfft2(low, kernel.shape)
    _add(image, first, kernel - smooth, 1.0 / np.abs(kernel - smooth).max())
    _add(image, second, smooth, rng.uniform(0.0, 0.1) / np.abs(smooth).max())
    return image


def rival(rng, size, kernel):
    """Return an image with two copies of the kernel, one of them stronger by anything down to the last digit."""
    radius = len(kernel) // 2
    image = np.zeros((size, size))
    first, second = rng.integers(radius, size - radius, (2, 2))
    _add(image, first, kernel, 1.0)
    _add(image, second, kernel, 1.0 + rng.choice([0.0, 1.0]) * 10.0 ** rng.uniform(-16, -1))
    return image


def _add(image, place, patch, weight):
    radius = len(patch) // 2
    row, column = place
    image[row - radius : row + radius + 1, column - radius : column + radius + 1] += weight * patch
