"""``centering extract-coordinates``: where to extract centred particles anew."""

from __future__ import annotations

import click

from centering.cli._common import one_sentence, say, strict_option, warn

__all__ = ["extract_coordinates"]


@click.command("extract-coordinates", short_help="Write coordinates for extracting centred particles anew.")
@click.argument("particles", metavar="PARTICLES", type=click.Path())
@click.option("--out", "-o", type=click.Path(), required=True, metavar="STAR", help="STAR file to write.")
@click.option("--angpix", type=float, metavar="A", help="Pixel size of the particles, instead of what the file says.")
@click.option("--mic-angpix", type=float, metavar="A", help="Pixel size of the micrographs that were picked.")
@click.option("--micrographs", type=click.Path(), metavar="STAR", help="STAR file of the micrographs that were picked.")
@strict_option
@click.option("--overwrite", is_flag=True, help="Replace STAR if it exists.")
def extract_coordinates(
    particles: str,
    out: str,
    angpix: float | None,
    mic_angpix: float | None,
    micrographs: str | None,
    strict: bool,
    overwrite: bool,
) -> None:
    """Move the picks of PARTICLES (rlnCoordinateX/Y) by the whole-pixel part of their origins.

    PARTICLES is a STAR file with coordinates and origins, such as the particles.star of 'centering run'. The
    fraction of a pixel stays in the origins. Numbers and rounding are those of relion_preprocess --recenter.

    The coordinates are in pixels of the micrographs, whose size is that of --mic-angpix, or else of --micrographs, of
    rlnMicrographPixelSize, or of the headers of the micrographs. rlnMicrographOriginalPixelSize is the one of the
    movies before they were binned, and is not taken.

    \b
    Examples:
      centering extract-coordinates centered/particles.star --out picks.star
      centering extract-coordinates centered/particles.star --micrographs micrographs_ctf.star --out picks.star
    """
    from pathlib import Path

    with one_sentence():
        from centering.io.identity import refuse_changed, stamps
        from centering.io.star import StarFile
        from centering.tools.coordinates import recenter_coordinates

        inputs = [Path(one) for one in (particles, micrographs) if one is not None]
        if Path(out).exists() and (not overwrite or Path(out).resolve() in [one.resolve() for one in inputs]):
            raise FileExistsError(f"{out!r} exists; give another name, or --overwrite")
        before = stamps(inputs)
        star, source, warnings = recenter_coordinates(
            StarFile.read(particles), pixel_size=angpix, micrograph_pixel_size=mic_angpix, micrographs=micrographs
        )
        for words in warnings:
            warn(words, strict=strict)
        refuse_changed(before)
        star.write(out)
    say(f"{len(star.particles)} picks; pixel size of the micrographs {source}")
    say(f"written: {out}")
