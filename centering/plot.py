"""Figures: particles before and after, and how far they were moved.

Colours are those of Okabe and Ito, which people with any colour vision can tell apart; figures are made
without pyplot, so nothing global changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from centering.results import Flag
from centering.shift import shift_images
from pswf.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Drawing",
    "axes",
    "displayed",
    "draw_lengths",
    "draw_places",
    "drawing",
    "error_figure",
    "montage",
    "save",
    "shift_histogram",
    "smoothed",
]

ORANGE, SKY, GREEN, BLUE, VERMILION, GREY = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#595959"

# the least compression takes a fifth of the time and a tenth more room
PNG_OPTIONS: dict[str, Any] = {"metadata": {"Software": ""}, "pil_kwargs": {"compress_level": 1}}


class Drawing(NamedTuple):
    """A figure for the report, its text for who cannot see it, and what is written below it."""

    figure: Figure
    text: str
    caption: str


def drawing(
    width: float, height: float, *, left: float, right: float, bottom: float, top: float, gap: float = 0.0
) -> Figure:
    """Return an empty figure with margins, and a gap between two axes, in inches.

    Margins that are known cost nothing; a layout that is computed takes longer than the drawing.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    inner = width - left - right
    figure.subplots_adjust(
        left=left / width,
        right=1 - right / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=2 * gap / max(inner - gap, 1e-3),
    )
    return figure


def axes() -> tuple[Figure, Axes]:
    """Return a small figure with one pair of axes, open at the top and on the right."""
    figure = drawing(4.9, 3.5, left=0.75, right=0.15, bottom=0.55, top=0.15)
    ax = figure.subplots()
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)
    return figure, ax


def smoothed(image: npt.NDArray[Any], width: float) -> Array:
    """Return an image (n, n) smoothed by a Gaussian of ``width`` pixels, mirrored at its edges."""
    from scipy import fft

    weight = np.exp(-0.5 * (width * np.pi * np.arange(len(image)) / len(image)) ** 2)
    # cosines are what mirrored images are made of
    result: Array = fft.idctn(fft.dctn(image.astype(np.float64)) * weight[:, None] * weight)
    return result


def save(figure: Figure, *paths: str | PathLike[str]) -> None:
    """Write a figure as PNG or SVG, as the extensions say; equal figures give equal bytes."""
    import matplotlib as mpl

    for path in paths:
        svg = Path(path).suffix == ".svg"
        options: dict[str, Any] = {"metadata": {"Date": None}} if svg else PNG_OPTIONS
        with mpl.rc_context({"svg.hashsalt": "centering"}):
            figure.savefig(path, dpi=160, **options)
        # the layout that was found holds for every format
        figure.set_layout_engine("none")


