"""`expand` inverts `evaluate`, quickly, and says what is left over."""

from __future__ import annotations

import numpy as np
import pytest
from whole_images import draw_stack, make_basis


@pytest.mark.parametrize("size", [65, 128, 256])
def test_round_trip_of_images_inside_the_disk(size: int, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", size)
    images = draw_stack(rng, size)
    fit = basis.least_squares(images)
    # on 65 pixels the blobs themselves reach beyond band and disk by some 1e-13
    limit = 1e-12 if size == 65 else 1e-13
    assert np.abs(basis.evaluate(fit.coefficients) - images).max() < limit * images.max()
    assert fit.residual.shape == (3,)
    assert fit.residual.max() < 1e-12
    assert fit.iterations <= 5


@pytest.mark.parametrize("size", [64, 65])
def test_coefficients_of_anything_in_the_span_come_back(size: int, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", size)
    coefficients = rng.standard_normal((2, basis.count))
    fit = basis.least_squares(basis.evaluate(coefficients))
    assert np.abs(fit.coefficients - coefficients).max() < 1e-11
    assert fit.iterations <= 10


@pytest.mark.parametrize("name", ["PSWF2D", "prolate, half the band", "Fourier-Bessel", "Zernike", "learned"])
def test_noise_is_projected_as_by_dense_least_squares(name: str, rng: np.random.Generator) -> None:
    basis = make_basis(name, 24)
    noise = rng.standard_normal((2, 24, 24))
    functions = basis.evaluate(np.eye(basis.count))[:, basis.disk]
    expected, *_ = np.linalg.lstsq(functions.T, noise[:, basis.disk].T)
    fit = basis.least_squares(noise)
    np.testing.assert_allclose(fit.coefficients, expected.T, rtol=0, atol=1e-9)
    rest = noise[:, basis.disk] - expected.T @ functions
    norm = np.linalg.norm(noise[:, basis.disk], axis=1)
    np.testing.assert_allclose(fit.residual, np.linalg.norm(rest, axis=1) / norm, rtol=1e-9)
    assert (fit.gradient <= 1e-14).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_takes_few_steps(dtype: str, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 128, dtype)
    assert basis.least_squares(rng.standard_normal((2, 128, 128))).iterations <= 12


def test_single_precision(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 64, "float32")
    images = draw_stack(rng, 64).astype(np.float32)
    fit = basis.least_squares(images)
    assert fit.coefficients.dtype == np.float32
    assert np.abs(basis.evaluate(fit.coefficients) - images).max() < 1e-5 * images.max()
    assert fit.iterations <= 5


def test_a_basis_with_more_functions_than_pixels_still_fits(rng: np.random.Generator) -> None:
    basis = make_basis("prolate, truncation 1e-3", 20)
    assert basis.count > basis.disk.sum()
    fit = basis.least_squares(rng.standard_normal((20, 20)))
    # every pixel can be met
    assert fit.residual < 1e-11


def test_the_number_of_steps_can_be_limited(rng: np.random.Generator) -> None:
    fit = make_basis("PSWF2D", 32).least_squares(rng.standard_normal((32, 32)), max_iterations=2)
    assert fit.iterations == 2
    assert 1e-13 < fit.gradient < 0.1


def test_zero_images_and_no_images() -> None:
    basis = make_basis("PSWF2D", 16)
    fit = basis.least_squares(np.zeros((2, 16, 16)))
    assert fit.iterations == 0
    assert not fit.coefficients.any()
    assert not fit.residual.any()
    assert basis.expand(np.empty((0, 16, 16))).shape == (0, basis.count)


def test_easy_and_hard_images_in_one_stack(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 32)
    images = np.stack([draw_stack(rng, 32, 1)[0], 1e6 * rng.standard_normal((32, 32)), np.zeros((32, 32))])
    together = basis.expand(images)
    for got, image in zip(together, images, strict=True):
        want = basis.expand(image)
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11 * (np.abs(want).max() + 1e-300))


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 1.0, np.nan])
def test_tolerances_that_make_no_sense(tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"tolerance is .*; give a number between 0 and 1"):
        make_basis("PSWF2D", 16).expand(np.zeros((16, 16)), tolerance=tolerance)


def test_long_stacks_are_solved_in_blocks(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 8)
    images = rng.standard_normal((300, 8, 8))
    together = basis.least_squares(images)
    assert together.residual.shape == (300,)
    for i in (0, 127, 128, 299):
        np.testing.assert_allclose(together.coefficients[i], basis.expand(images[i]), rtol=0, atol=1e-11)
