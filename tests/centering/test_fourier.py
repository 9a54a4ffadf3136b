"""Waves and the climb to a peak, against bumps whose peaks are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centering.fourier import climb, climb_waves, cosines, parity_waves, wave_derivatives

places = st.tuples(*[st.floats(-0.45, 0.45)] * 2).map(np.array)


@given(st.integers(3, 40), st.data())
@settings(max_examples=30)
def test_parity_waves_are_orthonormal_on_a_period(period, data):
    highest = data.draw(st.integers(0, (period - 1) // 2))
    first = data.draw(st.integers(-50, 50))
    waves = parity_waves(period, highest, np.arange(first, first + period))
    np.testing.assert_allclose(waves @ waves.T, np.eye(2 * highest + 1), atol=1e-12)
    even = cosines(period, highest, np.arange(first, first + period)) * np.sqrt(2.0 / period)
    np.testing.assert_allclose(waves[1 : highest + 1], even[1:], atol=1e-15)


def bump(period, highest):
    """Return the factors (highest + 1,) of a sum of cosines that is largest at 0, and there only."""
    return np.exp(-0.5 * (np.arange(highest + 1) / (0.3 * highest)) ** 2) / period


@given(places, st.integers(9, 40))
@settings(max_examples=30, deadline=None)
def test_derivatives_and_climb_find_a_peak_that_is_known(peak, size):
    highest = size // 3
    rows, columns = np.arange(-highest, highest + 1), np.arange(highest + 1)
    factor = bump(size, highest)
    phase = np.exp(-2j * np.pi / size * (rows[:, None] * peak[0] + columns * peak[1]))
    product = factor[np.abs(rows)][:, None] * factor * phase
    weights = np.where(columns, 2.0, 1.0)

    def slopes(point):
        value = wave_derivatives(product, size, rows, columns, weights, point)
        return np.array([value[1, 0], value[0, 1]]), np.array([[value[2, 0], value[1, 1]], [value[1, 1], value[0, 2]]])

    # a product of two sums of cosines, whose derivatives are sums as well
    at = np.array([0.3, -0.2])
    k = 2.0 * np.pi / size * columns
    along = [factor * weights * f(k * (at[0] - peak[0])) * k**p for p, f in enumerate((np.cos, np.sin, np.cos))]
    across = [factor * weights * f(k * (at[1] - peak[1])) * k**p for p, f in enumerate((np.cos, np.sin, np.cos))]
    expected = np.outer([a.sum() for a in along], [a.sum() for a in across]) * np.outer([1, -1, -1], [1, -1, -1])
    np.testing.assert_allclose(wave_derivatives(product, size, rows, columns, weights, at), expected, atol=1e-12)
    np.testing.assert_allclose(climb(slopes, np.zeros(2), reach=1.0, settled=1e-10), peak, atol=1e-9)


@given(places, st.integers(9, 40))
@settings(max_examples=30, deadline=None)
def test_the_compiled_climb_finds_the_same_peak_and_its_curvature(peak, period):
    highest = period // 3
    factor = bump(period, highest)
    waves = [parity_waves(period, highest, [place])[:, 0] for place in peak]
    index = np.concatenate([np.arange(highest + 1), np.arange(1, highest + 1)])
    # sum over both parities of w_k(peak) w_k(x) is cos(k (x - peak)) times 1 / period, or 2 / period for k > 0
    along, across = (period * factor[index] * wave for wave in waves)
    spectra = np.outer(along, across)[None]
    factors, trend = np.array([[1.0, 0.0]]), np.zeros((1, 5))
    mean, covariance, top = np.zeros((1, 2)), np.empty((1, 2, 2)), np.empty(1)
    climb_waves(spectra, period, factors, trend, 0.0, 12, mean, covariance, top)
    np.testing.assert_allclose(mean[0], peak, atol=1e-9)
    k = 2.0 * np.pi / period * np.arange(highest + 1)
    half = factor * np.where(k, 2.0, 1.0)
    value, bend = half.sum(), (half * k**2).sum()
    np.testing.assert_allclose(top[0], value**2, rtol=1e-9)
    np.testing.assert_allclose(covariance[0], np.eye(2) / (value * bend), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("curvature", "gradient"),
    [(np.diag([-1.0, 1.0]), [0.1, 0.1]), (np.diag([-1.0, -1.0]), [3.0, 0.0]), (np.zeros((2, 2)), [0.0, 0.0])],
    ids=["saddle", "far", "flat"],
)
def test_where_there_is_no_near_peak_the_start_comes_back(curvature, gradient):
    start = np.array([2.0, -1.0])

    def slopes(point):
        return np.array(gradient) + curvature @ (point - start), curvature

    assert climb(slopes, start, reach=1.0, settled=1e-10) is start
