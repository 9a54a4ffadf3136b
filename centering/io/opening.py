"""Open a file of particles: find its stacks, its pixel sizes and what is wrong with it, before any pixel is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.atomic import refuse_line_breaks
from centering.io.cryosparc import CsFile
from centering.io.identity import stamps
from centering.io.mrc import MrcStack
from centering.io.particles import Particles
from centering.io.refusal import check_pixel_size, plausible
from centering.io.star import PLACEHOLDERS, StarFile

__all__ = ["image_names", "open_particles", "pixel_sizes", "refuse_duplicates"]


def open_particles(path: str | PathLike[str], pixel_size: float | None = None) -> Particles:
    """Open a ``.star``, ``.cs``, ``.mrcs`` or ``.mrc`` file; of stacks only headers are read.

    Parameters
    ----------
    path : path
        The file.  Image names in a STAR file are looked for from the current folder (RELION's project
        folder), then from the folder of the STAR file and its parents.
    pixel_size : float, optional
        Angstrom per pixel; overrides what the files say.  Without it the optics group is asked first, then
        ``rlnDetectorPixelSize`` and ``rlnMagnification`` (RELION 3.0), then the header of the stack.

    Raises
    ------
    FileNotFoundError
        No such file, or a stack that the STAR file names is not there.
    ValueError
        A file that cannot be used; the message says why.
    """
    source = Path(path)
    check_pixel_size(pixel_size)
    if source.is_dir():
        raise ValueError(
            f"{fspath(source)!r} is a folder; give a .star, .cs, .mrcs or .mrc file, or 'centering watch' it"
        )
    if not source.exists():
        raise FileNotFoundError(f"{fspath(source)!r} does not exist; give a .star, .cs, .mrcs or .mrc file")
    if not source.is_file():
        raise ValueError(f"{fspath(source)!r} is no ordinary file; give a .star, .cs, .mrcs or .mrc file")
    kind = source.suffix.lower()
    openers = {".star": _from_star_file, ".cs": _from_cs, ".mrc": _from_stack, ".mrcs": _from_stack}
    if kind not in openers:
        raise ValueError(
            f"{fspath(source)!r} has the extension {source.suffix!r}; give a .star, .cs, .mrcs or .mrc file"
        )
    before = stamps([source])
    particles = openers[kind](source, pixel_size)
    particles = replace(particles, stamps=(*before, *particles.stamps))
    if not particles.readable.any():
        raise ValueError(f"no image of {fspath(source)!r} can be read: {particles.notes[0]}")
    return particles


def _from_stack(path: Path, pixel_size: float | None) -> Particles:
    refuse_line_breaks(path)
    stack = MrcStack.open(path)
    where = "given"
    if pixel_size is None:
        pixel_size = stack.voxel_size
        where = "not known" if pixel_size is None else "from the MRC header"
    if pixel_size is None:
        note = "the pixel size is not known, so the new STAR file has origins in pixels, as RELION 3.0 has them"
    else:
        note = _placeholders()
    return Particles(
        path,
        (stack,),
        np.zeros(stack.count, dtype=np.int64),
        np.arange(stack.count),
        _common_size([stack]),
        None if pixel_size is None else np.full(stack.count, pixel_size),
        where,
        notes=(*_truncations([stack]), *_conversions([stack]), note),
    )


def _from_star_file(path: Path, pixel_size: float | None) -> Particles:
    return _from_star(StarFile.read(path), pixel_size)


def _from_cs(path: Path, pixel_size: float | None) -> Particles:
    """Open a cryoSPARC file as the STAR file that says the same."""
    particles = _from_star(CsFile.read(path).to_star(), pixel_size)
    return replace(particles, notes=(*particles.notes, _placeholders()))


def _placeholders() -> str:
    values = ", ".join(f"{label} {value:g}" for label, value in PLACEHOLDERS.items())
    return f"the new STAR file holds placeholders, without which RELION cannot read it: {values}"


def _from_star(star: StarFile, pixel_size: float | None) -> Particles:
    names, stack_index, image_index = image_names(star)
    refuse_duplicates(star, stack_index, image_index)
    paths, folder = _resolve(star, names)
    before = stamps(paths)
    stacks = [MrcStack.open(path) for path in paths]
    counts = np.array([stack.count for stack in stacks])
    beyond = np.flatnonzero(image_index >= counts[stack_index])
    if len(beyond):
        row = int(beyond[0])
        stack = stacks[stack_index[row]]
        raise ValueError(
            f"{fspath(star.path)!r} asks for image {image_index[row] + 1} of {fspath(stack.path)!r}, "
            f"which holds {stack.count} images"
        )
    notes = [*_truncations(stacks), *_conversions(stacks)]
    if folder is not None:
        notes.append(f"image names are relative to {fspath(folder)!r}, not to the current folder")
    sizes, where = pixel_sizes(star, pixel_size)
    headers = [stack.voxel_size for stack in stacks]
    if sizes is None and all(headers):
        sizes, where = np.array(headers, dtype=np.float64)[stack_index], "from the MRC headers"
    return Particles(
        star.path,
        tuple(stacks),
        stack_index,
        image_index,
        _common_size(stacks),
        sizes,
        where,
        star,
        tuple(notes),
        stamps=before,
    )


def image_names(star: StarFile) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct stack names, and for every row the index into them and the 0-based image.

    Raises
    ------
    ValueError
        A name that is none.
    """
    values = star.column(star.particles, "rlnImageName")
    # a name without "@" is a file of one image
    parts = [value.partition("@") if "@" in value else ("1", "@", value) for value in values]
    numbers = np.array([_image_number(part[0]) for part in parts], dtype=np.int64)
    bad = [row for row, part in enumerate(parts) if not part[2] or "\0" in part[2] or numbers[row] < 1]
    if bad:
        raise ValueError(
            f"{fspath(star.path)!r} holds the image name {values[bad[0]]!r}; "
            "it must look like 000001@stack.mrcs, counted from 1"
        )
    places: dict[str, int] = {}
    index = np.array([places.setdefault(part[2], len(places)) for part in parts], dtype=np.int64)
    return list(places), index, numbers - 1


