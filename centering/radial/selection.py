"""How large is the particle, and how many profiles are there?  What images not learned from say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.radial.learning import Freedom, iterate
from centering.radial.posterior import Model, Observation
from centering.radial.start import evidences, model_from_positions, split_profiles
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves
from pswf.arrays import Array

__all__ = ["Choice", "candidate_radii", "choose", "choose_count", "choose_radius"]


@dataclass(frozen=True)
class Choice:
    """A number chosen by the likelihood of images that were not learned from.

    Attributes
    ----------
    values : ndarray, shape (V,)
        The candidates: radii in pixels, or numbers of profiles.
    evidence : ndarray, shape (V,)
        Mean log-likelihood ratio of a particle to none over the images, each judged by a model learned from the other
        half of them.
    deficit, error : ndarray, shape (V,)
        How much less it is than the best, and the standard error of that difference over the images.
    chosen : int
        The smallest candidate whose deficit is at most twice its error and 2 % of the best evidence, or 0.2 % of it.
    """

    values: npt.NDArray[np.int64]
    evidence: Array
    deficit: Array
    error: Array
    chosen: int

    def __str__(self) -> str:
        rows = [
            f"{value:>6} {evidence:>10.2f} {deficit:>10.2f} {error:>8.2f}{' <- chosen' if value == self.chosen else ''}"
            for value, evidence, deficit, error in zip(
                self.values, self.evidence, self.deficit, self.error, strict=True
            )
        ]
        return "\n".join([f"{'value':>6} {'evidence':>10} {'deficit':>10} {'error':>8}", *rows])


def choose(values: Sequence[int], evidence: Sequence[Array]) -> Choice:
    """Return the choice among ``values``, given the evidence (B,) of every held-out image for each."""
    table = np.array(evidence)
    best = int(table.mean(axis=1).argmax())
    difference = table[best] - table
    deficit = difference.mean(axis=1)
    error = difference.std(axis=1) / np.sqrt(table.shape[1])
    scale = abs(float(table[best].mean()))
    uncertain = np.minimum(TUNING.deficit_errors * error, TUNING.largest_deficit * scale)
    good = deficit <= np.maximum(TUNING.free_deficit * scale, uncertain)
    return Choice(np.asarray(values), table.mean(axis=1), deficit, error, int(values[int(np.argmax(good))]))


def candidate_radii(size: int) -> list[int]:
    """Return radii from a twelfth of the box to the largest that fits, a tenth apart."""
    largest = (size - 1) // 2
    radii = [largest]
    while radii[-1] > max(3, size // TUNING.smallest_radius):
        radii.append(min(radii[-1] - 1, round(radii[-1] / TUNING.radius_step)))
    return radii[::-1]


def choose_radius(
    waves: Waves, radii: Sequence[int], observations: Sequence[Observation], positions: Sequence[Array], **options: Any
) -> Choice:
    """Return the choice of a radius.

    Parameters
    ----------
    waves : Waves
        Made for the largest of the radii, so that all are judged by the same data.
    radii : sequence of int
    observations : sequence of Observation
    positions : sequence of ndarray, shape (b, 2)
        Displacements to start from, one array for each observation.
    **options
        ``basis`` and ``spectrum`` of the templates; ``shift_deviation`` and ``freedom`` of the models; ``advance``,
        called with the number of images judged.
    """
    deviation, freedom, advance = (options.pop(name) for name in ("shift_deviation", "freedom", "advance"))
    evidence = []
    for radius in radii:
        templates = Templates(waves, radius, **options)

        def start(part: Sequence[int], templates: Templates = templates) -> Model:
            chosen = [observations[k] for k in part]
            return model_from_positions(templates, chosen, [positions[k] for k in part], deviation)

        evidence.append(_held_out(templates, observations, start, freedom, TUNING.radius_rounds))
        advance(sum(map(len, observations)))
    return choose(radii, evidence)


def choose_count(
    templates: Templates,
    model: Model,
    observations: Sequence[Observation],
    freedom: Freedom,
    advance: Callable[[int], object],
) -> Choice:
    """Return the choice of a number of profiles, 1 to 4; ``model`` has one profile."""
    counts = range(1, TUNING.most_profiles + 1)

    evidence = []
    for count in counts:

        def start(part: Sequence[int], count: int = count) -> Model:
            return split_profiles(templates, model, [observations[k] for k in part], count)

        evidence.append(_held_out(templates, observations, start, freedom, TUNING.profile_rounds))
        advance(sum(map(len, observations)))
    return choose(list(counts), evidence)


def _held_out(
    templates: Templates,
    observations: Sequence[Observation],
    start: Callable[[Sequence[int]], Model],
    freedom: Freedom,
    rounds: int,
) -> Array:
    """Return the evidence (B,) of all images, each half judged by a model learned from the other."""
    halves = [list(range(k, len(observations), 2)) for k in (0, 1)]
    evidence: dict[int, Array] = {}
    for learn, judge in (halves, halves[::-1]):
        chosen = [observations[k] for k in learn]
        model, *_ = iterate(templates, start(learn), chosen.copy, freedom, rounds)
        for k in judge:
            evidence[k] = evidences(templates, model, [observations[k]])
    return np.concatenate([evidence[k] for k in sorted(evidence)])
