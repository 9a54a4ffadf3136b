"""Reference-free alignment: images that centre each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from centering.alignment.options import AlignmentOptions
from centering.alignment.result import Alignment
from centering.checks import check_radius
from centering.estimators.base import Estimator
from centering.estimators.spec import EstimatorSpec, Option
from centering.results import Centers
from centering.stack import Images, check_stack, moderate

__all__ = ["ESTIMATOR", "ReferenceFreeAlignment"]


@dataclass(frozen=True)
class ReferenceFreeAlignment(AlignmentOptions):
    r"""Align the images to each other, with no reference but their own average.

    Penczek, Radermacher and Frank, both parts.  (a) Running average: the images come in random order; each is aligned
    to the average of those before it, and added.  (b) Refinement: each image is taken out of the average, aligned to
    the average of the others and put back, until none moves.  Shifts, and turns where ``rotations`` asks for them, are
    the highest point of the cross-correlation, between the pixels; all candidates are looked at every time.

    Parameters
    ----------
    radius : int
        R in pixels, at least 2: the average is compared within this distance of its centre.  Better too large than too
        small.
    rotations : bool or int, optional
        Whether images may be turned in their plane, which helps where few views make up the stack; a number is that
        of the angles at which the search starts (True: one wavelength apart at the rim).  Needs finufft.
    max_shift : float, optional
        Only candidates displaced by at most this many pixels along either axis.
    wavelength : float, optional
        Details finer than this many pixels are left out; more than 2, at most 2 R.  R / 4, but at least 4, by default.
    sweeps : int, optional
        Largest number of sweeps of part (b); 0 for part (a) alone.
    tolerance : float, optional
        Part (b) ends when no image moved by more than this against the others, in pixels, counting a turn by what it
        does at the rim.
    center : Estimator, optional
        Finds the centre of the average; `SurrogateCenter` of this radius by default.
    seed : int, optional
        Seed of the order of the images.

    Raises
    ------
    TypeError
        Options of the wrong kind.
    ValueError
        Options outside their range; when called, a disk larger than the images.
    ImportError
        ``rotations`` without finufft.

    Notes
    -----
    Only the positions relative to each other are determined: moving all images alike changes nothing.  This freedom is
    fixed by ``center``: it finds where the first image is put, and the average is moved to where it sees the centre in
    the middle, after part (a) and at the end.  So its bias is the bias of all centres, and with the default particles
    must be bright; `SelfConvolution`, the centre of symmetry, suits averages that are nearly round.  An image alone is
    centred by ``center``.

    The background is the mean outside of the disk, and images are scaled to unit deviation, so that grey scales do not
    matter.  The result depends on the order of the images, and so on ``seed``.

    ``score`` is the correlation of the image with the average of the others, within the disk, in [-1, 1]; NaN where
    there are no others.  Uncertainty: none, ``covariance`` is None.  Flags: BORDER where the best candidate
    lies on the border of the search; FLAT for images without structure (displacement and score 0); NONFINITE for NaN or
    infinite pixels (displacement 0, score NaN).  Both are left out of the average.

    The whole stack is needed at once.  Beside it, memory holds the disks and the low frequencies of all images: for a
    disk of half the width of the box a quarter of the stack.  With ``rotations`` there is a table of about
    ``40 (R n)^2 / wavelength^4`` numbers.

    References
    ----------
    P. Penczek, M. Radermacher, J. Frank, Three-dimensional reconstruction of single particles embedded in ice,
    Ultramicroscopy 40 (1992) 33, https://doi.org/10.1016/0304-3991(92)90233-A

    Examples
    --------
    >>> from centering import ReferenceFreeAlignment, simulate
    >>> simulation = simulate.particles(40, 48, radius=9, max_shift=5, snr=0.2)
    >>> centers = ReferenceFreeAlignment(11)(simulation.images)
    >>> bool(abs(centers.displacement - simulation.displacement).mean() < 1)
    True
    """

    together: ClassVar[bool] = True

    center: Estimator | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.center is not None and not callable(self.center):
            raise TypeError(f"center is {self.center!r}; give an estimator, for example SurrogateCenter(radius)")

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Return the centres of ``images``, shape (B, n, n) or (n, n)."""
        return self.align(images).centers

    def align(self, images: npt.ArrayLike) -> Alignment:
        """Align ``images``, shape (B, n, n) or (n, n), and return their average and the history as well."""
        from centering.alignment.fit import fit
        from centering.estimators.surrogate import SurrogateCenter
        from centering.threads import one_thread

        stack, finite = check_stack(images)
        check_radius(self.radius, stack.shape[-1])
        estimator = SurrogateCenter(self.radius) if self.center is None else self.center

        def find_center(image: Images) -> npt.NDArray[np.float64]:
            displacement: npt.NDArray[np.float64] = estimator(image).displacement[0]
            return displacement

        with one_thread():
            return fit(self, moderate(stack), finite, find_center)


def _turns(text: str) -> bool | int:
    return {"yes": True, "no": False}[text] if text in ("yes", "no") else int(text)


ESTIMATOR = EstimatorSpec(
    name="alignment",
    title="reference-free alignment",
    make=ReferenceFreeAlignment,
    options=(
        Option(name="max_shift", help="the farthest shift searched, in pixels"),
        Option(name="rotations", kind=_turns, help="yes or no, or the number of angles at which turns begin"),
        Option(name="wavelength", help="the finest detail that counts, in pixels"),
        Option(name="sweeps", kind=int, help="the largest number of sweeps"),
        Option(name="tolerance", help="a movement in pixels at which sweeping ends"),
        Option(name="seed", kind=int, help="the seed of the order of the images"),
    ),
    needs_radius=True,
    together=True,
)
