"""Recentre class averages and carry their shifts over to the particles."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.atomic import check_output_folder, replacing
from centering.io.mrc import write_stack
from centering.io.opening import pixel_sizes
from centering.io.star import StarFile
from centering.job import Job
from centering.results import Centers, Flag
from centering.shift import shift_images

__all__ = ["OUTPUTS", "propagate", "recenter_classes"]

OUTPUTS = ("classes.mrcs", "classes.csv", "particles.star")
"""Names of the files that `recenter_classes` writes."""

Float64 = npt.NDArray[np.float64]


def propagate(
    star: StarFile,
    displacement: Float64,
    *,
    pixel_size: Float64 | None = None,
    average_pixel_size: float | None = None,
) -> StarFile:
    """Return a STAR file whose origins also take out the displacement of the class averages.

    RELION's in-plane transformation is ``y = R(psi) (x + o)`` with ``R = [[cos, -sin], [sin, cos]]`` and (x, y) =
    (column, row).  What is at c in the class average is at ``R(psi)^T c - o`` in the particle, so that the new
    origin is ``o' = o - R(psi)^T c``.

    Parameters
    ----------
    star : StarFile
        Particles with ``rlnClassNumber``, ``rlnAnglePsi`` and, where they are not zero, origins.
    displacement : ndarray, shape (K, 2), float64
        (row, column) in pixels of the averages, object centre minus ``n // 2``, of the classes 1 to K.
    pixel_size : ndarray, shape (B,), float64, optional
        Angstrom per pixel of the particles.
    average_pixel_size : float, optional
        Angstrom per pixel of the averages; that of the particles without it.

    Raises
    ------
    ValueError
        A missing column, a class that has no average, or averages in Angstrom and particles in pixels.
    """
    table = star.particles
    numbers = star.numbers(table, "rlnClassNumber")
    classes = numbers.astype(np.int64)
    wrong = np.flatnonzero((classes != numbers) | (classes < 1) | (classes > len(displacement)))
    if len(wrong):
        raise ValueError(
            f"{fspath(star.path)!r} has a particle of class {numbers[wrong[0]]:g}; there are averages of the "
            f"classes 1 to {len(displacement)}"
        )
    psi = np.deg2rad(star.numbers(table, "rlnAnglePsi"))
    scale = np.ones(len(table))
    if average_pixel_size is not None and pixel_size is not None:
        scale = average_pixel_size / pixel_size
    y, x = displacement[classes - 1].T * scale
    moved = np.stack([np.cos(psi) * y - np.sin(psi) * x, np.cos(psi) * x + np.sin(psi) * y], axis=1)
    has_origins = {"rlnOriginXAngst", "rlnOriginX"} & set(table.columns)
    before = star.displacements(pixel_size) if has_origins else np.zeros_like(moved)
    return star.with_origins(before + moved, pixel_size)


def recenter_classes(
    job: Job,
    particles: str | PathLike[str],
    out: str | PathLike[str],
    *,
    pixel_size: float | None = None,
    overwrite: bool = False,
) -> Centers:
    """Centre class averages, and write them and the particles with their origins corrected into ``out``.

    Parameters
    ----------
    job : Job
        The averages, image k of class k + 1, made by `centering.job.prepare`.
    particles : path
        STAR file of the particles; their images are not needed.
    out : path
        Folder for ``classes.mrcs``, ``classes.csv`` and ``particles.star``.
    pixel_size : float, optional
        Angstrom per pixel of averages and particles, instead of what the files say.
    overwrite : bool
        Whether ``out`` may exist.

    Returns
    -------
    Centers
        Of the averages; empty classes, which RELION leaves constant, stay where they are.

    Raises
    ------
    FileExistsError, FileNotFoundError, ValueError
        ``out`` or ``particles`` cannot be used; the message says why.
    """
    averages = job.particles
    star = StarFile.read(particles)
    sizes, _ = pixel_sizes(star, pixel_size)
    average_size = None if averages.pixel_size is None else float(averages.pixel_size[0])
    check_output_folder(out, owned=OUTPUTS, inputs=[*averages.files, Path(particles)], overwrite=overwrite)
    images = averages.read(np.arange(len(averages)))
    centers = job.estimators[0](-images if job.contrast.invert else images)
    # an empty class has no centre
    centers.displacement[centers.has(Flag.FLAT)] = 0.0
    moved = propagate(star, centers.displacement, pixel_size=sizes, average_pixel_size=average_size)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    write_stack(folder / "classes.mrcs", shift_images(images, -centers.displacement), average_size)
    _write_table(folder / "classes.csv", star, centers)
    moved.write(folder / "particles.star")
    return centers


def _write_table(path: Path, star: StarFile, centers: Centers) -> None:
    members = np.bincount(star.numbers(star.particles, "rlnClassNumber").astype(np.int64), minlength=len(centers) + 1)
    rows = zip(members[1:].tolist(), centers.displacement.tolist(), centers.flags.tolist(), strict=True)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("class,particles,row_px,column_px,flags\n")
        for number, (count, (row, column), flags) in enumerate(rows, 1):
            file.write(f"{number},{count},{row + 0.0:.4f},{column + 0.0:.4f},{' '.join(Flag.names(flags))}\n")
