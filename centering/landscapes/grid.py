"""The candidate centres: the pixels whose disk lies inside the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.checks import check_count, check_max_shift, check_radius

__all__ = ["candidates", "check_max_shift"]

Displacements = npt.NDArray[np.int64]


def candidates(size: int, radius: int, max_shift: float | None = None) -> tuple[Displacements, Displacements]:
    """Return the displacements of the candidate centres, the axes of a landscape.

    Parameters
    ----------
    size : int
        n of the n x n images.
    radius : int
        R, radius of the disk in pixels; candidates are the pixels whose disk of radius R lies inside the image.
    max_shift : float, optional
        Largest displacement along either axis, in pixels.

    Returns
    -------
    rows, columns : ndarray of int, shapes (h,) and (w,)
        Displacement of every landscape row and column from the centre pixel ``n // 2``, in pixels, ascending.
        The undisplaced centre (0, 0) is always among them.

    Raises
    ------
    ValueError
        A disk larger than the image, or a negative ``max_shift``.

    Examples
    --------
    >>> rows, columns = candidates(size=8, radius=2)
    >>> print(rows)
    [-2 -1  0  1]
    """
    size = check_count(size, "size")
    radius = check_radius(radius, size)
    limit = check_max_shift(max_shift)
    axis = np.arange(radius, size - radius) - size // 2
    if limit is not None:
        axis = axis[np.abs(axis) <= limit]
    return axis, axis.copy()
