"""What a run thinks of its centres, as columns of a STAR file, by which particles can be selected."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.io.star import StarFile
from centering.results import Centers, Flag

__all__ = ["FLAGS", "MERIT", "OURS", "SCORE", "SIGMA", "with_judgement"]

MERIT = "rlnParticleFigureOfMerit"
"""RELION's own label for how good a particle is: its Select jobs know it."""

SCORE, FLAGS, SIGMA = "centeringScore", "centeringFlags", "centeringSigma"
"""Our labels, which RELION keeps though it does not know them: score, flags by name, standard deviation."""

OURS = "centering"
"""How all labels of ours begin."""

_SIGMA_ANGST = f"{SIGMA}Angst"


def with_judgement(star: StarFile, centers: Centers, pixel_size: npt.NDArray[np.float64] | None) -> StarFile:
    """Return a STAR file with the score, the flags and, where there is one, the uncertainty of every centre.

    `MERIT` and `SCORE` hold the score, larger is clearer, 0 where it is not known; `MERIT` is left alone where somebody
    else has set it: where it is not the score of an earlier run, which `SCORE` has too.  `FLAGS` holds names, joined by
    commas, or ``none``.  The standard deviation, of the two axes together (square root of half the trace), is in
    Angstrom (``centeringSigmaAngst``), or in pixels (``centeringSigma``) where the pixel size is not known; 0 where it
    is not known.  What an earlier run has written is
    replaced in every column of these that is there, in both units: by 0 where this run knows nothing of it.
    """
    table = star.particles
    words = {value: ",".join(Flag.names(value)) or "none" for value in np.unique(centers.flags).tolist()}
    columns = {FLAGS: [words[value] for value in centers.flags.tolist()]}
    there = set(table.columns)
    if np.isfinite(centers.score).any() or SCORE in there:
        score = [f"{value:.4g}" for value in np.nan_to_num(centers.score, posinf=0.0, neginf=0.0).tolist()]
        if MERIT not in there or _is_ours(star):
            columns[MERIT] = score
        columns[SCORE] = score
    sigma = np.zeros(len(centers))
    if centers.covariance is not None:
        sigma = np.sqrt(np.trace(centers.covariance, axis1=1, axis2=2) / 2)
    scales = {SIGMA: np.ones(len(sigma)), _SIGMA_ANGST: np.zeros(len(sigma)) if pixel_size is None else pixel_size}
    wanted = None if centers.covariance is None else SIGMA if pixel_size is None else _SIGMA_ANGST
    for label, scale in scales.items():
        if label == wanted or label in there:
            columns[label] = [f"{value:.4f}" for value in np.nan_to_num(sigma * scale, posinf=0.0).tolist()]
    return star.with_columns(table, columns)


def _is_ours(star: StarFile) -> bool:
    """Return whether `MERIT` is the score of an earlier run, but for the decimals that RELION writes."""
    table = star.particles
    if SCORE not in table.columns:
        return False
    try:
        merit, score = star.numbers(table, MERIT), star.numbers(table, SCORE)
    except ValueError:
        return False
    return bool(np.allclose(merit, score, rtol=1e-5, atol=1e-6))
