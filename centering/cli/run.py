"""``centering run``: a stack goes in, centres come out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from centering.cli._common import (
    Failure,
    NumberOr,
    ctf_option,
    estimator_options,
    keep_names_option,
    one_sentence,
    option,
    overwrite_option,
    particle_options,
    refuse_doubts,
    say,
    say_warnings,
    strict_option,
    tell,
    warn,
)
from centering.cli._stages import Stages
from centering.cli._summary import report

if TYPE_CHECKING:
    from pathlib import Path

    from centering.results import Centers

__all__ = ["run"]

MISSING = 3
"""Exit code of a run that is complete except for particles that a truncated file does not hold."""

_SAME_RESULTS = {
    "jobs",
    "batch",
    "workers",
    "scheduler",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "overwrite",
    "resume",
    "strict",
    "no_report",
    "pipeline_control",
}


@click.command(short_help="Center the particles of a STAR file or stack.")
@click.argument("input_path", metavar="[INPUT]", type=click.Path(), required=False)
@click.option("--out", "-o", "--o", type=click.Path(), required=True, metavar="DIR", help="Folder for the results.")
@particle_options
@estimator_options
@click.option(
    "--score",
    type=click.Choice(["cumulative", "paper", "racer"]),
    help="Landscape of the surrogate estimator; to reproduce, the paper's or its program's.  [default: cumulative]",
)
@click.option(
    "--learn-from", type=int, metavar="N", help="Images that the reference is learned from, at random.  [default: 2000]"
)
@click.option(
    "--prior",
    type=NumberOr("learned", "flat"),
    metavar="PX",
    help="Prior of the shifts: standard deviation in pixels, learned, or flat.  [default: learned]",
)
@click.option(
    "--profiles",
    type=NumberOr("auto", kind=int),
    metavar="K",
    help="Radial profiles to learn, for mixed particles; auto: 1 to 4.  [default: 1]",
)
@ctf_option
@click.option("--phase-flip", is_flag=True, help="Undo only the signs of the contrast transfer functions.")
@click.option("-j", "--j", "jobs", type=int, metavar="N", help="Threads.  [default: one per processor]")
@click.option("--batch-size", "batch", type=int, metavar="N", help="Images read at once.  [default: 8 MiB of them]")
@click.option("--workers", type=int, metavar="N", help="Use N Dask workers on this machine instead of threads.")
@click.option("--scheduler", metavar="ADDRESS", help="Use the workers of a Dask scheduler, such as tls://host:8786.")
@click.option("--tls-ca", metavar="PEM", help="Authority that has signed the scheduler's certificate.")
@click.option("--tls-cert", metavar="PEM", help="Certificate that the scheduler knows you by.")
@click.option("--tls-key", metavar="PEM", help="Key of --tls-cert.")
@click.option("--yes", is_flag=True, help="Replace the origins of refined particles (angles in space), too.")
@click.option(
    "--keep-origins-within",
    type=float,
    metavar="PX",
    help="Keep an origin that the file states where the new centre lies within PX of it.",
)
@keep_names_option
@click.option("--write-stack", is_flag=True, help="Also write the images with their content moved to the centre.")
@strict_option
@click.option("--no-report", is_flag=True, help="Leave out report.html and its figures.")
@overwrite_option
@click.option("--resume", is_flag=True, help="Continue a run into DIR that was interrupted, if there is one.")
@click.option("--in_parts", type=click.Path(), metavar="STAR", help="INPUT, as RELION names it for an External job.")
@click.option("--pipeline_control", metavar="DIR", help="Given by RELION: be one of its External jobs.")
def run(
    input_path: str | None,
    in_parts: str | None,
    pipeline_control: str | None,
    out: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Center the particles of INPUT, a .star, .cs, .mrcs or .mrc file.

    Writes into DIR, which appears when all of it is complete:

    \b
      particles.star   INPUT with its origins replaced (RELION's sign), absolute image names, and score, flags and
                       uncertainty as columns; all else is kept
      centers.csv      displacement, score and flags of every particle
      summary.json     what was done and found
      report.html      the page to look at first; its figures are there as PNG and SVG too; its first line, and that of
                       the terminal, is the verdict: good, doubtful or not to be used, and why
      montage.png      some particles before and after
      shifts.png       how far the centres were from the middle of the box
      particles.cs     INPUT with its shifts replaced, where INPUT is a .cs file of cryoSPARC
      recentered.mrcs, recentered.star   with --write-stack

    The estimator radial-reference first learns the radial profile of the particles (--learn-from to --phase-flip
    are its options), which finds them far more exactly in strong noise, and gives every centre an uncertainty:
    columns sigma_row_px, sigma_column_px and correlation of centers.csv. --radius auto is for it alone.
    alignment aligns the images to each other, and needs all of them in memory; racer is the surrogate with the score
    of its authors' program. --set sets what has no option of its own, such as --set iterations=12.

    \b
    Flags of a centre (centers.csv, report.html):
      border      on the border of the search; the true one may lie beyond
      flat        nothing in the image, or in its landscape
      nonfinite   NaN or infinite pixels; left where it is
      unreadable  not in its file, which is truncated
      ambiguous   another place, a quarter of the radius or more away, is at least a quarter as probable, or the
                  landscape has several equal minima
      lopsided    the mass about the centre goes on to one side: the radius may be wrong, or a neighbour touches
      neighbour   a second particle, farther away than the radius, explains much of the image
      outlier     unlike the particles that were learned: no particle, or another one
      elongated   more than 1.5 times as long as wide (clear images only): perhaps two bodies that touch
      unlearned   fewer than 100 images to learn from, or only noise: nothing backs any centre
    lopsided is of surrogate, the last four are those of radial-reference.

    The displacement (row, column) points from the middle of the box to the centre of the particle. INPUT
    is never changed. A run that was interrupted keeps what it has done; give the same command with --resume.

    Exit code 2: INPUT or an option cannot be used, or DIR cannot be written. Exit code 3: a stack is truncated;
    all other particles are done, and summary.json names those that are missing.

    In RELION it is an External job: executable "centering run", input particles, parameters such as diameter.

    \b
    Examples:
      centering run particles.star --diameter 250 --out centered
      centering run averages.mrcs --radius 26 --out centered --write-stack
      centering run stack.mrcs --angpix 1.31 --diameter 250 --max-shift 40 -j 4 --out centered
      centering run particles.star --estimator radial-reference --radius auto --out centered
    """
    if (input_path is None) == (in_parts is None):
        both = "INPUT and --in_parts are the same; give one"
        raise Failure("give INPUT, or --in_parts" if input_path is None else both)
    source = str(input_path or in_parts)
    if in_parts is None and pipeline_control is None:
        complete = _run(source, out, overwrite=overwrite, **options)
    else:
        from centering.io.relion_job import PARTICLES, relion_job

        # RELION has made the folder
        with relion_job(out, inputs={source: PARTICLES}, outputs={f"{out.rstrip('/')}/particles.star": PARTICLES}):
            complete = _run(source, out, overwrite=True, **options | {"keep_names": True})
    if not complete:
        click.get_current_context().exit(MISSING)


