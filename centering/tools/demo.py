"""The demonstration: simulated particles, centred by the command's own code, compared with the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering import plot, simulate
from centering.engine.job import Job
from centering.estimators.mass import CenterOfMass
from centering.io.atomic import check_output_folder
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.io.stack import numbered
from centering.io.star import new_star
from centering.report import write_report
from centering.results import Centers
from centering.runs.outputs import recorded
from centering.runs.prepare import prepare
from centering.runs.run import run
from centering.shift import shift_images

__all__ = ["OUTPUTS", "Demo", "run_demo"]

OUTPUTS = ("simulated.mrcs", "truth.star", "demo.png", "particles.png")
"""Names of what `run_demo` writes, but ``centered``, which may also be that of a run."""

COUNT, SIZE, RADIUS, MAX_SHIFT, SNR, PIXEL_SIZE = 400, 128, 32, 16, 0.05, 1.5


@dataclass(frozen=True)
class Demo:
    """What the demonstration found.

    Attributes
    ----------
    job, centers :
        Of the run.
    errors : dict of str to (float, float)
        Median and 95th percentile of the distance from the true centre in pixels, by method.
    """

    job: Job
    centers: Centers
    errors: dict[str, tuple[float, float]]


def run_demo(
    out: str | PathLike[str], *, overwrite: bool = False, progress: Callable[[int], object] | None = None
) -> Demo:
    """Simulate, center and compare; the results lie in ``out``, new unless ``overwrite``, and in ``out/centered``."""
    folder = Path(out)
    check_output_folder(folder, owned=OUTPUTS, overwrite=overwrite)
    simulation = simulate.particles(COUNT, SIZE, radius=RADIUS, max_shift=MAX_SHIFT, snr=SNR, views=6, seed=7)
    folder.mkdir(parents=True, exist_ok=True)
    stack = folder / "simulated.mrcs"
    write_stack(stack, simulation.images, PIXEL_SIZE)
    new_star(
        folder / "truth.star", numbered(stack.name, COUNT), simulation.displacement, size=SIZE, pixel_size=PIXEL_SIZE
    )

    job = prepare(open_particles(stack), radius=RADIUS)
    notes = ["The particles are simulated; demo.png shows the truth."]
    centers = run(
        job,
        folder / "centered",
        overwrite=True,
        finish=lambda results, found: write_report(results, job, found, recorded(results), notes=notes),
        progress=progress,
    )

    found = {
        "no centering": np.zeros_like(centers.displacement),
        "centre of mass": CenterOfMass()(simulation.images).displacement,
        "surrogate centre": centers.displacement,
    }
    distances = {
        name: np.linalg.norm(displacement - simulation.displacement, axis=1) for name, displacement in found.items()
    }
    _draw(folder, simulation, centers, distances)
    errors = {name: (float(np.median(values)), float(np.percentile(values, 95))) for name, values in distances.items()}
    return Demo(job, centers, errors)


def _draw(
    folder: Path,
    simulation: simulate.Simulation,
    centers: Centers,
    distances: dict[str, npt.NDArray[np.float64]],
) -> None:
    before = simulation.images.mean(axis=0)
    after = shift_images(simulation.images, -centers.displacement).mean(axis=0)
    plot.save(plot.error_figure(distances, before, after), folder / "demo.png")
    shown = np.arange(8)
    figure = plot.montage(
        simulation.images[shown],
        centers.displacement[shown],
        radius=RADIUS,
        labels=[f"particle {k + 1}" for k in shown],
        truth=simulation.displacement[shown],
        pixel_size=PIXEL_SIZE,
    )
    plot.save(figure, folder / "particles.png")
