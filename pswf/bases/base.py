"""What every radial basis is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy.typing as npt

from pswf.arrays import Array

__all__ = ["RadialBasis"]


@runtime_checkable
class RadialBasis(Protocol):
    """Radial functions f_0, f_1, ... on the unit interval, for one angular order.

    One method is all that a basis of your own needs.  Laws, tested for every basis of the package:
    the functions are orthonormal, ``int_0^1 f_m(r) f_n(r) r dr = delta_mn``, and smooth on [0, 1].  `pswf.gram_matrix`
    tells how nearly they are, `pswf.orthonormalized` makes them so.
    """

    def evaluate(self, r: npt.ArrayLike) -> Array:
        """Return the functions at ``r`` (dimensionless, 0 <= r <= 1), shape (count, *r.shape)."""
        ...
