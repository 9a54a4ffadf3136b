"""A steerable basis learned from images: principal components per angular order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.bases.combination import Combination
from pswf.checks import check_count, check_order, check_real
from pswf.families import RadialFamily
from pswf.steerable.basis import SteerableBasis
from pswf.steerable.blocks import BlockDiagonal

__all__ = ["Combination", "LearnedFamily", "steerable_pca"]


@dataclass(frozen=True, eq=False)
class LearnedFamily:
    """Radial functions learned from images, a `pswf.RadialFamily`: made by `steerable_pca`.

    Attributes
    ----------
    family : RadialFamily
        Where the functions are taken from.
    weights : tuple of ndarray
        ``weights[N]``, shape (kept, count of N): the principal components of order N in coefficients.
    variances : tuple of ndarray
        ``variances[N]``, shape (kept,): mean squares of the coefficients along them, descending.
    """

    family: RadialFamily
    weights: tuple[Array, ...]
    variances: tuple[Array, ...]

    def __call__(self, angular_order: int) -> Combination | None:
        """Return the functions of one order; None beyond the last."""
        order = abs(check_order(angular_order))
        basis = self.family(order) if order < len(self.weights) else None
        return None if basis is None else Combination(basis, self.weights[order])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LearnedFamily):
            return NotImplemented
        mine, others = (*self.weights, *self.variances), (*other.weights, *other.variances)
        return bool(self.family == other.family) and len(mine) == len(others) and all(map(np.array_equal, mine, others))

    def __hash__(self) -> int:
        return hash((LearnedFamily, tuple(map(len, self.weights))))

    def leading(self, count: int) -> LearnedFamily:
        """Return the functions of largest variance that make up ``count`` real coefficients.

        A function of order N > 0 has two coefficients, so the last one may exceed the count by one.
        """
        check_count(count)
        ranked = sorted(((value, N) for N, part in enumerate(self.variances) for value in part), reverse=True)
        kept = [0] * len(self.weights)
        taken = 0
        for _, N in ranked:
            if taken >= count:
                break
            kept[N] += 1
            taken += 1 if N == 0 else 2
        orders = max(N for N, number in enumerate(kept) if number) + 1
        return LearnedFamily(
            self.family,
            tuple(part[:number] for part, number in zip(self.weights[:orders], kept, strict=False)),
            tuple(part[:number] for part, number in zip(self.variances[:orders], kept, strict=False)),
        )

    def compress(self, operator: BlockDiagonal) -> BlockDiagonal:
        """Return an operator on coefficients of the original basis, such as a CTF, on those of the learned one."""
        pairs = zip(self.weights, operator.blocks[: len(self.weights)], strict=True)
        return BlockDiagonal(tuple(weights @ block @ weights.T for weights, block in pairs))

    def __repr__(self) -> str:
        return f"LearnedFamily({self.family!r}, functions={sum(len(weights) for weights in self.weights)})"


def steerable_pca(basis: SteerableBasis, images: npt.ArrayLike, *, count: int | None = None) -> LearnedFamily:
    """Return the best functions for a stack of images together with all their rotations and reflections.

    Principal components of the coefficients, order by order (Landa and Shkolnisky, SIAM J. Imaging Sci. 10 (2017)
    508; Zhao, Shkolnisky and Singer, IEEE Trans. Comput. Imaging 2 (2016) 1).  The second moments are not centred:
    the mean radial profile is among the functions of order zero.

    Parameters
    ----------
    basis : SteerableBasis
        Where the images are expanded, usually `pswf.PSWF2D`.
    images : array_like, shape (B, L, L)
    count : int, optional
        Real coefficients to keep (see `LearnedFamily.leading`); all by default.

    Returns
    -------
    LearnedFamily
        Give it to `pswf.SteerableBasis` with the same size.

    Raises
    ------
    TypeError, ValueError
        As `SteerableBasis.expand`; count not an integer of at least 1.
    """
    if count is not None:
        check_count(count)
    real = check_real(images, "images", "pixels")
    weights = []
    variances = []
    for block in basis.second_moment(basis.expand(real)).blocks:
        values, vectors = np.linalg.eigh(block)
        rows = vectors.T[::-1]
        # eigenvectors have no sign of their own: make the largest weight positive
        largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
        weights.append(rows * np.sign(largest))
        variances.append(values[::-1])
    learned = LearnedFamily(basis.family, tuple(weights), tuple(variances))
    return learned if count is None else learned.leading(count)
