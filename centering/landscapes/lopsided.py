"""Does the mass about a centre lie about it?  Seen where the image is clear, in a few coarse pixels.

The disk about the centre is widened step by step as long as the ring around it is not empty: as long as the object goes
on.  A centre on the wall of a ring, on the edge of a disc or on one of two bodies that touch has all the rest on one
side.  What lies behind a gap is a neighbour, and not looked at.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from centering.stack import Images, normalized
from pswf.jit import jit

__all__ = ["FARTHEST", "coarse_edges", "judge", "lopsided"]

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
    size = stack.shape[-1]
    edges = coarse_edges(size, radius)
    if len(edges) < 5:
        return np.zeros(len(stack), np.bool_)
    side, first, last = int(edges[2] - edges[1]), int(edges[1]), int(edges[-2])
    coarse = _sums(stack[:, first:last, first:last], side)
    low, high = coarse.min(axis=(1, 2)), coarse.max(axis=(1, 2))
    largest = np.maximum(high, -low)
    with np.errstate(over="ignore", invalid="ignore"):
        # single precision loses what lies on a large background
        usable = (largest > 1.0 / _RANGE) & (largest < _RANGE) & (high - low > _FAINT * largest)
    odd = np.flatnonzero(~usable)
    if len(odd):
        coarse[odd] = _sums(normalized(stack[odd])[0][:, first:last, first:last], side)
    return judge(coarse, displacement, size, radius)


def judge(coarse: Array, displacement: Array, size: int, radius: int) -> npt.NDArray[np.bool_]:
    """Return what `lopsided` does, from sums over coarse pixels instead of images.

    Parameters
    ----------
    coarse : ndarray, shape (B, k, k)
        Sums of pixels, less any constant, over the squares between the inner ones of `coarse_edges`.
    displacement : ndarray, shape (B, 2)
        The centres.
    size, radius : int
        n and R in pixels.
    """
    result = np.zeros(len(coarse), np.bool_)
    tables = _tables(size, radius)
    if tables is not None:
        flat = np.ascontiguousarray(coarse).reshape(len(coarse), -1)
        _judge(flat, displacement, *_background(flat, tables.rim), *tables.arrays, result)
    return result


def _background(coarse: Array, rim: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """Return background and noise of every image, shape (B,), from its coarse pixels, (B, k k)."""
    with np.errstate(over="ignore", invalid="ignore"):
        edge = coarse.take(rim, axis=1)
        background = _median(edge)
        noise = 1.4826 * _median(np.abs(edge - background[:, None]))
        largest = np.maximum(coarse.max(axis=1) - background, background - coarse.min(axis=1))
        return background, np.maximum(noise, _LEAST * largest)


def _median(values: Array) -> Array:
    """Return the medians of rows of an even number of values, which are sorted in place."""
    values.sort(axis=1)
    half = values.shape[1] // 2
    middle: Array = 0.5 * (values[:, half - 1] + values[:, half])
    return middle


def coarse_edges(size: int, radius: int) -> npt.NDArray[np.int64]:
    """Return where the rows, and the columns, of coarse pixels begin and end, from 0 to n; (0, n) where none are used.

    The first and the last interval are what is left on either side, and may be empty.
    """
    tables = _tables(size, radius)
    if tables is None:
        return np.array([0, size])
    first = (size - tables.number * tables.side) // 2
    inner = first + tables.side * np.arange(tables.number + 1)
    return np.concatenate([[0], inner, [size]])


def _sums(inside: Images, side: int) -> Array:
    """Return sums over squares of pixels, shape (B, k, k)."""
    with np.errstate(over="ignore", invalid="ignore"):
        rows = inside[:, ::side].copy()
        for i in range(1, side):
            rows += inside[:, i::side]
        result = rows[:, :, ::side].astype(np.float64)
        for i in range(1, side):
            result += rows[:, :, i::side]
    return result


class _Tables(NamedTuple):
    side: int
    """Of a coarse pixel."""
    number: int
    """k: coarse pixels to a side of the image."""
    rim: npt.NDArray[np.int64]
    """Of the coarse pixels along the edge of the box: an even number."""
    arrays: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array, Array]
    """For `_judge`."""


@lru_cache(maxsize=16)
def _tables(size: int, radius: int) -> _Tables | None:
    """Return the tables of `_judge`; None where there are too few coarse pixels."""
    side = max(1, radius // _BINS)
    count = size // side
    if count < 4:
        return None
    places = np.arange(count**2).reshape(count, count)
    rim = np.concatenate([places[0], places[-1], places[1:-1, 0], places[1:-1, -1]])
    steps = 1 + max(0, math.floor(math.log(max(1.0, _WIDEST * size / radius), _STEP)))
    radii = radius / side * _STEP ** np.arange(steps)
    axis = np.arange(-math.ceil(radii[-1]), math.ceil(radii[-1]) + 1)
    row, column = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    part = np.searchsorted(radii, np.hypot(row, column), side="right")
    order = np.argsort(part, kind="stable")
    starts = np.searchsorted(part[order], np.arange(steps + 1))
    offsets = np.stack([row, column], axis=1)[order[: starts[-1]]]
    pixels, within = np.diff(starts), starts[1:]
    second = np.cumsum(np.bincount(part, row**2, steps + 1)[:steps])
    # in units of the noise; the median has a standard error of its own
    error = 1.25**2 / len(rim)
    limits = np.stack(
        [
            _RING_CLEAR * np.sqrt(pixels + error * pixels**2),
            _GOES_ON * pixels / np.maximum(within - pixels, 1),
            _CLEAR * np.sqrt(second),
            _CLEAR * np.sqrt(within + error * within**2),
        ]
    )
    # displacement of the middle of the first coarse pixel
    origin = (size - count * side) // 2 + (side - 1) / 2 - size // 2
    geometry = np.array([origin, side, count - 1, FARTHEST * radius / side])
    return _Tables(side, count, rim, (offsets.astype(np.int64), starts.astype(np.int64), limits, geometry))


@jit
def _judge(
    coarse: Any,
    displacement: Any,
    background: Any,
    noise: Any,
    offsets: Any,
    starts: Any,
    limits: Any,
    geometry: Any,
    result: Any,
) -> None:
    """Write True where the mass of a disk lies to one side of its centre, and no ring within the disk is empty.

    Parameters
    ----------
    coarse : ndarray, shape (B, k k)
        The coarse pixels.
    displacement : ndarray, shape (B, 2)
        The centres.
    background, noise : ndarray, shape (B,)
        Of the coarse pixels.
    offsets, starts : ndarray of int
        Rows and columns, from the middle, of those of the first disk, then of every ring about it; where these begin.
    limits : ndarray, shape (4, D)
        For every ring: its least mass, in units of the noise and of the mass within.  For the disk as far as there:
        its least moment and mass in units of the noise.
    geometry : ndarray, shape (4,)
        Displacement of the first coarse pixel, side, index of the last, and the farthest distance in coarse pixels.
    result : ndarray of bool, shape (B,)
        False before.
    """
    last = int(geometry[2])
    for i in range(len(coarse)):
        middle, scatter = background[i], noise[i]
        row = (displacement[i, 0] - geometry[0]) / geometry[1]
        column = (displacement[i, 1] - geometry[0]) / geometry[1]
        first, second = min(max(round(row), 0), last), min(max(round(column), 0), last)
        mass = down = across = 0.0
        for part in range(len(starts) - 1):
            ring = 0.0
            for k in range(starts[part], starts[part + 1]):
                r, c = first + offsets[k, 0], second + offsets[k, 1]
                if 0 <= r <= last and 0 <= c <= last:
                    value = coarse[i, r * (last + 1) + c] - middle
                    ring += value
                    down += value * (r - row)
                    across += value * (c - column)
            if part > 0 and not (ring > limits[0, part] * scatter and ring > limits[1, part] * mass):
                break
            mass += ring
            moment = math.hypot(down, across)
            if moment > limits[2, part] * scatter and mass > limits[3, part] * scatter and moment > geometry[3] * mass:
                result[i] = True
                break
