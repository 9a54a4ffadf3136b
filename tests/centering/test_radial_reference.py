"""The radial reference as an estimator: analytic truths, laws, bad input."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from symmetric import disc, distances, errors, gaussian, inside, ring, stack

from centering import Centers, Estimator, Flag, RadialReference, SurrogateCenter
from centering.radial.tuning import Tuning

FAST = {"max_shift": 8, "iterations": 5}


@pytest.fixture(scope="module")
def learned():
    """Return a reference learned from Gaussian spots, images and displacements."""
    images, displacement = stack(np.random.default_rng(1), 120, 40, gaussian(3), shift=6, noise=0.5)
    return RadialReference(10, **FAST).fit(images), images, displacement


# analytic truths


@pytest.mark.parametrize("noise", [1.0, 0.1], ids=["broad", "sharp"])
def test_reaches_the_cramer_rao_bound_and_does_not_beat_it(noise, rng):
    """A Gaussian spot a exp(-r^2 / 2 w^2): the information on either coordinate is pi a^2 / 2 / sigma^2."""
    count = 1500
    images, displacement = stack(rng, count, 48, gaussian(3), shift=6, noise=noise, dtype=np.float32)
    centers = RadialReference(12, **FAST)(images)
    bound = noise * np.sqrt(2 / np.pi)
    measured = np.sqrt(np.mean((centers.displacement - displacement) ** 2))
    uncertainty = 1 / np.sqrt(4 * count)
    # with noise as strong as the spot the bound is not tight: a few per cent of the posterior lies far from its peak
    assert 1 - 3 * uncertainty < measured / bound < (1.06 if noise == 1.0 else 1.02) + 3 * uncertainty


@pytest.mark.parametrize(
    ("profile", "radius", "noise"),
    [(gaussian(3), 12, 1.2), (gaussian(3), 12, 0.1), (disc(6), 10, 2.0), (lambda r: ring(7, 1.5)(r), 12, 1.0)],
    ids=["gaussian", "sharp", "disc", "ring"],
)
def test_ellipses_hold_the_part_of_the_errors_that_they_say(profile, radius, noise, rng):
    count = 1500
    images, displacement = stack(rng, count, 48, profile, shift=6, noise=noise, dtype=np.float32)
    centers = RadialReference(radius, max_shift=10)(images)
    for probability in (0.68, 0.95):
        deviation = np.sqrt(probability * (1 - probability) / count)
        assert inside(centers, displacement, probability) == pytest.approx(probability, abs=3.5 * deviation)


def test_profile_is_learned(rng):
    images, _ = stack(rng, 1600, 48, disc(6, edge=2), shift=5, noise=1.0)
    fitted = RadialReference(14, max_shift=8).fit(images)
    waves = fitted.templates.waves
    power = (waves.analyze(images)[0] ** 2 * waves.band).sum(axis=(1, 2)).mean() / waves.degrees
    rho = np.arange(2, 14)
    np.testing.assert_allclose(fitted.profile(rho)[0], disc(6, edge=2)(rho) / np.sqrt(power), atol=0.06)
    assert fitted.profile([14.5]) == 0.0
    assert np.diff(fitted.history).min() > -1e-4


def test_prior_is_learned_and_pulls(rng):
    images, displacement = stack(rng, 400, 48, gaussian(3), noise=1.5)
    displacement = rng.normal(0, 2.0, (400, 2))
    images = gaussian(3)(distances(48, displacement)) + 1.5 * rng.standard_normal((400, 48, 48))
    learned = RadialReference(12, max_shift=10).fit(images)
    assert learned.model.shift == pytest.approx(2.0, rel=0.15)
    narrow, flat = (RadialReference(12, max_shift=10, prior=prior)(images) for prior in (0.5, "flat"))
    assert np.hypot(*narrow.displacement.T).mean() < np.hypot(*flat.displacement.T).mean() / 2
    assert errors(learned(images), displacement).mean() < errors(flat, displacement).mean()


def test_dark_particles_are_found_as_well(rng):
    images, displacement = stack(rng, 100, 44, disc(6), shift=6, noise=0.8)
    bright, dark = (RadialReference(10, **FAST).fit(sign * images) for sign in (1, -1))
    np.testing.assert_allclose(dark(-images).displacement, bright(images).displacement, atol=1e-6)
    np.testing.assert_allclose(dark.coefficients, -bright.coefficients, atol=1e-6)
    assert np.median(errors(dark(-images), displacement)) < 0.7


def test_disks_that_leave_the_image_are_judged_by_what_is_seen(rng):
    """Displaced so far that a quarter of the disk is outside: no more error than the smaller information explains."""
    size, radius = 40, 14
    images, displacement = stack(rng, 300, size, ring(10, 2), shift=10, noise=0.8)
    assert len(SurrogateCenter(radius).landscape(images[0])[0]) == 2 * (19 - radius) + 2  # the others were excluded
    centers = RadialReference(radius, max_shift=13)(images)
    far = np.abs(displacement).max(axis=1) > 8
    assert np.median(errors(centers, displacement)[far]) < 0.5
    assert inside(centers, displacement, 0.95) > 0.9


def test_gradients_of_the_background_have_no_say(learned):
    fitted, images, _ = learned
    axis = np.arange(40.0)
    tilted = images + 30.0 - 0.2 * axis[:, None] + 0.5 * axis
    np.testing.assert_allclose(fitted(tilted).displacement, fitted(images).displacement, atol=1e-8)


def test_coloured_noise_is_whitened(rng):
    size, count = 48, 300
    clean, displacement = stack(rng, count, size, ring(9, 2), shift=6, noise=0.0)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    colour = np.sqrt(1.0 + 30.0 * np.exp(-((frequency / 0.04) ** 2)))
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((count, size, size))) * colour, s=(size, size))
    images = clean + 0.9 * noise
    # structure would take the colour for what the particles have beyond their profile
    options = {"max_shift": 8, "structure": False}
    whitened, plain = (RadialReference(13, whiten=whiten, **options)(images) for whiten in (True, False))
    assert np.mean(errors(whitened, displacement)) < 0.8 * np.mean(errors(plain, displacement))
    assert inside(whitened, displacement, 0.68) == pytest.approx(0.68, abs=0.12)
    assert inside(plain, displacement, 0.68) < 0.5


def test_scales_of_the_images_are_followed(rng):
    displacement = rng.uniform(-5, 5, (300, 2))
    scale = rng.choice([0.5, 1.5], 300)
    images = scale[:, None, None] * gaussian(3)(distances(40, displacement)) + 0.3 * rng.standard_normal((300, 40, 40))
    fitted = RadialReference(10, max_shift=8).fit(images)
    # images are scaled to unit power in the band, noise and spot together: brighter ones are scaled down
    waves = fitted.templates.waves
    power = (waves.analyze(images)[0] ** 2 * waves.band).sum(axis=(1, 2))
    relative = scale / np.sqrt(power)
    assert fitted.model.scale_deviation == pytest.approx(relative.std() / relative.mean(), rel=0.1)
    fixed = RadialReference(10, max_shift=8, contrast=False).fit(images)
    assert fixed.history[-1] < fitted.history[-1] - 0.1


def test_empty_boxes_have_the_lowest_scores(rng):
    images, _ = stack(rng, 300, 44, disc(6), shift=6, noise=1.5)
    empty = rng.choice(300, 30, replace=False)
    images[empty] = 1.5 * rng.standard_normal((30, 44, 44))
    fitted = RadialReference(10, **FAST).fit(images)
    centers = fitted(images)
    rank = np.argsort(np.argsort(centers.score))
    others = np.setdiff1d(np.arange(300), empty)
    area = np.mean(rank[others][:, None] > rank[empty])
    assert area > 0.98
    assert fitted.model.present == pytest.approx(0.9, abs=0.02)
    assert centers.has(Flag.OUTLIER)[empty].mean() > 0.9
    assert centers.has(Flag.OUTLIER)[others].mean() < 0.05


def test_only_noise_makes_the_root_of_the_likelihood_ratio_vary(rng):
    """All particles alike: their scores are ``(x + s)^2 / 2`` with x normal, so that of the root varies by 1/sqrt 2."""
    images, _ = stack(rng, 600, 44, disc(6), shift=6, noise=1.5)
    fitted = RadialReference(10, **FAST, contrast=False).fit(images)
    centers = fitted(images)
    root = np.sqrt(centers.score)
    assert np.std(root) == pytest.approx(np.sqrt(0.5), rel=0.15)
    assert centers.has(Flag.OUTLIER).mean() < 0.01
    # a particle of 0.4 times the amplitude has 0.16 times the likelihood ratio, below a fifth
    weak = 0.4 * images + np.sqrt(1 - 0.4**2) * 1.5 * rng.standard_normal(images.shape)
    assert fitted(weak).has(Flag.OUTLIER).mean() > 0.6


def test_profiles_of_a_mixture_are_told_apart(rng):
    kinds = rng.integers(0, 2, 300)
    displacement = rng.uniform(-4, 4, (300, 2))
    distance = distances(48, displacement)
    images = np.where(kinds[:, None, None], 0.9 * ring(9, 2)(distance), 1.5 * gaussian(4)(distance))
    images = images + rng.standard_normal(images.shape)
    fitted = RadialReference(14, max_shift=8, profiles="auto").fit(images)
    assert fitted.profile_choice.chosen == 2
    assert fitted.profile_choice.deficit[0] > 10 * fitted.profile_choice.error[0]
    probability = fitted.responsibilities(images)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, atol=1e-6)
    agreement = np.mean((probability[:, 1] > 0.5) == kinds)
    assert max(agreement, 1 - agreement) > 0.99
    one = RadialReference(14, max_shift=8)(images)
    assert np.mean(errors(fitted(images), displacement)) < 0.5 * np.mean(errors(one, displacement))


def test_radius_is_chosen_by_images_not_learned_from(rng):
    images, displacement = stack(rng, 160, 48, disc(8), shift=5, noise=1.0)
    fitted = RadialReference("auto", max_shift=8).fit(images)
    choice = fitted.radius_choice
    assert fitted.radius == choice.chosen
    assert 9 <= choice.chosen <= 14  # the edge of the disc is 2 pixels wide
    assert choice.deficit[choice.values < 7].min() > 5 * choice.error[choice.values < 7].max()
    assert f"{choice.chosen}" in str(choice)
    assert "<- chosen" in str(choice)
    assert np.median(errors(fitted(images), displacement)) < 0.5


# flags


def test_border_is_flagged(learned):
    fitted, _, _ = learned
    image = 3 * gaussian(3)(distances(40, [[11, 0], [3, 0]]))
    np.testing.assert_array_equal(fitted(image + 0.01 * np.eye(40)).has(Flag.BORDER), [True, False])


def test_two_equal_maxima_are_ambiguous_and_a_weaker_one_is_not(rng):
    images, _ = stack(rng, 100, 48, gaussian(2), shift=4, noise=0.5)
    fitted = RadialReference(7, max_shift=10, prior="flat").fit(images)
    pair = [[0, -5], [0, 5]]
    spots = gaussian(2)(distances(48, pair))
    noise = 0.5 * rng.standard_normal((48, 48))
    centers = fitted(np.stack([spots[0] + spots[1], spots[0] + 0.3 * spots[1]]) + 0.3 * noise)
    # the second is a particle of its own in the first image only; both are farther apart than the radius
    assert centers.has(Flag.NEIGHBOUR).tolist() == [True, False]
    near = gaussian(2)(distances(48, [[0, -3], [0, 3]])).sum(axis=0)
    single = fitted(np.stack([near + noise, spots[0] + 0.3 * noise]))
    assert not single.has(Flag.NEIGHBOUR).any()  # nearer than the radius
    assert not single.has(Flag.AMBIGUOUS)[1]


def test_ambiguous_needs_nearly_equal_probabilities(learned, rng):
    fitted = RadialReference(10, max_shift=8, prior="flat").fit(learned[1])
    base = gaussian(3)(distances(40, [[0, -5], [0, 5]]))
    # at a low signal-to-noise ratio even a difference in height of a few per cent decides or does not
    images = np.stack([base[0] + base[1], 1.3 * base[0] + 0.7 * base[1]])
    noise = 0.5 * rng.standard_normal((2, 40, 40))
    noise = 0.5 * (noise + noise[:, :, ::-1])  # the same on both sides (but for the first column)
    noise[:, :, 1:] = 0.5 * (noise[:, :, 1:] + noise[:, :, :0:-1])
    assert fitted(images + noise).has(Flag.AMBIGUOUS).tolist() == [True, False]


def test_unusable_images_are_flagged_and_leave_the_others_alone(learned):
    fitted, images, _ = learned
    sick = images[:5].copy()
    sick[0, 3, 4], sick[1, 0, 0] = np.nan, np.inf
    sick[2] = 7.0
    sick[3] = 5.0 + 3.0 * np.arange(40)
    centers = fitted(sick)
    assert centers.flags[:4].tolist() == [Flag.NONFINITE, Flag.NONFINITE, Flag.FLAT, Flag.FLAT]
    np.testing.assert_array_equal(centers.displacement[:4], 0.0)
    assert np.isnan(centers.score[:2]).all()
    assert (centers.score[2:4] == 0.0).all()
    assert np.isnan(centers.covariance[:4]).all()
    np.testing.assert_array_equal(centers.displacement[4], fitted(images[4]).displacement[0])
    whole = images.copy()
    whole[:4] = sick[:4]
    fit = RadialReference(10, **FAST)(whole)
    assert (fit.flags[:4] == centers.flags[:4]).all()
    np.testing.assert_allclose(fit.displacement[4:], fitted(images[4:]).displacement, atol=0.1)


# laws


def test_is_an_estimator_that_names_itself(learned):
    fitted, images, _ = learned
    assert isinstance(fitted, Estimator)
    assert fitted(images[:1]).estimator.startswith("FittedReference(radius=10, size=40")
    estimator = RadialReference(10, **FAST)
    assert isinstance(estimator, Estimator)
    assert estimator(images[:40]).estimator == repr(estimator)


@pytest.mark.parametrize("size", [40, 41], ids=["even", "odd"])
def test_follows_translation_rotation_and_transposition(size, rng):
    """Exact shifts and turns of one stack, the search region moving along."""
    images, _ = stack(rng, 30, size, gaussian(3), shift=3, noise=0.3)
    images[:, 0] = images[:, :, 0] = 0.0  # the row and column without a counterpart in even images
    reference = RadialReference(8, max_shift=8, prior="flat", iterations=3, whiten=False)
    start = reference(images).displacement
    first = 1 - size % 2
    turned = np.zeros_like(images)
    turned[:, first:, first:] = np.rot90(images[:, first:, first:], axes=(1, 2))
    expected = np.stack([-start[:, 1], start[:, 0]], axis=1)
    # the plane is fitted over the box, whose middle is not the centre pixel where n is even
    tolerance = 1e-6 if size % 2 else 0.02
    np.testing.assert_allclose(reference(turned).displacement, expected, atol=tolerance)
    np.testing.assert_allclose(reference(images.transpose(0, 2, 1)).displacement, start[:, ::-1], atol=1e-6)
    fitted = reference.fit(images)
    spot = gaussian(3)(distances(size, [[0, 0], [2, -3], [-4, 4], [1.5, 0.25]]))
    found = fitted(spot + 1e-3 * np.outer(np.arange(size), np.ones(size))).displacement
    np.testing.assert_allclose(found, [[0, 0], [2, -3], [-4, 4], [1.5, 0.25]], atol=0.01)


def test_does_not_depend_on_scale_and_offset(learned):
    fitted, images, _ = learned
    expected = fitted(images[:20])
    for scaled in (1e-6 * images[:20], 1e6 * images[:20], 3.0 * images[:20] + 100.0):
        result = fitted(scaled)
        np.testing.assert_allclose(result.displacement, expected.displacement, atol=1e-7)
        np.testing.assert_allclose(result.score, expected.score, rtol=1e-6)
    again = RadialReference(10, **FAST)(50.0 * images - 20.0)
    np.testing.assert_allclose(again.displacement, fitted(images).displacement, atol=1e-6)


def test_single_precision_is_as_good(learned):
    fitted, images, _ = learned
    double, single = fitted(images), fitted(images.astype(np.float32))
    assert single.displacement.dtype == np.float64
    np.testing.assert_allclose(single.displacement, double.displacement, atol=1e-3)
    np.testing.assert_allclose(single.score, double.score, rtol=1e-3)
    refit = RadialReference(10, **FAST)(images.astype(np.float32))
    np.testing.assert_allclose(refit.displacement, double.displacement, atol=5e-3)


def test_fitted_images_do_not_see_each_other(learned):
    fitted, images, _ = learned
    whole = fitted(images[:50])
    for part in (slice(0, 1), slice(7, 20), slice(33, 50)):
        alone = fitted(images[part])
        np.testing.assert_array_equal(alone.displacement, whole.displacement[part])
        np.testing.assert_array_equal(alone.score, whole.score[part])
        np.testing.assert_array_equal(alone.covariance, whole.covariance[part])


def test_order_of_the_images_does_not_matter(learned, rng):
    _, images, _ = learned
    order = rng.permutation(len(images))
    reference = RadialReference(10, **FAST)
    np.testing.assert_allclose(reference(images[order]).displacement, reference(images).displacement[order], atol=1e-7)


def test_leaves_its_input_alone(learned):
    images = learned[1][:40].copy()
    images[1, 2, 3] = np.nan
    before = images.copy()
    images.setflags(write=False)
    RadialReference(10, **FAST)(images)
    np.testing.assert_array_equal(images, before)


def test_integer_images_are_converted(learned):
    fitted, images, _ = learned
    whole = np.rint(100 * images[:10]).astype(np.int16)
    expected = fitted(whole.astype(np.float64)).displacement
    np.testing.assert_allclose(fitted(whole).displacement, expected, atol=1e-3)


def test_one_image_finds_its_own_center():
    image = gaussian(3)(distances(40, [[4, -3]])) + 0.1 * np.random.default_rng(0).standard_normal((1, 40, 40))
    centers = RadialReference(10, **FAST)(image[0])
    np.testing.assert_allclose(centers.displacement, [[4, -3]], atol=0.2)


def test_pickles_and_compares(learned):
    fitted, images, _ = learned
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy(images[:3]).displacement, fitted(images[:3]).displacement)
    assert RadialReference(10) == RadialReference(10)
    assert "radius=10" in repr(RadialReference(10))


# streams


def test_batches_of_any_kind_teach_the_same(learned, tmp_path):
    fitted, images, _ = learned
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    cuts = [0, 50, 51, 100, 120]
    parts = [images[a:b] for a, b in itertools.pairwise(cuts)]
    calls = []

    def produce():
        calls.append(1)
        return iter(parts)

    reference = RadialReference(10, **FAST)
    for source in (parts, tuple(parts), produce, mapped, list(images)):
        np.testing.assert_allclose(reference.fit(source).coefficients, fitted.coefficients, atol=1e-7)
    assert len(calls) >= 2


def test_large_stacks_are_read_once_for_each_iteration(learned, monkeypatch):
    fitted, images, _ = learned
    monkeypatch.setattr("centering.radial.batches.TUNING", Tuning(kept_bytes=100_000))
    calls = []

    def produce():
        calls.append(1)
        yield images[:60]
        yield images[60:]

    again = RadialReference(10, **FAST).fit(produce)
    np.testing.assert_allclose(again.coefficients, fitted.coefficients, atol=1e-9)
    assert len(calls) == FAST["iterations"] + 1  # and once for the start


def test_a_random_part_teaches_for_all(learned):
    _, images, displacement = learned
    some = RadialReference(10, learn_from=60, seed=3, **FAST)
    centers = some(images)
    assert np.median(errors(centers, displacement)) < 0.6
    np.testing.assert_array_equal(some(images).displacement, centers.displacement)
    other = RadialReference(10, learn_from=60, seed=4, **FAST)(images)
    assert (other.displacement != centers.displacement).any()


# bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0}, "radius is 0"),
        ({"radius": "large"}, "'large'"),
        ({"radius": 8, "prior": "cauchy"}, "'cauchy'"),
        ({"radius": 8, "prior": -1.0}, "-1.0"),
        ({"radius": 8, "prior": np.inf}, "inf"),
        ({"radius": 8, "iterations": 0}, "iterations"),
        ({"radius": 8, "max_shift": -2}, "-2"),
        ({"radius": 8, "profiles": "many"}, "'many'"),
        ({"radius": 8, "profiles": 0}, "profiles"),
        ({"radius": 8, "learn_from": 0}, "learn_from"),
    ],
)
def test_bad_options_are_named_in_one_sentence(options, message):
    radius = options.pop("radius")
    with pytest.raises(ValueError, match=message) as caught:
        RadialReference(radius, **options)
    assert "\n" not in str(caught.value)


def test_bad_images_are_named_in_one_sentence(learned):
    fitted, images, _ = learned
    with pytest.raises(ValueError, match="radius 25 needs a disk of 51"):
        RadialReference(25)(images)
    with pytest.raises(ValueError, match="learned from images of 40"):
        fitted(np.zeros((2, 44, 44)))
    with pytest.raises(ValueError, match="44"):
        RadialReference(10).fit([images[:4], np.zeros((2, 44, 44))])
    with pytest.raises(TypeError, match="only once"):
        RadialReference(10).fit(iter([images]))
    with pytest.raises(ValueError, match="constant"):
        RadialReference(10)(np.ones((3, 40, 40)))
    for estimator in (RadialReference(10), fitted):
        with pytest.raises(TypeError, match="complex"):
            estimator(images * 1j)
        with pytest.raises(ValueError, match="40 x 39"):
            estimator(images[:, :, :39])
        with pytest.raises(ValueError, match="empty"):
            estimator(images[:0])
    with pytest.raises(TypeError, match="basis"):
        RadialReference(10, basis=3)


def test_stack_without_a_finite_image_is_flagged():
    centers = RadialReference(10)(np.full((3, 40, 40), np.nan))
    assert isinstance(centers, Centers)
    assert (centers.flags == Flag.NONFINITE).all()
    with pytest.raises(ValueError, match="NaN"):
        RadialReference(10).fit(np.full((3, 40, 40), np.nan))


def test_a_basis_of_ones_own_is_used(rng):
    from pswf import Zernike

    images, displacement = stack(rng, 60, 40, gaussian(3), shift=5, noise=0.5)
    fitted = RadialReference(10, basis=Zernike(count=8), **FAST).fit(images)
    assert fitted.coefficients.shape == (1, 8)
    assert np.median(errors(fitted(images), displacement)) < 0.6
