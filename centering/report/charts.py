"""The charts of the report; the same figures go into the page and into files."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from centering.plot import BLUE, GREY, ORANGE, VERMILION, draw_lengths, draw_places, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["inline", "lengths", "mean_images", "places", "profiles", "radial_profile"]

Float64 = npt.NDArray[np.float64]

_INK = "#012345"  # stands for the colour of the text of the page


def places(displacement: Float64) -> Figure:
    """Draw where the centres were found in the box."""
    figure = drawing(4.6, 4.2, left=0.75, right=0.15, bottom=0.55, top=0.4)
    draw_places(figure.subplots(), displacement)
    return figure


def lengths(displacement: Float64, pixel_size: float | None) -> Figure:
    """Draw how far from the middle of the box the centres were."""
    figure = drawing(4.9, 4.2, left=0.75, right=0.15, bottom=0.55, top=0.6)
    draw_lengths(figure.subplots(), displacement, pixel_size)
    return figure


def mean_images(before: Float64, after: Float64) -> Figure:
    """Draw the mean image before and after centering, on one grey scale."""
    figure = drawing(7.2, 3.8, left=0.1, right=0.1, bottom=0.1, top=0.35, gap=0.15)
    low, high = np.percentile(after, [0.5, 99.9])
    for ax, image, title in zip(figure.subplots(1, 2), (before, after), ("before", "after"), strict=True):
        ax.imshow(image, cmap="gray", vmin=low, vmax=high)
        ax.set(xticks=[], yticks=[], title=f"mean image {title}")
    return figure


def profiles(before: Float64, after: Float64, radius: float | None, pixel_size: float | None) -> Figure:
    """Draw the rotational averages of the mean images, and the cone by which the surrogate weights distances.

    Parameters
    ----------
    before, after : ndarray, shape (m,)
        Rotational averages at 0, 1, ... pixels.
    radius : float or None
        Radius of the particle in pixels, for the cone.
    pixel_size : float or None
        Angstrom per pixel, for the axis.
    """
    figure = drawing(4.9, 3.5, left=0.75, right=0.15, bottom=0.55, top=0.15)
    ax = figure.subplots()
    scale = 1.0 if pixel_size is None else pixel_size
    r = np.arange(len(after)) * scale
    low, high = float(after[len(after) // 2 :].mean()), float(after[: max(len(after) // 4, 1)].max())
    span = (high - low) or 1.0
    ax.plot(r, (before - low) / span, color=GREY, linestyle=":", linewidth=2, label="mean image before")
    ax.plot(r, (after - low) / span, color=BLUE, linewidth=2, label="mean image after")
    if radius is not None:
        cone = np.array([0.0, radius, radius]) * scale
        ax.plot(cone, [1.0, 0.0, 0.0], color=ORANGE, linestyle="--", linewidth=1.6, label="cone of the surrogate")
        ax.axvline(radius * scale, color=VERMILION, linewidth=0.8, alpha=0.7)
    ax.set(xlim=(0, r[-1]), xlabel=f"distance from the middle ({'px' if pixel_size is None else 'Å'})")
    ax.set_ylabel("mean density (scaled)")
    ax.legend(frameon=False)
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)
    return figure


def radial_profile(image: Float64) -> Float64:
    """Return the mean over rings one pixel wide about ``n // 2``, shape (n // 2,)."""
    position = np.arange(image.shape[-1]) - image.shape[-1] // 2
    ring = np.rint(np.hypot(position[:, None], position[None, :])).astype(np.int64).ravel()
    count = image.shape[-1] // 2
    sums = np.bincount(ring, weights=image.ravel())[:count]
    result: Float64 = sums / np.bincount(ring)[:count]
    return result


def inline(figure: Figure, words: str) -> str:
    """Return a figure as an SVG element in the colours of the page, described by ``words``."""
    from html import escape

    import matplotlib as mpl
    from matplotlib.text import Text

    figure.patch.set_alpha(0.0)
    for ax in figure.axes:
        ax.patch.set_alpha(0.0)
        for spine in ax.spines.values():
            spine.set_edgecolor(_INK)
        ax.tick_params(color=_INK)
        for child in ax.child_axes:
            child.tick_params(color=_INK)
            child.spines["top"].set_edgecolor(_INK)
    for text in figure.findobj(Text):
        text.set_color(_INK)
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": words}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor").replace(GREY.lower(), "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)  # every figure has the same ones, and nothing refers to them
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    return re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>",
        rf'<svg class="chart" \1 xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-label="{escape(words)}">',
        svg,
        count=1,
        flags=re.DOTALL,
    )
