"""Negative angular orders, where ``psi_{-N} = conj(psi_N)``; and which bases are equal."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pswf import (
    PSWF,
    AngularZero,
    DiniBessel,
    DiniBesselFamily,
    FourierBessel,
    FourierBesselFamily,
    RadialFamily,
    WithConstant,
    Zernike,
    ZernikeFamily,
    gauss_legendre,
    orthonormalized,
    prolate_spectra,
)
from pswf.bases.combination import Combination

KINDS = {
    "PSWF": lambda count, N: PSWF(20.0, N, count=count),
    "FourierBessel": FourierBessel,
    "DiniBessel": DiniBessel,
    "Zernike": Zernike,
}


@settings(max_examples=30)
@given(kind=st.sampled_from(sorted(KINDS)), count=st.integers(1, 6), N=st.integers(0, 40), seed=st.integers(0, 99))
def test_radial_functions_are_those_of_the_positive_order(kind, count, N, seed):
    one, other = KINDS[kind](count, -N), KINDS[kind](count, N)
    r = np.random.default_rng(seed).random(9)
    np.testing.assert_array_equal(one.evaluate(r), other.evaluate(r))
    np.testing.assert_array_equal(one.derivative(r), other.derivative(r))
    assert one.angular_order == -N
    assert (one == other) == (N == 0)
    for name in ("chi", "gamma", "alpha", "log_concentration", "log_leakage", "zeros"):
        if hasattr(one, name):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("N", [-1, -2, -3, -4, 3])
def test_eigenfunctions_of_negative_order(N):
    """Equation (P.1) by quadrature on the whole disk."""
    c = 9.0
    basis = PSWF(c, N, count=3)
    r, w = gauss_legendre(40)
    angle = np.arange(64) * (2.0 * np.pi / 64)
    y = r[:, None] * np.exp(1j * angle)
    psi = basis.evaluate(r)[:, :, None] * np.exp(1j * N * angle) / np.sqrt(2.0 * np.pi)
    for x in (0.3 + 0.1j, -0.5 + 0.7j):
        inner = (np.conj(x) * y).real
        transformed = np.einsum("nrt,rt,r->n", psi, np.exp(1j * c * inner), w) * (2.0 * np.pi / 64)
        there = basis.evaluate(abs(x)) * np.exp(1j * N * np.angle(x)) / np.sqrt(2.0 * np.pi)
        np.testing.assert_allclose(transformed, basis.alpha * there, atol=1e-13)


FAMILIES: list[RadialFamily] = [
    prolate_spectra(12.0),
    FourierBesselFamily(12.0),
    DiniBesselFamily(12.0),
    ZernikeFamily(9),
    orthonormalized(ZernikeFamily(9)),
]


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_families_take_negative_orders(family):
    r = np.linspace(0.0, 1.0, 7)
    for N in range(20):
        one, other = family(-N), family(N)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.evaluate(r), other.evaluate(r))
    with pytest.raises(TypeError, match=r"angular_order is 1\.5; give an integer$"):
        family(1.5)


MAKERS = {
    "PSWF": lambda: PSWF(20.0, 3, count=4),
    "PSWF, truncated": lambda: PSWF(20.0, truncation=1e-3),
    "FourierBessel": lambda: FourierBessel(3, 1),
    "DiniBessel": lambda: DiniBessel(3, 1),
    "Zernike": lambda: Zernike(3, 1),
    "Zernike, another": lambda: Zernike(3, -1),
    "WithConstant": lambda: WithConstant(FourierBessel(3, 1)),
    "AngularZero": lambda: AngularZero(5),
    "AngularZero, paper": lambda: AngularZero(5, expansion="paper"),
    "Combination": lambda: orthonormalized(Zernike(3, 1)),
    "Spectra": lambda: prolate_spectra(9.0),
    "Spectra, more": lambda: prolate_spectra(9.0, 0.1),
    "RadialProlate": lambda: prolate_spectra(9.0)(2),
    "FourierBesselFamily": lambda: FourierBesselFamily(9.0),
    "DiniBesselFamily": lambda: DiniBesselFamily(9.0),
    "ZernikeFamily": lambda: ZernikeFamily(9),
    "OrthonormalFamily": lambda: orthonormalized(ZernikeFamily(9)),
}


def test_what_is_made_alike_is_equal_and_nothing_else():
    first, second = ({name: make() for name, make in MAKERS.items()} for _ in range(2))
    for name, one in first.items():
        for name_too, other in second.items():
            assert (one == other) == (name == name_too), (name, name_too)
            assert name != name_too or hash(one) == hash(other)
        assert one != 3
        assert pickle.loads(pickle.dumps(one)) == one
    assert len({*first.values(), *second.values()}) == len(first)


@pytest.mark.parametrize("name", ["PSWF", "FourierBessel", "DiniBessel", "Zernike", "WithConstant", "AngularZero"])
def test_what_is_shown_makes_it_again(name):
    made = MAKERS[name]()
    assert eval(repr(made)) == made


def test_what_is_shown_is_short():
    assert repr(orthonormalized(Zernike(40))) == "Combination(Zernike(40, 0), functions=40)"
    assert repr(orthonormalized(ZernikeFamily(9))) == "OrthonormalFamily(family=ZernikeFamily(degree=9))"
    assert Combination(Zernike(2), np.eye(2)) != Combination(Zernike(2), 2 * np.eye(2))
