"""Prolate spheroidal wave functions on the disk, and the radial bases beside them.

Everything public is imported on first use, so that ``import pswf`` stays light.  From the bottom up:

arrays, checks, jit, threads, cache, _private: types, input, compiled code, threads, files that can be trusted.
entry_points, loading: what other distributions offer; ASPIRE, quietly.
recurrence, radial, spectrum, edge, concentration, bessel: the numbers of one angular order.
bases: radial bases of one order.
quadrature: rules for the radius.
spectra, families, registry: bases of all orders, and their names.
orthonormal: whether a basis is orthonormal, and one that is.
disk: rotational averages on the pixels of a disk.
steerable: whole images.
plot, aspire: pictures; the basis for ASPIRE-Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from pswf.bases.base import RadialBasis as RadialBasis
    from pswf.bases.bessel import FourierBessel as FourierBessel
    from pswf.bases.constant import WithConstant as WithConstant
    from pswf.bases.dini import DiniBessel as DiniBessel
    from pswf.bases.prolate import PAPER_TRUNCATION as PAPER_TRUNCATION
    from pswf.bases.prolate import PSWF as PSWF
    from pswf.bases.zernike import Zernike as Zernike
    from pswf.disk import AngularZero as AngularZero
    from pswf.families import DiniBesselFamily as DiniBesselFamily
    from pswf.families import FourierBesselFamily as FourierBesselFamily
    from pswf.families import RadialFamily as RadialFamily
    from pswf.families import ZernikeFamily as ZernikeFamily
    from pswf.orthonormal import gram_matrix as gram_matrix
    from pswf.orthonormal import orthonormalized as orthonormalized
    from pswf.quadrature import disk_quadrature as disk_quadrature
    from pswf.quadrature import gauss_legendre as gauss_legendre
    from pswf.registry import basis_names as basis_names
    from pswf.registry import make_family as make_family
    from pswf.spectra import Spectra as Spectra
    from pswf.spectra import prolate_spectra as prolate_spectra
    from pswf.steerable.basis import SteerableBasis as SteerableBasis
    from pswf.steerable.blocks import BlockDiagonal as BlockDiagonal
    from pswf.steerable.compare import compare_bases as compare_bases
    from pswf.steerable.learned import LearnedFamily as LearnedFamily
    from pswf.steerable.learned import steerable_pca as steerable_pca
    from pswf.steerable.prolate import PSWF2D as PSWF2D

_HOMES = {
    name: module
    for module, names in {
        "pswf.bases.base": "RadialBasis",
        "pswf.bases.bessel": "FourierBessel",
        "pswf.bases.constant": "WithConstant",
        "pswf.bases.dini": "DiniBessel",
        "pswf.bases.prolate": "PAPER_TRUNCATION PSWF",
        "pswf.bases.zernike": "Zernike",
        "pswf.disk": "AngularZero",
        "pswf.families": "DiniBesselFamily FourierBesselFamily RadialFamily ZernikeFamily",
        "pswf.orthonormal": "gram_matrix orthonormalized",
        "pswf.quadrature": "disk_quadrature gauss_legendre",
        "pswf.registry": "basis_names make_family",
        "pswf.spectra": "prolate_spectra Spectra",
        "pswf.steerable.basis": "SteerableBasis",
        "pswf.steerable.blocks": "BlockDiagonal",
        "pswf.steerable.compare": "compare_bases",
        "pswf.steerable.learned": "LearnedFamily steerable_pca",
        "pswf.steerable.prolate": "PSWF2D",
    }.items()
    for name in names.split()
}

__all__ = [*sorted(_HOMES), "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # once: a run that goes on while another version is installed says one version from its beginning to its end
        return globals().setdefault(name, _version())
    if name not in _HOMES:
        raise AttributeError(f"module 'pswf' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__


def _version() -> str:
    """Return the version that was installed, ``0+unknown`` where the sources lie on the path without installation."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pswf-centering")
    except PackageNotFoundError:
        return "0+unknown"
