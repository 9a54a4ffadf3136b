"""Sections of the report about all particles together: their shifts and their mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.engine.job import Job
from centering.plot import save
from centering.report import charts
from centering.report.pictures import marked
from centering.results import Centers
from centering.runs.evidence import Evidence
from centering.shift import sum_shifted

__all__ = ["mean", "means", "shifts"]

_AVERAGED = 500  # images in the mean images

Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


def shifts(job: Job, centers: Centers, seen: Index) -> str:
    """Show where the centres were found, and how far."""
    displacement = centers.displacement[seen]
    length = np.hypot(*displacement.T)
    mean = displacement.mean(axis=0)
    where = (
        f"Centres of {len(seen)} particles about the middle of the box; their mean is at row {mean[0]:+.1f}, "
        f"column {mean[1]:+.1f} pixels"
    )
    far = f"Histogram of their distances; median {np.median(length):.1f}, largest {length.max():.1f} pixels"
    return (
        f'<div class="charts"><figure>{charts.inline(charts.places(displacement), where)}'
        f"<figcaption>Where the centres were found. Mean: row {mean[0]:+.2f}, column {mean[1]:+.2f} px; a mean far "
        "from zero points to a picker with an offset.</figcaption></figure>"
        f"<figure>{charts.inline(charts.lengths(displacement, job.particles.typical_pixel_size), far)}"
        "<figcaption>How far they were from the middle of the box.</figcaption></figure></div>"
    )


def means(job: Job, centers: Centers, seen: Index) -> tuple[Float64, Float64, int]:
    """Return the means of a sample of the images before and after centering, and its size."""
    sample = seen[np.unique(np.linspace(0, len(seen) - 1, _AVERAGED).astype(np.int64))]
    before = np.zeros((job.particles.size, job.particles.size))
    after = np.zeros_like(before)
    for part in np.array_split(sample, -(-len(sample) // 50)):
        images = job.particles.read(part)
        before += images.sum(axis=0, dtype=np.float64)
        after += sum_shifted(images, -centers.displacement[part])
    return before / len(sample), after / len(sample), len(sample)


def mean(folder: Path, job: Job, before: Float64, after: Float64, count: int, evidence: Evidence) -> str:
    """Show the mean images and their rotational averages; their figures go into ``folder``."""
    save(charts.mean_images(before, after), folder / "mean.png", folder / "mean.svg")
    radius = None if job.radius is None else float(np.median(job.radius))
    sign = -1.0 if job.contrast.invert else 1.0
    rings = [charts.radial_profile(sign * image) for image in (before, after)]
    figure = charts.profiles(rings[0], rings[1], radius, job.particles.typical_pixel_size)
    save(figure, folder / "profile.png", folder / "profile.svg")
    low, high = np.percentile(after, [0.5, 99.9])
    scale = (high - low) or 1.0
    pictures = [np.clip((image - low) / scale, 0, 1) for image in (before, after)]
    one = marked(pictures[0], f"Mean of {count} images before centering")
    two = marked(pictures[1], f"Mean of {count} images after centering")
    chart = charts.inline(figure, "Mean density over the distance from the middle, before and after centering")
    sharper = ""
    if np.isfinite(evidence.gain):
        # below 1, and even negative, where the centres found are worse
        much = f"{evidence.gain:.2f} times as sharp" if evidence.gain >= 1 else "less sharp than before"
        sharper = (
            f" After centering it is {much} (energy of the smoothed gradient), judged free of the noise in which the "
            "centres were found; this picture is not."
        )
    return (
        f"<p>Mean of {count:,} images, on one grey scale.{sharper}</p>"
        f'<div class="charts"><figure><div class="pair"><div><span>before</span>{one}</div><div><span>after</span>{two}'
        "</div></div><figcaption>The mean images.</figcaption></figure>"
        f"<figure>{chart}<figcaption>Their rotational averages, bright particles up.</figcaption></figure></div>"
    )
