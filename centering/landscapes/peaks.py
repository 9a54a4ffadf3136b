"""Where a correlation with one even kernel is largest: all candidates in single precision, the best few in double.

A stack goes through one FFT correlation in single precision whatever the type of its images.  Rounding changes the
values by at most a bound that is known for every image (`ROUNDING`), so the largest of all is among the candidates
that come within twice the bound of the best value seen.  The best of them is evaluated again, in double precision and
in the plane of the pixels, and so are the others that come within the bound of the best value known by then.  The
answer is that of double precision at every candidate, for images of noise as for clear ones.

The region of m x m pixels that the candidates see is transformed with the shortest good period p >= m, for which no
candidate wraps around; an even kernel has a real transform; only the columns that hold candidates come back.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from centering.landscapes.peak_kernels import contenders, multiply, prepare

__all__ = ["MOST", "ROUNDING", "PeakSearch", "Peaks", "rounding_bound"]

Array = npt.NDArray[Any]
Index = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

ROUNDING = 6.0
"""A transform of N points errs by at most this times ``u log2 N`` of its norm, u the unit roundoff.

A stage of radix 2 errs by at most ``(2 + sqrt 5) u`` of its 2-norm: u for the sum, and for its product with a twiddle
factor u for the factor and ``sqrt 5 u`` for the multiplication (R. Brent, C. Percival, P. Zimmermann, Error bounds on
complex floating-point multiplication, Math. Comp. 76 (2007) 1469).  That is 4.3 u log2 N; counted in the same way,
radix 3 gives 4.6, radix 4 less than radix 2, and radix 5 at most 5.1.  There are no others.  The rest is for the
rounding of the pixels, of the kernel and of the product to single precision.
"""
MOST = 64
"""Images with more contenders than this and one for every `SHARE` points of the transform are looked at in double
precision throughout."""
SHARE = 512

_UNIT = 2.0**-24  # unit roundoff of float32
# contrasts up to the first, and down to its inverse, and pixels up to the second are far from overflow
_RANGES = np.array([2.0**40, 2.0**60])
_BLOCK = 150_000  # pixels at a time: their transforms stay near the processor


class Peaks(NamedTuple):
    """The best candidate of every image and all that are nearly as good, in double precision, up to a common offset."""

    image: Index
    """(K,): the image of every one, ascending; those of one image in row order."""
    place: Index
    """(K, 2): its row and column, from 0."""
    value: Float64
    """(K,): its correlation."""
    mean: Float64
    """(B,): mean of the correlation over the candidates."""
    deviation: Float64
    """(B,): its standard deviation."""
    pixel: Float64
    """(B,): the pixel value taken off, near the mean pixel."""
    lowest: Float64
    """(B,): least pixel of the region."""
    total: Float64
    """(B,): sum of ``I - min I`` over the region."""
    open: npt.NDArray[np.bool_]
    """(B,): the images that have none here: too many to look at, or out of the range of single precision."""
    contrast: Float64
    """(B,): half of the difference between the largest and the least pixel of the region."""
    middle: Float64
    """(B,): the same of its middle row."""
    coarse: Float64
    """(B, k, k): sums of ``I - pixel`` between the edges that were asked for, where single precision has the range."""


class PeakSearch:
    """Finds the largest of the correlations ``sum_s I(p + s) k(s)`` over all p whose kernel lies inside the region.

    Parameters
    ----------
    kernel : ndarray, shape (2a+1, 2a+1)
        Real, even along both axes.
    size : int
        m of the m x m regions; the candidates are p = a, ..., m - 1 - a along both axes.
    edges : ndarray of int, shape (k+1,), optional
        Ascending from 0 to m: where the coarse pixels begin and end whose sums are wanted besides.
    """

    def __init__(self, kernel: Float64, size: int, edges: Index | None = None) -> None:
        reach = len(kernel) // 2
        self.size = size
        self.count = size - 2 * reach
        self.kernel = np.ascontiguousarray(kernel)
        self._edges = np.array([0, size]) if edges is None else edges
        self._wanted = slice(reach, reach + self.count)
        self._period = int(fft.next_fast_len(size, real=True))
        # an even kernel has a real transform; its middle belongs to index 0
        wrapped = np.zeros((self._period, self._period))
        place = np.arange(-reach, reach + 1) % self._period
        wrapped[np.ix_(place, place)] = kernel
        # half of the frequencies along the columns; once for the real and once for the imaginary part
        self._response = np.repeat(fft.rfft2(wrapped, axes=(1, 0)).real, 2, axis=1).astype(np.float32)
        self._norm = float(np.linalg.norm(kernel))
        self._unit = rounding_bound(self._period, 1.0)
        self.most = MOST + self._period**2 // SHARE
        self._block = max(1, _BLOCK // self._period**2)

    def __call__(self, regions: Array, slack: float) -> Peaks:
        """Return where the correlation of ``regions``, shape (B, m, m), finite, is largest.

        ``slack``: candidates that much below the best are returned as well, in parts of the sum of ``I - min I``.
        """
        batch = len(regions)
        step, most = min(self._block, batch), batch * self.most
        difference = np.empty((step, self._period, self._period), np.float32)
        if self._period > self.size:
            difference[:, self.size :] = difference[:, : self.size, self.size :] = 0.0
        parts = len(self._edges) - 1
        coarse, summary, left = np.empty((batch, parts, parts)), np.empty((9, batch)), np.empty(batch, np.bool_)
        columns, squares = np.empty((3, self.size), regions.dtype), np.empty(self.size, np.float32)
        work = np.empty((3, self.count), np.float32), np.empty(self.count, np.int64), np.empty(len(self.kernel))
        image, place, seen = np.empty(most, np.int64), np.empty((most, 2), np.int64), np.empty(most, np.float32)
        given = (self.kernel, slack, *work, summary, left, image, place, seen, np.empty(most))
        kept = 0
        for start in range(0, batch, step):
            some = difference[: batch - start]
            prepare(regions, start, self._edges, some, columns, squares, coarse, _RANGES, summary, left)
            surface = self._correlate(some, summary, start)
            kept = contenders(surface, self._wanted.start, regions, start, *given, kept)
        lowest, highest, pixel, _, total, middle, _, mean, deviation = summary
        contrast = 0.5 * highest - 0.5 * lowest
        return Peaks(
            image[:kept], place[:kept], given[-1][:kept], mean, deviation, pixel, lowest, total, left,
            contrast, middle, coarse,
        )  # fmt: skip

    def _correlate(self, difference: npt.NDArray[np.float32], summary: Float64, start: int) -> npt.NDArray[np.float32]:
        """Return the correlations of images (C, m, m) or (C, p, p), and write the bounds of their errors.

        All rows (C, p, h) come back, so that the array is contiguous; those of the candidates are `_wanted`.
        ``summary``, from ``start`` on: see `multiply`.
        """
        period = self._period
        spectrum = fft.rfft(difference, period, axis=1)
        spectrum = fft.fft(spectrum, period, axis=2, overwrite_x=True)
        work = np.empty(2 * period, np.float32)
        multiply(spectrum.view(np.float32), self._response, work, start, self._norm, self._unit, summary)
        columns = fft.ifft(spectrum, axis=2, overwrite_x=True)[:, :, self._wanted]
        surface: npt.NDArray[np.float32] = fft.irfft(columns, period, axis=1)
        return surface


def rounding_bound(period: int, norms: float) -> float:
    """Return how far single precision can move a correlation by transforms of period x period points.

    ``norms``: the norm of the kernel times that of the pixels, for the error of the forward transform, plus the norm
    of the correlation over the whole period, for that of the inverse one.
    """
    return ROUNDING * _UNIT * 2.0 * math.log2(period) * 1.01 * norms
