"""Any radial basis, and the constant beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.bases.base import RadialBasis
from pswf.checks import check_basis

__all__ = ["WithConstant"]


class WithConstant:
    """The functions of a radial basis, and the constant as the last one.

    Prolate and Fourier-Bessel functions that live inside the disk all but vanish at its edge; an image does not.  One
    more function holds what they lack there.

    Parameters
    ----------
    basis : RadialBasis
        Any object with ``evaluate(r) -> (count, *r.shape)``; one that does not hold the constant already.

    Notes
    -----
    The constant has unit norm, ``int_0^1 f^2 r dr = 1``, but is not orthogonal to the others; `pswf.AngularZero`
    makes them so.

    Examples
    --------
    >>> from pswf import FourierBessel, WithConstant
    >>> WithConstant(FourierBessel(3)).evaluate([0.0, 1.0]).round(3)[-1]
    array([1.414, 1.414])
    """

    def __init__(self, basis: RadialBasis) -> None:
        self.basis = check_basis(basis)

    def evaluate(self, r: npt.ArrayLike) -> Array:
        """Return the values at r in [0, 1], shape (count + 1, *r.shape)."""
        points = np.asarray(r, dtype=np.float64)
        constant = np.full((1, *points.shape), np.sqrt(2.0))
        return np.concatenate([np.asarray(self.basis.evaluate(points)), constant])

    @property
    def log_concentration(self) -> Any:
        """Ln lambda of the functions, 0 for the constant; only where the basis has concentrations."""
        logs: Any = self.basis.log_concentration  # type: ignore[attr-defined]
        return np.append(logs, 0.0)

    def __eq__(self, other: object) -> bool:
        return bool(self.basis == other.basis) if isinstance(other, WithConstant) else NotImplemented

    def __hash__(self) -> int:
        return hash(WithConstant)

    def __repr__(self) -> str:
        return f"WithConstant({self.basis!r})"
