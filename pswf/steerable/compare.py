"""How well do so many coefficients of each basis describe given images?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array, Indices
from pswf.checks import check_count, check_real
from pswf.families import RadialFamily
from pswf.registry import basis_names, make_family
from pswf.steerable.basis import SteerableBasis
from pswf.steerable.learned import steerable_pca
from pswf.steerable.prolate import PSWF2D

__all__ = ["Approximation", "compare_bases"]


_Maker = Callable[[float], RadialFamily] | SteerableBasis

# errors are wanted to a few digits; the last part of badly conditioned bases would take hundreds of steps
_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Approximation:
    """Approximation errors of one basis, as returned by `compare_bases`.

    Attributes
    ----------
    counts : ndarray of int, shape (k,)
        Numbers of real coefficients, ascending: what the basis offers nearest to those asked for.
    errors : ndarray, shape (k,)
        Median over the images of ``|image - approximation| / |image|`` on the disk.
    """

    counts: Indices
    errors: Array


def compare_bases(
    images: npt.ArrayLike,
    counts: Sequence[int],
    *,
    names: Sequence[str] | None = None,
    bases: Mapping[str, Callable[[float], RadialFamily] | SteerableBasis] | None = None,
    learned_from: npt.ArrayLike | None = None,
) -> dict[str, Approximation]:
    """Approximate images by least squares in every basis that there is.

    Parameters
    ----------
    images : array_like, shape (B, L, L)
    counts : sequence of int
        Numbers of coefficients, each at least 1.
    names : sequence of str, optional
        Which bases, of `pswf.basis_names`: all of them by default, those of other distributions included.
    bases : mapping of str to callable or SteerableBasis, optional
        Any others, by names of their own.  A callable takes the bandlimit c and returns a `pswf.RadialFamily` of about
        c^2 / 4 functions; a `pswf.SteerableBasis` for images of this size has as many functions as it has.
    learned_from : array_like, shape (M, L, L), optional
        Other images of the same kind, from which steerable principal components are learned and compared as well.

    Returns
    -------
    dict of str to Approximation
        By name, those of ``bases`` after the others, and "learned" where asked for.  The bands follow from the
        counts: a band c holds about c^2 / 4 functions.

    Raises
    ------
    TypeError, ValueError
        Images that are not a stack of square real images; counts below 1; a basis that `pswf.make_family` or
        `pswf.SteerableBasis` refuses; a name that is given twice; what is no basis.

    Examples
    --------
    >>> import numpy as np
    >>> from pswf import compare_bases
    >>> rows, columns = np.mgrid[:32, :32] - 16
    >>> blob = np.exp(-((rows - 3) ** 2 + columns**2) / 20)[None]
    >>> result = compare_bases(blob, [20, 200])
    >>> bool(result["prolate"].errors[1] < 0.01 * result["prolate"].errors[0])
    True
    """
    stack = check_real(images, "images", "pixels")
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or len(stack) == 0:
        raise ValueError(f"images have shape {stack.shape}; give a stack (B, L, L)")
    size = stack.shape[1]
    wanted = sorted(check_count(count, "counts") for count in counts)
    makers: dict[str, _Maker] = {
        name: partial(make_family, name) for name in (basis_names() if names is None else names)
    }
    for name, make in (bases or {}).items():
        if name in makers:
            raise ValueError(f"the basis {name!r} is among the names and among the bases; give it another name")
        makers[name] = make
    if learned_from is not None and "learned" in makers:
        raise ValueError("the basis 'learned' has the name of the learned one; leave it out of names")
    result = {name: _compared(name, make, stack, wanted) for name, make in makers.items()}
    if learned_from is not None:
        learned = steerable_pca(PSWF2D(size, dtype=np.float64), learned_from)
        result["learned"] = _approximate(stack, [SteerableBasis(learned.leading(n), size, dtype="f8") for n in wanted])
    return result


def _compared(name: str, make: _Maker, stack: npt.NDArray[np.generic], wanted: list[int]) -> Approximation:
    if isinstance(make, SteerableBasis):
        return _approximate(stack, [make])
    chosen = []
    for count in wanted:
        family = make(2.0 * math.sqrt(count)) if callable(make) else make
        if not callable(make) or not callable(family):
            raise TypeError(
                f"the basis {name!r} gave {family!r}; give a function of the bandlimit that returns a "
                "pswf.RadialFamily, or a pswf.SteerableBasis"
            )
        chosen.append(SteerableBasis(family, stack.shape[1], dtype=np.float64))
    return _approximate(stack, chosen)


def _approximate(stack: npt.NDArray[np.generic], bases: Sequence[SteerableBasis]) -> Approximation:
    errors = [float(np.median(basis.least_squares(stack, tolerance=_TOLERANCE).residual)) for basis in bases]
    return Approximation(np.array([basis.count for basis in bases]), np.array(errors))
