"""Estimators side by side, and what is stated about their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.accuracy.data import RADIUS, REACH, Array, Projections, noisy
from centering import (
    CenterOfMass,
    Centers,
    Estimator,
    FittedReference,
    GeometricMedian,
    PhaseCenter,
    RadialReference,
    ReferenceFreeAlignment,
    SelfConvolution,
    SurrogateCenter,
)
from centering.radial.posterior import observe
from centering.radial.start import model_from_positions

LEVELS = (1 / 5, 1 / 10, 1 / 20, 1 / 45, 1 / 100, 1 / 200)

SURROGATE, REFERENCE = "sCM (3.1)", "RadialReference"
KNOWN, ROTATION = "the same, profile given", "the same, about the map's centre of rotation"


def estimators() -> dict[str, Estimator]:
    """Return every estimator, with the radius and the reach that the set-up states."""
    return {
        SURROGATE: SurrogateCenter(RADIUS, max_shift=REACH),
        "sCM, score of RACER": SurrogateCenter(RADIUS, max_shift=REACH, score="racer"),
        "CenterOfMass": CenterOfMass(),
        "GeometricMedian": GeometricMedian(),
        f"GeometricMedian({RADIUS})": GeometricMedian(RADIUS),
        "PhaseCenter": PhaseCenter(),
        "SelfConvolution": SelfConvolution(),
        "ReferenceFreeAlignment": ReferenceFreeAlignment(RADIUS, max_shift=REACH),
    }


def distances(found: Array, truth: Array) -> Array:
    """Return distances in pixels, shape (B,)."""
    return np.hypot(*(found - truth).T)


def inside(centers: Centers, truth: Array, probabilities: Sequence[float]) -> list[float]:
    """Return the parts of the errors inside the ellipses that should hold these parts of them."""
    assert centers.covariance is not None
    error = centers.displacement - truth
    square = np.einsum("bi,bij,bj->b", error, np.linalg.inv(centers.covariance), error)
    # chi-square of two degrees of freedom
    return [float(np.mean(square <= -2 * np.log1p(-p))) for p in probabilities]


def summary(errors: Sequence[Array]) -> dict[str, Any]:
    """Return what is stated about the errors of one or several draws: of all together, and the median of each."""
    joined = np.concatenate(errors)
    low, median, high = np.percentile(joined, [10, 50, 90])
    return {
        "median": float(median),
        "rms": float(np.sqrt(np.mean(joined**2))),
        "p10": float(low),
        "p90": float(high),
        "medians": [float(np.median(error)) for error in errors],
    }


def with_known_profile(fitted: FittedReference, images: Array, truth: Array) -> FittedReference:
    """Return a reference with the profile of these images about their true centres: the bound for learning it."""
    waves = fitted.templates.waves
    parts = [slice(start, start + 32) for start in range(0, len(images), 32)]
    seen = [observe(images[part], waves, fitted.spectrum, structure=fitted.structure) for part in parts]
    places = [truth[part] for part in parts]
    model = model_from_positions(fitted.templates, seen, places, fitted.model.shift)
    return replace(fitted, model=replace(fitted.model, coefficients=model.coefficients))


def about_one_point(found: Array, views: Projections) -> tuple[Array, float]:
    """Return errors about the point of the map that fits all images best, and its distance from the centre of mass.

    A radial profile has its own idea of where the middle of an asymmetric particle is; in three dimensions it is one
    point.  What is left is what noise does.
    """
    offset, *_ = np.linalg.lstsq(views.frames.reshape(-1, 3), (found - views.displacement).ravel(), rcond=None)
    return distances(found, views.displacement + views.frames @ offset), float(np.linalg.norm(offset))


def against_noise(
    draw: Callable[[int, int], Projections], count: int, draws: int, levels: Sequence[float] = LEVELS
) -> dict[str, Any]:
    """Return errors at all levels: `draws` stacks of `count` projections each, the first alone for most estimators."""
    errors: dict[str, list[list[Array]]] = {}
    offsets = []

    def add(name: str, level: int, error: Array) -> None:
        errors.setdefault(name, [[] for _ in levels])[level].append(error)

    for number in range(draws):
        views = draw(count, number)
        truth = views.displacement
        for level, snr in enumerate(levels):
            seed = 1000 * number + level
            images = noisy(views.clean, snr, seed)
            for name, estimator in estimators().items():
                if number and name != SURROGATE:
                    continue
                add(name, level, distances(estimator(images).displacement, truth))
            fitted = RadialReference(RADIUS, max_shift=REACH).fit(images)
            found = fitted(images).displacement
            add(REFERENCE, level, distances(found, truth))
            # of other noise: the images must not be known from having been learned
            given = with_known_profile(fitted, noisy(views.clean, snr, seed + 500), truth)
            add(KNOWN, level, distances(given(images).displacement, truth))
            error, offset = about_one_point(found, views)
            add(ROTATION, level, error)
            offsets.append(offset)
    rows = {name: [summary(error) for error in per_level] for name, per_level in errors.items()}
    return {"levels": list(levels), "count": count, "draws": draws, "rows": rows, "offset": float(np.median(offsets))}
