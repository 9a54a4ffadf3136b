"""Laws that hold for every estimator of the registry; what its `EstimatorSpec` says decides which."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache

import numpy as np
import pytest
from phantoms import lopsided, turned

from centering import Estimator, Flag
from centering.estimators.registry import estimator_names, find, make_estimator

SPECS = {name: find(name) for name in estimator_names()}
RADIUS = 9
CASES = {name: (name, RADIUS, {}) for name in SPECS} | {
    "surrogate, maps": ("surrogate", RADIUS, {"method": "maps"}),
    "surrogate, direct": ("surrogate", RADIUS, {"method": "direct"}),
    "surrogate, pyramid": ("surrogate", RADIUS, {"search": "pyramid"}),
    "median of all": ("median", None, {}),
    # a prior that draws towards the middle of the box does not follow a translation
    "radial-reference": ("radial-reference", RADIUS, {"prior": "flat", "iterations": 2}),
}
SIZES = pytest.mark.parametrize("size", [44, 45], ids=["even", "odd"])


@cache
def lessons(size):
    """Images to learn from."""
    rng = np.random.default_rng(3)
    shifts = rng.uniform(-6, 6, (120, 2))
    return np.stack([lopsided(size, *shift) for shift in shifts]) + 0.3 * rng.normal(size=(120, size, size))


class Case:
    """An estimator of the registry; one that learns has learned from images of the size of those it is shown."""

    def __init__(self, name):
        self.name, self.radius, self.options = CASES[name]
        self.spec = SPECS[self.name]

    @cache  # noqa: B019
    def made(self, size=44):
        made = self.spec.make(self.radius, **self.options)
        return made.fit(lessons(size)) if self.spec.learns else made

    def __call__(self, images):
        shape = np.shape(images)
        return self.made(shape[-1] if shape[-1:] in [(44,), (45,)] else 44)(images)

    def close(self, found, expected, *, atol=0.0, rtol=0.0):
        """Assert that two results are equal but for rounding; a posterior in single precision rounds more."""
        least = 2e-3 if self.spec.learns else 0.0
        np.testing.assert_allclose(
            found, expected, rtol=max(rtol, least * (rtol > 0)), atol=max(atol, least * (atol > 0))
        )


@pytest.fixture(scope="module", params=CASES)
def estimator(request):
    return Case(request.param)


def test_is_an_estimator_that_names_itself(estimator):
    made = estimator.made()
    assert isinstance(made, Estimator)
    assert made(lopsided(44)).estimator.startswith(type(made).__name__)


def test_lies_between_the_pixels(estimator):
    """A refinement that fails leaves a pixel, or the half of one; of images in noise none may without a flag."""
    rng = np.random.default_rng(11)
    noise = rng.choice([0.1, 0.4, 1.6], size=(40, 1, 1)) * rng.normal(size=(40, 44, 44))
    images = np.stack([lopsided(44, *shift) for shift in rng.uniform(-6, 6, (40, 2))]) + noise
    centers = estimator(images)
    twice = 2.0 * centers.displacement
    assert not ((twice == np.rint(twice)).any(axis=1) & (centers.flags == 0)).any()


def test_is_what_its_entry_says(estimator):
    spec, made = estimator.spec, estimator.made()
    unlearned = spec.make(estimator.radius, **estimator.options)
    assert hasattr(unlearned, "fit") == spec.learns
    assert getattr(unlearned, "together", False) == spec.together
    assert hasattr(made, "landscape") == hasattr(made, "surface") == spec.landscape
    assert (made(lopsided(44)).covariance is not None) == spec.uncertainty
    for option in spec.options:
        if option.name not in estimator.options and hasattr(unlearned, option.name):
            value = getattr(unlearned, option.name)
            assert spec.make(estimator.radius, **estimator.options, **{option.name: value}) == unlearned
    with pytest.raises(ValueError, match="needs the size") if spec.needs_radius else nullcontext():
        make_estimator(spec.name, None)


def test_the_landscape_is_least_at_the_centre(estimator):
    if not estimator.spec.landscape:
        pytest.skip("has none")
    image = lopsided(44, -4, 3)
    found = estimator.made().surface(image)
    assert found.values.shape == (len(found.rows), len(found.columns))
    row, column = np.unravel_index(found.values.argmin(), found.values.shape)
    np.testing.assert_allclose(
        (found.rows[row], found.columns[column]), estimator(image).displacement[0], rtol=0, atol=1.0
    )


def test_the_covariance_is_one(estimator, rng):
    covariance = estimator(lopsided(44, 3, -2) + 0.3 * rng.normal(size=(4, 44, 44))).covariance
    if not estimator.spec.uncertainty:
        assert covariance is None
        return
    assert covariance.shape == (4, 2, 2)
    np.testing.assert_allclose(covariance, covariance.transpose(0, 2, 1), rtol=1e-12)
    assert (np.linalg.eigvalsh(covariance) > 0).all()


@SIZES
def test_follows_a_translation(estimator, size):
    start = estimator(lopsided(size)).displacement[0]
    assert np.hypot(*start) < 2.5
    for shift in [(0, 1), (-3, 2), (6, -6), (-7, -5)]:
        moved = estimator(lopsided(size, *shift)).displacement[0]
        estimator.close(moved, start + shift, atol=1e-9)


@SIZES
def test_follows_a_rotation_by_90_degrees(estimator, size):
    image = lopsided(size, -4, 3)
    row, column = estimator(image).displacement[0]
    estimator.close(estimator(turned(image)).displacement, [[-column, row]], atol=1e-9)


@SIZES
def test_follows_a_transposition(estimator, size):
    image = lopsided(size, -4, 3)
    expected = estimator(image).displacement[:, ::-1]
    estimator.close(estimator(image.T).displacement, expected, atol=1e-9)


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
            estimator.close(estimator(np.ascontiguousarray(moved)).displacement[0], expected, atol=1e-6)


def test_does_not_depend_on_scale_and_offset(estimator, rng):
    image = lopsided(44, 3, -2) + 0.05 * rng.normal(size=(44, 44))
    expected = estimator(image)
    for scaled in (1e-6 * image, 1e6 * image, 3.0 * image + 10.0):
        result = estimator(scaled)
        estimator.close(result.displacement, expected.displacement, atol=1e-8)
        estimator.close(result.score, expected.score, rtol=1e-6)
        np.testing.assert_array_equal(result.flags, expected.flags)


def test_single_precision_is_as_good(estimator, rng):
    image = lopsided(44, 3, -2) + 0.05 * rng.normal(size=(44, 44))
    single = estimator(image.astype(np.float32))
    assert single.displacement.dtype == np.float64
    estimator.close(single.displacement, estimator(image).displacement, atol=1e-3)


def test_integer_images_are_converted(estimator):
    image = np.rint(200 * lopsided(44, 3, -2)).astype(np.uint8)
    expected = estimator(image.astype(np.float64)).displacement
    estimator.close(estimator(image).displacement, expected, atol=1e-5)


def test_images_of_a_stack_do_not_see_each_other(estimator, rng):
    if estimator.spec.together:
        pytest.skip("the images of a stack are each other's reference")
    stack = lopsided(44, 1, -2) + 0.05 * rng.normal(size=(3, 44, 44))
    whole = estimator(stack)
    assert whole.displacement.shape == (3, 2)
    assert whole.score.shape == whole.flags.shape == (3,)
    for i in range(3):
        for single in (estimator(stack[i]), estimator(stack[i : i + 1])):
            estimator.close(single.displacement[0], whole.displacement[i], atol=1e-12)
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
    estimator.close(result.displacement[3:], expected.displacement, atol=1e-12)
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
