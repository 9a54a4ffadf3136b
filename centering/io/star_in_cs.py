"""What a STAR file says of microscope, defoci and micrographs, by the fields of cryoSPARC."""

from __future__ import annotations

import os
from contextlib import suppress
from os import fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.cs_to_star import COORDINATES, OPTICS, PARTICLES
from centering.io.mrc import MrcStack
from centering.io.refusal import refuse_name
from centering.io.star import PLACEHOLDERS, StarFile

__all__ = ["MICROSCOPE", "carried", "left_out"]

Float64 = npt.NDArray[np.float64]

_KNOWN = {
    "rlnImageName", "rlnOpticsGroup", "rlnOriginX", "rlnOriginY", "rlnOriginXAngst", "rlnOriginYAngst",
    "rlnImagePixelSize", "rlnPixelSize", "rlnDetectorPixelSize", "rlnMagnification", "rlnImageSize",
    *PARTICLES, *(label for label in OPTICS if label in PLACEHOLDERS),
}  # fmt: skip
_CORRECTED = ("rlnCtfDataAreCtfPremultiplied", "rlnCtfDataArePhaseFlipped")
_PLANAR = {"rlnClassNumber", "rlnAnglePsi"}
_PLACES = {"rlnMicrographName", "rlnMicrographPixelSize", *COORDINATES}


MICROSCOPE = {OPTICS[label] for label in PLACEHOLDERS}
"""Fields that are the same for all particles of an optics group."""


def left_out(star: StarFile, *, planar: bool, new: bool) -> list[str]:
    """Return the columns of the particles that are not converted."""
    known = _KNOWN | (_PLANAR if planar else set()) | (_PLACES if new else {*COORDINATES, "rlnMicrographName"})
    return [label for label in star.particles.columns if label not in known]


def carried(
    star: StarFile, *, micrographs: bool = True
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, npt.NDArray[np.bytes_]], list[str]]:
    """Return numbers and texts of every particle by the fields of cryoSPARC, and what could not be had, in words."""
    doubts: list[str] = []
    numbers = _ctf(star, doubts)
    texts: dict[str, npt.NDArray[np.bytes_]] = {}
    if micrographs and "rlnMicrographName" in star.particles.columns:
        places, texts = _places(star, doubts)
        numbers |= places
    return numbers, texts, doubts


def _ctf(star: StarFile, doubts: list[str]) -> dict[str, Float64]:
    name = fspath(star.path)
    for label in _CORRECTED:
        corrected = star.per_particle(label, optics_first=True)
        if corrected is not None and corrected.any():
            doubts.append(f"the transfer functions of {name!r} are left out: its images are corrected ({label})")
            return {}
    made_up = " ".join(words for words in star.remarks() if "placeholders" in words)
    found: dict[str, Float64] = {}
    for label, field in {**OPTICS, **PARTICLES}.items():
        if field.startswith("ctf/") and label not in made_up:
            try:
                values = star.per_particle(label)
            except ValueError as error:
                doubts.append(f"{label} is left out: {error}")
                continue
            if values is not None:
                found[field] = np.deg2rad(values) if field.endswith("_rad") else values
    if made_up:
        labels = ", ".join(label for label in PLACEHOLDERS if label in made_up)
        doubts.append(f"placeholders of {name!r} are left out: {labels}")
    if {"ctf/df1_A", "ctf/df2_A"} <= {*found}:
        for field in ("ctf/df_angle_rad", "ctf/phase_shift_rad"):
            found.setdefault(field, np.zeros(len(star)))
    optics = star.optics
    if found and optics is not None and "rlnOpticsGroup" in star.particles.columns:
        groups = np.unique(star.column(star.particles, "rlnOpticsGroup"), return_inverse=True)[1]
        found["ctf/exp_group_id"] = groups.reshape(-1).astype(np.float64)
    return found


def _places(star: StarFile, doubts: list[str]) -> tuple[dict[str, Float64], dict[str, npt.NDArray[np.bytes_]]]:
    """Return the micrographs, and the places in them where their sizes are known: from their files."""
    names = star.column(star.particles, "rlnMicrographName")
    distinct = list(dict.fromkeys(names))
    try:
        for name in distinct:
            refuse_name(star.path, name)
    except ValueError as error:
        doubts.append(f"the micrographs are left out: {error}")
        return {}, {}
    where = {name: k for k, name in enumerate(distinct)}
    rows = np.array([where[name] for name in names])
    texts = {"location/micrograph_path": np.array([os.fsencode(name) for name in distinct])[rows]}
    if not {*COORDINATES} <= {*star.particles.columns}:
        return {}, texts
    shapes = [_shape(star.path, name) for name in distinct]
    unknown = [name for name, shape in zip(distinct, shapes, strict=True) if shape is None]
    if unknown:
        doubts.append(
            f"the coordinates of {fspath(star.path)!r} are left out: a .cs file has them in parts of the micrograph, "
            f"and the size of {unknown[0]!r} is not known, for it was not found"
        )
        return {}, texts
    shape = np.array(shapes, dtype=np.float64)[rows]
    found = {"location/micrograph_shape": shape}
    with suppress(ValueError):
        sizes = star.per_particle("rlnMicrographPixelSize", optics_first=True)
        if sizes is not None:
            found["location/micrograph_psize_A"] = sizes
    for label, (field, axis) in COORDINATES.items():
        found[field] = star.numbers(star.particles, label) / shape[:, axis]
    return found, texts


def _shape(source: Path, name: str) -> tuple[int, int] | None:
    """Return (rows, columns) of a micrograph, looked for from the current folder and from those above the file."""
    home = Path(os.path.abspath(source)).parent  # noqa: PTH100  (resolve() would follow links)
    for place in (Path(name), *(folder / name for folder in (home, *home.parents))):
        if place.is_file():
            with suppress(ValueError, OSError):
                return MrcStack.open(place).shape
            return None
    return None
