"""The numbers that reference-free alignment was tuned with, and why they have the values they have."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TUNING", "Tuning"]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Constants of the method; none of them is an option of `ReferenceFreeAlignment`."""

    structureless: float = 1e-6
    """A standard deviation below this part of the largest pixel is rounding, and so is a wave below this part of white
    noise: the image has no structure.  Single precision rounds at 1e-7."""
    average_centered: float = 1e-3
    """Pixels.  The average is in the middle when its centre is closer than this to it along both axes."""
    average_moves: int = 20
    """Times that the average is moved to the middle.  One or two do, unless the estimator falls short of the centre."""
    shift_tolerance: float = 1e-10
    """Pixels.  A step of Newton's method below this ends the climb to the best shift: only rounding is left."""
    angle_tolerance: float = 1e-12
    """Radians.  The same for the best angle at one shift."""
    angle_oversampling: int = 16
    """Grid points of the search for the best angle for each angular order: the grid cannot miss a maximum."""
    alternations: int = 2
    """Times that the best angle at one shift and the best shift at one angle are looked for in turn."""


TUNING = Tuning()
"""The values in use."""
