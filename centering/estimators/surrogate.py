"""The surrogate centre of mass (sCM): the paper's estimator."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property, lru_cache, partial

import numpy as np
import numpy.typing as npt

from centering.estimators.each import center_each
from centering.estimators.lopsided import lopsided
from centering.estimators.spec import EstimatorSpec, Option, yes_or_no
from centering.landscapes.fused import linear, overshoots, settle
from centering.landscapes.grid import candidates, check_max_shift
from centering.landscapes.landscape import METHODS, check_choice, landscapes
from centering.landscapes.minimum import NEAR, TIE, Minimum, best_candidate, find_minimum
from centering.landscapes.plan import Plan, Plans
from centering.landscapes.pyramid import pyramid
from centering.landscapes.score import RACER as RACER_SCORE
from centering.landscapes.score import Score, check_score
from centering.results import Centers, Flag, Surface
from centering.stack import Images, check_radius, check_stack
from pswf.bases.base import RadialBasis
from pswf.checks import check_basis

__all__ = ["ESTIMATOR", "RACER", "SurrogateCenter"]

Array = npt.NDArray[np.float64]


_GLARE = 2.0**8
"""Pixels that no disk holds are limited where they are this many times as far away as the others are apart."""


@dataclass(frozen=True)
class SurrogateCenter:
    """Surrogate centre of mass: the candidate whose rotational average gathers its energy earliest.

    The minimum of `centering.landscape`, with which it shares its options.

    Parameters
    ----------
    radius : int
        R, radius of the particle in pixels, at least 1.
    score : {"cumulative", "paper", "racer"} or Score, optional
        Equation (3.1), the same with the averages of the paper, or what the authors' released code computes; see
        `centering.landscape`.
    basis : RadialBasis, optional
        As in `centering.landscape`.
    method : {"fused", "maps", "direct"}, optional
        ``"fused"`` finds the minimum p* of the landscape without its absolute value, which is one correlation: in
        single precision for all candidates, then in double precision for all that lie within a bound of its rounding
        errors (see `centering.landscapes.peaks`).  That landscape is a lower bound of (3.1), equal where nothing
        overshoots, so if no ``u[rho]`` exceeds E_max at p*, then p* minimises (3.1) itself.  With ``subpixel`` the
        eight neighbours of p*, which enter the fit, are checked as well.  An image that fails, or whose pixels leave
        the range of single precision, goes through double precision or ``"maps"``.  The centres are those of
        ``"maps"``; the score is that of the landscape looked at, which may overshoot at other candidates.
    max_shift : float, optional
        Only candidates displaced by at most this many pixels along either axis.
    subpixel : bool, optional
        Refine the minimum by the quadratic through its 3 x 3 neighbourhood.
    search : {"full", "pyramid"}, optional
        ``"full"`` looks at every candidate.  ``"pyramid"`` is RACER's FastCenterPyramid: a grid of 21 x 21
        candidates (20 x 20 where their number along an axis is even, but for RACER's own score), then halving steps
        about the best one; only those candidates are evaluated, one by one, and ``method`` has no say.

    Raises
    ------
    TypeError
        A basis without ``evaluate``.
    ValueError
        Radius below 1 or not whole, negative ``max_shift``, unknown score, method or search; when called, a disk
        larger than the images.

    Notes
    -----
    Flags: BORDER where the minimum lies on the border of the candidates (the images that RACER rejects as
    outliers); AMBIGUOUS where a candidate that does not touch it is as good but for rounding (images with symmetries,
    particles larger than R; the first in row order is taken, by every method); FLAT for a constant image or landscape;
    NONFINITE for NaN or infinite pixels (displacement 0 for both).  LOPSIDED where there is none of these and the mass
    about the centre, as far out as it goes on without a gap, has its centre of mass more than 0.15 R away, beyond what
    noise explains: R may be far too small (a ring, shell or disc), the object may be two bodies that touch, or a
    neighbour may.  What a gap or noise hides is not seen, so that no flag does not mean that R is right.  Not for
    ``score="racer"``.  Uncertainty: none, ``covariance`` is None.

    Pixels may have any finite magnitude: images are scaled by powers of two, and their means are taken off, before
    anything is summed or squared.  Pixels that no candidate's disk holds (the corners) decide nothing; so that the
    others do not drown, they are limited where one is more than 2^8 times as far away as the others are apart.

    Tables are built at the first call for each image size, kept on the instance, and left out of its pickle; calls from
    several threads are safe.

    Examples
    --------
    >>> import numpy as np
    >>> from centering import SurrogateCenter
    >>> images = np.zeros((1, 32, 32))
    >>> images[0, 13:22, 7:16] = 1.0  # 9 x 9 pixels about (17, 11); the centre pixel is (16, 16)
    >>> print(SurrogateCenter(7)(images).displacement.round(6))
    [[ 1. -5.]]
    """

    radius: int
    _: KW_ONLY
    score: str | Score = "cumulative"
    basis: RadialBasis | None = None
    method: str = "fused"
    max_shift: float | None = None
    subpixel: bool = True
    search: str = "full"
    _plans: Plans = field(init=False, repr=False, compare=False, default_factory=Plans)

    def __post_init__(self) -> None:
        check_radius(self.radius)
        check_score(self.score)
        check_choice(self.method, "method", METHODS)
        check_choice(self.search, "search", ("full", "pyramid"))
        check_max_shift(self.max_shift)
        if self.basis is not None:
            check_basis(self.basis)

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Return the centres of ``images``, shape (B, n, n) or (n, n)."""
        stack, finite = check_stack(images)
        plan = self._plan(stack.shape[-1])
        stack = _without_glare(stack, plan)
        if self.method == "fused" and self.search == "full":
            centers = self._searched(stack, finite, plan)
        else:
            centers = center_each(stack, finite, lambda image: self._find(image, plan), self._name)
        # what has a flag needs no second reason, and RACER's centre is no centre of mass
        plain = np.flatnonzero((centers.flags == 0) & (plan.score != RACER_SCORE))
        if len(plain):
            off = lopsided(
                stack if len(plain) == len(stack) else stack[plain], centers.displacement[plain], plan.radius
            )
            centers.flags[plain[off]] = int(Flag.LOPSIDED)
        return centers

    def landscape(self, images: npt.ArrayLike) -> Array:
        """Return the landscapes of ``images``, shape (B, h, w), as `centering.landscape` does with these options."""
        stack, finite = check_stack(images)
        plan = self._plan(stack.shape[-1])
        compute = METHODS[self.method]
        return landscapes(stack, finite, plan.shape, lambda image: compute(image, plan)[0])

    def surface(self, image: npt.ArrayLike) -> Surface:
        """Return the landscape of one image (n, n), and the displacements along its axes."""
        values = self.landscape(image)[0]
        return Surface(values, *candidates(np.shape(image)[-1], self.radius, self.max_shift))

    def make_ready(self, size: int) -> None:
        """Compile the kernels and build the tables for images of ``size`` x ``size`` pixels in single precision."""
        self(np.random.default_rng(0).standard_normal((1, size, size), dtype=np.float32))

    @cached_property
    def _name(self) -> str:
        return repr(self)

    def _plan(self, size: int) -> Plan:
        radius = check_radius(self.radius, size)

        def build() -> Plan:
            score = check_score(self.score)
            return Plan(size, score.disk(radius, self.basis), score, self.max_shift)

        return self._plans.get(size, build)

    def _searched(self, stack: Images, finite: npt.NDArray[np.bool_], plan: Plan) -> Centers:
        """Return the centres of the images as a batch; those that need a closer look go through `_find`."""
        # the compiled loops see one kind of array, whose rows and columns are contiguous
        regions = np.ascontiguousarray(plan.region(stack))
        peaks = plan.search(regions, NEAR * TIE * plan.peak)
        displacement, score, flags, doubtful = settle(regions, peaks, plan, subpixel=self.subpixel)
        again = np.flatnonzero(doubtful | ~finite)
        if len(again):
            closer = center_each(stack[again], finite[again], lambda image: self._find(image, plan), "")
            displacement[again], score[again] = closer.displacement, closer.score
            flags[again] = closer.flags
        return Centers(displacement, score, flags, None, self._name)

    def _find(self, image: Array, plan: Plan) -> Minimum:
        if self.search == "pyramid":
            return pyramid(image, plan, subpixel=self.subpixel)
        if self.method != "fused":
            return self._minimum(image, plan, self.method)
        # L without its absolute value is an affine function of the total: the minimum needs no more
        total, largest = linear(image, plan)
        terms = plan.terms(image)
        if plan.score.normalizer == "disk":
            i, j, _ = best_candidate(-total, terms)
            reach = 1 if self.subpixel else 0
            rows = plan.rows[max(i - reach, 0) : i + reach + 1]
            columns = plan.columns[max(j - reach, 0) : j + reach + 1]
            if overshoots(image, plan, rows, columns, largest):
                return self._minimum(image, plan, "maps")
        return find_minimum(-total, plan.rows, plan.columns, subpixel=self.subpixel, terms=terms)

    def _minimum(self, image: Array, plan: Plan, method: str) -> Minimum:
        landscape, scale = METHODS[method](image, plan)
        terms = plan.terms(image) * scale
        return find_minimum(landscape, plan.rows, plan.columns, subpixel=self.subpixel, terms=terms)


def _without_glare(stack: Images, plan: Plan) -> Images:
    """Return the stack; a copy in which pixels outside of all disks are limited, in images that these would drown."""
    row, column = _unseen(plan.size, plan.radius, int(plan.rows[0]), int(plan.rows[-1]))
    if len(row) == 0:
        return stack
    outside = stack[:, row, column]
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


_OPTIONS = (
    Option(name="max_shift", help="the farthest shift searched, in pixels"),
    Option(name="method", kind=str, help="fused, maps or direct"),
    Option(name="search", kind=str, help="full or pyramid"),
    Option(name="subpixel", kind=yes_or_no, help="yes or no: the minimum is refined between the pixels"),
)

ESTIMATOR = EstimatorSpec(
    name="surrogate",
    title="surrogate centre",
    make=SurrogateCenter,
    options=(Option(name="score", kind=str, help="cumulative, paper or racer"), *_OPTIONS),
    needs_radius=True,
    landscape=True,
)

RACER = EstimatorSpec(
    name="racer",
    title="surrogate centre with the score of RACER",
    make=partial(SurrogateCenter, score="racer"),
    options=_OPTIONS,
    needs_radius=True,
    landscape=True,
)
