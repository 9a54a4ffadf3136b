"""Laws that every radial basis obeys, a user's own included, and the closed forms of each."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from mpmath import besseljzero, mp, mpf
from scipy.special import eval_jacobi, eval_legendre, jv, jvp

from pswf import PSWF, DiniBessel, FourierBessel, RadialBasis, Zernike, basis_names, gauss_legendre, make_family
from pswf.bessel import _coordinates, _miller
from pswf.radial import _recurrence, _start, _tables


class ShiftedLegendre:
    """A basis as a user would write it: Legendre polynomials in r^2, of the opposite sign and order 0 only."""

    def evaluate(self, r: npt.ArrayLike) -> npt.NDArray[np.float64]:
        x = 2.0 * np.asarray(r, dtype=np.float64) ** 2 - 1.0
        return np.stack([math.sqrt(2 * (2 * k + 1)) * (-1) ** k * eval_legendre(k, x) for k in range(12)])


BUILT_IN = {
    "prolate": lambda: PSWF(60.0, count=40),
    "prolate, order 7": lambda: PSWF(60.0, 7, count=40),
    "prolate, c -> 0": lambda: PSWF(1e-4, 2, count=12),
    "prolate, N > c": lambda: PSWF(20.0, 90, count=15),
    "Dini-Bessel, order 1": lambda: DiniBessel(40, 1),
    "Fourier-Bessel": lambda: FourierBessel(40),
    "Fourier-Bessel, order 1": lambda: FourierBessel(40, 1),
    "Fourier-Bessel, order 90": lambda: FourierBessel(15, 90),
    "Zernike": lambda: Zernike(40),
    "Zernike, order 1": lambda: Zernike(25, 1),
    "Zernike, order 90": lambda: Zernike(15, 90),
}
# by name, and "clamped" from a distribution of its own
REGISTERED = {
    f"{name} by name, order {N}": partial(lambda name, N: make_family(name, 60.0)(N), name, N)
    for name in dict.fromkeys([*basis_names(), "clamped"])
    for N in (0, 1, 7)
}
EVERY = BUILT_IN | REGISTERED | {"user's own": ShiftedLegendre}


@pytest.fixture(params=EVERY)
def basis(request: pytest.FixtureRequest, foreign_basis: Path) -> RadialBasis:
    return EVERY[request.param]()


@pytest.fixture(params=BUILT_IN)
def built_in(request: pytest.FixtureRequest) -> PSWF | FourierBessel | Zernike:
    return BUILT_IN[request.param]()


def gram_error(basis: RadialBasis, nodes: int) -> float:
    r, w = gauss_legendre(nodes)
    values = basis.evaluate(r)
    return float(np.abs((values * w) @ values.T - np.eye(len(values))).max())


class TestLaws:
    def test_has_the_protocol(self, basis: RadialBasis) -> None:
        assert isinstance(basis, RadialBasis)

    def test_orthonormal(self, basis: RadialBasis) -> None:
        assert gram_error(basis, 200) < 1e-11

    @pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 3), (0,), (4, 0)])
    def test_shape(self, basis: RadialBasis, shape: tuple[int, ...]) -> None:
        r = np.linspace(0.0, 1.0, math.prod(shape)).reshape(shape)
        values = basis.evaluate(r)
        assert values.shape == (len(basis.evaluate(0.5)), *shape)
        assert values.dtype == np.float64

    def test_points_are_independent(self, basis: RadialBasis) -> None:
        r = np.array([[0.0, 0.9], [0.3, 1.0]])
        values = basis.evaluate(r)
        for index in np.ndindex(r.shape):
            np.testing.assert_allclose(values[(slice(None), *index)], basis.evaluate(r[index]), rtol=1e-12, atol=1e-12)

    def test_any_array_like(self, basis: RadialBasis) -> None:
        expected = basis.evaluate(np.array([0.0, 1.0]))
        for r in ([0, 1], (0.0, 1.0), np.array([0, 1]), np.array([0.0, 1.0], dtype=np.float32)):
            np.testing.assert_array_equal(basis.evaluate(r), expected)
        np.testing.assert_array_equal(basis.evaluate(np.array([1.0, 0.0])[::-1]), expected)

    def test_input_is_not_changed(self, basis: RadialBasis) -> None:
        r = np.linspace(0.0, 1.0, 7)
        r.flags.writeable = False
        basis.evaluate(r)

    def test_positive_near_zero(self, basis: RadialBasis) -> None:
        for values in basis.evaluate(np.linspace(1e-3, 1.0, 2000)):
            visible = np.abs(values) > 1e-9 * np.abs(values).max()
            assert values[visible][0] > 0

    def test_nth_function_has_n_zeros(self, basis: RadialBasis) -> None:
        values = basis.evaluate(np.sin(np.linspace(2e-3, 0.5 * np.pi - 1e-4, 4000)))
        for n, row in enumerate(values):
            visible = row[np.abs(row) > 1e-13 * np.abs(row).max()]
            assert np.count_nonzero(np.diff(np.sign(visible))) == n


class TestBuiltIn:
    def test_derivative(self, built_in: PSWF | FourierBessel | Zernike) -> None:
        """Central difference of order 8."""
        r = np.linspace(0.1, 0.9, 23)
        h = 5e-4
        weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
        difference = sum(
            weight / h * (built_in.evaluate(r + k * h) - built_in.evaluate(r - k * h)) for k, weight in weights.items()
        )
        slopes = built_in.derivative(r)
        assert slopes.shape == (built_in.count, 23)
        assert np.abs(slopes - difference).max() < 1e-10 * np.abs(slopes).max()

    def test_derivative_integrates_to_the_difference(self, built_in: PSWF | FourierBessel | Zernike) -> None:
        r, w = gauss_legendre(200)
        change = built_in.evaluate(1.0) - built_in.evaluate(0.0)
        slopes = built_in.derivative(r)
        assert np.abs(slopes @ (w / r) - change).max() < 1e-14 * np.abs(slopes).max()

    def test_at_the_centre(self, built_in: PSWF | FourierBessel | Zernike) -> None:
        """``f ~ r^N``: a value at 0 for order 0 only, a slope for order 1 only."""
        value, slope = built_in.evaluate(0.0), built_in.derivative(0.0)
        assert np.all(value > 0) if built_in.angular_order == 0 else not value.any()
        if built_in.angular_order == 1:
            np.testing.assert_allclose(slope, built_in.evaluate(1e-7) / 1e-7, rtol=1e-9)
        else:
            assert not slope.any()

    def test_count_order_and_repr(self, built_in: PSWF | FourierBessel | Zernike) -> None:
        assert len(built_in.evaluate(0.3)) == built_in.count
        assert built_in.coordinates.shape[0] == built_in.count
        twin = eval(repr(built_in), {kind.__name__: kind for kind in (PSWF, DiniBessel, FourierBessel, Zernike)})
        np.testing.assert_array_equal(twin.evaluate(0.3), built_in.evaluate(0.3))

    def test_coordinates(self, built_in: PSWF | FourierBessel | Zernike) -> None:
        """The coordinates are what projection on the Zernike functions gives."""
        r, w = gauss_legendre(250)
        coordinates = built_in.coordinates
        zernike = Zernike(coordinates.shape[1], built_in.angular_order).evaluate(r)
        np.testing.assert_allclose((built_in.evaluate(r) * w) @ zernike.T, coordinates, atol=1e-12)


@pytest.mark.parametrize("N", [0, 1, 50, 400, 1000])
def test_first_500_prolate_functions_are_orthonormal(N: int) -> None:
    assert gram_error(PSWF(300.0, N, count=500), 1500 + N) < 1e-11


@pytest.mark.parametrize(("make", "N"), [(FourierBessel, 0), (FourierBessel, 1000), (Zernike, 0), (Zernike, 1000)])
def test_first_500_of_the_others_are_orthonormal(make: Callable[[int, int], RadialBasis], N: int) -> None:
    assert gram_error(make(500, N), 1100 + N // 2) < 1e-11


@pytest.mark.parametrize(("c", "N", "n"), [(60.0, 0, 3), (60.0, 7, 25), (1000.0, 3000, 4), (200.0, 1, 70)])
def test_prolate_derivative_in_multiprecision(exact_prolate, c: float, N: int, n: int) -> None:
    basis = PSWF(c, N, count=n + 1)
    radii = [0.2, 0.7, 0.97, 0.999]
    exact = np.array([float(x) for x in exact_prolate(c, N, n, edge=False).values(radii)[1]])
    top = np.abs(basis.derivative(np.linspace(0.0, 1.0, 2001))[n]).max()
    assert np.abs(basis.derivative(radii)[n] - exact).max() < 1e-12 * top


@pytest.mark.parametrize("N", [0, 1, 4, 33])
def test_zernike_closed_form(N: int) -> None:
    basis = Zernike(20, N)
    r = np.linspace(0.0, 1.0, 31)
    k = np.arange(20)[:, None]
    h = np.sqrt(2.0 * (2 * k + N + 1))
    expected = h * r**N * eval_jacobi(k, N, 0, 1 - 2 * r**2)
    np.testing.assert_allclose(basis.evaluate(r), expected, atol=2e-13 * h[-1, 0])
    np.testing.assert_allclose(basis.evaluate(1.0), ((-1.0) ** k * h)[:, 0], rtol=1e-12)


@pytest.mark.parametrize("N", [0, 1, 4, 33])
def test_fourier_bessel_closed_form(N: int) -> None:
    basis = FourierBessel(25, N)
    r = np.linspace(0.0, 1.0, 31)
    z = basis.zeros[:, None]
    factor = math.sqrt(2.0) / np.abs(jv(N + 1, z))
    top = np.abs(factor).max()
    np.testing.assert_allclose(basis.evaluate(r), factor * jv(N, z * r), atol=1e-13 * top)
    np.testing.assert_allclose(basis.derivative(r), factor * z * jvp(N, z * r), atol=1e-12 * top * z[-1, 0])
    assert np.abs(basis.evaluate(1.0)).max() < 1e-13 * top


@pytest.mark.parametrize(("N", "n"), [(0, 1), (0, 2), (0, 1000), (1, 1), (2, 40), (50, 1), (50, 300)])
def test_bessel_zeros_have_the_right_number(N: int, n: int) -> None:
    assert FourierBessel(n, N).zeros[n - 1] == pytest.approx(float(besseljzero(N, n)), rel=4e-16)


@pytest.mark.parametrize(("N", "n"), [(400, 1), (1000, 7), (1000, 1000), (3000, 1), (3000, 2), (3000, 600)])
def test_bessel_zeros_of_high_order(N: int, n: int) -> None:
    """Newton's correction in multiprecision arithmetic vanishes, with J from its power series."""
    zeros = FourierBessel(n, N).zeros
    with mp.workdps(30):
        x = mpf(zeros[-1])
        value, after = (mp.besselj(order, x, maxprec=60000) for order in (N, N + 1))
        assert abs(value / (N / x * value - after)) < 2e-16 * x


