"""From images to a fitted reference: sample, choices, iteration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.checks import check_radius
from centering.ctf import CTF
from centering.progress import Progress, silent
from centering.radial.batches import Batch, Source, batches, kept, length, take
from centering.radial.few import Lessons
from centering.radial.fitted import FittedReference, transfer_of
from centering.radial.learning import Freedom, iterate
from centering.radial.noise import corner_spectrum
from centering.radial.options import ReferenceOptions
from centering.radial.posterior import Expectation, Model, Observation, observe
from centering.radial.selection import Choice, candidate_radii, choose_count, choose_radius
from centering.radial.start import STARTS, FirstGuess, first_model, split_profiles
from centering.radial.structure import learn_structure
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves, default_reach
from centering.stack import Images, moderate
from pswf.arrays import Array

__all__ = ["fit"]


def fit(
    options: ReferenceOptions, source: Source, ctf: CTF | None, progress: Progress | None, guess: FirstGuess
) -> FittedReference:
    """Return what `RadialReference.fit` returns; ``guess`` makes the estimator of the first centres."""
    produce = batches(source, options.ctf if ctf is None else ctf)
    parts = _in_pieces(take(produce, TUNING.sample_images))
    task = _Task(options, parts, [moderate(stack) for stack, _ in parts], guess, progress or silent)
    task.check()
    radius_choice = None
    if isinstance(options.radius, str):
        radius_choice = _choose_radius(task)
        radius = radius_choice.chosen
    else:
        radius = check_radius(options.radius, task.size)
    waves = Waves(task.size, radius, task.reach(radius))
    state, start = task.begin(waves, radius, task.progress("looking where to start", len(STARTS) * task.count))
    state, profile_choice = _split(task, state)
    if options.structure:
        state = _learn_structure(task, state)
    model, history, images, lessons = _learn(task, state, produce, length(source))
    return FittedReference(
        state.templates,
        model,
        state.view.spectrum,
        phase_flip=options.phase_flip,
        history=tuple(history),
        start=start,
        radius_choice=radius_choice,
        profile_choice=profile_choice,
        images=images,
        options=replace(options, ctf=None),
        structure=state.view.structure,
        lessons=lessons,
    )


@dataclass(frozen=True)
class _View:
    """How images are looked at: the waves that are kept, and what they are whitened by."""

    waves: Waves
    spectrum: Array | None
    phase_flip: bool
    structure: Array | None = None

    def observe(self, batch: Batch) -> Observation:
        """Return what the E-step needs of a batch."""
        stack, ctf = batch
        transfer = transfer_of(ctf, len(stack), self.waves)
        return observe(stack, self.waves, self.spectrum, transfer, structure=self.structure, phase_flip=self.phase_flip)


@dataclass(frozen=True)
class _State:
    """What is known at one stage: how images are looked at, the sample seen so, and the model."""

    view: _View
    seen: list[Observation]
    templates: Templates
    model: Model


@dataclass(frozen=True)
class _Task:
    """What was asked for, and the images that decide how to begin: ``stacks`` are those of ``parts``, rescaled."""

    options: ReferenceOptions
    parts: Sequence[Batch]
    stacks: Sequence[npt.NDArray[Any]]
    guess: FirstGuess
    progress: Progress

    @property
    def size(self) -> int:
        """Side n of the images."""
        return int(self.stacks[0].shape[-1])

    @property
    def count(self) -> int:
        """Number of images in the sample."""
        return sum(map(len, self.stacks))

    @property
    def freedom(self) -> Freedom:
        """What is learned besides the profiles."""
        return Freedom(scale=self.options.contrast, shift=self.options.prior == "learned")

    @property
    def shift_deviation(self) -> float:
        """Standard deviation of the displacement to begin with, in pixels."""
        named = {"learned": TUNING.start_shift_box * self.size, "flat": np.inf}
        return float(named.get(str(self.options.prior), self.options.prior))

    def check(self) -> None:
        """Raise ValueError where so few or so small images cannot be learned from."""
        size, count, least = self.size, self.count, TUNING.smallest_box
        if size < least:
            raise ValueError(
                f"the images have {size} x {size} pixels; give at least {least} x {least} to learn a profile"
            )
        if count == 1 and "auto" in (self.options.radius, self.options.profiles):
            raise ValueError("'auto' is judged by images not learned from, and there is only 1 image; give a number")
        if isinstance(self.options.profiles, int) and self.options.profiles > count:
            raise ValueError(
                f"profiles is {self.options.profiles}, and there are {count} images; give at most as many as images"
            )

    def binned(self, factor: int) -> _Task:
        """Return the same of images of which ``factor`` x ``factor`` pixels are one."""
        if factor == 1:
            return self
        parts = [
            (_binned(stack, factor), ctf and replace(ctf, pixel_size=np.asarray(ctf.pixel_size) * factor))
            for stack, ctf in self.parts
        ]
        prior, shift = self.options.prior, self.options.max_shift
        options = replace(
            self.options,
            prior=prior if isinstance(prior, str) else prior / factor,
            max_shift=None if shift is None else math.ceil(shift / factor),
        )
        return replace(self, options=options, parts=parts, stacks=[moderate(stack) for stack, _ in parts])

    def reach(self, radius: int) -> int:
        """Return how far candidates are displaced, in pixels."""
        return default_reach(self.size, radius, self.options.max_shift)

    def begin(self, waves: Waves, radius: int, advance: Callable[[int], object]) -> tuple[_State, str]:
        """Return the state with one profile of this radius, and what it was learned from."""
        spectrum = corner_spectrum(self.stacks, waves) if self.options.whiten else None
        view = _View(waves, spectrum, self.options.phase_flip)
        seen = self.seen(view)
        templates = Templates(waves, radius, basis=self.options.basis, spectrum=spectrum)
        model, start = first_model(
            templates, self.stacks, seen, self.guess, self.shift_deviation, self.freedom, advance
        )
        return _State(view, seen, templates, model), start

    def seen(self, view: _View) -> list[Observation]:
        """Return the observations of the sample."""
        return [view.observe(part) for part in self.parts]


def _choose_radius(whole: _Task) -> Choice:
    """Choose among radii by a first model of a middling one, whose posteriors tell where the particles are.

    Large images are binned: a profile of the largest radius has no wave shorter than a thirty-second of the box.
    """
    factor = max(1, whole.size // TUNING.trial_box)
    choice = _choose_radius_of(whole.binned(factor))
    return replace(choice, values=choice.values * factor, chosen=choice.chosen * factor)


def _choose_radius_of(task: _Task) -> Choice:
    """Choose among the radii that images of this size are tried with."""
    radii = candidate_radii(task.size)
    advance = task.progress("choosing the radius", (len(radii) + len(STARTS)) * task.count)
    middle = round(TUNING.trial_radius * task.size)
    # made for the largest radius, so that all are judged by the same data
    largest = Waves(task.size, radii[-1], task.reach(middle))
    state, _ = task.begin(largest, middle, advance)
    expectation = Expectation(state.templates, state.model)
    return choose_radius(
        largest,
        radii,
        state.seen,
        [expectation(part).mean for part in state.seen],
        basis=task.options.basis,
        spectrum=state.view.spectrum,
        shift_deviation=task.shift_deviation,
        freedom=task.freedom,
        advance=advance,
    )


def _split(task: _Task, state: _State) -> tuple[_State, Choice | None]:
    """Return the state with as many profiles as were asked for, or as the data ask for, and that choice."""
    templates, model, seen = state.templates, state.model, state.seen
    choice = None
    if isinstance(task.options.profiles, str):
        advance = task.progress("counting the profiles", TUNING.most_profiles * task.count)
        choice = choose_count(templates, model, seen, task.freedom, advance)
    count = int(task.options.profiles) if choice is None else choice.chosen
    if count > 1:
        state = replace(state, model=split_profiles(templates, model, seen, count))
    return state, choice


def _learn_structure(task: _Task, state: _State) -> _State:
    """Return the state in which images are whitened by the structure of the particles as well."""
    view = state.view
    advance = task.progress("looking beyond the profile", TUNING.structure_passes * task.count)
    transfers = [None if view.phase_flip else transfer_of(ctf, len(stack), view.waves) for stack, ctf in task.parts]

    def seen_with(structure: Array) -> list[Observation]:
        return task.seen(replace(view, structure=structure))

    structure, templates, model = learn_structure(
        state.templates, state.model, state.seen, seen_with, transfers, view.spectrum, task.freedom, advance
    )
    return _State(replace(view, structure=structure), [], templates, model)


def _learn(
    task: _Task, state: _State, produce: Callable[[], Iterator[Batch]], known: int | None
) -> tuple[Model, list[float], int, Lessons | None]:
    """Return the model of all images, its history, their number, and what few of them need; see `FittedReference`."""
    size, view, options = task.size, state.view, task.options

    def observations() -> Iterator[Observation]:
        for batch in produce():
            if batch[0].shape[-1] != size:
                raise ValueError(f"the images have {batch[0].shape[-1]} pixels, the first ones {size}; give one size")
            yield view.observe(batch)

    advance = task.progress("learning the reference", None if known is None else known * options.iterations)
    learned_from = kept(observations)

    def counted() -> Iterable[Observation]:
        for observation in learned_from():
            yield observation
            advance(len(observation))

    model, history, images = iterate(state.templates, state.model, counted, task.freedom, options.iterations)
    lessons = None
    if images < TUNING.few_images:
        expectation = Expectation(state.templates, model)
        stacks = (stack for stack, _ in produce())
        lessons = Lessons.of(expectation, learned_from(), stacks, known_prior=not task.freedom.shift)
    return model, history, images, lessons


def _binned(stack: Images, factor: int) -> Images:
    """Return the means (B, m, m) over blocks of ``factor`` x ``factor`` pixels."""
    side = stack.shape[-1] // factor
    first = (stack.shape[-1] - side * factor) // 2
    square = stack[:, first : first + side * factor, first : first + side * factor]
    means: Images = square.reshape(len(stack), side, factor, side, factor).mean(axis=(2, 4))
    return means


def _in_pieces(sample: list[Batch]) -> list[Batch]:
    """Cut a sample into pieces of a block of images at most, at least two pieces where there are two images."""
    total = sum(len(stack) for stack, _ in sample)
    step = max(1, min(TUNING.block_images, total // TUNING.sample_pieces))
    return [
        (stack[start : start + step], None if ctf is None else ctf[start : start + step])
        for stack, ctf in sample
        for start in range(0, len(stack), step)
    ]
