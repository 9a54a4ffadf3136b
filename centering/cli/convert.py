"""``centering convert``: from one format of files of particles to another."""

from __future__ import annotations

from functools import partial

import click

from centering.cli._common import one_sentence, say, strict_option, tell, warn

__all__ = ["convert"]


@click.command(short_help="Convert between .star and .cs files.")
@click.argument("source", metavar="INPUT", type=click.Path())
@click.argument("target", metavar="OUTPUT", type=click.Path())
@click.option("--into", type=click.Path(), metavar="CS", help="The .cs file from which the particles once came.")
@click.option("--angpix", type=float, metavar="A", help="Pixel size in Angstrom, instead of what the STAR file says.")
@strict_option
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT if it exists.")
def convert(source: str, target: str, into: str | None, angpix: float | None, strict: bool, overwrite: bool) -> None:
    """Convert INPUT, a .star or .cs file of particles, to OUTPUT, which is of the other kind.

    What centering knows is converted: image names, pixel sizes, origins and shifts, 2-D classes and in-plane
    angles, defoci, phase shifts, microscope, micrographs and coordinates; what is left out or made up is said.
    Images are neither read nor copied. RELION reads the .star file: stacks that end in .mrc are named .mrc:mrcs.

    With --into the rest comes from CS: OUTPUT holds the particles of CS that INPUT names, with every other field
    byte for byte. That is the way back from RELION: cryoSPARC tells particles by fields that a STAR file lacks.

    \b
    Examples:
      centering convert J12/particles_exported.cs particles.star
      centering convert centered/particles.star back.cs --into J12/particles_exported.cs
    """
    with one_sentence():
        from centering.tools import convert as tool

        doubt, remark = partial(warn, strict=strict), partial(tell, "note")
        count = tool.convert(source, target, into=into, pixel_size=angpix, overwrite=overwrite, warn=doubt, note=remark)
    say(f"{count} particles\nwritten: {target}")
