"""The model, given where the centres may lie: the M-step, and the iteration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from centering.radial.posterior import Expectation, Model, Observation, Posterior
from centering.radial.sharp import expected_at
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves
from centering.stack import Images
from pswf.arrays import Array

__all__ = ["Freedom", "Sums", "certainties", "expected_waves", "iterate", "maximize"]


@dataclass(frozen=True)
class Freedom:
    """What of the model is learned besides the profiles.

    Attributes
    ----------
    scale, shift, present : bool
        Whether the standard deviation of the scales, that of the displacements, and the fraction of images with a
        particle are learned or kept.
    """

    scale: bool = True
    shift: bool = True
    present: bool = True


@dataclass
class Sums:
    """What an M-step needs to know of all images: sums, filled batch by batch.

    Attributes
    ----------
    members : ndarray, shape (P,)
        Expected number of images of each profile.
    products : ndarray, shape (P, L+1, L+1)
        ``sum_i sum_t q_i(t) s H I`` in Fourier space: images correlated with their posteriors.
    weights : ndarray, shape (P, h, h)
        ``sum_i q_i(t) s^2 / v``.
    power : ndarray, shape (P, L+1, L+1), or None
        ``sum_i sum_t q_i(t) s^2 / v H_i^2`` where images have transfer functions.
    images : int
        Number of usable images.
    evidence : float
        Sum of the log-likelihood ratios to "no particle", the fraction of empty images taken into account.
    scores, noises : list of ndarray
        The ratios, image by image, when it shows a particle; and the variances of the noise.
    present : float
        Expected number of images with a particle.
    moment, scale, square : float
        Expected sums of ``|t|^2 / 2``, of the scale and of its square over those.
    """

    members: Array
    products: Array
    weights: Array
    power: Array | None
    images: int = 0
    evidence: float = 0.0
    scores: list[Array] = field(default_factory=list)
    noises: list[Array] = field(default_factory=list)
    present: float = 0.0
    moment: float = 0.0
    scale: float = 0.0
    square: float = 0.0

    @classmethod
    def empty(cls, templates: Templates, profiles: int, *, transfer: bool) -> Sums:
        """Return sums over no image."""
        low, side = templates.waves.highest + 1, len(templates.waves.shifts)
        quarter, candidates = np.zeros((profiles, low, low)), np.zeros((profiles, side, side))
        return cls(np.zeros(profiles), quarter, candidates, np.zeros_like(quarter) if transfer else None)

    def add(self, observation: Observation, posterior: Posterior, expectation: Expectation) -> None:
        """Add a batch."""
        waves = expectation.waves
        usable = observation.usable
        total = _evidence(posterior, expectation.model)
        certainty = np.where(usable, certainties(posterior, expectation.model), 0.0)
        self.images += int(usable.sum())
        self.evidence += float(total[usable].sum())
        self.scores.append(posterior.evidence[usable])
        self.noises.append(posterior.variance[usable])
        self.present += float(certainty.sum())
        second = np.trace(posterior.covariance, axis1=1, axis2=2) + (posterior.mean**2).sum(axis=1)
        self.moment += 0.5 * float(certainty @ second)

        weight = certainty / posterior.variance
        dtype = posterior.probability.dtype
        scales = np.einsum("bpij,bpij->b", posterior.probability, posterior.scale, dtype=np.float64)
        squares = np.einsum("bpij,bpij->b", posterior.probability, posterior.square, dtype=np.float64)
        self.scale += float(certainty @ scales)
        self.square += float(certainty @ squares)
        self.members += certainty @ posterior.probability.sum(axis=(2, 3), dtype=np.float64)
        weighted = posterior.probability * weight.astype(dtype)[:, None, None, None]
        squared = weighted * posterior.square
        self.weights += squared.sum(axis=0, dtype=np.float64)
        weighted *= posterior.scale
        spectra = expected_waves(waves, posterior, weighted)
        if observation.transfer is None or self.power is None:
            products = np.einsum("bpij,bij->pij", spectra, observation.coefficients, dtype=np.float64)
            self.products += np.stack([waves.fold(product) for product in products])
            return
        for i in np.flatnonzero(usable):
            transfer = observation.transfer[i]
            for p in range(len(self.products)):
                self.products[p] += transfer * waves.fold(
                    spectra[i, p].astype(np.float64) * observation.coefficients[i]
                )
                self.power[p] += float(squared[i, p].sum()) * transfer**2


def certainties(posterior: Posterior, model: Model) -> Array:
    """Return the probability of each image that it shows a particle, shape (B,)."""
    certainty: Array = np.exp(posterior.evidence + np.log(model.present) - _evidence(posterior, model))
    return certainty


def _evidence(posterior: Posterior, model: Model) -> Array:
    """Return the log-likelihood ratios (B,) to "no particle", the fraction of empty images taken into account."""
    particle = posterior.evidence + np.log(model.present)
    total: Array = np.logaddexp(particle, np.log1p(-model.present)) if model.present < 1.0 else particle
    return total


def expected_waves(waves: Waves, posterior: Posterior, weights: Images) -> Images:
    """Return the sums of the waves over all candidates, shape (B, P, M, M), weighted by (B, P, h, h).

    ``weights`` are the probabilities times something smooth: where they are sharp, between the candidates.
    """
    spectra = waves.adjoint(weights)
    sharp = np.flatnonzero(posterior.sharp)
    if len(sharp):
        mass = weights[sharp].sum(axis=(2, 3))
        expected = expected_at(waves, posterior.mean[sharp], posterior.covariance[sharp])
        spectra[sharp] = mass[:, :, None, None] * expected[:, None]
    return spectra


def maximize(templates: Templates, model: Model, sums: Sums, freedom: Freedom) -> Model:
    """Return the model that the sums make most likely: equation (R4) of docs/radial_reference.md, and the deviations.

    Deviations.  Under transfer functions Q is left out of the matrix.  The mean of the scales goes into the profiles.
    Scales, displacements and the fraction of images with a particle are kept within the bounds of `Tuning`.
    """
    coefficients = np.empty_like(model.coefficients)
    for p in range(len(coefficients)):
        matrix = (
            templates.normal_matrix(sums.weights[p])
            if sums.power is None
            else templates.filtered_normal_matrix(sums.power[p])
        )
        coefficients[p] = solve(matrix, templates.project(sums.products[p]))
    present = max(sums.present, 1e-12)
    changes: dict[str, float] = {}
    mean = sums.scale / present
    if freedom.scale and mean > 0:
        # the scales may have any mean; it then goes into the profiles, which saves many iterations
        coefficients *= mean
        deviation = float(np.sqrt(max(sums.square / present - mean**2, 0.0))) / mean
        changes["scale_deviation"] = max(deviation, TUNING.least_scale_deviation)
    if freedom.shift:
        changes["shift_deviation"] = deviation_with_moment(templates.waves.shifts, sums.moment / present)
    if freedom.present:
        changes["present"] = float(np.clip(present / max(sums.images, 1), *TUNING.present_range))
    members = np.maximum(sums.members, 1e-9)
    return replace(model, coefficients=coefficients, weights=members / members.sum(), **changes)


def deviation_with_moment(shifts: npt.NDArray[np.int64], moment: float) -> float:
    """Return s for which ``exp(-t^2 / 2 s^2)`` over the candidates t of one axis has this second moment.

    It is the most likely s.  Infinite where even the flat prior has no larger moment.
    """
    square = shifts.astype(np.float64) ** 2
    if moment >= square.mean():
        return float(np.inf)
    low, high = np.log(TUNING.least_shift_deviation), np.log(1e3 * (1.0 + shifts[-1]))
    for _ in range(60):
        middle = 0.5 * (low + high)
        weights = np.exp(-0.5 * square * np.exp(-2.0 * middle))
        if weights @ square < moment * weights.sum():
            low = middle
        else:
            high = middle
    return float(np.exp(low))


def solve(matrix: Array, right: Array) -> Array:
    """Solve the normal equations; directions that the band or the candidates hardly show are left out."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > TUNING.solvable * values[-1]
    if not kept.any():
        return np.zeros_like(right)
    result: Array = vectors[:, kept] @ ((vectors[:, kept].T @ right) / values[kept])
    return result


