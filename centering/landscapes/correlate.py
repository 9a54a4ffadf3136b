"""Correlation of an image with real kernels that do not change under inversion, by FFT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from pswf.jit import jit

__all__ = ["EvenCorrelation"]

Array = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]


class EvenCorrelation:
    """Correlations ``sum_s I(p + s) k(s)`` with kernels ``k(s_r, s_c) = k(-s_r, s_c) = k(s_r, -s_c)``.

    Parameters
    ----------
    kernels : ndarray, shape (M, 2a+1, 2a+1)
        Real and even along both axes; zero for every s outside.
    size : int
        n of the n x n images; pixels outside count as zero.
    first, count : int
        The outputs wanted: p = first, ..., first + count - 1 along both axes.

    Notes
    -----
    The transforms of such kernels are real and even: a quarter of each is stored, and two of the correlations
    come out of one complex inverse transform, as its real and its imaginary part.  The circular period is the
    shortest good FFT length at which no wanted output wraps around into the kernel; for the disks inside an image
    that is n itself.  Only the wanted rows go through the second pass of the inverse transform.
    """

    def __init__(self, kernels: Array, size: int, first: int, count: int) -> None:
        reach = kernels.shape[1] // 2
        farthest = max(first + count - 1, size - 1 - first)
        self.period = int(fft.next_fast_len(reach + farthest + 1))
        self.first, self.count = first, count
        # transform of an even kernel: cosine sums over its own quarter
        frequency, offset = np.arange(self.period // 2 + 1), np.arange(reach + 1)
        turns = np.outer(frequency, offset) % self.period / self.period
        cosines = np.cos(2.0 * np.pi * turns) * np.where(offset == 0, 1.0, 2.0)
        self._quarters = cosines @ kernels[:, reach:, reach:] @ cosines.T

    def __call__(self, image: Array) -> Array:
        """Return the correlations of one float64 image (n, n), shape (M, count, count)."""
        spectrum = fft.fft2(image, (self.period, self.period))
        wanted = slice(self.first, self.first + self.count)
        result = np.empty((len(self._quarters), self.count, self.count))
        product = np.empty_like(spectrum)
        for i in range(0, len(result), 2):
            pair = self._quarters[i : i + 2]
            _multiply(spectrum, pair, product)
            # columns after rows: the second pass then runs along contiguous lines of half as many columns
            rows = fft.ifft(product, axis=1)[:, wanted]
            both = fft.ifft(rows, axis=0)[wanted]
            result[i] = both.real
            if len(pair) == 2:
                result[i + 1] = both.imag
        return result


@jit
def _multiply(spectrum: Spectrum, quarters: Array, product: Spectrum) -> None:
    """Write ``spectrum * (k_1 + i k_2)``, the kernels unfolded from their quarters (k_2 = 0 if there is only one)."""
    period = spectrum.shape[0]
    last = len(quarters) - 1
    for row in range(period):
        folded_row = min(row, period - row)
        for column in range(period):
            folded_column = min(column, period - column)
            real = quarters[0, folded_row, folded_column]
            imaginary = quarters[last, folded_row, folded_column] if last else 0.0
            product[row, column] = spectrum[row, column] * complex(real, imaginary)
