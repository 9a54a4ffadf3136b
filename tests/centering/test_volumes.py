"""Projections of maps against the closed form of a Gaussian."""

from __future__ import annotations

import numpy as np
import pytest

from centering.simulate import GaussianParticle, rotations
from centering.simulate.volumes import center_of_mass, project


@pytest.fixture(scope="module")
def sampled():
    """Return a sum of three Gaussians, and the same on a grid whose origin is voxel (20, 21, 19)."""
    means = np.array([[4.0, -3.0, 1.0], [-4.0, 0.0, 2.0], [0.0, 3.0, -3.0]])
    particle = GaussianParticle(np.ones(3), means, np.array([6.0, 4.0, 8.0])[:, None, None] * np.eye(3))
    grid = np.indices((41, 41, 41)).reshape(3, -1).T - [20.0, 21.0, 19.0]
    volume = 0.0
    for mean, covariance in zip(particle.means, particle.covariances, strict=True):
        square = ((grid - mean) ** 2).sum(axis=1) / covariance[0, 0]
        volume = volume + np.exp(-0.5 * square) / (2 * np.pi * covariance[0, 0]) ** 1.5
    return particle, volume.reshape(41, 41, 41)


def test_projection_is_the_integral_along_depth(sampled):
    particle, volume = sampled
    frames = rotations(4, 1)
    shift = np.array([[0.0, 0.0], [3.0, -2.0], [-1.5, 4.25], [5.0, 5.0]])
    expected = particle.project(frames, shift, 48)
    found = project(volume, frames, shift, 48, origin=[20, 21, 19])
    np.testing.assert_allclose(found, expected, atol=0.04 * expected.max())
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 3.0, rtol=0.01)


def test_mass_lands_on_the_displacement(sampled):
    _, volume = sampled
    center = center_of_mass(volume)
    np.testing.assert_allclose(center, [20, 20 + 1, 19], atol=0.01)
    shift = np.array([[2.5, -3.0], [-4.0, 0.5]])
    images = project(volume, rotations(2, 3), shift, 49)
    axis = np.arange(49) - 24
    mass = images.sum(axis=(1, 2))
    found = np.stack([images.sum(axis=2) @ axis, images.sum(axis=1) @ axis], axis=1) / mass[:, None]
    np.testing.assert_allclose(found, shift, atol=0.05)


def test_negative_density_counts_as_mass():
    volume = np.zeros((5, 5, 5))
    volume[1, 2, 2], volume[3, 2, 2] = 1.0, -1.0
    np.testing.assert_allclose(center_of_mass(volume), [2, 2, 2])


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        project(np.ones((4, 4)), np.eye(3)[None], [[0, 0]], 8)
    with pytest.raises(ValueError, match="displacement"):
        project(np.ones((4, 4, 4)), np.eye(3)[None], [0, 0], 8)
    with pytest.raises(ValueError, match="size is 0"):
        project(np.ones((4, 4, 4)), np.eye(3)[None], [[0, 0]], 0)
    with pytest.raises(ValueError, match="zero everywhere"):
        center_of_mass(np.zeros((4, 4, 4)))


@pytest.mark.parametrize("name", ["rotation", "displacement", "origin"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_places_that_are_no_numbers_are_refused_before_the_map_is_read_there(name, value):
    arguments = {"rotation": np.eye(3)[np.newaxis].copy(), "displacement": np.zeros((1, 2)), "origin": np.full(3, 2.0)}
    arguments[name].flat[0] = value
    with pytest.raises(ValueError, match=f"{name} has the value {value}; give finite numbers"):
        project(np.ones((5, 5, 5)), arguments["rotation"], arguments["displacement"], 6, origin=arguments["origin"])
