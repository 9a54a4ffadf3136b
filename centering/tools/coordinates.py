"""Coordinates for extracting particles anew, rounded as RELION rounds them."""

from __future__ import annotations

from os import PathLike, fspath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from centering.io.facts import settle
from centering.io.micrographs import micrograph_sizes
from centering.io.planar import refuse_subtomograms
from centering.io.refusal import plausible
from centering.io.star import StarFile, decimals
from centering.sentence import Sentence

__all__ = ["Recentered", "recenter_coordinates", "round_half_away"]

Float64 = npt.NDArray[np.float64]


def round_half_away(values: Float64) -> Float64:
    """Round to whole numbers, halves away from zero, as RELION's macro ``ROUND`` does (and C's ``round``)."""
    whole = np.trunc(values + np.copysign(0.5, values))
    return np.asarray(whole, dtype=np.float64)


class Recentered(NamedTuple):
    """What `recenter_coordinates` returns.

    Attributes
    ----------
    star : StarFile
        The particles with their coordinates moved.
    source : str
        Where the pixel size of the micrographs comes from, in words.
    warnings : list of str
        What speaks against it, and what else is doubtful in the file, a sentence each.
    """

    star: StarFile
    source: str
    warnings: list[str]


def recenter_coordinates(
    star: StarFile,
    *,
    pixel_size: float | None = None,
    micrograph_pixel_size: float | None = None,
    micrographs: str | PathLike[str] | None = None,
) -> Recentered:
    """Return a STAR file whose coordinates contain the whole-pixel part of the origins, which keep the rest.

    In micrograph pixels: ``coordinate -= ROUND(origin)``, ``origin -= ROUND(origin)``; the numbers of
    ``relion_preprocess --recenter``.

    Parameters
    ----------
    star : StarFile
        Particles with ``rlnCoordinateX``, ``rlnCoordinateY`` and origins.
    pixel_size : float, optional
        Angstrom per pixel of the particles, instead of what the file says; needed for origins in pixels only.
    micrograph_pixel_size : float, optional
        Angstrom per pixel of the micrographs that the coordinates are in, instead of what
        `centering.io.micrographs.micrograph_sizes` finds.
    micrographs : path, optional
        STAR file of the micrographs, which says their pixel sizes.

    Returns
    -------
    Recentered

    Raises
    ------
    ValueError
        A missing column, or a pixel size that is needed and not known, or stated twice and differently.
    """
    refuse_subtomograms(star)
    table = star.particles
    coordinates = [star.numbers(table, f"rlnCoordinate{axis}") for axis in "XY"]
    corrected, verdict = settle(star, pixel_size)
    sizes = own = verdict.values
    if sizes is not None and verdict.stated:
        stated = verdict.stated[0].values
        own = np.where(plausible(stated), stated, sizes)
    micrograph, source, warnings = micrograph_sizes(star, own, given=micrograph_pixel_size, micrographs=micrographs)
    displacement = star.displacements(own)
    if sizes is None or own is None:
        words = "{path!r} does not say the pixel size of the particles; give it ({pixel_size})"
        raise ValueError(Sentence(words, path=fspath(star.path)))
    # a pixel size that a user corrects is that of the microscope, of micrographs too, unless both are given;
    # in RELION's order: pixels of the particle first, then of the micrograph
    scale = (own if micrograph_pixel_size is None else sizes) / micrograph
    origin = -displacement * scale[:, None]
    whole = round_half_away(origin)
    rest = -(origin - whole) / scale[:, None]
    moved = {
        "rlnCoordinateX": decimals(coordinates[0] - whole[:, 1]),
        "rlnCoordinateY": decimals(coordinates[1] - whole[:, 0]),
    }
    moved_star = corrected.with_columns(corrected.particles, moved).with_origins(rest, sizes)
    return Recentered(moved_star, source, [*verdict.warnings, *star.warnings, *warnings])
