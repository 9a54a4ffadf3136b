"""Section of the report on what was learned from the images: profiles, radius, noise, uncertainty."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from centering.engine.job import Job
from centering.plot import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, drawing, save
from centering.radial.selection import Choice
from centering.report import charts
from centering.results import Centers
from centering.runs.learning import sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from centering.radial.fitted import FittedReference

__all__ = ["evidence", "learned", "noise", "profiles", "uncertainties"]

_SHOWN = 4  # references drawn, of however many optics groups
_COLORS = (BLUE, GREEN, VERMILION, SKY)


def learned(folder: Path, job: Job, centers: Centers) -> str:
    """Show what was learned, beside what the surrogate assumes; ``reference.png`` and ``.svg`` go into ``folder``."""
    references = job.references[:_SHOWN]
    figures: list[tuple[Figure, str, str]] = []
    figure = profiles(references)
    save(figure, folder / "reference.png", folder / "reference.svg")
    words = "Learned radial profiles over the distance from the centre, and the cone of the surrogate"
    caption = "The radial profile learned, bright particles up, free of contrast transfer where that is corrected."
    figures.append((figure, words, f"{caption} The surrogate assumes the cone, whatever the particle."))
    figures += [
        (
            evidence(reference.radius_choice),
            f"Evidence over the radius; {reference.radius_choice.chosen} pixels were chosen",
            "How much likelier images are with a particle than without, judged by what other images taught. The bars "
            "are two standard errors of the difference to the best; the smallest radius that is as good is taken.",
        )
        for reference in references
        if reference.radius_choice is not None
    ]
    sigma = _sigma(centers)
    if len(sigma):
        caption = (
            "Standard deviation of the centres along either axis, as the model states it: from the noise, and from "
            "what the particles have beyond their radial profile."
        )
        median = f"Histogram of the uncertainties of the centres; median {np.median(sigma):.2f} pixels"
        figures.append((uncertainties(sigma), median, caption))
    if references[0].spectrum is not None:
        words = "Power spectrum of the noise over the frequency"
        caption = "Power of the noise, from the corners of the images; they are whitened by it"
        if references[0].structure is not None:
            caption += (
                ", and by that of what particles have beyond their profile, as far as contrast transfer shows it "
            )
            caption += "(dashed: both together, all of it shown)"
        figures.append((noise(references), words, f"{caption}."))
    said = "".join(
        f"<li>{escape(words[0].upper() + words[1:])}.</li>" for one in job.references for words in sentences(one)
    )
    shown = "".join(
        f"<figure>{charts.inline(figure, words)}<figcaption>{caption}</figcaption></figure>"
        for figure, words, caption in figures
    )
    return f'<ul>{said}</ul><div class="charts">{shown}</div>'


def profiles(references: Sequence[FittedReference]) -> Figure:
    """Draw the learned profiles, each scaled to a peak of 1, and the cone of the surrogate."""
    figure, ax = _axes()
    many = len(references) > 1
    line = 0
    for reference in references:
        rho = np.linspace(0, reference.radius, 20 * reference.radius + 1)
        values = reference.profile(rho)
        values = values / (np.abs(values).max() or 1.0)
        for weight, one in zip(reference.model.weights, values, strict=True):
            label = f"learned, {reference.radius} px" if many else "learned"
            if len(values) > 1:
                label += f", {100 * weight:.0f} % of the particles"
            ax.plot(rho, one, color=_COLORS[line % len(_COLORS)], linewidth=2, label=label)
            line += 1
    radius = max(reference.radius for reference in references)
    ax.plot([0, radius], [1, 0], color=ORANGE, linestyle="--", linewidth=1.6, label="cone of the surrogate")
    ax.axhline(0, color=GREY, linewidth=0.6)
    ax.set(xlim=(0, radius), xlabel="distance from the centre (px)", ylabel="density (scaled)")
    ax.legend(frameon=False)
    return figure


def evidence(choice: Choice) -> Figure:
    """Draw how well each radius explains images not learned from, and which was chosen."""
    figure, ax = _axes()
    ax.errorbar(
        choice.values,
        choice.evidence,
        2 * choice.error,
        color=BLUE,
        marker="o",
        markersize=3.5,
        linewidth=1.2,
        capsize=2,
    )
    place = int(np.flatnonzero(choice.values == choice.chosen)[0])
    ax.plot(choice.chosen, choice.evidence[place], color=VERMILION, marker="o", markersize=9, fillstyle="none")
    ax.annotate(
        f"{choice.chosen} px", (choice.chosen, choice.evidence[place]), xytext=(8, -14), textcoords="offset points"
    )
    ax.set(xlabel="radius (px)", ylabel="evidence per image")
    return figure


def uncertainties(sigma: npt.NDArray[np.float64]) -> Figure:
    """Draw a histogram of standard deviations in pixels; the last bin holds all beyond."""
    figure, ax = _axes()
    most = float(np.percentile(sigma, 98)) or 1.0
    ax.hist(np.minimum(sigma, most), bins=40, range=(0, most), color=BLUE)
    ax.axvline(float(np.median(sigma)), color=VERMILION, linewidth=1.2, label=f"median {np.median(sigma):.2f} px")
    ax.set(xlim=(0, most), xlabel="standard deviation along either axis (px)", ylabel="particles")
    ax.legend(frameon=False)
    return figure


def noise(references: Sequence[FittedReference]) -> Figure:
    """Draw the power spectra of the noise, and of noise and structure, as far as the band that is used."""
    figure, ax = _axes()
    for color, reference in zip(_COLORS, references, strict=False):
        if reference.spectrum is not None:
            frequency = reference.templates.waves.frequency[0, 1:]
            ax.plot(frequency, reference.spectrum[0, 1:], color=color, linewidth=2)
            if reference.structure is not None:
                both = reference.spectrum[0, 1:] + reference.structure[0, 1:]
                ax.plot(frequency, both, color=color, linewidth=1.4, linestyle="--")
    ax.set(xlabel="frequency (cycles per px)", ylabel="power (median 1)")
    ax.set_xlim(left=0)
    most = max(reference.spectrum[0, 1:].max() for reference in references if reference.spectrum is not None)
    # a frequency that contrast transfer hides may have any structure
    ax.set_ylim(0, min(1.15 * ax.dataLim.y1, 8 * most))
    return figure


def _sigma(centers: Centers) -> npt.NDArray[np.float64]:
    if centers.covariance is None:
        return np.zeros(0)
    sigma: npt.NDArray[np.float64] = np.sqrt(np.trace(centers.covariance, axis1=1, axis2=2) / 2)
    return sigma[np.isfinite(sigma)]


def _axes() -> tuple[Figure, Axes]:
    figure = drawing(4.9, 3.5, left=0.75, right=0.15, bottom=0.55, top=0.15)
    ax = figure.subplots()
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)
    return figure, ax