def _run(
    input_path: str,
    out: str,
    *,
    angpix: float | None,
    diameter: float | None,
    radius: float | str | None,
    invert: str,
    jobs: int | None,
    batch: int | None,
    workers: int | None,
    scheduler: str | None,
    tls_ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    yes: bool,
    keep_origins_within: float | None,
    keep_names: bool,
    write_stack: bool,
    no_report: bool,
    overwrite: bool,
    resume: bool,
    strict: bool,
    settings: dict[str, Any],
    **options: Any,
) -> bool:
    """Do the work of `run`; return whether every particle could be read."""
    from time import perf_counter

    for name, number in (("threads", jobs), ("images in a batch", batch)):
        if number is not None and number < 1:
            raise Failure(f"the number of {name} is {number}; give at least 1")
    if jobs is not None and (workers is not None or scheduler is not None):
        raise Failure("-j is a number of threads, --workers and --scheduler use none; give one of them")
    tls = [tls_ca, tls_cert, tls_key]
    if any(tls) and not (all(tls) and scheduler is not None):
        raise Failure("--tls-ca, --tls-cert and --tls-key belong together, and to --scheduler tls://...; give all four")
    if write_stack and keep_origins_within is not None:
        raise Failure(
            "--write-stack moves images to new centres, not to origins that are kept; leave out one of the two, "
            "and see 'centering apply'"
        )
    start = perf_counter()
    with one_sentence(TypeError), Stages() as stages:
        from centering.engine.origins import stated_origins
        from centering.io.atomic import check_output_folder
        from centering.io.opening import open_particles
        from centering.io.output_folder import recover
        from centering.runs.outputs import OUTPUTS
        from centering.runs.prepare import prepare

        stages.begin("reading", 0)
        particles = open_particles(input_path, angpix)
        if strict:
            refuse_doubts(particles)
        origins = stated_origins(particles, replace_refined=yes, keep_within=keep_origins_within)
        recover(out)
        # before anything is learned, which may take a while
        check_output_folder(out, owned=OUTPUTS, inputs=particles.files, overwrite=overwrite or resume)
        options |= {"diameter": diameter, "radius": radius, "invert": invert, **settings}
        job = prepare(particles, progress=stages.begin, origins=origins, **options)
    from centering.engine.cluster import Cluster
    from centering.engine.safety import Certificates
    from centering.runs.outputs import recorded
    from centering.runs.run import completed
    from centering.runs.run import run as center
    from pswf.threads import thread_count

    for note in job.particles.notes:
        tell("note", note)
    say_warnings(job, strict=strict)
    if resume and completed(job, out, write_stack=write_stack, keep_names=keep_names):
        say(f"{out} holds the results of this run already; there is nothing left to do")
        return bool(job.particles.readable.all())
    command = _command_line(click.get_current_context())

    def finish(folder: Path, centers: Centers) -> None:
        from centering.report import write_report

        write_report(folder, job, centers, recorded(folder), command=command, namer=option)

    with ExitStack() as stack:
        stack.enter_context(one_sentence(ImportError))
        cluster = None
        if workers is not None or scheduler is not None:
            certificates = Certificates(*map(str, tls)) if all(tls) else None
            cluster = stack.enter_context(Cluster(workers=workers, scheduler=scheduler, certificates=certificates))
            for doubt in cluster.doubts:
                warn(doubt, strict=strict)
        stack.enter_context(stages)
        centers = center(
            job,
            out,
            jobs=thread_count() if jobs is None else jobs,
            cluster=cluster,
            batch=batch,
            write_stack=write_stack,
            keep_names=keep_names,
            overwrite=overwrite,
            resume=resume,
            finish=None if no_report else finish,
            progress=stages.begin("centering", len(job.particles), then="drawing"),
        )
    report(job, centers, out, perf_counter() - start, stages)
    return bool(job.particles.readable.all())


def _command_line(context: click.Context) -> list[str]:
    """Return the command that gives the same results: without the options that do not change them."""
    words = ["centering", "run"]
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in _SAME_RESULTS or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[name]
        typed = [] if isinstance(parameter, click.Argument) else [max(parameter.opts, key=len)]
        for one in value if parameter.multiple else [value]:
            words += typed if one is True else [*typed, str(one)]
    return words
