"""Does the mass about a centre lie about it?  Seen where the image is clear, in a few coarse pixels.

The disk about the centre is widened step by step as long as the ring around it is not empty: as long as the object goes
on.  A centre on the wall of a ring, on the edge of a disc or on one of two bodies that touch has all the rest on one
side.  What lies behind a gap is a neighbour, and not looked at.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from centering.stack import Images, normalized

__all__ = ["FARTHEST", "lopsided"]

Array = npt.NDArray[np.float64]

FARTHEST = 0.15
"""Distance, in parts of R, from a centre to the centre of mass about it from which on the two contradict each other."""

_BINS = 5  # coarse pixels to a radius
_STEP = 1.35  # from one disk to the next
_WIDEST = 0.6  # largest disk, in parts of the box
_GOES_ON = 0.15  # mean of a ring, in parts of that of the disk within, from which on the object is not at its end
_CLEAR, _RING_CLEAR = 4.5, 3.0  # standard deviations of the noise
_RANGE = 2.0**100  # sums of pixels up to this are far from overflow when they are weighted
_FAINT = 1e-3  # contrast of the coarse pixels, in parts of the largest, below which the mean is taken off first
_LEAST = 1e-6  # noise assumed at least, in parts of the largest coarse pixel: nothing is known more exactly


def lopsided(stack: Images, displacement: Array, radius: int) -> npt.NDArray[np.bool_]:
    """Return a mask, shape (B,): the images (B, n, n), finite, whose centres (B, 2) the mass about them contradicts.

    The background is the median, and the noise the scatter, of coarse pixels along the edge of the box: a robust
    scatter, so that neighbours there do not count as noise.
    """
    return _judge(stack.shape[-1], radius)(stack, displacement)


@lru_cache(maxsize=16)
def _judge(size: int, radius: int) -> _Judge:
    return _Judge(size, radius)


class _Judge:
    """The test for images of n x n pixels and the radius R, tables built once.

    Parameters
    ----------
    size, radius : int
        n and R in pixels.
    """

    def __init__(self, size: int, radius: int) -> None:
        self.radius = radius
        self.bin = max(1, radius // _BINS)
        self.count = size // self.bin
        self._first = (size - self.count * self.bin) // 2
        # displacement of the middle of the first coarse pixel
        self._origin = self._first + (self.bin - 1) / 2 - size // 2
        steps = 1 + max(0, math.floor(math.log(max(1.0, _WIDEST * size / radius), _STEP)))
        # the first disk and the ring around it decide most images
        self._first_disk = _Disks(radius, self.bin, self.count, 1)
        self._all_disks = _Disks(radius, self.bin, self.count, steps) if steps > 1 else None

    def __call__(self, stack: Images, displacement: Array) -> npt.NDArray[np.bool_]:
        if self.count < 4:
            return np.zeros(len(stack), np.bool_)
        coarse = self._coarse(stack)
        low, high = coarse.min(axis=(1, 2)), coarse.max(axis=(1, 2))
        largest = np.maximum(high, -low)
        with np.errstate(over="ignore", invalid="ignore"):
            # single precision loses what lies on a large background
            usable = (largest > 1.0 / _RANGE) & (largest < _RANGE) & (high - low > _FAINT * largest)
        odd = np.flatnonzero(~usable)
        if len(odd):
            coarse[odd] = self._coarse(normalized(stack[odd])[0])
            low[odd], high[odd] = coarse[odd].min(axis=(1, 2)), coarse[odd].max(axis=(1, 2))
        edge = np.concatenate([coarse[:, 0], coarse[:, -1], coarse[:, 1:-1, 0], coarse[:, 1:-1, -1]], axis=1)
        background = _median(edge)
        noise = 1.4826 * _median(np.abs(edge - background[:, np.newaxis]))
        coarse -= background[:, np.newaxis, np.newaxis]
        noise = np.maximum(noise, _LEAST * np.maximum(high - background, background - low))
        offset = 1.25 * noise / math.sqrt(edge.shape[1])  # standard error of the median
        return self._compare(coarse, displacement, noise[:, np.newaxis], offset[:, np.newaxis])

    def _compare(self, coarse: Array, displacement: Array, noise: Array, offset: Array) -> npt.NDArray[np.bool_]:
        exact = (displacement - self._origin) / self.bin
        off, on = self._first_disk(coarse, exact, noise, offset)
        further = np.flatnonzero(on & ~off)
        if self._all_disks is not None and len(further):
            off[further], _ = self._all_disks(coarse[further], exact[further], noise[further], offset[further])
        return off

    def _coarse(self, stack: Images) -> Array:
        """Return sums over squares of pixels, shape (B, k, k)."""
        last = self._first + self.count * self.bin
        inside = stack[:, self._first : last, self._first : last]
        with np.errstate(over="ignore", invalid="ignore"):
            rows = inside[:, :: self.bin].copy()
            for i in range(1, self.bin):
                rows += inside[:, i :: self.bin]
            result = rows[:, :, :: self.bin].astype(np.float64)
            for i in range(1, self.bin):
                result += rows[:, :, i :: self.bin]
        return result


class _Disks:
    """The disk about a centre, widened in steps, and the rings between.

    Parameters
    ----------
    radius, side, count : int
        R and the side of a coarse pixel, in pixels; coarse pixels to a side of the image.
    steps : int
        Number of disks.
    """

    def __init__(self, radius: int, side: int, count: int, steps: int) -> None:
        self._farthest, self._count = FARTHEST * radius / side, count
        radii = radius / side * _STEP ** np.arange(steps)
        self._reach = math.ceil(radii[-1] * _STEP)
        axis = np.arange(-self._reach, self._reach + 1)
        row, column = np.broadcast_arrays(axis[:, np.newaxis], axis)
        ring = np.searchsorted([*radii, radii[-1] * _STEP], np.hypot(row, column).ravel(), side="right")
        member = (ring[:, np.newaxis] == np.arange(steps + 1)).astype(np.float64)
        moments = [member, member * row.reshape(-1, 1), member * column.reshape(-1, 1)]
        self._weights = np.concatenate(moments, axis=1)
        self._pixels = member.sum(axis=0)
        self._second = np.cumsum(moments[1].T @ row.ravel())[:-1]

    def __call__(
        self, coarse: Array, exact: Array, noise: Array, offset: Array
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return two masks, shape (B,): the mass of a disk contradicts its centre, the first ring is not empty.

        ``exact``: the centres (B, 2), in coarse pixels from the first one.
        """
        place = np.clip(np.rint(exact).astype(np.int64), 0, self._count - 1)
        rest = exact - place
        sums = (self._windows(coarse, place) @ self._weights).reshape(len(coarse), 3, -1)
        mass, row, column = np.cumsum(sums, axis=2)[..., :-1].transpose(1, 0, 2)
        row, column = row - rest[:, :1] * mass, column - rest[:, 1:] * mass
        pixels = np.cumsum(self._pixels)[:-1]
        moment = np.hypot(row, column)
        clear = moment > _CLEAR * noise * np.sqrt(self._second)
        clear &= mass > _CLEAR * np.sqrt(noise**2 * pixels + (offset * pixels) ** 2)
        apart = clear & (moment > self._farthest * mass)
        ring = sums[:, 0, 1:] / self._pixels[1:]
        on = ring > _RING_CLEAR * np.sqrt(noise**2 / self._pixels[1:] + offset**2)
        on &= ring * pixels > _GOES_ON * mass
        # a disk counts if all rings before it were not empty
        before = np.concatenate([np.ones_like(on[:, :1]), np.logical_and.accumulate(on[:, :-1], axis=1)], axis=1)
        return (apart & before).any(axis=1), on[:, 0]

    def _windows(self, coarse: Array, place: npt.NDArray[np.int64]) -> Array:
        """Return the coarse pixels about the places, zeros beyond the image, one row for each image."""
        width = 2 * self._reach + 1
        padded = np.zeros((len(coarse), *[self._count + 2 * self._reach] * 2))
        middle = slice(self._reach, self._reach + self._count)
        padded[:, middle, middle] = coarse
        result = np.empty((len(coarse), width, width))
        for i, (row, column) in enumerate(place.tolist()):
            result[i] = padded[i, row : row + width, column : column + width]
        return result.reshape(len(coarse), -1)


def _median(values: Array) -> Array:
    """Return the medians along the last axis, whose length is even, of finite values."""
    middle = values.shape[-1] // 2
    values = np.partition(values, (middle - 1, middle), axis=-1)
    return np.asarray(0.5 * (values[..., middle - 1] + values[..., middle]))
