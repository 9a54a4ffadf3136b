"""The least-squares inverse of `evaluate`: conjugate gradients, preconditioned at the edge of the band.

Where they do not converge, the pixels hardly tell the functions apart: the equations are then solved directly
(`pswf.steerable.direct`), or refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array, Indices, Real
from pswf.steerable.direct import DirectSolver
from pswf.steerable.transform import DiskTransform

__all__ = ["EdgePreconditioner", "Expansion", "LeastSquares", "edge_preconditioner"]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What the method chooses by itself: it decides on time and memory, hardly on results.

    Attributes
    ----------
    edge : int
        Functions of every order that the preconditioner couples: the condition number is then below 1.1.
    ridge : float
        Added to its matrices, which are singular where the pixels do not tell the functions apart.
    small, largest : int
        Functions of a basis that is solved for directly at once (a quarter of a second), and of the largest that is
        solved for directly at all (a minute, and 1 GB).
    patience, most_steps : int
        Steps of the iteration after which a direct solution takes less time, and steps where there is none.
    slack : float
        Rounding stops the iteration short of its tolerance; up to this factor the result counts as converged.
    images_together, pixels_together : int
        How many are treated at a time: bounds the memory.
    """

    edge: int = 4
    ridge: float = 1e-3
    small: int = 3000
    largest: int = 16000
    patience: int = 40
    most_steps: int = 1000
    slack: float = 1e3
    images_together: int = 128
    pixels_together: int = 8192


TUNING = Tuning()


@dataclass(frozen=True, eq=False)
class Expansion:
    """Result of `SteerableBasis.least_squares`.

    Attributes
    ----------
    coefficients : ndarray, shape (..., count)
        The least-squares coefficients.
    residual : ndarray, shape (...,)
        ``|image - evaluate(coefficients)| / |image|`` on the disk: the part of the image outside of the basis.
    gradient : ndarray, shape (...,)
        Size of the preconditioned gradient relative to its start, 0 where the iteration is exact.
    iterations : int
        Steps that were taken; 0 where the equations were solved directly.
    """

    coefficients: Real
    residual: Real
    gradient: Real
    iterations: int

    def reshape(self, shape: tuple[int, ...]) -> Expansion:
        """Return the same for images arranged in another shape."""
        return Expansion(
            self.coefficients.reshape(*shape, self.coefficients.shape[-1]),
            self.residual.reshape(shape),
            self.gradient.reshape(shape),
            self.iterations,
        )


class LeastSquares:
    """Minimise ``|values - backward(x)|`` image by image.

    Parameters
    ----------
    transform : DiskTransform
    """

    def __init__(self, transform: DiskTransform) -> None:
        self._transform = transform
        self._direct: DirectSolver | None = None

    @cached_property
    def _preconditioner(self) -> EdgePreconditioner:
        return edge_preconditioner(self._transform)

    def __call__(self, values: Real, tolerance: float, max_iterations: int | None) -> Expansion:
        """Return the minimum for pixel values (B, P).

        Parameters
        ----------
        values : ndarray, shape (B, pixels)
        tolerance : float
            An image is done when ``g . P g`` of its gradient g has fallen to ``tolerance**2`` of its start.
        max_iterations : int or None
            Steps to take at most, converged or not; None goes on until the result is right.

        Raises
        ------
        ValueError
            The result cannot be found, and no ``max_iterations`` was given.
        """
        # by powers of two, which round nothing: squares of pixels beyond 1e154 are no numbers, those below 1e-162 are 0
        exponents = np.frexp(np.abs(values).max(axis=1))[1][:, np.newaxis]
        scaled = np.ldexp(values, -exponents)
        blocks = [
            self._block(scaled[start : start + TUNING.images_together], tolerance, max_iterations)
            for start in range(0, max(1, len(values)), TUNING.images_together)
        ]
        return Expansion(
            np.ldexp(np.concatenate([block.coefficients for block in blocks]), exponents),
            np.concatenate([block.residual for block in blocks]),
            np.concatenate([block.gradient for block in blocks]),
            max(block.iterations for block in blocks),
        )

    def _block(self, values: Real, tolerance: float, max_iterations: int | None) -> Expansion:
        transform = self._transform
        if max_iterations is not None:
            return _conjugate_gradients(transform, self._preconditioner, values, tolerance, max_iterations)[0]
        count = transform.layout.count
        if self._direct is None and count > TUNING.small:
            steps = TUNING.patience if count <= TUNING.largest else TUNING.most_steps
            result, converged = _conjugate_gradients(transform, self._preconditioner, values, tolerance, steps)
            if converged:
                return result
            if count > TUNING.largest:
                raise ValueError(
                    f"the least-squares fit did not converge in {steps} steps, the pixels of {transform.size} x "
                    f"{transform.size} images hardly tell the {count} functions of the basis apart; give a larger "
                    "truncation, a smaller band or degree"
                )
        if self._direct is None:
            self._direct = DirectSolver(transform)
        return _solve_directly(transform, self._direct, values)


