"""Whether a basis is orthonormal, and one that is made so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centering import SurrogateCenter, landscape
from pswf import (
    PSWF,
    AngularZero,
    DiniBessel,
    FourierBessel,
    SteerableBasis,
    WithConstant,
    Zernike,
    gauss_legendre,
    gram_matrix,
    orthonormalized,
)
from pswf.steerable.chebyshev import chebyshev_coefficients, chebyshev_gram


@dataclass(frozen=True)
class Powers:
    """``scale * r^p``."""

    powers: tuple[int, ...]
    scale: float = 1.0

    def evaluate(self, r):
        return np.stack([self.scale * np.asarray(r, dtype=float) ** p for p in self.powers])


@dataclass(frozen=True)
class Mixed:
    """Combinations of the functions of another basis."""

    basis: object
    weights: np.ndarray

    def evaluate(self, r):
        return np.tensordot(self.weights, self.basis.evaluate(r), axes=1)


class Values:
    def __init__(self, function):
        self.evaluate = function


def hat_gram(powers):
    return 1.0 / (np.add.outer(powers, powers) + 2.0)


POWERS = st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True).map(tuple)


@settings(max_examples=20)
@given(powers=POWERS, scale=st.sampled_from([1.0, -3.0, 1e-120, 1e150]))
def test_gram_matrix_of_powers(powers, scale):
    np.testing.assert_allclose(gram_matrix(Powers(powers, scale)) / scale / scale, hat_gram(powers), rtol=1e-12)


@settings(max_examples=20)
@given(powers=POWERS, odd=st.booleans())
def test_gram_matrix_of_chebyshev_series(powers, odd):
    ours = [2 * p + odd for p in powers]
    coefficients = chebyshev_coefficients(Powers(tuple(ours)), int(odd), 64)
    np.testing.assert_allclose(chebyshev_gram(coefficients, int(odd)), hat_gram(ours), atol=1e-14)


@pytest.mark.parametrize("basis", [PSWF(60.0, 3), Zernike(9, 2), FourierBessel(12, 1), DiniBessel(7)], ids=repr)
def test_the_bases_of_the_package_are_orthonormal_and_stay_what_they_are(basis, rng):
    assert np.abs(gram_matrix(basis) - np.eye(basis.count)).max() < 1e-11
    r = rng.random(20)
    np.testing.assert_allclose(orthonormalized(basis).evaluate(r), basis.evaluate(r), atol=1e-9)


@settings(max_examples=20)
@given(
    powers=st.lists(st.integers(0, 12), min_size=1, max_size=5, unique=True).map(tuple),
    scale=st.sampled_from([1.0, -2.0, 1e-250, 1e200]),
)
def test_the_first_functions_span_what_they_spanned(powers, scale):
    basis = orthonormalized(Powers(powers, scale))
    r, w = gauss_legendre(40)
    new, old = basis.evaluate(r), Powers(powers).evaluate(r)
    assert np.abs((new * w) @ new.T - np.eye(len(powers))).max() < 1e-8
    inner = (old * w) @ new.T * np.sign(scale)
    # f_m is in the span of those up to m, and what is new in it points where it did
    assert np.abs(np.triu(inner, 1)).max() < 1e-8
    assert (np.diagonal(inner) > 0.0).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 12), order=st.integers(0, 30))
def test_mixing_an_orthonormal_basis_loses_nothing(seed, count, order):
    rng = np.random.default_rng(seed)
    plain = Zernike(count, order)
    mixture = rng.normal(size=(count, count)) + 3.0 * np.eye(count)
    if np.linalg.cond(mixture) > 1e5:
        return
    basis = orthonormalized(Mixed(plain, mixture))
    gram = gram_matrix(Mixed(plain, mixture))
    np.testing.assert_allclose(gram, mixture @ mixture.T, atol=1e-11 * np.abs(gram).max())
    r = rng.random((3, 7))
    values = basis.evaluate(r)
    assert values.shape == (count, 3, 7)
    # the projection onto the span does not depend on the functions that span it
    expected = np.einsum("nij,nkl->ijkl", plain.evaluate(r), plain.evaluate(r))
    np.testing.assert_allclose(np.einsum("nij,nkl->ijkl", values, values), expected, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("basis", "message"),
    [
        (Powers((0, 2, 2)), r"function 2 of the basis Powers.* is a combination of those before it"),
        (Powers(tuple(range(0, 60, 2))), "is a combination of those before it"),
        (Values(lambda r: np.stack([np.ones_like(r), 0 * r])), "function 1 of the basis .* is zero"),
        (
            Values(lambda r: np.stack([np.ones_like(r), np.where(r > 0.3, 1.0, 0.0)])),
            "have jumps, or oscillate too fast",
        ),
        (Values(lambda r: np.full((2, *r.shape), np.nan)), "not finite real numbers"),
        (Values(lambda r: np.ones((2, *r.shape)) * 1j), "not finite real numbers"),
        (Values(lambda r: np.ones(2)), r"evaluate\(r\) must return"),
    ],
)
def test_what_cannot_be_made_orthonormal(basis, message):
    with pytest.raises(ValueError, match=message):
        orthonormalized(basis)


@pytest.mark.parametrize("basis", [3, None, "PSWF"])
def test_neither_a_basis_nor_a_family(basis):
    with pytest.raises(TypeError, match="give a radial basis or a family of them"):
        orthonormalized(basis)
    with pytest.raises(TypeError, match="give an object with a method evaluate"):
        gram_matrix(basis)


def test_values_in_single_precision(rng):
    basis = orthonormalized(Values(lambda r: np.asarray(Powers((0, 2, 4)).evaluate(r), dtype=np.float32)))
    assert np.abs(gram_matrix(basis) - np.eye(3)).max() < 1e-6
    r = rng.random(5)
    # of the same span, to single precision; the powers are nearly dependent there
    np.testing.assert_allclose(np.abs(basis.evaluate(r)), np.abs(Zernike(3).evaluate(r)), atol=2e-5)


def test_no_function_is_orthonormal():
    nothing = Values(lambda r: np.empty((0, *np.shape(r))))
    assert gram_matrix(nothing).shape == (0, 0)
    assert orthonormalized(nothing).evaluate([0.1, 0.2]).shape == (0, 2)


SKEW = Powers((0, 2, 4))
ERROR = r"Powers.* is not orthonormal: its largest Gram error, 0.9, is that of function 2 with itself"


@pytest.mark.parametrize("score", ["paper", "racer"])
def test_inner_products_are_coefficients_of_orthonormal_functions_alone(score, rng):
    images = rng.normal(size=(1, 25, 25))
    for refused in (
        lambda: AngularZero(9, SKEW, expansion="paper").coefficients(images[:, :19, :19]),
        lambda: SurrogateCenter(9, basis=SKEW, score=score)(images),
        lambda: landscape(images, 9, basis=SKEW, score=score),
    ):
        with pytest.raises(ValueError, match=ERROR + r".*give pswf.orthonormalized\(basis\)$"):
            refused()
    good = orthonormalized(SKEW)
    same = Zernike(3)
    one, other = (SurrogateCenter(9, basis=basis, score=score)(images).displacement for basis in (good, same))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_what_is_made_orthonormal_on_the_pixels_may_be_skew(rng):
    crop = rng.normal(size=(19, 19))
    averages = [
        disk.rotational_average(disk.coefficients(crop), np.arange(10))
        for disk in (AngularZero(9, basis) for basis in (SKEW, Zernike(3), WithConstant(Powers((2, 4)))))
    ]
    np.testing.assert_allclose(averages[1:], [averages[0]] * 2, atol=1e-11)


def test_the_worst_pair_is_named():
    basis = Mixed(Zernike(4), np.eye(4) + 0.25 * np.eye(4)[[3, 0, 0, 0]] * np.eye(4)[:, :1])
    with pytest.raises(ValueError, match=r"0\.25, is that of functions 0 and 3 \(int_0\^1 f_0 f_3 r dr is 0\.25, and"):
        AngularZero(9, basis, expansion="paper").check_orthonormal()


@pytest.mark.parametrize("error", [1e-7, -1e-7])
def test_single_precision_is_orthonormal(error, rng):
    exact = Zernike(5)
    disk = AngularZero(9, Values(lambda r: exact.evaluate(r).astype(np.float32) * (1 + error)), expansion="paper")
    assert np.isfinite(disk.coefficients(rng.normal(size=(19, 19)))).all()


def test_jumps_are_not_held_against_a_basis(rng):
    """Means of rings, orthonormal for the area: no rule resolves them, and nothing proves them skew."""
    edges = np.linspace(0.0, 1.0, 6)
    norm = np.sqrt(np.diff(edges**2) / 2.0)[:, None]

    def rings(r):
        flat = np.ravel(r)
        inside = (flat >= edges[:-1, None]) & (flat < edges[1:, None])
        return (inside / norm).reshape(5, *np.shape(r))

    disk = AngularZero(20, Values(rings), expansion="paper")
    assert np.isfinite(disk.coefficients(rng.normal(size=(41, 41)))).all()


@dataclass(frozen=True)
class SkewFamily:
    """``r^N (1, r^2, ...)`` for N < 6."""

    count: int = 3

    def __call__(self, N):
        return Powers(tuple(range(N, N + 2 * self.count, 2))) if N < 6 else None


def test_families(rng):
    with pytest.raises(ValueError, match=r"of order 0 is not orthonormal: .*give pswf.orthonormalized\(family\)$"):
        SteerableBasis(SkewFamily(), 24)
    family = orthonormalized(SkewFamily())
    assert family == orthonormalized(SkewFamily())
    assert family(6) is None
    ours = SteerableBasis(family, 24, dtype=np.float64)
    theirs = SteerableBasis(lambda N: Zernike(3, N) if N < 6 else None, 24, dtype=np.float64)
    image = rng.normal(size=(24, 24))
    for there, back in (("evaluate_t", "evaluate"), ("expand", "evaluate")):
        one, other = (getattr(basis, back)(getattr(basis, there)(image)) for basis in (ours, theirs))
        np.testing.assert_allclose(one, other, atol=1e-9)
