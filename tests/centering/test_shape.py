"""How much longer than wide what lies about a centre is."""

from __future__ import annotations

import numpy as np
import pytest
from symmetric import disc, distances, ring, stack

from centering import CTF, Flag, RadialReference, simulate
from centering.radial.shape import axis_ratios, particle_radius

PROFILE = disc(9)(np.arange(25.0))


def axis_ratio(image, place, profile):
    return axis_ratios(image[None], place[None], profile)[0]


def ellipse(size, axes, angle, place):
    """Return a uniform ellipse with these half axes, and an edge of a pixel."""
    axis = np.arange(size) - size // 2
    rows, columns = np.meshgrid(axis - place[0], axis - place[1], indexing="ij")
    along = np.cos(angle) * rows + np.sin(angle) * columns
    across = np.cos(angle) * columns - np.sin(angle) * rows
    return np.clip((1.0 - np.hypot(along / axes[0], across / axes[1])) * min(axes) + 0.5, 0.0, 1.0)


@pytest.mark.parametrize("size", [64, 65], ids=["even", "odd"])
@pytest.mark.parametrize("ratio", [1.0, 1.3, 1.7])
@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2])
def test_ratio_is_that_of_the_axes_of_an_ellipse(size, ratio, angle):
    place = np.array([3.3, -5.6])
    image = ellipse(size, (9.0 * np.sqrt(ratio), 9.0 / np.sqrt(ratio)), angle, place)
    assert axis_ratio(image, place, PROFILE) == pytest.approx(ratio, rel=0.03)


@pytest.mark.parametrize("change", [lambda image: 7.0 - 3.0 * image, lambda image: 100.0 * image + 5.0])
def test_level_and_scale_and_sign_do_not_matter(change):
    image = ellipse(64, (11.0, 6.0), 0.3, (0, 0))
    profile = PROFILE * np.sign(change(1.0) - change(0.0))
    assert axis_ratio(change(image), np.zeros(2), profile) == pytest.approx(axis_ratio(image, np.zeros(2), PROFILE))


def test_images_without_anything_in_them_are_round():
    assert axis_ratio(np.ones((32, 32)), np.zeros(2), PROFILE) == 1.0
    assert axis_ratio(np.zeros((32, 32), dtype=np.float32), np.array([40.0, 0.0]), PROFILE) == 1.0
    line = np.zeros((33, 33))
    line[16, :] = 1.0
    assert axis_ratio(line, np.zeros(2), PROFILE) > 3.0


def test_radius_of_a_particle_is_where_its_profile_ends():
    assert particle_radius(disc(9)(np.arange(25.0))) == 10
    assert particle_radius(-ring(7, 1)(np.arange(20.0))) == 9
    assert particle_radius(np.zeros(5)) == 4


def test_two_bodies_that_touch_are_flagged_in_clear_images_only(rng):
    size, count = 64, 60
    images, _ = stack(rng, count, size, disc(9), shift=3, noise=0.0)
    pairs = [3, 20, 41]
    for k in pairs:
        images[k] = sum(disc(7)(distances(size, [place])[0]) for place in ((-7.0, 2.0), (7.0, -1.0)))
    # round, but not alike: structure to speak of
    images *= 1.0 + 0.3 * np.cos(distances(size, rng.uniform(-20, 20, (count, 2))) / 3.0)
    fitted = RadialReference(24).fit(images + 0.01 * rng.standard_normal(images.shape))
    assert fitted.clear
    assert np.flatnonzero(fitted(images).has(Flag.ELONGATED)).tolist() == pairs
    noisy = images + 2.0 * rng.standard_normal(images.shape)
    fitted = RadialReference(24).fit(noisy)
    assert not fitted.clear
    assert not fitted(noisy).has(Flag.ELONGATED).any()


def test_images_seen_through_a_transfer_function_are_not_judged(rng):
    images, _ = stack(rng, 200, 64, disc(10), shift=4, noise=0.0)
    images *= 1.0 + 0.3 * np.cos(distances(64, rng.uniform(-20, 20, (200, 2))) / 3.0)
    ctf = CTF(rng.uniform(8000, 25000, 200), 1.5, amplitude_contrast=0.1)
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64))
    images = np.fft.irfft2(np.fft.rfft2(images) * ctf.transfer(frequency), s=(64, 64))
    images += np.sqrt(10.0) * images.std() * rng.standard_normal(images.shape)
    assert not RadialReference(16, ctf=ctf)(images).has(Flag.ELONGATED).any()


def test_empty_boxes_have_no_shape(rng):
    images, _ = stack(rng, 60, 64, disc(9), shift=3, noise=0.02)
    images *= 1.0 + 0.3 * np.cos(distances(64, rng.uniform(-20, 20, (60, 2))) / 3.0)
    fitted = RadialReference(20).fit(images)
    assert fitted.clear
    centers = fitted(0.02 * rng.standard_normal((40, 64, 64)))
    assert centers.has(Flag.OUTLIER).all()
    assert not centers.has(Flag.ELONGATED).any()


def test_particles_without_structure_learned_are_not_judged():
    images = simulate.particles(30, 48, radius=11, max_shift=3, seed=1).images
    fitted = RadialReference(14, structure=False).fit(images)
    assert not fitted.clear
    assert not fitted(images).has(Flag.ELONGATED).any()
