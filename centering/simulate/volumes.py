"""Projections of density maps, displaced by known amounts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.jit import jit

__all__ = ["center_of_mass", "project"]


def center_of_mass(volume: npt.ArrayLike) -> Array:
    """Return the centre of ``|density|``, shape (3,), in voxels from index 0.

    Maps are high-pass filtered: their densities sum to about 0 and surround a particle with a negative halo, so the
    centre of the signed density lies anywhere.  The absolute density is a mass.

    Raises
    ------
    ValueError
        Not three-dimensional, or zero everywhere.
    """
    mass = np.abs(_checked(volume))
    if not mass.any():
        raise ValueError("the volume is zero everywhere: it has no centre of mass")
    return np.array([(mass.sum(axis=tuple({0, 1, 2} - {a})) @ np.arange(mass.shape[a])) / mass.sum() for a in range(3)])


def project(
    volume: npt.ArrayLike,
    rotation: npt.ArrayLike,
    displacement: npt.ArrayLike,
    size: int,
    *,
    origin: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float32]:
    """Rotate a density map about a point, project it along depth and displace it.

    Parameters
    ----------
    volume : array_like, shape (l, m, n)
        Axes (row, column, depth).
    rotation : array_like, shape (B, 3, 3)
        Rotations of the map.
    displacement : array_like, shape (B, 2)
        (row, column) in pixels from the centre pixel ``size // 2`` to the projected origin.
    size : int
        Side of the images.
    origin : array_like, shape (3,), optional
        The point in voxels from index 0; the `center_of_mass` without it.

    Returns
    -------
    ndarray, shape (B, size, size), float32
        Sums along depth, one sample a voxel, interpolated linearly; the density is 0 outside the map.

    Raises
    ------
    ValueError
        Arrays of other shapes or with numbers that are not finite, or a size below 1.
    """
    density = np.ascontiguousarray(_checked(volume), dtype=np.float32)
    frames = np.asarray(rotation, dtype=np.float64)
    shift = np.asarray(displacement, dtype=np.float64)
    if frames.ndim != 3 or frames.shape[1:] != (3, 3) or shift.shape != (len(frames), 2):
        raise ValueError(
            f"rotation has shape {frames.shape} and displacement {shift.shape}; they must be (B, 3, 3) and (B, 2)"
        )
    if size < 1:
        raise ValueError(f"size is {size!r}; give at least 1 pixel")
    center = center_of_mass(density) if origin is None else np.asarray(origin, dtype=np.float64)
    if center.shape != (3,):
        raise ValueError(f"origin has shape {center.shape}; give (row, column, depth) in voxels")
    for name, values in (("rotation", frames), ("displacement", shift), ("origin", center)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} has the value {values[~np.isfinite(values)][0]}; give finite numbers")
    # no voxel is farther from the origin than the farthest corner
    corners = np.array(np.meshgrid(*[[0, side - 1] for side in density.shape])).reshape(3, -1).T
    reach = int(np.ceil(np.linalg.norm(corners - center, axis=1).max()))
    images = np.zeros((len(frames), size, size), dtype=np.float32)
    _project(density, frames, shift, center, reach, images)
    return images


def _checked(volume: npt.ArrayLike) -> npt.NDArray[Any]:
    density = np.asarray(volume)
    if density.ndim != 3 or density.dtype.kind not in "fiu" or density.size == 0:
        raise ValueError(f"the volume has shape {density.shape} and dtype {density.dtype}; give real numbers (l, m, n)")
    return density


@jit
def _project(density: Any, frames: Any, shift: Any, center: Any, reach: int, images: Any) -> None:
    """Write ``images[b, r, c] = sum_z density(center + frame^T (y, x, z))``, (y, x) the pixel less the shift.

    One sample a voxel along depth, trilinear between the voxels; beyond the centres of the outermost ones it is 0.
    """
    sides = density.shape
    size = images.shape[1]
    for b in range(len(images)):
        frame = frames[b]
        for r in range(size):
            y = r - size // 2 - shift[b, 0]
            for c in range(size):
                x = c - size // 2 - shift[b, 1]
                if y * y + x * x > reach * reach:
                    continue
                total = 0.0
                for z in range(-reach, reach + 1):
                    # the inverse of a rotation is its transpose
                    i = center[0] + frame[0, 0] * y + frame[1, 0] * x + frame[2, 0] * z
                    j = center[1] + frame[0, 1] * y + frame[1, 1] * x + frame[2, 1] * z
                    k = center[2] + frame[0, 2] * y + frame[1, 2] * x + frame[2, 2] * z
                    # written so that a position that is no number is outside as well
                    if not (0 < i < sides[0] - 1 and 0 < j < sides[1] - 1 and 0 < k < sides[2] - 1):
                        continue
                    i0, j0, k0 = int(i), int(j), int(k)
                    u, v, w = i - i0, j - j0, k - k0
                    near = density[i0, j0, k0] * (1 - w) + density[i0, j0, k0 + 1] * w
                    right = density[i0, j0 + 1, k0] * (1 - w) + density[i0, j0 + 1, k0 + 1] * w
                    below = density[i0 + 1, j0, k0] * (1 - w) + density[i0 + 1, j0, k0 + 1] * w
                    across = density[i0 + 1, j0 + 1, k0] * (1 - w) + density[i0 + 1, j0 + 1, k0 + 1] * w
                    total += (near * (1 - v) + right * v) * (1 - u) + (below * (1 - v) + across * v) * u
                images[b, r, c] = total
