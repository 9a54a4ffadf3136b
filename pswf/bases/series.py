"""What the bases of the package share: functions given by their coordinates in the radial Zernike functions."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from pswf.checks import check_unit_interval

__all__ = ["ZernikeSeries"]

Array = npt.NDArray[np.float64]


class ZernikeSeries(ABC):
    """Radial functions of one angular order N, ``f_n(r) = sum_k coordinates[n, k] q_k(r)``.

    ``q_k(r) = (2 (2k+N+1))^(1/2) r^N P_k^(N,0)(1 - 2 r^2)`` are orthonormal, so the functions are orthonormal if
    and only if the rows of ``coordinates`` are.

    Attributes
    ----------
    angular_order : int
        N >= 0.
    count : int
        Number of functions.
    """

    angular_order: int
    count: int

    @property
    @abstractmethod
    def coordinates(self) -> Array:
        """Coordinates in the radial Zernike functions, shape (count, size)."""

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
        values = combine(self.angular_order, self.coordinates, points.ravel(), derivative=derivative)
        return values.reshape(self.count, *points.shape)
