"""`expand` inverts `evaluate`, quickly, and says what is left over."""

from __future__ import annotations

import numpy as np
import pytest
from whole_images import dense_matrix, draw_stack, make_basis

from pswf import (
    PSWF2D,
    DiniBesselFamily,
    FourierBesselFamily,
    SteerableBasis,
    Zernike,
    ZernikeFamily,
    prolate_spectra,
    steerable_pca,
)
from pswf.steerable import least_squares


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


def lstsq(basis, images):
    """Return the coefficients and relative residuals of dense least squares, and the condition of the equations."""
    functions = dense_matrix(basis)[:, basis.disk]
    pixels = images[:, basis.disk]
    solution, _, rank, singular = np.linalg.lstsq(functions.T, pixels.T)
    assert rank == basis.count
    rest = np.linalg.norm(pixels - solution.T @ functions, axis=1)
    return solution.T, rest / np.linalg.norm(pixels, axis=1), singular[0] / singular[-1]


def random_family(name: str, rng: np.random.Generator, size: int):
    band = np.pi * (size // 2) * rng.uniform(0.3, 1.08)
    return {
        "prolate": lambda: prolate_spectra(band, 10.0 ** rng.uniform(-1.0, 1.0)),
        "Fourier-Bessel": lambda: FourierBesselFamily(max(band, 2.5)),
        "Dini-Bessel": lambda: DiniBesselFamily(band),
        "Zernike": lambda: ZernikeFamily(int(rng.integers(0, size))),
        "learned": lambda: steerable_pca(
            PSWF2D(size, dtype=np.float64), rng.standard_normal((3, size, size)), count=int(rng.integers(1, size))
        ),
    }[name]()


@pytest.mark.parametrize("name", ["prolate", "Fourier-Bessel", "Dini-Bessel", "Zernike", "learned"])
@pytest.mark.parametrize("seed", range(8))
def test_random_bases_give_the_solution_of_dense_least_squares_or_are_refused(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 34))
    images = rng.standard_normal((2, size, size)) * 10.0 ** rng.uniform(-8, 8)
    family = random_family(name, rng, size)
    message = ""
    try:
        basis = SteerableBasis(family, size, dtype=np.float64)
        fit = basis.least_squares(images)
    except ValueError as error:
        message = str(error)
    if message:
        assert "; give a larger truncation, a smaller band or degree" in message
        return
    solution, residual, condition = lstsq(basis, images)
    size = np.abs(solution).max()
    np.testing.assert_allclose(fit.coefficients, solution, rtol=0, atol=(1e-12 + 1e-14 * condition) * size)
    np.testing.assert_allclose(fit.residual, residual, rtol=0, atol=1e-13 + 1e-17 * condition)
    assert fit.gradient.max() < 1e-13 + 1e-15 * condition


@pytest.mark.parametrize(("size", "truncation"), [(24, 0.3), (33, 0.2), (40, 0.2)])
def test_ill_conditioned_bases(size: int, truncation: float, rng: np.random.Generator) -> None:
    """Conjugate gradients stopped after 200 steps, without a word, 1e-3 short of the minimum."""
    basis = PSWF2D(size, truncation=truncation, dtype=np.float64)
    images = rng.standard_normal((2, size, size))
    solution, residual, condition = lstsq(basis, images)
    assert 1e4 < condition < 1e8
    fit = basis.least_squares(images)
    np.testing.assert_allclose(fit.residual, residual, rtol=0, atol=1e-10)
    np.testing.assert_allclose(fit.coefficients, solution, rtol=0, atol=1e-14 * condition * np.abs(solution).max())
    np.testing.assert_array_equal(basis.expand(images), fit.coefficients)


