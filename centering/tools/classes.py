"""Recentre class averages and carry their shifts over to the particles."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from centering.engine.job import Job
from centering.io.absolute_names import with_absolute_names
from centering.io.atomic import check_output_folder
from centering.io.cryosparc import CsFile
from centering.io.cs_alignments import shifted_groups
from centering.io.facts import settle
from centering.io.formats import own_file, own_files, read_table, reading
from centering.io.identity import Stamps, refuse_changed, stamps
from centering.io.mrc import write_stack
from centering.io.output_folder import OutputFolder, recover
from centering.io.particles import Particles
from centering.io.planar import class_doubts, segment_doubts
from centering.io.refusal import check_pixel_size
from centering.io.star import StarFile
from centering.io.table import ParticleTable
from centering.results import Centers, Flag
from centering.runs.judgement import OURS
from centering.sentence import named_if_outside
from centering.shift import shift_images
from centering.tools.scales import average_scale

__all__ = ["OUTPUTS", "propagate", "propagate_cs", "recenter_classes", "refuse_misfit"]

OUTPUTS = ("classes.mrcs", "classes.csv", *own_files())
"""Names of the files that `recenter_classes` may write."""

Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


Table = TypeVar("Table", bound=ParticleTable)


def propagate(
    star: Table,
    displacement: Float64,
    *,
    numbers: Index | None = None,
    pixel_size: Float64 | None = None,
    average_pixel_size: float | None = None,
) -> Table:
    """Return a file of particles whose origins also take out the displacement of the class averages.

    RELION's in-plane transformation is ``y = R(psi) (x + o)`` with ``R = [[cos, -sin], [sin, cos]]`` and (x, y) =
    (column, row).  What is at c in the class average is at ``R(psi)^T c - o`` in the particle, so that the new
    origin is ``o' = o - R(psi)^T c``.

    Parameters
    ----------
    star : StarFile, CsFile or another ParticleTable
        Particles with classes, in-plane angles and, where a STAR file has them, origins; nothing else is changed.
    displacement : ndarray, shape (K, 2), float64
        (row, column) in pixels of the averages, object centre minus ``n // 2``.
    numbers : ndarray, shape (K,), int64, optional
        Their classes, counted from 1; 1 to K without it.
    pixel_size : ndarray, shape (B,), float64, optional
        Angstrom per pixel of the particles.
    average_pixel_size : float, optional
        Angstrom per pixel of the averages; that of the particles without it.

    Raises
    ------
    ValueError
        A missing column, a class that has no average, or averages in Angstrom and particles in pixels.
    """
    if pixel_size is None:
        pixel_size, _ = star.pixel_sizes()
    classes, psi, before = star.classification(pixel_size)
    of_class = _by_class(star.path, classes, displacement, numbers)
    scale = 1.0 if average_pixel_size is None or pixel_size is None else average_pixel_size / pixel_size
    with named_if_outside(star):
        return cast("Table", star.centered(before + _turned_back(of_class, psi, scale), pixel_size, planar=True))


def propagate_cs(cs: Table, displacement: Float64, **options: Any) -> Table:
    """Return what `propagate` does, which takes the table of a ``.cs`` file as well; its older name for these."""
    return propagate(cs, displacement, **options)


"""Another name of `propagate`, of when the two kinds of files had one each."""


def _by_class(path: Path, classes: Index, displacement: Float64, numbers: Index | None) -> Float64:
    """Return the displacement of the average of every particle, shape (B, 2)."""
    everyone = np.arange(1, len(displacement) + 1)
    known = everyone if numbers is None else numbers
    order = np.argsort(known, kind="stable")
    place = order[np.minimum(np.searchsorted(known[order], classes), len(known) - 1)]
    wrong = classes[known[place] != classes]
    if len(wrong):
        span = f"1 to {len(known)}" if np.array_equal(known, everyone) else ", ".join(map(str, np.sort(known).tolist()))
        raise ValueError(
            f"{fspath(path)!r} has a particle of class {wrong[0]}; there are averages of the classes {span}"
        )
    return displacement[place]


def _turned_back(displacement: Float64, psi: Float64, scale: Float64 | float) -> Float64:
    """Return ``R(psi)^T c`` as (row, column) in pixels of the particles, shape (B, 2); psi in degrees."""
    y, x = displacement.T * scale
    cosine, sine = np.cos(np.deg2rad(psi)), np.sin(np.deg2rad(psi))
    return np.stack([cosine * y - sine * x, cosine * x + sine * y], axis=1)


def refuse_misfit(
    averages: Particles,
    particles: str | PathLike[str],
    *,
    pixel_size: float | None = None,
    average_pixel_size: float | None = None,
) -> tuple[Stamps, float | None]:
    """Raise at once what `recenter_classes` would raise of a file of particles.

    Returns the state of the file, and the pixel size of the averages where they do not say it and it is that of the
    particles; None otherwise.
    """
    before = stamps([particles])
    table = read_table(particles)
    with reading(particles):
        _, verdict = settle(table, pixel_size)
    sizes = verdict.values
    scale, _ = average_scale(averages, table, sizes, given=average_pixel_size, given_for_both=pixel_size)
    one = scale is None and sizes is not None and len(np.unique(sizes)) == 1
    return before, float(sizes[0]) if one and sizes is not None else None


def recenter_classes(
    job: Job,
    particles: str | PathLike[str],
    out: str | PathLike[str],
    *,
    pixel_size: float | None = None,
    average_pixel_size: float | None = None,
    keep_names: bool = False,
    overwrite: bool = False,
    warn: Callable[[str], object] | None = None,
    known: Stamps = (),
) -> Centers:
    """Centre class averages; they and the particles with their origins corrected appear in ``out`` when complete.

    Parameters
    ----------
    job : Job
        The averages, made by `centering.runs.prepare.prepare`: image k of their stack (from 0) is that of class k + 1,
        which a ``.cs`` file of some of them says too.
    particles : path
        File of the particles, of one of `centering.io.formats`; their images are not needed.
    out : path
        Folder for ``classes.mrcs``, ``classes.csv``, ``particles.star`` and the particles in their own format.
    pixel_size : float, optional
        Angstrom per pixel of averages and particles, instead of what the files say.
    average_pixel_size : float, optional
        Angstrom per pixel of the averages, where it is another; ``job`` was made with it.
    keep_names : bool
        Image names stay that are relative to the current folder; else those of stacks that are there are absolute.
    overwrite : bool
        Whether ``out`` may exist.
    warn : callable, optional
        Told what is doubtful in ``particles``, a sentence each, before anything is written.
    known : tuple of (Path, Stamp)
        The state of ``particles`` when it was first read, from `refuse_misfit`.

    Returns
    -------
    Centers
        Of the averages; empty classes, which RELION leaves constant, stay where they are.

    Raises
    ------
    FileExistsError, FileNotFoundError, ValueError
        ``out`` or ``particles`` cannot be used, or a file has changed since it was opened; the message says why.
    """
    averages = job.particles
    if (averages.stack_index != averages.stack_index[0]).any():
        raise ValueError(f"{fspath(averages.source)!r} has class averages in several stacks; give those of one job")
    numbers = averages.image_index + 1
    before = (*averages.stamps, *(known or stamps([particles])))
    source = read_table(particles)
    check_pixel_size(average_pixel_size)
    with reading(particles):
        said = source
        source, verdict = settle(source, pixel_size)
        sizes = verdict.values
        classes, *_ = source.classification(sizes)
    average_size, doubts = average_scale(averages, said, sizes, given=average_pixel_size, given_for_both=pixel_size)
    if warn is not None:
        stay = *_staying(source), *_judged(source)
        others = (*segment_doubts(source), *class_doubts(source), *stay)
        for words in (*verdict.warnings, *source.warnings, *others, *doubts):
            warn(words)
    recover(out)
    check_output_folder(out, owned=OUTPUTS, inputs=[*averages.files, Path(particles)], overwrite=overwrite)
    images = averages.read(np.arange(len(averages)))
    centers = job.estimators[0](-images if job.contrast.invert else images)
    # an empty class has no centre
    centers.displacement[centers.has(Flag.FLAT)] = 0.0
    moved = propagate(source, centers.displacement, numbers=numbers, pixel_size=sizes, average_pixel_size=average_size)
    # both names are one where the particles are in a STAR file
    star = with_absolute_names(moved.to_star(), keep=keep_names)
    results: dict[str, ParticleTable] = {own_file(source.path): moved, "particles.star": star}
    with OutputFolder(out, owned=OUTPUTS, overwrite=overwrite) as folder:
        shown = averages.common_pixel_size if average_size is None else average_size
        write_stack(folder.results / "classes.mrcs", shift_images(images, -centers.displacement), shown)
        _write_table(folder.results / "classes.csv", numbers, classes, centers)
        for name, file in results.items():
            with named_if_outside(file):
                file.write(folder.results / name)
        refuse_changed(before)
    return centers


def _staying(source: ParticleTable) -> list[str]:
    """Say which shifts of a ``.cs`` file are of no 2-D classification, so that averages tell nothing of them."""
    others = shifted_groups(source.table)[1:] if isinstance(source, CsFile) else []
    names = ", ".join(others)
    words = f"the shifts of {names} of {fspath(source.path)!r} stay: averages of 2-D classes tell nothing of them"
    return [words] if others else []


def _judged(source: ParticleTable) -> list[str]:
    """Say which columns of a STAR file are of centres that an earlier run has found."""
    columns = source.particles.columns if isinstance(source, StarFile) else ()
    names = ", ".join(label for label in columns if label.startswith(OURS))
    words = (
        f"{names} of {fspath(source.path)!r} stay: they are of the centres before, and averages tell nothing of them"
    )
    return [words] if names else []


def _write_table(path: Path, numbers: Index, classes: Index, centers: Centers) -> None:
    members = np.bincount(classes, minlength=int(numbers.max()) + 1)[numbers]
    columns = (numbers, members, centers.displacement, centers.flags)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    with path.open("w", encoding="utf-8") as file:
        file.write("class,particles,row_px,column_px,flags\n")
        for number, count, (row, column), flags in rows:
            file.write(f"{number},{count},{row + 0.0:.4f},{column + 0.0:.4f},{' '.join(Flag.names(flags))}\n")
