"""Fourier-Bessel functions on the disk, one angular order at a time."""

from __future__ import annotations

from functools import cached_property

from pswf.arrays import Array
from pswf.bases.series import CountedSeries

__all__ = ["FourierBessel"]


class FourierBessel(CountedSeries):
    r"""Fourier-Bessel functions ``f_n`` of one angular order N, for n = 0, 1, ..., count - 1.

    ``f_n(r) = 2^(1/2) J_N(j_{N,n+1} r) / |J_{N+1}(j_{N,n+1})|`` with the positive zeros ``j_{N,1} < j_{N,2} < ...``
    of J_N: the eigenfunctions of the Laplacian on the disk that vanish at r = 1, normalized to
    ``int_0^1 f_n^2 r dr = 1`` and positive as r -> 0+.

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

    Notes
    -----
    By Nijboer's ``int_0^1 q_k(r) J_N(x r) r dr = (2 (2k+N+1))^(1/2) J_{N+2k+1}(x) / x`` (Born and Wolf, Principles
    of Optics, section 9.2) one backward recurrence gives all the coordinates of a function, and their norm the
    factor in front.

    Examples
    --------
    >>> from pswf import FourierBessel
    >>> FourierBessel(3).zeros.round(4)
    array([2.4048, 5.5201, 8.6537])
    """

    @cached_property
    def zeros(self) -> Array:
        """The zeros ``j_{N,n+1}``, ascending, shape (count,): f_n oscillates ``j_{N,n+1} / 2 pi`` times per radius."""
        from pswf.bessel import bessel_zeros

        return bessel_zeros(self._order, self.count)

    @cached_property
    def coordinates(self) -> Array:
        """Coordinates in the radial Zernike functions, shape (count, size)."""
        from pswf.bessel import bessel_coordinates

        return bessel_coordinates(self._order, self.zeros)
