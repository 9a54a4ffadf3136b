"""``centering simulate``: particles with known centres, made by ASPIRE."""

from __future__ import annotations

from typing import Any

import click

from centering.cli._common import one_sentence, out_option, say
from centering.cli._stages import Stages

__all__ = ["simulate"]


@click.command(short_help="Simulate particles with known centres, through ASPIRE.")
@out_option
@click.option("--count", "-n", type=int, default=1000, metavar="N", help="Number of images.")
@click.option("--size", type=int, metavar="PX", help="Side of the images.  [default: 64, or that of the volume]")
@click.option("--volume", type=click.Path(), metavar="MRC", help="Density map to project, instead of a random blob.")
@click.option("--angpix", "pixel_size", type=float, metavar="A", help="Of the images.  [default: 1.5, or the volume's]")
@click.option(
    "--max-shift", type=float, default=8.0, metavar="PX", help="Rows and columns of the shifts are uniform up to this."
)
@click.option(
    "--snr", type=float, default=0.1, metavar="X", help="Power of signal over noise, over the box; inf: none."
)
@click.option("--ctf", is_flag=True, help="Apply contrast transfer functions: 300 kV, 1 to 2.5 um of underfocus.")
@click.option("--seed", type=int, default=0, metavar="N", help="The same seed gives the same files.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier simulation in DIR.")
def simulate(out: str, overwrite: bool, **options: Any) -> None:
    """Simulate noisy particles whose centres are known, with ASPIRE-Python's Simulation.

    Without --volume the particle is a random sum of Gaussians with a radius of a fifth of the box. Needs ASPIRE:
    pip install 'pswf-centering[aspire]'; 'centering demo' works without.

    \b
    Writes into DIR:
      particles.mrcs   the images
      particles.star   their true origins, angles and, with --ctf, defoci

    \b
    Examples:
      centering simulate --count 500 --snr 0.05 --out simulated
      centering simulate --volume map.mrc --size 128 --max-shift 12 --ctf --out simulated
      centering compare simulated/particles.star --radius 13 --truth simulated/particles.star
    """
    with one_sentence(ImportError), Stages() as stages:
        stages.begin("loading ASPIRE", 0)
        from centering.io.atomic import check_output_folder

        check_output_folder(out, owned=(), overwrite=overwrite)  # before ASPIRE is loaded
        from centering.aspire.simulation import simulate as simulated
        from centering.aspire.simulation import write_simulation

        source = simulated(**options)
        write_simulation(source, out, overwrite=overwrite, progress=stages.begin("simulating", source.n))
    say(f"{source.n} images of {source.L} x {source.L} px, {float(source.pixel_size):.4g} A per pixel")
    say(f"written: {out}/particles.mrcs, particles.star")
