"""Write the images of a file of particles with their content moved by the origins it holds."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path

import numpy as np

from centering.engine.batches import batch_length
from centering.io.atomic import check_output_folder
from centering.io.formats import reading
from centering.io.identity import refuse_changed
from centering.io.mrc import create_stack, write_images
from centering.io.output_folder import OutputFolder, recover
from centering.io.particles import Particles
from centering.runs.outputs import renamed
from centering.shift import shift_images
from centering.tools.coordinates import round_half_away

__all__ = ["OUTPUTS", "apply_origins"]

OUTPUTS = ("recentered.mrcs", "recentered.star")
"""Names of the files that `apply_origins` writes."""

_BATCH_BYTES = 2**25


def apply_origins(
    particles: Particles,
    out: str | PathLike[str],
    *,
    whole_pixels: bool = False,
    overwrite: bool = False,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Move the content of every image by its origin; stack and STAR file appear in ``out`` when both are complete.

    Parameters
    ----------
    particles : Particles
        From a file that has origins; from `centering.io.opening.open_particles`.
    out : path
        Folder for ``recentered.mrcs`` and ``recentered.star``, whose origins are what is left to be moved; it may exist
        where ``overwrite`` is true.
    whole_pixels : bool
        Move by the origins rounded to whole pixels, as ``relion_stack_create --apply_rounded_offsets_only``:
        nothing is interpolated.  Otherwise by a Fourier shift, and no origin is left.
    progress : callable, optional
        Told the number of images done, after every batch.

    Raises
    ------
    FileExistsError, ValueError
        ``out`` cannot be used, there are no origins, or a file has changed since it was opened.
    """
    star, table = particles.star, particles.table
    if star is None or table is None:
        raise ValueError(f"{fspath(particles.source)!r} holds no origins; give a .star or .cs file")
    with reading(particles.source):
        displacement = table.displacements(particles.pixel_size)
    move = -displacement
    if whole_pixels:
        move = round_half_away(move)
    recover(out)
    check_output_folder(out, owned=OUTPUTS, inputs=particles.files, overwrite=overwrite)
    length = batch_length(particles.size, _BATCH_BYTES)
    star = renamed(star.with_origins(displacement + move, particles.pixel_size), Path(out) / OUTPUTS[0])
    with OutputFolder(out, owned=OUTPUTS, overwrite=overwrite) as folder:
        stack = folder.results / OUTPUTS[0]
        create_stack(stack, len(particles), particles.size, particles.common_pixel_size)
        for start in range(0, len(particles), length):
            batch = np.arange(start, min(start + length, len(particles)))
            write_images(stack, particles.size, batch, shift_images(particles.read(batch), move[batch]))
            if progress is not None:
                progress(len(batch))
        star.write(folder.results / OUTPUTS[1])
        refuse_changed(particles.stamps)