def test_a_large_ill_conditioned_basis_is_solved_directly(rng: np.random.Generator) -> None:
    basis = PSWF2D(73, truncation=0.3, dtype=np.float64)
    assert basis.count > least_squares.TUNING.small
    coefficients = rng.standard_normal((2, basis.count))
    images = basis.evaluate(coefficients)
    fit = basis.least_squares(images)
    assert fit.iterations == 0
    assert fit.residual.max() < 1e-12
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [32, 33])
def test_direct_solution_and_conjugate_gradients_agree(size: int, rng: np.random.Generator) -> None:
    basis = PSWF2D(size, dtype=np.float64)
    images = rng.standard_normal((3, size, size))
    direct, iterated = basis.least_squares(images), basis.least_squares(images, max_iterations=50)
    assert direct.iterations == 0 < iterated.iterations < 20
    np.testing.assert_allclose(direct.coefficients, iterated.coefficients, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("family", "size", "message"),
    [
        (
            lambda: prolate_spectra(16 * np.pi, 1e-3),
            33,
            "the basis has 1000 functions for the 797 pixels on the disk of",
        ),
        (lambda: prolate_spectra(8 * np.pi, 0.3), 17, "the basis has 19 sines of orders 4, 8, ... for the 18 pixels"),
        (lambda: DiniBesselFamily(1.05 * 8 * np.pi), 16, "sines of orders"),
        # a family without an end
        (lambda: lambda order: Zernike(3, order), 16, "functions for the 195 pixels"),
    ],
)
def test_more_functions_than_pixels(family, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=f"{message}.*; give a larger truncation, a smaller band") as caught:
        SteerableBasis(family(), size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [16, 17, 24, 33])
def test_functions_that_the_pixels_do_not_tell_apart(size: int) -> None:
    basis = SteerableBasis(ZernikeFamily(size), size, dtype=np.float64)
    assert basis.count < basis.disk.sum()
    singular = np.linalg.svd(basis.evaluate(np.eye(basis.count))[:, basis.disk], compute_uv=False)
    assert singular[-1] < 1e-12
    with pytest.raises(ValueError, match=r"do not tell the functions of the basis apart .*; give a larger truncation"):
        basis.expand(np.zeros((size, size)))


def test_single_precision_says_where_it_is_not_enough(rng: np.random.Generator) -> None:
    images = rng.standard_normal((2, 33, 33))
    with pytest.raises(ValueError, match=r"give dtype=numpy.float64, a larger truncation"):
        PSWF2D(33, truncation=0.2).expand(images)
    single, double = PSWF2D(33, truncation=0.5), PSWF2D(33, truncation=0.5, dtype=np.float64)
    np.testing.assert_allclose(single.least_squares(images).residual, double.least_squares(images).residual, atol=1e-4)


def test_no_convergence_is_an_error(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    basis = PSWF2D(33, truncation=0.2, dtype=np.float64)
    tuning = least_squares.Tuning(small=0, largest=0, most_steps=30)
    monkeypatch.setattr(least_squares, "TUNING", tuning)
    with pytest.raises(ValueError, match=r"did not converge in 30 steps, .*; give a larger truncation"):
        basis.expand(rng.standard_normal((33, 33)))


@pytest.mark.parametrize("size", range(2, 40))
def test_default_basis_of_every_size(size: int, rng: np.random.Generator) -> None:
    basis = PSWF2D(size, dtype=np.float64)
    coefficients = rng.standard_normal(basis.count)
    np.testing.assert_allclose(basis.expand(basis.evaluate(coefficients)), coefficients, rtol=0, atol=1e-11)


def test_the_number_of_steps_can_be_limited(rng: np.random.Generator) -> None:
    fit = make_basis("PSWF2D", 32).least_squares(rng.standard_normal((32, 32)), max_iterations=2)
    assert fit.iterations == 2
    assert 1e-13 < fit.gradient < 0.1


@pytest.mark.parametrize(("dtype", "powers"), [("float32", (-90, 115)), ("float64", (-1000, -600, 520, 1010))])
@pytest.mark.parametrize("steps", [None, 30])
def test_a_power_of_two_changes_nothing_else(
    dtype: str, powers: tuple[int, ...], steps: int | None, rng: np.random.Generator
) -> None:
    basis = make_basis("PSWF2D", 24, dtype)
    noise = rng.standard_normal((2, 24, 24)).astype(dtype)
    expected = basis.least_squares(noise, max_iterations=steps)
    for power in powers:
        fit = basis.least_squares(np.ldexp(noise, power), max_iterations=steps)
        np.testing.assert_array_equal(fit.coefficients, np.ldexp(expected.coefficients, power))
        np.testing.assert_array_equal(fit.residual, expected.residual)
        assert fit.iterations == expected.iterations


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
