"""The options of reference-free alignment."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

from centering.checks import check_count, check_max_shift, check_positive, check_radius, check_whole

__all__ = ["AlignmentOptions"]


@dataclass(frozen=True)
class AlignmentOptions:
    """How images are aligned to each other; every field is described by `centering.ReferenceFreeAlignment`."""

    radius: int
    _: KW_ONLY
    rotations: bool | int = False
    max_shift: float | None = None
    wavelength: float | None = None
    sweeps: int = 20
    tolerance: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if check_radius(self.radius) < 2:
            raise ValueError(f"radius is {self.radius!r}; give at least 2 pixels: smaller disks have no structure")
        if self.rotations is not True and self.rotations is not False:
            check_count(self.rotations, "rotations")
        check_max_shift(self.max_shift)
        if self.wavelength is not None and not 2 < check_positive(self.wavelength, "wavelength") <= 2 * self.radius:
            raise ValueError(
                f"wavelength is {self.wavelength!r}; give more than 2 pixels, at most the diameter {2 * self.radius}"
            )
        check_whole(self.sweeps, "sweeps")
        check_whole(self.seed, "seed")
        check_positive(self.tolerance, "tolerance")

    @property
    def shortest_wave(self) -> float:
        """Shortest wavelength that is kept, in pixels."""
        return self.wavelength or max(4.0, self.radius / 4.0)

    @property
    def angles(self) -> int:
        """Number of angles at which the search for a turn starts; 0 where images are not turned."""
        if self.rotations is True:
            return math.ceil(2.0 * math.pi * self.radius / self.shortest_wave)
        return int(self.rotations)
