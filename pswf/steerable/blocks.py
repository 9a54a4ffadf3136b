"""Operators that commute with rotations: one matrix per angular order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Real
from pswf.steerable.layout import Layout, by_parts

__all__ = ["BlockDiagonal"]

_Operation = Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class BlockDiagonal:
    """An operator on coefficients that acts within each angular order, alike on cosines and sines.

    Radial filters, second moments and covariances of images in random orientation are of this kind: a few
    megabytes where the full matrix would take many gigabytes.

    Parameters
    ----------
    blocks : tuple of ndarray
        ``blocks[N]``, shape (counts[N], counts[N]): real matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from pswf.steerable.blocks import BlockDiagonal
    >>> double = BlockDiagonal((2 * np.eye(1), 2 * np.eye(1)))
    >>> double.apply(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """

    blocks: tuple[npt.NDArray[Any], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(np.asarray(block) for block in self.blocks))
        for N, block in enumerate(self.blocks):
            if block.ndim != 2 or block.shape[0] != block.shape[1]:
                raise ValueError(f"block {N} has shape {block.shape}; every block must be a square matrix")

    @property
    def layout(self) -> Layout:
        """The order of the coefficients it acts on."""
        return Layout(tuple(len(block) for block in self.blocks))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BlockDiagonal):
            return NotImplemented
        return self.layout == other.layout and all(map(np.array_equal, self.blocks, other.blocks))

    def __hash__(self) -> int:
        return hash((BlockDiagonal, self.layout))

    def __repr__(self) -> str:
        return f"BlockDiagonal(orders={len(self.blocks)}, functions={sum(map(len, self.blocks))})"

    @property
    def T(self) -> BlockDiagonal:
        """The transpose."""
        return BlockDiagonal(tuple(block.T for block in self.blocks))

    def __matmul__(self, other: BlockDiagonal) -> BlockDiagonal:
        return BlockDiagonal(tuple(a @ b for a, b in self._pairs(other)))

    def __add__(self, other: BlockDiagonal) -> BlockDiagonal:
        return BlockDiagonal(tuple(a + b for a, b in self._pairs(other)))

    def __mul__(self, factor: float) -> BlockDiagonal:
        return BlockDiagonal(tuple(block * factor for block in self.blocks))

    __rmul__ = __mul__

    def apply(self, coefficients: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the operator applied to coefficients (..., count), real or complex, same shape and dtype."""
        return by_parts(lambda part: self._each(part, _product), coefficients)

    def solve(self, coefficients: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return what the operator maps to the coefficients (..., count); raises LinAlgError if it is singular."""
        return by_parts(lambda part: self._each(part, np.linalg.solve), coefficients)

    def _pairs(self, other: BlockDiagonal) -> Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        if self.layout != other.layout:
            raise ValueError(
                f"the operators act on {self.layout.count} and {other.layout.count} coefficients of different order; "
                "both must come from the same basis"
            )
        return zip(self.blocks, other.blocks, strict=True)

    def _each(self, coefficients: npt.ArrayLike, operation: _Operation) -> Real:
        layout = self.layout
        given = layout.check(coefficients)
        flat = given.reshape(-1, layout.count)
        result = np.empty_like(flat)
        for N, block in enumerate(self.blocks):
            for part in (layout.cosines[N], layout.sines[N]):
                if part.stop > part.start:
                    result[:, part] = operation(block, flat[:, part].T).T
        return result.reshape(given.shape)


def _product(block: npt.NDArray[Any], columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(block.astype(columns.dtype, copy=False) @ columns)
