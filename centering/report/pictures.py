"""Images as small PNGs inside SVG, with the marks drawn over them."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
import numpy.typing as npt

from centering.plot import PNG_OPTIONS

__all__ = ["LARGEST", "marked", "png"]

LARGEST = 256
"""Pictures are shown with at most so many pixels along a side."""

Float64 = npt.NDArray[np.float64]


def png(picture: Float64, colormap: str = "gray") -> str:
    """Return a picture with values in [0, 1] as a ``data:`` address; equal pictures give equal text."""
    from matplotlib import colormaps
    from PIL import Image

    step = -(-max(picture.shape) // LARGEST)
    colors = colormaps[colormap](picture[::step, ::step], bytes=True)
    pixels = colors[..., 0] if colormap == "gray" else colors[..., :3]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="png", **PNG_OPTIONS["pil_kwargs"])
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def marked(
    picture: Float64,
    words: str,
    *,
    center: Float64 | None = None,
    radius: float | None = None,
    covariance: Float64 | None = None,
    colormap: str = "gray",
    middle: tuple[float, float] | None = None,
) -> str:
    """Return an SVG element: the picture, the middle of the box as a cross, and the centre that was found.

    Parameters
    ----------
    picture : ndarray, shape (h, w)
        Values in [0, 1].
    words : str
        What the picture shows, for who cannot see it; escaped here.
    center : ndarray, shape (2,), optional
        (row, column) in pixels of the centre that was found, from the middle.
    radius : float, optional
        Radius of the particle in pixels.
    covariance : ndarray, shape (2, 2), optional
        Of the centre, axes (row, column), in pixels squared; drawn as the ellipse that holds 95 %.
    colormap : str
        Name of a Matplotlib colormap.
    middle : tuple of float, optional
        (row, column) of the cross; ``h // 2, w // 2`` without it.
    """
    height, width = picture.shape
    row, column = middle or (height // 2, width // 2)
    arm = 0.045 * width
    # pixel k covers [k, k + 1): its middle is at k + 0.5
    parts = [
        f'<svg class="picture" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(words)}">',
        f'<image href="{png(picture, colormap)}" width="{width}" height="{height}"/>',
        f'<path class="box" d="M{column + 0.5 - arm:.2f} {row + 0.5}h{2 * arm:.2f}M{column + 0.5} '
        f'{row + 0.5 - arm:.2f}v{2 * arm:.2f}"/>',
    ]
    if center is not None:
        y, x = row + 0.5 + center[0], column + 0.5 + center[1]
        if radius is not None:
            parts.append(f'<circle class="ring" cx="{x:.2f}" cy="{y:.2f}" r="{radius:g}"/>')
        if covariance is not None and np.isfinite(covariance).all():
            parts.append(_ellipse(x, y, covariance))
        parts.append(f'<circle class="found" cx="{x:.2f}" cy="{y:.2f}" r="{0.018 * width:.2f}"/>')
    return "".join([*parts, "</svg>"])


def _ellipse(x: float, y: float, covariance: Float64) -> str:
    values, vectors = np.linalg.eigh(covariance)
    minor, major = 2.448 * np.sqrt(np.maximum(values, 0.0))  # sqrt of the 95 % quantile of chi squared, 2 freedoms
    angle = np.degrees(np.arctan2(vectors[0, 1], vectors[1, 1]))  # (row, column) of the larger one
    return (
        f'<ellipse class="ellipse" cx="{x:.2f}" cy="{y:.2f}" rx="{major:.2f}" ry="{minor:.2f}" '
        f'transform="rotate({angle:.1f} {x:.2f} {y:.2f})"/>'
    )
