"""Families of radial bases: one basis per angular order, for whole images.

`pswf.prolate_spectra` makes the prolate family, `pswf.steerable_pca` one that is learned from images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pswf.bases.base import RadialBasis
from pswf.bases.bessel import FourierBessel
from pswf.bases.dini import DiniBessel
from pswf.bases.prolate import semiclassical_count
from pswf.bases.zernike import Zernike
from pswf.checks import check_bandlimit, check_integer, check_order

__all__ = ["DiniBesselFamily", "FourierBesselFamily", "RadialFamily", "ZernikeFamily"]


class RadialFamily(Protocol):
    """Radial bases of the angular orders N = 0, 1, ...

    A plain function ``N -> basis`` is a family.  Law: ``f_{N,n}(r) exp(i N theta)`` is smooth on the disk, that is
    f is r^N times a smooth function of r^2.  A basis without functions, ``evaluate(r)`` of shape (0, *r.shape),
    leaves a gap.  The families of the package take -N as well: the functions of N, for ``exp(-i N theta)``.
    """

    def __call__(self, angular_order: int, /) -> RadialBasis | None:
        """Return the radial functions of one order, or None where this and all higher orders have none."""
        ...


@dataclass(frozen=True)
class _BesselFamily:
    """The functions J_N(x r) of all orders with ``x <= bandlimit``."""

    bandlimit: float
    _basis: ClassVar[type[FourierBessel | DiniBessel]]

    def __post_init__(self) -> None:
        check_bandlimit(self.bandlimit)

    def __call__(self, angular_order: int) -> FourierBessel | DiniBessel | None:
        """Return the functions of one order; None beyond the last."""
        c, N = self.bandlimit, abs(check_order(angular_order))
        # (x^2 - N^2)^(1/2) - N arccos(N/x) grows by pi from one zero to the next
        count = math.floor(semiclassical_count(c, N)) + 2
        kept = int((self._basis(count, N).zeros <= c).sum())
        return self._basis(kept, angular_order) if kept else None


class FourierBesselFamily(_BesselFamily):
    """Fourier-Bessel functions ``J_N(x r)``, ``J_N(x) = 0``, of all orders with ``x <= bandlimit``.

    Parameters
    ----------
    bandlimit : float
        c > 0; pi R for a disk of R pixels at the Nyquist frequency.
    """

    _basis = FourierBessel


class DiniBesselFamily(_BesselFamily):
    """Dini-Bessel functions ``J_N(x r)``, ``J_N'(x) = 0``, of all orders with ``x <= bandlimit``.

    Parameters
    ----------
    bandlimit : float
        c > 0; pi R for a disk of R pixels at the Nyquist frequency.
    """

    _basis = DiniBessel


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
        check_integer(self.degree, "degree", 0)

    def __call__(self, angular_order: int) -> Zernike | None:
        """Return the functions of one order; None beyond the last."""
        order = abs(check_order(angular_order))
        return Zernike((self.degree - order) // 2 + 1, angular_order) if order <= self.degree else None
