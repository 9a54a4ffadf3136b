"""The steps of the radial reference against slow, literal versions of their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize
from symmetric import disc, gaussian, stack

from centering.radial.learning import Freedom, Sums, deviation_with_moment, iterate, maximize, solve
from centering.radial.noise import corner_spectrum, parzen
from centering.radial.posterior import Expectation, Model, observe
from centering.radial.sharp import expected_at, sharpen
from centering.radial.start import model_from_positions
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves, default_reach

SIZES = pytest.mark.parametrize("size", [20, 21], ids=["even", "odd"])
RADIUS, REACH = 6, 7  # the disks about the outer candidates leave the image


def planes(size):
    """Return the constant and the two gradients, orthonormal, shape (3, n^2)."""
    axis = np.arange(size) - (size - 1) / 2
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    basis = np.stack([np.ones_like(rows), rows, columns]).reshape(3, -1)
    return basis / np.linalg.norm(basis, axis=1, keepdims=True)


def without_plane(images, size):
    """Subtract the best plane from images (..., n, n)."""
    flat = images.reshape(*images.shape[:-2], -1)
    return (flat - (flat @ planes(size).T) @ planes(size)).reshape(images.shape)


def functions_about(templates, row, column):
    """Return the K functions as images (K, n, n), about one candidate, cut off where the image ends."""
    waves = templates.waves
    reach = waves.size // 2 + waves.reach
    kernels = waves.kernel(templates.transforms, reach)
    rows, columns = waves.pixels - row + reach, waves.pixels - column + reach
    return kernels[:, rows[:, None], columns]


def literal_functions(templates):
    """Return the functions less their planes at every candidate, shape (h, h, K, n, n)."""
    shifts = templates.waves.shifts
    size = templates.waves.size
    return np.array([[without_plane(functions_about(templates, r, c), size) for c in shifts] for r in shifts])


@pytest.fixture(params=[20, 21], ids=["even", "odd"])
def templates(request):
    return Templates(Waves(request.param, RADIUS, REACH))


@pytest.fixture
def model(templates):
    coefficients = templates.disk.coefficients(disc(4)(np.hypot(*np.mgrid[-6:7, -6:7])))
    return Model(0.3 * coefficients / 4, np.ones(1), present=0.9, scale_deviation=0.3, shift_deviation=4.0)


@SIZES
def test_waves_are_orthonormal_on_their_period(size):
    waves = Waves(size, RADIUS, REACH)
    matrix = waves.along(np.arange(waves.period))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(waves.count), atol=1e-12)


def test_period_is_the_image_where_all_disks_are_inside():
    assert Waves(64, 16, 15).period == 64
    assert Waves(64, 16, 16).period == 65


@pytest.mark.parametrize(
    ("size", "radius", "limit", "reach"), [(128, 44, None, 22), (128, 20, None, 43), (96, 44, 30, 30), (96, 44, 99, 47)]
)
def test_candidates_reach_to_where_the_disk_ends_or_half_a_radius(size, radius, limit, reach):
    assert default_reach(size, radius, limit) == reach


def test_coefficients_are_inner_products_with_planes_removed(templates, rng):
    waves = templates.waves
    image = rng.normal(size=(2, waves.size, waves.size)) + 100.0 + 3.0 * waves.pixels
    matrix = waves.along(waves.pixels)
    expected = matrix @ without_plane(image, waves.size) @ matrix.T
    coefficients, squares = waves.analyze(image)
    np.testing.assert_allclose(coefficients, expected, atol=1e-9)
    np.testing.assert_allclose(squares, (image**2).mean(axis=(1, 2)))


def test_correlation_is_the_inner_product_with_the_visible_template(templates, model, rng):
    waves = templates.waves
    image = rng.normal(size=(1, waves.size, waves.size))
    coefficients, _ = waves.analyze(image)
    spectra = coefficients[:, None] * waves.unfold(templates.transform(model.coefficients))
    functions = literal_functions(templates)
    expected = np.einsum("k,rckij,ij->rc", model.coefficients[0], functions, image[0])
    np.testing.assert_allclose(waves.candidates(spectra)[0, 0], expected, atol=1e-11)


def test_norms_and_normal_matrix_are_those_of_the_visible_functions(templates, model, rng):
    functions = literal_functions(templates)
    gram = np.einsum("rckij,rclij->rckl", functions, functions, optimize=True)
    a = model.coefficients[0]
    np.testing.assert_allclose(templates.norms(a), np.einsum("k,rckl,l->rc", a, gram, a), atol=1e-12)
    weights = rng.random(gram.shape[:2])
    expected = np.einsum("rc,rckl->kl", weights, gram)
    np.testing.assert_allclose(templates.normal_matrix(weights), expected, rtol=0, atol=1e-11 * expected.max())


def test_filtered_normal_matrix_is_that_of_whole_functions():
    templates = Templates(Waves(40, 6, 5))
    waves = templates.waves
    kernels = waves.kernel(templates.transforms, waves.period // 2)[:, :-1, :-1]
    expected = np.einsum("kij,lij->kl", kernels, kernels)
    np.testing.assert_allclose(templates.filtered_normal_matrix(np.ones_like(waves.quarter)), expected, atol=1e-12)


@pytest.mark.parametrize("contrast", [0.0, 0.3])
def test_e_step_is_bayes_formula(templates, model, contrast, rng):
    """Integrate the scale numerically, candidate by candidate."""
    waves = templates.waves
    model = Model(model.coefficients, model.weights, model.present, contrast, model.shift_deviation)
    images, _ = stack(rng, 1, waves.size, gaussian(3), shift=3)
    observation = observe(images, waves)
    expectation = Expectation(templates, model)
    variance = np.array([0.8])
    posterior = expectation(observation, variance, sweeps=1)

    pixels = without_plane(images[0], waves.size)
    coefficients, _ = waves.analyze(images)
    pixels = pixels * np.sqrt(waves.degrees / (coefficients[0][waves.band] ** 2).sum())
    shifts, a = waves.shifts, model.coefficients[0]
    landscape = np.empty((len(shifts),) * 2)
    prior = np.exp(-(shifts[:, None] ** 2 + shifts**2) / (2 * model.shift_deviation**2))
    prior /= prior.sum()
    for i, row in enumerate(shifts):
        for j, column in enumerate(shifts):
            template = without_plane(np.tensordot(a, functions_about(templates, row, column), 1), waves.size)
            c, n = (template * pixels).sum(), (template**2).sum()

            def likelihood(s, c=c, n=n):
                return np.exp((s * c - s * s * n / 2) / 0.8)

            if contrast:
                total, _ = integrate.quad(
                    lambda s: likelihood(s) * np.exp(-((s - 1) ** 2) / (2 * contrast**2)), -3, 5, epsabs=1e-12
                )
                total /= np.sqrt(2 * np.pi) * contrast
            else:
                total = likelihood(1.0)
            landscape[i, j] = np.log(prior[i, j] * total)
    np.testing.assert_allclose(posterior.landscape[0, 0], landscape, atol=1e-8)
    q = np.exp(landscape) / np.exp(landscape).sum()
    np.testing.assert_allclose(posterior.probability[0, 0], q, atol=1e-10)
    mean = np.array([(q.sum(axis=1) * shifts).sum(), (q.sum(axis=0) * shifts).sum()])
    np.testing.assert_allclose(posterior.mean[0], mean, atol=1e-8)
    cross = np.einsum("ij,i,j", q, shifts - mean[0], shifts - mean[1])
    np.testing.assert_allclose(posterior.covariance[0, 0, 1], cross, atol=1e-8)
    # each hypothesis with its own variance: the power per degree of freedom is 1 without a particle
    d = waves.degrees
    gauss = [-0.5 * d * (np.log(v) + 1.0 / v) for v in (0.8, 1.0)]
    np.testing.assert_allclose(posterior.evidence, np.log(np.exp(landscape).sum()) + gauss[0] - gauss[1], rtol=1e-9)


def test_noise_variance_is_the_expected_power_of_the_residual(templates, model, rng):
    waves = templates.waves
    images, _ = stack(rng, 1, waves.size, gaussian(3), shift=3, noise=0.7)
    observation = observe(images, waves)
    posterior = Expectation(templates, model)(observation, np.array([0.9]), sweeps=1)
    coefficients, _ = waves.analyze(images)
    scale = np.sqrt(waves.degrees / (coefficients[0][waves.band] ** 2).sum())
    pixels = scale * without_plane(images[0], waves.size)
    functions = literal_functions(templates)
    template = np.tensordot(functions, model.coefficients[0], axes=(2, 0))
    q, s, s2 = (part[0, 0] for part in (posterior.probability, posterior.scale, posterior.square))
    correlation = (template * pixels).sum(axis=(2, 3))
    explained = (q * (2 * s * correlation - s2 * (template**2).sum(axis=(2, 3)))).sum()
    np.testing.assert_allclose(posterior.variance, 1.0 - explained / waves.degrees, rtol=1e-10)


def test_m_step_is_least_squares_over_all_images_and_candidates(templates, model, rng):
    """Stack one weighted equation for every image, candidate and pixel, and solve them."""
    waves = templates.waves
    images, _ = stack(rng, 3, waves.size, gaussian(3), shift=3)
    observation = observe(images, waves)
    expectation = Expectation(templates, model)
    posterior = expectation(observation)
    assert not posterior.sharp.any()
    sums = Sums.empty(templates, 1, transfer=False)
    sums.add(observation, posterior, expectation)
    fitted = maximize(templates, model, sums, Freedom(scale=False, shift=False, present=False))

    coefficients, _ = waves.analyze(images)
    scale = np.sqrt(waves.degrees / (coefficients**2 * waves.band).sum(axis=(1, 2)))
    pixels = scale[:, None, None] * without_plane(images, waves.size)
    odds = np.exp(posterior.evidence) * model.present
    certainty = odds / (odds + 1 - model.present)
    functions = literal_functions(templates).reshape(len(waves.shifts) ** 2, templates.count, -1)
    matrix, right = 0.0, 0.0
    for i in range(3):
        q, s, s2 = (part[i, 0].ravel() for part in (posterior.probability, posterior.scale, posterior.square))
        weight = certainty[i] / posterior.variance[i]
        matrix = matrix + weight * np.einsum("t,tkp,tlp->kl", q * s2, functions, functions, optimize=True)
        right = right + weight * np.einsum("t,tkp,p->k", q * s, functions, pixels[i].ravel(), optimize=True)
    np.testing.assert_allclose(fitted.coefficients[0], solve(matrix, right), atol=1e-9)
    np.testing.assert_allclose(sums.present, certainty.sum())


def test_m_step_with_transfer_fits_the_filtered_template(rng):
    """Images made of filtered templates at known places give back the coefficients."""
    templates = Templates(Waves(48, 7, 6))
    waves = templates.waves
    coefficients = rng.normal(size=templates.count)
    transform = templates.transform(coefficients)
    places = rng.integers(-5, 6, (6, 2)).astype(float)
    transfer = np.cos(waves.frequency * rng.uniform(5, 20, (6, 1, 1)))
    images = expected_at(waves, places, np.zeros((6, 2, 2))) * waves.unfold(transfer * transform)
    from centering.radial.posterior import Observation

    observation = Observation(images, np.ones(6, dtype=bool), transfer)
    fitted = model_from_positions(templates, [observation], [places], np.inf)
    np.testing.assert_allclose(fitted.coefficients[0], coefficients, atol=1e-6)


def test_transferred_templates_keep_their_part_of_the_power(rng):
    templates = Templates(Waves(48, 7, 6))
    waves = templates.waves
    model = Model(rng.normal(size=(2, templates.count)), np.array([0.4, 0.6]), 0.9, 0.2, 4.0)
    images = rng.normal(size=(3, 48, 48))
    transfer = np.sin(waves.frequency * np.array([5.0, 9.0, 14.0])[:, None, None])
    expectation = Expectation(templates, model)
    ratio = expectation.power_ratio(observe(images, waves, transfer=transfer))
    whole = waves.kernel((transfer[:, None] * expectation.transforms).reshape(6, *waves.quarter.shape), 24)
    plain = waves.kernel(expectation.transforms, 24)
    power = (whole[:, :-1, :-1] ** 2).sum(axis=(1, 2)).reshape(3, 2)
    np.testing.assert_allclose(ratio, power / (plain[:, :-1, :-1] ** 2).sum(axis=(1, 2)), rtol=1e-9)


@pytest.mark.parametrize("prior", ["flat", "learned"])
def test_em_never_lowers_the_likelihood(prior, rng):
    images, _ = stack(rng, 40, 32, gaussian(3), shift=6, noise=1.0)
    waves = Waves(32, 9, 8)
    templates = Templates(waves)
    observation = observe(images, waves)
    start = model_from_positions(templates, [observation], [rng.uniform(-6, 6, (40, 2))], 4.0)
    start = Model(start.coefficients, start.weights, 0.9, 0.3, np.inf if prior == "flat" else 4.0)
    _, history, _ = iterate(templates, start, lambda: [observation], Freedom(shift=prior == "learned"), 25)
    assert history[-1] > history[0] + 0.2
    assert np.diff(history).min() > -1e-6


def test_a_flat_prior_has_the_largest_moment():
    shifts = np.arange(-10, 11)
    assert deviation_with_moment(shifts, 40.0) == np.inf
    width = deviation_with_moment(shifts, 9.0)
    weights = np.exp(-(shifts**2) / (2 * width**2))
    assert weights @ shifts**2 / weights.sum() == pytest.approx(9.0)


def test_sharp_posteriors_are_found_between_the_candidates(rng):
    waves = Waves(32, 8, 7)
    spectrum = waves.unfold(rng.normal(size=waves.quarter.shape)) * np.exp(-waves.frequency.max())
    spectrum = expected_at(waves, np.array([[2.3, -1.6]]), 4.0 * np.eye(2)[None])[0] + 1e-3 * spectrum

    def value(place):
        return float(waves.along(place[:1])[:, 0] @ spectrum @ waves.along(place[1:])[:, 0])

    best = optimize.minimize(
        lambda place: -value(place), [2.0, -2.0], tol=1e-12, method="BFGS", options={"gtol": 1e-10}
    )
    start = np.array([[2 + waves.reach, -2 + waves.reach]])
    mean, covariance, peak = sharpen(spectrum[None], waves, start, np.array([[30.0, 0.0]]), np.zeros((1, 5)), np.inf)
    np.testing.assert_allclose(mean[0], best.x, atol=1e-5)
    np.testing.assert_allclose(peak[0], value(best.x), rtol=1e-9)
    step = 1e-3
    corners = [[1, 1], [1, -1], [-1, 1], [-1, -1]]
    mixed = sum(np.prod(c) * value(best.x + step * np.array(c)) for c in corners) / (4 * step**2)
    second = [(value(best.x + step * e) - 2 * value(best.x) + value(best.x - step * e)) / step**2 for e in np.eye(2)]
    hessian = 30.0 * np.array([[second[0], mixed], [mixed, second[1]]])
    np.testing.assert_allclose(covariance[0], np.linalg.inv(-hessian), rtol=1e-3)


def test_expected_waves_are_averages_over_displacements(rng):
    waves = Waves(32, 8, 7)
    places = rng.normal([1.0, -2.0], [0.4, 0.2], (20000, 2))
    average = np.mean([np.outer(waves.along(p[:1])[:, 0], waves.along(p[1:])[:, 0]) for p in places], axis=0)
    expected = expected_at(waves, np.array([[1.0, -2.0]]), np.diag([0.16, 0.04])[None])[0]
    np.testing.assert_allclose(average, expected, atol=6 * 2 / 32 / np.sqrt(20000))


def test_noise_spectrum_is_read_from_the_corners(rng):
    """Noise of a known autocorrelation, with a bright particle in the middle that must not count."""
    size = 96
    waves = Waves(size, 20, 10)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))

    def spectrum(f):
        return 1.0 + 4.0 * np.exp(-((f / 0.08) ** 2))

    white = np.fft.rfft2(rng.standard_normal((300, size, size)))
    images = np.fft.irfft2(white * np.sqrt(spectrum(frequency)), s=(size, size))
    particle, _ = stack(rng, 300, size, lambda d: 5 * disc(20)(d), shift=8, noise=0.0)
    found = corner_spectrum([images + particle], waves)
    # what can be known: the spectrum, smoothed by the window on its autocorrelation
    reach = size // TUNING.noise_lags
    offset = np.arange(-reach, reach + 1)
    covariance = np.fft.irfft2(spectrum(frequency), s=(size, size))[np.ix_(offset, offset)]
    expected = waves.transform(covariance * parzen(np.hypot(offset[:, None], offset) / (reach + 1)))
    band = waves.quarter > 0
    np.testing.assert_allclose(found[band], expected[band] / np.median(expected[band]), rtol=0.08)
    np.testing.assert_allclose(expected[band], spectrum(waves.frequency[band]), rtol=0.25)


def test_white_noise_has_a_white_spectrum(rng):
    waves = Waves(64, 16, 10)
    found = corner_spectrum([rng.standard_normal((500, 64, 64))], waves)
    np.testing.assert_allclose(found, 1.0, atol=0.04)
    assert (corner_spectrum([np.zeros((2, 64, 64))], waves) == 1.0).all()


def test_parzen_window_ends_at_zero_and_has_no_negative_transform():
    x = np.linspace(0, 2, 401)
    window = parzen(x)
    assert window[0] == 1.0
    assert not window[x >= 1].any()
    transform = np.trapezoid(window * np.cos(np.outer(np.linspace(0, 60, 200), x)), x)
    assert transform.min() > -1e-4
