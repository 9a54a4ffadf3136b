"""The kernels at the orders N + 1/2 of the ball, which they share with the disk.

Nothing public is made from them there yet; these are the laws that hold whatever the dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import pro_cv, spherical_jn

from pswf import gauss_legendre
from pswf.concentration import log_spectrum
from pswf.radial import combine
from pswf.spectrum import solve


@pytest.mark.parametrize("c", [0.3, 8.0, 50.0])
def test_the_lowest_order_of_the_ball_is_the_odd_half_of_the_interval(c: float) -> None:
    """``J_{1/2}`` is a sine: r R are the odd prolate functions of the interval, and chi theirs, by scipy."""
    expected = [pro_cv(0, 2 * n + 1, c) for n in range(12)]
    np.testing.assert_allclose(solve(c, 0.5, 12).chi, expected, rtol=1e-13)


@pytest.mark.parametrize(("c", "N"), [(0.5, 0), (30.0, 0), (30.0, 1), (30.0, 12), (60.0, 40)])
def test_integral_equation_on_the_ball(c: float, N: int) -> None:
    """``mu R(r) = int_0^1 j_N(c r s) R(s) s^2 ds``, with the Bessel functions of others; orthonormal for r^2 dr."""
    r, w = gauss_legendre(160)
    modes = solve(c, N + 0.5, 10)
    values = combine(N + 0.5, modes.coordinates, r)
    np.testing.assert_allclose((values * w * r) @ values.T, np.eye(10), atol=1e-13)
    transformed = (values * w * r) @ spherical_jn(N, c * np.outer(r, r))
    # lambda = 2 c^3 mu^2 / pi, the eigenvalue of the transform back and forth
    mu = math.sqrt(0.5 * math.pi / c**3) * np.exp(0.5 * log_spectrum(c, N + 0.5, modes)[0])
    mu *= (-1.0) ** np.arange(10)
    np.testing.assert_allclose(transformed, mu[:, None] * values, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("c", "N", "n"), [(0.01, 3, 1), (20.0, 0, 0), (60.0, 7, 12), (300.0, 40, 5), (200.0, 260, 3)])
def test_against_multiprecision(exact_prolate: Callable[..., Any], c: float, N: int, n: int) -> None:
    order = N + 0.5
    truth = exact_prolate(c, order, n)
    modes = solve(c, order, n + 1)
    log_lambda, log_leakage = log_spectrum(c, order, modes)
    assert modes.chi[n] == pytest.approx(truth.chi, rel=1e-13)
    assert log_lambda[n] == pytest.approx(truth.log_lambda, rel=4e-16, abs=1e-12)
    assert log_leakage[n] == pytest.approx(truth.log_leakage, rel=1e-15, abs=1e-11)
    # the functions of the oracle are those for r dr, r^(1/2) times the ones for r^2 dr
    radii = np.array([0.05, 0.4, 0.75, 0.93, 1.0])
    values, slopes = (np.array([float(x) for x in row]) / np.sqrt(radii) for row in truth.values(radii))
    slopes -= 0.5 * values / radii
    grid = np.linspace(0.0, 1.0, 2001)
    row = modes.coordinates[n : n + 1]
    for expected, derivative in ((values, False), (slopes, True)):
        top = np.abs(combine(order, row, grid, derivative=derivative)).max()
        got = combine(order, row, radii, derivative=derivative)[0]
        assert np.abs(got - expected).max() < 1e-12 * top
