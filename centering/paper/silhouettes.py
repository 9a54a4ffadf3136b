"""Silhouettes without any symmetry, at any size, position and angle: test objects whose centre is known exactly.

A silhouette is a formula, not a picture: it is drawn at the pixels anew for every angle, so rotated and shifted
copies are as sharp as the first, and its centre of mass is an integral over its outline.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array

__all__ = ["HEDGEHOG", "PIKE", "Silhouette"]


_ANGLES = 4096  # trapezoidal rule along the outline; spectrally accurate, the outline being smooth


@dataclass(frozen=True)
class Silhouette:
    r"""The region ``r <= rho(theta)``, 1 inside and 0 outside.

    ``rho`` is an ellipse plus bumps: ``a b / |(b cos theta, a sin theta)| + sum_k h_k exp(q_k (cos(theta - t_k) - 1))``
    with ``q_k = 1 / w_k^2``.  Lengths in an arbitrary unit; `image` scales them.

    Attributes
    ----------
    axes : (float, float)
        a and b, the semi-axes of the ellipse: along the columns, along the rows.
    bumps : tuple of (float, float, float)
        Direction t_k in degrees (0: to the right, 90: up), height h_k, angular width w_k in degrees.
    """

    axes: tuple[float, float]
    bumps: tuple[tuple[float, float, float], ...] = ()

    def outline(self, theta: npt.ArrayLike) -> Array:
        """Return ``rho(theta)``, theta in radians, in the silhouette's own unit."""
        angle = np.asarray(theta, dtype=np.float64)
        a, b = self.axes
        rho: Array = a * b / np.hypot(b * np.cos(angle), a * np.sin(angle))
        for direction, height, width in self.bumps:
            rho = rho + height * np.exp((np.cos(angle - np.deg2rad(direction)) - 1.0) / np.deg2rad(width) ** 2)
        return rho

    @cached_property
    def _moments(self) -> tuple[Array, float]:
        """Centre of mass (right, up) and largest distance of the outline from it, in the silhouette's own unit."""
        theta = np.arange(_ANGLES) * (2.0 * np.pi / _ANGLES)
        rho = self.outline(theta)
        direction = np.stack([np.cos(theta), np.sin(theta)])
        # in polar coordinates the mass is int rho^2 / 2, its first moment int rho^3 / 3
        center: Array = (direction @ rho**3 / 3.0) / (rho**2 / 2.0).sum()
        return center, float(np.linalg.norm(direction * rho - center[:, None], axis=0).max())

    def image(
        self,
        shape: int | tuple[int, int],
        radius: float,
        *,
        displacement: tuple[float, float] = (0.0, 0.0),
        angle: float = 0.0,
    ) -> Array:
        """Draw the silhouette.

        Parameters
        ----------
        shape : int or (int, int)
            Side of a square image, or rows and columns.
        radius : float
            Largest distance in pixels of the outline from the centre of mass.
        displacement : (float, float)
            (row, column) in pixels from the centre pixel ``n // 2`` of either axis to the centre of mass.
        angle : float
            Degrees by which the silhouette is turned about its centre of mass, counterclockwise as seen with row 0
            on top.

        Returns
        -------
        ndarray, float64
            1 inside, 0 outside; a pixel on the outline has about the part of its area that lies inside.

        Raises
        ------
        ValueError
            A radius that is not positive.

        Examples
        --------
        >>> image = HEDGEHOG.image(64, radius=20, displacement=(3, -5))
        >>> rows, columns = np.indices(image.shape) - 32
        >>> print(round((rows * image).sum() / image.sum(), 1), round((columns * image).sum() / image.sum(), 1))
        3.0 -5.0
        """
        if not radius > 0:
            raise ValueError(f"radius is {radius!r}; give a positive number of pixels")
        height, width = (int(side) for side in np.broadcast_to(shape, 2))
        center, reach = self._moments
        scale = radius / reach
        up = -(np.arange(height)[:, None] - height // 2 - displacement[0]) / scale
        right = (np.arange(width)[None, :] - width // 2 - displacement[1]) / scale
        cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        x = cosine * right + sine * up + center[0]
        y = cosine * up - sine * right + center[1]
        theta = np.arctan2(y, x)
        step = 1e-4
        rho = self.outline(theta)
        slope = (self.outline(theta + step) - self.outline(theta - step)) / (2.0 * step)
        # distance from the outline to first order, in pixels
        outside = scale * (np.hypot(x, y) - rho) / np.hypot(1.0, slope / rho)
        covered: Array = np.clip(0.5 - outside, 0.0, 1.0)
        return covered


HEDGEHOG = Silhouette(
    axes=(1.0, 0.66),
    bumps=(
        (-4.0, 0.42, 9.0),  # snout
        (24.0, 0.13, 5.0),  # ear
        (-60.0, 0.24, 7.0),  # feet
        (-122.0, 0.30, 7.0),
        *((48.0 + 12.5 * k, 0.13 + 0.012 * k, 2.6) for k in range(13)),  # spines, longer towards the tail
    ),
)
"""A hedgehog that looks to the right: compact, its centre of mass not in the middle of its outline."""

PIKE = Silhouette(
    axes=(1.0, 0.045),
    bumps=((172.0, 0.10, 3.0), (187.0, 0.14, 3.0), (100.0, 0.05, 12.0), (-12.0, 0.05, 4.0)),
)
"""A pike that looks to the right: so thin that its rotational average keeps little of it."""
