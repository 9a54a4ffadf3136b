"""Laws that hold for every estimator; add yours to ESTIMATORS."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import lopsided, turned

from centering import (
    CenterOfMass,
    Estimator,
    Flag,
    GeometricMedian,
    PhaseCenter,
    ReferenceFreeAlignment,
    SelfConvolution,
    SurrogateCenter,
)

ESTIMATORS = {
    "mass": CenterOfMass(),
    "surrogate": SurrogateCenter(9),
    "surrogate, maps": SurrogateCenter(9, method="maps"),
    "surrogate, direct": SurrogateCenter(9, method="direct"),
    "surrogate, pyramid": SurrogateCenter(9, search="pyramid"),
    "racer": SurrogateCenter(9, score="racer"),
    "median": GeometricMedian(),
    "local median": GeometricMedian(9),
    "phase": PhaseCenter(),
    "self-convolution": SelfConvolution(),
    "reference-free": ReferenceFreeAlignment(9),
}
TOGETHER = {"reference-free"}  # the images of a stack are each other's reference
SIZES = pytest.mark.parametrize("size", [44, 45], ids=["even", "odd"])


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return ESTIMATORS[request.param]


def test_is_an_estimator_that_names_itself(estimator):
    assert isinstance(estimator, Estimator)
    assert estimator(lopsided(44)).estimator.startswith(type(estimator).__name__)


@SIZES
def test_follows_a_translation(estimator, size):
    start = estimator(lopsided(size)).displacement[0]
    assert np.hypot(*start) < 2.5
    for shift in [(0, 1), (-3, 2), (6, -6), (-7, -5)]:
        moved = estimator(lopsided(size, *shift)).displacement[0]
        np.testing.assert_allclose(moved, start + shift, rtol=0, atol=1e-9)


@SIZES
def test_follows_a_rotation_by_90_degrees(estimator, size):
    image = lopsided(size, -4, 3)
    row, column = estimator(image).displacement[0]
    np.testing.assert_allclose(estimator(turned(image)).displacement, [[-column, row]], rtol=0, atol=1e-9)


@SIZES
def test_follows_a_transposition(estimator, size):
    image = lopsided(size, -4, 3)
    expected = estimator(image).displacement[:, ::-1]
    np.testing.assert_allclose(estimator(image.T).displacement, expected, rtol=0, atol=1e-9)


@SIZES
def test_follows_flips_and_quarter_turns_of_noisy_images(estimator, size, rng):
    last = size - 1 - 2 * (size // 2)  # a pixel at d goes to last - d when its axis is reversed
    for _ in range(4):
        image = lopsided(size, -4, 3) + 0.5 * rng.normal(size=(size, size))
        row, column = estimator(image).displacement[0]
        for moved, expected in [
            (image[::-1], (last - row, column)),
            (image[:, ::-1], (row, last - column)),
            (np.rot90(image), (last - column, row)),
            (np.rot90(image, 2), (last - row, last - column)),
        ]:
            np.testing.assert_allclose(estimator(np.ascontiguousarray(moved)).displacement[0], expected, atol=1e-6)


def test_does_not_depend_on_scale_and_offset(estimator, rng):
    image = lopsided(44, 3, -2) + 0.05 * rng.normal(size=(44, 44))
    expected = estimator(image)
    for scaled in (1e-6 * image, 1e6 * image, 3.0 * image + 10.0):
        result = estimator(scaled)
        np.testing.assert_allclose(result.displacement, expected.displacement, rtol=0, atol=1e-8)
        np.testing.assert_allclose(result.score, expected.score, rtol=1e-6)
        np.testing.assert_array_equal(result.flags, expected.flags)


def test_single_precision_is_as_good(estimator, rng):
    image = lopsided(44, 3, -2) + 0.05 * rng.normal(size=(44, 44))
    single = estimator(image.astype(np.float32))
    assert single.displacement.dtype == np.float64
    np.testing.assert_allclose(single.displacement, estimator(image).displacement, rtol=0, atol=1e-3)


def test_integer_images_are_converted(estimator):
    image = np.rint(200 * lopsided(44, 3, -2)).astype(np.uint8)
    expected = estimator(image.astype(np.float64)).displacement
    np.testing.assert_allclose(estimator(image).displacement, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in TOGETHER])
def test_images_of_a_stack_do_not_see_each_other(name, rng):
    estimator = ESTIMATORS[name]
    stack = lopsided(44, 1, -2) + 0.05 * rng.normal(size=(3, 44, 44))
    whole = estimator(stack)
    assert whole.displacement.shape == (3, 2)
    assert whole.score.shape == whole.flags.shape == (3,)
    for i in range(3):
        for single in (estimator(stack[i]), estimator(stack[i : i + 1])):
            np.testing.assert_allclose(single.displacement[0], whole.displacement[i], rtol=0, atol=1e-12)
            assert single.flags[0] == whole.flags[i]


def test_leaves_its_input_alone(estimator, rng):
    stack = rng.normal(size=(2, 44, 44))
    stack[1, 2, 3] = np.nan
    before = stack.copy()
    stack.setflags(write=False)
    estimator(stack)
    np.testing.assert_array_equal(stack, before)


def test_unusable_images_are_flagged_and_leave_the_others_alone(estimator):
    stack = np.stack([lopsided(44, 2, 3)] * 4)
    expected = estimator(stack[3])
    stack[0, 20, 20] = np.nan
    stack[1, 0, 0] = -np.inf
    stack[2] = 7.0
    result = estimator(stack)
    assert result.flags[:3].tolist() == [Flag.NONFINITE, Flag.NONFINITE, Flag.FLAT]
    np.testing.assert_array_equal(result.displacement[:3], 0.0)
    assert np.isnan(result.score[:2]).all()
    np.testing.assert_allclose(result.displacement[3:], expected.displacement, rtol=0, atol=1e-12)
    assert result.flags[3] == expected.flags[0] == 0


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.ones((44, 44)) * 1j, TypeError, "complex"),
        (np.full((44, 44), "a"), TypeError, "dtype"),
        (np.ones((2, 44, 43)), ValueError, "44 x 43"),
        (np.ones((0, 44, 44)), ValueError, "empty"),
        (np.ones(44), ValueError, r"\(44,\)"),
    ],
)
def test_bad_images_are_named_in_one_sentence(estimator, images, error, message):
    with pytest.raises(error, match=message) as caught:
        estimator(images)
    assert "\n" not in str(caught.value)
