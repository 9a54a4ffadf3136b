"""Families of radial bases: one basis per angular order, for whole images.

`pswf.prolate_spectra` makes the prolate family, `pswf.steerable_pca` one that is learned from images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pswf.bases.base import RadialBasis
from pswf.bases.bessel import FourierBessel
from pswf.bases.dini import DiniBessel
from pswf.bases.zernike import Zernike
from pswf.checks import _check_integer, check_bandlimit

__all__ = ["DiniBesselFamily", "FourierBesselFamily", "RadialFamily", "ZernikeFamily"]


class RadialFamily(Protocol):
    """Radial bases of the angular orders N = 0, 1, ...

    A plain function ``N -> basis`` is a family.  Law: ``f_{N,n}(r) exp(i N theta)`` is smooth on the disk, that is
    f is r^N times a smooth function of r^2.  A basis without functions, ``evaluate(r)`` of shape (0, *r.shape),
    leaves a gap.
    """

    def __call__(self, angular_order: int, /) -> RadialBasis | None:
        """Return the radial functions of one order, or None where this and all higher orders have none."""
        ...


_B = TypeVar("_B", FourierBessel, DiniBessel)


def _below(make: Callable[[int, int], _B], bandlimit: float, order: int) -> _B | None:
    """Return the functions J_N(x r) with x <= bandlimit."""
    count = 1
    if order < bandlimit:
        # (x^2 - N^2)^(1/2) - N arccos(N/x) grows by pi from one zero to the next
        phase = math.sqrt(bandlimit**2 - order**2) - order * math.acos(order / bandlimit)
        count = math.floor(phase / math.pi) + 2
    kept = int((make(count, order).zeros <= bandlimit).sum())
    return make(kept, order) if kept else None


@dataclass(frozen=True)
class FourierBesselFamily:
    """Fourier-Bessel functions ``J_N(x r)``, ``J_N(x) = 0``, of all orders with ``x <= bandlimit``.

    Parameters
    ----------
    bandlimit : float
        c > 0; pi R for a disk of R pixels at the Nyquist frequency.
    """

    bandlimit: float

    def __post_init__(self) -> None:
        check_bandlimit(self.bandlimit)

    def __call__(self, angular_order: int) -> FourierBessel | None:
        """Return the functions of one order; None beyond the last."""
        return _below(FourierBessel, self.bandlimit, angular_order)


@dataclass(frozen=True)
class DiniBesselFamily:
    """Dini-Bessel functions ``J_N(x r)``, ``J_N'(x) = 0``, of all orders with ``x <= bandlimit``.

    Parameters
    ----------
    bandlimit : float
        c > 0; pi R for a disk of R pixels at the Nyquist frequency.
    """

    bandlimit: float

    def __post_init__(self) -> None:
        check_bandlimit(self.bandlimit)

    def __call__(self, angular_order: int) -> DiniBessel | None:
        """Return the functions of one order; None beyond the last."""
        return _below(DiniBessel, self.bandlimit, angular_order)


@dataclass(frozen=True)
class ZernikeFamily:
    """Zernike functions of all orders with total degree ``N + 2 n <= degree``.

    Parameters
    ----------
    degree : int
        At least 0; (degree + 1)(degree + 2) / 2 functions on the disk.
    """

    degree: int

    def __post_init__(self) -> None:
        _check_integer(self.degree, "degree", 0)

    def __call__(self, angular_order: int) -> Zernike | None:
        """Return the functions of one order; None beyond the last."""
        return Zernike((self.degree - angular_order) // 2 + 1, angular_order) if angular_order <= self.degree else None
