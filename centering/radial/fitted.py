"""A reference that has been learned: frozen, and applied to any number of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.plot import Drawing
from centering.radial.batches import check_ctf
from centering.radial.drawing import drawings, sentences
from centering.radial.few import FEW, Lessons
from centering.radial.flags import posterior_flags
from centering.radial.noise import whole_power
from centering.radial.options import ReferenceOptions
from centering.radial.posterior import Expectation, Model, Observation, Posterior, observe
from centering.radial.selection import Choice
from centering.radial.shape import axis_ratios
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves
from centering.results import Centers, Flag, Surface
from centering.stack import Images, check_stack
from centering.threads import one_thread
from pswf.arrays import Array

__all__ = ["FittedReference", "transfer_of"]


@dataclass(frozen=True, repr=False)
class FittedReference:
    """The radial reference of a dataset, learned by `RadialReference.fit`; a callable ``(B, n, n) -> Centers``.

    Every image is judged on its own: the result does not depend on the batch it comes in.

    Attributes
    ----------
    templates : Templates
        The basis on the disk, as it is seen at every candidate.
    model : Model
        What was learned: coefficients and weights of the profiles, fraction of images with a particle, standard
        deviations of the scales and of the displacements.
    spectrum : ndarray or None
        Power spectrum of the noise.
    phase_flip : bool
        Whether contrast transfer is corrected by its sign only.
    history : tuple of float
        Mean log-likelihood ratio per image before each M-step.
    start : str
        What the first profile was learned from, in words.
    radius_choice, profile_choice : Choice or None
        The evidence where the radius or the number of profiles was chosen from the data.
    images : int
        Number of images that it was learned from.
    options : ReferenceOptions or None
        What learned it, without transfer functions.
    structure : ndarray or None
        Power spectrum S of what particles have beyond their profiles, in the units of the spectrum N of the noise.
        Images are whitened by ``N + H^2 S``; where a transfer H shows next to nothing of it, S means little.
    lessons : Lessons or None
        What a reference learned from fewer than 100 images needs to state honest covariances.
    """

    templates: Templates
    model: Model
    spectrum: Array | None = None
    _: KW_ONLY
    phase_flip: bool = False
    history: tuple[float, ...] = ()
    start: str = ""
    radius_choice: Choice | None = None
    profile_choice: Choice | None = None
    images: int = 0
    options: ReferenceOptions | None = None
    structure: Array | None = None
    lessons: Lessons | None = None

    @property
    def radius(self) -> int:
        """R in pixels."""
        return self.templates.disk.radius

    @property
    def size(self) -> int:
        """Side n of the images that it was learned from, and can be applied to."""
        return self.templates.waves.size

    @property
    def warnings(self) -> list[str]:
        """Why nothing was learned that could back a centre, in sentences without capitals and full stops.

        Where there is one, every centre has the flag UNLEARNED.
        """
        said = []
        if self.images < FEW:
            said.append(
                f"few images to learn from ({self.images}): fewer than {FEW} teach no profile to rely on, so every "
                "centre carries the flag unlearned; take more, or another estimator"
            )
        if self.model.typical < TUNING.learned_evidence:
            said.append(
                "the images are hardly likelier with a particle than without: nothing was learned, so every centre "
                "carries the flag unlearned"
            )
        return said

    @cached_property
    def clear(self) -> bool:
        """Whether single images show the shape of a particle: its structure is 30 times the noise at some frequency.

        The noise is what is left at the quietest frequencies; of images without noise it is some faint structure.
        """
        if self.structure is None:
            return False
        noise = whole_power(self.templates.waves, self.spectrum, None)
        return bool((self.structure > TUNING.clear_ratio * noise).any())

    @property
    def coefficients(self) -> Array:
        """Coefficients of the profiles in the basis on the disk, shape (P, K); images have unit power."""
        return self.model.coefficients

    def profile(self, rho: npt.ArrayLike) -> Array:
        """Return the learned profiles at distances from the centre.

        Parameters
        ----------
        rho : array_like
            In pixels; beyond the radius a profile is 0.

        Returns
        -------
        ndarray, shape (P, *rho.shape), float64
            In units of the root mean square of an image (its plane removed, whitened) within the band.
        """
        return self.templates.profile(self.model.coefficients, rho)

    def __call__(self, images: npt.ArrayLike, *, ctf: CTF | None = None) -> Centers:
        """Return the centres of ``images``, shape (B, n, n) or (n, n).

        Parameters
        ----------
        images : array_like
        ctf : CTF, optional
            Contrast transfer functions of these images, one for each or one for all.

        Returns
        -------
        Centers
            See `RadialReference`.
        """
        return self.center(*self._check(images, ctf), ctf)

    def center(self, stack: Images, finite: npt.NDArray[np.bool_], ctf: CTF | None = None) -> Centers:
        """Return the centres of a stack that `check_stack` has returned, with its mask of finite images."""
        displacement = np.zeros((len(stack), 2))
        covariance = np.full((len(stack), 2, 2), np.nan)
        score = np.full(len(stack), np.nan)
        flags = np.where(finite, 0, int(Flag.NONFINITE))
        unlearned = bool(self.warnings)
        for rows, observation, posterior in self._blocks(stack, finite, ctf):
            good = observation.usable
            used = rows[good]
            displacement[used] = posterior.mean[good]
            own = posterior.covariance
            if self.lessons is not None:
                with one_thread():
                    own = self.lessons.covariance(self._expectation, stack[rows], observation, posterior)
            covariance[used] = own[good]
            score[rows] = np.where(good, posterior.evidence, 0.0)
            flags[rows] = np.where(good, posterior_flags(posterior, self._expectation), int(Flag.FLAT))
            if unlearned:
                flags[used] |= int(Flag.UNLEARNED)
            # a transfer function blurs the shape of a particle, and an empty box has none
            particles = used[score[used] > 0]
            if self.clear and ctf is None and len(particles):
                flags[particles] |= self._elongated(stack[particles], displacement[particles])
        return Centers(displacement, score, flags, covariance, repr(self))

    def responsibilities(self, images: npt.ArrayLike, *, ctf: CTF | None = None) -> Array:
        """Return the probability of every profile for every image, shape (B, P); they sum to 1.

        NaN for images that cannot be used.
        """
        stack, finite = self._check(images, ctf)
        result = np.full((len(stack), len(self.model.weights)), np.nan)
        for rows, observation, posterior in self._blocks(stack, finite, ctf):
            part = posterior.probability.sum(axis=(2, 3), dtype=np.float64)
            result[rows[observation.usable]] = part[observation.usable]
        return result

    def landscape(self, images: npt.ArrayLike, *, ctf: CTF | None = None) -> Array:
        """Return minus the logarithm of the posterior of every candidate, up to a constant, shape (B, h, h).

        Rows and columns are the displacements ``-reach..reach`` of ``templates.waves.shifts``; the minimum is the most
        probable candidate.  NaN for images that cannot be used.
        """
        stack, finite = self._check(images, ctf)
        side = len(self.templates.waves.shifts)
        result = np.full((len(stack), side, side), np.nan)
        for rows, observation, posterior in self._blocks(stack, finite, ctf):
            surface = -np.logaddexp.reduce(posterior.landscape.astype(np.float64), axis=1)
            result[rows[observation.usable]] = surface[observation.usable]
        return result

    def surface(self, image: npt.ArrayLike, *, ctf: CTF | None = None) -> Surface | None:
        """Return the landscape of one image (n, n), as deep as a picture can show, and the displacements of its axes.

        None for an image that cannot be used.
        """
        values = self.landscape(image, ctf=ctf)[0]
        if np.isnan(values).any():
            return None
        shifts = self.templates.waves.shifts
        return Surface(np.minimum(values, values.min() + TUNING.drawn_depth), shifts, shifts)

    def make_ready(self, size: int) -> None:
        """Compile the kernels and build the tables; the size is `size`."""
        self(np.random.default_rng(0).standard_normal((1, size, size), dtype=np.float32))

    def _elongated(self, stack: Images, displacement: Array) -> npt.NDArray[np.int64]:
        profile = self.model.weights @ self.profile(np.arange(self.radius + 1))
        return np.where(axis_ratios(stack, displacement, profile) > TUNING.elongated_ratio, int(Flag.ELONGATED), 0)

    def __repr__(self) -> str:
        return (
            f"FittedReference(radius={self.radius}, size={self.size}, profiles={len(self.model.weights)}, "
            f"images={self.images}, options={_stated(self.options)})"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is computed from the rest."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_expectation", "clear")}

    def describe(self) -> dict[str, Any]:
        """Return what was learned, ready for JSON.

        Returns
        -------
        dict
            ``radius_px``, ``images`` (learned from), ``iterations``, ``started_from``; ``profiles``, each with its
            ``weight``, its ``coefficients`` in the basis and its values ``at_px`` 0, 1, ..., R (see `profile`);
            ``noise``: the ``part`` of the power of a typical image, whitened, that the profile leaves, its
            ``spectrum``, median 1, and in the same units that of the ``structure`` beyond the profiles, at
            ``cycles_per_px``; ``contrast_spread`` of the scales about 1; ``shift_spread_px``, the standard deviation of
            the displacements along either axis (None: flat); ``with_particle``, the fraction of images; ``evidence``,
            the mean log-likelihood ratio per image in every iteration; ``radius_choice`` and ``profile_choice`` where
            they were chosen.
        """
        model, waves = self.model, self.templates.waves
        noise: dict[str, Any] = {"part": _rounded(model.noise)}
        if self.spectrum is not None:
            noise["cycles_per_px"] = _rounded(waves.frequency[0])
            noise["spectrum"] = _rounded(self.spectrum[0])
        if self.structure is not None:
            noise["cycles_per_px"] = _rounded(waves.frequency[0])
            noise["structure"] = _rounded(self.structure[0])
        at = self.profile(np.arange(self.radius + 1))
        return {
            "radius_px": self.radius,
            "images": self.images,
            "iterations": len(self.history),
            "started_from": self.start,
            "profiles": [
                {"weight": _rounded(weight), "coefficients": _rounded(coefficients), "at_px": _rounded(values)}
                for weight, coefficients, values in zip(model.weights, model.coefficients, at, strict=True)
            ],
            "noise": noise,
            "contrast_spread": _rounded(model.scale_deviation),
            "shift_spread_px": _rounded(model.shift_deviation) if np.isfinite(model.shift_deviation) else None,
            "with_particle": _rounded(model.present),
            "evidence": _rounded(np.array(self.history)),
            "radius_choice": None if self.radius_choice is None else _evidence(self.radius_choice),
            "profile_choice": None if self.profile_choice is None else _evidence(self.profile_choice),
        }

    def sentences(self) -> list[str]:
        """Return sentences, without capitals and full stops, on what was learned."""
        return sentences(self)

    def drawings(self, others: Sequence[FittedReference] = ()) -> list[Drawing]:
        """Return figures of what this reference, and others beside it, have learned."""
        return drawings([self, *others])

    @cached_property
    def _expectation(self) -> Expectation:
        return Expectation(self.templates, self.model)

    def _check(self, images: npt.ArrayLike, ctf: CTF | None) -> tuple[Images, npt.NDArray[np.bool_]]:
        stack, finite = check_stack(images)
        if stack.shape[-1] != self.size:
            raise ValueError(
                f"the images have {stack.shape[-1]} pixels, the reference was learned from images of {self.size}; "
                "give images of that size"
            )
        if ctf is not None:
            check_ctf(ctf, len(stack))
        return stack, finite

    def _blocks(
        self, stack: Images, finite: npt.NDArray[np.bool_], ctf: CTF | None
    ) -> Iterator[tuple[npt.NDArray[np.int64], Observation, Posterior]]:
        waves = self.templates.waves
        usable = np.flatnonzero(finite)
        for start in range(0, len(usable), TUNING.block_images):
            rows = usable[start : start + TUNING.block_images]
            transfer = transfer_of(None if ctf is None else ctf[rows], len(rows), waves)
            with one_thread():
                observation = observe(
                    stack[rows], waves, self.spectrum, transfer, structure=self.structure, phase_flip=self.phase_flip
                )
                posterior = self._expectation(observation)
            yield rows, observation, posterior


def transfer_of(ctf: CTF | None, count: int, waves: Waves) -> Array | None:
    """Return the transfer functions of ``count`` images on the frequencies of the waves, shape (B, L+1, L+1)."""
    if ctf is None:
        return None
    transfer = ctf.transfer(waves.frequency)
    return np.broadcast_to(transfer, (count, *transfer.shape[1:]))


def _stated(options: ReferenceOptions | None) -> str:
    """Return the options that differ from the defaults, as a call that makes them."""
    if options is None:
        return "None"
    names = [field.name for field in fields(options) if field.repr and getattr(options, field.name) != field.default]
    stated = ", ".join(f"{name}={getattr(options, name)!r}" for name in names)
    return f"{type(options).__name__}({stated})"


def _rounded(values: npt.ArrayLike) -> Any:
    """Return numbers with six significant digits, as Python has them."""
    return np.vectorize(lambda value: float(f"{value:.6g}"), otypes=[np.float64])(values).tolist()


def _evidence(choice: Choice) -> dict[str, Any]:
    return {
        "chosen": choice.chosen,
        "values": choice.values.tolist(),
        "evidence": _rounded(choice.evidence),
        "deficit": _rounded(choice.deficit),
        "error": _rounded(choice.error),
    }
