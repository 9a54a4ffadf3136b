"""Is what lies about a centre longer than wide?  Two bodies that touch are, and their centre lies between them."""

from __future__ import annotations

import numpy as np

from centering.radial.tuning import TUNING
from centering.stack import Images, moderate
from pswf.arrays import Array

__all__ = ["axis_ratios", "particle_radius"]


def particle_radius(profile: Array) -> int:
    """Return the distance in pixels up to which a profile, at 0, 1, ..., R, is above a tenth of its height.

    The height may be negative: the particle is dark then.
    """
    height = profile[int(np.abs(profile).argmax())]
    return max(1, int(np.flatnonzero(profile * np.sign(height) >= TUNING.faint_density * abs(height))[-1]))


def axis_ratios(images: Images, displacement: Array, profile: Array) -> Array:
    """Return how many times longer than wide the density about a centre is, shape (B,).

    Parameters
    ----------
    images : ndarray, shape (B, n, n)
        Their noise must be below a tenth of the density.
    displacement : ndarray, shape (B, 2)
        Centres, (row, column) in pixels from the centre pixel n // 2.
    profile : ndarray, shape (R+1,)
        Of a typical particle, at 0, 1, ..., R pixels.

    Returns
    -------
    ndarray, shape (B,), float64
        Roots of the ratios of the second moments along and across the longest direction: those of the axes of an
        ellipse.  1 where there is nothing.
    """
    radius = particle_radius(profile)
    sign = float(np.sign(profile[int(np.abs(profile).argmax())]))
    far = max(len(profile) - 1, 2 * TUNING.shape_reach * radius)
    bright = (sign * image.astype(np.float64) for image in moderate(images))
    ratios = [_ratio(image, center, radius, far) for image, center in zip(bright, displacement, strict=True)]
    return np.array(ratios)


def _ratio(image: Array, center: Array, radius: int, far: float) -> float:
    """Return the ratio of one image of bright density; the background is what lies around, up to ``far`` pixels."""
    from scipy import ndimage

    axis = np.arange(len(image)) - len(image) // 2
    rows, columns = np.meshgrid(axis - center[0], axis - center[1], indexing="ij")
    distance = np.hypot(rows, columns)
    density = ndimage.gaussian_filter(image, max(1.0, TUNING.shape_blur * radius))
    about = distance <= TUNING.shape_reach * radius
    around = ~about & (distance <= far)
    if not about.any() or not around.any():
        return 1.0
    density -= np.median(density[around])
    highest = np.percentile(density[about], 99)
    mass = np.where(about & (density > TUNING.faint_density * highest), density, 0.0)
    if not highest > 0:
        return 1.0
    middle = np.array([(mass * rows).sum(), (mass * columns).sum()]) / mass.sum()
    rows, columns = rows - middle[0], columns - middle[1]
    across = (mass * rows * columns).sum()
    moments = np.linalg.eigvalsh([[(mass * rows**2).sum(), across], [across, (mass * columns**2).sum()]])
    return float(np.sqrt(moments[1] / moments[0])) if moments[0] > 0 else 1.0
