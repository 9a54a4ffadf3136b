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
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf._jit import jit
from pswf._threads import thread_map

__all__ = ["Torus"]

Real = npt.NDArray[Any]

_WORK_BYTES = 2**25
"""Bound of one batch of complex spectra."""

_PRECISION = {
    # relative error and oversampling of the nonuniform FFT: in float32 the pixel positions round to 2e-5 of a
    # period anyway, and the narrow grid halves the time
    np.dtype(np.float32): (2e-5, 1.25),
    np.dtype(np.float64): (1e-14, 2.0),
}


class Torus:
    """The pair of transforms between values at points of the disk and sums over them.

    Parameters
    ----------
    theta, t : ndarray, shape (points,)
        Angle of every point, and the arc cosine of its distance from the centre.
    lengths : sequence of int
        ``lengths[N]``: number of terms m = N mod 2, N mod 2 + 2, ... for order N.
    dtype : float32 or float64
    """

    def __init__(
        self, theta: npt.NDArray[np.float64], t: npt.NDArray[np.float64], lengths: Sequence[int], dtype: np.dtype[Any]
    ) -> None:
        self.dtype = dtype
        self.lengths = np.array(lengths, dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        # the last order plus the last m of each order, halved: the largest |p|
        orders = np.arange(len(self.lengths))
        self.half = int(np.max((orders + 2 * (self.lengths - 1) + orders % 2) // 2))
        self._u = (theta + t).astype(dtype)
        self._v = (theta - t).astype(dtype)
        self._complex = np.result_type(dtype, np.complex64)
        self._plans: dict[tuple[int, int], Any] = {}
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """Number of (N, m) pairs."""
        return int(self.starts[-1])

    def analyze(self, values: Real) -> Real:
        """Return ``sum_x values cos(m t) cos(N theta)`` and the same with the sine, shape (2, B, total).

        ``values`` has shape (B, points).
        """
        images = len(values)
        sums = np.empty((2, images, self.total), dtype=self.dtype)
        with self._lock:
            for start, stop, size in self._batches(images):
                packed = np.zeros((size, values.shape[1]), dtype=self._complex)
                packed.real = values[start:stop:2]
                packed.imag[: (stop - start) // 2] = values[start + 1 : stop : 2]
                spectrum = self._execute(1, size, packed)
                self._each(_gather, spectrum, sums[:, start:stop])
        return sums

    def synthesize(self, sums: Real) -> Real:
        """Return ``sum_{N,m} cos(m t) (sums[0] cos(N theta) + sums[1] sin(N theta))``, shape (B, points).

        The transpose of `analyze`; ``sums`` has shape (2, B, total).
        """
        images = sums.shape[1]
        values = np.empty((images, len(self._u)), dtype=self.dtype)
        with self._lock:
            for start, stop, size in self._batches(images):
                spectrum = np.zeros((size, 2 * self.half + 1, 2 * self.half + 1), dtype=self._complex)
                self._each(_scatter, spectrum, sums[:, start:stop])
                packed = self._execute(2, size, spectrum).reshape(size, -1)
                values[start:stop:2] = packed.real
                values[start + 1 : stop : 2] = packed.imag[: (stop - start) // 2]
        return values

    def _each(self, kernel: Callable[..., None], spectrum: npt.NDArray[Any], sums: Real) -> None:
        """Run a kernel for every transform of a batch, in parallel."""
        thread_map(lambda i: kernel(spectrum[i], sums, self.lengths, self.starts, i), range(len(spectrum)))

    def _batches(self, images: int) -> Iterator[tuple[int, int, int]]:
        """Yield ranges of images and the number of their transforms, a power of two: few plans serve all stacks."""
        spectrum_bytes = (2 * self.half + 1) ** 2 * self._complex.itemsize
        start = 0
        while start < images:
            left = (images - start + 1) // 2
            size = 1
            while 2 * size <= left and 2 * size * spectrum_bytes <= _WORK_BYTES:
                size *= 2
            stop = min(start + 2 * size, images)
            yield start, stop, size
            start = stop

    def _execute(self, kind: int, size: int, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        key = kind, size
        if key not in self._plans:
            import finufft

            tolerance, oversampling = _PRECISION[self.dtype]
            side = 2 * self.half + 1
            plan = finufft.Plan(
                kind,
                (side, side),
                n_trans=size,
                eps=tolerance,
                isign=-1 if kind == 1 else 1,
                dtype=self._complex,
                upsampfac=oversampling,
                showwarn=0,
            )
            plan.setpts(self._u, self._v)
            self._plans[key] = plan
        result: npt.NDArray[Any] = self._plans[key].execute(data[0] if size == 1 else data)
        return result[np.newaxis] if size == 1 else result

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": {}, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()


@jit
def _gather(spectrum: Any, sums: Any, lengths: Any, starts: Any, index: int) -> None:
    """Read the sums of images ``2 index`` and ``2 index + 1`` out of the spectrum of first + i second."""
    h = spectrum.shape[0] // 2
    first = 2 * index
    second = 2 * index + 1
    both = second < sums.shape[1]
    for N in range(len(lengths)):
        for j in range(lengths[N]):
            m = 2 * j + N % 2
            p = (N + m) // 2
            q = (N - m) // 2
            plus = spectrum[h + p, h + q] + spectrum[h + q, h + p]
            minus = spectrum[h - p, h - q] + spectrum[h - q, h - p]
            at = starts[N] + j
            # the spectrum of a real image is conjugate at opposite places; exp(-i N theta) has -sin
            sums[0, first, at] = (plus.real + minus.real) / 4
            sums[1, first, at] = (minus.imag - plus.imag) / 4
            if both:
                sums[0, second, at] = (plus.imag + minus.imag) / 4
                sums[1, second, at] = (plus.real - minus.real) / 4


@jit
def _scatter(spectrum: Any, sums: Any, lengths: Any, starts: Any, index: int) -> None:
    """Add the terms of images ``2 index`` and ``2 index + 1`` to the spectrum of first + i second."""
    h = spectrum.shape[0] // 2
    first = 2 * index
    second = 2 * index + 1
    both = second < sums.shape[1]
    for N in range(len(lengths)):
        for j in range(lengths[N]):
            m = 2 * j + N % 2
            p = (N + m) // 2
            q = (N - m) // 2
            at = starts[N] + j
            c1 = sums[0, first, at] / 4
            s1 = sums[1, first, at] / 4
            c2 = sums[0, second, at] / 4 if both else 0 * c1
            s2 = sums[1, second, at] / 4 if both else 0 * c1
            plus = complex(c1 + s2, c2 - s1)
            minus = complex(c1 - s2, c2 + s1)
            spectrum[h + p, h + q] += plus
            spectrum[h + q, h + p] += plus
            spectrum[h - p, h - q] += minus
            spectrum[h - q, h - p] += minus
