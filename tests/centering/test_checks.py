"""Checks of arguments: what they return, and the one sentence that they raise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from centering.checks import (
    check_choice,
    check_max_shift,
    check_radius,
    check_whole,
    refuse_nonpositive,
)


@given(st.integers(1, 10**6))
def test_a_radius_is_a_whole_number_of_pixels_whose_disk_fits(radius):
    assert check_radius(radius) == check_radius(float(radius)) == check_radius(radius, 2 * radius + 1) == radius
    with pytest.raises(ValueError, match=f"radius {radius} needs a disk of {2 * radius + 1} pixels"):
        check_radius(radius, 2 * radius)


@pytest.mark.parametrize("value", [0, -3, 2.5, float("nan"), float("inf")])
def test_a_radius_that_is_none_is_quoted(value):
    with pytest.raises(ValueError, match=rf"^radius is {value!r}; give a whole number of pixels of at least 1$"):
        check_radius(value)


@given(st.one_of(st.none(), st.floats(0.0, allow_nan=False)))
def test_max_shift_may_be_any_number_that_is_not_negative(value):
    assert check_max_shift(value) == value


@pytest.mark.parametrize(("value", "error"), [("far", TypeError), (-1.0, ValueError), (float("nan"), ValueError)])
def test_max_shift_that_is_none_is_quoted(value, error):
    with pytest.raises(error, match=rf"^max_shift is {value!r}; give a number of pixels"):
        check_max_shift(value)


def test_a_choice_names_what_is_allowed():
    assert check_choice("maps", "method", ("maps", "direct")) == "maps"
    with pytest.raises(ValueError, match=r"^method is 'fast'; give 'maps' or 'direct'$"):
        check_choice("fast", "method", ("maps", "direct"))


@given(st.integers(0, 2**62))
def test_whole_numbers_of_numpy_are_whole_numbers(value):
    assert check_whole(value, "seed") == check_whole(np.int64(value), "seed") == value


@pytest.mark.parametrize(("value", "error"), [(True, TypeError), (1.0, TypeError), (-1, ValueError)])
def test_what_is_no_whole_number_is_quoted(value, error):
    with pytest.raises(error, match=rf"^seed is {value!r}; give an integer of at least 0$"):
        check_whole(value, "seed")


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf")])
def test_the_first_option_that_is_not_positive_is_quoted(value):
    refuse_nonpositive(interval=1.0, until_idle=None)
    with pytest.raises(ValueError, match=rf"^until_idle is {value!r}; give a finite number above 0$"):
        refuse_nonpositive(interval=1.0, until_idle=value)
