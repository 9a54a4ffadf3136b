"""Multiprecision truth for the prolate functions, in ball arithmetic, from the definitions alone.

The commuting operator is tridiagonal in the Zernike functions.  Here it is solved with as many digits as 1 - lambda
has zeros, so that plain subtraction gives the leakage and plain summation gives the value at the edge, however
small both are; nothing is shared with the package.  `Truth.integral_residual` checks it against the integral equation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, ctx
from scipy.linalg import eigh_tridiagonal

_BITS = math.log2(10.0)


class _Digits:
    """Work with at least so many decimal digits."""

    def __init__(self, digits: int) -> None:
        self.bits = int(digits * _BITS) + 64

    def __enter__(self) -> None:
        self.before = ctx.prec
        ctx.prec = self.bits

    def __exit__(self, *_: object) -> None:
        ctx.prec = self.before


@dataclass(frozen=True)
class Truth:
    """One radial prolate function: chi, ln lambda, ln(1 - lambda), ln|R(1)| and the Zernike coordinates."""

    bandlimit: float
    order: float
    n: int
    digits: int
    chi: float
    log_lambda: float
    log_leakage: float
    log_edge: float
    d: list[Any]
    edge_sign: int = 1

    @property
    def log_gamma(self) -> float:
        """Return ln|gamma|, to the last digit of a double."""
        return 0.5 * (self.log_lambda - math.log(self.bandlimit))

    def values(self, radii: Any, digits: int = 40) -> tuple[list[Any], list[Any]]:
        """Return R and R' at the radii; the error is 10**-digits of the largest term."""
        N = self.order
        with _Digits(digits):
            b, a = _square(N, len(self.d) + 1)
            values, slopes = [], []
            # the tail that the leakage needs is far below what the values can feel
            last = max(k for k, d in enumerate(self.d) if abs(d) > arb(10) ** (-digits - 10))
            coordinates = [_mid(d * 1) for d in self.d[: last + 1]]
            for r in radii:
                x = arb(float(r))
                square = x * x
                before, q = arb(0), (arb(2 * N + 2)).sqrt() * x**N
                dbefore = arb(0)
                dq = arb(2 * N + 2).sqrt() * N * x ** (N - 1) if N else arb(0)
                total = slope = arb(0)
                for k, d in enumerate(coordinates):
                    total += d * q
                    slope += d * dq
                    over = a[k + 1]
                    after = ((square - b[k]) * q - a[k] * before) / over
                    dafter = ((square - b[k]) * dq + 2 * x * q - a[k] * dbefore) / over
                    before, q, dbefore, dq = q, _mid(after), dq, _mid(dafter)
                values.append(_mid(total))
                slopes.append(_mid(slope))
            return values, slopes

    def integral_residual(self, r: float) -> float:
        """Return ``|beta R(r) - int_0^1 J_N(c r s) R(s) s ds| / |beta| / max(1, |R(r)|)``, by another formula.

        ``int_0^1 q_k(s) J_N(w s) s ds = h_k J_{N+2k+1}(w) / w``, with flint's Bessel functions.
        """
        N, digits = self.order, self.digits + max(0, int(-self.log_lambda / 2.3)) + 20
        with _Digits(digits):
            w = arb(self.bandlimit) * arb(r)
            total = arb(0)
            for k, d in enumerate(self.d):
                total += d * arb(2 * (2 * k + N + 1)).sqrt() * w.bessel_j(arb(N + 2 * k + 1)) / w
            value = self.values([r], digits)[0][0]
            beta = (arb(self.log_lambda) / 2).exp() / arb(self.bandlimit) * (-1) ** self.n
            return abs(float((total - beta * value) / beta)) / max(1.0, abs(float(value)))


def _mid(x: Any) -> Any:
    return x.mid()


def _square(N: float, size: int) -> tuple[list[Any], list[Any]]:
    """Return the diagonals of multiplication by r^2 in the Zernike functions."""
    b = [arb(1) / 2 if N == 0 else (1 + arb(N * N) / ((2 * k + N) * (2 * k + N + 2))) / 2 for k in range(size)]
    a = [arb(0)] + [-arb(k * (k + N)) / ((2 * k + N) * arb((2 * k + N) ** 2 - 1).sqrt()) for k in range(1, size)]
    return b, a


def _twisted(t: list[Any], a: list[Any], chi: Any, twist: int) -> tuple[list[Any], Any]:
    """Return the vector that is 1 at ``twist`` and solves all rows but that one, and the Rayleigh correction."""
    size = len(t)
    down = [t[0] - chi]
    for k in range(1, twist):
        down.append(_mid(t[k] - chi - a[k] * a[k] / down[-1]))
    up = {size - 1: t[size - 1] - chi}
    for k in range(size - 2, twist, -1):
        up[k] = _mid(t[k] - chi - a[k + 1] * a[k + 1] / up[k + 1])
    z = [arb(0)] * size
    z[twist] = arb(1)
    for k in range(twist - 1, -1, -1):
        z[k] = _mid(-a[k + 1] * z[k + 1] / down[k])
    for k in range(twist + 1, size):
        z[k] = _mid(-a[k] * z[k - 1] / up[k])
    residual = t[twist] - chi
    if twist > 0:
        residual += a[twist] * z[twist - 1]
    if twist < size - 1:
        residual += a[twist + 1] * z[twist + 1]
    norm = arb(0)
    for x in z:
        norm += x * x
    norm = _mid(norm)
    return z, _mid(residual / norm)


