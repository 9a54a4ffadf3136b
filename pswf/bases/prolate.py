"""Prolate spheroidal wave functions on the disk, one angular order at a time."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.bases.series import ZernikeSeries
from pswf.checks import check_bandlimit, check_count, check_order, check_positive

if TYPE_CHECKING:
    from pswf.spectrum import Modes

__all__ = ["DEFAULT_TRUNCATION", "PAPER_TRUNCATION", "PSWF"]


DEFAULT_TRUNCATION = 1.0
"""Truncation where neither a count nor a truncation is given: functions with more than half of their energy inside."""

PAPER_TRUNCATION = 1e-3
"""Truncation of Landa and Shkolnisky, and of the authors of the surrogate centre of mass.

It keeps functions that hardly live on the disk; for reproduction only, see `pswf.AngularZero`."""


class PSWF(ZernikeSeries):
    r"""Radial prolate functions ``R_{N,n}`` of one angular order N, for n = 0, 1, ..., count - 1.

    The eigenfunctions ``psi_{N,n}(r, theta) = R_{N,n}(r) exp(i N theta) / sqrt(2 pi)`` of the Fourier transform
    restricted to the unit disk, ``int_{|y|<=1} psi(y) exp(i c <x, y>) dy = alpha psi(x)`` (equation P.1 of
    docs/mathematics.md): among all functions on the disk they are the ones whose energy is most concentrated in the
    band of radius c.

    Parameters
    ----------
    bandlimit : float
        c > 0, dimensionless: radius of the band times radius of the disk (``pi * R`` for a disk of R pixels at
        the Nyquist frequency).
    angular_order : int, optional
        N; the functions and all numbers of -N are those of N, with ``psi_{-N,n} = conj(psi_{N,n})``.
    count : int, optional
        Number of functions.
    truncation : float, optional
        Keep the functions with ``sqrt(lambda / (1 - lambda)) > truncation`` (Landa and Shkolnisky, Appl. Comput.
        Harmon. Anal. 43 (2017) 381).  With ``count`` as well, at most ``count`` of them.  With neither, 1: the
        functions with more than half of their energy on the disk.

    Raises
    ------
    TypeError
        Order or count not an integer.
    ValueError
        Bandlimit not in [1e-70, 1e6], order not in [-1e6, 1e6], count below 1, truncation not positive, or so large
        that no function is left; more functions than the machine has memory for.

    Notes
    -----
    The sign convention is ``R > 0`` as r -> 0+.  Measured against multiprecision, on 2,000 modes drawn over c in
    [1e-3, 3000], N in [0, 3000], every n to far beyond the plunge and r in [0, 1], 0 and 1 included
    (``python -m benchmarks.spectra_sweep``), the worst errors were: gamma 1.4e-13, relatively (c = 2983, N = 2955,
    n = 0); 1 - lambda 3.6e-12, relatively (c = 2823, N = 3, n = 0, where it is 1e-2436); R 6e-14 of its largest
    value (c = 2414, N = 1399, n = 0); R' 1.6e-12 of its largest (c = 1508, N = 361, n = 0); R(1), relatively,
    1.6e-12 (c = 2631, N = 1502, n = 0).  The tests draw others and allow 1e-12, 1e-9, 1e-12, 1e-11 and 1e-9.
    A gamma or an R(1) below 2e-308 has fewer digits.

    Examples
    --------
    >>> from pswf import PSWF
    >>> basis = PSWF(5.0, count=3)
    >>> basis.evaluate([0.0, 0.5, 1.0]).shape
    (3, 3)
    """

    def __init__(
        self,
        bandlimit: float,
        angular_order: int = 0,
        *,
        count: int | None = None,
        truncation: float | None = None,
    ) -> None:
        from pswf.spectrum import solve

        self.bandlimit = check_bandlimit(bandlimit)
        self.angular_order = check_order(angular_order)
        wanted = None if count is None else check_count(count)
        if truncation is not None:
            check_positive(truncation, "truncation")
        elif wanted is None:
            truncation = DEFAULT_TRUNCATION
        c, N = self.bandlimit, self._order
        self._set(solve(c, N, likely_count(c, N) if wanted is None else wanted))
        if truncation is not None:
            while (kept := self._count_above(truncation)) == self.count and wanted is None:
                self._set(solve(c, N, 2 * self.count))
            if kept == 0:
                raise ValueError(
                    f"truncation {truncation!r} leaves no function of order {N} at bandlimit {c:.6g}; give a smaller "
                    "truncation"
                )
            self._keep(kept)

    def _set(self, modes: Modes) -> None:
        self._modes = modes
        self.count = len(modes.chi)
        self.__dict__.pop("_logs", None)
        self.__dict__.pop("_log_edges", None)

    def _count_above(self, truncation: float) -> int:
        from pswf.concentration import DIRECT_LIMIT, direct_leakage

        log_concentration = self._modes.log_concentration
        if truncation <= DIRECT_LIMIT:
            ratio = log_concentration - direct_leakage(log_concentration)
        else:
            ratio = self.log_concentration - self.log_leakage
        return int(np.count_nonzero(ratio > 2.0 * math.log(truncation)))

    def _keep(self, count: int) -> None:
        logs, edges = self.__dict__.get("_logs"), self.__dict__.get("_log_edges")
        self._set(self._modes.first(count))
        if logs is not None:
            self._logs = logs[0][:count], logs[1][:count]
        if edges is not None:
            self._log_edges = edges[:count]

    @cached_property
    def _log_edges(self) -> Array:
        """ln|R(1)|, shape (count,)."""
        from pswf.edge import log_edges

        bandlimits = np.full(self.count, self.bandlimit)
        return log_edges(bandlimits, self._order, self._modes.gap, self._modes.coordinates)

    @cached_property
    def _logs(self) -> tuple[Array, Array]:
        from pswf.concentration import log_spectrum

        return log_spectrum(self.bandlimit, self._order, self._modes, lambda: self._log_edges)

    @property
    def chi(self) -> Array:
        """Eigenvalues of the commuting differential operator, ascending, shape (count,)."""
        return self._modes.chi

    @property
    def log_concentration(self) -> Array:
        """Ln lambda, shape (count,).

        ``lambda = c gamma^2`` in (0, 1) is the part of the energy of the band-limited function that lies on the disk.
        """
        return self._logs[0]

    @property
    def log_leakage(self) -> Array:
        """Ln(1 - lambda), shape (count,), with relative accuracy however small 1 - lambda is."""
        return self._logs[1]

    @property
    def gamma(self) -> Array:
        """Eigenvalues of ``gamma R(r) = int_0^1 J_N(c r s) R(s) sqrt(c) s ds``, shape (count,); real, of sign (-1)^n.

        For a negative order it is J_{-N}: then alpha is ``2 pi i^{-N} gamma / sqrt(c)``, the same number.
        One below 1e-308 is returned as 0; `log_concentration` still holds it.
        """
        sign = 1.0 - 2.0 * (np.arange(self.count) % 2)
        return np.asarray(sign * np.exp(0.5 * (self.log_concentration - math.log(self.bandlimit))))

    @property
    def alpha(self) -> npt.NDArray[np.complex128]:
        """Eigenvalues of the Fourier transform on the disk, ``2 pi i^|N| gamma / sqrt(c)``, shape (count,)."""
        phase = (1, 1j, -1, -1j)[self._order % 4]
        return np.asarray(2.0 * np.pi * phase * self.gamma / math.sqrt(self.bandlimit), dtype=np.complex128)

    @property
    def coordinates(self) -> Array:
        """Coordinates in the radial Zernike functions, shape (count, size); those below 1e-308 are 0."""
        return self._modes.coordinates

    def _combine(self, r: npt.ArrayLike, *, derivative: bool) -> Array:
        from pswf.radial import TABLE_ENTRIES

        values = super()._combine(r, derivative=derivative)
        points = np.asarray(r, dtype=np.float64).ravel()
        z = (1.0 - points) * (1.0 + points)
        near = np.flatnonzero(z <= min(0.1, 1.0 / self.bandlimit))
        # functions that decay towards the edge, and their slopes, are lost in the sum close to it
        small = np.flatnonzero(self._modes.gap > 2.0 * self._order)
        if len(near) and len(small):
            flat = values.reshape(self.count, -1)
            # blocks bound the memory
            block = max(1, TABLE_ENTRIES // len(small))
            for start in range(0, len(near), block):
                part = near[start : start + block]
                where = np.ix_(small, part)
                flat[where] = self._at_the_edge(small, z[part], flat[where], derivative)
        return values

    def _at_the_edge(self, functions: npt.NDArray[np.intp], z: Array, values: Array, derivative: bool) -> Array:
        """Return the values, with those replaced that the series at the edge knows better."""
        from pswf.edge import edge_functions

        N, gap = self._order, self._modes.gap[functions]
        u, slope = edge_functions(N, self.bandlimit, gap, z)
        edge = (1.0 - 2.0 * (functions % 2)) * np.exp(self._log_edges[functions])
        result = edge[:, np.newaxis] * np.exp(0.5 * N * np.log1p(-z)) * u
        if derivative:
            r = np.sqrt(1.0 - z)
            result = result * (N / r - 2.0 * r * slope / u)
        return np.where(gap[:, np.newaxis] * z <= 400.0, result, values)

    def _key(self) -> tuple[float, ...]:
        return self.bandlimit, self.angular_order, self.count

    def __repr__(self) -> str:
        return f"PSWF({self.bandlimit!r}, {self.angular_order}, count={self.count})"


def likely_count(bandlimit: float, order: float) -> int:
    """Return a number of functions that most truncations in use do not exceed: the plunge is a few ln c wide."""
    return math.ceil(semiclassical_count(bandlimit, order) + 2.0 * math.log(bandlimit + 2.0)) + 4


def semiclassical_count(bandlimit: float, order: float) -> float:
    """Return ``(sqrt(c^2 - N^2) - N arccos(N / c)) / pi``, the number of functions before the plunge of lambda."""
    if order >= bandlimit:
        return 0.0
    return (math.sqrt(bandlimit**2 - order**2) - order * math.acos(order / bandlimit)) / math.pi
