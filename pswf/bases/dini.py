"""Dini-Bessel functions on the disk, one angular order at a time."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pswf.arrays import Array
from pswf.bases.series import CountedSeries

__all__ = ["DiniBessel"]


class DiniBessel(CountedSeries):
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
        N; the functions of -N are those of N.

    Raises
    ------
    TypeError
        Order or count not an integer.
    ValueError
        An order beyond 10^6, count below 1, or more coordinates than the machine has memory for.

    Examples
    --------
    >>> from pswf import DiniBessel
    >>> DiniBessel(3, 1).zeros.round(4)
    array([1.8412, 5.3314, 8.5363])
    """

    @cached_property
    def zeros(self) -> Array:
        """The zeros of J_N', ascending, shape (count,)."""
        from pswf.bessel import derivative_zeros

        return derivative_zeros(self._order, self.count)

    @cached_property
    def coordinates(self) -> Array:
        """Coordinates in the radial Zernike functions, shape (count, size)."""
        from pswf.bessel import bessel_coordinates

        if self._order > 0:
            return bessel_coordinates(self._order, self.zeros)
        # the constant is q_0 itself
        rest = bessel_coordinates(0, self.zeros[1:]) if self.count > 1 else np.empty((0, 1))
        coordinates = np.zeros((self.count, rest.shape[1]))
        coordinates[0, 0] = 1.0
        coordinates[1:] = rest
        return coordinates
