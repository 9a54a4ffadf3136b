"""Polynomials on the disk that vanish at its edge, a radial basis for pswf."""

from dataclasses import dataclass

import numpy as np
from scipy.special import eval_jacobi


@dataclass(frozen=True)
class ClampedPolynomials:
    """``f_n(r) = h_n r^N (1 - r^2) P_n^(N,2)(1 - 2 r^2)``, n < count, of one angular order N."""

    count: int
    angular_order: int = 0

    def evaluate(self, r):
        """Return the functions at r in [0, 1], shape (count, *r.shape)."""
        r = np.asarray(r, dtype=float)
        N, n = self.angular_order, np.arange(self.count).reshape(-1, *[1] * r.ndim)
        h = np.sqrt(2 * (2 * n + N + 3) * (n + N + 1) * (n + N + 2) / ((n + 1) * (n + 2)))
        return h * r**N * (1 - r**2) * eval_jacobi(n, N, 2, 1 - 2 * r**2)


@dataclass(frozen=True)
class ClampedFamily:
    """Those of all orders, as many as belong to a band c: degree ``N + 2 n + 2 <= c / sqrt(2)``."""

    bandlimit: float

    def __call__(self, angular_order):
        """Return the functions of one order, or None where there are no more."""
        degree = max(2, round(self.bandlimit / np.sqrt(2)))
        count = (degree - angular_order) // 2
        return ClampedPolynomials(count, angular_order) if count > 0 else None
