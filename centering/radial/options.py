"""The options of a radial reference."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field

from centering.checks import check_max_shift, check_radius
from centering.ctf import CTF
from pswf.bases.base import RadialBasis
from pswf.checks import check_basis, check_count

__all__ = ["ReferenceOptions"]


@dataclass(frozen=True)
class ReferenceOptions:
    """How a radial reference is learned; every field is described by `centering.RadialReference`."""

    radius: int | str
    _: KW_ONLY
    basis: RadialBasis | None = None
    iterations: int = 8
    prior: float | str = "learned"
    max_shift: float | None = None
    ctf: CTF | None = field(default=None, repr=False, compare=False)
    phase_flip: bool = False
    profiles: int | str = 1
    contrast: bool = True
    whiten: bool = True
    structure: bool = True
    learn_from: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.radius, str):
            if self.radius != "auto":
                raise ValueError(f"radius is {self.radius!r}; give a whole number of pixels, or 'auto'")
        else:
            check_radius(self.radius)
        if self.basis is not None:
            check_basis(self.basis)
        check_count(self.iterations, "iterations")
        if isinstance(self.prior, str):
            if self.prior not in ("learned", "flat"):
                raise ValueError(f"prior is {self.prior!r}; give 'learned', 'flat', or a standard deviation in pixels")
        elif not (math.isfinite(self.prior) and self.prior > 0):
            raise ValueError(f"prior is {self.prior!r}; give a positive standard deviation in pixels")
        check_max_shift(self.max_shift)
        if isinstance(self.profiles, str):
            if self.profiles != "auto":
                raise ValueError(f"profiles is {self.profiles!r}; give a number of at least 1, or 'auto'")
        else:
            check_count(self.profiles, "profiles")
        if self.learn_from is not None:
            check_count(self.learn_from, "learn_from")
