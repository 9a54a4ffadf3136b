"""Pictures for the paper's experiments: images with centres, landscapes, and errors against noise.

Colours are those of Okabe and Ito, every kind of centre has a shape of its own, and figures are made without pyplot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from centering.plot import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION
from pswf.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Surface", "curves", "error_bars", "images", "landscapes", "picks", "ring_correlations", "shift_table"]


_MARKS = (("o", ORANGE), ("x", VERMILION), ("+", SKY), ("s", GREEN), ("D", BLUE), ("^", GREY))
_LINES = (
    (BLUE, "-", "o"), (VERMILION, "--", "x"), (ORANGE, "-.", "s"),
    (GREEN, (0, (5, 1, 1, 1, 1, 1)), "^"), (SKY, ":", "D"), (GREY, (0, (1, 1)), "v"),
)  # fmt: skip


class Surface(NamedTuple):
    """A landscape (h, w) and the displacements (row, column) in pixels of its candidates, (h,) and (w,)."""

    values: npt.NDArray[Any]
    rows: npt.NDArray[Any]
    columns: npt.NDArray[Any]

    @property
    def minimum(self) -> tuple[float, float]:
        """(row, column) displacement of the best candidate."""
        i, j = np.unravel_index(int(np.nanargmin(self.values)), self.values.shape)
        return float(self.rows[i]), float(self.columns[j])


def images(
    panels: Mapping[str, npt.NDArray[Any]],
    centers: Mapping[str, Mapping[str, npt.ArrayLike]] | None = None,
    *,
    columns: int | None = None,
    circle: float | None = None,
    shared: bool = False,
    side: float = 2.3,
) -> Figure:
    """Draw images side by side, with centres marked.

    Parameters
    ----------
    panels : mapping of str to ndarray, shape (h, w)
        By title.
    centers : mapping of str to mapping of str to (row, column), optional
        By title, then by what the centre is; displacements in pixels from the centre pixel ``n // 2``.  A kind of
        centre has the same mark in every panel.
    columns : int, optional
        Panels in a row; all of them without it.
    circle : float, optional
        Radius in pixels of a circle about every panel's first centre.
    shared : bool
        One grey scale for all panels.
    side : float
        Width of a panel in inches.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    across = columns or len(panels)
    down = -(-len(panels) // across)
    first = next(iter(panels.values()))
    height = side * first.shape[0] / first.shape[1] + 0.3
    size = (side * across, height * down + (0.6 if centers else 0.2))
    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).ravel()
    kinds = _kinds(centers or {})
    limits = (min(p.min() for p in panels.values()), max(p.max() for p in panels.values())) if shared else (None, None)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    for k, (ax, (title, panel)) in enumerate(zip(axes, panels.items(), strict=False)):
        ax.imshow(panel, cmap="gray", vmin=limits[0], vmax=limits[1])
        _pixel_axes(ax, panel.shape, outer=(k % across == 0, k + across >= len(panels)))
        ax.set_title(title, fontsize=9)
        middle = np.array(panel.shape) // 2
        for number, (kind, center) in enumerate((centers or {}).get(title, {}).items()):
            row, column = position = np.asarray(center, dtype=np.float64) + middle
            _mark(ax, position, kinds[kind])
            if circle is not None and number == 0:
                ax.add_patch(Circle((column, row), circle, fill=False, color=kinds[kind][1], linewidth=1.2))
    _legend(figure, kinds)
    return figure


def picks(micrograph: npt.NDArray[Any], places: Mapping[str, npt.ArrayLike], *, side: float = 5.6) -> Figure:
    """Draw a micrograph with the positions of particles.

    Parameters
    ----------
    micrograph : ndarray, shape (h, w)
        Drawn as it is; smooth it before, where its noise is strong.
    places : mapping of str to array_like, shape (n, 2)
        (row, column) in pixels from index 0, by what they are.
    side : float
        Width of the figure in inches.
    """
    from matplotlib.figure import Figure

    height, width = micrograph.shape
    figure = Figure(figsize=(side, side * height / width + 0.4), facecolor="white", layout="constrained")
    ax = figure.subplots()
    low, high = np.percentile(micrograph, [1, 99])
    ax.imshow(micrograph, cmap="gray", vmin=low, vmax=high)
    kinds = _kinds({"": places})
    for kind, points in places.items():
        for position in np.asarray(points, dtype=np.float64).reshape(-1, 2):
            _mark(ax, position, kinds[kind])
    _pixel_axes(ax, micrograph.shape, outer=(True, True))
    _legend(figure, kinds)
    return figure


