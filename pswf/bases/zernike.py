"""Zernike polynomials on the disk, one angular order at a time."""

from __future__ import annotations

import numpy as np

from pswf.arrays import Array
from pswf.bases.series import CountedSeries

__all__ = ["Zernike"]


class Zernike(CountedSeries):
    r"""Radial Zernike functions ``q_k`` of one angular order N, for k = 0, 1, ..., count - 1.

    ``q_k(r) = (2 (2k+N+1))^(1/2) r^N P_k^(N,0)(1 - 2 r^2)``: the classical radial polynomials of degree N + 2k,
    normalized to ``int_0^1 q_k^2 r dr = 1``, with the sign that makes them positive as r -> 0+, so that
    ``q_k(1) = (-1)^k (2 (2k+N+1))^(1/2)``.

    Parameters
    ----------
    count : int
        Number of functions, at least 1.
    angular_order : int, optional
        N; the functions of -N are those of N.

    Raises
    ------
    TypeError
        Order or count not an integer.
    ValueError
        An order beyond 10^6, count below 1, or more coordinates than the machine has memory for.

    See Also
    --------
    pswf.PSWF : the functions whose energy is most concentrated in a band; these are its limit c -> 0.

    Examples
    --------
    >>> from pswf import Zernike
    >>> Zernike(2).evaluate([0.0, 1.0]).round(3)
    array([[ 1.414,  1.414],
           [ 2.449, -2.449]])
    """

    @property
    def coordinates(self) -> Array:
        """The identity, shape (count, count)."""
        return np.eye(self.count)
