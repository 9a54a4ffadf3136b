"""The command ``centering``: parses, calls, prints; one file for each subcommand.

Numerical libraries are imported when a command runs, so that ``centering --help`` answers at once.

`run`, `check`, `compare`, `classes`, `watch`, `apply`, `coordinates` (``extract-coordinates``), `convert`, `simulate`,
`demo`, `fetch`; `_common`, `_stages` and `_summary`, the lines at the end, are what they share.
"""

from __future__ import annotations

import gc
import io
import logging
import sys

import click

import centering
from centering.cli._common import Commands
from centering.cli.apply import apply
from centering.cli.check import check
from centering.cli.classes import classes
from centering.cli.compare import compare
from centering.cli.convert import convert
from centering.cli.coordinates import extract_coordinates
from centering.cli.demo import demo
from centering.cli.fetch import fetch
from centering.cli.run import run
from centering.cli.simulate import simulate
from centering.cli.watch import watch

__all__ = ["main"]


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"centering, version {centering.__version__}")
        context.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
def main() -> None:
    """Find the centres of particles in noisy cryo-EM images.

    \b
    Try it without any data:
      centering demo
    Then on your own:
      centering run particles.star --diameter 250 --out centered
    """
    # libraries that load, and figures, make many objects that stay: to look through them every 700 takes a
    # fifteenth of a short run
    gc.set_threshold(50_000, 10, 10)
    logging.getLogger("centering").addHandler(logging.NullHandler())  # what must be said is said by the commands
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # names of files in whatever encoding are printed as the bytes that they are
            stream.reconfigure(errors="surrogateescape")


for _command in (run, check, watch, classes, extract_coordinates, apply, convert, compare, simulate, fetch, demo):
    main.add_command(_command)
