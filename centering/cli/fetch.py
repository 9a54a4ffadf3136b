"""``centering fetch``: public data, checked by hash."""

from __future__ import annotations

import click

from centering.cli._common import one_sentence, say

__all__ = ["fetch"]


@click.command(short_help="Download a public data set.")
@click.argument("name", type=click.Choice(["70s", "slicem", "apoferritin", "empiar_10076", "aspire_relion"]))
@click.option(
    "--out", "-o", type=click.Path(), metavar="DIR", help="Folder for downloads.  [default: the user's cache]"
)
def fetch(name: str, out: str | None) -> None:
    """Get a public data set and print where its files are.

    Files are checked by SHA-256 and downloaded only once. Files under the folder named by the environment variable
    CENTERING_DATA are used where they are.

    \b
      70s            10 simulated 70S ribosome projections with known shifts
      slicem         100 class averages of a mixture of complexes
      apoferritin    a micrograph
      empiar_10076   7 particles of ribosome assembly intermediates, dark and off-centre
      aspire_relion  RELION projections with known origins, and 17 particles

    \b
    Examples:
      centering run "$(centering fetch slicem)" --radius 26 --out averages
      centering compare "$(centering fetch 70s)" --radius 45
    """
    with one_sentence():
        from centering.tools.datasets import fetch as get

        for path in get(name, out):
            say(str(path))
