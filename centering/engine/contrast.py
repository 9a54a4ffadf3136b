"""Are the particles brighter or darker than their surroundings?  The surrogate centre needs them bright."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Contrast", "detect_contrast"]

_CLEAR = 0.75
"""Below this fraction of agreeing images the decision is called unclear."""


@dataclass(frozen=True)
class Contrast:
    """Which sign makes the particles bright, and how sure that is.

    Attributes
    ----------
    invert : bool
        True where the pixels must be multiplied by -1.
    agreeing, looked_at : int
        Number of images that agree, of those that were looked at.
    given : bool
        True where the user decided.
    """

    invert: bool
    agreeing: int = 0
    looked_at: int = 0
    given: bool = False

    @property
    def clear(self) -> bool:
        """Whether enough images agree."""
        return self.given or self.agreeing >= _CLEAR * max(self.looked_at, 1)

    def __str__(self) -> str:
        kind = "dark on a bright background, inverted" if self.invert else "bright on a dark background"
        if self.given:
            return f"particles are taken as {kind} (given)"
        reason = f"{self.agreeing} of {self.looked_at} images looked at agree"
        return f"particles are {kind} ({reason})" if self.clear else f"unclear, taken as {kind} ({reason})"


def detect_contrast(batches: Iterable[npt.NDArray[np.float32]], radius: float) -> Contrast:
    """Compare the middle of the images with a ring around the particle.

    The mean over the inner three quarters of the disk minus the mean over the ring from ``radius`` to
    ``1.5 * radius`` is positive for bright particles, even when they are off-centre by half their radius;
    thousands of pixels enter each mean, so noise hardly does.  The median over the images decides.

    Parameters
    ----------
    batches : iterable of ndarray, shape (b, n, n)
        A sample of the stack; constant and non-finite images are passed over.
    radius : float
        Radius of the particles in pixels, at most ``(n - 1) / 2``.
    """
    parts = []
    for images in batches:
        position = np.arange(images.shape[-1]) - images.shape[-1] // 2
        distance = np.hypot(position[:, None], position[None, :])
        inside = (distance <= 0.75 * radius).astype(images.dtype)
        ring = ((distance > radius) & (distance <= 1.5 * radius)).astype(images.dtype)
        weights = inside / inside.sum() - ring / ring.sum()
        with np.errstate(invalid="ignore", over="ignore"):
            # without the mean, float32 sums keep their digits on a large background
            centered = images - images.mean(axis=(1, 2), keepdims=True)
            difference = np.tensordot(centered, weights, axes=2)
        parts.append(difference[np.isfinite(difference) & (difference != 0)])
    differences = np.concatenate(parts) if parts else np.zeros(0)
    if not len(differences):
        return Contrast(False)
    invert = bool(np.median(differences) < 0)
    agreeing = int(np.count_nonzero((differences < 0) == invert))
    return Contrast(invert, agreeing, len(differences))
