"""The screen against the full correlation: it must name the same candidate, whatever the image looks like."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate

from centering.landscapes import screen, screen_kernels
from centering.landscapes.score import CUMULATIVE
from pswf import AngularZero

RADIUS = 9


def kernel(radius: int = RADIUS) -> np.ndarray:
    disk = AngularZero(radius)
    return disk.reconstruct(CUMULATIVE.energies(disk).sum(axis=0)[np.newaxis])[0]


def images(kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(size=(6, size, size))
    if kind == "noise":
        return noise
    if kind == "hot pixel":
        noise[:, size // 3, size // 2] += 60.0
        return noise
    if kind == "raw counts":
        return np.round(3000.0 + 40.0 * noise)
    axis = np.arange(size) - size / 2
    shifts = rng.uniform(-4, 4, size=(6, 2, 1, 1))
    distance = np.hypot(axis[:, None] - shifts[:, 0], axis - shifts[:, 1])
    sharp = (distance < 0.7 * RADIUS).astype(float)
    return sharp if kind == "sharp disk" else sharp + 0.5 * noise


def oracle(stack: np.ndarray, weights: np.ndarray) -> np.ndarray:
    centered = stack - stack.mean(axis=(1, 2), keepdims=True)
    return np.stack([correlate(image, weights, mode="valid", method="direct") for image in centered])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [40, 41])
@pytest.mark.parametrize("kind", ["noise", "hot pixel", "raw counts", "sharp disk", "noisy disk"])
@pytest.mark.parametrize("exchange", [screen.EXCHANGE, 0, 10**6])
def test_names_the_largest_correlation(kind, size, dtype, exchange, monkeypatch, rng):
    # 0 sends every image through the transform, 10^6 none
    monkeypatch.setattr(screen, "EXCHANGE", exchange)
    weights = kernel()
    stack = images(kind, size, rng).astype(dtype)
    expected = oracle(stack.astype(np.float64), weights)
    peaks = screen.Screen(weights, size, dtype)(stack)
    extent = np.ptp(expected, axis=(1, 2))
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    for i, surface in enumerate(expected):
        row, column = peaks.candidate[i]
        assert surface.max() - surface[row, column] <= tolerance * extent[i]
        assert abs(peaks.patch[i, 1, 1] - surface[row, column]) <= tolerance * extent[i]
        padded = np.pad(surface, 1, constant_values=np.nan)[row : row + 3, column : column + 3]
        np.testing.assert_allclose(peaks.patch[i], padded, atol=tolerance * extent[i])
    np.testing.assert_allclose(peaks.mean, expected.mean(axis=(1, 2)), atol=0.05 * extent.max())
    np.testing.assert_allclose(peaks.deviation, expected.std(axis=(1, 2)), rtol=0.15)
    np.testing.assert_allclose(peaks.lowest, stack.min(axis=(1, 2)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [40, 41])
def test_low_frequencies_of_a_smooth_kernel_are_all_there_is(size, rng):
    offset = np.arange(-RADIUS, RADIUS + 1)
    # a Gaussian whose spectrum is negligible beyond the kept frequencies
    weights = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 2.2**2))
    tool = screen.Screen(weights, size, np.float64)
    stack = rng.normal(size=(3, size, size))
    buffers = screen_kernels.workspace(tool._tables, stack.dtype)
    landscape = np.empty((tool.count, tool.count))
    for image, expected in zip(stack, oracle(stack, weights), strict=True):
        mean, energy, rim_power = screen_kernels.smooth(image, tool._tables, buffers, landscape)
        np.testing.assert_allclose(mean, image.mean(), atol=1e-12)
        np.testing.assert_allclose(landscape, expected, atol=3e-3 * np.ptp(expected))
        # white noise has unit power at every frequency; the kept ones are a known share of all
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size, 1 / size), np.fft.fftfreq(size, 1 / size)))
        power = np.abs(np.fft.fft2(image)) ** 2 / size**2
        np.testing.assert_allclose(energy, power[(frequency > 0) & (frequency <= screen.LOW)].sum(), rtol=1e-10)
        rim = (frequency > screen.LOW - 3) & (frequency <= screen.LOW)
        np.testing.assert_allclose(rim_power, power[rim].mean(), rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_image_does_not_depend_on_its_neighbours_to_the_last_bit(dtype, rng):
    stack = images("noisy disk", 41, np.random.default_rng(1)).astype(dtype)
    stack = np.concatenate([stack, images("noise", 41, rng).astype(dtype), stack])
    tool = screen.Screen(kernel(), 41, dtype)
    together = tool(stack)
    for i in range(len(stack)):
        for whole, alone in zip(together, tool(stack[i : i + 1]), strict=True):
            np.testing.assert_array_equal(whole[i], alone[0])
