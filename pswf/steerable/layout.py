"""Which coefficient is which: the order of the real coefficients, and what rotations do to them.

A real image on the disk is ``sum_{N,n} f_{N,n}(r) (a cos(N theta) + b sin(N theta))``.  Its real coefficients are
stored as::

    [(N, n, sign) for N in orders for sign in ((1,) if N == 0 else (1, -1)) for n in range(counts[N])]

sign 1 being the cosine and -1 the sine: all operators that commute with rotations act on contiguous blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Indices, Real
from pswf.checks import check_real

__all__ = ["Layout", "Steerable", "by_parts"]


def by_parts(function: Callable[[npt.NDArray[Any]], Real], values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return a function that is linear over the real numbers at values that may be complex."""
    given = np.asarray(values)
    if given.dtype.kind != "c":
        return function(given)
    real, imaginary = function(given.real), function(given.imag)
    result = np.empty(real.shape, dtype=np.result_type(real.dtype, np.complex64))
    result.real, result.imag = real, imaginary
    return result


class Steerable:
    """Coefficients in the order above, whatever the functions: all that rotations need to know."""

    counts: tuple[int, ...]
    """Number of radial functions per order N."""

    @cached_property
    def count(self) -> int:
        """Number of real coefficients."""
        return self.counts[0] + 2 * sum(self.counts[1:])

    @cached_property
    def complex_count(self) -> int:
        """Number of complex coefficients, one per (N, n) with N >= 0."""
        return sum(self.counts)

    @cached_property
    def cosines(self) -> tuple[slice, ...]:
        """``cosines[N]`` selects the cosine coefficients of order N."""
        slices = []
        start = 0
        for N, count in enumerate(self.counts):
            slices.append(slice(start, start + count))
            start += count if N == 0 else 2 * count
        return tuple(slices)

    @cached_property
    def sines(self) -> tuple[slice, ...]:
        """``sines[N]`` selects the sine coefficients of order N, none for N = 0."""
        none = slice(self.counts[0], self.counts[0])
        return (none, *(slice(part.stop, 2 * part.stop - part.start) for part in self.cosines[1:]))

    def _indices(self, entry: int) -> Indices:
        triples = (
            (N, n, sign)
            for N, count in enumerate(self.counts)
            for sign in ((1,) if N == 0 else (1, -1))
            for n in range(count)
        )
        return np.fromiter((triple[entry] for triple in triples), dtype=np.int64, count=self.count)

    @cached_property
    def angular_indices(self) -> Indices:
        """N of every real coefficient, shape (count,)."""
        return self._indices(0)

    @cached_property
    def radial_indices(self) -> Indices:
        """The radial order n of every real coefficient, shape (count,)."""
        return self._indices(1)

    @cached_property
    def sign_indices(self) -> Indices:
        """1 for a cosine (or N = 0), -1 for a sine, shape (count,)."""
        return self._indices(2)

    @cached_property
    def complex_angular_indices(self) -> Indices:
        """N of every complex coefficient, shape (complex_count,)."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def complex_radial_indices(self) -> Indices:
        """The radial order n of every complex coefficient, shape (complex_count,)."""
        return np.concatenate([np.arange(count) for count in self.counts])

    @cached_property
    def complex_slices(self) -> tuple[slice, ...]:
        """``complex_slices[N]`` selects the complex coefficients of order N."""
        ends = np.cumsum(self.counts).tolist()
        return tuple(slice(end - count, end) for end, count in zip(ends, self.counts, strict=True))

    def check(self, coefficients: npt.ArrayLike) -> Real:
        """Return real coefficients as a floating-point array (..., count), or raise one clear sentence."""
        array = check_real(coefficients, "coefficients", "ones", ", see to_real")
        if array.ndim < 1 or array.shape[-1] != self.count:
            raise ValueError(f"coefficients have shape {array.shape}; this basis needs (..., {self.count})")
        return array if array.dtype.kind == "f" else array.astype(np.float64)

    def to_complex(self, coefficients: npt.ArrayLike, *, negative: bool | None = None) -> npt.NDArray[Any]:
        """Return the coefficients of complex functions, shape (..., complex_count), from those of cosines and sines.

        They are the inner products with ``f_{N,n}(r) exp(i N theta) / sqrt(2 pi)`` (divided by R as well in a basis for
        images), N >= 0, where the real ones are those with cosines and sines of unit norm.

        Parameters
        ----------
        coefficients : array_like, shape (..., count)
        negative : bool, optional
            True: those of the orders -N instead, with ``exp(-i N theta)``; for a real image they are the complex
            conjugates.  Has to be said where the coefficients are complex: such an image needs both.
        """
        if np.asarray(coefficients).dtype.kind == "c":
            if negative is None:
                raise TypeError(
                    "coefficients are complex; give real ones, or say whether those of the orders N (negative=False) "
                    "or -N (negative=True) are wanted"
                )
            given = np.asarray(coefficients)
            parts = (self.to_complex(part, negative=negative) for part in (given.real, given.imag))
            return np.asarray(next(parts) + 1j * next(parts))
        if negative:
            return self.to_complex(coefficients).conj()
        real = self.check(coefficients)
        result = np.zeros((*real.shape[:-1], self.complex_count), dtype=np.result_type(real.dtype, np.complex64))
        for N, part in enumerate(self.complex_slices):
            result.real[..., part] = real[..., self.cosines[N]] * (math.sqrt(0.5) if N else 1.0)
            if N:
                result.imag[..., part] = real[..., self.sines[N]] * -math.sqrt(0.5)
        return result

    def to_real(self, coefficients: npt.ArrayLike, negative: npt.ArrayLike | None = None) -> npt.NDArray[Any]:
        """Return the coefficients (..., count) of cosines and sines, the inverse of `to_complex`.

        Parameters
        ----------
        coefficients : array_like, shape (..., complex_count)
            Of the orders N >= 0.
        negative : array_like, shape (..., complex_count), optional
            Of the orders -N, for complex images (those of N = 0 are there twice, and must be the same); without, the
            image is real, and so is what is returned.

        Raises
        ------
        ValueError
            Not as many; two that differ for N = 0.
        """
        values = np.asarray(coefficients)
        if negative is not None:
            other = np.asarray(negative)
            if values.shape != other.shape:
                raise ValueError(
                    f"coefficients have shape {values.shape}, the negative ones {other.shape}; give as many"
                )
            zero, same = (part[..., self.complex_slices[0]] for part in (values, other))
            if np.abs(zero - same).max(initial=0.0) > 1e-4 * np.abs(zero).max(initial=0.0):
                raise ValueError("coefficients and the negative ones differ for N = 0; give those of one image")
            # of the real and of the imaginary part of the image, whose coefficients of -N are the conjugates
            real, imaginary = 0.5 * (values + other.conj()), -0.5j * (values - other.conj())
            return np.asarray(self.to_real(real) + 1j * self.to_real(imaginary))
        if values.ndim < 1 or values.shape[-1] != self.complex_count:
            raise ValueError(
                f"complex coefficients have shape {values.shape}; this basis needs (..., {self.complex_count})"
            )
        result = np.empty((*values.shape[:-1], self.count), dtype=values.real.dtype)
        for N, part in enumerate(self.complex_slices):
            result[..., self.cosines[N]] = values.real[..., part] * (math.sqrt(2.0) if N else 1.0)
            if N:
                result[..., self.sines[N]] = values.imag[..., part] * -math.sqrt(2.0)
        return result

    def rotate(self, coefficients: npt.ArrayLike, angle: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the coefficients of rotated images, an exact operation.

        Parameters
        ----------
        coefficients : array_like, shape (..., count)
            Real or complex.
        angle : float or array_like
            Radians, counter-clockwise as displayed with row 0 on top: a quarter turn is `numpy.rot90` where L is odd.
            An array is broadcast against the leading axes of the coefficients.

        Returns
        -------
        ndarray, shape (..., count)

        Raises
        ------
        ValueError
            Angles that are not finite, or of a shape that does not go with that of the coefficients.
        """
        return by_parts(lambda part: self._rotate(part, angle), coefficients)

    def _rotate(self, coefficients: npt.ArrayLike, angle: npt.ArrayLike) -> Real:
        real = self.check(coefficients)
        angles = check_real(angle, "angles", "radians").astype(np.float64)
        if not np.isfinite(angles).all():
            raise ValueError(f"angle is {angle!r}; give finite radians")
        try:
            shape = np.broadcast_shapes(real.shape[:-1], angles.shape)
        except ValueError:
            raise ValueError(
                f"angle has shape {angles.shape}, the coefficients {real.shape}; give one angle, or one for each image"
            ) from None
        result = np.empty((*shape, self.count), dtype=real.dtype)
        result[..., self.cosines[0]] = real[..., self.cosines[0]]
        for N in range(1, len(self.counts)):
            cosine, sine = self.cosines[N], self.sines[N]
            # theta grows clockwise on the display: the rotated image is I(theta + angle)
            c = np.cos(N * angles)[..., None].astype(real.dtype)
            s = np.sin(N * angles)[..., None].astype(real.dtype)
            result[..., cosine] = c * real[..., cosine] + s * real[..., sine]
            result[..., sine] = c * real[..., sine] - s * real[..., cosine]
        return result

    def power_spectrum(self, coefficients: npt.ArrayLike) -> Real:
        """Return ``|a_{N,n}|^2`` with both signs of N counted, shape (..., complex_count); rotations keep it.

        The sum over the last axis is the squared norm of the coefficients.
        """
        real = self.check(coefficients)
        result = np.empty((*real.shape[:-1], self.complex_count), dtype=real.dtype)
        for N, part in enumerate(self.complex_slices):
            result[..., part] = real[..., self.cosines[N]] ** 2
            if N:
                result[..., part] += real[..., self.sines[N]] ** 2
        return result


@dataclass(frozen=True)
class Layout(Steerable):
    """Order of the coefficients of a steerable basis with ``counts[N]`` radial functions of order N.

    It has the index arrays, slices and methods on coefficients of `pswf.SteerableBasis`.
    """

    counts: tuple[int, ...]
