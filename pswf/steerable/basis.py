"""Steerable bases for whole images, from any family of radial bases."""

from __future__ import annotations

import importlib.util
import math
import operator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf._threads import thread_count, thread_map
from pswf.bases.base import RadialBasis
from pswf.families import RadialFamily
from pswf.steerable.blocks import BlockDiagonal
from pswf.steerable.chebyshev import chebyshev_coefficients, needed_degree
from pswf.steerable.layout import Layout, pick_orders
from pswf.steerable.least_squares import EdgePreconditioner, Expansion, conjugate_gradients, edge_preconditioner
from pswf.steerable.torus import Torus

__all__ = ["SteerableBasis", "check_dtype", "check_size"]

Array = npt.NDArray[np.float64]
Images = npt.NDArray[Any]

_SERIES_TOLERANCE = {np.dtype(np.float32): 1e-7, np.dtype(np.float64): 1e-14}
_RESOLVED = 1e-10
"""A Chebyshev series counts as resolved when its end is below this part of its largest coefficient."""


def check_size(size: int | tuple[int, int]) -> int:
    """Return the side L of L x L images from L or (L, L)."""
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    try:
        whole = tuple(operator.index(side) for side in sides)
    except TypeError:
        raise TypeError(f"size is {size!r}; give a whole number of pixels") from None
    if len(whole) != 2 or whole[0] != whole[1]:
        raise ValueError(f"size is {size!r}; images must be square, L or (L, L)")
    if whole[0] < 2:
        raise ValueError(f"size is {size!r}; give at least 2 pixels")
    return whole[0]


