"""Settle every question about a dataset before anything is done with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from centering.engine.contrast import Contrast, detect_contrast
from centering.engine.job import Job
from centering.estimators.base import Estimator
from centering.io.particles import Particles
from centering.stack import check_radius

if TYPE_CHECKING:
    from centering.estimators.radial_reference import RadialReference
    from centering.radial.fit import Progress

__all__ = ["ESTIMATORS", "LEARN_FROM", "make_estimator", "prepare", "radii"]

Index = npt.NDArray[np.int64]

ESTIMATORS = ("surrogate", "radial-reference", "mass", "median", "phase", "self-convolution")
"""Names of the estimators that a command can ask for."""

LEARN_FROM = 2000
"""Images that a reference is learned from, unless told: more of them hardly change it."""

_REFERENCE = "radial-reference"
_OWNERS = {"score": ("surrogate",), "max_shift": ("surrogate", _REFERENCE)}  # of options; of all others: the reference

_SAMPLES, _RUN = 20, 15  # so many runs of so many consecutive images decide the contrast


def make_estimator(name: str, radius: int | str | None, **options: Any) -> Estimator:
    """Return the estimator called ``name``, one of `ESTIMATORS`, for particles of ``radius`` pixels.

    Parameters
    ----------
    name : str
    radius : int, "auto" (only where it learns) or None
    **options
        ``score`` and ``max_shift`` of the surrogate, or those of `centering.RadialReference`; None and False: not
        given.

    Raises
    ------
    ValueError
        An unknown name, a missing radius, or an option that this estimator does not have.
    """
    import centering

    given = _given(name, options)
    if name in _OWNERS["max_shift"] and radius is None:
        raise ValueError(
            f"the {'surrogate centre' if name == 'surrogate' else 'radial reference'} needs the size of the particle: "
            "give --diameter (Angstrom) or --radius (pixels, or auto)"
        )
    if name == _REFERENCE:
        return centering.RadialReference(radius, **{"learn_from": LEARN_FROM, **given})  # type: ignore[arg-type]
    if name == "surrogate":
        return centering.SurrogateCenter(radius, **given)  # type: ignore[arg-type]
    if name == "median":
        return centering.GeometricMedian(radius)  # type: ignore[arg-type]
    if name == "phase":
        return centering.PhaseCenter()
    return centering.CenterOfMass() if name == "mass" else centering.SelfConvolution()


def _given(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given; raise ValueError where the estimator does not have one of them."""
    if name not in ESTIMATORS:
        raise ValueError(f"there is no estimator {name!r}; choose one of {', '.join(ESTIMATORS)}")
    given = {option: value for option, value in options.items() if value is not None and value is not False}
    for option in given:
        owners = _OWNERS.get(option, (_REFERENCE,))
        if name not in owners:
            raise ValueError(
                f"--{option.replace('_', '-')} is an option of the estimator {' and '.join(owners)}; {name} has none"
            )
    return given


def radii(particles: Particles, *, radius: float | None = None, diameter: float | None = None) -> Index | None:
    """Return the radius of every particle in pixels, shape (B,), from a radius in pixels or a diameter in Angstrom.

    Raises
    ------
    ValueError
        Both or an unusable one, or a diameter without a pixel size.
    """
    if radius is not None:
        return np.full(len(particles), check_radius(radius, particles.size))
    if diameter is None:
        return None
    if not (math.isfinite(diameter) and diameter > 0):
        raise ValueError(f"diameter is {diameter!r}; give a positive number of Angstrom")
    if particles.pixel_size is None:
        raise ValueError(f"--diameter {diameter:g} is in Angstrom and the pixel size is not known; give it (--angpix)")
    result = np.rint(0.5 * diameter / particles.pixel_size).astype(np.int64)
    angstrom = particles.pixel_size[result.argmax()]
    try:
        check_radius(int(result.min()))
        check_radius(int(result.max()), particles.size)
    except ValueError as error:
        raise ValueError(f"diameter {diameter:g} A at {angstrom:g} A per pixel: {error}") from None
    return result


