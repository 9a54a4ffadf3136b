"""Dini-Bessel functions on the disk, one angular order at a time."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.bases.series import ZernikeSeries
from pswf.bessel import _miller, bessel_coordinates, bessel_zeros
from pswf.checks import check_count, check_memory, check_order
from pswf.jit import jit

__all__ = ["DiniBessel"]

Array = npt.NDArray[np.float64]


class DiniBessel(ZernikeSeries):
    r"""Dini-Bessel functions ``f_n`` of one angular order N, for n = 0, 1, ..., count - 1.

    ``f_n(r)`` is proportional to ``J_N(x_n r)`` with the zeros ``0 <= x_0 < x_1 < ...`` of ``J_N'`` (x = 0, the
    constant, for N = 0 only): the eigenfunctions of the Laplacian on the disk whose normal derivative vanishes at
    r = 1, normalized to ``int_0^1 f_n^2 r dr = 1`` and positive as r -> 0+.  Unlike Fourier-Bessel functions they
    do not force images to zero at the edge of the disk (Watson, Theory of Bessel Functions, section 18.3, H = 0).

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
    zeros : ndarray, shape (count,)
        The x_n, ascending.
    coordinates : ndarray, shape (count, size)
        Coordinates in the orthonormal radial Zernike functions of the same angular order.

    Raises
    ------
    TypeError
        Order or count not an integer.
    ValueError
        Negative order, count below 1.

    Examples
    --------
    >>> from pswf import DiniBessel
    >>> DiniBessel(3, 1).zeros.round(4)
    array([1.8412, 5.3314, 8.5363])
    """

    def __init__(self, count: int, angular_order: int = 0) -> None:
        self.count = check_count(count)
        self.angular_order = check_order(angular_order)
        # the last zero lies beyond pi times the count, and its coordinates reach half as far
        check_memory(self.count**2, f"the coordinates of {self.count} functions", "give a smaller count")
        self.zeros = derivative_zeros(self.angular_order, self.count)

    @cached_property
    def coordinates(self) -> Array:
        """Coordinates in the radial Zernike functions, shape (count, size)."""
        if self.angular_order > 0:
            return bessel_coordinates(self.angular_order, self.zeros)
        # the constant is q_0 itself
        rest = bessel_coordinates(0, self.zeros[1:]) if self.count > 1 else np.empty((0, 1))
        coordinates = np.zeros((self.count, rest.shape[1]))
        coordinates[0, 0] = 1.0
        coordinates[1:] = rest
        return coordinates

    def __repr__(self) -> str:
        return f"DiniBessel({self.count}, {self.angular_order})"


def derivative_zeros(order: int, count: int) -> Array:
    """Return the first ``count`` zeros of J_N', ascending, shape (count,); 0 counts as one for N = 0 only."""
    if order == 0:
        # J_0' = -J_1
        return np.concatenate([[0.0], bessel_zeros(1, count)])[:count]
    zeros = np.empty(count)
    _derivative_zeros(order, bessel_zeros(order, count), zeros)
    return zeros


@jit
def _derivative_zeros(order: int, above: Any, zeros: Any) -> None:
    """Fill in the zeros of J_N', one below each zero ``above`` of J_N, by Newton's iteration kept in its bracket.

    With u = J_{N+1} / J_N the condition is ``N/x = u``, and Bessel's equation gives the second derivative.
    """
    pair = np.empty(2)
    for i in range(len(zeros)):
        high = above[i]
        low = float(order) if i == 0 else above[i - 1]
        x = 0.5 * (low + high)
        # J_N' is positive below the first of its zeros, negative above it, and so on in turn
        for _ in range(100):
            _miller(order, x, pair)
            slope = order / x * pair[0] - pair[1]
            if (slope > 0.0) == (i % 2 == 0):
                low = x
            else:
                high = x
            curvature = -slope / x - (1.0 - (order / x) ** 2) * pair[0]
            step = slope / curvature
            after = x - step
            if not low < after < high:
                after = 0.5 * (low + high)
            if abs(after - x) <= 4e-16 * x:
                break
            x = after
        zeros[i] = x
