"""The families of radial bases by name: those of this package, and those that other distributions offer.

Another distribution offers one by an entry point of the group ``pswf.bases``.  It leads to a callable that takes the
bandlimit c (``pi R`` for a disk of R pixels at the Nyquist frequency) and returns a `pswf.RadialFamily`, of about
``c^2 / 4`` functions on the disk; see docs/extending.md.  Names are read without loading any.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.metadata import EntryPoint

from pswf.checks import check_bandlimit
from pswf.entry_points import load, offered
from pswf.families import DiniBesselFamily, FourierBesselFamily, RadialFamily, ZernikeFamily
from pswf.spectra import prolate_spectra

__all__ = ["GROUP", "basis_names", "make_family"]

GROUP = "pswf.bases"

_BUILT_IN: dict[str, Callable[[float], RadialFamily]] = {
    "prolate": prolate_spectra,
    # below the first zero of J_0, 2.405, there would be none
    "Fourier-Bessel": lambda c: FourierBesselFamily(max(c, 2.5)),
    "Dini-Bessel": DiniBesselFamily,
    # a degree d holds (d + 1)(d + 2) / 2 functions; halves, which are common, must not depend on the last digit of c
    "Zernike": lambda c: ZernikeFamily(max(0, round(round(math.sqrt(0.5 * c**2) - 1.5, 9)))),
}


def basis_names() -> tuple[str, ...]:
    """Return the names of all families: first those of this package, then those of other distributions."""
    return tuple(dict.fromkeys([*_BUILT_IN, *sorted(offered(GROUP))]))


def make_family(name: str, bandlimit: float) -> RadialFamily:
    """Return the radial bases of all angular orders of the family called ``name``, for functions of a band.

    Parameters
    ----------
    name : str
        One of `basis_names`.
    bandlimit : float
        c > 0; pi R for a disk of R pixels at the Nyquist frequency.

    Returns
    -------
    RadialFamily
        Of about ``c^2 / 4`` functions on the disk, cosines and sines counted.

    Raises
    ------
    TypeError, ValueError
        A bandlimit that is not a number in [1e-70, 1e6]; no such name, or one that two distributions offer; an entry
        point that cannot be loaded, or that does not return a family.

    Examples
    --------
    >>> from pswf import make_family
    >>> make_family("Zernike", 40.0)(3)
    Zernike(13, 3)
    """
    c = check_bandlimit(bandlimit)
    points = offered(GROUP).get(name, [])
    sources = [*(["pswf-centering itself"] if name in _BUILT_IN else []), *sorted(map(_source, points))]
    if not sources:
        raise ValueError(f"there is no basis {name!r}; give one of {', '.join(basis_names())}")
    if len(sources) > 1:
        raise ValueError(f"the basis {name!r} is offered by {' and by '.join(sources)}; uninstall all but one")
    if not points:
        return _BUILT_IN[name](c)
    make = load(points[0], f"the basis {name!r} of {sources[0]}")
    family: RadialFamily = make(c) if callable(make) else make
    if not callable(make) or not callable(family):
        raise ValueError(
            f"the basis {name!r} of {sources[0]} gave {family!r}; its entry point must name a function of the "
            "bandlimit that returns a pswf.RadialFamily"
        )
    return family


def _source(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
