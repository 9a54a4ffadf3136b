"""Where the centre of an image may lie, given a model: the E-step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from centering.radial.noise import whole_power
from centering.radial.sharp import sharpen
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves
from centering.stack import Images, moderate
from pswf.arrays import Array

__all__ = ["Expectation", "Model", "Observation", "Posterior", "observe"]


@dataclass(frozen=True)
class Model:
    """What is learned from all images together.

    Attributes
    ----------
    coefficients : ndarray, shape (P, K)
        Of the P profiles; images are scaled to unit power per coefficient in the band.
    weights : ndarray, shape (P,)
        Fractions of the profiles; they sum to 1.
    present : float
        Fraction of the images that show a particle.
    scale_deviation : float
        Standard deviation of the scale of the images about 1.
    shift_deviation : float
        Standard deviation in pixels of the displacement along either axis; infinite for a flat prior.
    dispersion : float
        Variance where the profile decides about the centre, to that of the residual over the whole band and image.
    typical : float
        Median log-likelihood ratio of a particle to none over the images learned from.
    noise : float
        Median over them of the part of the power of an image, whitened and within the band, that the profile leaves.
    """

    coefficients: Array
    weights: Array
    present: float
    scale_deviation: float
    shift_deviation: float
    dispersion: float = 1.0
    typical: float = 0.0
    noise: float = 1.0

    @property
    def contrast(self) -> float:
        """The former name of ``scale_deviation``."""
        return self.scale_deviation

    @property
    def shift(self) -> float:
        """The former name of ``shift_deviation``."""
        return self.shift_deviation


@dataclass(frozen=True)
class Observation:
    """Images of which only what the E-step needs is left.

    Attributes
    ----------
    coefficients : ndarray, shape (B, M, M)
        Whitened, scaled to a power of 1 per independent coefficient.
    usable : ndarray of bool, shape (B,)
        False where nothing is left: the image is constant (or a plane).
    transfer : ndarray, shape (B, L+1, L+1), or None
        Contrast transfer of each image.
    """

    coefficients: Images
    usable: npt.NDArray[np.bool_]
    transfer: Array | None = None

    def __len__(self) -> int:
        return len(self.coefficients)


def observe(
    images: Images,
    waves: Waves,
    spectrum: Array | None = None,
    transfer: Array | None = None,
    *,
    structure: Array | None = None,
    phase_flip: bool = False,
) -> Observation:
    """Return what the E-step needs of finite images (B, n, n), whitened by noise and structure, both (L+1, L+1).

    Templates are whitened as if they were seen without a transfer function; where one hides structure, it is the
    transfer of the observation that makes up for the difference.  With ``phase_flip`` the sign of the transfer is
    undone in the images, and nothing else.
    """
    coefficients, level = waves.analyze(moderate(images))
    coefficients *= waves.band
    power = _squares(coefficients) / waves.degrees
    # of a plane nothing is left but rounding, to be compared with the pixels themselves
    usable = power > (16 * np.finfo(images.dtype).eps) ** 2 * level
    if phase_flip and transfer is not None:
        coefficients *= np.where(waves.unfold(transfer) < 0, -1, 1).astype(coefficients.dtype)
        transfer = None
    if spectrum is not None or structure is not None:
        whole = whole_power(waves, spectrum, structure, transfer)
        if transfer is not None:
            transfer = transfer * np.sqrt(whole_power(waves, spectrum, structure) / whole)
        coefficients *= (1.0 / np.sqrt(waves.unfold(whole) + ~waves.band)).astype(coefficients.dtype)
        power = _squares(coefficients) / waves.degrees
    scale = 1.0 / np.sqrt(np.where(usable, power, 1.0))
    coefficients *= scale.astype(coefficients.dtype)[:, None, None]
    return Observation(coefficients, usable, transfer)


def _squares(coefficients: Images) -> Array:
    """Return the sums of squares of every (M, M), shape (B,), float64."""
    result: Array = np.einsum("bij,bij->b", coefficients, coefficients, dtype=np.float64)
    return result


@dataclass(frozen=True)
class Posterior:
    """What an E-step knows of B images.

    Attributes
    ----------
    landscape : ndarray, shape (B, P, h, h)
        Logarithm of the joint probability of the image, of profile p and of the candidate, less that of the image
        without any particle.
    evidence : ndarray, shape (B,), float64
        Logarithm of the likelihood ratio of a particle to no particle, each with the noise variance that fits it best.
    variance : ndarray, shape (B,), float64
        Variance of the noise as a part of the power of the image.
    probability : ndarray, shape (B, P, h, h)
        Of profile and candidate; sums to 1 for every image.
    scale, square : ndarray, shape (B, P, h, h)
        Expected scale of the image and expected square of it, given the candidate.
    mean : ndarray, shape (B, 2), float64
        Posterior mean of the displacement in pixels.
    covariance : ndarray, shape (B, 2, 2), float64
        Its covariance in pixels squared.
    sharp : ndarray of bool, shape (B,)
        Whether mean and covariance were computed between the candidates, about the one maximum.
    """

    landscape: Images
    evidence: Array
    variance: Array
    probability: Images
    scale: Images
    square: Images
    mean: Array
    covariance: Array
    sharp: npt.NDArray[np.bool_]


class Expectation:
    """The E-step for one model: equations (R2) and (R3) of docs/radial_reference.md.

    For an image I of noise variance v, seen through the candidate t of profile p with scale s,

        ln p(I | p, t, s, v) - ln p(I | no particle, v) = (s C - s^2 E / 2) / v,   C = <Q m_t, I>,  E = |Q m_t|^2,

    and the scale, normal about 1 with variance ``tau^2``, is integrated out in closed form:

        1/2 (tau^2 C^2 / v^2 + 2 C / v - E / v) / (1 + tau^2 E / v) - 1/2 ln(1 + tau^2 E / v).

    Deviations.  v is not integrated out: it is that which fits the image best, the expected power of the residual, and
    is multiplied by the ``dispersion`` of the model.  Under a transfer function, Q is taken as without it, and E is
    multiplied by the part of the template's power that the function leaves.  A posterior narrower than 0.6 pixels is
    taken for a normal one about its maximum between the candidates (`centering.radial.sharp`).
    """

    def __init__(self, templates: Templates, model: Model) -> None:
        self.templates, self.waves, self.model = templates, templates.waves, model
        self.transforms = templates.transform(model.coefficients)
        self._unfolded = self.waves.unfold(self.transforms)
        self.norms = templates.norms(model.coefficients)
        squares = -0.5 * (self.waves.shifts[:, None] ** 2 + self.waves.shifts**2) / model.shift_deviation**2
        prior = squares - np.log(np.exp(squares).sum())
        self.log_prior: Array = prior + np.log(model.weights)[:, None, None]

    @cached_property
    def norm_derivatives(self) -> Array:
        """Derivatives (d/dr, d/dc, d2/dr2, d2/drdc, d2/dc2) of the norms by differences, shape (5, P, h, h)."""
        if len(self.waves.shifts) < 3:
            return np.zeros((5, *self.norms.shape))
        rows, columns = np.gradient(self.norms, axis=(1, 2))
        mixed = np.gradient(rows, axis=2)
        seconds = []
        for axis in (1, 2):
            second = np.zeros_like(self.norms)
            inner = [slice(None)] * 3
            inner[axis] = slice(1, -1)
            second[tuple(inner)] = np.diff(self.norms, 2, axis=axis)
            seconds.append(second)
        return np.stack([rows, columns, seconds[0], mixed, seconds[1]])

    @cached_property
    def excess(self) -> Array:
        """How much more a template explains of a clear image of itself than all of its power in the band, shape (P,).

        The window ends the pedestal that the plane leaves around a particle.  What these edges put beyond the band is
        in ``c^2 / N``, and not in the power of the observation.
        """
        pictures = self.templates.pictures(self.model.coefficients)
        middle = len(self.waves.shifts) // 2
        seen = self.waves.candidates((pictures * self._unfolded)[None])[0][:, middle, middle]
        whole = self.norms[:, middle, middle] * (pictures**2).sum(axis=(1, 2))
        ratio = np.divide(seen**2, whole, out=np.ones_like(whole), where=whole > 0.0)
        excess: Array = np.maximum(ratio, 1.0)
        return excess

    def correlate(self, observation: Observation) -> Images:
        """Return the spectra ``T I``, shape (B, P, M, M), whose waves at the candidates are ``<Q m_t, I>``."""
        coefficients = observation.coefficients
        if observation.transfer is None:
            transforms = self._unfolded
        else:
            transforms = self.waves.unfold(observation.transfer[:, None] * self.transforms)
        spectra: Images = coefficients[:, None] * transforms.astype(coefficients.dtype)
        return spectra

    def power_ratio(self, observation: Observation) -> Array | None:
        """Return the part of each template's power that the transfer leaves, shape (B, P), None without transfer."""
        if observation.transfer is None:
            return None
        power = (self.transforms**2 * self.waves.quarter).reshape(len(self.transforms), -1)
        squares = (observation.transfer**2).reshape(len(observation), 1, -1)
        # one product for each image: in a product of all, the last digits would depend on how many there are
        left: Array = np.matmul(squares, power.T)[:, 0] / power.sum(axis=1)
        return left

    def __call__(self, observation: Observation, variance: Array | None = None, sweeps: int | None = None) -> Posterior:
        """Return the posterior of the images, ``variance`` (B,) being a first guess, in so many sweeps."""
        spectra = self.correlate(observation)
        correlation = self.waves.candidates(spectra)
        dtype = correlation.dtype
        ratio = self.power_ratio(observation)
        norms = self.norms if ratio is None else self.norms * ratio[:, :, None, None]
        norms = np.broadcast_to(norms, correlation.shape).astype(dtype, copy=False)
        prior = self.log_prior.astype(dtype)
        # a number, not an array: keeps the type of the images
        tau = dtype.type(self.model.scale_deviation**2)
        guess = np.ones(len(observation)) if variance is None else variance
        for _ in range(sweeps or TUNING.variance_sweeps):
            v = (self.model.dispersion * guess).astype(dtype)[:, None, None, None]
            u, w = correlation / v, norms / v
            gain = 1 / (1 + tau * w)
            landscape = prior + ((tau * u + 2) * u - w) * gain / 2
            if tau > 0:
                landscape += np.log(gain) / 2
            highest = landscape.max(axis=(1, 2, 3), keepdims=True)
            probability = np.exp(landscape - highest)
            total = probability.sum(axis=(1, 2, 3), keepdims=True)
            probability /= total
            scale = (tau * u + 1) * gain
            square = scale**2 + tau * gain
            gained = 2 * scale * correlation - square * norms
            explained = np.einsum("bpij,bpij->b", probability, gained, dtype=np.float64)
            used, guess = guess, np.maximum(1.0 - explained / self.waves.degrees, TUNING.least_variance)
        # each of the two hypotheses with its own variance; without a particle it is 1 by the scaling of the images
        degrees = self.waves.degrees / self.model.dispersion
        ratio_of_variances = -0.5 * degrees * (np.log(used) + 1.0 / used - 1.0)
        evidence = (highest + np.log(total))[:, 0, 0, 0] + ratio_of_variances
        mean, covariance = self._moments(probability)
        sharp = 0.5 * np.trace(covariance, axis1=1, axis2=2) < TUNING.sharp_deviation**2
        one = np.flatnonzero(sharp)
        if len(one):
            best = landscape[one].reshape(len(one), -1).argmax(axis=1)
            profile, row, column = np.unravel_index(best, landscape.shape[1:])
            at = one, profile, row, column
            v = self.model.dispersion * used[one]
            factors = np.stack([scale[at] / v, float(tau) * gain[at] / v**2], axis=1)
            part = 1.0 if ratio is None else ratio[one, profile]
            slopes = self.norm_derivatives[:, profile, row, column] * part
            trend = slopes * (-0.5 * square[at] / v)
            index = np.stack([row, column], axis=1)
            mean[one], covariance[one], peak = sharpen(
                spectra[one, profile],
                self.waves,
                index,
                factors.astype(np.float64),
                np.ascontiguousarray(trend.T, dtype=np.float64),
                self.model.shift_deviation,
            )
            r, c = (mean[one] - self.waves.shifts[index]).T
            moves = np.stack([r, c, r * r / 2.0, r * c, c * c / 2.0])
            norm = norms[at] + (slopes * moves).sum(axis=0)
            excess = self.excess[profile] if ratio is None else np.ones(len(one))
            covariance[one] = self._narrowed(covariance[one], used[one], scale[at], peak, norm, excess)
        return Posterior(landscape, evidence, guess, probability, scale, square, mean, covariance, sharp)

    def _narrowed(
        self, covariance: Array, variance: Array, scale: Array, peak: Array, norm: Array, excess: Array
    ) -> Array:
        """Return covariances (S, 2, 2) for the noise that is left at the maxima, not at the candidates beside them.

        ``covariance`` is for the noise variances (S,) and scales (S,); ``peak`` and ``norm`` are c and N at the maxima,
        NaN where there is none; ``excess`` as above.  A posterior that is normal about its maximum explains 2 v less
        than the maximum does.
        """
        degrees, dispersion, tau = self.waves.degrees, self.model.dispersion, self.model.scale_deviation**2
        left, fitted = variance, scale
        for _ in range(TUNING.variance_sweeps):
            v = dispersion * left
            gain = 1.0 / (1.0 + tau * norm / v)
            fitted = (tau * peak / v + 1.0) * gain
            explained = 2.0 * fitted * peak - (fitted**2 + tau * gain) * norm
            left = (1.0 - explained / excess / degrees) / max(1.0 - 2.0 / degrees, 0.5)
            left = np.maximum(left, TUNING.least_variance)
        prior = np.eye(2) / self.model.shift_deviation**2
        known = np.isfinite(peak) & (fitted > 0.0) & (scale > 0.0)
        factor = np.where(known, fitted * variance / np.where(known, left * scale, 1.0), 1.0)
        # what the image says goes by the noise, what the prior says does not
        narrowed = np.linalg.inv((np.linalg.inv(covariance) - prior) * factor[:, None, None] + prior)
        narrowed += TUNING.sampling_deviation**2 * np.eye(2)
        result: Array = np.where(known[:, None, None], narrowed, covariance)
        return result

    def _moments(self, probability: Images) -> tuple[Array, Array]:
        shifts = self.waves.shifts.astype(np.float64)
        marginal = probability.sum(axis=1, dtype=np.float64)
        axes = marginal.sum(axis=2), marginal.sum(axis=1)
        # sums and not products of matrices: the last digits must not depend on how many images there are
        mean = np.stack([(axis * shifts).sum(axis=1) for axis in axes], axis=1)
        covariance = np.empty((len(mean), 2, 2))
        for k, axis in enumerate(axes):
            covariance[:, k, k] = (axis * shifts**2).sum(axis=1) - mean[:, k] ** 2
        cross = (marginal * np.outer(shifts, shifts)).sum(axis=(1, 2)) - mean[:, 0] * mean[:, 1]
        covariance[:, 0, 1] = covariance[:, 1, 0] = cross
        return mean, covariance
