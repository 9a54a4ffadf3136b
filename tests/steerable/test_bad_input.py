"""Every wrong argument: one clear sentence, at once."""

from __future__ import annotations

import time

import numpy as np
import pytest
from whole_images import make_basis

from pswf import PSWF2D, DiniBessel, DiniBesselFamily, FourierBesselFamily, SteerableBasis, Zernike, ZernikeFamily

BAD_BASES = [
    ({"size": 1}, ValueError, "size is 1; give at least 2 pixels"),
    ({"size": 0}, ValueError, "size is 0; give at least 2 pixels"),
    ({"size": -8}, ValueError, "size is -8; give at least 2 pixels"),
    ({"size": (8, 9)}, ValueError, r"size is \(8, 9\); images must be square"),
    ({"size": (8, 8, 8)}, ValueError, r"size is \(8, 8, 8\); images must be square"),
    ({"size": 8.5}, TypeError, "size is 8.5; give a whole number of pixels"),
    ({"size": "8"}, TypeError, "size is '8'; give a whole number of pixels"),
    ({"size": 8, "dtype": np.complex64}, TypeError, "dtype is .*complex64.*; give float32 or float64"),
    ({"size": 8, "dtype": np.float16}, TypeError, "dtype is .*float16.*; give float32 or float64"),
    ({"size": 8, "dtype": int}, TypeError, "dtype is .*int.*; give float32 or float64"),
    ({"size": 8, "dtype": "nonsense"}, TypeError, "dtype is 'nonsense'; give float32 or float64"),
    ({"size": 8, "truncation": 0}, ValueError, "truncation is 0; give a finite number above 0"),
    ({"size": 8, "truncation": -1.0}, ValueError, "truncation is -1.0; give a finite number above 0"),
    ({"size": 8, "truncation": np.inf}, ValueError, "truncation is inf; give a finite number above 0"),
    ({"size": 8, "truncation": 1e30}, ValueError, "truncation 1e.30 leaves no function at bandlimit 12.5"),
    ({"size": 64, "truncation": 1e300}, ValueError, "leaves no function"),
    ({"size": 8, "bandlimit_ratio": 0.0}, ValueError, "bandlimit_ratio is 0.0; give a finite number above 0"),
    ({"size": 8, "bandlimit_ratio": "1"}, TypeError, "bandlimit_ratio is '1'"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_BASES)
def test_bases_that_cannot_be(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    PSWF2D(8)
    start = time.perf_counter()
    with pytest.raises(error, match=message):
        PSWF2D(**arguments)
    assert time.perf_counter() - start < 20.0


@pytest.mark.parametrize("method", ["evaluate_t", "expand", "least_squares"])
@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((2, 8, 9)), ValueError, r"images have shape \(2, 8, 9\); this basis is for \(..., 8, 8\)"),
        (np.zeros((9, 9)), ValueError, r"images have shape \(9, 9\); this basis is for \(..., 8, 8\)"),
        (np.zeros(64), ValueError, r"images have shape \(64,\)"),
        (np.full((8, 8), "a"), TypeError, "images have dtype <U1; give float32 or float64 pixels"),
        (np.full((2, 8, 8), np.nan), ValueError, "image 0 has non-finite pixels"),
        (np.stack([np.zeros((8, 8)), np.full((8, 8), np.inf)]), ValueError, "image 1 has non-finite pixels"),
    ],
)
def test_images_that_do_not_fit(method: str, images: np.ndarray, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        getattr(make_basis("PSWF2D", 8), method)(images)


@pytest.mark.parametrize("method", ["evaluate_t", "expand", "least_squares"])
def test_pixels_that_the_type_of_the_basis_does_not_hold(method: str) -> None:
    with pytest.raises(ValueError, match="image 1 has pixels beyond the range of float32; give smaller ones"):
        getattr(make_basis("PSWF2D", 8, "float32"), method)(np.stack([np.ones((8, 8)), np.full((8, 8), 1e300)]))


NOT_LINEAR = ("power_spectrum", "to_complex", "second_moment")


@pytest.mark.parametrize("method", ["evaluate", "rotational_average", *NOT_LINEAR])
def test_coefficients_that_do_not_fit(method: str) -> None:
    basis = make_basis("PSWF2D", 8)
    apply = getattr(basis, method)
    with pytest.raises(ValueError, match=rf"coefficients have shape \(2, 5\); this basis needs \(..., {basis.count}\)"):
        apply(np.zeros((2, 5)))
    if method in NOT_LINEAR:
        with pytest.raises(TypeError, match="coefficients are complex"):
            apply(np.zeros(basis.count, dtype=complex))
    with pytest.raises(TypeError, match="coefficients have dtype"):
        apply(np.full(basis.count, "a"))


def test_more_coefficients_that_do_not_fit() -> None:
    basis = make_basis("PSWF2D", 8)
    with pytest.raises(ValueError, match="coefficients are not finite"):
        basis.evaluate(np.full(basis.count, np.nan))
    with pytest.raises(ValueError, match=rf"complex coefficients have shape \(3,\); .* \(..., {basis.complex_count}\)"):
        basis.to_real(np.zeros(3, dtype=complex))
    with pytest.raises(ValueError, match="angle is nan; give finite radians"):
        basis.rotate(np.zeros(basis.count), np.nan)
    with pytest.raises(ValueError, match=r"angle has shape \(3,\), .* give one angle, or one for each image"):
        basis.rotate(np.zeros((2, basis.count)), np.zeros(3))
    with pytest.raises(TypeError, match=r"images are complex \(complex128\); give real pixels"):
        basis.least_squares(np.zeros((8, 8), dtype=complex))  # whose residual is not linear
    with pytest.raises(TypeError, match=r"angles are complex \(complex128\); give real radians"):
        basis.rotate(np.zeros(basis.count), np.array(1j))
    with pytest.raises(TypeError, match=r"rho are complex \(complex128\); give real distances"):
        basis.rotational_average(np.zeros(basis.count), [1j])
    one = np.ones((2, basis.complex_count), dtype=complex)
    with pytest.raises(ValueError, match=r"coefficients have shape \(2, .*the negative ones \(1, .*give as many"):
        basis.to_real(one, one[:1])
    with pytest.raises(ValueError, match="the negative ones differ for N = 0"):
        basis.to_real(one, 2.0 * one)
    for rho in (-1.0, 4.5, np.nan):
        with pytest.raises(ValueError, match=r"rho has the value .*; give distances in \[0, 4\] pixels"):
            basis.rotational_average(np.zeros(basis.count), [1.0, rho])
    with pytest.raises(ValueError, match="max_iterations is 0; give an integer of at least 1"):
        basis.least_squares(np.zeros((8, 8)), max_iterations=0)
    with pytest.raises(ValueError, match="give at least one image"):
        basis.second_moment(np.zeros((0, basis.count)))
    with pytest.raises(ValueError, match="angular_order is 99; this basis has the orders 0 to"):
        basis.radial(99)


class Kink:
    def evaluate(self, r: np.ndarray) -> np.ndarray:
        return np.abs(np.asarray(r) - 0.5)[None]


class Zero:
    def evaluate(self, r: np.ndarray) -> np.ndarray:
        return np.zeros((1, *np.shape(r)))


class WrongShape:
    def evaluate(self, r: np.ndarray) -> np.ndarray:
        return np.zeros(3)


@pytest.mark.parametrize(
    ("family", "error", "message"),
    [
        (lambda N: None, ValueError, "has no function; a basis needs at least one"),
        (lambda N: Kink() if N == 0 else None, ValueError, "not resolved by .* Chebyshev terms"),
        # a function of even parity offered for an odd order
        (
            lambda N: Zernike(3, 2) if N == 1 else Zernike(1, N) if N < 3 else None,
            ValueError,
            "order 1 are not resolved",
        ),
        (lambda N: Zero() if N == 0 else None, ValueError, "order 0 is zero or not finite"),
        (lambda N: WrongShape() if N == 0 else None, ValueError, r"gave shape \(3,\)"),
        (lambda N: "basis" if N == 0 else None, TypeError, "family returned 'basis' for order 0"),
        ("family", TypeError, "family is 'family'; give a function"),
    ],
)
def test_families_that_are_none(family: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SteerableBasis(family, 16)


@pytest.mark.parametrize("family", [FourierBesselFamily, DiniBesselFamily])
@pytest.mark.parametrize("bandlimit", [0.0, -1.0, np.nan, np.inf])
def test_bands_that_are_none(family: type, bandlimit: float) -> None:
    with pytest.raises(ValueError, match=r"bandlimit is .*; give a finite number above 0"):
        family(bandlimit)


def test_a_band_below_the_first_zero() -> None:
    with pytest.raises(ValueError, match="has no function"):
        SteerableBasis(FourierBesselFamily(2.0), 16)


@pytest.mark.parametrize(("degree", "error"), [(-1, ValueError), (2.5, TypeError)])
def test_degrees_that_are_none(degree: float, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"degree is .*; give an integer of at least 0"):
        ZernikeFamily(degree)


def test_dini_bessel_arguments() -> None:
    with pytest.raises(ValueError, match="count is 0"):
        DiniBessel(0)
    with pytest.raises(ValueError, match="angular_order is -2000000; the largest"):
        DiniBessel(2, -2_000_000)
