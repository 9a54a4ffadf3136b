"""``centering demo``: the whole way on simulated particles, without network or data."""

from __future__ import annotations

import click

from centering.cli._common import one_sentence, say
from centering.cli._stages import Stages
from centering.cli._summary import report

__all__ = ["demo"]


@click.command(short_help="See it work on simulated particles.")
@click.option("--out", "-o", type=click.Path(), default="demo", metavar="DIR", help="Folder for the results.")
@click.option("--overwrite", is_flag=True, help="Replace the results of an earlier demo in DIR.")
def demo(out: str, overwrite: bool) -> None:
    """Simulate a noisy stack of off-centre particles, center it, and compare with the truth.

    The particle has no symmetry, its centre of mass is known exactly, and the noise is twenty times stronger
    than the signal. Needs no network and no data, and takes a few seconds.

    \b
    Writes into DIR:
      simulated.mrcs, truth.star   the stack and its true origins
      centered/                    what 'centering run' makes of the stack
      demo.png, particles.png      the figures to look at first, and then centered/report.html

    \b
    Examples:
      centering demo
      centering demo --out tryout --overwrite
    """
    from time import perf_counter

    start = perf_counter()
    with one_sentence(), Stages() as stages:
        stages.begin("simulating", 0)
        from centering.tools.demo import COUNT, run_demo

        progress = None

        def update(count: int) -> None:
            nonlocal progress
            if progress is None:  # the particles are there
                progress = stages.begin("centering", COUNT, then="drawing")
            progress(count)

        result = run_demo(out, overwrite=overwrite, progress=update)
    report(result.job, result.centers, f"{out}/centered", perf_counter() - start, stages)
    say("\ndistance from the true centre (px)      median   95 % within")
    for name, (median, most) in result.errors.items():
        say(f"  {name:<36}{median:>8.2f}{most:>14.2f}")
    say(f"\nlook at {out}/demo.png, {out}/particles.png and {out}/centered/report.html")
