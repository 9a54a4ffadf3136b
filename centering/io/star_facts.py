"""What a STAR file says of its pixel size, and how it is corrected where a user knows better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from os import fspath
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from centering.io.facts import Stated
from centering.io.refusal import plausible
from centering.io.star_table import Table
from centering.io.star_text import StarText, whole

__all__ = ["ORIGINS", "decimals", "image_sizes", "pixel_size_sources", "refuse_unusable", "with_pixel_size"]

Float64 = npt.NDArray[np.float64]
Star = TypeVar("Star", bound=StarText)

ORIGINS = ("rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginX", "rlnOriginY")
"""The origins in the plane, those in Angstrom first."""

_IMAGES = "rlnImagePixelSize"
_MODEL = "rlnPixelSize"  # of references, and in the particles of Warp and M of these
_DETECTOR, _MAGNIFICATION = "rlnDetectorPixelSize", "rlnMagnification"  # micrometres; RELION 3.0

_MICROGRAPHS = ("rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize")


def refuse_unusable(star: StarText) -> None:
    """Raise ValueError where there are optics groups and nobody can say which particle belongs to which.

    ``rlnOpticsGroup`` without ``data_optics``, or a group defined twice by rows that differ in more than its name.
    """
    name, particles, optics = fspath(star.path), star.particles, star.optics
    if optics is None:
        if "rlnOpticsGroup" in particles.columns:
            raise ValueError(f"{name!r} has particles of optics groups and no data_optics that says what they are")
        return
    if "rlnOpticsGroup" not in optics.columns:
        if len(optics) == 1 and "rlnOpticsGroup" in particles.columns:
            found = sorted(set(star.column(particles, "rlnOpticsGroup")))
            if len(found) > 1:
                raise ValueError(
                    f"{name!r} has particles of the optics groups {', '.join(found[:3])} and one row of data_optics, "
                    "which does not say whose it is: it has no column rlnOpticsGroup"
                )
        return
    numbers = [whole(one) for one in star.column(optics, "rlnOpticsGroup")]
    twice = next((one for one, count in Counter(numbers).items() if count > 1), None)
    if twice is None:
        return
    for label in sorted(set(optics.columns), key=lambda one: (one != _IMAGES, optics.columns.index(one))):
        if label not in ("rlnOpticsGroup", "rlnOpticsGroupName"):
            values = [one for one, number in zip(star.column(optics, label), numbers, strict=True) if number == twice]
            if len({_number(one) for one in values}) > 1:
                raise ValueError(
                    f"{name!r} has optics group {twice} twice, with different values of {label}: "
                    f"{' and '.join(dict.fromkeys(values))}; give every group a number of its own"
                )


def _number(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def pixel_size_sources(star: StarText) -> list[Stated]:
    """Return every source of a pixel size in a STAR file, the one that counts first; ValueError: unusable groups."""
    refuse_unusable(star)
    particles, optics = star.particles, star.optics
    found = []
    if optics is not None and _IMAGES in optics.columns:
        values = star.per_particle(_IMAGES, optics_first=True)
        assert values is not None
        found.append(Stated(f"{_IMAGES} of data_optics", "from the optics groups of the STAR file", values, firm=True))
    if _IMAGES in particles.columns:
        values = star.numbers(particles, _IMAGES)
        found.append(Stated(f"{_IMAGES} of the particles", "from the particles of the STAR file", values, firm=True))
    for read in (_model, _nominal):
        # what is not needed may be anything
        with suppress(*([ValueError] if found else [])):
            one = read(star)
            if one is not None:
                found.append(one)
    return found


def _model(star: StarText) -> Stated | None:
    values = star.per_particle(_MODEL)
    return None if values is None else Stated(_MODEL, f"from {_MODEL} in the STAR file", values)


def _nominal(star: StarText) -> Stated | None:
    detector, magnification = star.per_particle(_DETECTOR), star.per_particle(_MAGNIFICATION)
    if detector is None or magnification is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        sizes = 1e4 * detector / magnification
    words = "from detector pixel size and magnification in the STAR file"
    return Stated(f"{_DETECTOR} and {_MAGNIFICATION}", words, sizes)


def image_sizes(star: StarText) -> tuple[str, Float64] | None:
    """Return the label of the size of the images, and its values, shape (B,); None where it is not said."""
    found = None
    with suppress(ValueError):  # nothing depends on it
        found = star.per_particle("rlnImageSize", optics_first=True)
    return None if found is None else ("rlnImageSize", found)


def with_pixel_size(star: Star, pixel_size: float) -> Star:
    """Return a file that gives this pixel size; origins keep their length in pixels.

    ``rlnImagePixelSize`` (and ``rlnPixelSize``, and the magnification in files of RELION 3.0) are set where they are,
    and with optics groups where they are not; origins in Angstrom, and the pixel sizes of micrographs, are multiplied
    by what the pixel size grew by.  Nothing is changed in a file that gives this pixel size already, or none in pixels.
    """
    sources = pixel_size_sources(star)
    same = [one for one in sources if one.firm] or sources
    if same and all(np.allclose(one.values, pixel_size, rtol=1e-6, atol=0) for one in same):
        return star
    if not sources:
        optics = star.optics
        return star if optics is None else star.with_columns(optics, {_IMAGES: decimals([pixel_size] * len(optics))})
    growth = _growth(pixel_size, sources[0].values)
    particles, optics = star.particles, star.optics
    columns = _corrected(star, particles, pixel_size, growth)
    columns |= {
        label: _scaled(star, particles, label, growth)
        for label in particles.columns
        if label.startswith("rlnOrigin") and label.endswith("Angst")
    }
    result = star.with_columns(particles, columns)
    optics = result.optics
    if optics is None:
        return result
    if _IMAGES in optics.columns:
        columns = _corrected(result, optics, pixel_size, _growth(pixel_size, result.numbers(optics, _IMAGES)))
    else:
        columns = {_IMAGES: decimals([pixel_size] * len(optics))}
    return result.with_columns(optics, columns)


def _growth(pixel_size: float, old: Float64) -> Float64:
    usable = plausible(old)  # what is none had no unit for its origins either
    return np.where(usable, pixel_size / np.where(usable, old, 1.0), 1.0)


def _corrected(star: StarText, table: Table, pixel_size: float, growth: Float64) -> dict[str, list[str]]:
    """Return the pixel sizes of one table, corrected."""
    columns = {label: decimals([pixel_size] * len(table)) for label in (_IMAGES, _MODEL) if label in table.columns}
    if not columns and _MAGNIFICATION in table.columns and star.optics is None:
        columns[_MAGNIFICATION] = _scaled(star, table, _MAGNIFICATION, 1.0 / growth)
    for label in _MICROGRAPHS:
        if label in table.columns:
            columns[label] = _scaled(star, table, label, growth)
    return columns


def _scaled(star: StarText, table: Table, label: str, growth: Float64) -> list[str]:
    """Return one column with its numbers multiplied."""
    values = star.numbers(table, label)
    with np.errstate(over="ignore"):
        scaled = values * growth
    if not np.isfinite(scaled).all():
        value = values[~np.isfinite(scaled)][0]
        raise ValueError(f"column {label} of {fspath(star.path)!r} holds {value:g}, which is no length; correct it")
    return decimals(scaled)


def decimals(values: Sequence[float] | npt.NDArray[np.floating]) -> list[str]:
    """Return numbers as a STAR file has them, with six decimals."""
    # adding zero turns -0.0, and what rounds to it, into 0.0
    return [f"{value:.6f}" for value in (np.round(np.asarray(values), 6) + 0.0).tolist()]
