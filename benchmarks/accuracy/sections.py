"""What the table against noise does not show: contrast transfer, uncertainty, real images, outliers, cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.data import (
    PHANTOMS,
    RADIUS,
    REACH,
    Projections,
    boxes,
    defocused,
    micrograph,
    noisy,
    phantom,
    relion,
)
from benchmarks.accuracy.measure import REFERENCE, SURROGATE, distances, inside, summary
from benchmarks.common import median_time
from centering import CenterOfMass, Estimator, Flag, RadialReference, SelfConvolution, SurrogateCenter
from centering.simulate import GaussianParticle, rotations

Draw = Callable[[int, int], Projections]

PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.68, 0.8, 0.9, 0.95, 0.99)
BINS = np.linspace(0, 10, 41)


def contrast_transfer(draw: Draw, count: int, draws: int) -> dict[str, Any]:
    """Return errors at SNR 1/20 without and with a contrast transfer, modelled and phase flipped."""
    errors: dict[str, list[Any]] = {}
    for number in range(draws):
        views = draw(count, number)
        filtered, ctf = defocused(views.clean, number)
        seen = noisy(filtered, 1 / 20, 70 + number)
        options: dict[str, Any] = {"max_shift": REACH}
        for name, (estimator, images) in {
            "no CTF": (RadialReference(RADIUS, **options), noisy(views.clean, 1 / 20, 70 + number)),
            "CTF, modelled": (RadialReference(RADIUS, ctf=ctf, **options), seen),
            "CTF, phase flipped": (RadialReference(RADIUS, ctf=ctf, phase_flip=True, **options), seen),
            "CTF, ignored": (RadialReference(RADIUS, **options), seen),
            "CTF, sCM": (SurrogateCenter(RADIUS, **options), seen),
        }.items():
            errors.setdefault(name, []).append(distances(estimator(images).displacement, views.displacement))
    return {"count": count, "draws": draws, "rows": {name: summary(error) for name, error in errors.items()}}


def calibration(count: int) -> dict[str, Any]:
    """Return the fraction of errors inside the ellipses that should hold a given part of them, phantom by phantom."""
    rows = {}
    for number, (name, (_, radius, noise)) in enumerate(PHANTOMS.items()):
        images, shift = phantom(name, count, number)
        centers = RadialReference(radius, max_shift=10)(images)
        rows[name] = {
            "noise": noise,
            "radius": radius,
            "rms": float(np.sqrt(np.mean(distances(centers.displacement, shift) ** 2))),
            "inside": inside(centers, shift, PROBABILITIES),
        }
    together = np.mean([row["inside"] for row in rows.values()], axis=0)
    return {"count": count, "probabilities": list(PROBABILITIES), "rows": rows, "together": together.tolist()}


def asymmetric(count: int, particles: int, levels: Sequence[float] = (1 / 30, 1 / 10, 1, 100)) -> dict[str, Any]:
    """Return errors and stated uncertainties for particles without symmetry, half as large as `gaussians`' one.

    With what they have beyond their profiles taken for noise, and without.
    """
    size, radius = 65, 16
    rows: dict[str, list[dict[str, float]]] = {"with structure": [], "without": []}
    for snr in levels:
        found: dict[str, list[list[float]]] = {name: [] for name in rows}
        for seed in range(particles):
            particle = GaussianParticle.random(radius, seed=seed)
            rng = np.random.default_rng(100 + seed)
            shift = rng.uniform(-6, 6, (count, 2))
            clean = particle.project(rotations(count, rng), shift, size).astype(np.float32)
            images = noisy(clean, snr, seed, side=2 * radius + 1)
            for name, structure in (("with structure", True), ("without", False)):
                centers = RadialReference(18, max_shift=9, structure=structure)(images)
                square = float(np.mean(distances(centers.displacement, shift) ** 2))
                found[name].append([square, *inside(centers, shift, (0.68, 0.95))])
        for name, values in found.items():
            mean, most, nearly_all = map(float, np.mean(values, axis=0))
            rows[name].append({"rms": float(np.sqrt(mean)), "68": most, "95": nearly_all})
    return {"count": count, "particles": particles, "levels": list(levels), "rows": rows}


def apoferritin(data: Path, draws: int) -> dict[str, Any] | None:
    """Return errors in boxes of a real micrograph, cut out again with known displacements."""
    source = micrograph(data)
    if source is None:
        return None
    rows = []
    for size in (128, 96):
        cases: dict[str, tuple[Any, int]] = {
            "RadialReference(44)": (RadialReference(44), 1),
            'RadialReference("auto")': (RadialReference("auto"), 1),
            "SurrogateCenter(44)": (SurrogateCenter(44), -1),  # particles are dark
            "SelfConvolution()": (SelfConvolution(), -1),
        }
        for name, (estimator, sign) in cases.items():
            errors, radii = [], []
            for seed in range(draws):
                images, shift = boxes(*source, size, seed)
                if isinstance(estimator, RadialReference):
                    fitted = estimator.fit(images)
                    radii.append(fitted.radius)
                    found = fitted(images)
                else:
                    found = estimator(sign * images)
                errors.append(distances(found.displacement, shift))
            counts, _ = np.histogram(np.concatenate(errors), BINS)  # what is farther off is left out
            rows.append(
                {"size": size, "name": name, "radii": radii, "boxes": [len(error) for error in errors]}
                | {"histogram": counts.tolist()}
                | summary(errors)
            )
    return {"draws": draws, "bins": BINS.tolist(), "rows": rows}


def fixtures(data: Path) -> dict[str, Any]:
    """Return errors on RELION's own projections, whose origins are exact, and on seventeen refined particles."""
    shifted, truth = relion(data, "rln_proj_64_shifted.star")
    centered, none = relion(data, "rln_proj_64_centered.star")
    refined, origins = relion(data, "sample_particles_relion31.star")
    rows, stated = {}, np.nan
    for name, small, large in (
        (SURROGATE, SurrogateCenter(22), SurrogateCenter(70, max_shift=20)),
        (REFERENCE, RadialReference(22, max_shift=20), RadialReference(70, max_shift=20)),
        ("CenterOfMass", CenterOfMass(), CenterOfMass()),
        ("SelfConvolution", SelfConvolution(), SelfConvolution()),
    ):
        # learned from all eight, as a user would
        found = small(np.concatenate([shifted, centered])).displacement
        moved = found[: len(shifted)] - found[len(shifted) :]
        real = large(refined)
        if real.covariance is not None:
            stated = float(np.median(np.sqrt(np.trace(real.covariance, axis1=1, axis2=2))))
        rows[name] = {
            "origin": distances(found, np.concatenate([truth, none])).tolist(),
            "move": distances(moved, truth).tolist(),
            "refined": summary([distances(real.displacement, origins)]),
        }
    return {"rows": rows, "projections": 2 * len(shifted), "particles": len(refined), "stated": stated}


