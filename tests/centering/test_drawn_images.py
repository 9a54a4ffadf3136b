"""Laws of the centres for particles and noise that are drawn; hypothesis shows the simplest image that breaks one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from phantoms import lopsided

from centering import CenterOfMass, GeometricMedian, PhaseCenter, SelfConvolution, SurrogateCenter

ESTIMATORS = {
    "mass": CenterOfMass(),
    "median": GeometricMedian(),
    "phase": PhaseCenter(),
    "self-convolution": SelfConvolution(),
    "surrogate": SurrogateCenter(9),
    "surrogate, maps": SurrogateCenter(9, method="maps"),
}


@st.composite
def images(draw):
    """Return a particle without symmetry somewhere near the middle, in noise of a few grey levels."""
    size = draw(st.sampled_from([40, 41]))
    place = st.floats(-6, 6, allow_subnormal=False)
    noise = draw(arrays.arrays(np.int8, (size, size), elements=st.integers(-16, 16), fill=st.just(0)))
    return lopsided(size, draw(place), draw(place)) + noise / 64


def moves(size: int):
    """Return the eight turns and reflections of a square image, with what becomes of a displacement (row, column)."""
    last = size - 1 - 2 * (size // 2)  # a pixel at d goes to last - d when its axis is reversed
    flips = [
        (lambda image: image, lambda row, column: (row, column)),
        (lambda image: image[::-1], lambda row, column: (last - row, column)),
        (lambda image: image[:, ::-1], lambda row, column: (row, last - column)),
        (lambda image: image[::-1, ::-1], lambda row, column: (last - row, last - column)),
    ]
    turned = [(lambda image, flip=flip: flip(image).T, lambda r, c, to=to: to(r, c)[::-1]) for flip, to in flips]
    return flips + turned


@pytest.mark.parametrize("name", ESTIMATORS)
@given(image=images(), exponent=st.integers(-100, 100), offset=st.integers(-8, 8))
def test_centres_follow_turns_and_reflections_and_no_scale_or_offset(name, image, exponent, offset):
    estimator = ESTIMATORS[name]
    expected = estimator(image)
    stack = np.stack([move(image) for move, _ in moves(len(image))])
    found = estimator(np.ldexp(stack + offset, exponent))
    np.testing.assert_array_equal(found.flags, expected.flags[0])
    for (_, to), displacement in zip(moves(len(image)), found.displacement, strict=True):
        np.testing.assert_allclose(displacement, to(*expected.displacement[0]), rtol=0, atol=1e-6)
