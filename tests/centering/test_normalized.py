"""Images of any magnitude, brought to unit size before anything is summed or squared."""

from __future__ import annotations

import numpy as np
import pytest

from centering.stack import normalized


@pytest.mark.parametrize("exponent", [-1074, -1040, -149, -100, 0, 60, 127, 500, 1015])
@pytest.mark.parametrize("offset", [0, 1 << 20])
def test_any_magnitude_gives_the_same_pixels(exponent, offset, rng):
    # whole numbers that sum exactly, about a mean that is one as well
    whole = rng.integers(-100, 100, size=(8, 8))
    whole[0, 0] -= whole.sum() % 64
    image = np.ldexp((whole + offset).astype(np.float64), exponent if exponent < 1000 else exponent - 20)
    expected = whole - whole.sum() // 64
    scale = 2.0 ** -np.frexp(np.abs(expected).max())[1]
    result, power = normalized(image)
    np.testing.assert_array_equal(result, expected * scale)
    np.testing.assert_array_equal(
        np.ldexp(result, power), np.ldexp(expected.astype(float), exponent - 20 * (exponent > 1000))
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_and_the_least_numbers(dtype):
    information = np.finfo(dtype)
    stack = np.zeros((5, 6, 6), dtype)
    stack[0, 1, 2] = information.max
    stack[1] = information.max
    stack[1, 1, 2] = -information.max
    stack[2, 1, 2] = information.smallest_subnormal
    stack[3] = information.max
    before = stack.copy()
    result, power = normalized(stack)
    np.testing.assert_array_equal(stack, before)
    for image in result[:3]:
        assert 0.5 <= np.abs(image).max() < 1.0
        assert abs(image.sum()) < 1e-14
        assert np.abs(image).argmax() == 8
    assert not result[3:].any()
    assert power[3] == power[4] == 0
