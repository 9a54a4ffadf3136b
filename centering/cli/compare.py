"""``centering compare``: several estimators on one stack."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from centering.cli._common import (
    EstimatorName,
    ctf_option,
    jobs_option,
    one_sentence,
    overwrite_option,
    particle_options,
    refuse_doubts,
    strict_option,
    tell,
    warn,
)
from centering.cli._stages import Stages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from centering.estimators.spec import EstimatorSpec
    from centering.tools.comparison import Comparison

__all__ = ["compare"]

_TOGETHER = 5000  # images from which on what needs them all at once is made only when asked for


@click.command(short_help="Compare estimators on one stack.")
@click.argument("input_path", metavar="INPUT", type=click.Path())
@particle_options
@click.option(
    "--estimator",
    "-e",
    "estimators",
    type=EstimatorName(),
    multiple=True,
    help="Estimator to compare; repeat for several.  [default: all]",
)
@click.option(
    "--truth",
    type=click.Path(),
    metavar="FILE",
    help="File of particles (.star, .cs) whose origins are true, row by row; may be INPUT itself.",
)
@click.option("--out", "-o", type=click.Path(), metavar="DIR", help="Folder for the table as CSV, and a figure.")
@overwrite_option
@ctf_option
@strict_option
@jobs_option
def compare(
    input_path: str,
    angpix: float | None,
    diameter: float | None,
    radius: float | str | None,
    invert: str,
    estimators: tuple[str, ...],
    truth: str | None,
    out: str | None,
    overwrite: bool,
    ctf: str,
    strict: bool,
    jobs: int | None,
) -> None:
    """Run several estimators on INPUT and tabulate how much they disagree.

    INPUT is a .star, .cs, .mrcs or .mrc file, or the MATLAB file of 'centering fetch 70s', whose true shifts are
    known. The table gives the median distance between the centres of every two estimators, in pixels; the typical
    uncertainty that each estimator states (median standard deviation along either axis), none where it has no
    model of it; and the distance from the truth where it is known. With --out the table is also written, as
    comparison.csv, comparison.png and comparison.svg.

    'racer' is the surrogate estimator with the score of the authors' released program, 'alignment' the
    reference-free alignment of the images to each other, which needs all of them in memory. radial-reference
    learns from the images first; --radius auto is for it alone.

    \b
    Examples:
      centering compare particles.star --diameter 250
      centering compare projections.star --radius 24 --truth projections.star
      centering compare "$(centering fetch 70s)" --radius 45
    """
    with one_sentence(TypeError), Stages() as stages:
        from centering.io.atomic import check_output_folder
        from centering.runs.prepare import prepare
        from centering.sentence import Sentence, message
        from centering.tools.datasets import open_with_truth

        if out is not None:
            from centering.tools.comparison import OUTPUTS

            check_output_folder(out, owned=OUTPUTS, overwrite=overwrite)
        stages.begin("reading", 0)
        particles, known = open_with_truth(input_path, angpix, truth)
        if strict:
            refuse_doubts(particles)
        specs = _chosen(estimators, len(particles), strict)
        automatic = [spec.name for spec in specs if spec.auto_radius]
        if radius == "auto":
            _check_auto(specs, automatic)
        options: dict[str, Any] = {"diameter": diameter, "invert": invert, "ctf": ctf, "progress": stages.begin}
        tasks = {}
        for spec in specs:
            number = None if radius == "auto" and not spec.auto_radius else radius
            try:
                tasks[spec.name] = prepare(particles, radius=number, estimator=spec.name, **options)
            except Exception as error:
                if estimators or not (spec.source or spec.together):
                    raise
                warn(Sentence("without {name}: {error}", name=spec.name, error=message(error)), strict=strict)
    for words in dict.fromkeys(words for task in tasks.values() for words in task.warnings):
        warn(words, strict=strict)
    from centering.engine.estimate import estimate
    from centering.tools.comparison import compare_centers, write_comparison
    from pswf.threads import thread_count

    with one_sentence(), stages:
        centers = {}
        for name, task in tasks.items():
            update = stages.begin(name, len(particles))
            centers[name] = estimate(task, jobs=jobs or thread_count(), progress=update)
        comparison = compare_centers(centers, known)
        if out is not None:
            write_comparison(comparison, out, overwrite=overwrite)
    first = next(iter(tasks.values()))
    click.echo(f"{comparison.images} images, {first.contrast}; medians in pixels")
    if radius == "auto":
        for name in filter(tasks.__contains__, automatic):
            chosen = ", ".join(f"{reference.radius} px" for reference in tasks[name].references)
            click.echo(f"radius of {name}: {chosen}")
    click.echo()
    _print_table(comparison)
    if out is not None:
        click.echo(f"\nwritten: {out.rstrip('/')}/ ({', '.join(OUTPUTS)})")


def _chosen(names: tuple[str, ...], images: int, strict: bool) -> list[EstimatorSpec]:
    """Return the estimators of these names; without any, all that can be used for so many images."""
    from centering.estimators.registry import estimator_names, find, usable

    if names:
        return [find(name) for name in dict.fromkeys(names)]
    specs, broken = usable(estimator_names())
    for words in broken:
        warn(words, strict=strict)
    for spec in [spec for spec in specs if spec.together and images > _TOGETHER]:
        specs.remove(spec)
        tell("note", f"without {spec.name}, which needs all images at once; ask for it: -e {spec.name}")
    return specs


def _check_auto(specs: list[EstimatorSpec], automatic: list[str]) -> None:
    """Refuse a radius that is chosen from the images where an estimator must be given one, or none can choose it."""
    from centering.estimators.registry import estimator_names, usable

    others = ", ".join(spec.name for spec in specs if spec.needs_radius and not spec.auto_radius)
    if others or not automatic:
        automatic = automatic or [spec.name for spec in usable(estimator_names())[0] if spec.auto_radius]
        without = f"; {others} must be left out (-e), or given a number" if others else ""
        raise ValueError(f"--radius auto is for {', '.join(automatic)}{without}")


def _print_table(comparison: Comparison) -> None:
    names = [f"{number} {name}" for number, name in enumerate(comparison.names, 1)]
    first = max(len(name) for name in (*names, "no centering")) + 1
    header = "".join(f"{column:>8}" for column in (*range(1, len(names) + 1), "sigma"))
    if comparison.error is not None:
        header += f"{'error':>10}{'95 % within':>14}"
    click.echo(" " * first + header)
    for row, name in enumerate(names):
        cells = ["-" if row == k else f"{value:.2f}" for k, value in enumerate(comparison.disagreement[row])]
        sigma = comparison.uncertainty[row]
        cells.append("none" if math.isnan(sigma) else f"{sigma:.2f}")
        line = f"{name:<{first}}" + "".join(f"{cell:>8}" for cell in cells)
        if comparison.error is not None:
            line += _error_cells(comparison.error[row])
        click.echo(line)
    if comparison.uncentered is not None:
        click.echo(f"{'no centering':<{first + 8 * len(names) + 8}}{_error_cells(comparison.uncentered)}")


def _error_cells(error: npt.NDArray[np.float64]) -> str:
    return f"{error[0]:>10.2f}{error[1]:>14.2f}"
