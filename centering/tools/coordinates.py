"""Coordinates for extracting particles anew, rounded as RELION rounds them."""

from __future__ import annotations

from os import fspath

import numpy as np
import numpy.typing as npt

from centering.io.refusal import plausible
from centering.io.star import StarFile
from centering.sentence import Sentence

__all__ = ["recenter_coordinates", "round_half_away"]

Float64 = npt.NDArray[np.float64]

_MICROGRAPH_SIZES = ("rlnMicrographOriginalPixelSize", "rlnMicrographPixelSize")


def round_half_away(values: Float64) -> Float64:
    """Round to whole numbers, halves away from zero, as RELION's macro ``ROUND`` does (and C's ``round``)."""
    whole = np.trunc(values + np.copysign(0.5, values))
    return np.asarray(whole, dtype=np.float64)


def recenter_coordinates(
    star: StarFile, *, pixel_size: float | None = None, micrograph_pixel_size: float | None = None
) -> tuple[StarFile, str]:
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
        Angstrom per pixel of the micrographs that the coordinates are in.  Without it the optics groups are asked
        (``rlnMicrographOriginalPixelSize``, ``rlnMicrographPixelSize``), else it is that of the particles.

    Returns
    -------
    star : StarFile
    source : str
        Where the pixel size of the micrographs comes from, in words.

    Raises
    ------
    ValueError
        A missing column, or a pixel size that is needed and not known.
    """
    table = star.particles
    coordinates = [star.numbers(table, f"rlnCoordinate{axis}") for axis in "XY"]
    sizes, _ = star.pixel_sizes(pixel_size)
    micrograph, source = _micrograph_sizes(star, micrograph_pixel_size)
    if micrograph is None:
        micrograph, source = sizes, "taken to be that of the particles"
    displacement = star.displacements(sizes)
    scale = np.ones(len(table))
    if sizes is not None and micrograph is not None:
        scale = sizes / micrograph
    elif micrograph_pixel_size is not None:
        words = "{path!r} does not say the pixel size of the particles; give it ({pixel_size})"
        raise ValueError(Sentence(words, path=fspath(star.path)))
    origin = -displacement * scale[:, None]
    whole = round_half_away(origin)
    rest = -(origin - whole) / scale[:, None]
    moved = {
        "rlnCoordinateX": [f"{value:.6f}" for value in coordinates[0] - whole[:, 1]],
        "rlnCoordinateY": [f"{value:.6f}" for value in coordinates[1] - whole[:, 0]],
    }
    new = star.with_columns(table, moved)
    return new.with_origins(rest, sizes), source


def _micrograph_sizes(star: StarFile, given: float | None) -> tuple[Float64 | None, str]:
    if given is not None:
        if not plausible(given):
            raise ValueError(f"the pixel size of the micrographs is {given!r}; give a positive number of Angstrom")
        return np.full(len(star.particles), given), "given"
    for label in _MICROGRAPH_SIZES:
        sizes = star.per_particle(label, optics_first=True)
        if sizes is not None:
            return sizes, f"from {label}"
    return None, ""
