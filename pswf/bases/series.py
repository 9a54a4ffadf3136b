"""What the bases of the package share: functions given by their coordinates in the radial Zernike functions."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy.typing as npt

from pswf.arrays import Array
from pswf.checks import check_count, check_memory, check_order, check_unit_interval

__all__ = ["CountedSeries", "ZernikeSeries"]


class ZernikeSeries(ABC):
    """Radial functions of one angular order N, ``f_n(r) = sum_k coordinates[n, k] q_k(r)``.

    ``q_k(r) = (2 (2k+N+1))^(1/2) r^N P_k^(N,0)(1 - 2 r^2)`` are orthonormal, so the functions are orthonormal if
    and only if the rows of ``coordinates`` are.  ``angular_order`` is N, ``count`` the number of functions.  Those of
    -N are those of N: on the disk ``f_n(r) exp(-i N theta)`` is the complex conjugate.

    Two are equal, and have one hash, where they are of one kind and hold the same functions.
    """

    angular_order: int
    count: int

    @property
    @abstractmethod
    def coordinates(self) -> Array:
        """Coordinates in the radial Zernike functions, shape (count, size)."""

    @property
    def _order(self) -> int:
        """The absolute value of N, which the radial functions depend on."""
        return abs(self.angular_order)

    @abstractmethod
    def _key(self) -> tuple[float, ...]:
        """Return the numbers that the functions are made from."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def evaluate(self, r: npt.ArrayLike) -> Array:
        """Return the functions at ``r``.

        Parameters
        ----------
        r : array_like
            Dimensionless, 0 <= r <= 1.

        Returns
        -------
        ndarray, shape (count, *r.shape)

        Raises
        ------
        TypeError
            An r that is not real.
        ValueError
            An r outside [0, 1] or not finite.
        """
        return self._combine(r, derivative=False)

    def derivative(self, r: npt.ArrayLike) -> Array:
        """Return the derivatives with respect to r at ``r``, arguments and shape as in `evaluate`."""
        return self._combine(r, derivative=True)

    def _combine(self, r: npt.ArrayLike, *, derivative: bool) -> Array:
        from pswf.radial import combine

        points = check_unit_interval(r)
        values = combine(self._order, self.coordinates, points.ravel(), derivative=derivative)
        return values.reshape(self.count, *points.shape)


class CountedSeries(ZernikeSeries):
    """The first ``count`` functions of an angular order: the constructor of the bases that need to know no more."""

    def __init__(self, count: int, angular_order: int = 0) -> None:
        self.count = check_count(count)
        self.angular_order = check_order(angular_order)
        # a function n has about as many coordinates as n, or more
        check_memory(self.count**2, f"the coordinates of {self.count} functions", "give a smaller count")

    def _key(self) -> tuple[float, ...]:
        return self.count, self.angular_order

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.count}, {self.angular_order})"
