"""What a run thinks of its centres, as columns of a STAR file, by which particles can be selected."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.io.star import StarFile
from centering.results import Centers, Flag

__all__ = ["FLAGS", "MERIT", "SCORE", "SIGMA", "with_judgement"]

MERIT = "rlnParticleFigureOfMerit"
"""RELION's own label for how good a particle is: its Select jobs know it."""

SCORE, FLAGS, SIGMA = "centeringScore", "centeringFlags", "centeringSigma"
"""Our labels, which RELION keeps though it does not know them: score, flags by name, standard deviation."""


def with_judgement(star: StarFile, centers: Centers, pixel_size: npt.NDArray[np.float64] | None) -> StarFile:
    """Return a STAR file with the score, the flags and, where there is one, the uncertainty of every centre.

    `MERIT` and `SCORE` hold the score, larger is clearer, 0 where it is not known; `MERIT` is left alone where somebody
    else has set it.  `FLAGS` holds names, joined by commas, or ``none``.  The standard deviation, of the two axes
    together (square root of half the trace), is in Angstrom (``centeringSigmaAngst``), or in pixels
    (``centeringSigma``) where the pixel size is not known; 0 where it is not known.
    """
    table = star.particles
    words = {value: ",".join(Flag.names(value)) or "none" for value in np.unique(centers.flags).tolist()}
    columns = {FLAGS: [words[value] for value in centers.flags.tolist()]}
    if np.isfinite(centers.score).any():
        score = [f"{value:.4g}" for value in np.nan_to_num(centers.score, posinf=0.0, neginf=0.0).tolist()]
        if MERIT not in table.columns or SCORE in table.columns:
            columns[MERIT] = score
        columns[SCORE] = score
    if centers.covariance is not None:
        sigma = np.sqrt(np.trace(centers.covariance, axis1=1, axis2=2) / 2)
        label = SIGMA if pixel_size is None else f"{SIGMA}Angst"
        values = np.nan_to_num(sigma if pixel_size is None else sigma * pixel_size)
        columns[label] = [f"{value:.4f}" for value in values.tolist()]
    return star.with_columns(table, columns)
