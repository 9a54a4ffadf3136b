"""Laws of the families of radial bases, and what is special to each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import jnp_zeros, jv, jvp
from whole_images import NAMES, dense_matrix, draw_stack, make_basis

from pswf import (
    DiniBessel,
    DiniBesselFamily,
    FourierBesselFamily,
    RadialBasis,
    SteerableBasis,
    ZernikeFamily,
    gauss_legendre,
    prolate_spectra,
    steerable_pca,
)

ORDERS = (0, 1, 2, 5, 9)


@pytest.mark.parametrize("order", ORDERS)
def test_functions_are_orthonormal(basis_name: str, order: int) -> None:
    basis = make_basis(basis_name, 24)
    if order >= len(basis.counts):
        pytest.skip(f"this family ends at order {len(basis.counts) - 1}")
    radial = basis.radial(order)
    assert isinstance(radial, RadialBasis)
    r, w = gauss_legendre(160)
    values = radial.evaluate(r)
    assert values.shape == (basis.counts[order], 160)
    assert np.abs(values * w @ values.T - np.eye(len(values))).max() < 1e-11


@pytest.mark.parametrize("order", ORDERS[1:])
def test_functions_vanish_at_the_centre_like_the_power_of_their_order(basis_name: str, order: int) -> None:
    basis = make_basis(basis_name, 24)
    if order >= len(basis.counts) or basis.counts[order] == 0:
        pytest.skip("no functions of this order")
    inner, outer = basis.radial(order).evaluate(np.array([1e-3, 2e-3])).T
    np.testing.assert_allclose(outer, inner * 2.0**order, rtol=1e-2, atol=1e-14)


def test_families_end_for_good(basis_name: str) -> None:
    family = make_basis(basis_name, 24).family
    end = next(N for N in range(1000) if family(N) is None)
    assert all(family(N) is None for N in range(end, end + 5))
    assert all(family(N) is not None for N in range(end))


class TestDiniBessel:
    @pytest.mark.parametrize("order", [0, 1, 2, 30, 200])
    def test_zeros_of_the_derivative(self, order: int) -> None:
        zeros = DiniBessel(40, order).zeros
        expected = jnp_zeros(max(order, 1), 40) if order else np.concatenate([[0.0], jnp_zeros(0, 39)])
        np.testing.assert_allclose(zeros, expected, rtol=1e-13)

    @pytest.mark.parametrize("order", [0, 1, 7, 60])
    def test_functions_are_bessel_functions(self, order: int) -> None:
        basis = DiniBessel(25, order)
        r = np.linspace(0.0, 1.0, 41)
        expected = jv(order, basis.zeros[:, None] * r)
        norm = np.where(basis.zeros > 0, 1.0 - (order / np.maximum(basis.zeros, 1e-300)) ** 2, 1.0)
        expected /= np.sqrt(0.5 * norm)[:, None] * np.abs(jv(order, basis.zeros))[:, None]
        np.testing.assert_allclose(basis.evaluate(r), expected, rtol=0, atol=1e-11)

    def test_no_slope_at_the_edge(self) -> None:
        for order in (0, 3, 50):
            basis = DiniBessel(10, order)
            slope = basis.derivative(np.array([1.0]))[:, 0]
            assert np.abs(slope).max() < 1e-9 * basis.zeros.max()
            assert np.abs(jvp(order, basis.zeros[1:])).max() < 1e-13

    def test_a_single_constant(self) -> None:
        np.testing.assert_allclose(DiniBessel(1).evaluate([0.0, 0.3, 1.0]), np.full((1, 3), np.sqrt(2.0)), rtol=1e-15)


@pytest.mark.parametrize(("family", "zeros_of"), [(FourierBesselFamily, jv), (DiniBesselFamily, jvp)])
def test_families_hold_every_function_of_the_band(family: type, zeros_of: object) -> None:
    c = 40.0
    x = np.linspace(1e-3, c, 4001)  # no two zeros are nearer than 1
    for N in range(50):
        values = zeros_of(N, x)
        # the constant counts, and no zero is double
        crossings = np.count_nonzero(values[1:] * values[:-1] < 0) + (N == 0 and zeros_of is jvp)
        basis = family(c)(N)
        assert (basis.count if basis is not None else 0) == crossings


def test_zernike_family_has_all_polynomials_of_its_degree() -> None:
    basis = SteerableBasis(ZernikeFamily(7), 20, dtype=np.float64)
    assert basis.count == 8 * 9 // 2
    rows, columns = (np.mgrid[:20, :20] - 10) / 10.0
    polynomial = (rows**3 * columns**4 - 2 * columns**2 + rows) * basis.disk
    assert np.abs(basis.evaluate(basis.expand(polynomial)) - polynomial).max() < 1e-12


@pytest.mark.parametrize("name", [name for name in NAMES if name != "learned"])
def test_bases_of_the_band_describe_images_of_the_band(
    name: str, rng: np.random.Generator, foreign_basis: Path
) -> None:
    basis = make_basis(name, 64)
    fit = basis.least_squares(draw_stack(rng, 64), tolerance=1e-9, max_iterations=100)
    assert fit.residual.max() < {"Zernike": 0.1, "prolate, half the band": 1e-2, "clamped": 0.1}.get(name, 1e-6)


class TestLearned:
    def test_functions_are_principal_components_of_rotated_images(self, rng: np.random.Generator) -> None:
        basis = make_basis("PSWF2D", 20)
        images = draw_stack(rng, 20, 5)
        learned = SteerableBasis(steerable_pca(basis, images, count=30), 20, dtype=np.float64)
        # the second moment of all rotations and reflections, as an operator on pixels in the span of the basis
        moment = basis.second_moment(basis.expand(images))
        functions = basis.expand(dense_matrix(learned))
        variances = np.concatenate(
            [v for N, v in enumerate(learned.family.variances) for _ in range(1 if N == 0 else 2)]
        )
        np.testing.assert_allclose(moment.apply(functions), variances[:, None] * functions, atol=1e-9 * variances.max())

    def test_more_functions_describe_the_images_better(self, rng: np.random.Generator) -> None:
        basis = make_basis("PSWF2D", 32)
        images = draw_stack(rng, 32, 20)
        whole = steerable_pca(basis, images)
        errors = []
        for count in (10, 40, 160, basis.count):
            part = SteerableBasis(whole.leading(count), 32, dtype=np.float64)
            assert count <= part.count <= count + 1 or count == basis.count
            errors.append(float(part.least_squares(images).residual.max()))
        assert errors == sorted(errors, reverse=True)
        # all of them span what the prolate basis spans
        assert errors[-1] <= basis.least_squares(images).residual.max() * 1.001

    def test_leading_functions_are_those_of_largest_variance(self, rng: np.random.Generator) -> None:
        whole = steerable_pca(make_basis("PSWF2D", 20), draw_stack(rng, 20, 5))
        part = whole.leading(25)
        least = min(float(v[-1]) for v in part.variances if len(v))
        left_out = [
            float(v[len(part.variances[N]) if len(part.variances) > N else 0 :].max(initial=0.0))
            for N, v in enumerate(whole.variances)
        ]
        assert max(left_out) <= least
        assert all((np.diff(v) <= 0).all() for v in whole.variances)

    def test_the_sense_of_rotation_of_the_images_does_not_matter(self, rng: np.random.Generator) -> None:
        basis = make_basis("PSWF2D", 33)
        images = draw_stack(rng, 33, 4)
        one = steerable_pca(basis, images, count=40)
        other = steerable_pca(basis, np.rot90(images, axes=(1, 2)), count=40)
        for a, b in zip(one.variances, other.variances, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-11 * one.variances[0][0])

    def test_operators_follow(self, rng: np.random.Generator) -> None:
        basis = make_basis("PSWF2D", 32)
        family = steerable_pca(basis, draw_stack(rng, 32, 20))
        learned = SteerableBasis(family, 32, dtype=np.float64)
        operator = basis.radial_filter(lambda k: np.cos(20 * k**2))
        coefficients = rng.standard_normal(learned.count)
        whole = basis.expand(learned.evaluate(coefficients))
        expected = learned.expand(basis.evaluate(operator.apply(whole)))
        np.testing.assert_allclose(family.compress(operator).apply(coefficients), expected, rtol=0, atol=1e-9)

    def test_counts(self, rng: np.random.Generator) -> None:
        basis = make_basis("PSWF2D", 20)
        with pytest.raises(ValueError, match="count is 0; give an integer of at least 1"):
            steerable_pca(basis, draw_stack(rng, 20), count=0)


def test_spectra_are_a_family() -> None:
    family = prolate_spectra(20.0, 0.5)
    basis = SteerableBasis(family, 16)
    assert basis.counts == family.counts