def outliers(draw: Draw, count: int, draws: int, snr: float = 1 / 20) -> dict[str, Any]:
    """Return how well the score ranks boxes of pure noise, one in ten, and what is flagged."""
    areas, flagged, wrongly = [], [], []
    for number in range(draws):
        images = noisy(draw(count, number).clean, snr, 90 + number)
        rng = np.random.default_rng(number)
        empty = rng.choice(count, count // 10, replace=False)
        images[empty] = images[empty].std() * rng.standard_normal((len(empty), *images.shape[1:]))
        centers = RadialReference(RADIUS, max_shift=REACH)(images)
        others = np.delete(np.arange(count), empty)
        areas.append(float(np.mean(centers.score[others][:, None] > centers.score[empty])))
        outlier = centers.has(Flag.OUTLIER)
        flagged.append(float(outlier[empty].mean()))
        wrongly.append(float(outlier[others].mean()))
    return {"snr": snr, "count": count, "areas": areas, "flagged": flagged, "wrongly": wrongly}


def cost(count: int, size: int = 128, radius: int = 32) -> dict[str, float]:
    """Return seconds per image: the fused sCM, one more iteration of learning, and centring by what was learned."""
    rng = np.random.default_rng(0)
    axis = np.arange(size) - size // 2
    shift = rng.uniform(-8, 8, (count, 2, 1, 1))
    squared = (axis[:, None] - shift[:, 0]) ** 2 + (axis - shift[:, 1]) ** 2
    images = (np.maximum(0, 1 - squared / radius**2) + 3 * rng.normal(size=squared.shape)).astype(np.float32)

    def seconds(call: Callable[[], object]) -> float:
        return median_time(call, seconds=0.5, least=3) / count

    surrogate: Estimator = SurrogateCenter(radius)
    few, many = (RadialReference(radius, iterations=k) for k in (4, 12))
    fitted = few.fit(images)
    return {
        "count": count,
        "size": size,
        "radius": radius,
        "surrogate": seconds(lambda: surrogate(images)),
        "iteration": (seconds(lambda: many.fit(images)) - seconds(lambda: few.fit(images))) / 8,
        "centering": seconds(lambda: fitted(images)),
        "whole": seconds(lambda: RadialReference(radius)(images)),
    }
