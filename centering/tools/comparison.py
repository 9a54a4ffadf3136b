"""Several estimators on one stack: how far apart their centres are, and how far from the truth."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from centering.io.output_folder import OutputFolder
from centering.results import Centers, Flag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["OUTPUTS", "Comparison", "compare_centers", "comparison_figure", "write_comparison"]

OUTPUTS = ("comparison.csv", "comparison.png", "comparison.svg")
"""Names of the files that `write_comparison` writes."""

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Medians over the images, in pixels.

    Attributes
    ----------
    names : tuple of str
        The E estimators.
    disagreement : ndarray, shape (E, E), float64
        Median distance between the centres of two estimators; symmetric, zero on the diagonal.
    error : ndarray, shape (E, 2), float64, or None
        Median and 95th percentile of the distance from the truth; None where it is not known.
    uncertainty : ndarray, shape (E,), float64
        Typical uncertainty that each estimator states: median of the standard deviation along either axis,
        ``sqrt((var_row + var_column) / 2)``; NaN for an estimator that states none.
    uncentered : ndarray, shape (2,), float64, or None
        The same for taking the middle of the box.
    images : int
        Number of images that were compared.
    """

    names: tuple[str, ...]
    disagreement: Float64
    error: Float64 | None
    uncertainty: Float64
    uncentered: Float64 | None
    images: int


def compare_centers(centers: Mapping[str, Centers], truth: Float64 | None = None) -> Comparison:
    """Compare the results of several estimators for the same stack.

    Parameters
    ----------
    centers : mapping of str to Centers
        Results by name; images with non-finite pixels in any of them are left out.
    truth : ndarray, shape (B, 2), optional
        Known displacement, (row, column) in pixels.

    Raises
    ------
    ValueError
        A truth of another shape, or no image that could be looked at.
    """
    results = list(centers.values())
    count = len(results[0])
    if truth is not None and truth.shape != (count, 2):
        raise ValueError(f"the truth has shape {truth.shape}, the stack asks for ({count}, 2)")
    seen = ~np.any([result.has(Flag.NONFINITE | Flag.UNREADABLE) for result in results], axis=0)
    if not seen.any():
        raise ValueError("every image has NaN or infinite pixels; there is nothing to compare")
    found = np.array([result.displacement[seen] for result in results])
    apart = np.linalg.norm(found[:, None] - found[None, :], axis=-1)
    error = uncentered = None
    if truth is not None:
        error = np.percentile(np.linalg.norm(found - truth[seen], axis=-1), [50, 95], axis=1).T
        uncentered = np.percentile(np.linalg.norm(truth[seen], axis=-1), [50, 95])
    uncertainty = np.array([_uncertainty(result, seen) for result in results])
    return Comparison(tuple(centers), np.median(apart, axis=-1), error, uncertainty, uncentered, int(seen.sum()))


def _uncertainty(centers: Centers, seen: npt.NDArray[np.bool_]) -> float:
    """Return the typical standard deviation in pixels, NaN where the estimator states none."""
    if centers.covariance is None:
        return float("nan")
    variance = np.trace(centers.covariance[seen], axis1=1, axis2=2) / 2
    known = variance[np.isfinite(variance)]  # a flat image has none
    return float(np.median(np.sqrt(known))) if len(known) else float("nan")


def write_comparison(comparison: Comparison, out: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write the table as CSV and the figure as PNG and SVG into the folder ``out``, which appears when all is there.

    A row for each estimator: ``estimator``, a column ``to NAME`` in pixels for each estimator, ``sigma``, and where the
    truth is known ``error`` and ``error_95``; what is not stated is empty.  A last row ``no centering`` has the errors
    of the middle of the box.
    """
    from centering import plot

    with OutputFolder(out, owned=OUTPUTS, overwrite=overwrite) as folder:
        with Path(folder.results, OUTPUTS[0]).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            known = [] if comparison.error is None else ["error", "error_95"]
            table.writerow(["estimator", *(f"to {name}" for name in comparison.names), "sigma", *known])
            for row, name in enumerate(comparison.names):
                values = [*comparison.disagreement[row], comparison.uncertainty[row]]
                values += [] if comparison.error is None else [*comparison.error[row]]
                table.writerow([name, *("" if np.isnan(value) else f"{value:.4f}" for value in values)])
            if comparison.uncentered is not None:
                empty = [""] * (len(comparison.names) + 1)
                table.writerow(["no centering", *empty, *(f"{value:.4f}" for value in comparison.uncentered)])
        plot.save(comparison_figure(comparison), *(folder.results / name for name in OUTPUTS[1:]))


def comparison_figure(comparison: Comparison) -> Figure:
    """Return the table as a picture: the darker, the farther two estimators are apart; in pixels."""
    from centering import plot

    values, names = comparison.disagreement, list(comparison.names)
    if comparison.error is not None:
        values, names = np.hstack([values, comparison.error[:, :1]]), [*names, "truth"]
    rows, columns = values.shape
    margins = {"left": 1.6, "right": 0.2, "bottom": 1.3, "top": 0.35}
    width, height = max(0.62 * columns + 1.8, 3.4), 0.62 * rows + 1.65
    figure = plot.drawing(width, height, **margins)
    ax = figure.subplots()
    limit = float(values.max()) or 1.0
    ax.imshow(values, cmap="Greys", vmin=0.0, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if row != column:
            color = "white" if value > 0.55 * limit else "black"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=9)
    ax.set_xticks(range(columns), names, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(rows), names[:rows])
    figure.text(0.5, 1 - 0.08 / height, "median distance of the centres (px)", ha="center", va="top", fontsize=10)
    return figure
