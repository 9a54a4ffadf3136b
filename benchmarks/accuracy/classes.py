"""The hundred class averages: where both estimators see their centres, and what is flagged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.accuracy.data import Array
from benchmarks.accuracy.measure import distances
from centering import Flag, RadialReference, SurrogateCenter
from centering.plot import ORANGE, SKY, VERMILION

COLUMNS = 10
DOUBTFUL = (31, 71, 86, 1, 23, 24, 25, 55, 98)
"""Classes, counted from 1, whose centres a reader of the montage doubts: bodies at the edge, rings that a neighbour
outshines; and those whose particle a second body touches."""


def averages(data: Path) -> Array:
    import mrcfile

    images: Array = mrcfile.read(data / "slicem" / "mixture_2D.mrcs")
    return images


def centers(images: Array) -> dict[str, Any]:
    """Return the centres by the radial reference, whose radius comes from the data, and by sCM of a third of the box.

    The disks of sCM have to lie inside the box: with the radius of the reference there would be no candidates left.
    """
    fitted = RadialReference("auto").fit(images)
    found = fitted(images)
    surrogate = SurrogateCenter(len(images[0]) // 3)
    guess = surrogate(images)
    return {
        "radius": fitted.radius,
        "surrogate_radius": surrogate.radius,
        "reference": found.displacement.tolist(),
        "surrogate": guess.displacement.tolist(),
        "flags": [Flag.names(int(flag)) for flag in found.flags],
        "surrogate_flagged": np.flatnonzero(guess.flags).tolist(),
        "apart": distances(found.displacement, guess.displacement).tolist(),
    }


def montage(images: Array, result: dict[str, Any], path: Path) -> None:
    """Draw all averages with both centres; flagged ones have a frame and the names of their flags."""
    rows = -(-len(images) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * 1.3, rows * 1.3 + 0.35), facecolor="white")
    size = images.shape[-1]
    top = 1 - 0.3 / (rows * 1.3 + 0.35)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    figure.subplots_adjust(left=0.002, right=0.998, bottom=0.002, top=top, wspace=0.025, hspace=0.025)
    for k, ax in enumerate(axes):
        ax.set(xticks=[], yticks=[])
        if k >= len(images):
            ax.set_axis_off()
            continue
        low, high = np.percentile(images[k], [1, 99.8])
        ax.imshow(images[k], cmap="gray", vmin=low, vmax=high, interpolation="bilinear")
        ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
        for name, marker, color in (("surrogate", "x", SKY), ("reference", "o", ORANGE)):
            row, column = np.array(result[name][k]) + size // 2
            for width, edge in ((2.6, "black"), (1.5, color)):
                ax.plot(column, row, marker, markersize=7, mew=width, mec=edge, mfc="none")
        # as RELION counts them
        ax.text(2, 2, str(k + 1), color="white", fontsize=8, va="top")
        flags = result["flags"][k]
        for spine in ax.spines.values():
            spine.set(visible=bool(flags), color=VERMILION, linewidth=3)
        if flags:
            words = ", ".join(flags)
            box = {"facecolor": VERMILION, "edgecolor": "none", "pad": 1.5}
            ax.text(size - 4, 3, words, color="white", fontsize=8, ha="right", va="top", bbox=box)
    legend = f'o  RadialReference("auto")     x  sCM, R = {result["surrogate_radius"]}     framed: flagged'
    figure.text(0.5, (1 + top) / 2, legend, ha="center", va="center", fontsize=10)
    figure.savefig(path, dpi=100, pil_kwargs={"quality": 80, "optimize": True})
