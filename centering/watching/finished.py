"""What a watch keeps in its folder: its options, its lock, the stacks it has finished, and the STAR file of all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from os import fspath
from pathlib import Path
from typing import Any

import numpy as np

from centering.engine.job import Job
from centering.io.atomic import remove_dead, replacing
from centering.io.locking import LockGoneError, lock
from centering.io.star import StarFile
from centering.sentence import Sentence
from centering.watching.arrivals import Stamp

__all__ = ["Columns", "Finished", "columns", "give_back", "joined", "take"]

Columns = dict[str, list[str]]

_ABOUT, _LOCK = "watch.json", ".lock"

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
    unit = "" if star.optics is None else "Angst"
    labels = {_NAME: _NAME, _X: f"{_X}{unit}", _Y: f"{_Y}{unit}"}
    return {name: star.column(star.particles, label) for name, label in labels.items()}


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
    unit = "" if pixel_size is None else "Angst"
    return star.with_columns(star.particles, {f"{_X}{unit}": x, f"{_Y}{unit}": y})


def take(out: Path, about: Mapping[str, Any]) -> int:
    """Make the folder, or go on with that of an earlier watch with the same options; return its lock, or refuse."""
    state = out / _ABOUT
    remove_dead(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        out.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(state) as temporary:
                temporary.write_text(json.dumps(about, indent=2) + "\n")
        except OSError:
            with suppress(OSError):
                out.rmdir()
            raise
    elif not state.is_file():
        raise FileExistsError(f"{fspath(out)!r} exists and is not the folder of a watch; give another one")
    before = json.loads(state.read_text())
    words = "{folder!r} was begun with {name} {before!r}, not {value!r}; give the same, or another {out}"
    for name in {**before, **about}:
        old, new = before.get(name), about.get(name)
        if old != new:
            raise ValueError(Sentence(words, folder=fspath(out), name=name, before=old, value=new))
    while True:
        with suppress(LockGoneError):
            try:
                return lock(out / _LOCK)
            except BlockingIOError:
                words = "another watch is writing into {folder!r}; wait for it, or give another {out}"
                raise FileExistsError(Sentence(words, folder=fspath(out))) from None


def give_back(out: Path, held: int) -> None:
    """Give the lock back."""
    with suppress(OSError):  # one that stays is in nobody's way
        (out / _LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        os.close(held)