def _size(c: float, N: float, n: int, digits: int) -> int:
    """Return a size at which the coordinates have fallen below 10**-digits."""
    top = min(2 * c * (2 * n + N + 1), (N + 2 * n + 1) ** 2 + c * c) + (N + 2 * n + 2) ** 2
    m, fall, weighted, least = math.sqrt(top), 0.0, 0.0, 0.0
    while min(fall, weighted - least) < (digits + 20) * math.log(10.0):
        m += 2.0
        # the decaying solution of -c^2/4 (d_{k-1} + d_{k+1}) + (m^2 + c^2 / 2 - chi) d_k = 0, and its product with
        # the weight C(k+N, k) of d_k at r = 0
        rate = 2.0 * math.asinh(math.sqrt(max(m * m - top, 0.0)) / c)
        fall += rate
        weighted += rate - math.log1p(N / (0.5 * (m - N) + 1.0))
        least = min(least, weighted)
    return max(int((m - N) / 2) + 12, n + 12)


def _zeros_of_leakage(c: float, N: float, chi: float) -> int:
    """Return about the number of decimal zeros of 1 - lambda, ``2 int kappa dr`` through the outer barrier."""
    r = np.sin(0.5 * np.pi * (np.arange(4000) + 0.5) / 4000)
    barrier = c * c * r**2 + max(N * N - 0.25, 0.0) / r**2 - chi
    outer = (r * r * r * r * c * c > max(N * N - 0.25, 0.0)) & (barrier > 0.0)
    return int(2.0 * np.sqrt(barrier[outer]).sum() * 0.5 * np.pi / 4000 / math.log(10.0))


