"""Sections of the report that show single particles."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.engine.job import Job
from centering.estimators.base import surface
from centering.io.image_names import parted
from centering.plot import displayed
from centering.report.pictures import marked
from centering.report.words import readable
from centering.results import Centers, Flag
from centering.runs.outputs import ranked
from centering.sentence import named_if_outside
from centering.shift import shift_images

__all__ = ["doubtful", "montage"]

_DOUBTFUL = 10

Index = npt.NDArray[np.int64]

_KEY = (
    '<ul class="key"><li><svg viewBox="0 0 20 20" aria-hidden="true"><path class="box" d="M3 10h14M10 3v14"/></svg>'
    'middle of the box</li><li><svg viewBox="0 0 20 20" aria-hidden="true">'
    '<circle class="found" cx="10" cy="10" r="4"/></svg>centre found</li>{ring}{ellipse}</ul>'
)
_RING_KEY = (
    '<li><svg viewBox="0 0 20 20" aria-hidden="true"><circle class="ring" cx="10" cy="10" r="7"/></svg>'
    "particle, with the radius given</li>"
)
_ELLIPSE_KEY = (
    '<li><svg viewBox="0 0 20 20" aria-hidden="true"><ellipse class="ellipse" cx="10" cy="10" rx="7" ry="4"/></svg>'
    "95 % of where the centre may be</li>"
)


def _key(job: Job, centers: Centers) -> str:
    return _KEY.format(
        ring="" if job.radius is None else _RING_KEY, ellipse="" if centers.covariance is None else _ELLIPSE_KEY
    )


def _marks(job: Job, centers: Centers, k: int) -> dict[str, Any]:
    return {
        "radius": None if job.radius is None else float(job.radius[k]),
        "covariance": None if centers.covariance is None else centers.covariance[k],
    }


def _caption(job: Job, centers: Centers, k: int) -> str:
    row, column = centers.displacement[k]
    flags = ", ".join(Flag.names(int(centers.flags[k])))
    number, _, place = parted(job.particles.names[k])
    # the folder is the same for most of them, and says nothing here
    name = escape(readable(f"{number}@{place.rpartition('/')[2]}" if number else place))
    words = f"<b>particle {k + 1:,}</b> · row {row:+.1f}, column {column:+.1f} px"
    return f"<figcaption>{words}{f' · {flags}' if flags else ''}<br>{name}</figcaption>"


def montage(job: Job, centers: Centers, seen: Index) -> str:
    """Show some particles, from the least to the most displaced."""
    shown = ranked(centers, seen)
    images = job.particles.read(shown)
    smooth = max(1.0, images.shape[-1] / 90)
    pictures = displayed(images, smooth)
    moved = displayed(shift_images(images, -centers.displacement[shown]), smooth)
    figures = []
    for k, before, after in zip(shown.tolist(), pictures, moved, strict=True):
        row, column = centers.displacement[k]
        where = f"row {row:+.1f}, column {column:+.1f} pixels from the middle of the box"
        marks = _marks(job, centers, k)
        one = marked(
            before, f"Particle {k + 1} before: its centre is at {where}", center=centers.displacement[k], **marks
        )
        two = marked(after, f"Particle {k + 1} after: its centre is in the middle", center=np.zeros(2), **marks)
        figures.append(
            f'<figure><div class="pair"><div><span>before</span>{one}</div><div><span>after</span>{two}</div></div>'
            f"{_caption(job, centers, k)}</figure>"
        )
    return (
        "<p>From the least to the most displaced particle. Smoothed for display, contrast as stored.</p>"
        f'{_key(job, centers)}<div class="grid">{"".join(figures)}</div>'
    )


def doubtful(job: Job, centers: Centers, seen: Index) -> str:
    """Show the particles with flags and low scores, and their landscapes where the estimator has one."""
    score = np.where(np.isnan(centers.score), np.inf, centers.score)[seen]
    order = np.lexsort((score, centers.flags[seen] == 0))[:_DOUBTFUL]
    shown = seen[order]
    images = job.particles.read(shown)
    pictures = displayed(images, max(1.0, images.shape[-1] / 90))
    figures = []
    for k, image, picture in zip(shown.tolist(), images, pictures, strict=True):
        row, column = centers.displacement[k]
        one = marked(
            picture,
            f"Particle {k + 1}: centre found at row {row:+.1f}, column {column:+.1f} pixels",
            center=centers.displacement[k],
            **_marks(job, centers, k),
        )
        two = _landscape(job, image, k, centers.displacement[k])
        right = f"<div><span>landscape</span>{two}</div>" if two else ""
        score_words = "" if np.isnan(centers.score[k]) else f"<br>score {centers.score[k]:.2f}"
        caption = _caption(job, centers, k).replace("</figcaption>", f"{score_words}</figcaption>")
        figures.append(
            f'<figure><div class="{"pair" if two else ""}"><div><span>particle</span>{one}</div>{right}</div>'
            f"{caption}</figure>"
        )
    words = "Flagged centres first, then those with the lowest scores."
    if any('class="pair"' in figure for figure in figures):
        words += (
            " In the landscape dark is good: one deep, round hollow is a clear centre, several are not (half of the "
        )
        words += "shade is depth, half is rank)."
    return f'<p>{words}</p>{_key(job, centers)}<div class="grid">{"".join(figures)}</div>'


def _shades(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a landscape in shades from 0 to 1: half by depth, half by rank.

    By depth alone the hollow of a learned landscape is a dot in a plain: it is hundreds of times deeper than the rest
    is rough.  By rank alone a hollow in noise would look as deep as a clear one.
    """
    low, high = values.min(), values.max()
    rank = np.empty(values.size)
    rank[np.argsort(values, axis=None, kind="stable")] = np.linspace(0.0, 1.0, values.size)
    depth = (values - low) / ((high - low) or 1.0)
    return np.asarray(0.5 * depth + 0.5 * rank.reshape(values.shape))


def _landscape(job: Job, image: npt.NDArray[np.float32], k: int, center: npt.NDArray[np.float64]) -> str:
    """Return the landscape of one particle as a picture; nothing where the estimator has none."""
    estimator = job.estimators[int(job.members[k])]
    bright = -image if job.contrast.invert else image
    with named_if_outside(estimator):
        found = surface(estimator, bright, None if job.particles.ctf is None else job.particles.ctf[np.array([k])])
    if found is None:
        return ""
    return marked(
        _shades(found.values),
        f"Landscape of particle {k + 1}: its lowest point is the centre found",
        center=center,
        colormap="cividis",
        middle=(float(-found.rows[0]), float(-found.columns[0])),
    )
