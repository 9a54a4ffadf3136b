"""From a checked stack to an alignment."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from centering.alignment.align import Places, Search, recenter, refine, running_average
from centering.alignment.disk import Array, Disk
from centering.alignment.result import Alignment
from centering.alignment.shifts import Match, ShiftSearch
from centering.estimators.surrogate import SurrogateCenter
from centering.landscapes.grid import candidates
from centering.results import Centers, Flag
from centering.stack import Images

if TYPE_CHECKING:
    from centering.estimators.reference_free import ReferenceFreeAlignment

__all__ = ["fit"]

logger = logging.getLogger(__name__)


class _History(NamedTuple):
    """What happened to the N images that have structure; see `Alignment`."""

    running: dict[int, Array]
    moved: list[Array]
    turned: list[Array]
    total: list[float]
    converged: bool


def fit(options: ReferenceFreeAlignment, stack: Images, finite: npt.NDArray[np.bool_]) -> Alignment:
    """Align a checked stack; see `ReferenceFreeAlignment.align`."""
    disk = Disk(stack.shape[-1], options.radius, options.wavelength or max(4.0, options.radius / 4.0))
    spectra, clear = disk.spectra(stack)
    used = np.flatnonzero(clear & finite)
    places = Places.empty(_search(options, disk), spectra[used])
    history = _History({}, [], [], [], True)
    if len(used):
        history = _align(options, places, stack, used)

    def spread(values: npt.ArrayLike, missing: float = 0.0) -> Array:
        """Return values of the images that were used as values of all images, along the last axis."""
        given = np.asarray(values, dtype=np.float64)
        result = np.full((*given.shape[:-1], len(stack)), missing)
        result[..., used] = given
        return result

    displacement = np.array([match.displacement for match in places.matches]).reshape(-1, 2)
    border = spread([match.border for match in places.matches]) > 0
    flags = np.where(finite, np.where(clear, border * int(Flag.BORDER), int(Flag.FLAT)), int(Flag.NONFINITE))
    score = np.where(finite & ~clear, 0.0, spread(places.correlations(), np.nan))
    angle = [math.degrees(math.remainder(match.angle, 2.0 * math.pi)) for match in places.matches]
    sweeps = (len(history.moved), len(used))
    return Alignment(
        centers=Centers(spread(displacement.T).T, score, flags, None, repr(options)),
        angle=spread(angle),
        average=places.average() if len(used) else np.zeros(stack.shape[1:]),
        running=history.running,
        moved=spread(np.reshape(history.moved, sweeps)),
        turned=spread(np.degrees(np.reshape(history.turned, sweeps))),
        total=np.array(history.total),
        converged=history.converged,
    )


def _search(options: ReferenceFreeAlignment, disk: Disk) -> Search:
    limits = candidates(disk.size, disk.radius, options.max_shift)[0]
    if options.rotations is False:
        return ShiftSearch(disk, limits)
    from centering.alignment.turns import TurnSearch

    count = options.rotations
    if count is True:
        count = math.ceil(2.0 * math.pi * disk.radius / disk.wavelength)
    return TurnSearch(disk, limits, count, options.tolerance / 10.0)


def _align(options: ReferenceFreeAlignment, places: Places, stack: Images, used: npt.NDArray[np.int64]) -> _History:
    """Align the images that are used."""
    center = options.center or SurrogateCenter(options.radius)

    def middle(image: Array) -> Array:
        result: Array = center(image).displacement[0]
        return result

    order = np.random.default_rng(options.seed).permutation(len(used))
    limits = candidates(stack.shape[-1], options.radius, options.max_shift)[0]
    first = center(stack[used[order[0]]]).displacement[0]
    start = Match(np.clip(first, limits[0], limits[-1]), 0.0, False)
    running = {
        m: places.search.picture(average)
        for m, average in enumerate(running_average(places, order, start), 1)
        if m & (m - 1) == 0 or m == len(used)
    }
    recenter(places, middle)
    moved, turned, total, converged = [], [], [places.total()], False
    for sweep in range(1, options.sweeps + 1):
        moves, turns = refine(places, order)
        moved.append(moves)
        turned.append(turns)
        total.append(places.total())
        largest = max(moves.max(), options.radius * turns.max())
        logger.info("sweep %d: largest movement %.3g pixels", sweep, largest)
        converged = bool(largest <= options.tolerance)
        if converged:
            break
    recenter(places, middle)
    return _History(running, moved, turned, total, converged)
