"""Pixels that no candidate's disk holds, however bright, decide nothing."""

import numpy as np
import pytest
from phantoms import lopsided

from centering import SurrogateCenter


@pytest.mark.parametrize("value", [1e3, 1e6, 1e12, 1e15, 1e20, 1e37, -1e6, -1e15, -1e20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["fused", "maps", "direct"])
def test_a_hot_pixel_in_a_corner_moves_no_centre(method, dtype, value, rng):
    images = (lopsided(40, 4, -3) + 0.1 * rng.normal(size=(4, 40, 40))).astype(dtype)
    hot = images.copy()
    for image, place in zip(hot, [(0, 0), (0, -1), (-2, 0), (-1, -1)], strict=True):
        image[place] = value
    before = hot.copy()
    estimator = SurrogateCenter(9, method=method)
    plain, found = estimator(images), estimator(hot)
    np.testing.assert_array_equal(hot, before)
    np.testing.assert_allclose(found.displacement, plain.displacement, rtol=0, atol=0.05)
    np.testing.assert_array_equal(found.flags, plain.flags)


def test_and_none_in_a_constant_image():
    image = np.ones((40, 40))
    image[0, 0] = 1e20
    assert SurrogateCenter(9)(image).displacement.tolist() == [[0.0, 0.0]]
    assert SurrogateCenter(9)(image).flags[0] != 0
