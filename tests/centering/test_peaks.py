"""The search for the largest correlation against SciPy's, and its error bound against double precision."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate

from centering.landscapes import peaks
from centering.landscapes.minimum import NEAR, TIE
from centering.landscapes.score import CUMULATIVE
from pswf import AngularZero

RADIUS = 9
KINDS = ["noise", "hot pixel", "raw counts", "sharp disk", "noisy disk"]


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


def correlated(tool: peaks.PeakSearch, stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations of the stack as it is, its means not taken off."""
    summary = np.zeros((9, len(stack)))
    summary[3] = (stack.astype(np.float64) ** 2).sum(axis=(1, 2))
    surface = tool._correlate(stack, summary, 0)
    return surface[:, tool._wanted], summary[6]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [40, 41])
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_correlation_is_found(kind, size, dtype, rng):
    weights = kernel()
    stack = images(kind, size, rng).astype(dtype)
    expected = oracle(stack.astype(np.float64), weights)
    found = peaks.PeakSearch(weights, size)(stack, NEAR * TIE * weights.max())
    assert not found.open.any()
    assert (np.diff(found.image) >= 0).all()
    for i, surface in enumerate(expected):
        mine = found.image == i
        assert mine.any()
        place = found.place[mine]
        row, column = np.unravel_index(surface.argmax(), surface.shape)
        assert ((place == (row, column)).all(axis=1)).any()
        assert (np.diff(place @ (1000, 1)) > 0).all()
        offset = (stack[i].astype(np.float64).mean() - found.pixel[i]) * weights.sum()
        np.testing.assert_allclose(
            found.value[mine], surface[place[:, 0], place[:, 1]] + offset, atol=1e-10 * np.ptp(surface)
        )
        np.testing.assert_allclose(found.mean[i] - offset, surface.mean(), atol=1e-5 * np.ptp(surface))
    np.testing.assert_allclose(found.deviation, expected.std(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(found.lowest, stack.min(axis=(1, 2)))


@pytest.mark.parametrize("size", [40, 41, 150])
@pytest.mark.parametrize("kind", KINDS)
def test_rounding_stays_within_the_bound(kind, size, rng):
    weights = kernel()
    stack = images(kind, size, rng).astype(np.float32)
    tool = peaks.PeakSearch(weights, size)
    surface, bound = correlated(tool, stack)
    expected = np.stack([correlate(image, weights, mode="valid", method="fft") for image in stack.astype(np.float64)])
    error = np.abs(surface - expected).max(axis=(1, 2))
    assert (error <= bound).all()
    # and is of use: a small part of what distinguishes the candidates, where the offset is taken off
    surface, bound = correlated(tool, stack - stack.mean(axis=(1, 2), keepdims=True))
    assert (bound <= 0.01 * surface.std(axis=(1, 2))).all()


def test_bound_holds_for_images_that_add_up_all_errors(rng):
    weights = kernel()
    tool = peaks.PeakSearch(weights, 41)
    worst = 0.0
    for _ in range(20):
        # rank one images of one frequency, and sparse ones: little cancels
        wave = np.cos(2 * np.pi * rng.integers(0, 21, 2)[:, None] * np.arange(41) / tool._period)
        sparse = np.zeros((41, 41))
        sparse[tuple(rng.integers(0, 41, (2, 3)))] = 1.0
        stack = np.stack([np.outer(*wave), np.sign(np.outer(*wave)), sparse]).astype(np.float32)
        surface, bound = correlated(tool, stack)
        expected = np.stack([correlate(image, weights, "valid", "direct") for image in stack.astype(np.float64)])
        worst = max(worst, float((np.abs(surface - expected).max(axis=(1, 2)) / bound).max()))
    assert 0.0 < worst <= 0.5


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_large_clear_image_needs_no_double_precision_at_every_candidate(noise, rng):
    size, radius = 512, 123
    weights = kernel(radius)
    axis = np.arange(size) - size // 2
    image = np.maximum(0.0, 1.0 - ((axis[:, None] - 4.3) ** 2 + (axis + 11.8) ** 2) / radius**2)
    image += noise * rng.normal(size=image.shape)
    stack = image[np.newaxis].astype(np.float32)
    found = peaks.PeakSearch(weights, size)(stack, NEAR * TIE * weights.max())
    assert not found.open.any()
    surface = correlate(stack[0] - found.pixel[0], weights, mode="valid", method="fft")
    np.testing.assert_array_equal(found.place[0], np.unravel_index(surface.argmax(), surface.shape))
    np.testing.assert_allclose(found.value, surface[tuple(found.place.T)], atol=1e-10 * np.ptp(surface))


def test_every_candidate_that_is_as_good_as_the_best_is_found(rng):
    # the same patch again and again: ties, of which rounding in single precision makes different values
    radius, step = 4, 12
    weights = kernel(radius)
    stack = np.tile(rng.normal(size=(3, step, step)), (1, 6, 6)).astype(np.float32)
    found = peaks.PeakSearch(weights, stack.shape[1])(stack, NEAR * TIE * weights.max())
    assert not found.open.any()
    for i, surface in enumerate(oracle(stack.astype(np.float64), weights)):
        best = np.argwhere(surface > surface.max() - 1e-12 * np.ptp(surface))
        assert len(best) >= 25
        np.testing.assert_array_equal(found.place[found.image == i], best)


def test_images_out_of_range_or_without_a_winner_stay_open(rng):
    weights = kernel()
    stack = rng.normal(size=(6, 41, 41))
    stack[1, 3, 4] = 1e155
    stack[2] *= 1e-200
    stack[3] = 2.5
    stack[4] += 1e300
    found = peaks.PeakSearch(weights, 41)(stack, NEAR * TIE * weights.max())
    assert found.open.tolist() == [False, True, True, True, True, False]
    assert set(found.image) == {0, 5}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_image_does_not_depend_on_its_neighbours_to_the_last_bit(dtype, rng):
    stack = images("noisy disk", 41, np.random.default_rng(1)).astype(dtype)
    stack = np.concatenate([stack, images("noise", 41, rng).astype(dtype), stack])
    tool = peaks.PeakSearch(kernel(), 41)
    tool._block = 5
    together = tool(stack, 1e-12)
    for i in range(len(stack)):
        alone = tool(stack[i : i + 1], 1e-12)
        mine = together.image == i
        for name in ("place", "value"):
            np.testing.assert_array_equal(getattr(together, name)[mine], getattr(alone, name))
        for name in ("mean", "deviation", "pixel", "lowest", "open"):
            assert getattr(together, name)[i] == getattr(alone, name)[0]
