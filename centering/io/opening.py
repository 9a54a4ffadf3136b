"""Open a file of particles: find its stacks, its pixel sizes and what is wrong with it, before any pixel is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.cryosparc import CsFile
from centering.io.facts import Stated, settle, sizes_of_images
from centering.io.formats import format_of, in_words, read_table, reading
from centering.io.identity import stamps
from centering.io.mrc import MrcStack
from centering.io.particles import Listing, Particles
from centering.io.refusal import NotStatedError, check_pixel_size
from centering.io.star import StarFile
from centering.io.table import ParticleList, ParticleTable, image_names, refuse_duplicates

__all__ = ["image_names", "open_particles", "pixel_sizes", "refuse_duplicates"]


def open_particles(path: str | PathLike[str], pixel_size: float | None = None) -> Particles:
    """Open a file of particles, of one of `centering.io.formats`; of stacks only headers are read.

    Parameters
    ----------
    path : path
        The file.  Image names in it are looked for from the current folder (RELION's project folder), then from the
        folder of the file and its parents.
    pixel_size : float, optional
        Angstrom per pixel; overrides what the files say, see `centering.io.facts`.

    Raises
    ------
    FileNotFoundError
        No such file, or a stack that the STAR file names is not there.
    ValueError
        A file that cannot be used; the message says why.
    """
    source = Path(path)
    check_pixel_size(pixel_size)
    give = f"give a {in_words()} file"
    if source.is_dir():
        raise ValueError(f"{fspath(source)!r} is a folder; {give}, or 'centering watch' it")
    if not source.exists():
        raise FileNotFoundError(f"{fspath(source)!r} does not exist; {give}")
    if not source.is_file():
        raise ValueError(f"{fspath(source)!r} is no ordinary file; {give}")
    before = stamps([source])
    table = read_table(source)
    if isinstance(table, CsFile) and table.passthrough is not None:
        before += stamps([table.passthrough])
    particles = _from_table(table, pixel_size)
    particles = replace(particles, stamps=(*before, *particles.stamps))
    if not particles.readable.any():
        raise ValueError(f"no image of {fspath(source)!r} can be read: {particles.notes[0]}")
    return particles


def _from_table(table: ParticleTable, given: float | None) -> Particles:
    with reading(table.path):
        names, stack_index, image_index = image_names(table)
    refuse_duplicates(table, stack_index, image_index)
    paths, folder = _resolve(table.path, names)
    before = stamps(paths)
    stacks = [MrcStack.open(path) for path in paths]
    counts = np.array([stack.count for stack in stacks])
    beyond = np.flatnonzero(image_index >= counts[stack_index])
    if len(beyond):
        row = int(beyond[0])
        stack = stacks[stack_index[row]]
        raise ValueError(
            f"{fspath(table.path)!r} asks for image {image_index[row] + 1} of {fspath(stack.path)!r}, "
            f"which holds {stack.count} images"
        )
    notes = _remarks(stacks)
    if folder is not None:
        notes.append(f"image names are relative to {fspath(folder)!r}, not to the current folder")
    size = _common_size(stacks)
    with reading(table.path):
        header = _headers(stacks, stack_index) if format_of(table.path).lists else None
        table, verdict = settle(table, given, header)
        said = table.image_sizes()
        doubts = [] if said is None else sizes_of_images(table.path, *said, size, verdict)
        sizes = verdict.values
        notes += [*verdict.notes, *table.notes]
        listing = Listing(table, size, sizes)
        if isinstance(table, ParticleList) and table.star_can_wait:
            with suppress(NotStatedError):
                table.displacements(sizes)  # what is wrong with these is said before any work
        elif (star := listing.star) is not table:
            notes += star.remarks()
    return Particles(
        table.path,
        tuple(stacks),
        stack_index,
        image_index,
        size,
        sizes,
        verdict.source,
        listing,
        tuple(notes),
        (*verdict.warnings, *doubts, *table.warnings),
        stamps=before,
        table=table,
        pixel_size_stated=verdict.stated,
    )


def _resolve(source: Path, names: Sequence[str]) -> tuple[list[Path], Path | None]:
    """Find the stacks; also return the folder they are relative to, None for the current folder."""
    home = Path(os.path.abspath(source)).parent  # noqa: PTH100  (resolve() would follow links)
    bases: list[Path | None] = [None, home, *home.parents]
    paths = []
    missing = []
    used: Path | None = None
    for name in names:
        for base in bases:
            candidate = Path(name) if base is None else base / name
            if candidate.is_file():
                paths.append(candidate)
                used = used or base
                break
        else:
            missing.append(name)
    if missing:
        others = f" (and {len(missing) - 1} more of the {len(names)} stacks)" if len(missing) > 1 else ""
        raise FileNotFoundError(
            f"stack {missing[0]!r}{others} named in {fspath(source)!r} was not found from the current "
            "folder, nor from the folder of that file or its parents; run from the project folder"
        )
    return paths, used


def _headers(stacks: Sequence[MrcStack], stack_index: npt.NDArray[np.int64]) -> Stated | None:
    """Return what the headers of the stacks say of the pixel size, None where all are silent."""
    sizes = np.array([stack.voxel_size or np.nan for stack in stacks])
    if np.isnan(sizes).all():
        return None

    def whose(row: int) -> str:
        return f"the header of {fspath(stacks[stack_index[row]].path)!r}"

    return Stated("the MRC headers", "from the MRC headers", sizes[stack_index], header=True, whose=whose)


def pixel_sizes(star: StarFile, given: float | None = None) -> tuple[npt.NDArray[np.float64] | None, str]:
    """Return `StarFile.pixel_sizes`."""
    return star.pixel_sizes(given)


def _common_size(stacks: Sequence[MrcStack]) -> int:
    """Return the side of the images; they must be square and all of one size."""
    for stack in stacks:
        if stack.shape[0] != stack.shape[1]:
            raise ValueError(
                f"{fspath(stack.path)!r} holds images of {stack.shape[0]} x {stack.shape[1]} pixels; "
                "they must be square"
            )
        if stack.shape != stacks[0].shape:
            raise ValueError(
                f"{fspath(stacks[0].path)!r} holds images of {stacks[0].shape[0]} pixels and "
                f"{fspath(stack.path)!r} of {stack.shape[0]}; center image sizes one at a time"
            )
    return stacks[0].shape[0]


def _remarks(stacks: Sequence[MrcStack]) -> list[str]:
    """Say which files end before their last image, and what is converted on reading."""
    notes = [stack.truncation for stack in stacks if stack.available < stack.count]
    kinds = sorted({stack.dtype.newbyteorder("=").name for stack in stacks} - {"float32"})
    return [*notes, *([f"pixels are stored as {' and '.join(kinds)} and are converted to float32"] if kinds else [])]