def landscapes(
    image: npt.NDArray[Any],
    surfaces: Mapping[str, Surface],
    truth: npt.ArrayLike | None = None,
    *,
    side: float = 2.9,
) -> Figure:
    """Draw an image with the best candidates of several landscapes, and the landscapes beside it.

    Parameters
    ----------
    image : ndarray, shape (h, w)
    surfaces : mapping of str to Surface
        By name; every landscape is scaled to [0, 1] by its extremes, drawn where its candidates are, with its minimum
        marked.
    truth : (row, column), optional
        Known displacement in pixels.
    side : float
        Width of a panel in inches.
    """
    from matplotlib.figure import Figure

    count = len(surfaces)
    figure = Figure(figsize=(side * (count + 1) + 0.4, side + 0.75), facecolor="white", layout="constrained")
    axes = figure.subplots(1, count + 1)
    found: dict[str, tuple[float, float]] = {name: surface.minimum for name, surface in surfaces.items()}
    marked: dict[str, npt.ArrayLike] = dict(found)
    if truth is not None:
        marked["true centre"] = truth
    kinds = _kinds({"": marked})
    middle = np.array(image.shape) // 2
    axes[0].imshow(image, cmap="gray")
    axes[0].set_title("image", fontsize=9)
    for kind, center in marked.items():
        _mark(axes[0], np.asarray(center, dtype=np.float64) + middle, kinds[kind])
    drawn = None
    for ax, (name, surface) in zip(axes[1:], surfaces.items(), strict=True):
        low, high = float(np.nanmin(surface.values)), float(np.nanmax(surface.values))
        scaled = (surface.values - low) / ((high - low) or 1.0)
        top, left = surface.rows[0] + middle[0] - 0.5, surface.columns[0] + middle[1] - 0.5
        extent = (left, left + len(surface.columns), top + len(surface.rows), top)
        drawn = ax.imshow(scaled, cmap="cividis", extent=extent, vmin=0, vmax=1)
        _mark(ax, np.array(found[name]) + middle, kinds[name])
        ax.set_title(name, fontsize=9)
        ax.set_facecolor("0.85")
    for k, ax in enumerate(axes):
        _pixel_axes(ax, image.shape, outer=(k == 0, True))
    if drawn is not None:
        figure.colorbar(drawn, ax=axes[-1], label="landscape (0: its least value)", shrink=0.8)
    _legend(figure, kinds)
    return figure


