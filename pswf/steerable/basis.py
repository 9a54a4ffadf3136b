"""Steerable bases for whole images, from any family of radial bases."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Real
from pswf.bases.base import RadialBasis
from pswf.checks import check_count, check_distances, check_dtype, check_finufft, check_order, check_real, check_size
from pswf.families import RadialFamily
from pswf.steerable.blocks import BlockDiagonal
from pswf.steerable.chebyshev import chebyshev_tables
from pswf.steerable.layout import Steerable, by_parts
from pswf.steerable.least_squares import Expansion, LeastSquares
from pswf.steerable.symmetry import check_separable
from pswf.steerable.transform import DiskTransform

__all__ = ["SteerableBasis"]


class SteerableBasis(Steerable):
    r"""Images of L x L pixels in a steerable basis on the disk.

    The basis functions are ``f_{N,n}(r) cos(N theta)`` and ``f_{N,n}(r) sin(N theta)``, divided by
    ``R sqrt(pi)`` (``R sqrt(2 pi)`` for N = 0) so that smooth ones have unit norm as images, on the pixels whose
    distance from the centre pixel ``L // 2`` is at most ``R = L // 2``; r is the distance divided by R, theta the
    angle from the column axis towards the row axis.  Nothing of size coefficients x pixels is ever formed.

    Parameters
    ----------
    family : RadialFamily
        Called with N = 0, 1, ... it returns the radial functions of that order, or None where there are no more.
        Any function of the one argument will do.
    size : int or (int, int)
        L, odd or even.
    dtype : float32 or float64, optional
        Of coefficients and images.  float64 is exact to 1e-13, float32 to some 2e-5 of the norm, at a third of the
        time.

    Attributes
    ----------
    size, radius, dtype, family
        L, R = L // 2, and as above.
    layout : Layout
        Which coefficient is which: N ascending; within one N first the cosines, then the sines; n ascending.

    Raises
    ------
    TypeError
        Size not an integer, dtype not float32 or float64.
    ValueError
        Size below 2 or not square; a family without functions, or with more than the pixels of the disk can tell
        apart; radial functions that are not smooth on [0, 1], or not orthonormal (see `pswf.orthonormalized`).
    ImportError
        finufft is not installed.

    Notes
    -----
    `evaluate` and `evaluate_t` are transposes of each other.  `expand` is the least-squares inverse of `evaluate`.
    Real images have real coefficients; those of complex ones are complex, the real and the imaginary part each for its
    own (`to_complex` and `to_real` go to the functions with ``exp(i N theta)`` and back).
    A call shares its images among all cores, and calls from several threads are safe.

    Examples
    --------
    >>> import numpy as np
    >>> from pswf import SteerableBasis, ZernikeFamily
    >>> basis = SteerableBasis(ZernikeFamily(degree=8), 32, dtype=np.float64)
    >>> images = np.ones((2, 32, 32))
    >>> basis.evaluate_t(images).shape
    (2, 45)
    """

    def __init__(self, family: RadialFamily, size: int | tuple[int, int], *, dtype: npt.DTypeLike = np.float32) -> None:
        check_finufft()
        self.size = check_size(size)
        self.dtype = check_dtype(dtype)
        self.radius = self.size // 2
        if not callable(family):
            raise TypeError(f"family is {family!r}; give a function of the angular order, see pswf.RadialFamily")
        self.family = family
        tables = chebyshev_tables(family, self.radius, self.dtype)
        while not len(tables[-1]):
            tables.pop()
        self._transform = DiskTransform(tables, self.size, self.dtype)
        self.layout = self._transform.layout
        self.counts = self.layout.counts
        check_separable(self.layout, self._transform.rows, self._transform.columns)

    @cached_property
    def disk(self) -> npt.NDArray[np.bool_]:
        """The pixels of the disk, shape (L, L)."""
        mask = np.zeros(self.size**2, dtype=bool)
        mask[self._transform.pixels] = True
        return mask.reshape(self.size, self.size)

    def radial(self, angular_order: int) -> RadialBasis:
        """Return the radial functions of one order, normalised by ``int_0^1 f^2 r dr = 1``; -N has those of N."""
        order = abs(check_order(angular_order))
        basis = self.family(order) if order < len(self.counts) else None
        if basis is None:
            raise ValueError(
                f"angular_order is {angular_order!r}; this basis has the orders 0 to {len(self.counts) - 1}"
            )
        return basis

    # ------------------------------------------------------------------ transforms

    def evaluate_t(self, images: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the inner products of images with the basis functions.

        Parameters
        ----------
        images : array_like, shape (..., L, L)
            Real or complex; converted to the precision of the basis.  Pixels outside of the disk play no part.

        Returns
        -------
        ndarray, shape (..., count)

        Raises
        ------
        TypeError, ValueError
            Images that are not numbers, not of this size, or not finite on the disk.
        """

        def products(given: npt.NDArray[Any]) -> Real:
            pixels, shape = self._take(given)
            return self._transform.forward(pixels).reshape(*shape, self.count)

        return by_parts(products, images)

    def evaluate(self, coefficients: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the images with given coefficients, zero outside of the disk.

        Parameters
        ----------
        coefficients : array_like, shape (..., count)
            Real or complex; converted to the precision of the basis.

        Returns
        -------
        ndarray, shape (..., L, L)

        Raises
        ------
        TypeError, ValueError
            Coefficients that are not numbers, not finite, or not as many.
        """
        return by_parts(self._evaluate, coefficients)

    def _evaluate(self, coefficients: npt.ArrayLike) -> Real:
        given = self.check(coefficients).astype(self.dtype, copy=False)
        flat = given.reshape(-1, self.count)
        images = np.zeros((len(flat), self.size**2), dtype=self.dtype)
        images[:, self._transform.pixels] = self._transform.backward(flat)
        return images.reshape(*given.shape[:-1], self.size, self.size)

    def expand(self, images: npt.ArrayLike, *, tolerance: float | None = None) -> npt.NDArray[Any]:
        """Return the coefficients whose `evaluate` is nearest to the images on the disk.

        `least_squares` does the same and reports what was reached.

        Parameters
        ----------
        images : array_like, shape (..., L, L)
            Real or complex.
        tolerance : float, optional
            As in `least_squares`.

        Returns
        -------
        ndarray, shape (..., count)

        Raises
        ------
        TypeError, ValueError
            As `least_squares`.
        """
        return by_parts(lambda part: self.least_squares(part, tolerance=tolerance).coefficients, images)

    def least_squares(
        self, images: npt.ArrayLike, *, tolerance: float | None = None, max_iterations: int | None = None
    ) -> Expansion:
        """Return the least-squares expansion of images, with what is left over.

        Conjugate gradients on the normal equations, preconditioned by their inverse at the edge of the band.  Where
        the pixels hardly tell the functions apart they do not converge: the equations are then solved by QR
        factorisation, once for the basis.

        Parameters
        ----------
        images : array_like, shape (..., L, L)
        tolerance : float, optional
            Stop when the preconditioned gradient has fallen to this part of its start, or to the rounding of
            what is left over; 3e-15 for float64, 1e-7 for float32 by default.
        max_iterations : int, optional
            Stop after so many steps, converged or not (``gradient`` says how far it got), and never solve directly.

        Returns
        -------
        Expansion
            ``coefficients`` (..., count); ``residual`` (...,): norm of image - evaluate(coefficients) on the disk
            relative to the norm of the image; ``gradient`` (...,): what the iteration reached; ``iterations``.

        Raises
        ------
        TypeError, ValueError
            As `evaluate_t`.
        ValueError
            The pixels do not tell the functions apart: a reciprocal condition number of the equations below 1e-10
            (float32: 1e-4), or, for bases of more than 16,000 functions, no convergence within 1000 steps.
        """
        limit = {4: 1e-7, 8: 3e-15}[self.dtype.itemsize] if tolerance is None else float(tolerance)
        if not 0.0 < limit < 1.0:
            raise ValueError(f"tolerance is {tolerance!r}; give a number between 0 and 1")
        steps = None if max_iterations is None else check_count(max_iterations, "max_iterations")
        pixels, shape = self._take(images)
        return self._least_squares(pixels, limit, steps).reshape(shape)

    # ------------------------------------------------------------------ on coefficients

    def rotational_average(self, coefficients: npt.ArrayLike, rho: npt.ArrayLike | None = None) -> npt.NDArray[Any]:
        """Return the rotational averages of the images about their centre.

        Parameters
        ----------
        coefficients : array_like, shape (..., count)
            Real or complex.
        rho : array_like, optional
            Distances from the centre in pixels, 0 <= rho <= R; 0, 1, ..., R by default.

        Returns
        -------
        ndarray, shape (..., *rho.shape)

        Raises
        ------
        ValueError
            A distance outside of [0, R].
        """
        return by_parts(lambda part: self._rotational_average(part, rho), coefficients)

    def _rotational_average(self, coefficients: npt.ArrayLike, rho: npt.ArrayLike | None) -> Real:
        real = self.check(coefficients)
        distances = check_distances(np.arange(self.radius + 1) if rho is None else rho, self.radius)
        values = np.asarray(self.radial(0).evaluate(distances / self.radius))
        scale = 1.0 / (self.radius * math.sqrt(2.0 * math.pi))
        average = real[..., self.cosines[0]] @ (values.reshape(len(values), -1) * scale).astype(real.dtype)
        return np.asarray(average.reshape(*real.shape[:-1], *distances.shape))

    def second_moment(self, coefficients: npt.ArrayLike) -> BlockDiagonal:
        """Return the second moment of images in all their rotations and reflections.

        Parameters
        ----------
        coefficients : array_like, shape (B, count)

        Returns
        -------
        BlockDiagonal
            ``blocks[N] = mean over images of (a a' + b b') / 2``, a cosine and b sine coefficients of order N
            (``a a'`` for N = 0); its eigenvectors are the steerable principal components.
        """
        real = self.check(coefficients)
        flat = np.asarray(real.reshape(-1, self.count), dtype=np.float64)
        if not len(flat):
            raise ValueError(f"coefficients have shape {real.shape}; give at least one image")
        blocks = []
        for N, cosine in enumerate(self.cosines):
            block = flat[:, cosine].T @ flat[:, cosine]
            if N:
                sine = flat[:, self.sines[N]]
                block = 0.5 * (block + sine.T @ sine)
            blocks.append(block / len(flat))
        return BlockDiagonal(tuple(blocks))

    # ------------------------------------------------------------------ inside

    def _take(self, images: npt.ArrayLike) -> tuple[Real, tuple[int, ...]]:
        """Return the pixels of the disk in the dtype of the basis, shape (B, pixels), and the shape of the stack."""
        stack = check_real(images, "images", "pixels")
        if stack.ndim < 2 or stack.shape[-2:] != (self.size, self.size):
            raise ValueError(f"images have shape {stack.shape}; this basis is for (..., {self.size}, {self.size})")
        pixels = stack.reshape(-1, self.size**2)[:, self._transform.pixels]
        with np.errstate(over="ignore"):
            values = pixels.astype(self.dtype, copy=False)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            first = int(np.flatnonzero(~finite)[0])
            if np.isfinite(pixels[first]).all():
                raise ValueError(f"image {first} has pixels beyond the range of {self.dtype}; give smaller ones")
            raise ValueError(f"image {first} has non-finite pixels; give finite images")
        return values, stack.shape[:-2]

    @cached_property
    def _least_squares(self) -> LeastSquares:
        return LeastSquares(self._transform)

    def __eq__(self, other: object) -> bool:
        """Whether other is a basis of the same functions on the same pixels, in the same precision."""
        if not isinstance(other, SteerableBasis):
            return NotImplemented
        return (self.size, self.dtype, self.counts) == (other.size, other.dtype, other.counts) and bool(
            self.family == other.family
        )

    def __hash__(self) -> int:
        return hash((self.size, self.dtype, self.counts))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.family!r}, {self.size}, dtype={self.dtype.name!r})"
