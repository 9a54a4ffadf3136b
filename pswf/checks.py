"""Checks at the border of the package: each returns the value in its canonical type or raises one clear sentence."""

from __future__ import annotations

import importlib.util
import math
import operator
import os
from collections.abc import Collection
from numbers import Real
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array

__all__ = [
    "check_bandlimit",
    "check_basis",
    "check_choice",
    "check_count",
    "check_distances",
    "check_dtype",
    "check_expansion",
    "check_finufft",
    "check_integer",
    "check_memory",
    "check_order",
    "check_positive",
    "check_real",
    "check_size",
    "check_unit_interval",
    "check_values",
]

B = TypeVar("B")

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


def check_integer(value: int, name: str, least: int) -> int:
    """Return ``value`` as an int; raise TypeError unless it is an integer, ValueError if it is below ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; give an integer of at least {least}") from None
    if number < least:
        raise ValueError(f"{name} is {value!r}; give an integer of at least {least}")
    return number


def check_order(value: int) -> int:
    """Return the angular order as an int; raise unless it is an integer from -10^6 to 10^6."""
    try:
        order = operator.index(value)
    except TypeError:
        raise TypeError(f"angular_order is {value!r}; give an integer") from None
    if abs(order) > LARGEST_ORDER:
        raise ValueError(f"angular_order is {value!r}; the largest that is supported is {LARGEST_ORDER}")
    return order


def check_count(value: int, name: str = "count") -> int:
    """Return a number of things as an int; raise unless it is an integer of at least 1."""
    return check_integer(value, name, 1)


def check_memory(numbers: int, what: str, advice: str) -> None:
    """Raise ValueError if so many doubles do not fit in the memory of the machine.

    The sentence starts with ``what`` they are and ends with the ``advice`` what to change.
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system tells
        memory = 2**36
    if 8 * numbers > memory:
        raise ValueError(
            f"{what} would take {8 * numbers / 1e9:.3g} GB of memory, this machine has {memory / 1e9:.3g}; {advice}"
        )


def check_unit_interval(r: npt.ArrayLike) -> Array:
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


def check_distances(rho: npt.ArrayLike, radius: int) -> Array:
    """Return rho as float64; raise TypeError unless it is real, ValueError unless it lies in [0, radius] pixels."""
    distances = check_real(rho, "rho", "distances").astype(np.float64, copy=False)
    outside = ~((distances >= 0.0) & (distances <= radius))
    if outside.any():
        raise ValueError(
            f"rho has the value {float(distances[outside].flat[0])!r}; give distances in [0, {radius}] pixels"
        )
    return distances


def check_basis(basis: B) -> B:
    """Return ``basis``; raise TypeError unless it has a callable ``evaluate``."""
    if not callable(getattr(basis, "evaluate", None)):
        raise TypeError(f"basis is {basis!r}; give an object with a method evaluate(r) -> (count, *r.shape)")
    return basis


def check_values(values: npt.NDArray[Any], shape: tuple[int, ...], basis: str) -> None:
    """Raise ValueError unless a basis evaluated at points of this shape gave values of shape (count, *shape)."""
    if values.ndim != len(shape) + 1 or values.shape[1:] != shape:
        raise ValueError(
            f"{basis} evaluated at {shape} points gave shape {values.shape}; evaluate(r) must return (count, *r.shape)"
        )


def check_choice(value: str, name: str, choices: Collection[str]) -> str:
    """Return ``value``; raise ValueError unless it is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {value!r}; give {' or '.join(map(repr, choices))}")
    return value


def check_expansion(expansion: str) -> str:
    """Return the expansion of `pswf.AngularZero`; raise ValueError unless it is one of the two."""
    return check_choice(expansion, "expansion", ("pixels", "paper"))


def check_real(values: npt.ArrayLike, name: str, noun: str, advice: str = "") -> npt.NDArray[Any]:
    """Return an array of real numbers; raise TypeError where it is complex, with the advice, or holds no numbers."""
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} are complex ({array.dtype}); give real {noun}{advice}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} have dtype {array.dtype}; give float32 or float64 {noun}")
    return array


def check_finufft() -> None:
    """Raise ImportError unless finufft is installed."""
    if importlib.util.find_spec("finufft") is None:
        raise ImportError("whole-image bases need finufft: pip install 'pswf-centering[steerable]'")


def check_size(size: int | tuple[int, int]) -> int:
    """Return the side L of L x L images from L or (L, L)."""
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    try:
        whole = tuple(operator.index(side) for side in sides)
    except TypeError:
        raise TypeError(f"size is {size!r}; give a whole number of pixels") from None
    if len(whole) != 2 or whole[0] != whole[1]:
        raise ValueError(f"size is {size!r}; images must be square, L or (L, L)")
    if whole[0] < 2:
        raise ValueError(f"size is {size!r}; give at least 2 pixels")
    return whole[0]


def check_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype."""
    try:
        result = np.dtype(dtype)
    except TypeError:
        result = None
    if result not in (np.float32, np.float64):
        raise TypeError(f"dtype is {dtype!r}; give float32 or float64")
    return result
