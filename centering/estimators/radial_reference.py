"""The radial reference: the rotational average of the particles, learned from the images that it centres."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.estimators.base import LEARN_FROM
from centering.estimators.spec import EstimatorSpec, Option, number_or, yes_or_no
from centering.progress import Progress
from centering.radial.batches import Source
from centering.radial.fitted import FittedReference
from centering.radial.options import ReferenceOptions
from centering.results import Centers, Flag
from centering.stack import check_stack

__all__ = ["ESTIMATOR", "RadialReference"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RadialReference(ReferenceOptions):
    r"""Matched filter with the particles' own radial profile, learned by expectation-maximisation.

    Model: ``I_i(x) = s_i (m(|x - t_i|) + structure) + plane + noise``, with the profile ``m = sum_n a_n psi_{0,n}`` on
    the disk, and what a particle has beyond it taken for noise of its own spectrum.
    The E-step weighs all candidates t by their likelihood, the M-step fits the coefficients a_n to all images about
    their weighted centres.  The noise may be coloured (its radial spectrum is taken from the corners), its variance is
    fitted image by image, and so is the scale s_i.  Candidates whose disk leaves the image are judged by what is seen.

    Parameters
    ----------
    radius : int or "auto"
        R in pixels, at least 1; that of the particle or more: the disk must hold it.  ``"auto"``: the smallest radius
        that explains images not learned from (almost) as well as any; see `FittedReference.radius_choice`.
    basis : RadialBasis, optional
        Prolate functions of the band that is used (wavelengths of 4 pixels, or R/16) by default.
    iterations : int, optional
        EM iterations over all images; the data are read once for each.
    prior : "learned", "flat" or float, optional
        Prior of the displacement: normal with a standard deviation (pixels, along either axis) that is learned or
        given, or the same for all candidates.
    max_shift : float, optional
        Only candidates displaced by at most this many pixels along either axis.  Without it: as far as the disk stays
        inside the image, but at least half a radius.
    ctf : CTF, optional
        Contrast transfer functions of the images, in their order; may also be given with the images.  The profile is
        then free of them: the template of image i is ``H_i m``.
    phase_flip : bool, optional
        Undo the sign of the transfer functions in the images instead, and learn what is left of the profile.
    profiles : int or "auto", optional
        Number of profiles, for mixed data; ``"auto"``: 1 to 4, by the likelihood of images not learned from.
    contrast : bool, optional
        Whether images may differ in scale; False fixes all scales to 1 (images have unit power).
    whiten : bool, optional
        Whether the noise is whitened; False takes it as white.
    structure : bool, optional
        Whether what particles have beyond their profile counts as noise of its own spectrum, learned from what the
        profile leaves; False: a particle is its profile.
    learn_from : int, optional
        Learn from so many images only, drawn at random; then centre all in one pass.  Only for images in an array.
    seed : int, optional
        Seed of that draw.

    Raises
    ------
    TypeError
        A basis without ``evaluate``, images from an iterator that can be read only once.
    ValueError
        Options outside their range; when called, a disk larger than the images, no usable image, a number of transfer
        functions that is not that of the images.

    Notes
    -----
    Uncertainty: ``covariance``, the posterior covariance of the displacement.  With ``structure`` it holds on average
    for particles that are not radial as well; without, for radial ones only.  Learned from fewer than 100 images, it is
    the mean square of the centre about the displacement when the image itself is left out of the reference.

    The ``displacement`` is the posterior mean, ``score`` the logarithm of the likelihood ratio of a particle to none
    (an outlier score: empty boxes come last).  Flags: BORDER, AMBIGUOUS, NEIGHBOUR and OUTLIER as described in
    `centering.radial.flags`; ELONGATED in clear images only, see `FittedReference.clear`; FLAT for images without
    structure (displacement and score 0); NONFINITE for NaN or infinite pixels (displacement 0, score NaN); both have a
    covariance of NaN.

    It learns from the images that it is given: a hundred or more make a profile, a single image only finds its own
    best centre of rotation.  From fewer than 100, or where images are hardly likelier with a particle than without,
    every centre has the flag UNLEARNED, and the log says why (`FittedReference.warnings`).  Bright and dark particles
    are told apart by their likelihood.

    Examples
    --------
    >>> from centering import RadialReference, simulate
    >>> simulation = simulate.particles(64, 48, radius=9, max_shift=5, snr=0.2)
    >>> reference = RadialReference(11, iterations=4).fit(simulation.images)
    >>> centers = reference(simulation.images)
    >>> bool(abs(centers.displacement - simulation.displacement).mean() < 1)
    True
    """

    def fit(self, images: Source, *, ctf: CTF | None = None, progress: Progress | None = None) -> FittedReference:
        """Learn the reference.

        Parameters
        ----------
        images : array_like (B, n, n), iterable of batches, or callable
            All images; or a list of batches (b, n, n); or a function that returns an iterable of batches at every
            call (it is called once for each iteration, so a dataset need not fit into memory).  A batch may be a pair
            of images and their `CTF`.  Images with NaN or infinite pixels are passed over.
        ctf : CTF, optional
            Of these images, instead of the one given to `RadialReference`.
        progress : callable, optional
            ``progress(message, total) -> advance(n)``; see `centering.progress.Progress`.

        Returns
        -------
        FittedReference
        """
        from centering.estimators.surrogate import SurrogateCenter
        from centering.radial.fit import fit
        from centering.threads import one_thread

        with one_thread():
            fitted = fit(self, images, ctf, progress, SurrogateCenter)
        for words in fitted.warnings:
            logger.warning("%s", words)
        return fitted

    @property
    def needs_ctf(self) -> str:
        """The argument that asks for transfer functions; "" where it does without."""
        return "phase_flip" if self.phase_flip else ""

    @property
    def correction(self) -> str:
        """What is done about the transfer functions, where there are any."""
        return "phases flipped" if self.phase_flip else "corrected for contrast transfer"

    def __call__(self, images: npt.ArrayLike, *, ctf: CTF | None = None) -> Centers:
        """Learn from ``images``, shape (B, n, n) or (n, n), and return their centres."""
        stack, finite = check_stack(images)
        transfer = self.ctf if ctf is None else ctf
        if not finite.any():
            return _nothing(len(stack), repr(self))
        chosen = np.flatnonzero(finite)
        if self.learn_from is not None and self.learn_from < len(chosen):
            chosen = np.sort(np.random.default_rng(self.seed).choice(chosen, self.learn_from, replace=False))
        learned = stack if len(chosen) == len(stack) else stack[chosen]
        part = transfer if transfer is None or len(chosen) == len(stack) else transfer[chosen]
        fitted = self.fit(learned, ctf=part)
        return replace(fitted.center(stack, finite, transfer), estimator=repr(self))


def _nothing(count: int, estimator: str) -> Centers:
    """Return the result for images none of which is finite."""
    return Centers(
        np.zeros((count, 2)),
        np.full(count, np.nan),
        np.full(count, int(Flag.NONFINITE)),
        np.full((count, 2, 2), np.nan),
        estimator,
    )


def _make(radius: int | str, **options: object) -> RadialReference:
    return RadialReference(radius, **{"learn_from": LEARN_FROM, **options})  # type: ignore[arg-type]


ESTIMATOR = EstimatorSpec(
    name="radial-reference",
    title="radial reference",
    make=_make,
    options=(
        Option(name="max_shift", help="the farthest shift searched, in pixels"),
        Option(name="learn_from", kind=int, help="a number of images to learn from"),
        Option(name="prior", kind=number_or("learned", "flat"), help="a deviation in pixels, or learned, or flat"),
        Option(name="profiles", kind=number_or("auto", kind=int), help="a number of radial profiles, or auto"),
        Option(name="phase_flip", kind=yes_or_no, help="yes or no: only the signs of transfer functions are undone"),
        Option(name="iterations", kind=int, help="a number of iterations over all images"),
        Option(name="contrast", kind=yes_or_no, help="yes or no: images may differ in scale"),
        Option(name="whiten", kind=yes_or_no, help="yes or no: the noise is whitened"),
        Option(name="structure", kind=yes_or_no, help="yes or no: particles have more than their profile"),
        Option(name="seed", kind=int, help="the seed of the draw of the images"),
    ),
    needs_radius=True,
    auto_radius=True,
    learns=True,
    landscape=True,
    uncertainty=True,
)
