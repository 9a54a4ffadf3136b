"""The fast transforms between the pixels of the disk and coefficients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pswf.arrays import Real
from pswf.steerable.layout import Layout
from pswf.steerable.torus import Torus
from pswf.threads import thread_count, thread_map

__all__ = ["DiskTransform"]


_IMAGES_TOGETHER = 16
"""Images that one thread treats at a time; more would gain nothing and take more memory."""


class DiskTransform:
    """`forward` from pixel values to coefficients, and its transpose `backward`.

    A nonuniform FFT per pair of images (see `pswf.steerable.torus`), then one matrix product per angular order.
    The images are shared among all cores.

    Parameters
    ----------
    tables : sequence of ndarray
        ``tables[N]``, shape (counts[N], terms): Chebyshev coefficients of the radial functions, as scaled.
    size : int
        L of L x L images.
    dtype : float32 or float64

    Attributes
    ----------
    tables, size, layout
        As above, and the order of the coefficients.
    pixels : ndarray of int, shape (P,)
        Flat indices of the pixels at a distance of at most R = L // 2 from the centre pixel.
    rows, columns : ndarray of int, shape (P,)
        Their positions relative to the centre pixel.
    degree : int
        Largest N + m of the series.
    """

    def __init__(self, tables: Sequence[Real], size: int, dtype: np.dtype[Any]) -> None:
        self.tables = tuple(tables)
        self.size = size
        self.dtype = dtype
        self.layout = Layout(tuple(len(table) for table in tables))
        radius = size // 2
        rows, columns = np.mgrid[:size, :size] - radius
        inside = rows**2 + columns**2 <= radius**2
        self.pixels = np.flatnonzero(inside)
        self.rows, self.columns = rows[inside], columns[inside]
        t = np.arccos(np.minimum(np.hypot(self.rows, self.columns) / radius, 1.0))
        theta = np.arctan2(self.rows, self.columns)
        self._torus = Torus(theta, t, [table.shape[1] for table in tables], dtype)
        self.degree = 2 * self._torus.half

    def forward(self, values: Real) -> Real:
        """Return the coefficients (B, count) of pixel values (B, pixels)."""
        coefficients = np.empty((len(values), self.layout.count), dtype=self.dtype)

        def chunk(part: slice) -> None:
            # images share transforms in pairs, so their sizes are evened out first
            scale = _magnitude(values[part])
            sums = self._torus.analyze(values[part] / scale)
            result = coefficients[part]
            for table, start, cosine, sine in self._orders:
                terms = slice(start, start + table.shape[1])
                np.matmul(sums[0, :, terms], table.T, out=result[:, cosine])
                if sine.stop > sine.start:
                    np.matmul(sums[1, :, terms], table.T, out=result[:, sine])
            result *= scale

        thread_map(chunk, _chunks(len(values)))
        return coefficients

    def backward(self, coefficients: Real) -> Real:
        """Return the pixel values (B, pixels) of coefficients (B, count)."""
        values = np.empty((len(coefficients), len(self.pixels)), dtype=self.dtype)

        def chunk(part: slice) -> None:
            scale = _magnitude(coefficients[part])
            if not np.isfinite(scale).all():
                raise ValueError("coefficients are not finite; give finite ones")
            scaled = coefficients[part] / scale
            sums = np.zeros((2, len(scaled), self._torus.total), dtype=self.dtype)
            for table, start, cosine, sine in self._orders:
                terms = slice(start, start + table.shape[1])
                np.matmul(scaled[:, cosine], table, out=sums[0, :, terms])
                if sine.stop > sine.start:
                    np.matmul(scaled[:, sine], table, out=sums[1, :, terms])
            np.multiply(self._torus.synthesize(sums), scale, out=values[part])

        thread_map(chunk, _chunks(len(coefficients)))
        return values

    @cached_property
    def _orders(self) -> list[tuple[Real, int, slice, slice]]:
        starts = [int(start) for start in self._torus.starts[:-1]]
        return list(zip(self.tables, starts, self.layout.cosines, self.layout.sines, strict=True))


def _chunks(images: int) -> list[slice]:
    """Return slices of an even number of images, alike for all threads: small enough for the caches."""
    threads = thread_count()
    parts = threads * max(1, math.ceil(images / (threads * _IMAGES_TOGETHER)))
    step = max(2, 2 * math.ceil(images / (2 * parts)))
    return [slice(start, min(start + step, images)) for start in range(0, images, step)]


def _magnitude(values: Real) -> Real:
    """Return the largest absolute value of every row, 1 for rows of zeros, shape (B, 1)."""
    largest = np.abs(values).max(axis=1, initial=0.0, keepdims=True)
    return np.asarray(np.where(largest == 0.0, values.dtype.type(1), largest))
