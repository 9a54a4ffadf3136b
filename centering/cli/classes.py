"""``centering classes``: recentre class averages, and the particles with them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import click

from centering.cli._common import (
    estimator_options,
    keep_names_option,
    one_sentence,
    out_option,
    overwrite_option,
    particle_options,
    say,
    say_warnings,
    strict_option,
    warn,
)
from centering.cli._stages import Stages

__all__ = ["classes"]


@click.command(short_help="Recentre class averages, and the particles with them.")
@click.argument("averages", metavar="AVERAGES", type=click.Path())
@click.argument("particles", metavar="PARTICLES", type=click.Path())
@out_option
@particle_options
@click.option(
    "--average-angpix", type=float, metavar="A", help="Pixel size of AVERAGES, where it is not that of PARTICLES."
)
@estimator_options
@keep_names_option
@strict_option
@overwrite_option
def classes(
    averages: str,
    particles: str,
    out: str,
    angpix: float | None,
    average_angpix: float | None,
    keep_names: bool,
    strict: bool,
    overwrite: bool,
    settings: dict[str, Any],
    **options: Any,
) -> None:
    """Center the class averages of AVERAGES, and correct the origins of PARTICLES by what was found.

    AVERAGES is the stack of class averages (.mrcs), image k of class k, or the .cs file of some of them. PARTICLES
    is the .star file that says the class (rlnClassNumber) and the in-plane angle (rlnAnglePsi) of every particle, or
    the .cs file (alignments2D/class and pose) of cryoSPARC; their images are not read.

    A class average that lies at c moves its particles by o' = o - R(psi)^T c. Averages may be binned: pixel sizes and
    boxes of both are compared, and where they do not say how large a pixel of AVERAGES is, give --average-angpix. The
    disk must have room to move: where it fills more than two thirds of the averages, most lie on the border.

    \b
    Writes into DIR:
      classes.mrcs     AVERAGES with their content moved to the centre
      classes.csv      shift and number of particles of every class
      particles.star   PARTICLES with their origins corrected; image names are absolute, all else is kept
      particles.cs     where PARTICLES is a .cs file: with alignments2D/shift corrected, every other byte kept

    \b
    Examples:
      centering classes run_it025_classes.mrcs run_it025_data.star --diameter 170 --out recentered
      centering classes J12/templates_selected.cs J12/particles_selected.cs --diameter 170 --out recentered
    """
    from pathlib import Path

    with one_sentence(TypeError), Stages() as stages:
        import numpy as np

        from centering.io.opening import open_particles
        from centering.runs.prepare import prepare
        from centering.tools.classes import OUTPUTS, recenter_classes, refuse_misfit

        stages.begin("reading", 0)
        given = angpix if average_angpix is None else average_angpix
        opened = open_particles(averages, given)
        known, size = refuse_misfit(opened, particles, pixel_size=angpix, average_pixel_size=average_angpix)
        # a diameter counts in pixels of the particles where the averages do not say what theirs are
        scaled = opened if size is None else replace(opened, pixel_size=np.full(len(opened), size))
        # averages have no one defocus
        job = prepare(scaled, ctf="no", progress=stages.begin, **options | settings)
        job = replace(job, particles=replace(job.particles, pixel_size=opened.pixel_size))
        say_warnings(job, strict=strict)
        stages.begin("centering", 0)
        centers = recenter_classes(
            job,
            particles,
            out,
            pixel_size=angpix,
            average_pixel_size=average_angpix,
            keep_names=keep_names,
            overwrite=overwrite,
            known=known,
            warn=partial(warn, strict=strict),
        )
    length = np.hypot(*centers.displacement.T)
    largest = job.particles.image_index[length.argmax()] + 1
    say(f"{len(centers)} class averages, {job.contrast}")
    say(f"shift: median {np.median(length):.2f} px, largest {length.max():.2f} px (class {largest})")
    say(f"written: {out}/{', '.join(name for name in OUTPUTS if Path(out, name).exists())}")
