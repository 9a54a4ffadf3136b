"""The surrogate centre of mass (sCM): the paper's estimator."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from centering.checks import check_choice, check_max_shift, check_radius
from centering.estimators.spec import EstimatorSpec, Option, yes_or_no
from centering.landscapes.grid import candidates
from centering.landscapes.landscape import METHODS, landscapes
from centering.landscapes.plan import Plan, Plans
from centering.landscapes.score import Score, check_score
from centering.landscapes.search import Search
from centering.results import Centers, Surface
from centering.stack import check_stack
from pswf.bases.base import RadialBasis
from pswf.checks import check_basis

__all__ = ["ESTIMATOR", "RACER", "SurrogateCenter"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SurrogateCenter:
    """Surrogate centre of mass: the candidate whose rotational average gathers its energy earliest.

    The minimum of `centering.landscape`, with which it shares its options.

    Parameters
    ----------
    radius : int
        R in pixels, at least 1: the distance of the farthest point of the particle from its centre of mass, and no
        more.  A larger disk takes in noise, and leaves less room to search.
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
        return Search(self._plan(stack.shape[-1]), self.method, self.search, self.subpixel)(stack, finite, self._name)

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