def check_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return float32 or float64 as a dtype."""
    try:
        result = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype is {dtype!r}; give float32 or float64") from None
    if result not in (np.float32, np.float64):
        raise TypeError(f"dtype is {dtype!r}; give float32 or float64")
    return result


class SteerableBasis:
    r"""Real images of L x L pixels in a steerable basis on the disk.

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
    count, complex_count : int
        Number of real coefficients, and of complex ones (one per pair N >= 0, n).
    counts : tuple of int
        Number of radial functions per order.
    angular_indices, radial_indices, sign_indices : ndarray of int, shape (count,)
        N, n, and 1 for cosine or -1 for sine, of every real coefficient.  Order: N ascending; within one N first the
        cosines, then the sines; n ascending.
    layout : Layout
        The index arrays and slices, those of complex coefficients included.

    Raises
    ------
    TypeError
        Size not an integer, dtype not float32 or float64.
    ValueError
        Size below 2 or not square; a family without functions; radial functions that are not smooth on [0, 1].
    ImportError
        finufft is not installed.

    Notes
    -----
    `evaluate` and `evaluate_t` are transposes of each other.  `expand` is the least-squares inverse of `evaluate`.
    A call spreads its images over all cores, and calls from several threads are safe.

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
        if importlib.util.find_spec("finufft") is None:
            raise ImportError("whole-image bases need finufft: pip install 'pswf-centering[steerable]'")
        self.size = check_size(size)
        self.dtype = check_dtype(dtype)
        self.radius = self.size // 2
        if not callable(family):
            raise TypeError(f"family is {family!r}; give a function of the angular order, see pswf.RadialFamily")
        self.family = family
        tables = self._build_tables()
        self.layout = Layout(pick_orders([len(table) for table in tables]))
        self._tables = tables[: len(self.layout.counts)]
        rows, columns = np.mgrid[: self.size, : self.size] - self.radius
        r = np.hypot(rows, columns)
        self._pixels = np.flatnonzero(r <= self.radius)
        theta = np.arctan2(rows, columns).ravel()[self._pixels]
        t = np.arccos(r.ravel()[self._pixels] / self.radius)
        self._torus = Torus(theta, t, [table.shape[1] for table in self._tables], self.dtype)

    @property
    def count(self) -> int:
        """Number of real coefficients."""
        return self.layout.count

    @property
    def complex_count(self) -> int:
        """Number of complex coefficients, one per (N, n) with N >= 0."""
        return self.layout.complex_count

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of radial functions per order N."""
        return self.layout.counts

    @property
    def angular_indices(self) -> npt.NDArray[np.int64]:
        """N of every real coefficient, shape (count,)."""
        return self.layout.angular_indices

    @property
    def radial_indices(self) -> npt.NDArray[np.int64]:
        """The radial order n of every real coefficient, shape (count,)."""
        return self.layout.radial_indices

    @property
    def sign_indices(self) -> npt.NDArray[np.int64]:
        """1 for a cosine (or N = 0), -1 for a sine, shape (count,)."""
        return self.layout.sign_indices

    @cached_property
    def disk(self) -> npt.NDArray[np.bool_]:
        """The pixels of the disk, shape (L, L)."""
        mask = np.zeros(self.size**2, dtype=bool)
        mask[self._pixels] = True
        return mask.reshape(self.size, self.size)

    def radial(self, angular_order: int) -> RadialBasis:
        """Return the radial functions of one order, normalised by ``int_0^1 f^2 r dr = 1``."""
        basis = self.family(angular_order) if 0 <= angular_order < len(self.counts) else None
        if basis is None:
            raise ValueError(
                f"angular_order is {angular_order!r}; this basis has the orders 0 to {len(self.counts) - 1}"
            )
        return basis

    # ------------------------------------------------------------------ transforms

    def evaluate_t(self, images: npt.ArrayLike) -> Images:
        """Return the inner products of images with the basis functions.

        Parameters
        ----------
        images : array_like, shape (..., L, L)
            Real; converted to the dtype of the basis.  Pixels outside of the disk play no part.

        Returns
        -------
        ndarray, shape (..., count)

        Raises
        ------
        TypeError
            Complex or non-numeric images.
        ValueError
            Images of another size, or with non-finite pixels on the disk.
        """
        stack = self._check_images(images)
        return self._forward(self._take(stack)).reshape(*stack.shape[:-2], self.count)

    def evaluate(self, coefficients: npt.ArrayLike) -> Images:
        """Return the images with given coefficients, zero outside of the disk.

        Parameters
        ----------
        coefficients : array_like, shape (..., count)
            Real; converted to the dtype of the basis.

        Returns
        -------
        ndarray, shape (..., L, L)

        Raises
        ------
        TypeError
            Complex or non-numeric coefficients.
        ValueError
            The wrong number of coefficients, or non-finite ones.
        """
        given = self.layout.check(coefficients).astype(self.dtype, copy=False)
        flat = given.reshape(-1, self.count)
        images = np.zeros((len(flat), self.size**2), dtype=self.dtype)
        images[:, self._pixels] = self._backward(flat)
        return images.reshape(*given.shape[:-1], self.size, self.size)

    def expand(self, images: npt.ArrayLike, *, tolerance: float | None = None) -> Images:
        """Return the coefficients whose `evaluate` is nearest to the images on the disk.

        `least_squares` does the same and reports what was reached.

        Parameters
        ----------
        images : array_like, shape (..., L, L)
        tolerance : float, optional
            As in `least_squares`.

        Returns
        -------
        ndarray, shape (..., count)
        """
        return self.least_squares(images, tolerance=tolerance).coefficients

    def least_squares(
        self, images: npt.ArrayLike, *, tolerance: float | None = None, max_iterations: int = 200
    ) -> Expansion:
        """Return the least-squares expansion of images, with what is left over.

        Conjugate gradients on the normal equations, preconditioned by their diagonal blocks, one per angular order.

        Parameters
        ----------
        images : array_like, shape (..., L, L)
        tolerance : float, optional
            Stop when the preconditioned gradient has fallen to this part of its start; 1e-13 for float64, 1e-7 for
            float32 by default.
        max_iterations : int, optional

        Returns
        -------
        Expansion
            ``coefficients`` (..., count); ``residual`` (...,): norm of image - evaluate(coefficients) on the disk
            relative to the norm of the image; ``gradient`` (...,): what the iteration reached; ``iterations``.

        Raises
        ------
        TypeError, ValueError
            As `evaluate_t`.
        """
        limit = {4: 1e-7, 8: 1e-13}[self.dtype.itemsize] if tolerance is None else float(tolerance)
        if not 0.0 < limit < 1.0:
            raise ValueError(f"tolerance is {tolerance!r}; give a number between 0 and 1")
        stack = self._check_images(images)
        result = conjugate_gradients(
            self._forward, self._backward, self._preconditioner.apply, self._take(stack), limit, max_iterations
        )
        shape = stack.shape[:-2]
        return Expansion(
            result.coefficients.reshape(*shape, self.count),
            result.residual.reshape(shape),
            result.gradient.reshape(shape),
            result.iterations,
        )

    # ------------------------------------------------------------------ on coefficients

    def rotate(self, coefficients: npt.ArrayLike, angle: npt.ArrayLike) -> Images:
        """Return the coefficients of rotated images; see `Layout.rotate`.

        Radians, counter-clockwise as displayed with row 0 on top: a quarter turn is `numpy.rot90` where L is odd.
        """
        return self.layout.rotate(coefficients, angle)

    def power_spectrum(self, coefficients: npt.ArrayLike) -> Images:
        """Return the rotation-invariant power of every (N, n), shape (..., complex_count); see `Layout`."""
        return self.layout.power_spectrum(coefficients)

    def to_complex(self, coefficients: npt.ArrayLike) -> Images:
        """Return ``<image, f_{N,n} exp(i N theta) / (R sqrt(2 pi))>``, N >= 0, shape (..., complex_count)."""
        return self.layout.to_complex(coefficients)

    def to_real(self, coefficients: npt.ArrayLike) -> Images:
        """Return the real coefficients (..., count) of complex ones; the inverse of `to_complex`."""
        return self.layout.to_real(coefficients)

    def rotational_average(self, coefficients: npt.ArrayLike, rho: npt.ArrayLike | None = None) -> Images:
        """Return the rotational averages of the images about their centre.

        Parameters
        ----------
        coefficients : array_like, shape (..., count)
        rho : array_like, optional
            Distances from the centre in pixels, 0 <= rho <= R; 0, 1, ..., R by default.

        Returns
        -------
        ndarray, shape (..., *rho.shape)
        """
        real = self.layout.check(coefficients)
        distances = np.arange(self.radius + 1) if rho is None else np.asarray(rho, dtype=np.float64)
        values = np.asarray(self.radial(0).evaluate(distances / self.radius))
        scale = 1.0 / (self.radius * math.sqrt(2.0 * math.pi))
        average = real[..., self.layout.cosines[0]] @ (values.reshape(len(values), -1) * scale).astype(real.dtype)
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
        real = self.layout.check(coefficients)
        flat = np.asarray(real.reshape(-1, self.count), dtype=np.float64)
        if not len(flat):
            raise ValueError(f"coefficients have shape {real.shape}; give at least one image")
        blocks = []
        for N, cosine in enumerate(self.layout.cosines):
            block = flat[:, cosine].T @ flat[:, cosine]
            if N:
                sine = flat[:, self.layout.sines[N]]
                block = 0.5 * (block + sine.T @ sine)
            blocks.append(block / len(flat))
        return BlockDiagonal(tuple(blocks))

    # ------------------------------------------------------------------ inside

    def _build_tables(self) -> list[Images]:
        """Return the Chebyshev tables of all orders, shape (count, terms) each, in the dtype of the basis."""
        tables: list[Images] = []
        block = 4 * thread_count()
        while True:
            part = thread_map(self._table, range(len(tables), len(tables) + block))
            tables += [table for table in part if table is not None]
            if part[-1] is None:
                break
        if not any(len(table) for table in tables):
            raise ValueError(f"the family {self.family!r} has no function; a basis needs at least one")
        return tables

    def _table(self, order: int) -> Images | None:
        basis = self.family(order)
        if basis is None:
            return None
        if not callable(getattr(basis, "evaluate", None)):
            raise TypeError(f"the family returned {basis!r} for order {order}; give a RadialBasis or None")
        scale = 1.0 / (self.radius * math.sqrt(math.pi if order else 2.0 * math.pi))
        tolerance = _SERIES_TOLERANCE[self.dtype]
        # a function of the band of the pixels and order N has degree of about pi R - N
        points = max(32, math.ceil((1.15 * math.pi * self.radius - order) / 2) + 48)
        most = 8 * self.size + 1024
        while True:
            coefficients = chebyshev_coefficients(basis, order, points)
            if not len(coefficients):
                return np.empty((0, 1), dtype=self.dtype)
            largest = np.abs(coefficients).max(axis=1, keepdims=True)
            if not (np.isfinite(largest).all() and (largest > 0.0).all()):
                raise ValueError(f"a radial function of order {order} is zero or not finite; a basis needs neither")
            noise = float(np.max(np.abs(coefficients[:, -points // 8 :]) / largest))
            if noise < _RESOLVED:
                break
            points *= 2
            if points > most:
                raise ValueError(
                    f"the radial functions of order {order} are not resolved by {points // 2} Chebyshev terms "
                    f"(the last are {noise:.1e} of the largest); give functions that are smooth on [0, 1] and have "
                    f"the parity of their order"
                )
        degree = needed_degree(coefficients, order, max(tolerance, 4.0 * noise))
        return np.ascontiguousarray(coefficients[:, : degree // 2 + 1] * scale, dtype=self.dtype)

    def _check_images(self, images: npt.ArrayLike) -> Images:
        stack = np.asarray(images)
        if stack.dtype.kind == "c":
            raise TypeError(f"images are complex ({stack.dtype}); give real pixels")
        if stack.dtype.kind not in "fiub":
            raise TypeError(f"images have dtype {stack.dtype}; give float32 or float64 pixels")
        if stack.ndim < 2 or stack.shape[-2:] != (self.size, self.size):
            raise ValueError(f"images have shape {stack.shape}; this basis is for (..., {self.size}, {self.size})")
        return stack

    def _take(self, stack: Images) -> Images:
        """Return the pixels of the disk in the dtype of the basis, shape (B, pixels)."""
        values = stack.reshape(-1, self.size**2)[:, self._pixels].astype(self.dtype, copy=False)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise ValueError(f"image {int(np.flatnonzero(~finite)[0])} has non-finite pixels; give finite images")
        return values

    def _forward(self, values: Images) -> Images:
        """Return the coefficients (B, count) of pixel values (B, pixels)."""
        # images share transforms in pairs, so their sizes are evened out first
        scale = _magnitude(values)
        sums = self._torus.analyze(values / scale)
        coefficients = np.empty((len(values), self.count), dtype=self.dtype)
        for table, start, cosine, sine in self._orders():
            terms = slice(start, start + table.shape[1])
            np.matmul(sums[0, :, terms], table.T, out=coefficients[:, cosine])
            if sine.stop > sine.start:
                np.matmul(sums[1, :, terms], table.T, out=coefficients[:, sine])
        coefficients *= scale
        return coefficients

    def _backward(self, coefficients: Images) -> Images:
        """Return the pixel values (B, pixels) of coefficients (B, count)."""
        scale = _magnitude(coefficients)
        if not np.isfinite(scale).all():
            raise ValueError("coefficients are not finite; give finite ones")
        scaled = coefficients / scale
        sums = np.zeros((2, len(coefficients), self._torus.total), dtype=self.dtype)
        for table, start, cosine, sine in self._orders():
            terms = slice(start, start + table.shape[1])
            np.matmul(scaled[:, cosine], table, out=sums[0, :, terms])
            if sine.stop > sine.start:
                np.matmul(scaled[:, sine], table, out=sums[1, :, terms])
        values = self._torus.synthesize(sums)
        values *= scale
        return values

    def _orders(self) -> list[tuple[Images, int, slice, slice]]:
        starts = [int(start) for start in self._torus.starts[:-1]]
        return list(zip(self._tables, starts, self.layout.cosines, self.layout.sines, strict=True))

    @cached_property
    def _preconditioner(self) -> EdgePreconditioner:
        rows, columns = np.divmod(self._pixels, self.size)
        return edge_preconditioner(self._tables, self.layout, rows - self.radius, columns - self.radius, self.radius)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.family!r}, {self.size}, dtype={self.dtype.name!r})"


def _magnitude(values: Images) -> Images:
    """Return the largest absolute value of every row, 1 for rows of zeros, shape (B, 1)."""
    largest = np.abs(values).max(axis=1, initial=0.0, keepdims=True)
    return np.asarray(np.where(largest == 0.0, values.dtype.type(1), largest))
