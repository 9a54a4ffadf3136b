"""Checks at the border of the package: each returns the value in its canonical type or raises one clear sentence."""

from __future__ import annotations

import math
import operator
import os
from numbers import Real

import numpy as np
import numpy.typing as npt

__all__ = ["check_bandlimit", "check_count", "check_memory", "check_order", "check_positive", "check_unit_interval"]

SMALLEST_BANDLIMIT = 1e-70
LARGEST_BANDLIMIT = 1e6
LARGEST_ORDER = 10**6


def check_positive(value: float, name: str) -> float:
    """Return ``value`` as a float; raise TypeError unless it is real, ValueError unless it is finite and above 0."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}; give a positive real number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} is beyond the range of doubles; give a finite number above 0") from None
    if not math.isfinite(number) or number <= 0:
        raise ValueError(f"{name} is {value!r}; give a finite number above 0")
    return number


def check_bandlimit(value: float) -> float:
    """Return the bandlimit c as a float; raise ValueError unless it is finite and in [1e-70, 1e6]."""
    number = check_positive(value, "bandlimit")
    if number < SMALLEST_BANDLIMIT:
        raise ValueError(f"bandlimit is {value!r}; the smallest that is supported is {SMALLEST_BANDLIMIT:g}")
    if number > LARGEST_BANDLIMIT:
        raise ValueError(f"bandlimit is {value!r}; the largest that is supported is {LARGEST_BANDLIMIT:g}")
    return number


def _check_integer(value: int, name: str, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; give an integer of at least {least}") from None
    if number < least:
        raise ValueError(f"{name} is {value!r}; give an integer of at least {least}")
    return number


def check_order(value: int) -> int:
    """Return the angular order as an int; raise unless it is an integer from 0 to 10^6."""
    order = _check_integer(value, "angular_order", 0)
    if order > LARGEST_ORDER:
        raise ValueError(f"angular_order is {value!r}; the largest that is supported is {LARGEST_ORDER}")
    return order


def check_count(value: int, name: str = "count") -> int:
    """Return a number of things as an int; raise unless it is an integer of at least 1."""
    return _check_integer(value, name, 1)


def check_memory(numbers: int, what: str, advice: str) -> None:
    """Raise ValueError if so many doubles do not fit in the memory of the machine.

    Parameters
    ----------
    numbers : int
        How many.
    what : str
        What they are, the start of the sentence.
    advice : str
        What to change, its end.
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system tells
        memory = 2**36
    if 8 * numbers > memory:
        raise ValueError(
            f"{what} would take {8 * numbers / 1e9:.3g} GB of memory, this machine has {memory / 1e9:.3g}; {advice}"
        )


def check_unit_interval(r: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return r as float64; raise TypeError unless it is real, ValueError unless every value lies in [0, 1]."""
    points = np.asarray(r)
    if points.dtype.kind not in "fiu":
        raise TypeError(f"r has the type {points.dtype}; give real distances in [0, 1], in units of the radius")
    points = points.astype(np.float64, copy=False)
    outside = ~((points >= 0.0) & (points <= 1.0))
    if outside.any():
        value = float(points[outside].flat[0])
        raise ValueError(f"r has the value {value!r}; give distances in [0, 1], in units of the radius")
    return points
