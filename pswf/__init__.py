"""Prolate spheroidal wave functions on the disk, and the radial bases beside them.

Everything public is imported on first use, so that ``import pswf`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pswf.bases.base import RadialBasis as RadialBasis
    from pswf.bases.bessel import FourierBessel as FourierBessel
    from pswf.bases.prolate import PSWF as PSWF
    from pswf.bases.zernike import Zernike as Zernike
    from pswf.disk import AngularZero as AngularZero
    from pswf.quadrature import disk_quadrature as disk_quadrature
    from pswf.quadrature import gauss_legendre as gauss_legendre

_HOMES = {
    "AngularZero": "pswf.disk",
    "FourierBessel": "pswf.bases.bessel",
    "PSWF": "pswf.bases.prolate",
    "RadialBasis": "pswf.bases.base",
    "Zernike": "pswf.bases.zernike",
    "disk_quadrature": "pswf.quadrature",
    "gauss_legendre": "pswf.quadrature",
}

__version__ = "0.1.0"
__all__ = [*sorted(_HOMES), "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pswf' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
