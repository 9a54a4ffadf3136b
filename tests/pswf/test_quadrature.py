"""The rules against closed forms: ``int_0^1 r^(p+1) dr = 1/(p+2)`` and ``int_0^1 J_0(w r) r dr = J_1(w) / w``."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from mpmath import mp, mpf
from scipy.special import j0, j1

import pswf.quadrature
from pswf import PSWF, disk_quadrature, gauss_legendre
from pswf.quadrature import _legendre_rule, _roots

Array = npt.NDArray[np.float64]


def bessel_error(r: Array, w: Array, bandlimit: float) -> float:
    """Return the largest error over 400 frequencies up to the bandlimit."""
    frequency = np.linspace(0.0, 1.0, 401)[1:] * bandlimit
    half = 0.25 * frequency**2
    # scipy's J_1 loses digits at small arguments
    series = 0.5 * (1 - half / 2 * (1 - half / 6 * (1 - half / 12 * (1 - half / 20))))
    truth = np.where(frequency < 0.05, series, j1(frequency) / frequency)
    return float(np.abs(j0(np.outer(frequency, r)) @ w - truth).max())


def mp_legendre_node(count: int, near: float) -> tuple[float, float]:
    """Return node and weight of [0, 1] next to ``near``, by Newton's iteration with 30 digits."""
    with mp.workdps(30):
        x = 2 * mpf(near) - 1
        slope = mpf(0)
        for _ in range(3):
            before, value = mpf(1), x
            for k in range(1, count):
                before, value = value, ((2 * k + 1) * x * value - k * before) / (k + 1)
            slope = count * (before - x * value) / (1 - x * x)
            x -= value / slope
        node = (1 + x) / 2
        return float(node), float(node / ((1 - x * x) * slope**2))


def test_one_and_two_nodes() -> None:
    r, w = gauss_legendre(1)
    assert (r.tolist(), w.tolist()) == (pytest.approx([0.5]), pytest.approx([0.5]))
    r, w = gauss_legendre(2)
    root = math.sqrt(3.0) / 6.0
    np.testing.assert_allclose(r, [0.5 - root, 0.5 + root], rtol=1e-15)
    np.testing.assert_allclose(w, [0.25 - root / 2, 0.25 + root / 2], rtol=1e-15)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 31, 64])
def test_polynomials_are_exact(count: int) -> None:
    r, w = gauss_legendre(count)
    for degree in range(2 * count - 1):
        assert w @ r**degree == pytest.approx(1 / (degree + 2), rel=2e-15)


