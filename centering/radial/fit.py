"""From images to a fitted reference: start, choices, iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from centering.checks import check_radius
from centering.ctf import CTF
from centering.radial.batches import Batch, Source, batches, kept, length, take
from centering.radial.few import BROAD, FEW, Lessons
from centering.radial.fitted import FittedReference, transfer_of
from centering.radial.learning import Freedom, iterate
from centering.radial.noise import corner_spectrum
from centering.radial.posterior import Expectation, Observation, observe
from centering.radial.selection import MOST_PROFILES, Choice, candidate_radii, choose_count, choose_radius
from centering.radial.start import STARTS, first_model, split_profiles
from centering.radial.structure import PASSES, learn_structure
from centering.radial.templates import Templates
from centering.radial.waves import Waves, default_reach
from centering.stack import moderate

if TYPE_CHECKING:
    from centering.estimators.radial_reference import RadialReference

__all__ = ["Progress", "fit"]

Progress = Callable[[str, int | None], Callable[[int], object]]
"""Told what begins, in words, and how many images it goes through where that is known; returns what is told the number
of images done."""

Array = npt.NDArray[np.float64]

SAMPLE = 512
"""Images that decide where to start, the noise spectrum, the radius and the number of profiles."""
SMALLEST = 8
"""Least side of an image with room for a disk, a few waves, and corners."""
PIECES = 16
"""Parts of the sample that are learned from or judged together."""


def fit(options: RadialReference, source: Source, ctf: CTF | None, progress: Progress | None) -> FittedReference:
    """Return what `RadialReference.fit` returns."""
    produce = batches(source, options.ctf if ctf is None else ctf)
    sample = _in_pieces(take(produce, SAMPLE))
    count = sum(len(stack) for stack, _ in sample)
    size = sample[0][0].shape[-1]
    progress = _silent if progress is None else progress
    if size < SMALLEST:
        raise ValueError(
            f"the images have {size} x {size} pixels; give at least {SMALLEST} x {SMALLEST} to learn a profile"
        )
    if count == 1 and "auto" in (options.radius, options.profiles):
        raise ValueError("'auto' is judged by images not learned from, and there is only 1 image; give a number")
    if isinstance(options.profiles, int) and options.profiles > count:
        raise ValueError(
            f"profiles is {options.profiles}, and there are {count} images; give at most as many as images"
        )
    freedom = Freedom(contrast=options.contrast, shift=options.prior == "learned")
    shift = float({"learned": BROAD * size, "flat": np.inf}.get(str(options.prior), options.prior))

    def waves_for(radius: int) -> Waves:
        return Waves(size, radius, default_reach(size, radius, options.max_shift))

    def noise(waves: Waves) -> Array | None:
        return corner_spectrum(stacks, waves) if options.whiten else None

    def seen_by(waves: Waves, spectrum: Array | None, structure: Array | None = None) -> list[Observation]:
        return [_observe(part, waves, spectrum, structure, options.phase_flip) for part in sample]

    stacks = [moderate(stack) for stack, _ in sample]
    radius_choice: Choice | None = None
    if isinstance(options.radius, str):
        radii = candidate_radii(size)
        done = progress("choosing the radius", (len(radii) + STARTS) * count)
        middle = round(0.35 * size)
        largest = Waves(size, radii[-1], default_reach(size, middle, options.max_shift))
        spectrum = noise(largest)
        seen = seen_by(largest, spectrum)
        trial = Templates(largest, middle, basis=options.basis, spectrum=spectrum)
        model, _ = first_model(trial, stacks, seen, shift, freedom, done)
        expectation = Expectation(trial, model)
        positions = [expectation(part).mean for part in seen]
        radius_choice = choose_radius(
            largest,
            radii,
            seen,
            positions,
            basis=options.basis,
            spectrum=spectrum,
            shift=shift,
            freedom=freedom,
            done=done,
        )
        radius = radius_choice.chosen
    else:
        radius = check_radius(options.radius, size)

    waves = waves_for(radius)
    spectrum = noise(waves)
    seen = seen_by(waves, spectrum)
    templates = Templates(waves, basis=options.basis, spectrum=spectrum)
    done = progress("looking where to start", STARTS * count)
    model, start = first_model(templates, stacks, seen, shift, freedom, done)
    profile_choice: Choice | None = None
    if isinstance(options.profiles, str):
        done = progress("counting the profiles", MOST_PROFILES * count)
        profile_choice = choose_count(templates, model, seen, freedom, done)
        count = profile_choice.chosen
    else:
        count = options.profiles
    if count > 1:
        model = split_profiles(templates, model, seen, count)
    structure: Array | None = None
    if options.structure:
        done = progress("looking beyond the profile", PASSES * sum(map(len, seen)))
        transfers = [None if options.phase_flip else transfer_of(ctf, len(stack), waves) for stack, ctf in sample]
        structure, templates, model = learn_structure(
            templates,
            model,
            seen,
            lambda structure: seen_by(waves, spectrum, structure),
            transfers,
            spectrum,
            freedom,
            done,
        )

    def observations() -> Iterator[Observation]:
        for batch in produce():
            if batch[0].shape[-1] != size:
                raise ValueError(f"the images have {batch[0].shape[-1]} pixels, the first ones {size}; give one size")
            yield _observe(batch, waves, spectrum, structure, options.phase_flip)

    known = length(source)
    done = progress("learning the reference", None if known is None else known * options.iterations)
    learned_from = kept(observations)

    def counted() -> Iterable[Observation]:
        for observation in learned_from():
            yield observation
            done(len(observation))

    model, history, images = iterate(templates, model, counted, freedom, options.iterations)
    lessons: Lessons | None = None
    if images < FEW:
        lessons = Lessons.of(
            Expectation(templates, model),
            learned_from(),
            (stack for stack, _ in produce()),
            known_prior=not freedom.shift,
        )
    return FittedReference(
        templates,
        model,
        spectrum,
        options.phase_flip,
        tuple(history),
        start,
        radius_choice,
        profile_choice,
        images,
        replace(options, ctf=None),
        structure,
        lessons,
    )


def _silent(words: str, total: int | None) -> Callable[[int], object]:
    return lambda count: None


def _observe(
    batch: Batch, waves: Waves, spectrum: Array | None, structure: Array | None, phase_flip: bool
) -> Observation:
    stack, ctf = batch
    transfer = transfer_of(ctf, len(stack), waves)
    return observe(stack, waves, spectrum, transfer, structure=structure, phase_flip=phase_flip)


def _in_pieces(sample: list[Batch]) -> list[Batch]:
    """Cut a sample into at most 32 images a piece, at least two pieces where there are two images."""
    total = sum(len(stack) for stack, _ in sample)
    step = max(1, min(32, total // PIECES))
    return [
        (stack[start : start + step], None if ctf is None else ctf[start : start + step])
        for stack, ctf in sample
        for start in range(0, len(stack), step)
    ]
