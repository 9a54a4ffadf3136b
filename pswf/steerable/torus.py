"""Sums over pixels against cos(m t) exp(i N theta), and their transposes, as Fourier series on a torus.

With r = cos t the functions of a steerable basis are ``sum_m a_m cos(m t) exp(i N theta)``, N + m even (see
`pswf.steerable.chebyshev`).  In ``u = theta + t`` and ``v = theta - t`` the terms are ``exp(i (p u + q v))`` with
*integers* ``p = (N + m) / 2``, ``q = (N - m) / 2``; a basis of band c fills the square |p|, |q| <= c/2 evenly.  One
two-dimensional nonuniform FFT between the pixels and that square does the work, to the precision asked for whatever
the basis, and two real images travel in one complex transform.

(The recipe in use for prolate functions samples the image's Fourier transform at the polar nodes of a quadrature
instead.  It costs the same, but serves functions of the band only and divides errors by sqrt(lambda).)
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array, Real
from pswf.jit import jit

__all__ = ["Torus"]


_PRECISION = {
    # relative error and oversampling of the nonuniform FFT: in float32 the pixel positions round to 2e-5 of a
    # period anyway, and the narrow grid halves the time
    np.dtype(np.float32): (2e-5, 1.25),
    np.dtype(np.float64): (1e-14, 2.0),
}


_PLANNING = threading.Lock()
"""The FFT libraries below finufft do not all let several threads make plans at once."""


class Torus:
    """The pair of transforms between values at points of the disk and sums over them.

    Both run on the calling thread; several threads may call them at once.

    Parameters
    ----------
    theta, t : ndarray, shape (points,)
        Angle of every point, and the arc cosine of its distance from the centre.
    lengths : sequence of int
        ``lengths[N]``: number of terms m = N mod 2, N mod 2 + 2, ... for order N.
    dtype : float32 or float64
    """

    def __init__(self, theta: Array, t: Array, lengths: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.lengths = np.array(lengths, dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        # the last order plus the last m of each order, halved: the largest |p|
        orders = np.arange(len(self.lengths))
        self.half = int(np.max((orders + 2 * (self.lengths - 1) + orders % 2) // 2))
        self._u = (theta + t).astype(dtype)
        self._v = (theta - t).astype(dtype)
        self._complex = np.result_type(dtype, np.complex64)
        # plans at rest, per kind: every transform under way has one of its own
        self._plans: tuple[list[Any], list[Any]] = ([], [])

    @property
    def total(self) -> int:
        """Number of (N, m) pairs."""
        return int(self.starts[-1])

    def analyze(self, values: Real) -> Real:
        """Return ``sum_x values cos(m t) cos(N theta)`` and the same with the sine, shape (2, B, total).

        ``values`` has shape (B, points).
        """
        sums = np.empty((2, len(values), self.total), dtype=self.dtype)
        for first in range(0, len(values), 2):
            packed = np.zeros(values.shape[1], dtype=self._complex)
            packed.real = values[first]
            if first + 1 < len(values):
                packed.imag = values[first + 1]
            _gather(self._execute(1, packed), sums[:, first : first + 2], self.lengths, self.starts)
        return sums

    def synthesize(self, sums: Real) -> Real:
        """Return ``sum_{N,m} cos(m t) (sums[0] cos(N theta) + sums[1] sin(N theta))``, shape (B, points).

        The transpose of `analyze`; ``sums`` has shape (2, B, total).
        """
        values = np.empty((sums.shape[1], len(self._u)), dtype=self.dtype)
        side = 2 * self.half + 1

        for first in range(0, len(values), 2):
            spectrum = np.zeros((side, side), dtype=self._complex)
            _scatter(spectrum, sums[:, first : first + 2], self.lengths, self.starts)
            packed = self._execute(2, spectrum)
            values[first] = packed.real
            if first + 1 < len(values):
                values[first + 1] = packed.imag
        return values

    def _execute(self, kind: int, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Run one nonuniform FFT of type 1 (points to spectrum) or 2 (back) on the calling thread."""
        resting = self._plans[kind - 1]
        plan = None
        with suppress(IndexError):
            plan = resting.pop()
        if plan is None:
            plan = self._plan(kind)
        result: npt.NDArray[Any] = plan.execute(data)
        resting.append(plan)
        return result

    def _plan(self, kind: int) -> Any:
        import finufft

        tolerance, oversampling = _PRECISION[self.dtype]
        side = 2 * self.half + 1
        # one thread each: images are many, and threads that wait for each other within a transform cost more
        with _PLANNING:
            plan = finufft.Plan(
                kind,
                (side, side),
                eps=tolerance,
                isign=-1 if kind == 1 else 1,
                dtype=self._complex,
                upsampfac=oversampling,
                nthreads=1,
                showwarn=0,
            )
            plan.setpts(self._u, self._v)
        return plan

    def __getstate__(self) -> dict[str, Any]:
        # plans belong to the library that made them
        return {**self.__dict__, "_plans": ([], [])}


@jit
def _gather(spectrum: Any, sums: Any, lengths: Any, starts: Any) -> None:
    """Read the sums of one image, or two, out of the spectrum of first + i second."""
    h = spectrum.shape[0] // 2
    both = sums.shape[1] > 1
    for N in range(len(lengths)):
        for j in range(lengths[N]):
            m = 2 * j + N % 2
            p = (N + m) // 2
            q = (N - m) // 2
            plus = spectrum[h + p, h + q] + spectrum[h + q, h + p]
            minus = spectrum[h - p, h - q] + spectrum[h - q, h - p]
            at = starts[N] + j
            # the spectrum of a real image is conjugate at opposite frequencies; exp(-i N theta) has -sin
            sums[0, 0, at] = (plus.real + minus.real) / 4
            sums[1, 0, at] = (minus.imag - plus.imag) / 4
            if both:
                sums[0, 1, at] = (plus.imag + minus.imag) / 4
                sums[1, 1, at] = (plus.real - minus.real) / 4


@jit
def _scatter(spectrum: Any, sums: Any, lengths: Any, starts: Any) -> None:
    """Add the terms of one image, or two, to the spectrum of first + i second."""
    h = spectrum.shape[0] // 2
    both = sums.shape[1] > 1
    for N in range(len(lengths)):
        for j in range(lengths[N]):
            m = 2 * j + N % 2
            p = (N + m) // 2
            q = (N - m) // 2
            at = starts[N] + j
            c1 = sums[0, 0, at] / 4
            s1 = sums[1, 0, at] / 4
            c2 = sums[0, 1, at] / 4 if both else 0 * c1
            s2 = sums[1, 1, at] / 4 if both else 0 * c1
            plus = complex(c1 + s2, c2 - s1)
            minus = complex(c1 - s2, c2 + s1)
            spectrum[h + p, h + q] += plus
            spectrum[h + q, h + p] += plus
            spectrum[h - p, h - q] += minus
            spectrum[h - q, h - p] += minus
