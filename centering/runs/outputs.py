"""The files of a finished run: origins, a table, a summary and two figures."""

from __future__ import annotations

import csv
import json
from io import BytesIO
from os import fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import centering
from centering.engine.job import Job
from centering.io.absolute_names import with_absolute_names
from centering.io.cryosparc import CsFile
from centering.io.formats import own_file, own_files
from centering.io.particles import Particles
from centering.io.stack import StackTable, absolute, numbered
from centering.io.star import StarFile
from centering.io.table import Float64, ParticleTable
from centering.results import Centers, Flag
from centering.runs.evidence import Evidence
from centering.runs.judgement import with_judgement
from centering.runs.verdict import decide
from centering.sentence import named_if_outside

__all__ = ["OUTPUTS", "preload", "ranked", "recorded", "renamed", "summarize", "write_outputs"]

OUTPUTS = (
    "particles.star",
    "centers.csv",
    "summary.json",
    "montage.png",
    "shifts.png",
    "report.html",
    "mean.png",
    "mean.svg",
    "profile.png",
    "profile.svg",
    "shifts.svg",
    "recentered.mrcs",
    "recentered.star",
    "reference.png",
    "reference.svg",
    *own_files()[1:],
)
"""Names of all files that a run may write into its folder."""

_UNSEEN = Flag.NONFINITE | Flag.UNREADABLE

_SHOWN = 8  # particles in the montage


def write_outputs(
    folder: Path,
    job: Job,
    centers: Centers,
    evidence: Evidence | None = None,
    *,
    recentered: Path | None = None,
    run: str | None = None,
    figures: bool = True,
    keep_names: bool = False,
) -> None:
    """Write every output but the recentred stack itself into ``folder``.

    Parameters
    ----------
    folder : Path
        An existing folder.
    job : Job
        What was done.
    centers : Centers
        The result, in the order of the particles.
    evidence : Evidence, optional
        What the images say about the centres; the summary has no verdict without it.
    recentered : Path, optional
        Where the recentred stack will lie in the end.
    run : str, optional
        What tells this run from others, for the summary.
    figures : bool
        Whether figures are drawn.
    keep_names : bool
        Whether image names that are relative to the current folder stay so in the new STAR file.
    """
    particles = job.particles
    star = particles.star
    if star is None:  # images that were opened from no file of a known format
        images = StackTable(particles.source, len(particles))
        star = images.to_star(size=particles.size, pixel_size=particles.pixel_size)
    settled, stays = centers, np.zeros(len(particles), dtype=np.bool_)
    if job.origins is not None:
        settled, stays = job.origins.settled(centers), job.origins.kept(centers)
    named = with_absolute_names(star.with_origins(settled.displacement, particles.pixel_size), keep=keep_names)
    with_judgement(named, centers, particles.pixel_size).write(folder / "particles.star")
    own = own_file(particles.source)
    if particles.table is not None and own != "particles.star":
        with named_if_outside(particles.table):
            _centered(particles.table, settled.displacement, particles.pixel_size, stays).write(folder / own)
    if recentered is not None:
        moved = star.with_origins(settled.displacement - centers.displacement, particles.pixel_size)
        with_judgement(renamed(moved, recentered), centers, particles.pixel_size).write(folder / "recentered.star")
    _write_table(folder / "centers.csv", particles, centers)
    summary = summarize(job, centers, evidence)
    if recentered is not None:
        summary["recentered_stack"] = "content moved by a periodic Fourier shift; contrast as in the input"
    if run is not None:
        summary["run"] = run
    (folder / "summary.json").write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
    if figures:
        _write_figures(folder, job, centers)


def _centered(
    table: ParticleTable, displacement: Float64, pixel_size: Float64 | None, stays: npt.NDArray[np.bool_]
) -> ParticleTable:
    """Return the table with new displacements; of a ``.cs`` file all that moves a particle that stays does so."""
    if isinstance(table, CsFile) and stays.any():
        return table.with_shifts(displacement, stays=stays)
    return table.centered(displacement, pixel_size)


def preload() -> None:
    """Load the libraries that `write_outputs` will need, while there is something else to wait for."""
    from matplotlib import figure, lines, patches, patheffects, ticker  # noqa: F401
    from scipy import fft  # noqa: F401

    from centering import plot  # noqa: F401

    canvas = figure.Figure()
    canvas.text(0, 0, "fonts")
    canvas.savefig(BytesIO())


