"""Origins that a file states already: what a run replaces, and what it keeps."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from os import fspath
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.cryosparc import CsFile
from centering.io.cs_alignments import ALIGNMENTS
from centering.io.particles import Particles
from centering.io.refusal import NotStatedError
from centering.results import Centers, Flag
from centering.sentence import Sentence

__all__ = ["Origins", "stated_origins"]

_UNSEEN = Flag.NONFINITE | Flag.UNREADABLE | Flag.FLAT
"""Images that show nothing: no centre was found in them, and the one that is stated is the better one."""


@dataclass(frozen=True)
class Origins:
    """The origins that a file states, of which one at least is not zero.

    Attributes
    ----------
    displacement : ndarray, shape (B, 2), float64
        (row, column) in pixels: where the file says that the objects lie, minus the centre pixel.
    angles : int
        Whether the file has angles, too: 0: none; 2: in the plane, of a 2-D classification; 3: in space, of a
        refinement.
    keep_within : float or None
        Origins stay where the new centre lies within so many pixels of them; None: all are replaced, but for those of
        images in which nothing is found.
    decided : bool
        Whether the user has said what becomes of them.
    """

    displacement: npt.NDArray[np.float64]
    angles: int = 0
    keep_within: float | None = None
    decided: bool = False

    def kept(self, centers: Centers) -> npt.NDArray[np.bool_]:
        """Return a mask, shape (B,), of the origins that stay: those near new centres, and where nothing was found."""
        unseen = centers.has(_UNSEEN)
        return unseen if self.keep_within is None else unseen | (self._apart(centers) <= self.keep_within)

    def settled(self, centers: Centers) -> Centers:
        """Return the centres with the origins that stay."""
        kept = self.kept(centers)
        if not kept.any():
            return centers
        return replace(centers, displacement=np.where(kept[:, None], self.displacement, centers.displacement))

    def compared(self, centers: Centers) -> dict[str, Any]:
        """Return the stated origins against the centres that were found, before any was kept, ready for JSON."""
        seen = ~centers.has(_UNSEEN) | centers.has(_UNSEEN).all()
        medians = {
            "stated_median_px": np.hypot(*self.displacement.T)[seen],
            "found_median_px": np.hypot(*centers.displacement.T)[seen],
            "apart_median_px": self._apart(centers)[seen],
        }
        return {
            "stated": int(np.count_nonzero(self.displacement.any(axis=1))),
            **{name: round(float(np.median(values)), 4) for name, values in medians.items()},
            "kept": int(self.kept(centers).sum()),
            "kept_within_px": self.keep_within,
            "angles": {0: None, 2: "in the plane", 3: "in space"}[self.angles],
        }

    def warning(self) -> str:
        """Return what to think of before they are replaced, in one sentence."""
        length = np.hypot(*self.displacement.T)
        count = np.count_nonzero(length)
        words = f"origins that are stated already ({count} of {len(length)}, median {np.median(length):.2f} px)"
        within = self.keep_within
        words += " are replaced" if within is None else f" stay where they are within {within:g} px of new centres"
        if self.angles:
            where = "in space" if self.angles == 3 else "in the plane"
            words += f"; the angles {where}, which were found with them, stay"
        return words

    def _apart(self, centers: Centers) -> npt.NDArray[np.float64]:
        return np.asarray(np.hypot(*(centers.displacement - self.displacement).T))


def stated_origins(
    particles: Particles, *, replace_refined: bool = False, keep_within: float | None = None
) -> Origins | None:
    """Return the origins that a file states; None where it states none, or only zeros.

    Parameters
    ----------
    particles : Particles
        From `centering.io.opening.open_particles`.
    replace_refined : bool
        Whether origins of refined particles, whose file has angles in space, may be replaced.
    keep_within : float, optional
        Origins stay where the new centre lies within so many pixels of them.

    Raises
    ------
    ValueError
        Refined particles, and neither of the two is given; a distance that is negative.
    """
    if keep_within is not None and not (np.isfinite(keep_within) and keep_within >= 0):
        raise ValueError(Sentence("{keep_within} is {value:g}; give pixels, 0 or more", value=keep_within))
    displacement = None
    if particles.table is not None:
        with suppress(NotStatedError):
            displacement = _displacements(particles)
    if displacement is None or not displacement.any():
        return None
    assert particles.table is not None
    angles = particles.table.angles
    if angles == 3 and keep_within is None and not replace_refined:
        words = (
            "{source!r} is of a 3-D refinement (angles in space, origins of {median:.2f} px in the median), and a new "
            "centre is hardly better; give {replace_refined:True} to replace all origins, or {keep_within} to keep "
            "those that the new centre is near"
        )
        median = float(np.median(np.hypot(*displacement.T)))
        raise ValueError(Sentence(words, source=fspath(particles.source), median=median))
    return Origins(displacement, angles, keep_within, decided=replace_refined or keep_within is not None)


def _displacements(particles: Particles) -> npt.NDArray[np.float64]:
    """Return the displacements that count: of particles that are refined, those that belong to the angles in space."""
    table = particles.table
    assert table is not None
    if isinstance(table, CsFile) and table.angles == 3:
        with suppress(NotStatedError):
            return table.displacements(only=ALIGNMENTS[1])
    return table.displacements(particles.pixel_size)
