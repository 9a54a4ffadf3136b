"""What particles have beyond their radial profile: its power spectrum, which counts as noise of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from centering.radial.learning import Freedom, certainties, expected_waves, iterate
from centering.radial.noise import whole_power
from centering.radial.posterior import Expectation, Model, Observation, Posterior
from centering.radial.templates import Templates
from centering.radial.tuning import TUNING
from centering.radial.waves import Waves
from pswf.arrays import Array

__all__ = ["learn_structure", "structure_spectrum"]


TINY = float(np.finfo(np.float64).tiny)


def learn_structure(
    templates: Templates,
    model: Model,
    seen: Sequence[Observation],
    observe: Callable[[Array], Sequence[Observation]],
    transfers: Sequence[Array | None],
    spectrum: Array | None,
    freedom: Freedom,
    advance: Callable[[int], object],
) -> tuple[Array, Templates, Model]:
    """Return the structure spectrum (L+1, L+1), and templates and model for images that are whitened by it as well.

    Parameters
    ----------
    templates : Templates
    model : Model
        Learned from images whitened by the noise alone.
    seen : sequence of Observation
        These images.
    observe : callable
        Returns them again, given the structure spectrum that they are to be whitened by as well.
    transfers : sequence of ndarray, shape (b, L+1, L+1), or None
        Contrast transfer functions, one array for each observation.
    spectrum : ndarray, shape (L+1, L+1), or None
        Of the noise.
    freedom : Freedom
    advance : callable
        Called with the number of images gone through.
    """
    waves = templates.waves
    structure: Array = np.zeros_like(waves.quarter)
    size = _sizes(waves, seen, transfers, spectrum, structure)
    for _ in range(TUNING.structure_passes):
        structure, dispersion = structure_spectrum(templates, model, seen, transfers, spectrum, structure)
        whole = whole_power(waves, spectrum, structure)
        templates = Templates(waves, templates.disk.radius, basis=templates.disk.basis, spectrum=whole)
        seen = observe(structure)
        before, size = size, _sizes(waves, seen, transfers, spectrum, structure)
        # images keep unit power however they are whitened, and the profile is in their units
        coefficients = model.coefficients * float(np.median(size / before))
        model = replace(model, coefficients=coefficients, dispersion=dispersion)
        model, *_ = iterate(templates, model, seen.__iter__, freedom, TUNING.structure_rounds)
        advance(sum(map(len, seen)))
    return structure, templates, model


def structure_spectrum(
    templates: Templates,
    model: Model,
    observations: Sequence[Observation],
    transfers: Sequence[Array | None],
    spectrum: Array | None = None,
    given: Array | None = None,
) -> tuple[Array, float]:
    """Return the power spectrum of what particles have beyond their profiles, shape (L+1, L+1), and the dispersion.

    In the units of the noise spectrum N, and inside the disk: seen through the transfer H, an image has there the power
    ``N + H^2 S`` beyond its template.

    Parameters
    ----------
    templates : Templates
    model : Model
    observations : sequence of Observation
        Images, whitened by noise and ``given``.
    transfers, spectrum
        As in `learn_structure`.
    given : ndarray, shape (L+1, L+1), optional
        The structure spectrum that they are whitened by.

    Notes
    -----
    The expected residual ``|I - s H m_t|^2`` of every image is cut out on the disk about its centre, and its power, in
    rings of frequencies, measured by that in the quietest fifth of the coefficients of the whole image, the noise; what
    there is more of is regressed on ``H^2``.  Structure is not as regular as a stationary process: it gets a floor at
    all frequencies, a part of the most that is seen at any.
    """
    waves, rings = templates.waves, _Rings(templates.waves)
    noise = whole_power(waves, spectrum, None)
    found = _measure(rings, templates, model, observations, transfers, spectrum, given)
    whole, inside, square = found.whole, found.inside, found.square
    quiet = _quiet(rings.smooth(found.weight @ whole), rings.smooth(rings.number))
    # of so few coefficients the mean of the inverse is not the inverse of the mean
    level = whole[:, quiet].sum(axis=1) / max(rings.number[quiet].sum() - 2.0, 1.0)
    weight = np.where(level > 0.0, found.weight, 0.0)
    level = np.where(level > 0.0, level, 1.0)[:, None]
    number = found.visible[:, None] * rings.quarter
    excess = rings.smooth(weight @ ((inside / level - number) * square))
    quartics = rings.smooth(weight @ (number * square**2))
    # what chance may make of a sum of so many squares is no structure
    density = np.maximum(excess - np.sqrt(2.0 * quartics), 0.0) / np.maximum(quartics, TINY)
    shown = np.maximum(weight @ square / max(float(weight.sum()), TINY), TINY)
    floored = np.maximum(density, TUNING.least_structure * (shown * density).max() / shown)
    structure = noise * rings.interpolate(floored)

    profile = np.tensordot(model.weights, templates.transform(model.coefficients) ** 2, axes=1)
    slopes = shown * rings.add(
        waves.quarter * waves.frequency**2 * profile * whole_power(waves, spectrum, given) / noise
    )
    power = weight @ (whole / level) / np.maximum(weight.sum() * rings.number, TINY)
    return structure, _dispersion(slopes, 1.0 + shown * density, power, 1.0 + shown * floored, rings.number)


def _dispersion(slopes: Array, inside: Array, whole: Array, taken: Array, number: Array) -> float:
    """Return the variance where the profile decides, to that of the residual in the whole image, both whitened.

    All in rings, shape (L,): the squares of the template's slopes, the power on the disk and that of the whole image,
    the power that images are whitened by, and the number of coefficients.
    """
    decisive = slopes / taken
    if not (decisive.any() and whole.any()):
        return 1.0
    return float(np.average(inside / taken, weights=decisive) / np.average(whole / taken, weights=number))


@dataclass(frozen=True)
class _Residuals:
    """What templates leave of the usable images, whitened by the noise.

    Attributes
    ----------
    whole, inside : ndarray, shape (B, L)
        Power in rings of frequencies, of the whole image and of what is on the disk about the centre.
    visible : ndarray, shape (B,)
        Number of pixels of that disk that lie in the image.
    square : ndarray, shape (B, L)
        Mean squares of the transfer functions in the rings.
    weight : ndarray, shape (B,)
        How certainly the image shows a particle.
    """

    whole: Array
    inside: Array
    visible: Array
    square: Array
    weight: Array


class _Rings:
    """Rings of frequencies 1, ..., L."""

    def __init__(self, waves: Waves) -> None:
        self._frequency = waves.frequency * waves.period
        self._ring = np.rint(self._frequency).astype(np.int64)
        self._rings = np.arange(1, waves.highest + 1)
        self._band = waves.quarter > 0
        self.number = self.add(waves.fold(waves.white()))
        """Expected squares of white noise, shape (L,)."""
        self.quarter = self.add(waves.quarter)
        """Expected squares of white noise in one pixel, shape (L,)."""

    def add(self, values: Array) -> Array:
        """Return sums over rings, shape (L,), of (L+1, L+1)."""
        kept = np.where(self._band, values, 0.0)
        sums: Array = np.bincount(self._ring.ravel(), kept.ravel()).astype(np.float64)
        return sums[self._rings[0] : self._rings[-1] + 1]

    def smooth(self, rings: Array) -> Array:
        """Return sums over neighbouring rings: the disk allows no finer detail."""
        padded = np.pad(rings, 1)
        result: Array = TUNING.ring_weights[0] * (padded[:-2] + padded[2:]) + TUNING.ring_weights[1] * rings
        return result

    def interpolate(self, rings: Array) -> Array:
        """Return values between the rings, shape (L+1, L+1), 0 outside the band."""
        values: Array = np.where(self._band, np.interp(self._frequency, self._rings, rings), 0.0)
        return values


def _measure(
    rings: _Rings,
    templates: Templates,
    model: Model,
    observations: Sequence[Observation],
    transfers: Sequence[Array | None],
    spectrum: Array | None,
    given: Array | None,
) -> _Residuals:
    """Return what the templates leave of all images."""
    waves, expectation = templates.waves, Expectation(templates, model)
    band = waves.fold(waves.band.astype(np.float64))
    count = rings.add(band)
    noise = whole_power(waves, spectrum, None)
    along = waves.along(waves.pixels)
    wholes: list[Array] = []
    insides: list[Array] = []
    visible: list[float] = []
    squares: list[Array] = []
    weights: list[Array] = []
    for observation, transfer in zip(observations, transfers, strict=True):
        posterior = expectation(observation)
        power = np.broadcast_to(whole_power(waves, spectrum, given, transfer) / noise, (len(observation), *band.shape))
        usable = np.flatnonzero(observation.usable)
        for i, (left, variance) in zip(usable, _residuals(expectation, observation, posterior, usable), strict=True):
            # whitened by the noise alone: where structure was whitened away, it could not be measured
            left = left * waves.unfold(np.sqrt(power[i]))
            variance = variance * power[i]
            axes = [np.square(waves.pixels - center) for center in posterior.mean[i]]
            disk = axes[0][:, None] + axes[1] <= templates.disk.radius**2
            cut = along @ (disk * (along.T @ left @ along)) @ along.T
            wholes.append(rings.add(waves.fold(left**2) + variance))
            insides.append(rings.add(waves.fold(cut**2) + variance))
            visible.append(float(disk.sum()))
            squares.append(np.ones_like(count) if transfer is None else rings.add(band * transfer[i] ** 2) / count)
        weights.append(certainties(posterior, model)[usable])
    return _Residuals(
        np.array(wholes), np.array(insides), np.array(visible), np.array(squares), np.concatenate(weights)
    )


def _quiet(power: Array, count: Array) -> npt.NDArray[np.int64]:
    """Return those rings with the least mean power that together make a fifth of all coefficients."""
    order = np.argsort(power / np.maximum(count, TINY))
    last = int(np.searchsorted(np.cumsum(count[order]), TUNING.quiet_part * count.sum()))
    return order[: last + 1]


def _residuals(
    expectation: Expectation, observation: Observation, posterior: Posterior, chosen: npt.NDArray[np.int64]
) -> Iterator[tuple[Array, Array]]:
    """Yield the coefficients (M, M) of ``I - E[s H Q m_t]``, and the variances of ``s H m_t``, folded, (L+1, L+1)."""
    waves, templates = expectation.waves, expectation.templates
    spectra = expected_waves(waves, posterior, posterior.probability * posterior.scale)
    squares = np.einsum("bpij,bpij->bp", posterior.probability, posterior.square, dtype=np.float64)
    masses = np.einsum("bpij,bpij->bp", posterior.probability, posterior.scale, dtype=np.float64)
    planes = templates.planes(expectation.model.coefficients)
    nearest = np.clip(np.rint(posterior.mean).astype(np.int64) + waves.reach, 0, 2 * waves.reach)
    for i in chosen:
        own = expectation.transforms
        if observation.transfer is not None:
            own = own * observation.transfer[i]
        expected = np.einsum("pij,pij->ij", waves.unfold(own), spectra[i], dtype=np.float64)
        variance = np.tensordot(squares[i], own**2, axes=1) * waves.quarter - waves.fold(expected**2)
        if observation.transfer is None:
            # the planes of the images were removed; so have to be those of the template, about the mean
            row, column = nearest[i]
            expected -= np.tensordot(masses[i] @ planes[:, :, row, column], waves.planes, axes=1)
        yield observation.coefficients[i] - expected, variance


def _sizes(
    waves: Waves,
    observations: Sequence[Observation],
    transfers: Sequence[Array | None],
    spectrum: Array | None,
    structure: Array | None,
) -> Array:
    """Return the root of the power that usable images of unit power have where their whitening is undone."""
    sizes = []
    for observation, transfer in zip(observations, transfers, strict=True):
        whole = np.broadcast_to(
            whole_power(waves, spectrum, structure, transfer), (len(observation), *waves.quarter.shape)
        )
        for i in np.flatnonzero(observation.usable):
            image = observation.coefficients[i].astype(np.float64)
            sizes.append(float(np.sqrt((waves.fold(image**2) * whole[i]).sum())))
    return np.array(sizes)
