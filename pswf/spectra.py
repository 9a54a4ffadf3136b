"""The spectra of all angular orders at once, in parallel, and the prolate functions that belong to them.

For one order `pswf.PSWF` gives everything, the leakage 1 - lambda of the best functions included.  A basis for whole
images needs thousands of functions of hundreds of orders and only to know where to stop; what is kept here is
chi and ln lambda, a few hundred kilobytes, from which the vectors follow by one factorisation each.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from pswf.arrays import Array
from pswf.bases.prolate import likely_count
from pswf.bases.series import ZernikeSeries
from pswf.checks import check_bandlimit, check_memory, check_order, check_positive
from pswf.concentration import DIRECT_LIMIT, direct_leakage, log_spectrum
from pswf.spectrum import solve
from pswf.threads import thread_count, thread_map

__all__ = ["RadialProlate", "Spectra", "prolate_spectra"]


_VERSION = 2
"""Part of the cache's key; raised whenever the numbers change."""


class RadialProlate(ZernikeSeries):
    """Radial prolate functions of one order, a `pswf.RadialBasis` made from a known spectrum.

    Unlike `pswf.PSWF` it evaluates the sum of Zernike functions up to the edge: a function that is small there is
    accurate beside its largest value only.

    ``bandlimit``, ``angular_order``, ``count``, ``chi`` and ``log_concentration`` are those of `pswf.PSWF`.
    """

    def __init__(self, bandlimit: float, angular_order: int, *, chi: Array, log_concentration: Array) -> None:
        self.bandlimit = bandlimit
        self.angular_order = angular_order
        self.count = len(chi)
        self.chi = chi
        self.log_concentration = log_concentration

    @cached_property
    def coordinates(self) -> Array:
        """Coordinates in the radial Zernike functions, shape (count, size)."""
        return solve(self.bandlimit, self._order, self.count, self.chi).coordinates

    def _key(self) -> tuple[float, ...]:
        return self.bandlimit, self.angular_order, self.count

    def __repr__(self) -> str:
        return f"RadialProlate({self.bandlimit!r}, {self.angular_order}, count={self.count})"


@dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of the orders N = 0, 1, ..., one array per order: made by `prolate_spectra`.

    A `Spectra` is a family of radial bases (see `pswf.RadialFamily`): called with N it returns the functions.

    Attributes
    ----------
    bandlimit, truncation : float
        What they were made for.
    chi : tuple of ndarray
        ``chi[N]``, shape (count of N,): eigenvalues of the differential operator, ascending.
    log_concentration : tuple of ndarray
        ``log_concentration[N]``, same shapes: ln lambda, accurate to 1e-13 absolutely.
    """

    bandlimit: float
    truncation: float
    chi: tuple[Array, ...]
    log_concentration: tuple[Array, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of functions per order."""
        return tuple(len(chi) for chi in self.chi)

    def __call__(self, angular_order: int) -> RadialProlate | None:
        """Return the functions of one order; None beyond the last order that has any."""
        order = abs(check_order(angular_order))
        if order >= len(self.chi):
            return None
        logs = self.log_concentration[order]
        return RadialProlate(self.bandlimit, angular_order, chi=self.chi[order], log_concentration=logs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spectra):
            return NotImplemented
        pairs = zip((*self.chi, *self.log_concentration), (*other.chi, *other.log_concentration), strict=False)
        return self._key() == other._key() and all(np.array_equal(a, b) for a, b in pairs)

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.bandlimit, self.truncation, self.counts

    def __repr__(self) -> str:
        return (
            f"Spectra(bandlimit={self.bandlimit!r}, truncation={self.truncation!r}, "
            f"orders={len(self.chi)}, functions={sum(self.counts)})"
        )


def prolate_spectra(
    bandlimit: float, truncation: float = 1.0, *, cache: str | os.PathLike[str] | None = None
) -> Spectra:
    """Return the spectra of all angular orders that have functions above the truncation.

    Parameters
    ----------
    bandlimit : float
        c > 0.
    truncation : float, optional
        Keep the functions with ``sqrt(lambda / (1 - lambda)) > truncation`` (Landa and Shkolnisky, Appl. Comput.
        Harmon. Anal. 43 (2017) 381); 1 keeps those that have more than half of their energy on the disk.
    cache : path, optional
        Folder that keeps results between runs.  Several processes may share it; damaged files are made anew.

    Returns
    -------
    Spectra

    Raises
    ------
    ValueError
        Bandlimit not in [1e-70, 1e6], truncation not positive and finite, or so large that no function is left; more
        functions than the machine has memory for.

    Examples
    --------
    >>> from pswf import prolate_spectra
    >>> prolate_spectra(16.0).counts
    (5, 5, 4, 4, 3, 3, 2, 2, 2, 1, 1, 1, 1)
    """
    c = check_bandlimit(bandlimit)
    limit = check_positive(truncation, "truncation")
    # c^2 / 4 functions of both signs of the order, two numbers each
    check_memory(int(c * c / 4.0), f"the spectra of bandlimit {c:.6g}", "give a smaller bandlimit")
    key = f"spectra version {_VERSION} c {c.hex()} truncation {limit.hex()}"
    if cache is not None:
        found = _restore(cache, key, c, limit)
        if found is not None:
            return found
    # the number of functions falls with the order, so the first empty order ends the search
    orders = [_order(c, 0, limit)]
    if not len(orders[0][0]):
        raise ValueError(
            f"truncation {truncation!r} leaves no function at bandlimit {c:.6g}; give a smaller truncation"
        )
    block = 8 * thread_count()
    while len(orders[-1][0]):
        orders += thread_map(lambda N: _order(c, N, limit), range(len(orders), len(orders) + block))
    orders = [item for item in orders if len(item[0])]
    result = Spectra(c, limit, tuple(chi for chi, _ in orders), tuple(log for _, log in orders))
    if cache is not None:
        _keep(cache, key, result)
    return result


def _order(bandlimit: float, order: int, truncation: float) -> tuple[Array, Array]:
    """Return chi and ln lambda of the functions of one order above the truncation."""
    count = likely_count(bandlimit, order)
    while True:
        modes = solve(bandlimit, order, count)
        if truncation > DIRECT_LIMIT:
            log_lambda, log_leakage = log_spectrum(bandlimit, order, modes)
        else:
            # rounding may leave it above 0 by 1e-13
            log_lambda = np.minimum(modes.log_concentration, -1e-300)
            log_leakage = direct_leakage(log_lambda)
        kept = int(np.count_nonzero(log_lambda - log_leakage > 2.0 * math.log(truncation)))
        if kept < count:
            return modes.chi[:kept].copy(), log_lambda[:kept].copy()
        count *= 2


def _keep(cache: str | os.PathLike[str], key: str, result: Spectra) -> None:
    from pswf.cache import store_arrays

    numbers = {"chi": np.concatenate(result.chi), "log_concentration": np.concatenate(result.log_concentration)}
    store_arrays(cache, key, {"counts": np.array(result.counts, dtype=np.int64), **numbers})


def _restore(cache: str | os.PathLike[str], key: str, bandlimit: float, truncation: float) -> Spectra | None:
    from pswf.cache import load_arrays

    arrays = load_arrays(cache, key)
    if arrays is None:
        return None
    ends = [0, *np.cumsum(arrays["counts"])]
    chi, log_concentration = (
        tuple(np.asarray(arrays[name][a:b], dtype=np.float64) for a, b in pairwise(ends))
        for name in ("chi", "log_concentration")
    )
    return Spectra(bandlimit, truncation, chi, log_concentration)
