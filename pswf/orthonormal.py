"""Whether a radial basis is orthonormal, and one that is.

Coefficients are inner products only where the functions are orthonormal for ``int_0^1 f g r dr``.  The bases of this
package are; one that is given from outside is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.bases.base import RadialBasis
from pswf.bases.combination import Combination
from pswf.checks import check_basis, check_order, check_values
from pswf.families import RadialFamily
from pswf.quadrature import gauss_legendre

__all__ = [
    "TOLERANCE",
    "OrthonormalFamily",
    "check_gram",
    "check_orthonormal",
    "gram_matrix",
    "lower_mixture",
    "orthonormalized",
]

TOLERANCE = 1e-5
"""Gram errors of a basis that counts as orthonormal: of values in single precision, and of tables, not of slips."""

_EXACT = 1e-6
"""Gram error of what `orthonormalized` returns, at most: that of values in single precision."""

_INDEPENDENT = 1e-9
"""A function counts as independent of those before it when it keeps this part of its norm."""

_NODES = (64, 128, 256, 512, 1024, 2048, 4096)
"""Of the quadrature rules that are tried until the Gram matrix does not change."""

_CONVERGED = 1e-11
"""Change of the Gram matrix with the rule, relatively: for smooth functions its error is then far below."""


def gram_matrix(basis: RadialBasis) -> Array:
    """Return the inner products ``int_0^1 f_m(r) f_n(r) r dr`` of the functions of a radial basis.

    Parameters
    ----------
    basis : RadialBasis
        Any object with ``evaluate(r) -> (count, *r.shape)``.

    Returns
    -------
    ndarray, shape (count, count)
        The identity for an orthonormal basis.  By Gauss-Legendre rules of 64 to 4096 nodes, until rounding; of
        functions with jumps or more than some thousand zeros it is less exact.

    Raises
    ------
    TypeError, ValueError
        No basis; values of another shape, or that are not finite real numbers.

    Examples
    --------
    >>> from pswf import WithConstant, Zernike, gram_matrix
    >>> gram_matrix(Zernike(2)).round(12)
    array([[1., 0.],
           [0., 1.]])
    """
    return _gram(check_basis(basis))[0]


@cache
def _rule(nodes: int) -> tuple[Array, Array]:
    return gauss_legendre(nodes)


def _values(basis: RadialBasis, r: Array) -> Array:
    values = np.asarray(basis.evaluate(r))
    check_values(values, r.shape, f"the basis {basis!r}")
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise ValueError(f"the basis {basis!r} gave values that are not finite real numbers")
    return values.astype(np.float64, copy=False)


def _resolve(basis: RadialBasis) -> tuple[Array, float, Array, Array, Array]:
    """Return the Gram matrix of the functions scaled to at most 1, its last relative change, and where it is from.

    That are the largest values of the functions, the functions so scaled, and the weights of the rule.
    """
    gram = None
    change = np.inf
    for nodes in _NODES:
        r, w = _rule(nodes)
        values = _values(basis, r)
        largest = np.abs(values).max(axis=1, initial=0.0)
        values = values / np.where(largest > 0.0, largest, 1.0)[:, np.newaxis]
        before, gram = gram, (values * w) @ values.T
        if before is not None:
            size = np.sqrt(np.diagonal(gram))
            scale = np.multiply.outer(size, size)
            change = float((np.abs(gram - before) / np.where(scale > 0.0, scale, 1.0)).max(initial=0.0))
            if change <= _CONVERGED:
                break
    assert gram is not None
    return gram, change, largest, values, w


def _gram(basis: RadialBasis) -> tuple[Array, float]:
    gram, unsure, largest, *_ = _resolve(basis)
    with np.errstate(over="ignore"):
        return gram * largest[:, np.newaxis] * largest, unsure


def check_gram(gram: Array, what: str, *, unsure: float = 0.0, given: str = "basis") -> None:
    """Raise ValueError, which begins with ``what``, where a Gram matrix is not the identity.

    Parameters
    ----------
    gram : ndarray, shape (count, count)
    what : str
        Such as "the basis Monomials(3)".
    unsure : float, optional
        Error of the matrix itself: only what is beyond it counts.
    given : str, optional
        What the user gave, for the advice.
    """
    error = np.abs(gram - np.eye(len(gram)))
    if not error.size or error.max() <= max(TOLERANCE, 3.0 * unsure):
        return
    m, n = sorted(int(k) for k in np.unravel_index(np.argmax(error), error.shape))
    is_now = f"int_0^1 f_{m} f_{n} r dr is {gram[m, n]:.6g}, and must be {int(m == n)}"
    raise ValueError(
        f"{what} is not orthonormal: its largest Gram error, {error[m, n]:.2g}, is that of "
        f"{f'function {m} with itself' if m == n else f'functions {m} and {n}'} ({is_now}); "
        f"give pswf.orthonormalized({given})"
    )


def check_orthonormal(basis: RadialBasis) -> None:
    """Raise ValueError where the functions of a basis are not orthonormal; `check_gram` has the sentence."""
    gram, unsure = _gram(basis)
    check_gram(gram, f"the basis {basis!r}", unsure=unsure)


def lower_mixture(functions: Array, weights: npt.NDArray[Any]) -> tuple[Array, int | None]:
    """Return the lower triangular T, shape (K, K), that makes ``T @ functions`` orthonormal for a sum over points.

    Gram and Schmidt's method in the order of the functions, by QR factorisation: no inner product is squared.

    Parameters
    ----------
    functions : ndarray, shape (K, D)
        D >= K.
    weights : ndarray, shape (D,)
        Of the points.

    Returns
    -------
    mixture : ndarray, shape (K, K)
    dependent : int or None
        The first function that is a combination of those before it; the mixture means nothing then.
    """
    triangle: Array = np.asarray(np.linalg.qr((functions * np.sqrt(weights)).T, mode="r"), dtype=np.float64)
    diagonal = np.diagonal(triangle)
    alone = np.abs(diagonal) > _INDEPENDENT * np.linalg.norm(triangle, axis=0)
    if not alone.all():
        return np.eye(len(functions)), int(np.argmin(alone))
    mixture = np.linalg.inv(triangle.T) * np.sign(diagonal)[:, np.newaxis]
    # once more, for what rounding has left
    mixed = mixture @ functions
    mixture = np.linalg.solve(np.linalg.cholesky((mixed * weights) @ mixed.T), mixture)
    return np.tril(mixture), None


@dataclass(frozen=True)
class OrthonormalFamily:
    """A family of radial bases, each made orthonormal: made by `orthonormalized`."""

    family: RadialFamily

    def __call__(self, angular_order: int) -> Combination | None:
        """Return the functions of one order; None beyond the last."""
        basis = self.family(abs(check_order(angular_order)))
        return None if basis is None else orthonormalized(basis)


@overload
def orthonormalized(basis: RadialBasis) -> Combination: ...
@overload
def orthonormalized(basis: RadialFamily) -> OrthonormalFamily: ...
def orthonormalized(basis: RadialBasis | RadialFamily) -> Combination | OrthonormalFamily:
    """Return a radial basis, or a family of them, with orthonormal functions that span the same.

    Function n is the part of function n that those before it do not have, with its sign: the first n functions span
    what the first n of the basis span.  An orthonormal basis stays what it is, to rounding.

    Parameters
    ----------
    basis : RadialBasis or RadialFamily
        Independent functions; smooth, with at most some thousand zeros.

    Returns
    -------
    Combination or OrthonormalFamily
        Of a basis the combinations, whose Gram error is at most 1e-6, and that of rounding where the functions are in
        double precision and far from dependent; of a family, the family of them.

    Raises
    ------
    TypeError
        Neither a basis nor a family.
    ValueError
        A function that is a combination of those before it, to nine digits, or zero; functions that the quadrature
        does not resolve, such as those with jumps; what `gram_matrix` refuses.

    Notes
    -----
    By QR factorisation of the functions at the nodes of a rule that resolves them, twice: the Gram matrix, whose
    condition number is the square of that of the functions, is not factorised.

    Examples
    --------
    >>> import numpy as np
    >>> from pswf import gram_matrix, orthonormalized
    >>> class Even:
    ...     def evaluate(self, r):
    ...         return np.stack([np.ones_like(r), np.square(r), np.power(r, 4)])
    >>> float(np.abs(gram_matrix(orthonormalized(Even())) - np.eye(3)).max()) < 1e-13
    True
    """
    if not callable(getattr(basis, "evaluate", None)):
        if not callable(basis):
            raise TypeError(f"basis is {basis!r}; give a radial basis or a family of them")
        return OrthonormalFamily(basis)
    radial: RadialBasis = basis  # type: ignore[assignment]
    gram, change, largest, values, w = _resolve(radial)
    size = np.sqrt(np.diagonal(gram))
    if not (size > 0.0).all():
        raise ValueError(f"function {int(np.argmin(size))} of the basis {basis!r} is zero; give functions that are not")
    mixture, dependent = lower_mixture(values / size[:, np.newaxis], w) if len(values) else (np.empty((0, 0)), None)
    if dependent is not None:
        raise ValueError(
            f"function {dependent} of the basis {basis!r} is a combination of those before it; give independent ones"
        )
    result = Combination(radial, mixture / size / largest)
    # at the nodes of another rule, for between those of the first anything could happen
    r, w = _rule(len(w) + 1)
    values = result.evaluate(r)
    error = float(np.abs((values * w) @ values.T - np.eye(len(values))).max(initial=0.0))
    if not error <= _EXACT:
        cause = "have jumps, or oscillate too fast" if change > _CONVERGED else "are nearly dependent"
        raise ValueError(
            f"the functions of the basis {basis!r} {cause}: they can be made orthonormal to {error:.1g} only, and "
            f"{_EXACT:.0e} is asked for"
        )
    return result