def montage(
    images: npt.NDArray[np.float32],
    displacement: Array,
    *,
    radius: npt.ArrayLike | None = None,
    flags: npt.NDArray[np.int64] | None = None,
    labels: Sequence[str] = (),
    truth: Array | None = None,
    pixel_size: float | None = None,
) -> Figure:
    """Draw particles as they were (top) and with their content moved to the centre (bottom).

    Parameters
    ----------
    images : ndarray, shape (B, n, n)
        A handful of particles, in the contrast in which they are stored.
    displacement : ndarray, shape (B, 2)
        (row, column) in pixels, object centre minus ``n // 2``.
    radius : array_like, shape (B,), optional
        Radius of the particles in pixels, drawn as a circle.
    flags : ndarray, shape (B,), optional
        Bits of `Flag`, named under the images.
    labels : sequence of str, optional
        Titles of the columns.
    truth : ndarray, shape (B, 2), optional
        Known displacement.
    pixel_size : float, optional
        Angstrom per pixel, for the scale bar.

    Returns
    -------
    Figure
        For display the pixels are smoothed by a Gaussian and clipped at their 1st and 99th percentile.
    """
    from matplotlib.figure import Figure

    count = len(images)
    width = 1.62 * max(count, 4)
    figure = Figure(figsize=(width, 4.05), facecolor="white")
    if not count:
        figure.text(0.5, 0.5, "no image could be looked at", ha="center", va="center")
        return figure
    size = images.shape[-1]
    circles = None if radius is None else np.broadcast_to(np.asarray(radius, dtype=np.float64), count)
    axes = figure.subplots(2, count, squeeze=False)
    left = 0.3 / width
    figure.subplots_adjust(left=left, right=1 - 0.05 / width, bottom=0.125, top=0.915, wspace=0.04, hspace=0.04)
    smooth = max(1.0, size / 90)
    shown = displayed(images, smooth)
    moved = displayed(shift_images(images, -displacement), smooth)
    box = np.zeros(2)
    for k in range(count):
        ring = None if circles is None else float(circles[k])
        for ax, picture, center in ((axes[0, k], shown[k], displacement[k]), (axes[1, k], moved[k], box)):
            ax.imshow(picture, cmap="gray", interpolation="bilinear")
            ax.set(xticks=[], yticks=[], xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
            _mark(ax, center, size, ring)
        if truth is not None:
            _true_center(axes[0, k], truth[k], size)
            _true_center(axes[1, k], truth[k] - displacement[k], size)
        if k < len(labels):
            axes[0, k].set_title(labels[k], fontsize=8, pad=3)
        row, column = displacement[k]
        words = f"row {row:+.1f}, col {column:+.1f} px"
        if flags is not None and flags[k]:
            words += "\n" + ", ".join(Flag.names(int(flags[k])))
        axes[1, k].set_xlabel(words, fontsize=7, labelpad=3)
    axes[0, 0].set_ylabel("before", fontsize=9)
    axes[1, 0].set_ylabel("after", fontsize=9)
    if pixel_size is not None:
        _scale_bar(axes[0, 0], size, pixel_size)
    _legend(figure, circles is not None, truth is not None)
    said = f"shown smoothed by a Gaussian of {smooth:.2g} px"
    figure.text(0.995, 0.995, said, ha="right", va="top", fontsize=6, color=GREY)
    return figure


def shift_histogram(displacement: Array, *, pixel_size: float | None = None) -> Figure:
    """Draw where the centres were found in the box, and how far from its middle.

    Parameters
    ----------
    displacement : ndarray, shape (B, 2)
        (row, column) in pixels.
    pixel_size : float, optional
        Angstrom per pixel, for a second axis.
    """
    figure = drawing(9.2, 4.1, left=0.75, right=0.15, bottom=0.55, top=0.6, gap=0.85)
    box, ax = figure.subplots(1, 2, width_ratios=[1, 1.35])
    draw_places(box, displacement)
    draw_lengths(ax, displacement, pixel_size)
    return figure


def draw_places(ax: Axes, displacement: Array) -> None:
    """Draw where the centres were found in the box: a dot each, or their density where they are many."""
    reach = 1.08 * max(float(np.abs(displacement).max(initial=0.0)), 1.0)
    if len(displacement) > 3000:
        hexagons = ax.hexbin(
            displacement[:, 1], displacement[:, 0], gridsize=45, extent=(-reach, reach, -reach, reach),
            cmap="cividis", mincnt=1, linewidths=0.1,
        )  # fmt: skip
        ax.figure.colorbar(hexagons, ax=ax, label="particles", shrink=0.8)
    else:
        alpha = float(np.clip(30 / max(len(displacement), 1) ** 0.6, 0.25, 0.9))
        ax.scatter(displacement[:, 1], displacement[:, 0], s=14, color=BLUE, alpha=alpha, linewidths=0)
    ax.axhline(0, color=GREY, linewidth=0.6, zorder=0)
    ax.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    ax.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal")
    ax.set(xlabel="column shift (px)", ylabel="row shift (px, downwards)", title="Centres found in the box")


def draw_lengths(ax: Axes, displacement: Array, pixel_size: float | None) -> None:
    """Draw how many centres were how far from the middle of the box."""
    from matplotlib.ticker import MaxNLocator

    length = np.hypot(*displacement.T)
    top = max(float(length.max(initial=0.0)), 1.0)
    bins = np.linspace(0, top, min(50, max(8, int(np.sqrt(len(length)) * 1.5))) + 1)
    ax.hist(length, bins=bins.tolist(), color=BLUE, edgecolor="white", linewidth=0.5)
    if len(length):
        median = float(np.median(length))
        ax.axvline(median, color=VERMILION, linewidth=1.8, label=f"median {median:.1f} px")
        ax.legend(frameon=False)
    ax.set(xlim=(0, top), xlabel="distance from the box centre (px)", ylabel="number of particles")
    ax.yaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10]))
    if pixel_size is not None:
        scale = pixel_size
        second = ax.secondary_xaxis("top", functions=(lambda x: np.multiply(x, scale), lambda x: np.divide(x, scale)))
        second.set_xlabel("distance from the box centre (Å)")
    else:
        ax.set_title(f"Shifts of {len(length)} particles")
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(pixel_size is not None and spine == "top")