def iterate(
    templates: Templates,
    model: Model,
    batches: Callable[[], Iterable[Observation]],
    freedom: Freedom,
    iterations: int,
    stride: float = 1.0,
) -> tuple[Model, list[float], int]:
    """Run EM and return the model, the mean log-likelihood ratio before every M-step, and the number of images.

    With a ``stride`` above 1 (and below 2) the coefficients go farther than each M-step says: over-relaxed EM.  The
    ``typical`` evidence and ``noise`` of the model are those of its last E-step.
    """
    history: list[float] = []
    images = 0
    variances: list[Array] = []
    for _ in range(iterations):
        expectation = Expectation(templates, model)
        sums: Sums | None = None
        for number, observation in enumerate(batches()):
            if sums is None:
                sums = Sums.empty(templates, len(model.coefficients), transfer=observation.transfer is not None)
            first = number >= len(variances)
            # later on the variance needs one step only: the next iteration goes on from it
            posterior = expectation(observation) if first else expectation(observation, variances[number], sweeps=1)
            sums.add(observation, posterior, expectation)
            if first:
                variances.append(posterior.variance)
            else:
                variances[number] = posterior.variance
        if sums is None or sums.images == 0:
            raise ValueError("no image can be learned from: all are constant or have NaN or infinite pixels")
        images = sums.images
        history.append(sums.evidence / images)
        better = maximize(templates, model, sums, freedom)
        model = replace(
            better,
            coefficients=model.coefficients + stride * (better.coefficients - model.coefficients),
            typical=float(np.median(np.concatenate(sums.scores))),
            noise=float(np.median(np.concatenate(sums.noises))),
        )
    return model, history, images
