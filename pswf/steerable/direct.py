"""The least-squares inverse of `evaluate` by QR factorisation, one symmetry class of the pixel grid at a time.

No iteration, and no condition number is squared: where the pixels tell the functions apart at all, the result is as
good as that of dense least squares, at a hundredth of its time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array, Indices
from pswf.steerable.symmetry import CLASSES, SymmetryClass, unpaired
from pswf.steerable.transform import DiskTransform

__all__ = ["DirectSolver"]


_DENSE = 400
"""Functions up to which images of even side are solved for without symmetry: their border may count."""

_INSEPARABLE = {4: 1e-5, 8: 1e-10}
"""Reciprocal condition number, by size of the type, below which the pixels do not tell the functions apart."""


class DirectSolver:
    """``solve(values)`` minimises ``|values - backward(x)|`` for pixel values (B, P).

    Where the side of the grid is even, two pixels at distance R lack their mirror images; they enter as an update of
    the other equations.

    Parameters
    ----------
    transform : DiskTransform

    Raises
    ------
    ValueError
        Functions that the pixels do not tell apart.
    """

    def __init__(self, transform: DiskTransform) -> None:
        self._count = transform.layout.count
        alone = unpaired(transform.rows, transform.columns)
        self._alone = np.flatnonzero(alone)
        self._paired = np.flatnonzero(~alone)
        self._blocks: list[_Block | _Whole] = []
        if len(self._alone) and self._count <= _DENSE:
            self._paired, self._alone = np.arange(len(alone)), self._alone[:0]
            self._blocks.append(_Whole(transform))
        else:
            twin = None
            for kind in CLASSES:
                if len(kind.indices(transform.layout)):
                    # the last class is the one before it, seen in a mirror
                    block = _Block(transform, kind, self._paired, twin if kind == CLASSES[-1] else None)
                    self._blocks.append(block)
                    twin = block
        # the equations of the border in the coordinates in which all others are orthonormal
        self._update = np.zeros((len(self._alone), self._count))
        for part in self._blocks:
            self._update[:, part.index] = part.whiten(part.at(self._alone))
        self._inner = np.linalg.inv(np.eye(len(self._alone)) + self._update @ self._update.T)

    def coordinates(self, values: npt.NDArray[Any]) -> Array:
        """Return the solution in coordinates that are orthonormal but for the border, shape (B, count)."""
        exact = np.asarray(values, dtype=np.float64)
        result = np.empty((len(exact), self._count))
        for block in self._blocks:
            result[:, block.index] = block.project(exact[:, self._paired])
        missed = exact[:, self._alone] - result @ self._update.T
        return result + missed @ self._inner @ self._update

    def solve(self, values: npt.NDArray[Any]) -> Array:
        """Return the coefficients, shape (B, count), of pixel values, shape (B, P)."""
        right = self.coordinates(values)
        result = np.empty_like(right)
        for block in self._blocks:
            result[:, block.index] = block.back(right[:, block.index])
        return result


class _Factorised:
    """Functions at pixels as ``Q R``, up to the signs ``flips`` of the functions."""

    index: Indices
    _q: Array
    _r: Array
    _flips: Array

    def back(self, right: Array) -> Array:
        """Return ``R^-1 right`` (B, k)."""
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self._r, right.T).T * self._flips)

    def whiten(self, functionals: Array) -> Array:
        """Return ``functionals R^-1`` (B, k)."""
        from scipy.linalg import solve_triangular

        return np.asarray(solve_triangular(self._r, (functionals * self._flips).T, trans="T").T)


class _Block(_Factorised):
    """The functions of one symmetry class, factorised as ``Q R`` on the pixels folded into each other."""

    def __init__(self, transform: DiskTransform, kind: SymmetryClass, pixels: Indices, twin: _Block | None) -> None:
        self.kind, self._transform = kind, transform
        self.index = kind.indices(transform.layout)
        self._flips = np.ones(len(self.index))
        rows, columns = transform.rows[pixels], transform.columns[pixels]
        if twin is not None:
            # sin(N theta) at (row, column) is sin(N pi / 2) cos(N theta) at (column, row)
            rows, columns = columns, rows
            orders = transform.layout.angular_indices[self.index]
            self._flips = np.where(orders % 4 == 1, 1.0, -1.0)
            kind = twin.kind
        stand_ins, self._sign = kind.fold(rows, columns)
        keys, self._position, count = np.unique(
            stand_ins[0] * (transform.size + 1) + stand_ins[1], return_inverse=True, return_counts=True
        )
        self._root = np.sqrt(count)
        self._used = np.zeros(len(keys), dtype=bool)
        self._used[self._position[self._sign != 0.0]] = True
        if twin is not None:
            self._q, self._r = twin._q, twin._r
            return
        values = _values(transform, kind, *np.divmod(keys[self._used], transform.size + 1))
        values *= self._root[self._used, None]
        self._q, self._r = np.linalg.qr(values)
        check_condition(self._r, kind, transform)

    def project(self, values: Array) -> Array:
        """Return ``Q^T values`` (B, k) of values at the pixels (B, P)."""
        folded = np.zeros((len(self._root), len(values)))
        np.add.at(folded, self._position, (values * self._sign).T)
        return np.asarray((folded / self._root[:, None])[self._used].T @ self._q)

    def at(self, pixels: Indices) -> Array:
        """Return the functions at some pixels, shape (len(pixels), k)."""
        transform = self._transform
        return _values(transform, self.kind, transform.rows[pixels], transform.columns[pixels])


class _Whole(_Factorised):
    """All functions of a small basis, factorised as ``Q R`` on all pixels."""

    def __init__(self, transform: DiskTransform) -> None:
        rows, columns = transform.rows, transform.columns
        self.index = np.concatenate([kind.indices(transform.layout) for kind in CLASSES])
        self._values = np.concatenate([_values(transform, kind, rows, columns) for kind in CLASSES], axis=1)
        self._q, self._r = np.linalg.qr(self._values)
        self._flips = np.ones(len(self.index))
        check_condition(self._r, "cosines and sines", transform)

    def project(self, values: Array) -> Array:
        """Return ``Q^T values`` (B, k) of values at the pixels (B, P)."""
        return np.asarray(values @ self._q)

    def at(self, pixels: Indices) -> Array:
        """Return the functions at some pixels, shape (len(pixels), k)."""
        values: Array = self._values[pixels]
        return values


def _values(transform: DiskTransform, kind: SymmetryClass, rows: Indices, columns: Indices) -> Array:
    """Return the functions of a class at the pixels (row, column), shape (P, k)."""
    distances, ring = np.unique(rows**2 + columns**2, return_inverse=True)
    t = np.arccos(np.minimum(np.sqrt(distances) / (transform.size // 2), 1.0))
    theta = np.arctan2(rows, columns)
    parts = []
    for N, _ in kind.slices(transform.layout):
        table = transform.tables[N].astype(np.float64)
        profile = table @ np.cos((2 * np.arange(table.shape[1]) + N % 2)[:, None] * t)
        parts.append(profile[:, ring] * kind.trigonometric(N * theta))
    return np.concatenate(parts).T if parts else np.empty((len(rows), 0))


def check_condition(triangle: Array, kind: object, transform: DiskTransform) -> None:
    """Raise ValueError where the pixels do not tell the functions of a class apart."""
    from scipy.linalg import lapack

    least = _INSEPARABLE[transform.dtype.itemsize]
    # more functions than pixels leave the triangle wide
    reciprocal = float(lapack.dtrcon(triangle)[0]) if triangle.shape[0] == triangle.shape[1] else 0.0
    if not reciprocal > least:
        wider = "" if transform.dtype.itemsize == 8 else "dtype=numpy.float64, "
        raise ValueError(
            f"the pixels of {transform.size} x {transform.size} images do not tell the functions of the basis apart "
            f"({kind}: reciprocal condition number {reciprocal:.1e}, at least {least:.0e} is needed); give {wider}a "
            "larger truncation, a smaller band or degree"
        )
