"""The prolate functions at random places of their whole region, against a multiprecision oracle; and the oracle."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pswf import PSWF

pytest.importorskip("flint", reason="python-flint makes the oracle fast; it is in the extra `dev`")

from oracle import draw, errors, truth

LIMITS = {"gamma": 1e-12, "leakage": 1e-9, "R": 1e-12, "R'": 1e-11, "R(1)": 1e-9}


def check(c: float, N: int, n: int, radii: list[float]) -> None:
    for name, error in errors(c, N, n, radii).items():
        assert error < LIMITS[name], (name, c, N, n, radii)


def test_the_oracle_against_the_reference(reference: Path) -> None:
    records = json.loads((reference / "pswf_modes.json").read_text())["records"]
    for record in records[::4]:
        c, N, n = float(record["c_value"]), record["N"], record["n"]
        exact = truth(c, N, n)
        radii = [float(r) for r in record["R"]]
        assert exact.chi == pytest.approx(float(record["chi"]), rel=1e-15)
        assert exact.log_gamma == pytest.approx(math.log(abs(float(record["gamma"]))), abs=1e-14)
        # 1e-485 is no double
        mantissa, exponent = str(record["one_minus_lambda"]).lower().partition("e")[::2]
        leakage = math.log(float(mantissa)) + int(exponent or 0) * math.log(10.0)
        assert exact.log_leakage == pytest.approx(leakage, rel=1e-14, abs=1e-14)
        values = [float(value) for value in exact.values(radii)[0]]
        assert values == pytest.approx(
            [float(value) for value in record["R"].values()], rel=1e-13, abs=1e-14 * max(map(abs, values))
        )


@pytest.mark.parametrize(("c", "N", "n"), [(0.01, 2, 1), (20.0, 3, 2), (20.0, 3, 12), (60.0, 70, 1), (150.0, 0, 30)])
def test_the_oracle_against_the_integral_equation(c: float, N: int, n: int) -> None:
    exact = truth(c, N, n)
    for r in (0.3, 0.7, 1.0):
        assert exact.integral_residual(r) < 1e-14


def test_slopes_of_the_oracle() -> None:
    exact = truth(30.0, 2, 4)
    h = 1e-7
    (below, above), slope = exact.values([0.4 - h, 0.4 + h])[0], float(exact.values([0.4])[1][0])
    assert float(above - below) / (2 * h) == pytest.approx(slope, rel=1e-9)


def test_random_modes(rng: np.random.Generator) -> None:
    """Every run draws others; ``python -m benchmarks.spectra_sweep`` draws 2,000."""
    for _ in range(10):
        check(*draw(rng))


@pytest.mark.parametrize(
    ("c", "N", "n", "leakage"),
    [
        (200 * math.pi, 0, 60, -694.2572154202),
        (1000.0, 0, 100, -1075.1698394609),
        (1000.0, 0, 40, None),
        (1298.0, 4, 60, None),
        (3000.0, 0, 0, None),
        (3000.0, 0, 950, None),
        (2658.656607784256, 1044, 0, None),
        # N close to c, where lambda_0 is close to 1 and falls slowly
        (1671.4145934806286, 1642, 0, None),
        (2489.8, 2454, 0, None),
        (2960.2105985732856, 2938, 0, None),
        # the outermost extremum between two long steps
        (643.1887005403287, 1, 65, None),
        # lambda beyond the range of doubles
        (0.0019734410336904634, 0, 40, None),
        (1.0, 3000, 3, None),
    ],
)
def test_hard_places(c: float, N: int, n: int, leakage: float | None) -> None:
    turn = min(1.0, N / c)
    check(c, N, n, [1e-4, 1e-3, 0.01, 0.1, turn, 0.5 * (1.0 + turn), 0.9, 0.99, 1 - 1e-4, 1 - 1e-6, 1 - 1e-9])
    if leakage is not None:
        assert PSWF(c, N, count=n + 1).log_leakage[n] == pytest.approx(leakage, abs=1e-9)


@pytest.mark.parametrize("c", [50.0, 3000.0])
def test_the_centre_keeps_its_digits(c: float) -> None:
    radii = [0.0, 1e-9, 1e-5, *np.linspace(1e-4, 20.0 / c, 8)]
    basis = PSWF(c, count=30)
    for n in (0, 1, 29):
        values, slopes = truth(c, 0, n, edge=False).values(radii)
        got, got_slopes = basis.evaluate(radii)[n], basis.derivative(radii)[n]
        assert np.abs(got - [float(x) for x in values]).max() < 1e-13 * got.max(), n
        assert np.abs(got_slopes - [float(x) for x in slopes]).max() < 1e-12 * np.abs(got_slopes).max(), n


@pytest.mark.parametrize(("c", "N"), [(50.0, 0), (50.0, 12), (300.0, 4)])
def test_the_edge_has_relative_accuracy(c: float, N: int) -> None:
    basis = PSWF(c, N, count=4)
    radii = [1.0, 1.0 - 1e-12, 1.0 - 0.02 / c, 1.0 - 0.4 / c]
    got, got_slopes = basis.evaluate(radii), basis.derivative(radii)
    for n in (0, 1, 3):
        exact = truth(c, N, n)
        values, slopes = exact.values(radii, 400)
        # the function changes by exp(c dr)
        assert got[n] == pytest.approx([float(x) for x in values], rel=1e-11)
        assert got_slopes[n] == pytest.approx([float(x) for x in slopes], rel=1e-11)
        assert float(values[0]) * exact.edge_sign > 0.0


def test_one_function_of_a_large_band_is_small() -> None:
    basis = PSWF(1e5, count=1)
    assert basis.coordinates.size < 3000
    # a Gaussian, up to 1 / c
    r = np.array([0.0, 1e-3, 3e-3, 6e-3])
    expected = math.sqrt(2e5) * np.exp(-0.5e5 * r**2)
    assert basis.evaluate(r)[0] == pytest.approx(expected, rel=2e-4)
    # Slepian (1964): 1 - lambda -> pi 8^(N+1) ... c exp(-2c) (1 + O(1/c)), = 8 pi c exp(-2c) for N = n = 0
    assert basis.log_leakage[0] == pytest.approx(math.log(8 * math.pi * 1e5) - 2e5, abs=1e-4)
