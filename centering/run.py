"""From a file of particles to a folder of results."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.atomic import check_output_folder, output_folder
from centering.io.mrc import StackWriter
from centering.io.particles import Particles
from centering.job import Job, estimate
from centering.outputs import OUTPUTS, write_outputs
from centering.results import Centers
from centering.shift import shift_images

__all__ = ["run"]


def run(
    job: Job,
    out: str | PathLike[str],
    *,
    jobs: int = 1,
    write_stack: bool = False,
    overwrite: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Centers:
    """Center a dataset and write the results into the folder ``out``, which appears when it is complete.

    Parameters
    ----------
    job : Job
        Made by `centering.job.prepare`; the files it reads are never changed.
    out : path
        The folder.  It must not exist, unless ``overwrite`` is true: then the files of an earlier run in it
        are replaced, and nothing else in it is touched.
    jobs : int
        Number of threads.
    write_stack : bool
        Whether the images are also written with their content moved to the centre, by a Fourier shift
        (`centering.shift.shift_images`), with a STAR file whose origins are zero.
    overwrite : bool
        Whether ``out`` may exist.
    progress : callable, optional
        Told the number of particles done, after every batch.

    Returns
    -------
    Centers
        In the order of the particles.

    Raises
    ------
    FileExistsError, ValueError
        ``out`` cannot be used, or a number of threads below 1.
    """
    if jobs < 1:
        raise ValueError(f"the number of threads is {jobs}; give at least 1")
    particles = job.particles
    if particles.star is not None and particles.star.optics and particles.pixel_size is None:
        raise ValueError(
            f"{fspath(particles.source)!r} stores origins in Angstrom and the pixel size is not known; "
            "give it (--angpix)"
        )
    check_output_folder(out, owned=OUTPUTS, inputs=particles.files, overwrite=overwrite)
    with output_folder(out, owned=OUTPUTS) as folder:
        writer = (
            StackWriter(folder / "recentered.mrcs", len(particles), particles.size, _one_pixel_size(particles))
            if write_stack
            else None
        )
        with writer or nullcontext():

            def sink(batch: npt.NDArray[np.int64], images: npt.NDArray[np.float32], centers: Centers) -> None:
                if writer is not None:
                    writer.write(batch, shift_images(images, -centers.displacement))

            centers = estimate(job, jobs=jobs, progress=progress, sink=sink)
        recentered = Path(out) / "recentered.mrcs" if write_stack else None
        write_outputs(folder, job, centers, recentered=recentered)
    return centers


def _one_pixel_size(particles: Particles) -> float | None:
    """Return the pixel size for a header, None where it is not known or not the same for all."""
    if particles.pixel_size is None or (particles.pixel_size != particles.pixel_size[0]).any():
        return None
    return float(particles.pixel_size[0])
