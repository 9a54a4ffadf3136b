"""Checks of arguments that several modules of this package share; `pswf.checks` has those that `pswf` needs as well.

Each returns the value in its canonical type, or raises one sentence that quotes it and says what would be right.
"""

from __future__ import annotations

import math

from centering.sentence import Sentence, argument
from pswf.checks import check_choice, check_count, check_integer, check_positive

__all__ = [
    "check_choice",
    "check_count",
    "check_max_shift",
    "check_positive",
    "check_radius",
    "check_whole",
    "refuse_nonpositive",
]


def check_radius(radius: float, size: int | None = None) -> int:
    """Return the radius in whole pixels.

    Raises
    ------
    TypeError
        Not a number.
    ValueError
        Not finite, below 1 or not a whole number; or, where ``size`` (the n of n x n images) is given, a
        disk of 2 * radius + 1 pixels that does not fit into the image.
    """
    try:
        whole = int(radius) if math.isfinite(radius) else 0
    except TypeError:
        raise TypeError(f"radius is {radius!r}; give a whole number of pixels of at least 1") from None
    if whole < 1 or whole != radius:
        raise ValueError(f"radius is {radius!r}; give a whole number of pixels of at least 1")
    if size is not None and 2 * whole + 1 > size:
        raise ValueError(
            f"radius {whole} needs a disk of {2 * whole + 1} pixels, the images have {size}; "
            f"give a radius of at most {(size - 1) // 2}"
        )
    return whole


def check_max_shift(max_shift: float | None) -> float | None:
    """Return ``max_shift`` as a float; raise unless it is None or a number of at least 0."""
    if max_shift is None:
        return None
    try:
        limit = float(max_shift)
    except (TypeError, ValueError):
        raise TypeError(f"max_shift is {max_shift!r}; give a number of pixels or None") from None
    if math.isnan(limit) or limit < 0:
        raise ValueError(f"max_shift is {max_shift!r}; give a number of pixels of at least 0, or None")
    return limit


def check_whole(value: int, name: str) -> int:
    """Return ``value`` as an int; raise unless it is an integer of at least 0 and no bool."""
    if isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; give an integer of at least 0")
    return check_integer(value, name, 0)


def refuse_nonpositive(**values: float | None) -> None:
    """Raise ValueError for the first argument that was given and is not a finite number above 0."""
    for name, value in values.items():
        if value is not None:
            try:
                check_positive(value, "")
            except ValueError:
                words = "{name} is {value!r}; give a finite number above 0"
                raise ValueError(Sentence(words, name=argument(name), value=value)) from None