def _solve_directly(transform: DiskTransform, solver: DirectSolver, values: Real) -> Expansion:
    norm = np.sqrt(_dot(values, values))
    coefficients = solver.solve(values).astype(values.dtype)
    # the transforms round differently: one correction fits what they leave
    coefficients += solver.solve(values - transform.backward(coefficients)).astype(values.dtype)
    rest = values - transform.backward(coefficients)
    start, end = solver.coordinates(values), solver.coordinates(rest)
    gradient = np.sqrt(_ratio(_dot(end, end), _dot(start, start)))
    return Expansion(coefficients, _ratio(np.sqrt(_dot(rest, rest)), norm), gradient, 0)


def _conjugate_gradients(
    transform: DiskTransform,
    preconditioner: EdgePreconditioner,
    values: Real,
    tolerance: float,
    max_iterations: int,
) -> tuple[Expansion, bool]:
    """Return what the least-squares form of the method (CGLS) reaches, and whether that is the minimum."""
    norm = np.sqrt(_dot(values, values))
    rest = values.copy()
    gradient = transform.forward(rest)
    direction = preconditioner.apply(gradient)
    coefficients = np.zeros_like(gradient)
    power = _dot(gradient, direction)
    start = power.copy()
    # the gradient is known to the rounding of the residual it is computed from, and no better
    rounding = (4.0 * np.finfo(values.dtype).eps) ** 2
    iterations = 0
    while iterations < max_iterations:
        live = power > np.maximum(tolerance**2 * start, rounding * _dot(rest, rest))
        if not live.any():
            break
        image = transform.backward(direction)
        step = np.divide(power, _dot(image, image), out=np.zeros_like(power), where=live)
        coefficients += (step[:, None] * direction).astype(values.dtype, copy=False)
        rest -= (step[:, None] * image).astype(values.dtype, copy=False)
        gradient = transform.forward(rest)
        better = preconditioner.apply(gradient)
        new = _dot(gradient, better)
        ratio = np.divide(new, power, out=np.zeros_like(power), where=live)
        direction = (better + ratio[:, None] * direction).astype(values.dtype, copy=False)
        power = np.where(live, new, power)
        iterations += 1
    converged = bool((power <= TUNING.slack**2 * np.maximum(tolerance**2 * start, rounding * _dot(rest, rest))).all())
    rest = values - transform.backward(coefficients)
    residual = _ratio(np.sqrt(_dot(rest, rest)), norm)
    return Expansion(coefficients, residual, np.sqrt(_ratio(power, start)), iterations), converged


def _dot(a: Real, b: Real) -> Array:
    return np.asarray(np.einsum("bi,bi->b", a, b, dtype=np.float64))


def _ratio(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0.0)