def curves(
    x: npt.ArrayLike,
    lines: Mapping[str, npt.ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    scale: tuple[str, str] = ("linear", "linear"),
    markers: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """Draw curves over one axis, each with a colour, a dash and a marker of its own.

    Parameters
    ----------
    x : array_like, shape (n,)
    lines : mapping of str to array_like, shape (n,)
        By name.
    xlabel, ylabel : str
        With units.
    scale : (str, str)
        Of the axes: "linear" or "log".
    markers : bool
        Whether to mark the points.
    ax : Axes, optional
        Where to draw.
    """
    from matplotlib.ticker import MaxNLocator

    ax = ax or _axes()
    for (name, y), (color, dashes, marker) in zip(lines.items(), _LINES, strict=False):
        ax.plot(
            x, np.asarray(y), color=color, linestyle=dashes, marker=marker if markers else "", ms=5, lw=1.8, label=name
        )
    figure = _finish(ax, xlabel, ylabel, scale)
    if np.asarray(x).dtype.kind in "iu" and scale[0] == "linear":
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def ring_correlations(correlations: Mapping[str, Array], size: int, *, ax: Axes | None = None) -> Figure:
    """Draw Fourier ring correlations, averaged over the images, against spatial frequency.

    Parameters
    ----------
    correlations : mapping of str to ndarray, shape (B, k)
        By name; ring i is about the frequency ``(i + 1) / size``, as in ASPIRE's ``Image.frc``.
    size : int
        Side of the images in pixels.
    ax : Axes, optional
        Where to draw.
    """
    means = {f"{name} (mean {values.mean():.2f})": values.mean(axis=0) for name, values in correlations.items()}
    frequency = np.arange(1, 1 + max(len(mean) for mean in means.values())) / size
    return curves(
        frequency, means, xlabel="spatial frequency (1/px)", ylabel="Fourier ring correlation", markers=False, ax=ax
    )


def error_bars(
    levels: Sequence[float], errors: Mapping[str, Array], *, half_width: float | None = None, ax: Axes | None = None
) -> Figure:
    """Draw errors in pixels against SNR: medians, with bars from the 10th to the 90th percentile of the draws.

    Parameters
    ----------
    levels : sequence of float
        Signal-to-noise ratios.
    errors : mapping of str to ndarray, shape (len(levels), draws)
        As `centering.paper.experiments.errors_against_snr` returns them.
    half_width : float, optional
        An error that says "lost", drawn as a line.
    ax : Axes, optional
        Where to draw.
    """
    ax = ax or _axes()
    x = np.asarray(levels, dtype=np.float64)
    for k, ((name, values), (color, dashes, marker)) in enumerate(zip(errors.items(), _LINES, strict=False)):
        low, middle, high = np.percentile(values, [10, 50, 90], axis=1)
        # side by side, so that bars do not cover one another
        beside = x * 1.06 ** (k - (len(errors) - 1) / 2)
        ax.errorbar(
            beside, middle, yerr=[middle - low, high - middle], color=color, linestyle=dashes, marker=marker,
            markersize=5, linewidth=1.6, capsize=3, label=name,
        )  # fmt: skip
    if half_width is not None:
        ax.axhline(half_width, color=GREY, linewidth=0.9, linestyle=":", label="no centering at all")
    ax.invert_xaxis()
    return _finish(
        ax, "signal-to-noise ratio |clean|² / |noise|²", "distance from the true centre (px)", ("log", "linear")
    )


def shift_table(known: npt.ArrayLike, found: Mapping[str, npt.ArrayLike]) -> str:
    """Return a Markdown table of (row, column) displacements in pixels, image by image, with median errors.

    Parameters
    ----------
    known : array_like, shape (B, 2)
    found : mapping of str to array_like, shape (B, 2)
        By the name of the estimator.
    """
    truth = np.asarray(known, dtype=np.float64)
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}
    rows = [f"| image | known | {' | '.join(columns)} |", "| --- " * (len(columns) + 2) + "|"]
    for i in range(len(truth)):
        cells = [f"{row:g}, {column:g}" for row, column in (truth[i], *(np.round(c[i], 2) for c in columns.values()))]
        rows.append(f"| {i + 1} | {' | '.join(cells)} |")
    errors = [np.median(np.hypot(*(values - truth).T)) for values in columns.values()]
    rows.append(f"| median error (px) | | {' | '.join(f'{error:.2f}' for error in errors)} |")
    return "\n".join(rows)


def _axes() -> Axes:
    from matplotlib.figure import Figure

    return Figure(figsize=(6.4, 3.8), facecolor="white", layout="constrained").subplots()


def _finish(ax: Axes, xlabel: str, ylabel: str, scale: tuple[str, str]) -> Figure:
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale=scale[0], yscale=scale[1])
    ax.legend(frameon=False, fontsize=9)
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)
    return ax.figure  # type: ignore[return-value]


def _kinds(centers: Mapping[str, Mapping[str, npt.ArrayLike]]) -> dict[str, tuple[str, str]]:
    names = dict.fromkeys(kind for marks in centers.values() for kind in marks)
    return dict(zip(names, _MARKS, strict=False))


def _mark(ax: Axes, position: Array, style: tuple[str, str]) -> None:
    row, column = position
    marker, color = style
    # the circle is hollow, so that a mark inside it is seen; the white edge shows on any grey
    if marker in "x+o":
        size = 12 if marker == "o" else 9
        for width, edge in ((4.0, "white"), (2.2, color)):
            ax.plot(column, row, marker, markersize=size, mew=width, mec=edge, mfc="none")
    else:
        ax.plot(column, row, marker, markersize=6.5, color=color, markeredgecolor="white", markeredgewidth=1.2)


def _pixel_axes(ax: Axes, shape: tuple[int, ...], outer: tuple[bool, bool]) -> None:
    """Set the limits to the pixels, and label the axes at the left and at the bottom of the figure only."""
    height, width = shape
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    ax.tick_params(labelsize=7, labelleft=outer[0], labelbottom=outer[1])
    ax.locator_params(nbins=4)
    if outer[0]:
        ax.set_ylabel("row (px)", fontsize=8)
    if outer[1]:
        ax.set_xlabel("column (px)", fontsize=8)


def _legend(figure: Figure, kinds: Mapping[str, tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    if not kinds:
        return
    handles = [
        Line2D(
            [], [], linestyle="", marker=marker, color=color, markersize=7, label=kind,
            markeredgewidth=2.2 if marker in "x+o" else 1, mfc="none" if marker == "o" else color,
        )
        for kind, (marker, color) in kinds.items()
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5), frameon=False, fontsize=9)
