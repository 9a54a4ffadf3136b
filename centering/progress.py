"""How a long computation says how far it has come."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "silent"]

Progress = Callable[[str, int | None], Callable[[int], object]]
"""A callback ``progress(message, total) -> advance(n)``.

It is called when a stage begins, with a message that names the stage and the number of images in it: None where that is
not known, 0 where nothing is counted.  It returns a callback that is called with the number of images done since its
last call."""


def silent(message: str, total: int | None) -> Callable[[int], object]:
    """Tell nobody."""
    return lambda n: None