@pytest.mark.parametrize("count", [5, 50, 1200, 3000])
def test_legendre_to_the_last_digits(count: int) -> None:
    r, w = gauss_legendre(count)
    assert r[0] > 0.0
    assert r[-1] < 1.0
    assert np.all(np.diff(r) > 0)
    for i in {0, 1, count // 7, count // 2, count - 2, count - 1}:
        node, weight = mp_legendre_node(count, r[i])
        assert r[i] == pytest.approx(node, rel=4e-15, abs=1.2e-16)
        assert w[i] == pytest.approx(weight, rel=3e-14)
    assert math.fsum(w) == pytest.approx(0.5, rel=2e-14)
    assert bessel_error(r, w, max(1.5 * count - 40, 0.5)) < 1e-15


@pytest.mark.parametrize(("bandlimit", "most"), [(20 * math.pi, 17), (45 * math.pi, 31), (200 * math.pi, 110)])
def test_node_counts(bandlimit: float, most: int) -> None:
    r, w = disk_quadrature(bandlimit)
    assert len(r) <= most
    assert bessel_error(r, w, bandlimit) < 1e-14
    # Gauss-Legendre with as many nodes is nowhere near
    assert bessel_error(*gauss_legendre(len(r)), bandlimit) > 1e-6


@pytest.mark.parametrize("tol", [1e-1, 1e-4, 1e-7, 1e-10, 1e-14, 1e-15])
@pytest.mark.parametrize("bandlimit", [1e-8, 1e-3, 0.3, 1.0, 3.0, 10.0, 77.0, 256 * math.pi])
def test_rule_keeps_its_promise(bandlimit: float, tol: float) -> None:
    r, w = disk_quadrature(bandlimit, tol)
    assert r.shape == w.shape
    assert np.all(np.diff(r, prepend=0.0, append=1.0) > 0)
    assert np.all(w > 0)
    assert bessel_error(r, w, bandlimit) < tol + 1e-15


def test_large_band() -> None:
    r, w = disk_quadrature(2500.0, 1e-13)
    assert len(r) < 2500.0 / (2 * math.pi) + 12
    assert bessel_error(r, w, 2500.0) < 1e-13


def test_random_bands_and_tolerances(rng: np.random.Generator) -> None:
    for _ in range(40):
        bandlimit, tol = math.exp(rng.uniform(-6.0, 6.0)), 10 ** rng.uniform(-15.0, -1.0)
        r, w = disk_quadrature(bandlimit, tol)
        assert bessel_error(r, w, bandlimit) < tol + 1e-15, (bandlimit, tol)


def test_fewer_digits_take_fewer_nodes() -> None:
    counts = [len(disk_quadrature(100.0, tol)[0]) for tol in (1e-4, 1e-7, 1e-10, 1e-14)]
    assert counts == sorted(set(counts))


def test_no_node_to_spare() -> None:
    """Band-limited functions up to 2m of them are exact; with one node less the promise would break."""
    for bandlimit in (20 * math.pi, 45 * math.pi):
        r, w = disk_quadrature(bandlimit)
        beta = PSWF(bandlimit, count=2 * len(r)).gamma / math.sqrt(bandlimit)
        largest = math.sqrt(2.0 * (2 * (2 * len(r) - 2) + 1))
        assert abs(beta[2 * len(r) - 2]) * largest > 1e-14
        functions = PSWF(bandlimit, count=2 * len(r))
        x, v = gauss_legendre(200)
        np.testing.assert_allclose(functions.evaluate(r) @ w, functions.evaluate(x) @ v, atol=1e-14)


@pytest.mark.parametrize("N", [0, 1, 5, 30])
def test_products_need_twice_the_band(N: int) -> None:
    c = 60.0
    basis = PSWF(c, N, truncation=1.0)
    r, w = disk_quadrature(2 * c)
    values = basis.evaluate(r)
    np.testing.assert_allclose((values * w) @ values.T, np.eye(basis.count), atol=1e-12)


def test_plane_waves_on_the_disk() -> None:
    """With the trapezoidal rule in the angle the disk is integrated: ``2 pi J_1(w) / w`` for ``exp(i w x)``."""
    r, w = disk_quadrature(50.0)
    angle = 2 * np.pi * np.arange(120) / 120
    for frequency in (0.5, 20.0, 50.0):
        wave = np.cos(frequency * np.outer(r, np.cos(angle)))
        total = 2 * np.pi / 120 * (w @ wave).sum()
        assert total == pytest.approx(2 * np.pi * j1(frequency) / frequency, abs=1e-13)


def test_kernels_as_python_and_compiled() -> None:
    for count in (1, 4, 7):
        compiled, python = np.empty((2, count)), np.empty((2, count))
        _legendre_rule(*compiled)
        _legendre_rule.py_func(*python)
        np.testing.assert_allclose(python, compiled, rtol=1e-14)


def test_roots() -> None:
    roots = _roots(PSWF(8.0, count=5).coordinates[4], 4)
    assert len(roots) == 4
    assert np.abs(PSWF(8.0, count=5).evaluate(roots)[4]).max() < 1e-13


def test_failure_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pswf.quadrature, "_NEWTON_STEPS", 1)
    with pytest.raises(RuntimeError, match=r"no rule of 17 nodes found for bandlimit 62\.8"):
        disk_quadrature(20 * math.pi)
