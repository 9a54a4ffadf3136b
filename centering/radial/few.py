"""What an image says when it did not help to make the template, for references that were learned from a few images.

Among N images each makes up an N-th of the profile: even noise finds itself in it, about the centre that it was
given, and the posterior about that centre is far too narrow.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from centering.radial.learning import Sums, solve
from centering.radial.posterior import Expectation, Model, Observation, Posterior
from centering.radial.tuning import TUNING
from centering.stack import Images
from pswf.arrays import Array

__all__ = ["FEW", "Lessons"]

T = TypeVar("T", Observation, Posterior)


FEW = TUNING.few_images
"""A profile learned from fewer images than this is not taken for one."""


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
    digests : frozenset of bytes
        Of the pixels of these images, by which they are known again.
    """

    matrix: Array
    right: Array
    images: int
    known_prior: bool
    digests: frozenset[bytes]

    @classmethod
    def of(
        cls,
        expectation: Expectation,
        observations: Iterable[Observation],
        stacks: Iterable[Images],
        *,
        known_prior: bool,
    ) -> Lessons:
        """Return the equations of all usable images; ``stacks`` are the pixels of the observations."""
        profiles, functions = expectation.model.coefficients.shape
        matrix, right = np.zeros((profiles, functions, functions)), np.zeros((profiles, functions))
        images = 0
        for observation in observations:
            own = _equations(expectation, observation, expectation(observation))
            matrix, right = matrix + own[0], right + own[1]
            images += int(observation.usable.sum())
        return cls(matrix, right, images, known_prior, frozenset(_digest(image) for stack in stacks for image in stack))

    def covariance(
        self, expectation: Expectation, stack: Images, observation: Observation, posterior: Posterior
    ) -> Array:
        """Return the mean squares (B, 2, 2) of the true centres about the posterior means, in pixels squared.

        An image that was learned from, with these very pixels, is judged by the template that the others make: its own
        part is taken out of the normal equations.  Any other is judged by the template of all.  As that may be noise,
        only the prior is left as far as the image is not likelier with it than without: the prior that was there before
        anything was learned.
        """
        templates, model = expectation.templates, expectation.model
        least = 0.0 if self.known_prior else TUNING.start_shift_box * templates.waves.size
        shift = max(model.shift_deviation, least)
        candidates = templates.waves.shifts.astype(np.float64)
        weights = np.exp(-0.5 * candidates**2 / shift**2)
        variance = float(weights @ candidates**2 / weights.sum())
        scale = max(model.scale_deviation, TUNING.few_scale_deviation)
        broad = replace(model, shift_deviation=shift, scale_deviation=scale)
        seen = Expectation(templates, broad)(observation)
        result = posterior.covariance.copy()
        for i in np.flatnonzero(observation.usable).tolist():
            found = _one(seen, i)
            if _digest(stack[i]) in self.digests:
                found = self._by_others(expectation, broad, _one(observation, i), _one(posterior, i))
            away = found.mean[0] - posterior.mean[i]
            # each of the others chose its centre among all candidates, and this image may have had its part in it
            evidence = float(found.evidence[0]) - 2.0 * math.log(len(candidates)) / max(self.images - 1, 1)
            particle = 1.0 / (1.0 + math.exp(-min(max(evidence, -500.0), 500.0)))
            nothing = variance * np.eye(2) + np.outer(posterior.mean[i], posterior.mean[i])
            result[i] = particle * (found.covariance[0] + np.outer(away, away)) + (1.0 - particle) * nothing
        return result

    def _by_others(
        self, expectation: Expectation, broad: Model, observation: Observation, posterior: Posterior
    ) -> Posterior:
        """Return the posterior of one image, given the template that the others make."""
        coefficients = np.zeros_like(broad.coefficients)
        if self.images > 1:
            matrix, right = _equations(expectation, observation, posterior)
            for p in range(len(coefficients)):
                coefficients[p] = solve(self.matrix[p] - matrix[p], self.right[p] - right[p])
        return Expectation(expectation.templates, replace(broad, coefficients=coefficients))(observation)


def _digest(image: Images) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


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