def error_figure(errors: Mapping[str, Array], before: Array, after: Array) -> Figure:
    """Draw the errors of several estimators, and the mean image before and after centering.

    Parameters
    ----------
    errors : mapping of str to ndarray, shape (B,)
        Distance in pixels from the known centre, by the name of the estimator.
    before, after : ndarray, shape (n, n)
        Mean of the images as they were and with their content moved to the estimated centre.
    """
    figure = drawing(10.4, 3.35, left=0.65, right=0.1, bottom=0.5, top=0.3, gap=0.12)
    ax, first, second = figure.subplots(1, 3, width_ratios=[1.45, 1, 1])
    top = 1.02 * max(float(values.max()) for values in errors.values())
    styles = [(GREY, ":"), (ORANGE, "--"), (BLUE, "-"), (GREEN, "-."), (VERMILION, (0, (5, 1, 1, 1, 1, 1)))]
    for (name, values), (color, dashes) in zip(errors.items(), styles, strict=False):
        ordered = np.concatenate([[0.0], np.sort(values), [top]])
        share = np.concatenate([np.linspace(0, 100, len(values) + 1), [100.0]])
        median = float(np.median(values))
        ax.step(
            ordered, share, where="post", color=color, linestyle=dashes, linewidth=2,
            label=f"{name} (median {median:.1f} px)",
        )  # fmt: skip
    ax.axhline(50, color=GREY, linewidth=0.5, zorder=0)
    ax.set(xlim=(0, top), ylim=(0, 101), xlabel="distance from the true centre (px)")
    ax.set_ylabel("particles within that distance (%)")
    ax.legend(frameon=False, loc="lower right", fontsize=9)
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)
    low, high = (float(extreme) for extreme in np.percentile(after, [0.5, 99.9]))
    for axis, image, title in ((first, before, "mean image before"), (second, after, "mean image after")):
        axis.imshow(image, cmap="gray", vmin=low, vmax=high)
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontsize=10)
        _cross(axis, image.shape[-1])
    return figure


def displayed(images: npt.NDArray[np.float32], smooth: float) -> Array:
    """Return images smoothed by a Gaussian of ``smooth`` pixels and scaled to [0, 1]."""
    result = np.empty(images.shape)
    for picture, image in zip(result, images, strict=True):
        picture[:] = smoothed(image, smooth)
        low, high = np.percentile(picture, [1, 99])
        picture[:] = np.clip((picture - low) / (high - low or 1.0), 0, 1)
    return result


def _mark(ax: Axes, center: Array, size: int, radius: float | None) -> None:
    """Mark the middle of the box and the centre that was found."""
    from matplotlib.patches import Circle

    _cross(ax, size)
    row, column = center + size // 2
    ax.plot(column, row, "o", markersize=4.2, color=ORANGE, markeredgecolor="black", markeredgewidth=0.6)
    if radius is not None:
        ax.add_patch(Circle((float(column), float(row)), radius, fill=False, color=ORANGE, linewidth=1.1))


def _cross(ax: Axes, size: int) -> None:
    for width, color in ((2.4, "black"), (1.2, SKY)):
        ax.plot(size // 2, size // 2, "+", markersize=10, markeredgewidth=width, color=color)


def _true_center(ax: Axes, displacement: Array, size: int) -> None:
    row, column = displacement + size // 2
    for width, color in ((2.4, "black"), (1.2, GREEN)):
        ax.plot(column, row, "x", markersize=6, markeredgewidth=width, color=color)


def _scale_bar(ax: Axes, size: int, pixel_size: float) -> None:
    """Draw a bar of a round number of Angstrom, about a quarter of the box."""
    aim = 0.3 * size * pixel_size
    power = 10.0 ** np.floor(np.log10(aim))
    length = power * max(step for step in (1, 2, 5) if step * power <= aim)
    start, y = 0.06 * size, 0.94 * size
    for width, color in ((4.2, "black"), (2.4, "white")):
        ax.plot([start, start + length / pixel_size], [y, y], color=color, linewidth=width, solid_capstyle="butt")
    text = ax.text(start, y - 0.035 * size, f"{length:g} Å", color="white", fontsize=7, va="bottom")
    _outline(text)


def _outline(text: object) -> None:
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=1.6, foreground="black")])  # type: ignore[attr-defined]


def _legend(figure: Figure, circles: bool, truth: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="+", color=SKY, linestyle="", markersize=9, markeredgewidth=1.6, label="box centre"),
        Line2D(
            [], [], marker="o", color=ORANGE, linestyle="-" if circles else "", markeredgecolor="black",
            markersize=4.5, label="centre found" + (", with the radius given" if circles else ""),
        ),
    ]  # fmt: skip
    if truth:
        handles.append(Line2D([], [], marker="x", color=GREEN, linestyle="", markeredgewidth=1.6, label="true centre"))
    figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=8, bbox_to_anchor=(0.5, -0.01))
