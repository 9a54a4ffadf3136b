"""The border between the user's images and the kernels: checks, conversion, crop, non-negativity.

Nothing here changes its input; this is the only module of the package where pixels change.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.checks import check_radius

__all__ = ["check_radius", "check_stack", "crop", "moderate", "nonnegative", "normalized"]

logger = logging.getLogger(__name__)

Images = npt.NDArray[Any]


def check_stack(images: npt.ArrayLike) -> tuple[Images, npt.NDArray[np.bool_]]:
    """Return the images as a floating-point stack and a mask of those that can be used.

    Parameters
    ----------
    images : array_like, shape (B, n, n) or (n, n)
        float32 and float64 keep their type; other real types are converted (and said once in the log).

    Returns
    -------
    stack : ndarray, shape (B, n, n)
        C-contiguous, native byte order.  Images with non-finite pixels are replaced by zeros.
    finite : ndarray of bool, shape (B,)
        False where an image has NaN or infinite pixels.

    Raises
    ------
    TypeError
        Complex or non-numeric images.
    ValueError
        Not two- or three-dimensional, not square, or empty.
    """
    stack = np.asarray(images)
    if stack.dtype.kind == "c":
        raise TypeError(f"images are complex ({stack.dtype}); give real pixels, for example images.real")
    if stack.dtype.kind not in "fiub":
        raise TypeError(f"images have dtype {stack.dtype}; give float32 or float64 pixels")
    if stack.ndim == 2:
        stack = stack[np.newaxis]
    if stack.ndim != 3:
        raise ValueError(f"images have shape {stack.shape}; give a stack (B, n, n) or one image (n, n)")
    if stack.shape[1] != stack.shape[2]:
        raise ValueError(f"images are {stack.shape[1]} x {stack.shape[2]} pixels; they must be square")
    if stack.size == 0:
        raise ValueError(f"the stack is empty: shape {stack.shape}; give at least one image")
    native = np.float64 if stack.dtype.itemsize > 4 or stack.dtype in (np.int32, np.uint32) else np.float32
    if stack.dtype not in (np.float32, np.float64):
        logger.info("images of type %s are converted to %s", stack.dtype, np.dtype(native))
    with np.errstate(over="ignore", invalid="ignore"):
        # pixels beyond the range of doubles are infinite
        stack = np.ascontiguousarray(stack, dtype=native)
        # one pass without a temporary of the size of the stack: the sums of the rows are finite when every pixel is,
        # and overflowing sums of finite pixels are looked at again
        rows = np.isfinite(stack @ np.ones(stack.shape[-1], dtype=stack.dtype))
    if rows.all():
        return stack, np.ones(len(stack), np.bool_)
    finite = rows.all(axis=1)
    for i in np.flatnonzero(~finite):
        finite[i] = np.isfinite(stack[i]).all()
    if not finite.all():
        stack = np.where(finite[:, None, None], stack, stack.dtype.type(0))
    return stack, finite


def nonnegative(stack: Images) -> Images:
    """Return ``(I - min I) * 2**-e`` image by image, shape and dtype kept (the paper assumes non-negative images).

    The exponent e, one for each image, takes the largest absolute value of I into [1/2, 1): no difference overflows.
    """
    result, _ = _unit(stack)
    result -= result.min(axis=(-2, -1), keepdims=True)
    return result


def normalized(stack: Images) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return the images less their means, their largest absolute value in [1/2, 1), so that no sum or square overflows.

    Parameters
    ----------
    stack : ndarray, shape (..., n, n)
        Finite float32 or float64 pixels of any magnitude.

    Returns
    -------
    images : ndarray of float64, shape (..., n, n)
        ``(I - mean I) * 2**-exponent``.  The scale is a power of two, so that nothing is rounded but the difference to
        the mean; zeros for a constant image.
    exponents : ndarray of int64, shape (...)
        0 for a constant image.
    """
    # once before the mean is taken, whose sum could overflow, and once after it, where a large offset has gone
    result, first = _unit(np.asarray(stack, dtype=np.float64))
    constant = result.max(axis=(-2, -1)) == result.min(axis=(-2, -1))
    result -= result.mean(axis=(-2, -1), keepdims=True)
    result[constant] = 0.0
    result, second = _unit(result)
    return result, np.where(constant, 0, first + second)


def moderate(stack: Images) -> Images:
    """Return the stack, images whose largest absolute value is not between 2^-30 and 2^30 scaled by powers of two.

    For what squares single-precision pixels and does not mind the scale of an image.  The stack itself comes back,
    not a copy, where there is no such image.
    """
    largest = np.maximum(stack.max(axis=(-2, -1)), -stack.min(axis=(-2, -1)))
    odd = (largest > 0) & ~((largest > 2.0**-30) & (largest < 2.0**30))
    if odd.any():
        stack = stack.copy()
        stack[odd], _ = _unit(stack[odd])
    return stack


def _unit(stack: Images) -> tuple[Images, npt.NDArray[np.int64]]:
    """Return a copy scaled by ``2**-exponents``, so that the largest absolute values lie in [1/2, 1)."""
    largest = np.maximum(stack.max(axis=(-2, -1)), -stack.min(axis=(-2, -1)))
    exponents = np.frexp(largest)[1].astype(np.int64)
    # in two steps where the factor itself would overflow: 2^1074 is no number
    most = np.finfo(stack.dtype).maxexp - 2
    once = np.clip(exponents, -most, most)[..., np.newaxis, np.newaxis]
    one = stack.dtype.type(1)
    scaled: Images = stack * np.ldexp(one, -once)
    rest = exponents[..., np.newaxis, np.newaxis] - once
    if rest.any():
        scaled *= np.ldexp(one, -rest)
    return scaled, exponents


def crop(images: npt.ArrayLike, displacement: npt.ArrayLike, radius: int) -> Images:
    """Return the (2R+1) x (2R+1) pixels about the centres, the centre in the middle pixel.

    Parameters
    ----------
    images : array_like, shape (B, n, n) or (n, n)
    displacement : array_like, shape (B, 2)
        (row, column) in pixels of every centre minus ``n // 2``, rounded to whole pixels.
    radius : int
        R in pixels.

    Returns
    -------
    ndarray, shape (B, 2R+1, 2R+1)
        A copy, of the type of the images.

    Raises
    ------
    ValueError
        A displacement that is not (B, 2) or not finite, or whose crop leaves the image.
    """
    stack, _ = check_stack(images)
    size = stack.shape[-1]
    whole = check_radius(radius, size)
    position = np.asarray(displacement, dtype=np.float64)
    if position.shape != (len(stack), 2) or not np.isfinite(position).all():
        raise ValueError(f"displacement has shape {position.shape}; give finite numbers ({len(stack)}, 2)")
    first = np.rint(position).astype(np.int64) + size // 2 - whole
    outside = (first < 0) | (first + 2 * whole + 1 > size)
    if outside.any():
        raise ValueError(
            f"displacement {position[outside.any(axis=1)][0].tolist()} leaves no room for a disk of radius {whole} "
            f"in images of {size} pixels"
        )
    side = np.arange(2 * whole + 1)
    rows, columns = first[:, :1] + side, first[:, 1:] + side
    cropped: Images = stack[np.arange(len(stack))[:, None, None], rows[:, :, None], columns[:, None, :]]
    return cropped