def summarize(job: Job, centers: Centers, evidence: Evidence | None = None) -> dict[str, Any]:
    """Return what a run found, ready for JSON: no timings, so that equal runs give equal bytes."""
    verdict = None if evidence is None else decide(job, evidence)
    particles = job.particles
    length = np.hypot(*centers.displacement.T)
    seen = ~centers.has(_UNSEEN)
    return {
        "program": f"pswf-centering {centering.__version__}",
        "verdict": None if verdict is None else verdict.word,
        "verdict_reason": None if verdict is None else str(verdict.reason),
        "verdict_evidence": None if evidence is None else evidence.recorded(),
        "input": fspath(particles.source),
        "images": len(particles),
        "image_size_px": particles.size,
        "pixel_size_A": None if particles.pixel_size is None else np.unique(particles.pixel_size).tolist(),
        "pixel_size_source": particles.pixel_size_source,
        "pixel_size_stated_A": {one.name: one.distinct for one in particles.pixel_size_stated},
        "estimator": centers.estimator,
        "radius_px": None if job.radius is None else np.unique(job.radius).tolist(),
        "inverted": job.contrast.invert,
        "contrast": str(job.contrast),
        "shift_px": _quantiles(length[seen]),
        "shift_A": None if particles.pixel_size is None else _quantiles((length * particles.pixel_size)[seen]),
        "flagged": int(np.count_nonzero(centers.flags)),
        "flagged_fraction": float(np.mean(centers.flags != 0)),
        "flags": {
            (flag.name or "").lower(): int(np.count_nonzero(centers.has(flag)))
            for flag in Flag
            if centers.has(flag).any()
        },
        "origins": None if job.origins is None else job.origins.compared(centers),
        "nonfinite_images": _names(particles, centers.has(Flag.NONFINITE)),
        "missing_images": _names(particles, centers.has(Flag.UNREADABLE)),
        "notes": list(particles.notes),
        "warnings": job.warnings,
        "learned": [reference.describe() for reference in job.references],
    }


def recorded(folder: Path) -> Evidence | None:
    """Return the evidence that the summary of a finished run holds, None where it holds none."""
    kept = json.loads((folder / "summary.json").read_text(encoding="utf-8")).get("verdict_evidence")
    return None if kept is None else Evidence.restored(kept)


def _names(particles: Particles, mask: npt.NDArray[np.bool_]) -> list[str]:
    indices = np.flatnonzero(mask)
    names = particles.names if len(indices) else []
    return [names[k] for k in indices.tolist()]


def _quantiles(values: npt.NDArray[np.float64]) -> dict[str, float] | None:
    if not len(values):
        return None
    names = {"median": 50, "p95": 95, "max": 100}
    return {name: round(float(np.percentile(values, q)), 4) for name, q in names.items()}


def renamed(star: StarFile, stack: Path) -> StarFile:
    """Return a STAR file that names the images of one ``stack``, in its order, instead of its own."""
    return star.with_columns(star.particles, {"rlnImageName": numbered(absolute(stack), len(star))})


def _write_table(path: Path, particles: Particles, centers: Centers) -> None:
    """Write one row for every particle: displacement in pixels, score, flags by name, uncertainty where there is one.

    The uncertainty: standard deviations along rows and columns in pixels, and the correlation of the two.
    """
    names = particles.names
    words = {value: " ".join(Flag.names(value)) for value in np.unique(centers.flags).tolist()}
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file, lineterminator="\n")
        head = ["image", "row_px", "column_px", "score", "flags"]
        uncertain: list[tuple[str, ...]] = [()] * len(names)
        if centers.covariance is not None:
            head += ["sigma_row_px", "sigma_column_px", "correlation"]
            uncertain = [tuple(f"{value:.4f}" for value in row) for row in _deviations(centers.covariance).tolist()]
        table.writerow(head)
        table.writerows(
            (name, f"{row:.4f}", f"{column:.4f}", f"{score:.4g}", words[flags], *rest)
            for name, (row, column), score, flags, rest in zip(
                names,
                (np.round(centers.displacement, 4) + 0.0).tolist(),
                centers.score.tolist(),
                centers.flags.tolist(),
                uncertain,
                strict=True,
            )
        )


def _deviations(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the standard deviations of row and column, and their correlation, shape (B, 3); NaN where unknown."""
    row, column = np.sqrt(covariance[:, 0, 0]), np.sqrt(covariance[:, 1, 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = np.stack([row, column, covariance[:, 0, 1] / (row * column)], axis=1)
    return np.round(deviations, 4) + 0.0


def ranked(centers: Centers, seen: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return some of the particles ``seen``, from the least to the most displaced, evenly by rank."""
    ranks = np.unique(np.linspace(0, len(seen) - 1, min(_SHOWN, len(seen))).astype(np.int64))
    length = np.hypot(*centers.displacement[seen].T)
    return seen[np.argsort(length, kind="stable")[ranks]] if len(seen) else seen


def _write_figures(folder: Path, job: Job, centers: Centers) -> None:
    from centering import plot

    particles = job.particles
    seen = np.flatnonzero(~centers.has(_UNSEEN))
    pixel_size = particles.typical_pixel_size
    histogram = plot.shift_histogram(centers.displacement[seen], pixel_size=pixel_size)
    plot.save(histogram, folder / "shifts.png", folder / "shifts.svg")
    shown = ranked(centers, seen)
    figure = plot.montage(
        particles.read(shown),
        centers.displacement[shown],
        radius=None if job.radius is None else job.radius[shown],
        flags=centers.flags[shown],
        labels=[f"particle {k + 1}" for k in shown],
        pixel_size=pixel_size,
    )
    plot.save(figure, folder / "montage.png")