def truth(c: float, N: float, n: int, *, digits: int = 30, edge: bool = True) -> Truth:
    """Return the mode (N, n) of bandlimit c; every number has ``digits`` digits, however small it is.

    Without ``edge`` those that may be very small, 1 - lambda and R(1), are not known.
    """
    if not edge:
        return _truth(c, N, n, digits, 0)
    k = np.arange(_size(c, N, n, 20), dtype=np.float64)
    m = N + 2 * k
    b = 0.5 * (1.0 + N * N / np.maximum(m * (m + 2.0), 1.0))
    a = 2.0 * c * c * k * (k + N) / np.maximum(2.0 * m * np.sqrt(np.maximum(m * m - 1.0, 1.0)), 1.0)
    start = eigh_tridiagonal((m + 0.5) * (m + 1.5) + c * c * b, a[1:], True, select="i", select_range=(n, n))
    zeros = _zeros_of_leakage(c, N, float(start[0]))
    return _truth(c, N, n, digits, zeros + zeros // 20 + 10)


def _truth(c: float, N: float, n: int, digits: int, leakage_digits: int) -> Truth:
    working = digits + leakage_digits + 15
    size = _size(c, N, n, working)
    chi, d, start = None, [], None
    precision = 40
    while True:
        with _Digits(precision):
            b, a = _square(N, size)
            c2 = arb(c) * arb(c)
            t = [_mid(arb(2 * N + 4 * k + 1) * (2 * N + 4 * k + 3) / 4 + c2 * b[k]) for k in range(size)]
            a = [_mid(c2 * x) for x in a]
            if chi is None:
                diagonal, off = np.array([float(x) for x in t]), np.array([float(x) for x in a[1:]])
                start, vector = eigh_tridiagonal(diagonal, off, select="i", select_range=(n, n))
                chi, twist = arb(float(start[0])), int(np.argmax(np.abs(vector[:, 0])))
            for _ in range(12):
                d, step = _twisted(t, a, chi, twist)
                chi = _mid(chi + step)
                if abs(float(step)) == 0.0 or abs(step) < abs(chi) * arb(10) ** (-(precision // 2)):
                    break
        if precision >= working:
            break
        precision = min(working, 3 * precision // 1)
    with _Digits(working):
        # the last step was below the square root of the precision; one more is exact
        for _ in range(2):
            d, step = _twisted(t, a, chi, twist)
            chi = _mid(chi + step)
        assert abs(step) < abs(chi) * arb(10) ** (-working + 8)
        norm = arb(0)
        for x in d:
            norm += x * x
        norm = _mid(norm.sqrt())
        # the limit r -> 0 of the integral equation: beta R / r^N -> (c/2)^N / N! <r^N, R>
        centre = edge = arb(0)
        weight = arb(1)
        for k, x in enumerate(d):
            h = arb(2 * (2 * k + N + 1)).sqrt()
            centre += x * h * weight
            edge += -x * h if k % 2 else x * h
            weight = _mid(weight * (k + 1 + N) / (k + 1))
        centre, edge = _mid(centre / norm), _mid(edge / norm)
        sign = 1 if centre > 0 else -1
        d = [_mid(sign * x / norm) for x in d]
        beta = d[0] / arb(2 * N + 2).sqrt() / (sign * centre)
        # (c/2)^N / N!, N a whole number or half of an odd one
        rest = arb(N % 1)
        beta = _mid(beta * (arb(c) / 2) ** rest / (1 + rest).gamma())
        for i in range(1, int(N) + 1):
            beta = _mid(beta * arb(c) / (2 * (i + rest)))
        lam = (arb(c) * beta) ** 2
        leakage = 1 - lam
        if leakage_digits:
            assert abs(leakage) > arb(10) ** (-working + digits // 2), "more digits are needed"
        else:
            leakage = arb("nan")
        return Truth(
            c,
            N,
            n,
            working,
            float(chi),
            float(lam.log()),
            float(leakage.log()),
            float(abs(edge).log()),
            d,
            1 if sign * edge > 0 else -1,
        )


_QUANTITIES = ("gamma", "leakage", "R", "R'", "R(1)")


def errors(c: float, N: int, n: int, radii: Any) -> dict[str, float]:
    """Return how far `pswf.PSWF` is from the truth in one mode.

    gamma, 1 - lambda and R(1) relatively (the last two by their logarithms), R and R' by their largest values.
    """
    from pswf import PSWF
    from pswf.radial import combine

    exact = truth(c, N, n)
    basis = PSWF(c, N, count=n + 1)
    points = np.array([0.0, 1e-9, 1.0, *radii])
    values, slopes = exact.values(points)
    # only the scale: sampled where the functions are largest, the turning points and the edges
    turn = min(1.0, N / c)
    steps = np.geomspace(1e-7, 1.0, 400)
    grid = np.concatenate([steps, 1.0 - 0.9999 * steps, np.clip(turn + (1.0 - turn) * steps, 0.0, 1.0), points])
    row = basis.coordinates[n : n + 1]
    scale = np.abs(combine(N, row, grid)).max()
    slope_scale = np.abs(combine(N, row, grid, derivative=True)).max()
    got, got_slopes = basis.evaluate(points)[n], basis.derivative(points)[n]
    log_gamma = 0.5 * (basis.log_concentration[n] - math.log(c))
    if abs(basis.gamma[n]) > 2.3e-308:
        log_gamma = math.log(abs(basis.gamma[n]))
    allowed = 4e-16 * abs(exact.log_gamma) if abs(exact.log_gamma) > 700.0 else 0.0
    edge = got[2]
    return {
        "gamma": max(abs(log_gamma - exact.log_gamma) - allowed, 0.0),
        "leakage": abs(basis.log_leakage[n] - exact.log_leakage),
        "R": max(abs(float(a - b)) for a, b in zip(values, got.tolist(), strict=True)) / scale,
        "R'": max(abs(float(a - b)) for a, b in zip(slopes, got_slopes.tolist(), strict=True)) / slope_scale,
        # below the range of normal doubles it has fewer digits, or is 0
        "R(1)": abs(math.log(abs(edge)) - exact.log_edge) if exact.log_edge > -708.0 else float(abs(edge) > 4e-308),
    }


def draw(rng: np.random.Generator) -> tuple[float, int, int, list[float]]:
    """Draw c in [1e-3, 3000], N in [0, 3000], n from 0 to far beyond the plunge, and radii."""
    kind = rng.integers(4)
    c = math.exp(rng.uniform(math.log(1e-3), math.log(3000.0))) if kind == 0 else rng.uniform(1e-3, 3000.0)
    which = rng.integers(4)
    if which == 0:
        N = int(rng.integers(6))
    elif which == 1:
        N = int(rng.integers(3001))
    elif which == 2:
        N = int(min(3000, rng.integers(int(c) + 2)))
    else:
        N = int(min(3000, max(0, round(c - abs(rng.normal()) * 3.0 * c ** (1 / 3)))))
    plunge = (math.sqrt(c * c - N * N) - N * math.acos(N / c)) / math.pi if c > N else 0.0
    n = [0, rng.integers(int(plunge) + 2), plunge + rng.normal() * 5.0, rng.integers(int(1.3 * plunge) + 60)][
        rng.integers(4)
    ]
    turn = min(1.0, N / c)
    radii = [*rng.uniform(0.0, 1.0, 3), turn, turn + (1.0 - turn) * rng.uniform(), 1.0 - 10.0 ** rng.uniform(-12, -1)]
    return float(c), N, max(0, int(n)), radii
