"""What is to be done with a dataset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from centering.contrast import Contrast, detect_contrast
from centering.estimators.base import Estimator
from centering.io.particles import Particles
from centering.stack import check_radius

__all__ = ["ESTIMATORS", "Job", "make_estimator", "prepare", "radii"]

Index = npt.NDArray[np.int64]

ESTIMATORS = ("surrogate", "mass", "median", "phase", "self-convolution")
"""Names of the estimators that a command can ask for."""

_SAMPLES, _RUN = 20, 15  # so many runs of so many consecutive images decide the contrast


@dataclass(frozen=True)
class Job:
    """What is to be done with a dataset: made by `prepare`, before anything is written.

    Attributes
    ----------
    particles : Particles
        The dataset.
    estimators : sequence of Estimator
        One for every distinct radius.
    members : ndarray, shape (B,), int64
        Which of the estimators each particle goes through.
    radius : ndarray, shape (B,), int64, or None
        Radius in pixels of each particle; None where the estimator needs none and none was given.
    contrast : Contrast
        Whether the pixels are inverted.
    """

    particles: Particles
    estimators: Sequence[Estimator]
    members: Index
    radius: Index | None
    contrast: Contrast


def make_estimator(
    name: str, radius: int | None, *, score: str | None = None, max_shift: float | None = None
) -> Estimator:
    """Return the estimator called ``name``, one of `ESTIMATORS`, for particles of ``radius`` pixels.

    Raises
    ------
    ValueError
        An unknown name, a missing radius, or an option that this estimator does not have.
    """
    import centering

    if name not in ESTIMATORS:
        raise ValueError(f"there is no estimator {name!r}; choose one of {', '.join(ESTIMATORS)}")
    if name == "surrogate":
        if radius is None:
            raise ValueError(
                "the surrogate centre needs the size of the particle: give --diameter (Angstrom) or --radius (pixels)"
            )
        return centering.SurrogateCenter(radius, score=score or "cumulative", max_shift=max_shift)
    for option, value in {"--score": score, "--max-shift": max_shift}.items():
        if value is not None:
            raise ValueError(f"{option} is an option of the estimator surrogate; {name} has none")
    if name == "median":
        return centering.GeometricMedian(radius)
    if name == "phase":
        return centering.PhaseCenter()
    return centering.CenterOfMass() if name == "mass" else centering.SelfConvolution()


def radii(particles: Particles, *, radius: float | None = None, diameter: float | None = None) -> Index | None:
    """Return the radius of every particle in pixels, shape (B,), from a radius in pixels or a diameter in Angstrom.

    Raises
    ------
    ValueError
        Both or an unusable one, or a diameter without a pixel size.
    """
    if radius is not None and diameter is not None:
        raise ValueError("--diameter and --radius say the same thing twice; give one of them")
    if radius is not None:
        return np.full(len(particles), check_radius(radius, particles.size))
    if diameter is None:
        return None
    if not (math.isfinite(diameter) and diameter > 0):
        raise ValueError(f"diameter is {diameter!r}; give a positive number of Angstrom")
    if particles.pixel_size is None:
        raise ValueError(f"--diameter {diameter:g} is in Angstrom and the pixel size is not known; give it (--angpix)")
    result = np.rint(0.5 * diameter / particles.pixel_size).astype(np.int64)
    angstrom = particles.pixel_size[result.argmax()]
    try:
        check_radius(int(result.min()))
        check_radius(int(result.max()), particles.size)
    except ValueError as error:
        raise ValueError(f"diameter {diameter:g} A at {angstrom:g} A per pixel: {error}") from None
    return result


def prepare(
    particles: Particles,
    *,
    diameter: float | None = None,
    radius: float | None = None,
    max_shift: float | None = None,
    estimator: str = "surrogate",
    score: str | None = None,
    invert: str = "auto",
) -> Job:
    """Settle every question about a dataset; nothing is written.

    Parameters
    ----------
    particles : Particles
        The dataset, from `centering.io.opening.open_particles`.
    diameter, radius : float, optional
        Size of the particle: diameter in Angstrom, or radius in whole pixels.
    max_shift : float, optional
        Farthest displacement in pixels that is searched.
    estimator : str
        One of `ESTIMATORS`.
    score : str, optional
        ``cumulative`` (the paper's equation 3.1) or ``racer`` (the authors' released code).
    invert : {"auto", "yes", "no"}
        Whether dark particles are made bright; ``auto`` looks at a sample of the images.

    Raises
    ------
    ValueError
        Options that do not fit each other or the images; the message says why.
    """
    if invert not in ("auto", "yes", "no"):
        raise ValueError(f"invert is {invert!r}; choose auto, yes or no")
    radius_of = radii(particles, radius=radius, diameter=diameter)
    if radius_of is None:
        estimators = [make_estimator(estimator, None, score=score, max_shift=max_shift)]
        members = np.zeros(len(particles), dtype=np.int64)
    else:
        distinct, members = np.unique(radius_of, return_inverse=True)
        estimators = [make_estimator(estimator, int(one), score=score, max_shift=max_shift) for one in distinct]
    if invert == "auto":
        readable = np.flatnonzero(particles.readable)
        starts = np.unique(np.linspace(0, max(0, len(readable) - _RUN), _SAMPLES).astype(np.int64))
        ends = np.minimum(starts + _RUN, np.append(starts[1:], len(readable)))
        typical = particles.size / 4 if radius_of is None else float(np.median(radius_of))
        contrast = detect_contrast(
            (particles.read(readable[start:end]) for start, end in zip(starts, ends, strict=True)),
            max(typical, 1.0),
        )
    else:
        contrast = Contrast(invert == "yes", given=True)
    return Job(particles, estimators, members, radius_of, contrast)
