"""Nothing finite breaks an estimator, and the quick search finds what the landscape of the equation says.

CENTERING_SWEEP=N draws N images instead of a few, CENTERING_SEED=S others: 20000 are drawn before a release.
"""

from __future__ import annotations

import os
import warnings
from functools import cache

import numpy as np
import pytest
from hostile_images import any_image, structured_image

from centering import Flag, SurrogateCenter, landscape
from centering.estimators.registry import estimator_names, find

SWEEP = int(os.environ.get("CENTERING_SWEEP", "0"))
SEED = int(os.environ.get("CENTERING_SEED", "20"))
SHAPES = [(24, 5), (33, 8), (40, 9), (45, 16)]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def check_results(centers, size, stack):
    assert np.isfinite(centers.displacement).all()
    assert (np.abs(centers.displacement) <= size).all()
    assert not centers.has(Flag.NONFINITE).any()
    score = centers.score
    assert (np.isfinite(score) | np.isnan(score)).all()


@DTYPES
def test_fused_centres_any_finite_image_as_maps_does_or_flags_it(dtype):
    rng = np.random.default_rng(SEED)
    for block in range(max(SWEEP // 2 // 100, 2)):
        size, radius = SHAPES[block % len(SHAPES)]
        stack = np.stack([any_image(rng, size, dtype) for _ in range(100)])
        found = SurrogateCenter(radius)(stack)
        expected = SurrogateCenter(radius, method="maps")(stack.astype(np.float64))
        check_results(found, size, stack)
        check_results(expected, size, stack)
        apart = np.abs(found.displacement - expected.displacement).max(axis=1)
        wrong = (apart > 0.05) & (found.flags == 0)
        assert not wrong.any(), (size, radius, block, np.flatnonzero(wrong), apart[wrong])
        # what is flagged is flagged for a reason that the landscape of the equation sees as well
        doubted = (found.flags != 0) != (expected.flags != 0)
        assert not doubted.any(), (size, radius, block, np.flatnonzero(doubted), found.flags[doubted])


@pytest.mark.parametrize(("size", "radius"), [(96, 30), (64, 11), (33, 8)])
def test_fused_finds_the_candidate_of_maps_on_structured_images(size, radius):
    rng = np.random.default_rng(SEED)
    fused, maps = (SurrogateCenter(radius, method=method, subpixel=False) for method in ("fused", "maps"))
    kernel = fused._plan(size).search.kernel
    middle = np.array([size // 2 - radius] * 2)
    for _ in range(max(SWEEP // 3 // 20, 1)):
        stack = np.stack([structured_image(rng, size, radius, kernel) for _ in range(20)])
        for dtype in (np.float32, np.float64):
            images = stack.astype(dtype)
            found, expected = fused(images), maps(images.astype(np.float64))
            surfaces = landscape(images, radius)
            place = found.displacement.astype(int) + middle
            values = surfaces[np.arange(len(surfaces)), place[:, 0], place[:, 1]]
            least = surfaces.min(axis=(1, 2))
            equal = (values - least <= 1e-9) | found.has(Flag.FLAT)
            assert equal.all(), (size, dtype, np.flatnonzero(~equal), (values - least)[~equal])
            np.testing.assert_array_equal(found.has(Flag.FLAT), expected.has(Flag.FLAT))
            clear = found.flags & int(Flag.FLAT | Flag.AMBIGUOUS) == 0
            np.testing.assert_array_equal(found.displacement[clear], expected.displacement[clear])
            np.testing.assert_array_equal(found.flags, expected.flags)


SPECS = {name: find(name) for name in estimator_names()}
# with fewer sweeps, which take long
FEW = {"alignment": {"sweeps": 2}, "radial-reference": {"iterations": 2}}
ESTIMATORS = {name: (name, FEW.get(name, {})) for name in SPECS} | {
    "direct": ("surrogate", {"method": "direct"}),
    "pyramid": ("surrogate", {"search": "pyramid"}),
    "median of all": ("median", {"radius": None}),
}


@cache
def made(case):
    """Return an estimator of the registry; one that learns has learned from images with a particle in noise."""
    name, options = ESTIMATORS[case]
    estimator = SPECS[name].make(**({"radius": 5} | options))
    if not SPECS[name].learns:
        return estimator
    rng = np.random.default_rng(SEED)
    images = rng.normal(size=(120, 24, 24))
    for image, (row, column) in zip(images, rng.integers(5, 12, (120, 2)), strict=True):
        image[row : row + 7, column : column + 7] += 2.0
    return estimator.fit(images)


@DTYPES
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_takes_any_finite_image(name, dtype):
    rng = np.random.default_rng(SEED + 1)
    for _ in range(max(SWEEP // len(ESTIMATORS) // 2 // 30, 1)):
        stack = np.stack([any_image(rng, 24, dtype) for _ in range(30)])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            centers = made(name)(stack)
        check_results(centers, 24, stack)


@pytest.mark.parametrize("name", [name for name, (one, _) in ESTIMATORS.items() if not SPECS[one].together])
def test_a_power_of_two_changes_nothing_at_all(name, rng):
    image = rng.normal(size=(24, 24))
    image[8:15, 9:16] += 3.0
    # few bits for each pixel, so that the least magnitudes hold them as well
    image = np.round(image * 64)
    expected = made(name)(image)
    for exponent in (-1074, -500, -140, 60, 127, 600, 1010):
        result = made(name)(np.ldexp(image, exponent))
        # the quick search keeps to magnitudes at which single precision neither over- nor underflows
        quick = name in ("surrogate", "racer")
        np.testing.assert_allclose(result.displacement, expected.displacement, rtol=0, atol=1e-12 * quick)
        np.testing.assert_allclose(result.score, expected.score, rtol=1e-5 * quick)
        np.testing.assert_array_equal(result.flags, expected.flags)


@pytest.mark.parametrize(("dtype", "value"), [(np.float32, 1e20), (np.float64, 1e155)])
def test_one_bright_pixel_in_a_large_image(dtype, value, rng):
    stack = rng.normal(size=(2, 185, 185)).astype(dtype)
    stack[0, 100, 80] = value
    centers = SurrogateCenter(45)(stack)
    expected = SurrogateCenter(45, method="maps")(stack.astype(np.float64))
    np.testing.assert_allclose(centers.displacement, expected.displacement, atol=1e-3)
    np.testing.assert_array_equal(centers.flags, expected.flags)
    assert (centers.score > 0).all()


@pytest.mark.parametrize("scale", [1e-30, 1e14, 1e15, 1e30])
def test_the_score_does_not_vanish_with_the_scale(scale, rng):
    image = rng.normal(size=(1, 64, 64)).astype(np.float32)
    expected = SurrogateCenter(15)(image)
    result = SurrogateCenter(15)(image * np.float32(scale))
    np.testing.assert_allclose(result.score, expected.score, rtol=1e-5)
    np.testing.assert_allclose(result.displacement, expected.displacement, atol=1e-3)


def test_a_large_offset_does_not_hide_a_particle_in_single_precision(rng):
    axis = np.arange(64) - 32
    particle = np.exp(-((axis[:, None] - 5) ** 2 + (axis + 3) ** 2) / 60.0)
    image = (particle + 0.2 * rng.normal(size=(64, 64)) + 1e5).astype(np.float32)
    expected = SurrogateCenter(15, method="maps")(image.astype(np.float64))
    np.testing.assert_allclose(SurrogateCenter(15)(image).displacement, expected.displacement, atol=1e-3)


def test_a_thin_ring_is_where_the_equation_puts_it():
    axis = np.arange(96) - 48
    # among the places that a search by low frequencies with an estimate of the rest gets wrong
    places = np.array([(-5.115, 3.95), (4.036, 1.072), (-1.143, 4.139), (4.593, 4.639)])[:, :, None, None]
    distance = np.hypot(axis[:, None] - places[:, 0], axis - places[:, 1])
    for rings in (np.exp(-(((distance - 3.7) / 1.2) ** 2)), (np.abs(distance - 3.7) < 0.6).astype(float)):
        fused, maps = (SurrogateCenter(30, method=method)(rings) for method in ("fused", "maps"))
        np.testing.assert_allclose(fused.displacement, maps.displacement, atol=1e-6)


@pytest.mark.parametrize("value", [1.6193366, 3.0, 1e-5])
def test_pixels_that_differ_in_their_last_bit_are_judged_by_their_differences(value, rng):
    images = np.full((20, 33, 33), value, dtype=np.float32)
    for image in images:
        image[tuple(rng.integers(0, 33, (2, 10)))] = np.nextafter(np.float32(value), np.float32(0))
    fused, maps = (SurrogateCenter(8, method=method) for method in ("fused", "maps"))
    found, expected = fused(images), maps(images.astype(np.float64))
    np.testing.assert_allclose(found.displacement, expected.displacement, atol=1e-3)
    np.testing.assert_array_equal(found.flags, expected.flags)


@pytest.mark.parametrize("period", [1, 2, 4])
def test_a_checkerboard_is_settled_alike_and_flagged_by_every_method(period):
    cell = np.arange(33) // period
    board = ((cell[:, None] + cell) % 2).astype(float)
    results = [SurrogateCenter(8, method=method)(board) for method in ("direct", "maps", "fused")]
    for result in results:
        assert result.flags[0] & int(Flag.FLAT | Flag.AMBIGUOUS)
        np.testing.assert_allclose(result.displacement, results[0].displacement, atol=1e-6)
        assert result.flags[0] == results[0].flags[0]


def test_pixels_beyond_the_range_of_doubles_are_infinite():
    stack = np.zeros((2, 9, 9), np.longdouble)
    stack[:, 4, 4] = np.finfo(np.longdouble).max, 1.0
    if np.finfo(np.longdouble).maxexp == np.finfo(np.float64).maxexp:
        pytest.skip("no type is wider than doubles")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        centers = SurrogateCenter(3)(stack)
    assert centers.has(Flag.NONFINITE).tolist() == [True, False]