def _image_number(text: str) -> int:
    """Return the number before the @, 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def refuse_duplicates(star: StarFile, stack_index: npt.NDArray[np.int64], image_index: npt.NDArray[np.int64]) -> None:
    """Raise ValueError where two rows name the same image: whatever came from them would count it twice."""
    order = np.lexsort((image_index, stack_index))
    same = np.flatnonzero((np.diff(stack_index[order]) == 0) & (np.diff(image_index[order]) == 0))
    if len(same):
        place = int(same[order[same + 1].argmin()])
        first, second = order[place : place + 2].tolist()
        name = star.value(star.particles, "rlnImageName", second)
        raise ValueError(
            f"{fspath(star.path)!r} names the image {name!r} twice, in rows {first + 1} and {second + 1}; "
            "give every image once"
        )


def _resolve(star: StarFile, names: Sequence[str]) -> tuple[list[Path], Path | None]:
    """Find the stacks; also return the folder they are relative to, None for the current folder."""
    home = Path(os.path.abspath(star.path)).parent  # noqa: PTH100  (resolve() would follow links)
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
            f"stack {missing[0]!r}{others} named in {fspath(star.path)!r} was not found from the current "
            "folder, nor from the folder of the STAR file or its parents; run from the project folder"
        )
    return paths, used


def pixel_sizes(star: StarFile, given: float | None = None) -> tuple[npt.NDArray[np.float64] | None, str]:
    """Return the pixel size of every particle, shape (B,) in Angstrom, and where it comes from, in words.

    Parameters
    ----------
    star : StarFile
    given : float, optional
        Angstrom per pixel, instead of what the file says.

    Returns
    -------
    sizes : ndarray or None
        None where neither the optics groups nor detector and magnification tell.
    source : str

    Raises
    ------
    ValueError
        A pixel size that is not positive, or optics groups that do not fit the particles.
    """
    table = star.particles
    check_pixel_size(given)
    if given is not None:
        return np.full(len(table), given), "given"
    optics = star.optics
    if optics and "rlnImagePixelSize" in optics.columns:
        sizes = star.numbers(optics, "rlnImagePixelSize")
        if "rlnOpticsGroup" in optics.columns and "rlnOpticsGroup" in table.columns:
            groups = dict(zip(star.column(optics, "rlnOpticsGroup"), sizes.tolist(), strict=True))
            members = star.column(table, "rlnOpticsGroup")
            unknown = set(members) - set(groups)
            if unknown:
                raise ValueError(
                    f"{fspath(star.path)!r} has particles of optics group {min(unknown)}, "
                    "which is not in its data_optics"
                )
            result = np.array([groups[member] for member in members])
        elif len(sizes) == 1:
            result = np.full(len(table), sizes[0])
        else:
            raise ValueError(
                f"{fspath(star.path)!r} has {len(sizes)} optics groups and does not say which particle "
                "belongs to which: there is no column rlnOpticsGroup"
            )
        return _positive(star, result), "from the optics groups of the STAR file"
    if {"rlnDetectorPixelSize", "rlnMagnification"} <= set(table.columns):
        detector = star.numbers(table, "rlnDetectorPixelSize")  # micrometres
        with np.errstate(divide="ignore", invalid="ignore"):
            result = 1e4 * detector / star.numbers(table, "rlnMagnification")
        return _positive(star, result), "from detector pixel size and magnification in the STAR file"
    return None, "not known"


def _positive(star: StarFile, sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    wrong = sizes[~plausible(sizes)]
    if len(wrong):
        raise ValueError(
            f"{fspath(star.path)!r} gives a pixel size of {wrong[0]:g} Angstrom; give the true one (--angpix)"
        )
    return sizes


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


def _truncations(stacks: Sequence[MrcStack]) -> Iterator[str]:
    """Say which files end before their last image."""
    for stack in stacks:
        if stack.available < stack.count:
            yield (
                f"{fspath(stack.path)!r} is truncated: its header promises {stack.count} images, "
                f"{stack.available} whole images are there"
            )


def _conversions(stacks: Sequence[MrcStack]) -> tuple[str, ...]:
    """Say once what is converted on reading."""
    kinds = sorted({stack.dtype.newbyteorder("=").name for stack in stacks} - {"float32"})
    return (f"pixels are stored as {' and '.join(kinds)} and are converted to float32",) if kinds else ()
