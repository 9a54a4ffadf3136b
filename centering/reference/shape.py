"""Is what lies about a centre longer than wide?  Two bodies that touch are, and their centre lies between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LONGEST", "axis_ratio", "particle_radius"]

Array = npt.NDArray[np.float64]
Images = npt.NDArray[Any]

LONGEST = 1.5
"""A particle is elongated that is longer than this many times its width."""
FAINT = 0.1
"""Density counts that is more than this part of the highest."""
AROUND = 1.3
"""It counts up to this many radii of a typical particle."""
BLUR = 0.05
"""Standard deviation of the blur, in such radii."""


def particle_radius(profile: Array) -> int:
    """Return the distance in pixels up to which a profile, at 0, 1, ..., R, is above a tenth of its height.

    The height may be negative: the particle is dark then.
    """
    height = profile[int(np.abs(profile).argmax())]
    return max(1, int(np.flatnonzero(profile * np.sign(height) >= FAINT * abs(height))[-1]))


def axis_ratio(image: Images, place: Array, profile: Array) -> float:
    """Return how many times longer than wide the density about a place is.

    Parameters
    ----------
    image : ndarray, shape (n, n)
        Its noise must be below a tenth of the density.
    place : ndarray, shape (2,)
        Displacement (row, column) from the centre pixel n // 2.
    profile : ndarray, shape (R+1,)
        Of a typical particle, at 0, 1, ..., R pixels.

    Returns
    -------
    float
        Root of the ratio of the second moments along and across its longest direction: that of the axes of an
        ellipse.  1 where there is nothing, or only a line.
    """
    from scipy import ndimage

    radius = particle_radius(profile)
    sign = np.sign(profile[int(np.abs(profile).argmax())])
    axis = np.arange(len(image)) - len(image) // 2
    rows, columns = np.meshgrid(axis - place[0], axis - place[1], indexing="ij")
    distance = np.hypot(rows, columns)
    density = ndimage.gaussian_filter(sign * image.astype(np.float64), max(1.0, BLUR * radius))
    about = distance <= AROUND * radius
    around = ~about & (distance <= max(len(profile) - 1, 2 * AROUND * radius))
    if not about.any() or not around.any():
        return 1.0
    density -= np.median(density[around])
    highest = np.percentile(density[about], 99)
    mass = np.where(about & (density > FAINT * highest), density, 0.0)
    if not highest > 0:
        return 1.0
    middle = np.array([(mass * rows).sum(), (mass * columns).sum()]) / mass.sum()
    rows, columns = rows - middle[0], columns - middle[1]
    across = (mass * rows * columns).sum()
    moments = np.linalg.eigvalsh([[(mass * rows**2).sum(), across], [across, (mass * columns**2).sum()]])
    return float(np.sqrt(moments[1] / moments[0])) if moments[0] > 0 else 1.0
