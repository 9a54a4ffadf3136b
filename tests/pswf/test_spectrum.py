"""Eigenvalues and values of the prolate functions against other people's numbers and other routes."""

from __future__ import annotations

import json
import math
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.special import jv, loggamma

from pswf import PSWF, gauss_legendre
from pswf.edge import _climb
from pswf.recurrence import central_weights, operator_diagonals, square_multiplication, step_rates
from pswf.spectrum import _modes, solve

# 1 - lambda of c = 200 pi reaches 1e-485; its logarithm is what the class returns
LEAKAGE_TOLERANCE = {"0.5": 1e-10, "5": 1e-10, "20*pi": 1e-10, "200*pi": 1e-9}


def relative_errors(basis: PSWF, n: int, gamma: mpf, leakage: mpf) -> tuple[float, float]:
    """Return the relative errors of |gamma| and of 1 - lambda, both read off their logarithms."""
    with mp.workdps(30):
        got = mp.exp((mpf(basis.log_concentration[n]) - mp.log(mpf(basis.bandlimit))) / 2)
        leak = mp.exp(mpf(basis.log_leakage[n]))
        return float(abs(got / abs(gamma) - 1)), float(abs(leak / leakage - 1))


def scale(basis: PSWF) -> np.ndarray:
    return np.abs(basis.evaluate(np.linspace(0.0, 1.0, 4001))).max(axis=1)


def test_every_reference_mode(reference: Path) -> None:
    records = json.loads((reference / "pswf_modes.json").read_text())["records"]
    assert len(records) == 176
    for (c, N), group in groupby(records, key=lambda record: (record["c"], record["N"])):
        modes = list(group)
        basis = PSWF(float(modes[0]["c_value"]), N, count=1 + max(mode["n"] for mode in modes))
        top = scale(basis)
        for mode in modes:
            n = mode["n"]
            gamma = mpf(mode["gamma"])
            gamma_error, leakage_error = relative_errors(basis, n, gamma, mpf(mode["one_minus_lambda"]))
            radii = [float(r) for r in mode["R"]]
            values = np.array([float(value) for value in mode["R"].values()])
            assert gamma_error < 1e-12, (c, N, n)
            assert leakage_error < LEAKAGE_TOLERANCE[c], (c, N, n)
            assert np.abs(basis.evaluate(radii)[n] - values).max() < 1e-12 * top[n], (c, N, n)
            assert basis.chi[n] == pytest.approx(float(mode["chi"]), rel=1e-13), (c, N, n)
            assert basis.gamma[n] == pytest.approx(float(gamma), rel=1e-12), (c, N, n)


@pytest.mark.parametrize(
    ("c", "N", "n"),
    [
        (1e-3, 0, 2),
        (0.1, 7, 3),
        (5.0, 1, 12),
        (45 * math.pi, 0, 0),
        (45 * math.pi, 4, 20),
        (100.0, 0, 40),
        (100.0, 99, 3),
        (300.0, 50, 80),
        (1000.0, 0, 318),
        (1000.0, 3000, 0),
        (1000.0, 3000, 9),
        (3300.0, 3000, 2),
        (3300.0, 3000, 60),
    ],
)
def test_against_multiprecision(exact_prolate, c: float, N: int, n: int) -> None:
    truth = exact_prolate(c, N, n)
    basis = PSWF(c, N, count=n + 1)
    log_gamma = 0.5 * (basis.log_concentration[n] - math.log(c))
    assert log_gamma == pytest.approx(truth.log_gamma, rel=4e-16, abs=1e-12)
    assert basis.log_leakage[n] == pytest.approx(truth.log_leakage, rel=1e-15, abs=1e-11)
    radii = [0.05, 0.4, 0.75, 0.93, 0.99, 1.0]
    values = np.array([float(value) for value in truth.values(radii)[0]])
    assert np.abs(basis.evaluate(radii)[n] - values).max() < 1e-12 * scale(basis)[n]


@pytest.mark.parametrize(("c", "N"), [(0.5, 0), (30.0, 0), (30.0, 3), (30.0, 20), (80.0, 1)])
def test_integral_equation(c: float, N: int) -> None:
    """``beta R(r) = int_0^1 J_N(c r s) R(s) s ds``, with the quadrature and the Bessel function of others."""
    basis = PSWF(c, N, count=30)
    x, w = np.polynomial.legendre.leggauss(150)
    s, w = 0.5 * (x + 1.0), 0.25 * w * (x + 1.0)
    r = np.linspace(0.0, 1.0, 37)
    transformed = (basis.evaluate(s) * w) @ jv(N, c * np.outer(s, r))
    beta = basis.gamma / math.sqrt(c)
    np.testing.assert_allclose(transformed, beta[:, None] * basis.evaluate(r), rtol=0, atol=1e-13)


