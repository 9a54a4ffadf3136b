"""Complex images in steerable bases: everything that is linear is so over the complex numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_images import dense_matrix, make_basis

from pswf import PSWF2D, AngularZero, SteerableBasis, compare_bases, prolate_spectra, steerable_pca

SIZES = st.sampled_from([("PSWF2D", 16), ("PSWF2D", 17), ("Zernike", 16), ("Fourier-Bessel", 15)])
SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, *shape: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@settings(max_examples=10)
@given(basis=SIZES, seed=SEEDS, factor=st.complex_numbers(min_magnitude=1e-3, max_magnitude=1e3))
def test_linear_and_conjugate(basis: tuple[str, int], seed: int, factor: complex) -> None:
    chosen = make_basis(*basis)
    images, coefficients = draw(seed, 2, basis[1], basis[1]), draw(seed + 1, 2, chosen.count)
    for method, given_ in (
        (chosen.evaluate_t, images),
        (chosen.expand, images),
        (chosen.evaluate, coefficients),
        (lambda c: chosen.rotate(c, [0.4, -2.0]), coefficients),
        (lambda c: chosen.rotational_average(c, [0.0, 2.5]), coefficients),
    ):
        value = method(given_)
        assert value.dtype == np.complex128
        atol = 1e-11 * np.abs(value).max()
        np.testing.assert_allclose(method(factor * given_), factor * value, atol=atol * abs(factor))
        np.testing.assert_allclose(method(given_.conj()), value.conj(), atol=atol)
        turned = given_ + factor * given_[::-1]
        np.testing.assert_allclose(
            method(turned)[:1], (value + factor * method(given_[::-1]))[:1], atol=atol * (1 + abs(factor))
        )
        np.testing.assert_array_equal(method(given_.real + 0j).imag, 0.0)


@settings(max_examples=20)
@given(basis=SIZES, seed=SEEDS)
def test_adjoint(basis: tuple[str, int], seed: int) -> None:
    chosen = make_basis(*basis)
    image, coefficients = draw(seed, basis[1], basis[1]), draw(seed + 1, chosen.count)
    left = np.vdot(image, chosen.evaluate(coefficients))
    right = np.vdot(chosen.evaluate_t(image), coefficients)
    assert abs(left - right) < 1e-12 * np.linalg.norm(image) * np.linalg.norm(coefficients)


@settings(max_examples=20)
@given(basis=SIZES, seed=SEEDS, angle=st.floats(-7.0, 7.0))
def test_orders_of_both_signs(basis: tuple[str, int], seed: int, angle: float) -> None:
    chosen = make_basis(*basis)
    given_ = draw(seed, 3, chosen.count)
    plus, minus = (chosen.to_complex(given_, negative=negative) for negative in (False, True))
    np.testing.assert_allclose(chosen.to_real(plus, minus), given_, atol=1e-13)
    # a rotation multiplies each of them by a phase
    N = chosen.layout.complex_angular_indices
    turned = chosen.rotate(given_, angle)
    np.testing.assert_allclose(chosen.to_complex(turned, negative=False), plus * np.exp(1j * N * angle), atol=1e-12)
    np.testing.assert_allclose(chosen.to_complex(turned, negative=True), minus * np.exp(-1j * N * angle), atol=1e-12)
    # the power of both is that of all
    power = np.sum(np.abs(plus) ** 2 + np.where(N > 0, np.abs(minus) ** 2, 0.0), axis=1)
    np.testing.assert_allclose(power, np.sum(np.abs(given_) ** 2, axis=1))
    real = given_.real
    np.testing.assert_array_equal(chosen.to_complex(real, negative=True), chosen.to_complex(real).conj())
    np.testing.assert_allclose(chosen.to_real(chosen.to_complex(real)), real, rtol=1e-14)


def test_against_the_functions_themselves() -> None:
    """With exp(i N theta) and exp(-i N theta), from their definition."""
    basis = make_basis("PSWF2D", 9)
    image = draw(5, 9, 9)
    np.testing.assert_allclose(basis.evaluate_t(image), np.einsum("ij,kij->k", image, dense_matrix(basis)), atol=1e-13)
    rows, columns = np.mgrid[:9, :9] - 4
    r, theta = np.hypot(rows, columns) / 4, np.arctan2(rows, columns)
    inside = r <= 1.0
    for negative in (False, True):
        expected = []
        for N in range(len(basis.counts)):
            radial = basis.radial(-N if negative else N).evaluate(r[inside])
            phase = np.exp((1j if negative else -1j) * N * theta[inside])  # the conjugate of the function
            expected.append((radial * phase / np.sqrt(2.0 * np.pi) / 4) @ image[inside])
        got = basis.to_complex(basis.evaluate_t(image), negative=negative)
        np.testing.assert_allclose(got, np.concatenate(expected), atol=1e-13)


def test_operators_and_single_precision() -> None:
    basis = make_basis("PSWF2D", 16)
    operator = basis.radial_filter(lambda k: np.cos(9.0 * k))
    given_ = draw(1, 2, basis.count)
    result = operator.apply(given_)
    np.testing.assert_array_equal(result, operator.apply(given_.real) + 1j * operator.apply(given_.imag))
    np.testing.assert_allclose(operator.solve(result), given_, atol=1e-8 * np.abs(given_).max())
    single = make_basis("PSWF2D", 16, "float32")
    image = draw(2, 16, 16)
    for precise, value in (
        (basis.evaluate_t(image), single.evaluate_t(image)),
        (basis.evaluate(given_), single.evaluate(given_)),
    ):
        assert value.dtype == np.complex64
        np.testing.assert_allclose(value, precise, atol=2e-5 * np.abs(precise).max())


def test_what_is_not_linear_says_so() -> None:
    images = draw(3, 2, 9, 9)
    for refused in (
        lambda: steerable_pca(make_basis("PSWF2D", 9), images),
        lambda: compare_bases(images, [5], names=["Zernike"]),
        lambda: make_basis("PSWF2D", 9).least_squares(images),
    ):
        with pytest.raises(TypeError, match=r"images are complex \(complex128\); give real pixels"):
            refused()
    with pytest.raises(TypeError, match=r"coefficients are complex \(complex128\); give real ones"):
        AngularZero(4).rotational_average(np.ones((1, 5)) * 1j, [0.0])


def test_equal_bases() -> None:
    one, other = PSWF2D(9), PSWF2D(9)
    assert one == other
    assert hash(one) == hash(other)
    assert one == SteerableBasis(prolate_spectra(4 * np.pi), 9)
    different = (PSWF2D(9, dtype="f8"), PSWF2D(10), PSWF2D(9, truncation=2.0), PSWF2D(9, bandlimit_ratio=0.9), 9)
    assert all(one != basis for basis in different)
    eval_ = {"PSWF2D": PSWF2D}
    assert eval(repr(one), eval_) == one
    learned, again = (steerable_pca(make_basis("PSWF2D", 9), draw(0, 3, 9, 9).real) for _ in range(2))
    assert learned == again
    assert hash(learned) == hash(again)
    assert learned != learned.leading(5)
    with pytest.raises(ValueError, match="angular_order is -99; this basis has the orders 0 to"):
        one.radial(-99)
    assert repr(make_basis("PSWF2D", 9).radial_filter(np.cos)).startswith("BlockDiagonal(orders=")
