"""Pixels of any magnitude: brought near 1 by powers of two, so that squares and sums of squares stay finite."""

from __future__ import annotations

import numpy as np

from centering.stack import Images

__all__ = ["moderate"]

_FAR = 40
"""Images whose largest pixel lies between 2^-40 and 2^40 are left as they are."""


def moderate(stack: Images) -> Images:
    """Return finite images, shape (B, n, n), type kept, each multiplied by a power of two: its largest pixel is near 1.

    Nothing is rounded, except pixels that are too small beside the largest one of their image to have a say.  Images of
    ordinary magnitude are not touched, and a stack of nothing else is returned itself.
    """
    largest = np.maximum(stack.max(axis=(1, 2)), -stack.min(axis=(1, 2)))
    exponent = np.frexp(largest)[1]
    far = np.flatnonzero(np.abs(exponent) > _FAR)
    if not len(far):
        return stack
    result = stack.copy()
    result[far] = np.ldexp(stack[far], -exponent[far, None, None])
    return result
