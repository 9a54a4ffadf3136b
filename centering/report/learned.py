"""Section of the report on what was learned from the images, and the uncertainty that it gives the centres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from centering.engine.job import Job
from centering.estimators.base import Fitted
from centering.plot import BLUE, VERMILION, Drawing, axes, save
from centering.report import charts
from centering.results import Centers
from centering.sentence import named_if_outside

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.figure import Figure

__all__ = ["learned", "uncertainties"]

_SHOWN = 4  # references drawn, of however many optics groups


def learned(folder: Path, job: Job, centers: Centers) -> str:
    """Show what was learned; the first figure is also written into ``folder``, as ``reference.png`` and ``.svg``."""
    first, *others = job.references[:_SHOWN]
    with named_if_outside(first):
        drawings = list(first.drawings(others))
    if drawings:
        save(drawings[0].figure, folder / "reference.png", folder / "reference.svg")
    variance = np.zeros(0) if centers.covariance is None else np.trace(centers.covariance, axis1=1, axis2=2) / 2
    sigma = np.sqrt(variance[np.isfinite(variance)])
    if len(sigma):
        drawings.append(
            Drawing(
                uncertainties(sigma),
                f"Histogram of the uncertainties of the centres; median {np.median(sigma):.2f} pixels",
                "Standard deviation of the centres along either axis, as the model states it: from the noise, and from "
                "what the particles have beyond what was learned.",
            )
        )
    said = "".join(f"<li>{escape(words[:1].upper() + words[1:])}.</li>" for words in _sentences(job.references))
    shown = "".join(
        f"<figure>{charts.inline(figure, text)}<figcaption>{escape(caption)}</figcaption></figure>"
        for figure, text, caption in drawings
    )
    return f'<ul>{said}</ul><div class="charts">{shown}</div>'


def _sentences(references: Sequence[Fitted]) -> Iterator[str]:
    for one in references:
        with named_if_outside(one):
            yield from one.sentences()


def uncertainties(sigma: npt.NDArray[np.float64]) -> Figure:
    """Draw a histogram of standard deviations in pixels; the last bin holds all beyond."""
    figure, ax = axes()
    most = float(np.percentile(sigma, 98)) or 1.0
    ax.hist(np.minimum(sigma, most), bins=40, range=(0, most), color=BLUE)
    ax.axvline(float(np.median(sigma)), color=VERMILION, linewidth=1.2, label=f"median {np.median(sigma):.2f} px")
    ax.set(xlim=(0, most), xlabel="standard deviation along either axis (px)", ylabel="particles")
    ax.legend(frameon=False)
    return figure
