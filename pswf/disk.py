"""The pixel disk: coefficients of angular order zero, and the rotational average they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array, Indices
from pswf.bases.base import RadialBasis
from pswf.bases.constant import WithConstant
from pswf.bases.prolate import DEFAULT_TRUNCATION, PAPER_TRUNCATION, PSWF
from pswf.checks import check_basis, check_count, check_distances, check_expansion, check_real, check_values
from pswf.jit import jit
from pswf.orthonormal import TOLERANCE, check_orthonormal, lower_mixture

__all__ = ["AngularZero"]

Index = npt.NDArray[np.int32]

_SMALLEST = 1e-60
"""Least size of a function; the inverse is the largest.  Products of four of them are numbers."""


class AngularZero:
    r"""Functions of angular order zero on the disk of pixels ``d <= R`` of a crop of (2R+1) x (2R+1) pixels.

    ``psi_n(s) = f_n(|s| / R) / (sqrt(2 pi) R)`` for a radial basis f_n, lengths in pixels, made orthonormal on the
    pixels of the disk: ``sum_s psi_m(s) psi_n(s) = delta_mn``.  Coefficients are then plain inner products, and the
    rotational average that they give is the *least-squares fit* of the basis to the pixels.  The centre of the disk is
    the centre pixel (R, R) of the crop.

    Parameters
    ----------
    radius : int
        R in pixels, at least 1.
    basis : RadialBasis, optional
        Any object with ``evaluate(r) -> (count, *r.shape)``.  By default the prolate functions at the Nyquist
        frequency with more than half of their energy on the disk, and the constant:
        ``WithConstant(PSWF(pi * radius, truncation=1))``.
    truncation : float, optional
        Truncation of the default basis; without meaning where ``basis`` is given.
    expansion : {"pixels", "paper"}, optional
        ``"paper"`` takes the functions as they are, orthonormal for the area instead of the pixels, and by default
        ``PSWF(pi * radius, truncation=PAPER_TRUNCATION)`` without the constant: what the authors of the surrogate
        centre of mass do.  For reproduction only; see the notes.  `coefficients` refuses functions that are orthonormal
        for neither.

    Attributes
    ----------
    radius, basis, expansion
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
        Radius below 1; a basis whose values have the wrong shape, are not finite, vanish on the pixels or are beyond
        1e60; one with more functions than the pixels of the disk can tell apart; an unknown expansion.

    Notes
    -----
    The functions are made orthonormal by Gram and Schmidt's method in their own order: psi_n is f_n less its part in
    those before it.  On the pixels this is little for functions that live on the disk.

    Why not the paper's expansion, and why the constant?  The extremes over R = 5 to 60 of the average at rho = R, A(R):
    of the constant 1, and its standard deviation in white noise relative to that of the mean of the ring
    ``R - 1 < d <= R``:

    ============================================  =====================  =============
    expansion                                     A(R) of the constant   noise of A(R)
    ============================================  =====================  =============
    sums, T = 1e-3 (paper)                        0.32 to 5.12           2.6 to 8.9
    sums, T = 1                                   0.39 to 0.50           0.7 to 0.8
    least squares, T = 1                          0.43 to 0.50           0.7 to 0.8
    least squares, T = 1e-3                       0.998 to 1             1.6 to 5.4
    least squares, T = 1 and the constant         1                      1.6 to 2.6
    ============================================  =====================  =============

    At T = 1e-3 there are functions that hardly live on the disk: on its pixels they are not orthonormal, and they ring
    at its edge.  At T = 1 all functions but vanish there, and so does the average.  The constant holds what they lack:
    smooth profiles (ramps, Gaussians, rings at the edge) are then right to 1.5 percent at R as well, for the noise of a
    straight line through the last two rings.

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

    def __init__(
        self,
        radius: int,
        basis: RadialBasis | None = None,
        truncation: float | None = None,
        *,
        expansion: str = "pixels",
    ) -> None:
        self.radius = check_count(radius, "radius")
        self.side = 2 * self.radius + 1
        self.expansion = check_expansion(expansion)
        self.basis: RadialBasis = (
            default_basis(self.radius, truncation, self.expansion) if basis is None else check_basis(basis)
        )
        offset = np.arange(-self.radius, self.radius + 1)
        squared = offset[:, None] ** 2 + offset**2
        inside = squared <= self.radius**2
        distinct, position, multiplicity = np.unique(squared[inside], return_inverse=True, return_counts=True)
        self.distances: Array = np.sqrt(distinct.astype(np.float64))
        self.multiplicity: Indices = multiplicity
        self.ring_index: Index = np.full(squared.shape, -1, dtype=np.int32)
        self.ring_index[inside] = position
        self.functions: Array = self._raw(self.distances)
        check_sizes(self.functions)
        self._checked = basis is None
        self._mixture: Array | None = None
        if self.expansion == "pixels":
            self._mixture = orthonormal_mixture(self.functions, self.multiplicity, self.radius)
            self.functions = self._mixture @ self.functions
        self.count = len(self.functions)

    def evaluate(self, rho: npt.ArrayLike) -> Array:
        """Return ``psi_n`` at the distances ``rho`` (pixels, 0 <= rho <= R), shape (K, *rho.shape), in 1 / pixel.

        Raises
        ------
        ValueError
            A distance outside [0, R] or not finite; a basis whose values have the wrong shape or are not finite.
        """
        values = self._raw(rho)
        return values if self._mixture is None else np.tensordot(self._mixture, values, axes=1)

    def _raw(self, rho: npt.ArrayLike) -> Array:
        """Return ``f_n(rho / R) / (sqrt(2 pi) R)``, the functions before they are made orthonormal."""
        distance = check_distances(rho, self.radius)
        # R / R is 1, but sqrt(d^2) / R could round to just above it
        values = np.asarray(self.basis.evaluate(np.minimum(distance / self.radius, 1.0)))
        check_values(values, distance.shape, "the basis")
        if len(values) == 0:
            raise ValueError(f"the basis {self.basis!r} has no function; give at least one")
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise ValueError(f"the basis {self.basis!r} gave values that are not finite real numbers")
        functions: Array = values / (np.sqrt(2.0 * np.pi) * self.radius)
        return functions

    def coefficients(self, crops: npt.ArrayLike) -> Array:
        """Return ``alpha_n = sum_s I(s) psi_n(s)`` over the pixels of the disk.

        ``sum_n alpha_n psi_n`` is the function in the span of the basis that is nearest to the image on these pixels
        (but not under ``expansion="paper"``, where the psi_n are not orthonormal on them).

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
            Images of another size, or none; functions that are not orthonormal, see `check_orthonormal`.

        Notes
        -----
        Pixels at the same distance share their value of psi: they are summed first (about R^2 / 2 rings of equal
        distance on a disk of pi R^2 pixels), then a small matrix product does the rest.
        """
        stack = self._check_crops(crops)
        self.check_orthonormal()
        sums: Array = ring_sums(stack, self.ring_index, len(self.distances))
        return sums @ self.functions.T

    def check_orthonormal(self) -> None:
        """Raise ValueError unless inner products with the functions are coefficients.

        They are where the functions are orthonormal on the pixels, as all are but under ``expansion="paper"``, or for
        the area, ``int_0^1 f g r dr``, as there.
        """
        if self.expansion == "paper" and not self._checked:
            on_pixels = (self.functions * self.multiplicity) @ self.functions.T
            if np.abs(on_pixels - np.eye(self.count)).max() > TOLERANCE:
                check_orthonormal(self.basis)
            self._checked = True

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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AngularZero):
            return NotImplemented
        return (self.radius, self.expansion) == (other.radius, other.expansion) and bool(self.basis == other.basis)

    def __hash__(self) -> int:
        return hash((AngularZero, self.radius, self.expansion))

    def __repr__(self) -> str:
        paper = ', expansion="paper"' if self.expansion == "paper" else ""
        return f"AngularZero({self.radius}, {self.basis!r}{paper})"

    def _check_crops(self, crops: npt.ArrayLike) -> npt.NDArray[Any]:
        stack = check_real(crops, "images", "pixels")
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
        values = check_real(coefficients, "coefficients", "ones").astype(np.float64, copy=False)
        if values.ndim != 2 or values.shape[1] != self.count:
            raise ValueError(f"coefficients have shape {values.shape}; give (B, {self.count})")
        return values


