"""Settle every question about a dataset before anything is done with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.checks import check_radius
from centering.engine.contrast import Contrast, detect_contrast
from centering.engine.job import Job
from centering.engine.origins import Origins
from centering.estimators.base import LEARN_FROM, Fitted, Learner
from centering.estimators.registry import accepted, check_given, estimator_names, find, made, make_estimator
from centering.estimators.spec import EstimatorSpec
from centering.io.particles import Particles
from centering.progress import Progress
from centering.runs.learning import learn, transfer_functions
from centering.sentence import Sentence, argument, named_if_outside
from pswf.checks import check_memory

__all__ = ["ESTIMATORS", "LEARN_FROM", "check_request", "make_estimator", "prepare", "radii"]

Index = npt.NDArray[np.int64]

ESTIMATORS = estimator_names()
"""Names of the estimators that a command can ask for."""

_SAMPLES, _RUN = 20, 15  # so many runs of so many consecutive images decide the contrast


def check_request(
    estimator: str = "surrogate",
    *,
    diameter: float | None = None,
    radius: float | str | None = None,
    invert: str = "auto",
    ctf: str = "auto",
    **options: Any,
) -> tuple[EstimatorSpec, dict[str, Any]]:
    """Refuse what is wrong whatever the particles are; return what is asked for, and the options that were given.

    The parameters are those of `prepare`.
    """
    for name, value, words in (("invert", invert, ("auto", "yes", "no")), ("ctf", ctf, ("auto", "no"))):
        if value not in words:
            raise ValueError(f"{name} is {value!r}; choose {', '.join(words[:-1])} or {words[-1]}")
    if radius is not None and diameter is not None:
        raise ValueError(Sentence("{diameter} and {radius} say the same thing twice; give one of them"))
    if diameter is not None and not (math.isfinite(diameter) and diameter > 0):
        raise ValueError(f"diameter is {diameter!r}; give a positive number of Angstrom")
    farthest = options.get("max_shift")
    if farthest is not None and 0 <= farthest < 1:
        only = "{max_shift} is {value:g}: only the middle of the box would be left; give at least 1 px"
        raise ValueError(Sentence(only, value=farthest))
    spec = find(estimator)
    given = accepted(spec, options)
    check_given(spec, diameter if radius is None else radius)
    return spec, given


def radii(particles: Particles, *, radius: float | None = None, diameter: float | None = None) -> Index | None:
    """Return the radius of every particle in pixels, shape (B,), from a radius in pixels or a diameter in Angstrom.

    One that cannot be used, and a diameter without a pixel size, raise ValueError.
    """
    if radius is not None:
        return np.full(len(particles), check_radius(radius, particles.size))
    if diameter is None:
        return None
    if particles.pixel_size is None:
        words = "{diameter} {value:g} is in Angstrom and the pixel size is not known; give it ({pixel_size})"
        raise ValueError(Sentence(words, value=diameter))
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
    estimator: str = "surrogate",
    invert: str = "auto",
    ctf: str = "auto",
    progress: Progress | None = None,
    origins: Origins | None = None,
    **options: Any,
) -> Job:
    """Settle every question about a dataset, and learn from it what the estimator needs; nothing is written.

    Parameters
    ----------
    particles : Particles
        The dataset, from `centering.io.opening.open_particles`.
    diameter, radius : float, optional
        Size of the particle: diameter in Angstrom, or radius in whole pixels.  ``"auto"``: the radius is chosen from
        the images, by estimators that can do it.
    estimator : str
        One of `ESTIMATORS`.
    invert : {"auto", "yes", "no"}
        Whether dark particles are made bright; ``auto`` looks at a sample of the images.
    ctf : {"auto", "no"}
        Whether what is learned is corrected for the contrast transfer functions that the file states.
    progress : callable, optional
        ``progress(message, total) -> advance(n)``; see `centering.progress.Progress`.
    origins : Origins, optional
        Those that the file states (`centering.engine.origins.stated_origins`), where they are to be told of or kept.
    **options
        Those of the estimator, such as ``max_shift``, by its `centering.estimators.spec.EstimatorSpec`; None: not
        given.  The radial reference learns from `LEARN_FROM` images, drawn at random, unless ``learn_from`` is given.

    Raises
    ------
    ValueError
        Options that do not fit each other or the images; the message says why.
    """
    spec, given = check_request(estimator, diameter=diameter, radius=radius, invert=invert, ctf=ctf, **options)
    radius_of = None if isinstance(radius, str) else radii(particles, radius=radius, diameter=diameter)
    # before any image is read
    estimators, members = _each_radius(spec, radius if radius_of is None else radius_of, given, len(particles))
    if spec.source:
        particles = replace(particles, notes=(*particles.notes, f"the estimator {spec.name} is that of {spec.source}"))
    if spec.together:
        particles = _all_at_once(particles, spec, members)
    if progress is not None:
        progress("reading", 0)
    contrast = _contrast(particles, invert, particles.size / 4 if radius_of is None else float(np.median(radius_of)))
    asked = f"{spec.name}({', '.join(f'{name}={value!r}' for name, value in given.items())}) {spec.source}".rstrip()
    title = ", ".join([spec.title, *(_in_words(name, value) for name, value in given.items() if value is not False)])
    if not spec.learns:
        return Job(
            particles,
            estimators,
            members,
            radius_of,
            contrast,
            asked=asked,
            together=spec.together,
            title=title,
            origins=origins,
        )
    informed, note = _informed(particles, spec, estimators, ctf)
    references, members = learn(informed, estimators, members, invert=contrast.invert, progress=progress)
    notes = [note]
    for reference in references:
        _refuse_unwritable(reference, spec)
        with named_if_outside(reference):
            notes += reference.sentences()
    return Job(
        replace(informed, notes=(*particles.notes, *notes)),
        references,
        members,
        _learned_radii(references, members, radius_of),
        contrast,
        references,
        asked=asked,
        title=title,
        origins=origins,
    )


def _each_radius(
    spec: EstimatorSpec, radius: Index | float | str | None, options: Mapping[str, Any], count: int
) -> tuple[list[Any], Index]:
    """Return an estimator, or a learner, for every distinct radius, and which of them each particle goes through."""
    if not isinstance(radius, np.ndarray):
        return [made(spec, radius, options)], np.zeros(count, dtype=np.int64)
    distinct, members = np.unique(radius, return_inverse=True)
    return [made(spec, int(one), options) for one in distinct], members


def _all_at_once(particles: Particles, spec: EstimatorSpec, members: Index) -> Particles:
    """Return the particles with a note on what memory it takes to have all of them at once; refuse too much of it."""
    count = int(np.bincount(members[particles.readable], minlength=1).max())
    numbers = count * particles.size**2  # in double precision, or the stack and a copy of it
    what = f"{count} images at once, as the {spec.title} needs them,"
    check_memory(numbers, what, "give fewer, or take another estimator")
    note = f"the {spec.title} needs {count} images at once, about {8e-9 * numbers:.2g} GB of memory"
    return replace(particles, notes=(*particles.notes, note))


def _informed(
    particles: Particles, spec: EstimatorSpec, learners: Sequence[Learner], ctf: str
) -> tuple[Particles, str]:
    """Return the particles with the transfer functions that are corrected for, and a note; refuse if one needs them."""
    transfer, found = transfer_functions(particles) if ctf == "auto" else (None, Sentence("{ctf:no}"))
    learner = learners[0]
    if learner.needs_ctf and transfer is None:
        who = argument(learner.needs_ctf) if spec.accepts(learner.needs_ctf) else learner.needs_ctf
        words = "{who} needs contrast transfer functions, and there are none: {found}"
        raise ValueError(Sentence(words, who=who, found=found))
    if not learner.correction:
        transfer, found = None, f"the {spec.title} does not take transfer functions"
    note = Sentence("not corrected for contrast transfer: {found}", found=found)
    return replace(particles, ctf=transfer), note if transfer is None else f"{learner.correction}: {found}"


def _refuse_unwritable(reference: Fitted, spec: EstimatorSpec) -> None:
    """Refuse what could not be written into the summary when all is done."""
    with named_if_outside(reference):
        described = reference.describe()
    try:
        json.dumps(described, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"what the {spec.title} describes as learned cannot be written as JSON: {error}") from None


def _learned_radii(references: Sequence[Fitted], members: Index, given: Index | None) -> Index | None:
    """Return the radius of every particle as it was learned, or given where a reference has none."""
    learned = [reference.radius for reference in references]
    return np.array(learned)[members] if None not in learned else given


def _in_words(name: str, value: object) -> str:
    """Return an option of an estimator for a reader: max_shift=20."""
    if value is True:
        return name
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"


def _contrast(particles: Particles, invert: str, radius: float) -> Contrast:
    if invert != "auto":
        return Contrast(invert == "yes", given=True)
    readable = np.flatnonzero(particles.readable)
    starts = np.unique(np.linspace(0, max(0, len(readable) - _RUN), _SAMPLES).astype(np.int64))
    ends = np.minimum(starts + _RUN, np.append(starts[1:], len(readable)))
    return detect_contrast(
        (particles.read(readable[start:end]) for start, end in zip(starts, ends, strict=True)), max(radius, 1.0)
    )
