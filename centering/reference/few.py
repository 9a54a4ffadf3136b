"""What an image says when it did not help to make the template, for references that were learned from a few images.

Among N images each makes up an N-th of the profile: even noise finds itself in it, at the place where it was put, and
the posterior about that place is far too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from centering.reference.learning import Sums, solve
from centering.reference.posterior import Expectation, Observation, Posterior

__all__ = ["BROAD", "FEW", "LIKELIER", "Lessons"]

T = TypeVar("T", Observation, Posterior)

Array = npt.NDArray[np.float64]

FEW = 100
"""A profile learned from fewer images than this is not taken for one."""
LIKELIER = 1.0
"""Least median log-likelihood ratio of a particle to none for which something was learned."""
BROAD = 0.25
"""Standard deviation of the prior of the displacement before anything is learned, as a part of the box."""
CONTRAST = 0.2
"""Least spread of the scales about 1: a few images do not tell it."""


@dataclass(frozen=True)
class Lessons:
    """The normal equations of the last M-step, from which those of one image can be taken out.

    Attributes
    ----------
    matrix : ndarray, shape (P, K, K)
    right : ndarray, shape (P, K)
    images : int
        How many images are in them.
    known_prior : bool
        Whether the prior of the displacement was given, not learned.
    """

    matrix: Array
    right: Array
    images: int
    known_prior: bool

    @classmethod
    def of(cls, expectation: Expectation, observations: Iterable[Observation], *, known_prior: bool) -> Lessons:
        """Return the equations of all usable images."""
        profiles, functions = expectation.model.coefficients.shape
        matrix, right = np.zeros((profiles, functions, functions)), np.zeros((profiles, functions))
        images = 0
        for observation in observations:
            own = _equations(expectation, observation, expectation(observation))
            matrix, right = matrix + own[0], right + own[1]
            images += int(observation.usable.sum())
        return cls(matrix, right, images, known_prior)

    def covariance(self, expectation: Expectation, observation: Observation, posterior: Posterior) -> Array:
        """Return the mean squares (B, 2, 2) of the true centres about the posterior means, in pixels squared.

        Every image is taken for one of those learned from: its own part is taken out of the normal equations, and it is
        judged by the template that the others make, with the prior that was there before anything was learned.  That
        template may be noise; as far as the image is not likelier with it than without, only the prior is left.
        """
        return np.array(
            [
                self._of_one(expectation, _one(observation, i), _one(posterior, i))
                if observation.usable[i]
                else posterior.covariance[i]
                for i in range(len(observation))
            ]
        ).reshape(-1, 2, 2)

    def _of_one(self, expectation: Expectation, observation: Observation, posterior: Posterior) -> Array:
        templates, model = expectation.templates, expectation.model
        coefficients = np.zeros_like(model.coefficients)
        if self.images > 1:
            matrix, right = _equations(expectation, observation, posterior)
            for p in range(len(coefficients)):
                coefficients[p] = solve(self.matrix[p] - matrix[p], self.right[p] - right[p])
        shift = model.shift if self.known_prior else max(model.shift, BROAD * templates.waves.size)
        others = replace(model, coefficients=coefficients, shift=shift, contrast=max(model.contrast, CONTRAST))
        without = Expectation(templates, others)
        found = without(observation)
        # each of the others chose its place among all, and this image had its part in it
        evidence = found.evidence[0] - np.log(without.log_prior[0].size) / max(self.images - 1, 1)
        particle = 1.0 / (1.0 + np.exp(-np.clip(evidence, -500.0, 500.0)))
        away = found.mean[0] - posterior.mean[0]
        prior = np.exp(np.logaddexp.reduce(without.log_prior, axis=0))
        variance = float(prior.sum(axis=1) @ templates.waves.shifts.astype(np.float64) ** 2)
        nothing = variance * np.eye(2) + np.outer(posterior.mean[0], posterior.mean[0])
        result: Array = particle * (found.covariance[0] + np.outer(away, away)) + (1.0 - particle) * nothing
        return result


def _equations(expectation: Expectation, observation: Observation, posterior: Posterior) -> tuple[Array, Array]:
    """Return the normal equations of these images: matrices (P, K, K) and right sides (P, K)."""
    templates = expectation.templates
    sums = Sums.empty(templates, len(expectation.model.weights), transfer=observation.transfer is not None)
    sums.add(observation, posterior, expectation)
    if sums.power is None:
        matrices = [templates.normal_matrix(weights) for weights in sums.weights]
    else:
        matrices = [templates.filtered_normal_matrix(power) for power in sums.power]
    return np.stack(matrices), np.stack([templates.project(products) for products in sums.products])


def _one(batch: T, index: int) -> T:
    """Return what belongs to one image."""
    parts: dict[str, Any] = {field.name: getattr(batch, field.name) for field in fields(batch)}
    again: Any = replace
    one: T = again(batch, **{name: None if part is None else part[index : index + 1] for name, part in parts.items()})
    return one
