"""Simulated particles: what is said to be true of them is."""

import numpy as np
import pytest
from scipy.integrate import dblquad

from centering import simulate


def center_of_mass(images):
    position = np.arange(images.shape[-1]) - images.shape[-1] // 2
    mass = images.sum(axis=(1, 2))
    return np.stack([images.sum(axis=2) @ position, images.sum(axis=1) @ position], axis=1) / mass[:, None]


@pytest.mark.parametrize("size", [64, 65])
@pytest.mark.parametrize("views", [None, 3])
def test_the_centre_of_mass_is_where_it_is_said_to_be(size, views):
    simulation = simulate.particles(20, size, radius=14, max_shift=12, views=views, dtype=np.float64)
    np.testing.assert_allclose(center_of_mass(simulation.images), simulation.displacement, atol=1e-5)
    assert np.abs(simulation.displacement).max() > 9
    np.testing.assert_allclose(simulation.images.sum(axis=(1, 2)), 1.0, atol=1e-6)


def test_a_pixel_holds_the_density_projected_along_depth():
    rng = np.random.default_rng(5)
    frame = simulate.rotations(1, rng)[0]
    covariance = frame @ np.diag([2.0, 5.0, 9.0]) @ frame.T
    particle = simulate.GaussianParticle(np.array([2.0]), np.array([[1.0, -2.0, 3.0]]), covariance[None])
    rotation = simulate.rotations(1, rng)
    image = particle.project(rotation, [[0.25, -0.5]], 16)[0]
    precision = np.linalg.inv(covariance)
    height = 2.0 / np.sqrt((2 * np.pi) ** 3 * np.linalg.det(covariance))

    def line_integral(row, column):
        def density(depth, _):
            point = rotation[0].T @ np.array([row - 0.25, column + 0.5, depth]) - particle.means[0]
            return height * np.exp(-0.5 * point @ precision @ point)

        return dblquad(density, 0, 1, -40, 40, epsabs=1e-11)[0]

    for row, column in [(8, 8), (6, 9), (10, 5)]:
        assert image[row, column] == pytest.approx(line_integral(row - 8, column - 8), abs=1e-9)


def test_the_particle_has_no_symmetry_and_fills_its_radius():
    particle = simulate.GaussianParticle.random(30.0, seed=2)
    np.testing.assert_allclose(particle.center_of_mass, 0, atol=1e-12)
    images = particle.project(simulate.rotations(6, 1), np.zeros((6, 2)), 101)
    position = np.arange(101) - 50
    outside = np.hypot(position[:, None], position) > 30
    assert images[:, outside].sum(axis=1).max() < 0.01
    for image in images:
        for turned in (image[::-1, ::-1], image.T, image[::-1], np.rot90(image)):
            assert np.abs(image - turned).sum() > 0.1


def test_signal_to_noise_ratio():
    clean = simulate.particles(50, 64, max_shift=5, dtype=np.float64, seed=4)
    noisy = simulate.particles(50, 64, max_shift=5, dtype=np.float64, seed=4, snr=0.1)
    noise = noisy.images - clean.images
    assert np.mean(clean.images**2) / np.mean(noise**2) == pytest.approx(0.1, rel=0.02)
    assert noisy.noise == pytest.approx(noise.std(), rel=0.02)
    # white: neighbours are uncorrelated
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 0.02 * np.mean(noise**2)


def test_the_same_seed_gives_the_same_stack():
    first, second, other = (simulate.particles(4, 32, radius=8, max_shift=4, snr=1, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.images, second.images)
    assert first.images.dtype == np.float32
    assert not np.allclose(first.images, other.images)


def test_a_density_of_your_own_need_not_be_centred():
    particle = simulate.GaussianParticle(np.array([1.0]), np.array([[2.0, -1.0, 4.0]]), 4.0 * np.eye(3)[None])
    simulation = simulate.particles(5, 48, radius=8, max_shift=3, particle=particle, dtype=np.float64)
    np.testing.assert_allclose(center_of_mass(simulation.images), simulation.displacement, atol=1e-8)


def test_rotations_are_rotations_and_cover_the_sphere():
    matrices = simulate.rotations(4000, 3)
    np.testing.assert_allclose(matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (4000, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0)
    assert np.abs(matrices.mean(axis=0)).max() < 0.04


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count is 0"),
        ({"size": 0}, "size is 0"),
        ({"radius": -1.0}, "radius is -1"),
        ({"snr": 0.0}, "snr is 0"),
        ({"snr": np.nan}, "snr is nan"),
        ({"views": 0}, "views is 0"),
        ({"max_shift": -1.0}, "max_shift is -1"),
        ({"max_shift": 9.0}, "at most 7.5"),
        ({"dtype": np.int16}, "float32 or float64"),
    ],
)
def test_bad_requests_are_refused(options, message):
    arguments = {"count": 2, "size": 32, "radius": 8.0} | options
    with pytest.raises(ValueError, match=message):
        simulate.particles(arguments.pop("count"), arguments.pop("size"), **arguments)
