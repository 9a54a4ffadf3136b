"""Figures of docs/accuracy.md, drawn from the numbers that the page states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from benchmarks.accuracy.measure import KNOWN, REFERENCE, SURROGATE
from centering.plot import BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, save

PURPLE = "#CC79A7"
DISTANCE = "distance from the true centre (px)"
STYLES = {
    REFERENCE: (BLUE, "-", "o"),
    SURROGATE: (VERMILION, "--", "s"),
    "ReferenceFreeAlignment": (GREEN, "-.", "^"),
    "GeometricMedian": (GREY, (0, (1, 1)), "v"),
    "SelfConvolution": (ORANGE, ":", "D"),
    "CenterOfMass": (SKY, (0, (5, 1, 1, 1, 1, 1)), "P"),
    "PhaseCenter": (PURPLE, (0, (3, 1, 1, 1)), "X"),
    KNOWN: ("black", (0, (4, 2)), ""),
}
"""Local medians and scores that are variants of these are in the tables only."""


def against_noise(result: dict[str, Any], title: str, path: Path) -> None:
    """Draw the median error of every estimator, with the 10th to 90th percentile of the two that matter most."""
    figure = Figure(figsize=(7.4, 4.4), facecolor="white", layout="constrained")
    ax = figure.subplots()
    levels = np.array(result["levels"])
    for name, (color, dashes, marker) in STYLES.items():
        if name not in result["rows"]:
            continue
        rows = result["rows"][name]
        label = "RadialReference, profile given" if name == KNOWN else name
        ax.plot(
            levels, [row["median"] for row in rows], color=color, linestyle=dashes, marker=marker, ms=5.5, label=label
        )
        if name in (REFERENCE, SURROGATE):
            low, high = ([row[key] for row in rows] for key in ("p10", "p90"))
            ax.fill_between(levels, low, high, color=color, alpha=0.13, linewidth=0)
    _axes(ax, levels)
    ax.set(ylim=(0, 20), title=title)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9, title="median error\n(band: 10 to 90 %)")
    save(figure, path)


def first_picture(result: dict[str, Any], title: str, path: Path) -> None:
    """Draw the surrogate centre of mass and the radial reference alone."""
    figure = Figure(figsize=(6.4, 3.2), facecolor="white", layout="constrained")
    ax = figure.subplots()
    levels = np.array(result["levels"])
    for name, words in ((SURROGATE, "surrogate centre of mass"), (REFERENCE, "radial reference")):
        color, dashes, marker = STYLES[name]
        rows = result["rows"][name]
        ax.plot(levels, [row["median"] for row in rows], color=color, linestyle=dashes, marker=marker, label=words)
        low, high = ([row[key] for row in rows] for key in ("p10", "p90"))
        ax.fill_between(levels, low, high, color=color, alpha=0.15, linewidth=0)
    _axes(ax, levels)
    ax.set(ylim=(0, None), title=title)
    ax.legend(frameon=False, title="median, band 10 to 90 %", loc="upper left")
    save(figure, path)


def _axes(ax: Any, levels: np.ndarray) -> None:
    ax.set(
        xscale="log", xlabel="signal-to-noise ratio |signal|² / |noise|²", ylabel="distance from the true centre (px)"
    )
    ax.xaxis.set_major_locator(FixedLocator(levels.tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"1/{1 / level:.0f}" for level in levels])
    ax.invert_xaxis()
    ax.grid(color="0.92")
    ax.spines[["top", "right"]].set_visible(False)


def calibration(result: dict[str, Any], path: Path) -> None:
    """Draw the fraction of errors inside an ellipse against the fraction that it should hold."""
    figure = Figure(figsize=(4.6, 4.2), facecolor="white", layout="constrained")
    ax = figure.subplots()
    stated = np.array(result["probabilities"])
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="as stated")
    for (name, row), color, marker in zip(
        result["rows"].items(), (BLUE, VERMILION, GREEN, ORANGE), "osD^", strict=False
    ):
        ax.plot(stated, row["inside"], marker, color=color, ms=5, mfc="none", label=name)
    ax.set(
        xlabel="probability stated by the ellipse", ylabel="fraction of errors inside",
        xlim=(0, 1), ylim=(0, 1), aspect="equal",
    )  # fmt: skip
    ax.legend(frameon=False, fontsize=9)
    ax.grid(color="0.92")
    save(figure, path)


def apoferritin(result: dict[str, Any], path: Path) -> None:
    """Draw how many of the boxes of the micrograph have at most an error."""
    bins = np.array(result["bins"])
    sizes = sorted({row["size"] for row in result["rows"]}, reverse=True)
    figure = Figure(figsize=(8.6, 3.4), facecolor="white", layout="constrained")
    colors = {"RadialReference(44)": (BLUE, "-"), 'RadialReference("auto")': (GREEN, "-."),
              "SurrogateCenter(44)": (VERMILION, "--"), "SelfConvolution()": (ORANGE, ":")}  # fmt: skip
    for ax, size in zip(figure.subplots(1, len(sizes), sharey=True), sizes, strict=True):
        for row in result["rows"]:
            if row["size"] != size:
                continue
            color, dashes = colors[row["name"]]
            share = 100 * np.cumsum([0, *row["histogram"]]) / sum(row["boxes"])
            ax.plot(bins, share, color=color, linestyle=dashes, linewidth=1.8, label=row["name"])
        ax.set(
            xlim=(0, bins[-1]), ylim=(0, 101), title=f"boxes of {size} px", xlabel="distance from the true centre (px)"
        )
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("particles within that distance (%)")
    figure.axes[0].legend(frameon=False, fontsize=9, loc="lower right")
    save(figure, path)
