"""Checks at the border of the whole-image bases."""

from __future__ import annotations

import importlib.util
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.steerable.layout import Layout
from pswf.steerable.symmetry import crowded

__all__ = ["check_dtype", "check_finufft", "check_images", "check_separable", "check_size"]


def check_finufft() -> None:
    """Raise ImportError unless finufft is installed."""
    if importlib.util.find_spec("finufft") is None:
        raise ImportError("whole-image bases need finufft: pip install 'pswf-centering[steerable]'")


def check_size(size: int | tuple[int, int]) -> int:
    """Return the side L of L x L images from L or (L, L)."""
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    try:
        whole = tuple(operator.index(side) for side in sides)
    except TypeError:
        raise TypeError(f"size is {size!r}; give a whole number of pixels") from None
    if len(whole) != 2 or whole[0] != whole[1]:
        raise ValueError(f"size is {size!r}; images must be square, L or (L, L)")
    if whole[0] < 2:
        raise ValueError(f"size is {size!r}; give at least 2 pixels")
    return whole[0]


def check_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype."""
    try:
        result = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype is {dtype!r}; give float32 or float64") from None
    if result not in (np.float32, np.float64):
        raise TypeError(f"dtype is {dtype!r}; give float32 or float64")
    return result


def check_separable(counts: tuple[int, ...], size: int) -> None:
    """Raise ValueError where L x L pixels have fewer places on the disk than these functions per order need."""
    radius = size // 2
    rows, columns = np.mgrid[:size, :size] - radius
    inside = rows**2 + columns**2 <= radius**2
    trouble = crowded(Layout(counts), rows[inside], columns[inside])
    if trouble:
        raise ValueError(
            f"the basis has {trouble} of {size} x {size} images; give a larger truncation, a smaller band or degree, "
            "or larger images"
        )


def check_images(images: npt.ArrayLike, size: int) -> npt.NDArray[Any]:
    """Return real images of L x L pixels as an array (..., L, L)."""
    stack = np.asarray(images)
    if stack.dtype.kind == "c":
        raise TypeError(f"images are complex ({stack.dtype}); give real pixels")
    if stack.dtype.kind not in "fiub":
        raise TypeError(f"images have dtype {stack.dtype}; give float32 or float64 pixels")
    if stack.ndim < 2 or stack.shape[-2:] != (size, size):
        raise ValueError(f"images have shape {stack.shape}; this basis is for (..., {size}, {size})")
    return stack
