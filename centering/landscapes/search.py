"""From a stack and its plan to centres: the whole way of an image through the landscapes.

The batch goes through `peaks` and `fused.settle`; an image that these leave open, and every image where another method
is asked for, goes through `Search.closer` by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from centering.landscapes.each import center_each
from centering.landscapes.fused import linear, overshoots, settle
from centering.landscapes.landscape import METHODS
from centering.landscapes.lopsided import judge, lopsided
from centering.landscapes.minimum import NEAR, TIE, Minimum, best_candidate, find_minimum
from centering.landscapes.peaks import Peaks
from centering.landscapes.plan import Plan
from centering.landscapes.pyramid import pyramid
from centering.results import Centers, Flag
from centering.stack import Images

__all__ = ["Search"]

Array = npt.NDArray[np.float64]

_GLARE = 2.0**8
"""Pixels that no disk holds are limited where they are this many times as far away as the others are apart."""


@dataclass(frozen=True)
class Search:
    """Finds the minimum of the landscapes of a plan; see `centering.SurrogateCenter` for the options."""

    plan: Plan
    method: str
    search: str
    subpixel: bool

    def __call__(self, stack: Images, finite: npt.NDArray[np.bool_], estimator: str) -> Centers:
        """Return the centres of a stack that `check_stack` has returned, with its mask of finite images."""
        plan = self.plan
        quick = self.method == "fused" and self.search == "full"
        if quick:
            stack, regions, peaks = self._peaks(stack)
            centers = self._together(stack, regions, peaks, finite, estimator)
        else:
            stack = _without_glare(stack, plan)
            centers = center_each(stack, finite, self.closer, estimator)
        if not plan.judged:
            return centers
        # what has a flag needs no second reason
        plain = centers.flags == 0
        if quick and plan.whole:
            off = judge(peaks.coarse[:, 1:-1, 1:-1], centers.displacement, plan.size, plan.radius) & plain
            rest = np.flatnonzero(peaks.open & plain)
        else:
            off, rest = np.zeros(len(stack), np.bool_), np.flatnonzero(plain)
        if len(rest):
            some = stack if len(rest) == len(stack) else stack[rest]
            off[rest] = lopsided(some, centers.displacement[rest], plan.radius)
        centers.flags[off] = int(Flag.LOPSIDED)
        return centers

    def _peaks(self, stack: Images) -> tuple[Images, Images, Peaks]:
        """Return the stack without glare, the regions of it that are searched, and where they correlate best."""
        plan = self.plan
        slack = NEAR * TIE * plan.peak
        if not plan.whole:
            stack = _without_glare(stack, plan)
        # the compiled loops see one kind of array, whose rows and columns are contiguous
        regions = np.ascontiguousarray(plan.region(stack))
        peaks = plan.search(regions, slack)
        if plan.whole:
            # all other pixels lie in some disk, or within the range of these
            with np.errstate(over="ignore"):
                suspects = np.flatnonzero(peaks.contrast / _GLARE > peaks.middle)
            if len(suspects):
                clear = _without_glare(stack[suspects], plan)
                if (clear != stack[suspects]).any():
                    regions = stack = stack.copy()
                    stack[suspects] = clear
                    peaks = plan.search(regions, slack)
        return stack, regions, peaks

    def _together(
        self, stack: Images, regions: Images, peaks: Peaks, finite: npt.NDArray[np.bool_], estimator: str
    ) -> Centers:
        """Return the centres of the images as a batch; those that need it get a closer look."""
        displacement, score, flags, doubtful = settle(regions, peaks, self.plan, subpixel=self.subpixel)
        again = np.flatnonzero(doubtful | ~finite)
        if len(again):
            closer = center_each(stack[again], finite[again], self.closer, "")
            displacement[again], score[again] = closer.displacement, closer.score
            flags[again] = closer.flags
        return Centers(displacement, score, flags, None, estimator)

    def closer(self, image: Array) -> Minimum:
        """Return the minimum of one non-negative image in double precision."""
        plan = self.plan
        if self.search == "pyramid":
            return pyramid(image, plan, subpixel=self.subpixel)
        if self.method != "fused":
            return self._minimum(image, self.method)
        # L without its absolute value is an affine function of the total: the minimum needs no more
        total, largest = linear(image, plan)
        terms = plan.terms(image)
        if plan.score.normalizer == "disk":
            i, j, _ = best_candidate(-total, terms)
            reach = 1 if self.subpixel else 0
            rows = plan.rows[max(i - reach, 0) : i + reach + 1]
            columns = plan.columns[max(j - reach, 0) : j + reach + 1]
            if overshoots(image, plan, rows, columns, largest):
                return self._minimum(image, "maps")
        return find_minimum(-total, plan.rows, plan.columns, subpixel=self.subpixel, terms=terms)

    def _minimum(self, image: Array, method: str) -> Minimum:
        plan = self.plan
        landscape, scale = METHODS[method](image, plan)
        terms = plan.terms(image) * scale
        return find_minimum(landscape, plan.rows, plan.columns, subpixel=self.subpixel, terms=terms)


def _without_glare(stack: Images, plan: Plan) -> Images:
    """Return the stack; a copy in which pixels outside of all disks are limited, in images that these would drown."""
    row, column = _unseen(plan.size, plan.radius, int(plan.rows[0]), int(plan.rows[-1]))
    if len(row) == 0:
        return stack
    outside = stack.reshape(len(stack), -1).take(row * plan.size + column, axis=1)
    # a look at one row tells most images from those that need a closer one; halves, so that no difference overflows
    high, low = stack[:, plan.size // 2].max(axis=1) / 2.0, stack[:, plan.size // 2].min(axis=1) / 2.0
    apart = np.maximum(outside.max(axis=1) / 2.0 - high, low - outside.min(axis=1) / 2.0)
    with np.errstate(over="ignore"):
        suspects = np.flatnonzero(apart / _GLARE > high - low)
    if len(suspects) == 0:
        return stack
    inside = np.ones(stack.shape[1:], np.bool_)
    inside[row, column] = False
    changed = stack
    for i in suspects:
        pixels = stack[i][inside]
        least, most = pixels.min(), pixels.max()
        farthest = max(outside[i].max() / 2.0 - most / 2.0, least / 2.0 - outside[i].min() / 2.0)
        if farthest / _GLARE > most / 2.0 - least / 2.0 > 0.0:
            changed = stack.copy() if changed is stack else changed
            changed[i, row, column] = np.clip(outside[i], least, most)
    return changed


@lru_cache(maxsize=16)
def _unseen(size: int, radius: int, first: int, last: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return rows and columns of the pixels in no disk about a candidate, first to last along both axes."""
    place = np.arange(size) - size // 2
    beyond = (place - np.clip(place, first, last)) ** 2
    row, column = np.nonzero(np.add.outer(beyond, beyond) > radius**2)
    return row, column
