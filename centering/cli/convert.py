"""``centering convert``: between STAR files and those of cryoSPARC."""

from __future__ import annotations

import click

from centering.cli._common import one_sentence, say

__all__ = ["convert"]


@click.command(short_help="Convert between .star and .cs files.")
@click.argument("source", metavar="INPUT", type=click.Path())
@click.argument("target", metavar="OUTPUT", type=click.Path())
@click.option("--into", type=click.Path(), metavar="CS", help="The .cs file from which the particles once came.")
@click.option("--angpix", type=float, metavar="A", help="Pixel size in Angstrom, instead of what the STAR file says.")
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT if it exists.")
def convert(source: str, target: str, into: str | None, angpix: float | None, overwrite: bool) -> None:
    """Convert INPUT, a .star or .cs file of particles, to OUTPUT, which is of the other kind.

    What centering knows is converted: image names, pixel sizes, origins and shifts, 2-D classes and in-plane
    angles. Images are neither read nor copied.

    With --into the rest comes from CS: OUTPUT holds the particles of CS that INPUT names, with every other field
    byte for byte. That is the way back from RELION: cryoSPARC tells particles by fields that a STAR file lacks.

    \b
    Examples:
      centering convert J12/particles_exported.cs particles.star
      centering convert centered/particles.star back.cs --into J12/particles_exported.cs
    """
    from pathlib import Path

    with one_sentence():
        from centering.io.cryosparc import CsFile
        from centering.io.identity import refuse_changed, stamps
        from centering.io.refusal import check_pixel_size
        from centering.io.star import StarFile
        from centering.tools.convert import to_cs

        kinds = Path(source).suffix.lower(), Path(target).suffix.lower()
        if sorted(kinds) != [".cs", ".star"]:
            raise ValueError(f"from {source!r} to {target!r}: one must be a .star file, the other a .cs file")
        inputs = {Path(path).resolve() for path in (source, into) if path is not None}
        if Path(target).resolve() in inputs:
            raise ValueError(f"the output would overwrite its own input {target!r}; give another name")
        if Path(target).exists() and not overwrite:
            raise FileExistsError(f"{target!r} exists; give another name, or --overwrite")
        check_pixel_size(angpix)
        if kinds[0] == ".cs" and (into is not None or angpix is not None):
            raise ValueError("--into and --angpix are for the way from .star to .cs; leave them out")
        before = stamps(path for path in (source, into) if path is not None)
        found: StarFile | CsFile
        if kinds[0] == ".cs":
            particles = CsFile.read(source)
            found, count = particles.to_star(), len(particles)
        else:
            found = to_cs(StarFile.read(source), pixel_size=angpix, into=None if into is None else CsFile.read(into))
            count = len(found)
        refuse_changed(before)
        found.write(target)
    say(f"{count} particles\nwritten: {target}")
