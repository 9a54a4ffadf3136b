"""What a radial reference has learned, in sentences and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from centering.plot import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, Drawing, axes
from centering.radial.posterior import Model
from centering.radial.selection import Choice
from centering.radial.templates import Templates
from pswf.arrays import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Learned", "drawings", "evidence", "noise", "profiles", "sentences"]

_COLORS = (BLUE, GREEN, VERMILION, SKY)


class Learned(Protocol):
    """What is drawn of a reference; see `centering.FittedReference`."""

    # fmt: off
    @property
    def radius(self) -> int: ...  # noqa: D102
    @property
    def images(self) -> int: ...  # noqa: D102
    @property
    def history(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def start(self) -> str: ...  # noqa: D102
    @property
    def model(self) -> Model: ...  # noqa: D102
    @property
    def templates(self) -> Templates: ...  # noqa: D102
    @property
    def spectrum(self) -> Array | None: ...  # noqa: D102
    @property
    def structure(self) -> Array | None: ...  # noqa: D102
    @property
    def radius_choice(self) -> Choice | None: ...  # noqa: D102
    def profile(self, rho: npt.ArrayLike) -> Array: ...  # noqa: D102
    # fmt: on


def drawings(references: Sequence[Learned]) -> list[Drawing]:
    """Return the figures of references that were learned side by side."""
    drawn = [
        Drawing(
            profiles(references),
            "Learned radial profiles over the distance from the centre, and the cone of the surrogate",
            "The radial profile learned, bright particles up, free of contrast transfer where that is corrected. "
            "The surrogate assumes the cone, whatever the particle.",
        )
    ]
    drawn += [
        Drawing(
            evidence(reference.radius_choice),
            f"Evidence over the radius; {reference.radius_choice.chosen} pixels were chosen",
            "How much likelier images are with a particle than without, judged by what other images taught. The bars "
            "are two standard errors of the difference to the best; the smallest radius that is as good is taken.",
        )
        for reference in references
        if reference.radius_choice is not None
    ]
    if references[0].spectrum is not None:
        caption = "Power of the noise, from the corners of the images; they are whitened by it"
        if references[0].structure is not None:
            caption += (
                ", and by that of what particles have beyond their profile, as far as contrast transfer shows it "
                "(dashed: both together, all of it shown)"
            )
        drawn.append(Drawing(noise(references), "Power spectrum of the noise over the frequency", f"{caption}."))
    return drawn


def sentences(reference: Learned) -> list[str]:
    """Return sentences, without capitals and full stops, on what was learned."""
    model = reference.model
    deviation = (
        f"displacements by {model.shift_deviation:.1f} px along either axis"
        if np.isfinite(model.shift_deviation)
        else "displacements have a flat prior"
    )
    count = len(model.weights)
    profiles = "one radial profile" if count == 1 else f"{count} radial profiles"
    rest = "noise" if reference.structure is None else "noise or structure beyond it"
    said = [
        f"{profiles} of radius {reference.radius} px learned from {_counted(reference.images)} in "
        f"{len(reference.history)} iterations, starting from {reference.start}: {100 * model.noise:.1f} % of the power "
        f"is {rest}, {100 * model.present:.0f} % of the images show a particle, scales vary by "
        f"{100 * model.scale_deviation:.0f} %, {deviation}"
    ]
    if reference.radius_choice is not None:
        choice = reference.radius_choice
        said.append(
            f"radius {choice.chosen} px chosen from {choice.values.min()} to {choice.values.max()} px: the smallest "
            "that explains images not learned from as well as any"
        )
    return said


def _counted(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def profiles(references: Sequence[Learned]) -> Figure:
    """Draw the learned profiles, each scaled to a peak of 1, and the cone of the surrogate."""
    figure, ax = axes()
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
    figure, ax = axes()
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
    index = int(np.flatnonzero(choice.values == choice.chosen)[0])
    ax.plot(choice.chosen, choice.evidence[index], color=VERMILION, marker="o", markersize=9, fillstyle="none")
    ax.annotate(
        f"{choice.chosen} px", (choice.chosen, choice.evidence[index]), xytext=(8, -14), textcoords="offset points"
    )
    ax.set(xlabel="radius (px)", ylabel="evidence per image")
    return figure


def noise(references: Sequence[Learned]) -> Figure:
    """Draw the power spectra of the noise, and of noise and structure, as far as the band that is used."""
    figure, ax = axes()
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