@pytest.mark.parametrize("c", [0.3, 7.0, 40.0])
def test_concentrations_sum_to_the_area_of_phase_space(c: float) -> None:
    total = 0.0
    for N in range(int(c) + 60):
        total += (1 if N == 0 else 2) * np.exp(PSWF(c, N, count=int(c / 2) + 40).log_concentration).sum()
    assert total == pytest.approx(c**2 / 4, rel=1e-13)


@pytest.mark.parametrize(("c", "N"), [(1e-3, 0), (5.0, 2), (100.0, 0), (100.0, 60), (100.0, 150), (1000.0, 0)])
def test_order_and_signs(c: float, N: int) -> None:
    basis = PSWF(c, N, count=int(c / math.pi) + 30)
    assert np.all(np.diff(basis.chi) > 0)
    # each logarithm rounds to 0 where the other is below -745
    assert np.all(np.diff(basis.log_concentration)[basis.log_concentration[:-1] < 0] < 0)
    assert np.all(np.diff(basis.log_leakage)[basis.log_leakage[1:] < 0] > 0)
    assert np.all(basis.log_concentration <= 0)
    assert np.all(basis.log_leakage <= 0)
    nonzero = basis.gamma != 0.0
    assert np.array_equal(np.sign(basis.gamma[nonzero]), ((-1.0) ** np.arange(basis.count))[nonzero])
    np.testing.assert_allclose(
        basis.alpha, 2 * np.pi * (1, 1j, -1, -1j)[N % 4] * basis.gamma / math.sqrt(c), rtol=1e-14
    )


def test_concentration_and_leakage_are_the_two_parts_of_one() -> None:
    basis = PSWF(60.0, 1, count=40)
    np.testing.assert_allclose(np.exp(basis.log_concentration) + np.exp(basis.log_leakage), 1.0, rtol=1e-14)


@pytest.mark.parametrize(("c", "N"), [(20.0, 0), (100.0, 5), (100.0, 110)])
def test_concentration_grows_with_the_bandlimit(c: float, N: int) -> None:
    """``d ln(lambda) / d ln(c) = R(1)^2``, by a central difference of order 4."""
    h = 1e-3
    logs = {k: PSWF(c * math.exp(k * h), N, count=12) for k in (-2, -1, 1, 2)}
    value = {k: basis.log_concentration for k, basis in logs.items()}
    slope = (8 * (value[1] - value[-1]) - (value[2] - value[-2])) / (12 * h)
    edge = PSWF(c, N, count=12).evaluate(1.0)
    np.testing.assert_allclose(slope, edge**2, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("c", "N"), [(300.0, 0), (300.0, 50), (1000.0, 0), (1000.0, 400)])
def test_plunge(c: float, N: int) -> None:
    """The uniform asymptotic formula through the plunge holds to three digits."""
    plunge = math.sqrt(c**2 - N**2) - N * math.acos(N / c)
    basis = PSWF(c, N, count=round(plunge / math.pi) + 8)
    b = (basis.log_leakage - basis.log_concentration) / math.pi
    near = np.abs(b) < 1.5
    assert near.sum() >= 2
    right = plunge + 0.5 * b * math.log(4 * c * (1 - (N / c) ** 2) ** 1.5) - np.imag(loggamma(0.5 + 0.5j * b))
    n = np.arange(basis.count)
    np.testing.assert_allclose(right[near], (n[near] + 0.5) * math.pi, atol=3e-3)


@pytest.mark.parametrize("N", [0, 1, 6])
def test_zernike_limit(N: int) -> None:
    """As c -> 0 the functions are Zernike's, and ``beta_0 -> (c/2)^N / (N! (2N + 2))``."""
    c = 1e-6
    basis = PSWF(c, N, count=5)
    np.testing.assert_allclose(basis.coordinates[:, :5], np.eye(5), atol=1e-11)
    expected = math.sqrt(c) * (c / 2) ** N / (math.factorial(N) * (2 * N + 2))
    assert basis.gamma[0] == pytest.approx(expected, rel=1e-11)


