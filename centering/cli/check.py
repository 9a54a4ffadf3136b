"""``centering check``: what a file is, and what a run would make of it."""

from __future__ import annotations

import click

from centering.cli._common import angpix_option, one_sentence, option, printable, say
from centering.sentence import retold

__all__ = ["check"]


@click.command(short_help="Say what INPUT is, what contradicts what in it, and what run would do.")
@click.argument("input_path", metavar="INPUT", type=click.Path())
@angpix_option
def check(input_path: str, angpix: float | None) -> None:
    """Say what INPUT, a .star, .cs, .mrcs or .mrc file, is and says, and what 'centering run' would do with it.

    Some ten lines: kind of file, particles and stacks, every source of the pixel size and which of them counts, optics
    groups, origins, classes, transfer functions, warnings. Of stacks only headers are read, and nothing is written.
    It is what to send with a report of a problem.

    Exit code 2: 'centering run' would refuse INPUT; what could be found out is printed all the same.

    \b
    Examples:
      centering check particles.star
      centering check stack.mrcs --angpix 1.31
    """
    with one_sentence():
        from centering.tools.check import check as examine

        for word, words in examine(input_path, angpix):
            say(f"{word:<12}{printable(str(retold(words, option)))}")
