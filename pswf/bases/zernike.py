"""Zernike polynomials on the disk, one angular order at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pswf.bases.series import ZernikeSeries
from pswf.checks import check_count, check_memory, check_order

__all__ = ["Zernike"]


class Zernike(ZernikeSeries):
    r"""Radial Zernike functions ``q_k`` of one angular order N, for k = 0, 1, ..., count - 1.

    ``q_k(r) = (2 (2k+N+1))^(1/2) r^N P_k^(N,0)(1 - 2 r^2)``: the classical radial polynomials of degree N + 2k,
    normalized to ``int_0^1 q_k^2 r dr = 1``, with the sign that makes them positive as r -> 0+, so that
    ``q_k(1) = (-1)^k (2 (2k+N+1))^(1/2)``.

    Parameters
    ----------
    count : int
        Number of functions, at least 1.
    angular_order : int, optional
        N >= 0.

    Attributes
    ----------
    angular_order, count
        As above.

    Raises
    ------
    TypeError
        Order or count not an integer.
    ValueError
        Negative order, count below 1.

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

    def __init__(self, count: int, angular_order: int = 0) -> None:
        self.count = check_count(count)
        self.angular_order = check_order(angular_order)
        check_memory(self.count**2, f"the coordinates of {self.count} functions", "give a smaller count")

    @property
    def coordinates(self) -> npt.NDArray[np.float64]:
        """The identity, shape (count, count)."""
        return np.eye(self.count)

    def __repr__(self) -> str:
        return f"Zernike({self.count}, {self.angular_order})"
