"""``centering watch``: stacks are centred as they arrive."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from centering.cli._common import (
    estimator_options,
    jobs_option,
    one_sentence,
    option,
    out_option,
    printable,
    progress_bar,
    stack_options,
    strict_option,
    tell,
)
from centering.sentence import retold

if TYPE_CHECKING:
    from centering.results import Centers
    from centering.watching.watch import Watch

__all__ = ["watch"]


@click.command(short_help="Center stacks as they arrive in a folder.")
@click.argument("folder", metavar="FOLDER", type=click.Path())
@out_option
@stack_options
@estimator_options
@click.option("--pattern", default="*.mrcs", metavar="GLOB", help="What the names of stacks look like.")
@click.option(
    "--settle", type=float, default=5.0, metavar="S", help="Seconds for which a file must not change before it is read."
)
@click.option("--interval", type=float, default=5.0, metavar="S", help="Seconds between two looks at FOLDER.")
@click.option("--until-idle", type=float, metavar="S", help="End when nothing has arrived for S seconds.")
@strict_option
@jobs_option
def watch(
    folder: str,
    out: str,
    angpix: float | None,
    interval: float,
    until_idle: float | None,
    jobs: int | None,
    settings: dict[str, Any],
    **options: Any,
) -> None:
    """Center the stacks in FOLDER, and those that arrive, until Ctrl-C.

    FOLDER is looked through with all folders below it. A stack is taken when its header promises no more images
    than there are and it has not changed for some seconds. Results appear in DIR, whole or not at all:

    \b
      particles.star       the new origins of all particles so far
      stacks/NAME.mrcs/    what 'centering run' writes for the stack NAME.mrcs, without pictures

    Give the same command again to go on: what is finished is not done twice. A stack that changes later is centred
    anew. Stacks that cannot be used are named, with the reason, and left alone until they change.

    The estimators radial-reference and alignment need the whole data set, and are for 'centering run'.

    \b
    Examples:
      centering watch Extract/job012 --diameter 250 --out live
      centering watch stacks --radius 38 --angpix 1.31 --out live --until-idle 600
    """
    import signal
    import sys

    with one_sentence(TypeError):
        from centering.checks import refuse_nonpositive
        from centering.watching.watch import Watch, follow
        from pswf.threads import thread_count

        refuse_nonpositive(interval=interval, until_idle=until_idle)
        watching = Watch(folder, out, pixel_size=angpix, jobs=jobs or thread_count(), **options | settings)
    # a scheduler ends a job by SIGTERM
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with one_sentence(TypeError), watching, progress_bar(None, "watching") as bar:
            if sys.stderr is not None and not sys.stderr.isatty():
                click.echo(f"watching {printable(folder)}", err=True)
            bar.update(sum(one.images for one in watching.done.values()))

            def looked() -> None:
                waiting = len(watching.arrivals.waiting)
                bar.set_postfix_str(f"{_stacks(watching)}, {waiting} waiting", refresh=True)

            def told(name: str, centers: Centers | None) -> None:
                _tell(bar, watching, name, centers)
                looked()

            with suppress(KeyboardInterrupt):  # how it is meant to end
                follow(
                    watching, interval=interval, until_idle=until_idle, told=told, looked=looked, progress=bar.update
                )
    finally:
        signal.signal(signal.SIGTERM, before)
    images = sum(one.images for one in watching.done.values())
    rest = f", {len(watching.arrivals.waiting)} waiting" if watching.arrivals.waiting else ""
    click.echo(f"stopped: {_stacks(watching)} with {images} particles done{rest}")


def _stacks(watching: Watch) -> str:
    count = len(watching.done)
    return f"{count} stack{'s' * (count != 1)}"


def _tell(bar: Any, watching: Watch, name: str, centers: Centers | None) -> None:
    """Print one line about a stack."""
    import numpy as np

    from centering.results import Flag

    if centers is None:
        words = f"{name}: left alone: {retold(watching.arrivals.waiting.get(name, 'it has gone away'), option)}"
    else:
        seen = ~centers.has(Flag.NONFINITE | Flag.UNREADABLE)
        shift = (
            f"median shift {np.median(np.hypot(*centers.displacement[seen].T)):.2f} px" if seen.any() else "no shift"
        )
        words = f"{name}: {len(centers)} particles, {shift}, {np.count_nonzero(centers.flags)} flagged"
    bar.clear()
    for doubt in () if centers is None else watching.warnings.get(name, ()):
        tell("warning", f"{name}: {retold(doubt, option)}")
    click.echo(printable(words), err=centers is None)
    bar.refresh()
