"""From a checked stack to an alignment."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from centering.alignment.align import Aligned, recenter, refine, running_average
from centering.alignment.disk import Disk
from centering.alignment.options import AlignmentOptions
from centering.alignment.result import Alignment
from centering.alignment.shifts import Match, ShiftSearch
from centering.landscapes.grid import candidates
from centering.results import Centers, Flag
from centering.stack import Images
from pswf.arrays import Array

if TYPE_CHECKING:
    from centering.alignment.turns import TurnSearch

__all__ = ["FindCenter", "fit"]

logger = logging.getLogger(__name__)

FindCenter = Callable[[Images], Array]
"""Takes one image (n, n) and returns the displacement (row, column) of its centre in pixels."""


@dataclass
class _History:
    """What happened to the N images that have structure; see `Alignment`."""

    running: dict[int, Array] = field(default_factory=dict)
    moved: list[Array] = field(default_factory=list)
    turned: list[Array] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    converged: bool = True


def fit(options: AlignmentOptions, stack: Images, finite: npt.NDArray[np.bool_], find_center: FindCenter) -> Alignment:
    """Align a checked stack; see `ReferenceFreeAlignment.align`.

    ``find_center`` finds the centre of the first image and of the averages.  ``options`` name the estimator in
    the result.
    """
    disk = Disk(stack.shape[-1], options.radius, options.shortest_wave)
    spectra, structured = disk.spectra(stack)
    used = np.flatnonzero(structured & finite)
    aligned = Aligned.empty(_search(options, disk), spectra[used])
    history = _align(options, aligned, stack[used], find_center) if len(used) else _History()

    def of_all(values: npt.ArrayLike, missing: float = 0.0) -> Array:
        """Return values of the images that were used as values of all images, along the last axis."""
        given = np.asarray(values, dtype=np.float64)
        result = np.full((*given.shape[:-1], len(stack)), missing)
        result[..., used] = given
        return result

    displacement = np.array([match.displacement for match in aligned.matches]).reshape(-1, 2)
    border = of_all([match.border for match in aligned.matches]) > 0
    flags = np.where(finite, np.where(structured, border * int(Flag.BORDER), int(Flag.FLAT)), int(Flag.NONFINITE))
    score = np.where(finite & ~structured, 0.0, of_all(aligned.correlations(), np.nan))
    angle = [math.degrees(math.remainder(match.angle, 2.0 * math.pi)) for match in aligned.matches]
    sweeps = (len(history.moved), len(used))
    return Alignment(
        centers=Centers(of_all(displacement.T).T, score, flags, None, repr(options)),
        angle=of_all(angle),
        average=aligned.average() if len(used) else np.zeros(stack.shape[1:]),
        running=history.running,
        moved=of_all(np.reshape(history.moved, sweeps)),
        turned=of_all(np.degrees(np.reshape(history.turned, sweeps))),
        total=np.array(history.total),
        converged=history.converged,
    )


def _search(options: AlignmentOptions, disk: Disk) -> ShiftSearch | TurnSearch:
    limits = candidates(disk.size, disk.radius, options.max_shift)[0]
    if not options.angles:
        return ShiftSearch(disk, limits)
    from centering.alignment.turns import TurnSearch

    return TurnSearch(disk, limits, options.angles, options.tolerance / 10.0)


def _align(options: AlignmentOptions, aligned: Aligned, stack: Images, find_center: FindCenter) -> _History:
    """Align the images of a stack, all of which have structure."""
    order = np.random.default_rng(options.seed).permutation(len(stack))
    limits = candidates(stack.shape[-1], options.radius, options.max_shift)[0]
    start = Match(np.clip(find_center(stack[order[0]]), limits[0], limits[-1]), 0.0, False)
    running = {
        m: aligned.search.picture(average)
        for m, average in enumerate(running_average(aligned, order, start), 1)
        if m & (m - 1) == 0 or m == len(stack)
    }
    recenter(aligned, find_center)
    history = _History(running, total=[aligned.total()], converged=False)
    for sweep in range(1, options.sweeps + 1):
        moved, turned = refine(aligned, order)
        history.moved.append(moved)
        history.turned.append(turned)
        history.total.append(aligned.total())
        largest = max(moved.max(), options.radius * turned.max())
        logger.info("sweep %d: largest movement %.3g pixels", sweep, largest)
        history.converged = bool(largest <= options.tolerance)
        if history.converged:
            break
    recenter(aligned, find_center)
    return history
