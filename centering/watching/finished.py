"""What is known of the stacks that a watch has finished, and the STAR file of all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from centering.engine.job import Job
from centering.io.star import StarFile
from centering.watching.arrivals import Stamp

__all__ = ["Columns", "Finished", "columns", "joined"]

Columns = dict[str, list[str]]

_NAME, _X, _Y = "rlnImageName", "rlnOriginX", "rlnOriginY"


@dataclass(frozen=True)
class Finished:
    """A stack whose results are there, as its ``stack.json`` says.

    Attributes
    ----------
    stack : str
        Its path below the folder that is watched.
    stamp : tuple of int
        Size in bytes and time of the last change in nanoseconds when it was centred.
    images, image_size_px : int
        Number of images and their side.
    angstrom_per_px : float or None
        Pixel size, where it is known.
    inverted, clear : bool
        Whether its pixels were inverted, and whether that was clear.
    """

    stack: str
    stamp: Stamp
    images: int
    image_size_px: int
    angstrom_per_px: float | None
    inverted: bool
    clear: bool

    @classmethod
    def of(cls, stack: str, stamp: Stamp, job: Job) -> Finished:
        """Describe the stack of a job."""
        particles, contrast = job.particles, job.contrast
        size = None if particles.pixel_size is None else float(particles.pixel_size[0])
        return cls(stack, stamp, len(particles), particles.size, size, contrast.invert, contrast.clear)

    @classmethod
    def read(cls, path: Path) -> Finished:
        """Read a ``stack.json``."""
        values = json.loads(path.read_text())
        return cls(**{**values, "stamp": tuple(values["stamp"])})

    def write(self, path: Path) -> None:
        """Write a ``stack.json``."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def columns(star: StarFile) -> Columns:
    """Return names and origins as they stand in the results of one stack, so that no digit changes."""
    unit = _unit(known=star.optics is not None)
    table = star.particles
    return {
        _NAME: star.column(table, _NAME),
        _X: star.column(table, f"{_X}{unit}"),
        _Y: star.column(table, f"{_Y}{unit}"),
    }


def joined(path: Path, stacks: Sequence[Finished], parts: Sequence[Columns]) -> StarFile:
    """Return the STAR file of several stacks, one optics group for every pixel size.

    Parameters
    ----------
    path : Path
        What messages call it.
    stacks : sequence of Finished
        At least one; their images have one size, and the pixel size of all or of none is known.
    parts : sequence of dict
        The `columns` of each of them.
    """
    first = stacks[0]
    names, x, y = ([value for part in parts for value in part[label]] for label in (_NAME, _X, _Y))
    pixel_size = None
    if first.angstrom_per_px is not None:
        # what is equal in the six decimals of a STAR file is one optics group
        each = [round(one.angstrom_per_px or 0.0, 6) for one in stacks]
        pixel_size = np.repeat(each, [one.images for one in stacks])
    star = StarFile.new(path, names, size=first.image_size_px, pixel_size=pixel_size)
    unit = _unit(known=pixel_size is not None)
    return star.with_columns(star.particles, {f"{_X}{unit}": x, f"{_Y}{unit}": y})


def _unit(*, known: bool) -> str:
    """Return the end of the labels of origins: Angstrom where the pixel size is known."""
    return "Angst" if known else ""
