"""The pixel disk: coefficients of angular order zero, and the rotational average they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pswf._jit import jit
from pswf.bases.base import RadialBasis
from pswf.bases.prolate import DEFAULT_TRUNCATION, PSWF
from pswf.checks import check_count

__all__ = ["AngularZero"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int32]


class AngularZero:
    r"""Functions of angular order zero on the disk of pixels ``d <= R`` of a crop of (2R+1) x (2R+1) pixels.

    ``psi_n(s) = f_n(|s| / R) / (sqrt(2 pi) R)`` for a radial basis f_n, so that ``int psi_m psi_n dA = delta_mn``
    with lengths in pixels.  The centre of the disk is the centre pixel (R, R) of the crop.

    Parameters
    ----------
    radius : int
        R in pixels, at least 1.
    basis : RadialBasis, optional
        Any object with ``evaluate(r) -> (count, *r.shape)``.  By default the prolate functions at the Nyquist
        frequency, ``PSWF(pi * radius, truncation=truncation)``.
    truncation : float, optional
        Truncation of the default basis; without meaning where ``basis`` is given.

    Attributes
    ----------
    radius, basis
        As above.
    count : int
        Number K of functions.
    side : int
        2R + 1, the side of the crops.
    distances : ndarray, shape (D,)
        The distinct distances of the pixels of the disk from its centre, in pixels, ascending.
    multiplicity : ndarray of int, shape (D,)
        Number of pixels at each distance.
    functions : ndarray, shape (K, D)
        ``psi_n`` at those distances, in 1 / pixel.
    ring_index : ndarray of int32, shape (2R+1, 2R+1)
        Position of every pixel's distance in ``distances``; -1 outside the disk.

    Raises
    ------
    TypeError
        Radius not an integer, or a basis without a callable ``evaluate``.
    ValueError
        Radius below 1, or a basis whose values have the wrong shape or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from pswf import AngularZero
    >>> disk = AngularZero(16)
    >>> offset = np.arange(-16, 17)
    >>> bump = np.exp(-(offset[:, None] ** 2 + offset**2) / 50)
    >>> disk.rotational_average(disk.coefficients(bump), [0.0, 5.0]).round(3)
    array([[1.   , 0.607]])
    """

    def __init__(self, radius: int, basis: RadialBasis | None = None, truncation: float = DEFAULT_TRUNCATION) -> None:
        self.radius = check_count(radius, "radius")
        self.side = 2 * self.radius + 1
        self.basis: RadialBasis = (
            PSWF(np.pi * self.radius, truncation=truncation) if basis is None else check_basis(basis)
        )
        offset = np.arange(-self.radius, self.radius + 1)
        squared = offset[:, None] ** 2 + offset**2
        inside = squared <= self.radius**2
        distinct, position, multiplicity = np.unique(squared[inside], return_inverse=True, return_counts=True)
        self.distances: Array = np.sqrt(distinct.astype(np.float64))
        self.multiplicity: npt.NDArray[np.int64] = multiplicity
        self.ring_index: Index = np.full(squared.shape, -1, dtype=np.int32)
        self.ring_index[inside] = position
        self.functions: Array = self.evaluate(self.distances)
        self.count = len(self.functions)

    def evaluate(self, rho: npt.ArrayLike) -> Array:
        """Return ``psi_n`` at the distances ``rho`` (pixels, 0 <= rho <= R), shape (K, *rho.shape), in 1 / pixel.

        Raises
        ------
        ValueError
            A distance outside [0, R] or not finite; a basis whose values have the wrong shape or are not finite.
        """
        distance = np.asarray(rho, dtype=np.float64)
        outside = ~((distance >= 0.0) & (distance <= self.radius))
        if outside.any():
            raise ValueError(
                f"rho has the value {float(distance[outside].flat[0])!r}; give distances in [0, {self.radius}] pixels"
            )
        # R / R is 1, but sqrt(d^2) / R could round to just above it
        values = np.asarray(self.basis.evaluate(np.minimum(distance / self.radius, 1.0)))
        if values.ndim != distance.ndim + 1 or values.shape[1:] != distance.shape or len(values) == 0:
            raise ValueError(
                f"the basis evaluated at {distance.shape} points gave shape {values.shape}; "
                "evaluate(r) must return (count, *r.shape)"
            )
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise ValueError(f"the basis {self.basis!r} gave values that are not finite real numbers")
        functions: Array = values / (np.sqrt(2.0 * np.pi) * self.radius)
        return functions

    def coefficients(self, crops: npt.ArrayLike) -> Array:
        """Return ``alpha_n = sum_s I(s) psi_n(s)`` over the pixels of the disk.

        Parameters
        ----------
        crops : array_like, shape (B, 2R+1, 2R+1) or (2R+1, 2R+1)
            Real images, centre pixel (R, R).

        Returns
        -------
        ndarray, shape (B, K), float64
            In units of the pixel values times pixels.  An image with NaN or infinite pixels on the disk has
            coefficients that are not finite; the others are not affected.

        Raises
        ------
        TypeError
            Complex or non-numeric images.
        ValueError
            Images of another size, or none.

        Notes
        -----
        Pixels at the same distance share their value of psi: they are summed first (about R^2 / 2 rings of equal
        distance on a disk of pi R^2 pixels), then a small matrix product does the rest.
        """
        stack = self._check_crops(crops)
        sums: Array = ring_sums(stack, self.ring_index, len(self.distances))
        return sums @ self.functions.T

    def rotational_average(self, coefficients: npt.ArrayLike, rho: npt.ArrayLike) -> Array:
        """Return ``A(rho) = sum_n alpha_n psi_n(rho)``.

        Parameters
        ----------
        coefficients : array_like, shape (B, K)
        rho : array_like
            Distances from the centre in pixels, 0 <= rho <= R.

        Returns
        -------
        ndarray, shape (B, *rho.shape), float64
            In units of the pixel values.

        Raises
        ------
        ValueError
            Coefficients that are not (B, K), or distances outside [0, R].
        """
        return np.tensordot(self._check_coefficients(coefficients), self.evaluate(rho), axes=1)

    def reconstruct(self, coefficients: npt.ArrayLike) -> Array:
        """Return the images ``sum_n alpha_n psi_n``, shape (B, 2R+1, 2R+1), 0 outside the disk.

        They are the rotational averages drawn as images.

        Raises
        ------
        ValueError
            Coefficients that are not (B, K).
        """
        values = self._check_coefficients(coefficients) @ self.functions
        # the index -1 of the pixels outside picks the zero appended here
        padded = np.concatenate([values, np.zeros((len(values), 1))], axis=1)
        images: Array = padded[:, self.ring_index]
        return images

    def __repr__(self) -> str:
        return f"AngularZero({self.radius}, {self.basis!r})"

    def _check_crops(self, crops: npt.ArrayLike) -> npt.NDArray[Any]:
        stack = np.asarray(crops)
        if stack.dtype.kind not in "fiub":
            raise TypeError(f"images have dtype {stack.dtype}; give real pixels")
        if stack.ndim == 2:
            stack = stack[np.newaxis]
        if stack.ndim != 3 or stack.shape[1:] != (self.side, self.side) or len(stack) == 0:
            raise ValueError(
                f"images have shape {stack.shape}; radius {self.radius} needs (B, {self.side}, {self.side})"
            )
        if stack.dtype not in (np.float32, np.float64):
            stack = stack.astype(np.float64)
        return np.ascontiguousarray(stack)

    def _check_coefficients(self, coefficients: npt.ArrayLike) -> Array:
        values = np.asarray(coefficients, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.count:
            raise ValueError(f"coefficients have shape {values.shape}; give (B, {self.count})")
        return values


def check_basis(basis: RadialBasis) -> RadialBasis:
    """Return ``basis``; raise TypeError unless it has a callable ``evaluate``."""
    if not callable(getattr(basis, "evaluate", None)):
        raise TypeError(f"basis is {basis!r}; give an object with a method evaluate(r) -> (count, *r.shape)")
    return basis


@jit
def ring_sums(images: npt.NDArray[Any], ring_index: Index, count: int) -> Array:
    """Sum the pixels of every image (B, side, side) over the rings of equal distance: (B, count)."""
    sums = np.zeros((images.shape[0], count))
    for image in range(images.shape[0]):
        for row in range(ring_index.shape[0]):
            for column in range(ring_index.shape[1]):
                ring = ring_index[row, column]
                if ring >= 0:
                    sums[image, ring] += images[image, row, column]
    return sums
