"""How well do so many coefficients of each basis describe given images?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pswf.checks import check_count
from pswf.families import DiniBesselFamily, FourierBesselFamily, RadialFamily, ZernikeFamily
from pswf.spectra import prolate_spectra
from pswf.steerable.basis import SteerableBasis
from pswf.steerable.learned import steerable_pca
from pswf.steerable.prolate import PSWF2D

__all__ = ["Approximation", "compare_bases"]

Array = npt.NDArray[np.float64]

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

    counts: npt.NDArray[np.int64]
    errors: Array


def compare_bases(
    images: npt.ArrayLike, counts: Sequence[int], *, learned_from: npt.ArrayLike | None = None
) -> dict[str, Approximation]:
    """Approximate images by least squares in every basis of the package.

    Parameters
    ----------
    images : array_like, shape (B, L, L)
    counts : sequence of int
        Numbers of coefficients, each at least 1.
    learned_from : array_like, shape (M, L, L), optional
        Other images of the same kind, from which steerable principal components are learned and compared as well.

    Returns
    -------
    dict of str to Approximation
        "prolate", "Fourier-Bessel", "Dini-Bessel", "Zernike", and "learned" where asked for.  Bands and degrees
        follow from the counts: a band c holds about c^2 / 4 functions, a degree d holds (d + 1)(d + 2) / 2.

    Raises
    ------
    TypeError, ValueError
        Images that are not a stack of square real images; counts below 1.

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
    stack = np.asarray(images)
    if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or len(stack) == 0:
        raise ValueError(f"images have shape {stack.shape}; give a stack (B, L, L)")
    size = stack.shape[1]
    wanted = sorted(check_count(count, "counts") for count in counts)
    families: dict[str, Callable[[int], RadialFamily]] = {
        "prolate": lambda count: prolate_spectra(2.0 * math.sqrt(count)),
        "Fourier-Bessel": lambda count: FourierBesselFamily(max(2.0 * math.sqrt(count), 2.5)),
        "Dini-Bessel": lambda count: DiniBesselFamily(2.0 * math.sqrt(count)),
        "Zernike": lambda count: ZernikeFamily(max(0, round(math.sqrt(2.0 * count) - 1.5))),
    }
    if learned_from is not None:
        basis = PSWF2D(size, dtype=np.float64)
        families["learned"] = steerable_pca(basis, learned_from).leading
    return {name: _approximate(stack, make, wanted) for name, make in families.items()}


def _approximate(
    stack: npt.NDArray[np.generic], make: Callable[[int], RadialFamily], wanted: list[int]
) -> Approximation:
    counts = []
    errors = []
    for count in wanted:
        basis = SteerableBasis(make(count), stack.shape[1], dtype=np.float64)
        counts.append(basis.count)
        errors.append(float(np.median(basis.least_squares(stack, tolerance=_TOLERANCE).residual)))
    return Approximation(np.array(counts), np.array(errors))
