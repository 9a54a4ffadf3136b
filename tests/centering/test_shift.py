"""The Fourier shift against images that are known at any sub-pixel position."""

import numpy as np
import pytest
from scipy.ndimage import fourier_shift

from centering import simulate
from centering.shift import shift_images, sum_shifted


@pytest.mark.parametrize("size", [80, 81])
def test_content_lands_where_an_analytic_image_has_it(size):
    simulation = simulate.particles(5, size, radius=28, max_shift=8, dtype=np.float64)
    centered = simulation.particle.project(simulation.rotation, np.zeros((5, 2)), size)
    moved = shift_images(simulation.images, -simulation.displacement)
    # what is left is the Gaussians' content beyond the Nyquist frequency
    assert np.abs(moved - centered).max() < 3e-5 * centered.max()


@pytest.mark.parametrize("size", [8, 9])
def test_whole_pixels_are_a_roll(size, rng):
    images = rng.normal(size=(3, size, size))
    moved = shift_images(images, [[2, -3], [0, 0], [-1, 0]])
    expected = [np.roll(image, step, (0, 1)) for image, step in zip(images, [(2, -3), (0, 0), (-1, 0)], strict=True)]
    np.testing.assert_allclose(moved, expected, atol=1e-12)


def test_odd_sizes_agree_with_scipy(rng):
    image, step = rng.normal(size=(15, 15)), (1.3, -4.85)
    expected = np.fft.ifft2(fourier_shift(np.fft.fft2(image), step)).real
    np.testing.assert_allclose(shift_images(image[None], [step])[0], expected, atol=1e-12)


@pytest.mark.parametrize("size", [14, 15])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sum_is_that_of_the_moved_images(size, dtype, rng):
    images, steps = rng.normal(size=(6, size, size)).astype(dtype), rng.uniform(-4, 4, size=(6, 2))
    total = sum_shifted(images, steps)
    assert total.dtype == dtype
    expected = shift_images(images.astype(np.float64), steps).sum(axis=0)
    np.testing.assert_allclose(total, expected, atol=1e-5 if dtype == np.float32 else 1e-12)


def test_the_power_of_noise_is_kept(rng):
    noise = rng.normal(size=(40, 33, 33))
    moved = shift_images(noise, rng.uniform(-5, 5, size=(40, 2)))
    spectra = [np.abs(np.fft.fft2(stack)) for stack in (noise, moved)]
    np.testing.assert_allclose(*spectra, atol=1e-10)


def test_type_input_and_non_finite_images_are_kept(rng):
    images = rng.normal(size=(2, 8, 8)).astype(np.float32)
    images[1, 3, 3] = np.nan
    before = images.copy()
    moved = shift_images(images, [[0.5, 0.5], [0.5, 0.5]])
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(moved[1], images[1])
    with pytest.raises(ValueError, match=r"\(B, n, n\) and \(B, 2\)"):
        shift_images(images, [0.5, 0.5])
