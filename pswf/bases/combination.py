"""Linear combinations of the functions of any radial basis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.bases.base import RadialBasis

__all__ = ["Combination"]


@dataclass(frozen=True, eq=False, repr=False)
class Combination:
    """Linear combinations of the functions of a radial basis, a `pswf.RadialBasis` again.

    Attributes
    ----------
    basis : RadialBasis
    weights : ndarray, shape (count, count of basis)
        Row n holds those of function n.
    """

    basis: RadialBasis
    weights: Array

    def evaluate(self, r: npt.ArrayLike) -> Array:
        """Return the functions at r, shape (count, *r.shape)."""
        return np.tensordot(self.weights, self.basis.evaluate(r), axes=1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Combination):
            return NotImplemented
        return bool(self.basis == other.basis) and np.array_equal(self.weights, other.weights)

    def __hash__(self) -> int:
        return hash((Combination, self.weights.shape))

    def __repr__(self) -> str:
        return f"Combination({self.basis!r}, functions={len(self.weights)})"
