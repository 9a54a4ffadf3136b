"""What particles have beyond their radial profile: its spectrum, and what it does to centres and uncertainties."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from symmetric import disc, distances, errors, gaussian, inside, ring, stack

from centering import Flag, RadialReference, simulate
from centering.radial.learning import Freedom
from centering.radial.noise import whole_power
from centering.radial.posterior import Expectation, Model, observe
from centering.radial.start import model_from_positions
from centering.radial.structure import _residuals, learn_structure
from centering.radial.templates import Templates
from centering.radial.tuning import Tuning
from centering.radial.waves import Waves


@pytest.mark.parametrize("size", [16, 17], ids=["even", "odd"])
def test_expected_squares_of_white_noise_are_sums_over_all_pixels(size):
    waves = Waves(size, 5, 6)
    units = np.eye(size**2).reshape(-1, size, size)
    np.testing.assert_allclose(waves.white(), ((waves.analyze(units)[0] * waves.band) ** 2).sum(axis=0), atol=1e-13)


@pytest.mark.parametrize("size", [20, 21], ids=["even", "odd"])
def test_planes_of_a_template_are_inner_products(size, rng):
    templates = Templates(Waves(size, 6, 7))
    waves = templates.waves
    coefficients = rng.normal(size=(2, templates.count))
    row, column = 5, -6  # the disk leaves the image
    kernels = waves.kernel(templates.transform(coefficients), size)
    rows, columns = waves.pixels - row + size, waves.pixels - column + size
    images = kernels[:, rows[:, None], columns]
    flat, _ = waves.analyze(images)
    whole = waves.along(waves.pixels) @ images @ waves.along(waves.pixels).T * waves.band
    planes = templates.planes(coefficients)[:, :, row + 7, column + 7]
    np.testing.assert_allclose(np.tensordot(planes, waves.planes, axes=1), whole - flat * waves.band, atol=1e-11)


def test_residual_is_what_the_template_leaves_of_the_image(rng):
    """A posterior that is sure of one candidate: subtract the template less its plane, pixel by pixel."""
    size = 40
    waves = Waves(size, 6, 7)
    templates = Templates(waves)
    model = Model(rng.normal(size=(1, templates.count)), np.ones(1), 0.9, 0.2, 4.0)
    images = rng.normal(size=(2, size, size)) + 0.3 * waves.pixels
    observation = observe(images, waves)
    expectation = Expectation(templates, model)
    posterior = expectation(observation)
    sure = np.zeros_like(posterior.probability)
    candidates = [(4, 11), (9, 2)]
    for image, (row, column) in enumerate(candidates):
        sure[image, 0, row, column] = 1.0
    posterior = replace(
        posterior,
        probability=sure,
        mean=waves.shifts[np.array(candidates)].astype(float),
        sharp=np.zeros(2, dtype=bool),
    )
    chosen = np.array([1, 0])
    kernels = waves.kernel(templates.transform(model.coefficients), size)[0]
    for image, (left, variance) in zip(chosen, _residuals(expectation, observation, posterior, chosen), strict=True):
        row, column = candidates[image]
        rows = waves.pixels - waves.shifts[row] + size
        columns = waves.pixels - waves.shifts[column] + size
        template, _ = waves.analyze(kernels[rows[:, None], columns][None])
        scale, square = (part[image, 0, row, column] for part in (posterior.scale, posterior.square))
        literal = observation.coefficients[image] - scale * template[0] * waves.band
        np.testing.assert_allclose(left, literal, atol=2e-9)
        np.testing.assert_allclose(
            variance, (square - scale**2) * expectation.transforms[0] ** 2 * waves.quarter, atol=2e-9
        )


def observed(rng, count, *, transfer):
    """Return images of discs that hold a random field, in white noise; their places, and the power of the fields."""
    size, radius = 64, 16
    waves = Waves(size, radius, 12)
    places = rng.uniform(-6, 6, (count, 2))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    power = 12.0 * np.exp(-(((frequency - 0.12) / 0.05) ** 2))
    white = np.fft.rfft2(rng.standard_normal((count, size, size)))
    away = distances(size, places)
    field = np.fft.irfft2(white * np.sqrt(power), s=(size, size)) * (away < radius)
    # per unit area of the disk, in rings of frequencies
    squares = (waves.analyze(field)[0] ** 2).mean(axis=0) * size**2 / (np.pi * radius**2)
    rings = np.rint(waves.frequency * waves.period).astype(int)
    sums = [np.bincount(rings.ravel(), waves.fold(values * waves.band).ravel()) for values in (squares, waves.white())]
    smooth = [np.convolve(one, [0.25, 0.5, 0.25], "same") for one in sums]
    truth = (smooth[0] / np.maximum(smooth[1], 1.0))[: waves.highest + 1]
    particles = 3.0 * disc(8)(away) + field
    transfers = None
    if transfer:
        periods = rng.uniform(6, 14, (count, 1, 1))
        particles = np.fft.irfft2(np.fft.rfft2(particles) * np.cos(periods * frequency), s=(size, size))
        transfers = np.cos(periods * waves.frequency)
    return particles + rng.standard_normal((count, size, size)), places, waves, truth, transfers


@pytest.mark.parametrize("transfer", [False, True], ids=["plain", "transfer"])
def test_structure_spectrum_is_that_of_the_field_on_the_disk(transfer, rng, monkeypatch):
    monkeypatch.setattr("centering.radial.structure.TUNING", Tuning(least_structure=0.0))
    images, places, waves, truth, transfers = observed(rng, 600, transfer=transfer)
    templates = Templates(waves)
    seen = [observe(images, waves, None, transfers)]
    model = model_from_positions(templates, seen, [places], 4.0)
    found, _, fitted = learn_structure(
        templates,
        model,
        seen,
        lambda structure: [observe(images, waves, None, transfers, structure=structure)],
        [transfers],
        None,
        Freedom(),
        lambda _: None,
    )
    ring = np.arange(1, waves.highest + 1)
    strong = ring[truth[ring] > 0.5 * truth.max()]
    assert 3 < len(strong) < 8
    # places, scales and the profile take their part of the field, and a transfer function moves some beyond the disk
    np.testing.assert_allclose(found[0, strong], truth[strong], rtol=0.3 if transfer else 0.2)
    assert 0.8 < found[0, strong].mean() / truth[strong].mean() < 1.0
    assert fitted.dispersion > 1.0


@pytest.mark.parametrize("profile", [disc(6), gaussian(3), ring(7, 1.5)], ids=["disc", "spot", "ring"])
def test_radial_particles_have_no_structure(profile, rng):
    images, _ = stack(rng, 500, 48, profile, shift=6, noise=0.7)
    fitted = RadialReference(12, max_shift=10).fit(images)
    assert fitted.structure.max() < 0.05
    assert fitted.model.dispersion == pytest.approx(1.0, abs=0.03)


def test_neighbours_beyond_the_disk_are_no_structure(rng):
    """Rings on a jittered lattice, as in a crowded micrograph: what stands beside a particle is not its structure."""
    images, displacement = stack(rng, 200, 96, ring(9, 1.5), shift=4, noise=1.0)
    for row, column in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)):
        beside = displacement + 36.0 * np.array([row, column]) + rng.uniform(-3, 3, displacement.shape)
        images += ring(9, 1.5)(distances(96, beside))
    fitted = RadialReference(15, max_shift=8, whiten=False).fit(images)
    assert fitted.structure.max() < 0.3


@pytest.mark.parametrize("snr", [0.1, 1.0, 100.0])
def test_uncertainty_holds_for_particles_that_are_not_radial(snr):
    """On average over particles: where the centre of one is, by its profile and by its mass, is another matter."""
    held, held_without, squares, squares_without = [], [], [], []
    for seed in range(5):
        simulation = simulate.particles(300, 65, radius=16, max_shift=6, snr=snr, seed=seed)
        truth = simulation.displacement
        centers, plain = (
            RadialReference(18, max_shift=9, structure=structure)(simulation.images) for structure in (True, False)
        )
        held.append(inside(centers, truth, 0.68))
        held_without.append(inside(plain, truth, 0.68))
        squares.append(np.mean(errors(centers, truth) ** 2))
        squares_without.append(np.mean(errors(plain, truth) ** 2))
    # rather too careful than too sure
    assert 0.62 < np.mean(held) < 0.88
    assert np.mean(held_without) < 0.55
    assert np.mean(squares) < np.mean(squares_without)


def test_structure_has_a_floor(rng):
    images, *_ = observed(rng, 200, transfer=False)
    structure = RadialReference(16, max_shift=12).fit(images).structure[0]
    np.testing.assert_allclose(structure[-3:], 0.4 * structure.max(), rtol=0.1)


def test_images_are_whitened_by_what_their_transfer_shows_of_the_structure(rng):
    waves = Waves(40, 7, 6)
    noise, structure = 0.5 + rng.random(waves.quarter.shape), 3.0 * rng.random(waves.quarter.shape)
    images = rng.normal(size=(3, 40, 40))
    transfer = np.cos(waves.frequency * np.array([5.0, 9.0, 14.0])[:, None, None])
    observation = observe(images, waves, noise, transfer, structure=structure)
    power = noise + transfer**2 * structure
    plain = waves.analyze(images)[0] * waves.band
    expected = plain / np.sqrt(waves.unfold(power) + ~waves.band)
    scale = np.sqrt((expected**2).sum(axis=(1, 2)) / waves.degrees)
    np.testing.assert_allclose(observation.coefficients, expected / scale[:, None, None], atol=1e-12)
    # the template H m of an image, whitened as the image, is the common template times the transfer of the observation
    together = observation.transfer / np.sqrt(whole_power(waves, noise, structure))
    np.testing.assert_allclose(together, transfer / np.sqrt(power), atol=1e-12)


def test_transfer_of_one_everywhere_is_none(rng):
    waves = Waves(40, 7, 6)
    structure = rng.random(waves.quarter.shape)
    images = rng.normal(size=(3, 40, 40))
    one = observe(images, waves, None, np.ones((3, *waves.quarter.shape)), structure=structure)
    none = observe(images, waves, structure=structure)
    np.testing.assert_allclose(one.coefficients, none.coefficients, rtol=1e-14)
    np.testing.assert_allclose(one.transfer, 1.0, rtol=1e-14)


def test_dispersion_is_a_larger_variance(rng):
    """The likelihood ratio is raised to the power of 1/dispersion, its prior is not."""
    templates = Templates(Waves(32, 7, 6))
    model = Model(0.2 * rng.normal(size=(1, templates.count)), np.ones(1), 0.9, 0.0, 4.0)
    observation = observe(rng.normal(size=(4, 32, 32)), templates.waves)
    once, thrice = Expectation(templates, model), Expectation(templates, replace(model, dispersion=3.0))
    variance = np.full(4, 0.9)
    plain, dispersed = (one(observation, variance, sweeps=1) for one in (once, thrice))
    np.testing.assert_allclose(
        3.0 * (dispersed.landscape - once.log_prior), plain.landscape - once.log_prior, atol=1e-12
    )
    flat = [replace(one.model, shift_deviation=np.inf) for one in (once, thrice)]
    best = [Expectation(templates, one)(observation, variance, sweeps=1) for one in flat]
    degrees = templates.waves.degrees
    for dispersion, posterior in zip((1.0, 3.0), best, strict=True):
        total = np.log(np.exp(posterior.landscape).sum(axis=(1, 2, 3)))
        variances = -0.5 * degrees / dispersion * (np.log(0.9) + 1.0 / 0.9 - 1.0)
        np.testing.assert_allclose(posterior.evidence, total + variances, atol=1e-9)


@pytest.mark.parametrize("structure", [False, True])
def test_a_high_background_does_not_make_images_flat(structure):
    images = simulate.particles(60, 48, radius=11, max_shift=3, snr=100, seed=1).images
    fitted = RadialReference(14, structure=structure).fit(images + np.float32(600))
    plain = RadialReference(14, structure=structure).fit(images)
    for one, level in ((fitted, 0), (plain, 500)):
        assert not one(images + np.float32(level)).has(Flag.FLAT).any()


def test_a_reference_that_was_used_is_pickled_as_before(rng):
    images = simulate.particles(40, 48, radius=11, max_shift=3, seed=1).images
    fitted = RadialReference(14, iterations=2).fit(images)
    before = pickle.dumps(fitted)
    fitted(images[:2])
    assert pickle.dumps(fitted) == before


def test_images_without_noise_are_centered():
    images = simulate.particles(60, 48, radius=11, max_shift=4, snr=np.inf, seed=1)
    centers = RadialReference(14)(images.images)
    assert np.isfinite(centers.displacement).all()
    assert np.median(errors(centers, images.displacement)) < 1.0
