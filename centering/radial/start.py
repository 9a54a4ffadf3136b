"""Where learning starts: from the centres of bright or of dark particles, or from those of the boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from centering.radial.learning import Freedom, iterate, solve
from centering.radial.posterior import Expectation, Model, Observation
from centering.radial.sharp import expected_at
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.results import Centers
from centering.stack import Images
from pswf.arrays import Array

__all__ = ["STARTS", "FirstGuess", "evidences", "first_model", "model_from_positions", "split_profiles"]


STARTS = (
    "the surrogate centres of bright particles",
    "the surrogate centres of dark particles",
    "the centres of the boxes",
)
"""What the first profile is learned from, in words."""


class FirstGuess(Protocol):
    """An estimator of the centres of bright particles that has to learn nothing, such as `SurrogateCenter`."""

    def __call__(self, radius: int, *, max_shift: float | None) -> Callable[[Images], Centers]:
        """Return the estimator for particles of this radius, displaced by at most ``max_shift``, both in pixels."""
        ...


def first_model(
    templates: Templates,
    images: Sequence[Images],
    observations: Sequence[Observation],
    guess: FirstGuess,
    shift_deviation: float,
    freedom: Freedom,
    advance: Callable[[int], object],
) -> tuple[Model, str]:
    """Return the model to start from, and which of `STARTS` it was learned from.

    The centres are first guesses from the images, from the inverted images (particles may be dark), and the centres of
    the boxes; each is followed until its likelihood settles, and the most likely of the three models wins.  A start
    that after a few iterations explains hardly anything beside the best one is given up.
    """
    estimator = guess(templates.disk.radius, max_shift=templates.waves.reach)
    positions = (
        [estimator(stack).displacement for stack in images],
        [estimator(-stack).displacement for stack in images],
        [np.zeros((len(stack), 2)) for stack in images],
    )
    models: list[Model] = []
    likelihoods: list[float] = []
    for start in positions:
        model = model_from_positions(templates, observations, start, shift_deviation)
        for _ in range(TUNING.start_laps):
            model, history, _ = iterate(
                templates, model, lambda: observations, freedom, TUNING.start_rounds, TUNING.start_stride
            )
            reached, gained = history[-1], history[-1] - history[-2]
            if gained <= TUNING.start_settled * reached or reached < TUNING.start_hopeless * max(
                likelihoods, default=0.0
            ):
                break
        models.append(model)
        likelihoods.append(reached)
        advance(sum(map(len, observations)))
    best = int(np.argmax(likelihoods))
    return models[best], STARTS[best]


def model_from_positions(
    templates: Templates, observations: Sequence[Observation], positions: Sequence[Array], shift_deviation: float
) -> Model:
    """Return the model of one profile, learned from images with known displacements, one array (b, 2) a batch.

    It is the M-step (`maximize`) for posteriors that are certain, and images of the same scale and noise.
    """
    waves = templates.waves
    quarter = (waves.highest + 1, waves.highest + 1)
    products, power, visits = np.zeros(quarter), np.zeros(quarter), np.zeros((len(waves.shifts),) * 2)
    for observation, given in zip(observations, positions, strict=True):
        displacement = given[observation.usable]
        at = expected_at(waves, displacement, np.zeros((len(displacement), 2, 2)))
        spectra = at * observation.coefficients[observation.usable]
        index = np.clip(np.rint(displacement).astype(np.int64) + waves.reach, 0, 2 * waves.reach)
        np.add.at(visits, (index[:, 0], index[:, 1]), 1.0)
        if observation.transfer is None:
            products += waves.fold(spectra.sum(axis=0))
        else:
            transfer = observation.transfer[observation.usable]
            products += sum(t * waves.fold(spectrum) for t, spectrum in zip(transfer, spectra, strict=True))
            power += (transfer**2).sum(axis=0)
    matrix = templates.filtered_normal_matrix(power) if power.any() else templates.normal_matrix(visits)
    return Model(
        solve(matrix, templates.project(products))[None],
        np.ones(1),
        present=TUNING.start_present,
        scale_deviation=TUNING.start_scale_deviation,
        shift_deviation=shift_deviation,
    )


def evidences(templates: Templates, model: Model, observations: Sequence[Observation]) -> Array:
    """Return the log-likelihood ratios of a particle to none, shape (B,), unusable images left out."""
    expectation = Expectation(templates, model)
    return np.concatenate([expectation(part).evidence[part.usable] for part in observations])


def split_profiles(templates: Templates, model: Model, observations: Sequence[Observation], count: int) -> Model:
    """Return a model of ``count`` profiles to start from, given one of a single profile.

    Every image's own rotational average about its posterior is projected on the basis; these points are clustered.
    """
    expectation = Expectation(templates, model)
    averages = []
    for part in observations:
        posterior = expectation(part)
        spectra = templates.waves.adjoint(posterior.probability.sum(axis=1)) * part.coefficients
        if part.transfer is not None:
            spectra = spectra * np.sign(templates.waves.unfold(part.transfer))
        folded = [templates.waves.fold(spectrum.astype(np.float64)) for spectrum in spectra[part.usable]]
        averages.extend([templates.project(products) for products in folded])
    points = np.array(averages)
    clusters = _clusters(points, count)
    matrix = templates.filtered_normal_matrix(np.ones_like(templates.waves.quarter))
    common = points.mean(axis=0)
    # the level of the profile that fits all images, the shape of each cluster
    shapes = [solve(matrix, (cluster.mean(axis=0) if len(cluster) else common) - common) for cluster in clusters]
    members = np.array([max(len(cluster), 1) for cluster in clusters], dtype=np.float64)
    return replace(model, coefficients=model.coefficients[0] + np.array(shapes), weights=members / members.sum())


def _clusters(points: Array, count: int) -> list[Array]:
    """Split points (B, K) into ``count`` clusters, the same at every call.

    The most spread out cluster is cut in two across its principal direction until there are enough; then every point
    goes to the nearest mean, in the plane of the leading principal directions, a few times (Lloyd).
    """
    centered = points - points.mean(axis=0)
    _, _, directions = np.linalg.svd(centered, full_matrices=False)
    reduced = centered @ directions[:count].T
    label = np.zeros(len(points), dtype=np.int64)
    for new in range(1, count):
        members = [reduced[label == k] for k in range(new)]
        spreads = [((one - one.mean(axis=0)) ** 2).sum() if len(one) else 0.0 for one in members]
        widest = np.flatnonzero(label == int(np.argmax(spreads)))
        cluster = reduced[widest] - reduced[widest].mean(axis=0)
        along = cluster @ np.linalg.svd(cluster, full_matrices=False)[2][0]
        label[widest[along > 0]] = new
        for _ in range(TUNING.clustering_rounds):
            means = np.array([reduced[label == k].mean(axis=0) for k in range(new + 1) if (label == k).any()])
            label = ((reduced[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return [points[label == k] for k in range(count)]
