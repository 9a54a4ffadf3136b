"""Where learning starts: from the surrogate centres of bright or of dark particles, or from the boxes' centres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.estimators.surrogate import SurrogateCenter
from centering.radial.learning import Freedom, iterate, solve
from centering.radial.posterior import Expectation, Model, Observation
from centering.radial.sharp import spread
from centering.radial.templates import Templates

__all__ = ["evidences", "first_model", "model_from_positions", "split_profiles"]

Array = npt.NDArray[np.float64]
Images = npt.NDArray[Any]

STARTS = 3
"""Bright, dark, centred: see `first_model`."""
ROUNDS = 3
"""EM iterations before the starts are compared."""
LLOYD = 10
"""Rounds of clustering."""


def first_model(
    templates: Templates,
    images: Sequence[Images],
    observations: Sequence[Observation],
    shift: float,
    freedom: Freedom,
    done: Callable[[int], object],
) -> tuple[Model, str]:
    """Return the model to start from, and what it was learned from, in words.

    The centres are taken from the surrogate centre of mass of the images, from that of the inverted images (particles
    may be dark), and from the centres of the boxes; after a few EM iterations the most likely of the three models wins.
    """
    estimator = SurrogateCenter(templates.disk.radius, max_shift=templates.waves.reach)
    bright = [estimator(stack).displacement for stack in images]
    dark = [estimator(-stack).displacement for stack in images]
    starts = {
        "the surrogate centres of bright particles": bright,
        "the surrogate centres of dark particles": dark,
        "the centres of the boxes": [np.zeros((len(stack), 2)) for stack in images],
    }
    best: tuple[float, Model, str] | None = None
    for words, positions in starts.items():
        model = model_from_positions(templates, observations, positions, shift)
        model, *_ = iterate(templates, model, lambda: observations, freedom, ROUNDS)
        likelihood = float(np.mean(evidences(templates, model, observations)))
        if best is None or likelihood > best[0]:
            best = likelihood, model, words
        done(sum(map(len, observations)))
    assert best is not None
    return best[1], best[2]


def model_from_positions(
    templates: Templates, observations: Sequence[Observation], positions: Sequence[Array], shift: float
) -> Model:
    """Return the model of one profile, learned from images with known displacements, one array (b, 2) a batch."""
    waves = templates.waves
    quarter = (waves.highest + 1, waves.highest + 1)
    products, power, visits = np.zeros(quarter), np.zeros(quarter), np.zeros((len(waves.shifts),) * 2)
    for observation, positions_here in zip(observations, positions, strict=True):
        place = positions_here[observation.usable]
        spectra = spread(waves, place, np.zeros((len(place), 2, 2))) * observation.coefficients[observation.usable]
        index = np.clip(np.rint(place).astype(np.int64) + waves.reach, 0, 2 * waves.reach)
        np.add.at(visits, (index[:, 0], index[:, 1]), 1.0)
        if observation.transfer is None:
            products += waves.fold(spectra.sum(axis=0))
        else:
            transfer = observation.transfer[observation.usable]
            products += sum(t * waves.fold(spectrum) for t, spectrum in zip(transfer, spectra, strict=True))
            power += (transfer**2).sum(axis=0)
    matrix = templates.filtered_normal_matrix(power) if power.any() else templates.normal_matrix(visits)
    coefficients = solve(matrix, templates.project(products))
    return Model(coefficients[None], np.ones(1), present=0.95, contrast=0.2, shift=shift)


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
        for _ in range(LLOYD):
            means = np.array([reduced[label == k].mean(axis=0) for k in range(new + 1) if (label == k).any()])
            label = ((reduced[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    return [points[label == k] for k in range(count)]