def test_tail_beyond_the_range_of_doubles(exact_prolate) -> None:
    basis = PSWF(5.0, 200, count=40)
    truth = exact_prolate(5.0, 200, 39)
    assert basis.gamma[39] == 0.0
    assert basis.log_concentration[39] == pytest.approx(truth.log_lambda, rel=1e-13)


@pytest.mark.parametrize("T", [1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("N", [0, 30])
def test_truncation_rule(N: int, T: float) -> None:
    every = PSWF(100.0, N, count=60)
    ratio = np.exp(0.5 * (every.log_concentration - every.log_leakage))
    kept = PSWF(100.0, N, truncation=T)
    assert kept.count == np.count_nonzero(ratio > T)
    for name in ("chi", "gamma", "alpha", "log_concentration", "log_leakage"):
        np.testing.assert_allclose(getattr(kept, name), getattr(every, name)[: kept.count], rtol=1e-12)
    assert kept.coordinates.shape[0] == kept.count


def test_default_truncation_and_count_together() -> None:
    assert PSWF(45 * math.pi).count == PSWF(45 * math.pi, truncation=1.0).count
    assert PSWF(45 * math.pi, count=3, truncation=1e-3).count == 3
    assert PSWF(10.0, count=50, truncation=1e-3).count == PSWF(10.0, truncation=1e-3).count


def test_results_do_not_depend_on_the_count() -> None:
    few, many = PSWF(50.0, 2, count=2), PSWF(50.0, 2, count=60)
    np.testing.assert_allclose(few.log_concentration, many.log_concentration[:2], rtol=1e-12)
    np.testing.assert_allclose(few.log_leakage, many.log_leakage[:2], rtol=1e-12)


def test_modes_as_python_and_compiled() -> None:
    up, down = step_rates(1, 12)
    k = np.arange(12.0)
    base = 4.0 * k * (k + 2.0)
    t, a = operator_diagonals(4.0, 1, 12)
    values, vectors = np.linalg.eigh(np.diag(t) + np.diag(a[1:], 1) + np.diag(a[1:], -1))
    results = []
    for kernel in (_modes, _modes.py_func):
        mu, rest = values[:3] - 3.75 + 1e-4, np.zeros(3)
        d, ratio, block = np.empty((3, 12)), np.empty(3), np.empty(3, dtype=np.int64)
        work, places = np.empty((6, 12)), np.empty(12, dtype=np.int64)
        kernel(
            base,
            16.0 * up,
            16.0 * down,
            np.append(-a, 0.0),
            *central_weights(1, 12),
            mu,
            rest,
            d,
            ratio,
            block,
            work,
            places,
        )
        np.testing.assert_allclose(mu + rest, values[:3] - 3.75, rtol=1e-13)
        np.testing.assert_allclose(np.abs(d), np.abs(vectors[:, :3].T), atol=1e-14)
        results.append((d, np.ldexp(ratio, 512 * block.astype(np.int32))))
    for compiled, python in zip(*results, strict=True):
        np.testing.assert_allclose(python, compiled, rtol=1e-13)


def test_climb_as_python_and_compiled() -> None:
    modes = solve(12.0, 2, 4)
    results = []
    for kernel in (_climb, _climb.py_func):
        depth, value, power = np.empty(4), np.empty(4), np.empty(4, dtype=np.int64)
        kernel(2.0, np.full(4, 12.0), modes.gap, depth, value, power)
        results.append((depth, value * 2.0 ** (256 * power)))
    for compiled, python in zip(*results, strict=True):
        np.testing.assert_allclose(python, compiled, rtol=1e-12, atol=1e-14)


def test_multiplication_by_r_squared() -> None:
    """The three-term coefficients are ``<r^2 q_j, q_k>``."""
    from pswf import Zernike

    for N in (0, 1, 9):
        r, w = gauss_legendre(60)
        q = Zernike(8, N).evaluate(r)
        b, a = square_multiplication(N, 8)
        expected = np.diag(b) + np.diag(a[1:], 1) + np.diag(a[1:], -1)
        np.testing.assert_allclose((q * (w * r**2)) @ q.T, expected, atol=1e-14)


def test_eigenvectors_are_unit_vectors() -> None:
    coordinates = solve(40.0, 3, 25).coordinates
    np.testing.assert_allclose((coordinates**2).sum(axis=1), 1.0, rtol=1e-14)