@pytest.mark.parametrize("N", [0, 1, 10, 700, 2999])
def test_bessel_zeros_interlace(N: int) -> None:
    """``j_{N,n} < j_{N+1,n} < j_{N,n+1}``: no zero is missed or counted twice."""
    lower, upper = FourierBessel(1000, N).zeros, FourierBessel(1000, N + 1).zeros
    assert np.all(lower < upper)
    assert np.all(upper[:-1] < lower[1:])
    # the distances grow or fall towards pi from one side
    assert np.all((np.diff(lower, 2) < 1e-9) if N > 0 else (np.diff(lower, 2) > -1e-9))


def test_high_orders_neither_overflow_nor_vanish() -> None:
    """r^N underflows, its Jacobi factor overflows: their product must do neither."""
    for basis in (PSWF(3300.0, 3000, count=5), FourierBessel(5, 3000), Zernike(400, 3000)):
        r = np.append([0.0, 1e-300, 0.1, 0.5], np.linspace(0.9, 1.0, 101))
        values, slopes = basis.evaluate(r), basis.derivative(r)
        assert np.all(np.isfinite(values))
        assert np.all(np.isfinite(slopes))
        assert not values[:, :2].any()
        assert np.all(np.abs(values).max(axis=1) > 1.0)


def test_kernels_as_python_and_compiled() -> None:
    r = np.array([0.0, 0.3, 1.0])
    for N in (0, 1, 5):
        tables = [np.empty((3, 4)) for _ in range(4)]
        _recurrence(r, *_tables(N, 4), *_start(N, r), tables[0], tables[1], True)
        _recurrence.py_func(r, *_tables(N, 4), *_start(N, r), tables[2], tables[3], True)
        np.testing.assert_allclose(tables[0], tables[2], rtol=1e-14)
        np.testing.assert_allclose(tables[1], tables[3], rtol=1e-14)
    # J_2(3) : J_3(3) : ... by both, against scipy
    for kernel in (_miller, _miller.py_func):
        ladder = np.empty(6)
        kernel(2, 3.0, ladder)
        np.testing.assert_allclose(ladder / ladder[0], jv(np.arange(2, 8), 3.0) / jv(2, 3.0), rtol=1e-14)
    rows = np.empty((2, 1, 20))
    _coordinates(2, np.array([3.0]), rows[0])
    _coordinates.py_func(2, np.array([3.0]), rows[1])
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-14)