@dataclass(frozen=True, eq=False)
class EdgePreconditioner:
    """The inverse of the normal equations, taken for the functions at the edge of the band.

    On the pixels of a disk the functions of a basis are orthonormal but for the last few of every order: their
    frequencies reach the Nyquist frequency, and what lies beyond it is folded back and couples them.  The normal
    equations of those few are formed and inverted exactly, one matrix each for cosines and sines of even and odd
    orders (reflections keep these apart); for all others the identity serves.

    Attributes
    ----------
    indices : tuple of ndarray of int
        Which coefficients each matrix acts on.
    inverses : tuple of ndarray
        The matrices, symmetric positive definite.
    """

    indices: tuple[Indices, ...]
    inverses: tuple[Real, ...]

    def apply(self, coefficients: Real) -> Real:
        """Return the preconditioned coefficients, shape (B, count)."""
        result = coefficients.copy()
        for index, inverse in zip(self.indices, self.inverses, strict=True):
            result[:, index] = coefficients[:, index] @ inverse
        return result


def edge_preconditioner(transform: DiskTransform) -> EdgePreconditioner:
    """Return the preconditioner of a transform."""
    tables, layout, radius = transform.tables, transform.layout, transform.size // 2
    # products of two cosines, or two sines, of one parity do not change under reflections in the axes
    keys, repeats = np.unique(np.abs(transform.rows) * (radius + 1) + np.abs(transform.columns), return_counts=True)
    pairs = np.array(np.divmod(keys, radius + 1))
    order = np.argsort(pairs[0] ** 2 + pairs[1] ** 2, kind="stable")
    pairs, repeats = pairs[:, order], repeats[order]
    classes = [
        (trigonometric, slices, range(parity, len(tables), 2))
        for parity in (0, 1)
        for trigonometric, slices in ((np.cos, layout.cosines), (np.sin, layout.sines))
    ]
    indices = [
        np.concatenate([np.arange(max(slices[N].stop - TUNING.edge, slices[N].start), slices[N].stop) for N in orders])
        if len(orders)
        else np.empty(0, dtype=np.int64)
        for _, slices, orders in classes
    ]
    grams = [np.zeros((len(index), len(index)), dtype=np.float32) for index in indices]
    for start in range(0, len(repeats), TUNING.pixels_together):
        part = slice(start, start + TUNING.pixels_together)
        distances, position = np.unique(np.hypot(*pairs[:, part]), return_inverse=True)
        cosines = _cosines(np.arccos(np.minimum(distances / radius, 1.0)), tables)
        theta = np.arctan2(*pairs[:, part])
        root = np.sqrt(repeats[part])
        profiles = [
            table[-TUNING.edge :].astype(np.float32) @ cosines[N % 2][: table.shape[1]]
            for N, table in enumerate(tables)
        ]
        for (trigonometric, slices, orders), gram in zip(classes, grams, strict=True):
            if len(gram):
                values = np.concatenate(
                    [
                        profiles[N][:, position] * (trigonometric(N * theta) * root).astype(np.float32)
                        for N in orders
                        if slices[N].stop > slices[N].start
                    ]
                )
                gram += values @ values.T
    filled = [i for i, index in enumerate(indices) if len(index)]
    inverses = [np.linalg.inv(grams[i] + TUNING.ridge * np.eye(len(grams[i]))) for i in filled]
    return EdgePreconditioner(
        tuple(indices[i] for i in filled),
        tuple((0.5 * (inverse + inverse.T)).astype(tables[0].dtype) for inverse in inverses),
    )


def _cosines(t: Array, tables: Sequence[Real]) -> tuple[npt.NDArray[np.float32], ...]:
    """Return cos(m t) for even and for odd m, as many as the longest table needs, shape (terms, len(t)) each."""
    even = 2 * np.arange(max(table.shape[1] for table in tables))
    return tuple(np.cos((even + parity)[:, None] * t).astype(np.float32) for parity in (0, 1))
