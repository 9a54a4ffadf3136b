"""Multiprecision truth for the prolate functions, from the definitions alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.linalg import eigh_tridiagonal


@dataclass(frozen=True)
class ExactProlate:
    """One radial prolate function with many digits."""

    bandlimit: float
    order: int
    d: list[Any]
    beta: Any
    digits: int

    @property
    def gamma(self) -> Any:
        with mp.workdps(self.digits):
            return mp.sqrt(mpf(self.bandlimit)) * self.beta

    @property
    def log_concentration(self) -> float:
        return float(2 * mp.log(abs(self.bandlimit * self.beta)))

    @property
    def leakage(self) -> Any:
        """1 - lambda, right as long as it is well above 10**-digits."""
        with mp.workdps(self.digits):
            return 1 - (mpf(self.bandlimit) * self.beta) ** 2

    def __call__(self, r: float) -> Any:
        """Return R(r)."""
        with mp.workdps(self.digits):
            r2 = mpf(r) ** 2
            before, q = mpf(0), mp.sqrt(2 * self.order + 2) * mpf(r) ** self.order
            total = mpf(0)
            for k, d in enumerate(self.d):
                total += d * q
                before, q = q, ((r2 - _b(self.order, k)) * q - _a(self.order, k) * before) / _a(self.order, k + 1)
            return total


def _b(N: int, k: int) -> Any:
    return mpf(1) / 2 if N == 0 else (1 + mpf(N * N) / ((2 * k + N) * (2 * k + N + 2))) / 2


def _a(N: int, k: int) -> Any:
    return mpf(0) if k == 0 else -mpf(k * (k + N)) / ((2 * k + N) * mp.sqrt((2 * k + N) ** 2 - 1))


def _solve(t: list[Any], a: list[Any], shift: Any, right: list[Any]) -> list[Any]:
    """Solve (T - shift) x = right for the symmetric tridiagonal T."""
    size = len(t)
    pivot, x = [t[0] - shift], [right[0]]
    for k in range(1, size):
        factor = a[k] / pivot[k - 1]
        pivot.append(t[k] - shift - factor * a[k])
        x.append(right[k] - factor * x[k - 1])
    x[-1] /= pivot[-1]
    for k in range(size - 2, -1, -1):
        x[k] = (x[k] - a[k + 1] * x[k + 1]) / pivot[k]
    return x


def _bessel_ladder(last: int, x: Any) -> list[Any]:
    """Return J_0(x), ..., J_last(x) by Miller's backward recurrence."""
    values = [mpf(0), mpf(1)]
    for m in range(last + 2 * mp.dps, 0, -1):
        values.append(2 * m / x * values[-1] - values[-2])
    values.reverse()
    total = values[0] + 2 * mp.fsum(values[2::2])
    return [value / total for value in values[: last + 1]]


def _exact_prolate(c: float, N: int, n: int, digits: int) -> ExactProlate:
    size = n + 60 + int(0.75 * c + 12 * c ** (1 / 3)) + digits
    with mp.workdps(digits + 15):
        c2 = mpf(c) ** 2
        t = [(N + 2 * k + mpf(1) / 2) * (N + 2 * k + mpf(3) / 2) + c2 * _b(N, k) for k in range(size)]
        a = [c2 * _a(N, k) for k in range(size)]
        diagonal, off = np.array([float(x) for x in t]), np.array([float(x) for x in a[1:]])
        start, vector = eigh_tridiagonal(diagonal, off, select="i", select_range=(n, n))
        chi, d = mpf(float(start[0])), [mpf(float(x)) for x in vector[:, 0]]
        for _ in range(20):
            # Rayleigh quotient iteration triples the digits at every step
            d = _solve(t, a, chi, d)
            norm = mp.sqrt(mp.fsum(x * x for x in d))
            d = [x / norm for x in d]
            residual = [(t[k] - chi) * d[k] for k in range(size)]
            for k in range(1, size):
                residual[k] += a[k] * d[k - 1]
                residual[k - 1] += a[k] * d[k]
            step = mp.fsum(x * y for x, y in zip(residual, d, strict=True))
            chi += step
            if abs(step) < abs(chi) * mpf(10) ** (-digits - 8):
                break
        d = _solve(t, a, chi, d)
        norm = mp.sqrt(mp.fsum(x * x for x in d))
        d = [x / norm for x in d]
        # the integral equation at r = 1, with int_0^1 q_k(s) J_N(c s) s ds = h_k J_{N+2k+1}(c) / c and q_k(1) = +-h_k
        h = [mp.sqrt(2 * (2 * k + N + 1)) for k in range(size)]
        bessel = _bessel_ladder(N + 2 * size, mpf(c))
        beta = mp.fsum(d[k] * h[k] * bessel[N + 2 * k + 1] for k in range(size)) / mpf(c)
        beta /= mp.fsum(d[k] * h[k] * (-1) ** k for k in range(size))
        # the same equation as r -> 0: beta R(r) / r^N has the sign of d_0
        sign = mp.sign(beta) * mp.sign(d[0])
        d = [sign * x for x in d]
        return ExactProlate(c, N, d, beta, digits)


@pytest.fixture(scope="session")
def exact_prolate() -> Callable[..., ExactProlate]:
    """Return ``exact_prolate(c, N, n, digits)``: R, beta and 1 - lambda in multiprecision arithmetic."""
    return _exact_prolate
