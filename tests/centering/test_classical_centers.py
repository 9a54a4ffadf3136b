"""Centre of mass, geometric medians, phase centre and self-convolution against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from phantoms import lopsided

from centering import CenterOfMass, Flag, GeometricMedian, PhaseCenter, SelfConvolution

SIZES = pytest.mark.parametrize("size", [20, 21], ids=["even", "odd"])
EXACT_ON_A_PIXEL = [CenterOfMass(), GeometricMedian(), GeometricMedian(3), PhaseCenter(), SelfConvolution()]


@SIZES
@pytest.mark.parametrize("estimator", EXACT_ON_A_PIXEL, ids=repr)
def test_single_bright_pixel(estimator, size):
    for row, column in [(size // 2, size // 2), (4, 12), (14, 5)]:
        image = np.zeros((size, size))
        image[row, column] = 2.5
        result = estimator(image)
        np.testing.assert_allclose(result.displacement, [[row - size // 2, column - size // 2]], atol=1e-9)
        assert result.flags[0] == 0


@SIZES
@pytest.mark.parametrize("estimator", EXACT_ON_A_PIXEL, ids=repr)
def test_pair_of_pixels_has_its_center_between_them(estimator, size):
    image = np.zeros((size, size))
    image[9, 8:10] = 1.0
    expected = [[9 - size // 2, 8.5 - size // 2]]
    np.testing.assert_allclose(estimator(image).displacement, expected, atol=1e-9)


@SIZES
def test_center_of_mass_is_that_of_scipy(size, rng):
    images = rng.random((4, size, size))
    expected = [scipy.ndimage.center_of_mass(image - image.min()) for image in images]
    np.testing.assert_allclose(CenterOfMass()(images).displacement, np.array(expected) - size // 2, atol=1e-12)


def distances(size, candidates, radius):
    """Return min(d, R) between every candidate and every pixel, (h, w, n, n)."""
    pixel = np.arange(size) - size // 2
    rows = (candidates[:, None] - pixel)[:, None, :, None]
    columns = (candidates[:, None] - pixel)[None, :, None, :]
    return np.minimum(np.hypot(rows, columns), radius)


@SIZES
@pytest.mark.parametrize("radius", [None, 6])
def test_medians_minimise_the_sum_of_distances(size, radius, rng):
    images = lopsided(size, 1, -2) + 0.2 * rng.random((3, size, size))
    border = radius or 0
    axis = np.arange(border, size - border) - size // 2
    table = distances(size, axis, radius or np.inf)
    expected = np.einsum("rcij,bij->brc", table, images - images.min(axis=(1, 2), keepdims=True))
    result = GeometricMedian(radius).landscape(images)
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    for surface, displacement in zip(expected, GeometricMedian(radius)(images).displacement, strict=True):
        i, j = np.unravel_index(surface.argmin(), surface.shape)
        np.testing.assert_allclose(displacement, [axis[i], axis[j]], atol=1.0)


def test_local_median_ignores_a_bright_neighbor():
    image = lopsided(64, -8, -8)
    alone = GeometricMedian(10)(image).displacement
    image[50:56, 50:56] = 0.5
    np.testing.assert_allclose(GeometricMedian(10)(image).displacement, alone, atol=1e-9)
    assert np.abs(GeometricMedian()(image).displacement - alone).max() > 2
    assert np.abs(CenterOfMass()(image).displacement - alone).max() > 2


def test_local_median_does_not_flee_into_emptiness():
    image = lopsided(41, 3, 2)
    # the sum over the disk alone is least, namely 0, where the disk is empty
    plain = GeometricMedian(6).landscape(image)[0]
    row, column = np.unravel_index(plain.argmin(), plain.shape)
    assert np.hypot(row - 14 - 3, column - 14 - 2) < 2
    np.testing.assert_allclose(plain[0, 0], 6 * image.sum())


def test_disks_without_pixels_are_flat():
    image = np.zeros((21, 21))
    image[0, 0] = 1.0
    assert GeometricMedian(4)(image).flags[0] == Flag.FLAT


def test_median_on_the_border_of_its_candidates_is_flagged():
    assert GeometricMedian(12)(lopsided(41, 10, 0)).flags[0] == Flag.BORDER


@SIZES
@pytest.mark.parametrize("displacement", [(0.0, 0.0), (2.3, -4.6), (-7.25, 8.5)])
def test_phase_center_is_exact_on_a_periodic_wave(size, displacement):
    angle = [2 * np.pi * (np.arange(size) - size // 2 - d) / size for d in displacement]
    image = 3.0 + np.cos(angle[0])[:, None] + 0.5 * np.cos(angle[1])
    np.testing.assert_allclose(PhaseCenter()(image).displacement, [displacement], atol=1e-9)


def test_phase_center_of_opposite_pixels_is_flat():
    image = np.zeros((8, 8))
    image[1, 1] = image[5, 5] = 1.0
    assert PhaseCenter()(image).flags[0] == Flag.FLAT


def test_phase_score_is_the_resultant_length():
    image = np.zeros((8, 8))
    image[4, 4] = 1.0
    assert PhaseCenter()(image).score[0] == pytest.approx(1.0)
    image[4, 6] = 1.0  # a quarter of a turn apart: |1 + i| / 2
    assert PhaseCenter()(image).score[0] == pytest.approx(np.sqrt(0.5))


@SIZES
def test_self_convolution_is_half_the_peak_of_the_convolution(size, rng):
    image = lopsided(size, 2, -1) + 0.1 * rng.random((size, size))
    centered = image - np.median(image)
    convolution = scipy.signal.convolve(centered, centered, method="direct")
    peak = np.array(np.unravel_index(convolution.argmax(), convolution.shape)) / 2 - size // 2
    np.testing.assert_allclose(SelfConvolution()(image).displacement, [peak], atol=0.5)


@SIZES
@pytest.mark.parametrize("sign", [1, -1], ids=["bright", "dark"])
def test_self_convolution_of_a_symmetric_object(size, sign):
    axis = np.arange(size) - size // 2
    squared = (axis[:, None] - 2.25) ** 2 / 9 + (axis + 1.6) ** 2 / 4
    image = 10 + sign * np.exp(-squared)
    np.testing.assert_allclose(SelfConvolution()(image).displacement, [[2.25, -1.6]], atol=0.02)


def test_median_radius_is_checked():
    with pytest.raises(ValueError, match="radius is 0"):
        GeometricMedian(0)
    with pytest.raises(ValueError, match="disk of 11 pixels"):
        GeometricMedian(5)(np.eye(10))
