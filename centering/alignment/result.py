"""What reference-free alignment returns."""

from __future__ import annotations

from dataclasses import dataclass

from centering.results import Centers
from pswf.arrays import Array

__all__ = ["Alignment"]


@dataclass(frozen=True)
class Alignment:
    """B images aligned to each other.

    Attributes
    ----------
    centers : Centers
        Displacements, scores and flags.
    angle : ndarray, shape (B,)
        Degrees by which the object of an image is turned against that of the average, in (-180, 180], counterclockwise
        as displayed with row 0 on top; 0 without ``rotations`` and for images that were left out.
    average : ndarray, shape (n, n)
        Average of the aligned images, without the details that were left out; its centre is in the centre pixel n // 2.
        Its grey scale is that of images of deviation 1 and mean 0.
    running : mapping of int to ndarray, shape (2R+1, 2R+1)
        Part (a): the average of the first 1, 2, 4, ... and of all images, where it was when they had been added;
        zero outside of the disk.
    moved, turned : ndarray, shape (S, B)
        Part (b): how far every image was moved in every sweep, in pixels, and turned, in degrees, beyond the median
        of all images: moving all alike changes nothing.
    total : ndarray, shape (S + 1,)
        Sum of the inner products of all pairs of images, before the first sweep and after each; it never falls.
    converged : bool
        Whether nothing moved by more than the tolerance in the last sweep.
    """

    centers: Centers
    angle: Array
    average: Array
    running: dict[int, Array]
    moved: Array
    turned: Array
    total: Array
    converged: bool

    @property
    def displacement(self) -> Array:
        """Displacements of the centres, shape (B, 2), (row, column) in pixels."""
        return self.centers.displacement
