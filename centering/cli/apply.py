"""``centering apply``: images moved by the origins of a file."""

from __future__ import annotations

import click

from centering.cli._common import (
    angpix_option,
    one_sentence,
    out_option,
    overwrite_option,
    refuse_doubts,
    say,
    strict_option,
    tell,
    warn,
)
from centering.cli._stages import Stages

__all__ = ["apply"]


@click.command(short_help="Write images moved by the origins of a file.")
@click.argument("input_path", metavar="INPUT", type=click.Path())
@out_option
@angpix_option
@click.option("--whole-pixels", is_flag=True, help="Move by whole pixels, without interpolation; keep the fraction.")
@strict_option
@overwrite_option
def apply(input_path: str, out: str, angpix: float | None, whole_pixels: bool, strict: bool, overwrite: bool) -> None:
    """Move the content of the images of INPUT, a .star or .cs file, by the origins or shifts it holds.

    \b
    Writes into DIR:
      recentered.mrcs   the moved images
      recentered.star   INPUT with their names, and with origins that say what is left to be moved

    \b
    Examples:
      centering apply Refine3D/job020/run_data.star --out shifted
      centering apply J12/particles.cs --out shifted --whole-pixels
    """
    with one_sentence(), Stages() as stages:
        from centering.io.cryosparc import CsFile
        from centering.io.opening import open_particles
        from centering.tools.apply import apply_origins

        stages.begin("reading", 0)
        particles = open_particles(input_path, angpix)
        if strict:
            refuse_doubts(particles)
        table = particles.table
        for words in (*particles.warnings, *(table.origin_doubts if isinstance(table, CsFile) else [])):
            warn(words, strict=strict)
        advance = stages.begin("moving", len(particles))
        apply_origins(particles, out, whole_pixels=whole_pixels, overwrite=overwrite, progress=advance)
    if particles.star is not None and "rlnCoordinateX" in particles.star.particles.columns:
        tell(
            "note",
            "coordinates stay where the images were cut; 'centering extract-coordinates' moves those of the input",
        )
    say(f"{len(particles)} images moved\nwritten: {out}/recentered.mrcs, recentered.star")
