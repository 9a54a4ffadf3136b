"""Open a file of particles: find its stacks, its pixel sizes and what is wrong with it, before any pixel is read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.cryosparc import CsFile
from centering.io.facts import BY_DEFAULT, GIVEN, PixelSizes, Stated, settle, sizes_of_images
from centering.io.formats import in_words, read_table, reading
from centering.io.identity import stamps
from centering.io.mrc import MrcStack
from centering.io.particles import Listing, Particles
from centering.io.places import Place, said_twice
from centering.io.planar import refuse_unnumbered, refuse_volumes, segment_doubts, volume_doubts
from centering.io.refusal import NotStatedError, check_pixel_size
from centering.io.stack import StackTable
from centering.io.star import StarFile
from centering.io.table import ParticleList, ParticleTable, image_names, refuse_duplicates
from centering.sentence import Sentence

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
        A file that cannot be used, or one that is no set of images of single particles; the message says why.
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
    listed = not isinstance(table, StackTable)  # which is its own name
    paths, folder, twice = _resolve(table.path, names) if listed else ([table.path], None, [])
    before = stamps(paths)
    stacks = [MrcStack.open(path) for path in paths]
    if listed:
        refuse_unnumbered(table, stacks, stack_index, image_index)
    for stack in stacks:
        refuse_volumes(stack, listed=listed)
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
        header = _headers(stacks, stack_index) if listed else None
        table, verdict = settle(table, given, header)
        said = table.image_sizes()
        doubts = [] if said is None else sizes_of_images(table.path, *said, size, verdict)
        doubts += _unit_doubts(table, verdict)
        sizes = verdict.values
        notes += [*verdict.notes, *table.notes]
        listing = Listing(table, size, sizes)
        if isinstance(table, ParticleList) and table.star_can_wait:
            with suppress(NotStatedError):
                table.displacements(sizes)  # what is wrong with these is said before any work
        elif (star := listing.star) is not table:
            notes += star.remarks()
    others = [*segment_doubts(table), *twice, *volume_doubts(stacks, listed=listed), *_doubts(stacks)]
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
        (*verdict.warnings, *doubts, *table.warnings, *others),
        stamps=before,
        table=table,
        pixel_size_stated=verdict.stated,
    )


def _unit_doubts(table: ParticleTable, verdict: PixelSizes) -> list[str]:
    """Return a warning where origins in Angstrom stand in a file that gives no pixel size, and a header does.

    ValueError: the header gives 1 Angstrom, as programs write it that do not know it.
    """
    if not (isinstance(table, StarFile) and table.in_angstrom and verdict.values is not None):
        return []
    if verdict.source == GIVEN or not verdict.stated[0].header:
        return []
    words = "{path!r} has origins in Angstrom and gives no pixel size, and {header} gives {size:.6g} Angstrom"
    default = np.flatnonzero(verdict.values == BY_DEFAULT)
    row = int(default[0]) if len(default) else 0
    told = {"path": fspath(table.path), "header": verdict.stated[0].of(row), "size": verdict.values[row]}
    if len(default):
        raise ValueError(
            Sentence(words + ", as programs write it that do not know it; give the true one ({pixel_size})", **told)
        )
    return [Sentence(words + ", which is taken; else give {pixel_size}", **told)]


def _resolve(source: Path, names: Sequence[str]) -> tuple[list[Path], Path | None, list[str]]:
    """Find the stacks; also the folder they are relative to, None for the current one, and what is doubtful in that."""
    place = Place(source)
    fits = [(name, place.fitting(name)) for name in names]
    missing = [name for name, found in fits if not found]
    if missing:
        others = f" (and {len(missing) - 1} more of the {len(names)} stacks)" if len(missing) > 1 else ""
        raise FileNotFoundError(
            f"stack {missing[0]!r}{others} named in {fspath(source)!r} was not found from the current "
            "folder, nor from the folder of that file or its parents; run from the project folder"
        )
    used = next((found[0][1] for _, found in fits if found[0][1] is not None), None)
    return [found[0][0] for _, found in fits], used, said_twice(fits, source)


def _headers(stacks: Sequence[MrcStack], stack_index: npt.NDArray[np.int64]) -> Stated | None:
    """Return what the headers of the stacks say of the pixel size, None where all are silent."""
    sizes = np.array([stack.voxel_size or np.nan for stack in stacks])
    if np.isnan(sizes).all():
        return None
    whose = partial(_whose, tuple(stack.path for stack in stacks), stack_index)
    return Stated("the MRC headers", "from the MRC headers", sizes[stack_index], header=True, whose=whose)


def _whose(paths: Sequence[Path], stack_index: npt.NDArray[np.int64], row: int) -> str:
    return f"the header of {fspath(paths[stack_index[row]])!r}"


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


def _doubts(stacks: Sequence[MrcStack]) -> list[str]:
    """Return what of the headers does not fit, once for every kind of doubt."""
    found = [stack.doubts for stack in stacks]
    every = [sentences for sentences in found if sentences]
    if len(every) < 2:
        return [one for sentences in every for one in sentences]
    return [*every[0], f"the headers of {len(every) - 1} more stacks do not fit the files either, or themselves"]


def _remarks(stacks: Sequence[MrcStack]) -> list[str]:
    """Say which files end before their last image, and what is converted on reading."""
    notes = [stack.truncation for stack in stacks if stack.available < stack.count]
    kinds = sorted({stack.dtype.newbyteorder("=").name for stack in stacks} - {"float32"})
    return [*notes, *([f"pixels are stored as {' and '.join(kinds)} and are converted to float32"] if kinds else [])]