def check_sizes(functions: Array) -> None:
    """Raise ValueError where a function (K, D) vanishes on all pixels, or where its squares leave the doubles."""
    largest = np.abs(functions).max(axis=1)
    odd = ~((largest > _SMALLEST) & (largest < 1.0 / _SMALLEST))
    if odd.any():
        number = int(np.argmax(odd))
        raise ValueError(
            f"function {number} of the basis is at most {float(largest[number])!r} on the pixels of the disk; give "
            f"functions whose largest values lie between {_SMALLEST:g} and {1.0 / _SMALLEST:g}"
        )


def default_basis(radius: int, truncation: float | None, expansion: str) -> RadialBasis:
    """Return the functions that a disk of this radius has unless it is given some."""
    if expansion == "paper":
        return PSWF(np.pi * radius, truncation=PAPER_TRUNCATION if truncation is None else truncation)
    return WithConstant(PSWF(np.pi * radius, truncation=DEFAULT_TRUNCATION if truncation is None else truncation))


def orthonormal_mixture(functions: Array, multiplicity: Indices, radius: int) -> Array:
    """Return the lower triangular T, shape (K, K), that makes ``T @ functions`` orthonormal on the pixels.

    Parameters
    ----------
    functions : ndarray, shape (K, D)
    multiplicity : ndarray of int, shape (D,)
        Number of pixels at each distance.
    radius : int
        For the message.
    """
    count, distances = functions.shape
    if count > distances:
        raise ValueError(
            f"the basis has {count} functions, but the pixels of a disk of radius {radius} lie at {distances} "
            f"distances only and cannot tell more than {distances} functions apart; give fewer"
        )
    mixture, dependent = lower_mixture(functions, multiplicity)
    if dependent is not None:
        raise ValueError(
            f"function {dependent} of the basis is a combination of those before it on the pixels of a disk of radius "
            f"{radius}, which cannot tell them apart; give fewer functions"
        )
    return mixture


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