def prepare(
    particles: Particles,
    *,
    diameter: float | None = None,
    radius: float | str | None = None,
    max_shift: float | None = None,
    estimator: str = "surrogate",
    score: str | None = None,
    invert: str = "auto",
    ctf: str = "auto",
    progress: Progress | None = None,
    **options: Any,
) -> Job:
    """Settle every question about a dataset, and learn from it what the estimator needs; nothing is written.

    Parameters
    ----------
    particles : Particles
        The dataset, from `centering.io.opening.open_particles`.
    diameter, radius : float, optional
        Size of the particle: diameter in Angstrom, or radius in whole pixels.  ``"auto"``: the radius is chosen from
        the images, by the estimator ``radial-reference`` only.
    max_shift : float, optional
        Farthest displacement in pixels that is searched.
    estimator : str
        One of `ESTIMATORS`.
    score : str, optional
        ``cumulative`` (the paper's equation 3.1) or ``racer`` (the authors' released code).
    invert : {"auto", "yes", "no"}
        Whether dark particles are made bright; ``auto`` looks at a sample of the images.
    ctf : {"auto", "no"}
        Whether what is learned is corrected for the contrast transfer functions that the file states.
    progress : callable, optional
        Told that images are read, and how far learning has come; see `centering.RadialReference.fit`.
    **options
        ``prior``, ``profiles``, ``phase_flip`` and ``learn_from`` of `centering.RadialReference`; it learns from
        `LEARN_FROM` images, drawn at random, unless told.

    Raises
    ------
    ValueError
        Options that do not fit each other or the images; the message says why.
    """
    for option, value, words in (("invert", invert, ("auto", "yes", "no")), ("ctf", ctf, ("auto", "no"))):
        if value not in words:
            raise ValueError(f"{option} is {value!r}; choose {', '.join(words[:-1])} or {words[-1]}")
    if radius is not None and diameter is not None:
        raise ValueError("--diameter and --radius say the same thing twice; give one of them")
    options |= {"score": score, "max_shift": max_shift}
    _given(estimator, options)
    radius_of: Index | None = None
    size: int | str | None = None
    if not isinstance(radius, str):
        radius_of = radii(particles, radius=radius, diameter=diameter)
        size = None if radius_of is None else int(radius_of.max())
    elif radius != "auto":
        raise ValueError(f"radius is {radius!r}; give a number of pixels, or auto")
    elif estimator != _REFERENCE:
        raise ValueError(
            f"--radius auto is for the estimator {_REFERENCE}, which learns the radius with the profile; "
            f"the estimator {estimator} takes a number"
        )
    else:
        size = radius
    # before any image is read
    if estimator == _REFERENCE:
        learner = cast("RadialReference", make_estimator(estimator, size, **options))
    else:
        estimators, members = _each_radius(estimator, radius_of, options, len(particles))
    if progress is not None:
        progress("reading", 0)
    contrast = _contrast(particles, invert, particles.size / 4 if radius_of is None else float(np.median(radius_of)))
    if estimator != _REFERENCE:
        return Job(particles, estimators, members, radius_of, contrast)

    from centering.runs.learning import learn, sentences, transfer_functions

    transfer, found = transfer_functions(particles) if ctf == "auto" else (None, "--ctf no")
    if learner.phase_flip and transfer is None:
        raise ValueError(f"--phase-flip needs contrast transfer functions, and there are none: {found}")
    informed = replace(particles, ctf=transfer)
    references, members = learn(informed, learner, radius_of, invert=contrast.invert, progress=progress)
    how = "phases flipped" if learner.phase_flip else "corrected for contrast transfer"
    notes = [f"not corrected for contrast transfer: {found}" if transfer is None else f"{how}: {found}"]
    notes += [sentence for reference in references for sentence in sentences(reference)]
    radius_of = np.array([reference.radius for reference in references])[members]
    return Job(
        replace(informed, notes=(*particles.notes, *notes)), references, members, radius_of, contrast, references
    )


def _each_radius(
    estimator: str, radius_of: Index | None, options: Mapping[str, Any], count: int
) -> tuple[list[Estimator], Index]:
    """Return an estimator for every distinct radius, and which of them each particle goes through."""
    if radius_of is None:
        return [make_estimator(estimator, None, **options)], np.zeros(count, dtype=np.int64)
    distinct, members = np.unique(radius_of, return_inverse=True)
    return [make_estimator(estimator, int(one), **options) for one in distinct], members


def _contrast(particles: Particles, invert: str, radius: float) -> Contrast:
    if invert != "auto":
        return Contrast(invert == "yes", given=True)
    readable = np.flatnonzero(particles.readable)
    starts = np.unique(np.linspace(0, max(0, len(readable) - _RUN), _SAMPLES).astype(np.int64))
    ends = np.minimum(starts + _RUN, np.append(starts[1:], len(readable)))
    return detect_contrast(
        (particles.read(readable[start:end]) for start, end in zip(starts, ends, strict=True)), max(radius, 1.0)
    )
