"""What is no set of two-dimensional images of single particles: tomography, volumes, filaments."""

from __future__ import annotations

from collections.abc import Sequence
from os import fspath

import numpy as np

from centering.io.cryosparc import CsFile
from centering.io.image_names import Index
from centering.io.mrc import MrcStack
from centering.io.star_text import StarText
from centering.io.table import ParticleTable
from centering.sentence import Sentence

__all__ = [
    "class_doubts",
    "refuse_subtomograms",
    "refuse_unnumbered",
    "refuse_volumes",
    "segment_doubts",
    "volume_doubts",
]

_SEVERAL_VOLUMES = 401
"""Space groups from here on say "a stack of volumes", 401 being one of space group 1 (MRC2014)."""

_OF_FILAMENTS = ("rlnHelical", "filament/")
"""How labels begin that RELION and cryoSPARC give to segments alone."""


def refuse_subtomograms(star: StarText) -> None:
    """Raise ValueError for a STAR file of tomography, or of three-dimensional images."""
    name = fspath(star.path)
    for table in star.tables:
        tomo = next((label for label in table.columns if label.startswith("rlnTomo")), None)
        if tomo is not None:
            raise ValueError(
                f"{name!r} lists particles of tomography: it has a column {tomo}; they have centres in three "
                "dimensions, give single particles with images in two"
            )
        if "rlnImageDimensionality" in table.columns:
            wrong = next((one for one in star.column(table, "rlnImageDimensionality") if _is_three(one)), None)
            if wrong is not None:
                raise ValueError(
                    f"{name!r} lists volumes: it says rlnImageDimensionality {wrong}; give images in two dimensions"
                )
    table = star.particles
    if "rlnCtfImage" in table.columns:
        raise ValueError(
            f"{name!r} lists subtomograms: it has a column rlnCtfImage, a transfer function in three dimensions; "
            "give images in two"
        )
    for label in ("rlnOriginZAngst", "rlnOriginZ"):
        if label in table.columns and (depth := star.numbers(table, label)).any():
            value = depth[np.flatnonzero(depth)[0]]
            raise ValueError(
                f"{name!r} lists particles with origins in three dimensions: it says {label} {value:g}; "
                "give images in two"
            )


def _is_three(value: str) -> bool:
    try:
        return float(value) == 3
    except ValueError:
        return False


def refuse_unnumbered(table: ParticleTable, stacks: Sequence[MrcStack], stack_index: Index, image_index: Index) -> None:
    """Raise ValueError where a name without ``N@`` stands for a file of several images.

    Parameters
    ----------
    table : ParticleTable
        The file that has the names.
    stacks : sequence of MrcStack
        The files that they lead to.
    stack_index, image_index : ndarray, shape (B,), int64
        Which of the files, and which image of it (0-based), a name was taken for.
    """
    if isinstance(table, CsFile):
        return  # which has numbers, and makes names of them
    several = np.array([stack.count > 1 for stack in stacks])
    # of the names of a STAR file, which may be many, only these are looked at
    names: Sequence[str] = table.cells(table.particles, "rlnImageName") if isinstance(table, StarText) else table.names
    # a name without a number is taken for the first image
    for row in np.flatnonzero(several[stack_index] & (image_index == 0)).tolist():
        name = names[row]
        if "@" not in name:
            stack = stacks[stack_index[row]]
            what = _volume(stack) or f"a file of {stack.count} images, a stack of tilts or a volume"
            raise ValueError(
                f"{fspath(table.path)!r} names {name!r} without the number of an image, and that is {what}; "
                f"particles of two dimensions have names like 000001@{name}"
            )


def refuse_volumes(stack: MrcStack, *, listed: bool) -> None:
    """Raise ValueError where a file that is to be a stack is surely a volume.

    Sure is a header of several volumes, and, of a file that nobody has called images (by the suffix ``.mrcs`` or by
    listing them), a cube that says it is a volume.  The flag alone is no proof, nor is the shape: ``mrcfile.write``
    flags every array of three dimensions as a volume, cryoSPARC and RELION 3.1 flag none, and a stack may well have
    as many images as pixels.
    """
    several = stack.count > 1 and stack.group >= _SEVERAL_VOLUMES
    alone = not listed and stack.path.suffix.lower() != ".mrcs" and stack.is_cube and stack.calls_itself_volume
    if several or alone:
        escape = "" if several else "; a stack of images that is flagged so by mistake must be called .mrcs"
        raise ValueError(f"{fspath(stack.path)!r} is {_volume(stack)}; give images of particles{escape}")


def volume_doubts(stacks: Sequence[MrcStack], *, listed: bool) -> list[str]:
    """Return a sentence where a stack may be a volume, none where there is no sign of it."""
    if listed:
        # among many stacks some may have as many images as pixels
        doubtful = all(stack.is_cube and stack.calls_itself_volume for stack in stacks)
    elif stacks[0].path.suffix.lower() == ".mrcs":
        doubtful = stacks[0].is_cube and stacks[0].calls_itself_volume
    else:
        doubtful = stacks[0].calls_itself_volume or (stacks[0].is_cube and stacks[0].sections == stacks[0].count)
    if not doubtful:
        return []
    first = stacks[0]
    return [
        f"{fspath(first.path)!r} may be a volume (a density map), whose sections would be centred as particles: "
        f"{_evidence(first)}"
    ]


def segment_doubts(table: ParticleTable) -> list[str]:
    """Return a sentence where the particles are segments of filaments, as RELION or cryoSPARC say it."""
    label = next((one for one in _labels(table) if one.startswith(_OF_FILAMENTS)), None)
    if label is None:
        return []
    words = (
        "{path!r} lists helical segments ({label}): nothing says where along its axis the centre of a segment "
        "is, and segments slide onto one another; only the shift across the filament means anything: keep {max_shift} "
        "below half the helical rise, or let a helical refinement find the shifts"
    )
    return [Sentence(words, path=fspath(table.path), label=label)]


def class_doubts(table: ParticleTable) -> list[str]:
    """Return a sentence where the classes of particles are not those of averages in their plane: tilted, or mirrored.

    A shift of an average is turned back by psi alone.
    """
    if not isinstance(table, StarText):
        return []
    for label, what in (("rlnAngleTilt", "its classes and angles belong to volumes"), ("rlnIsFlip", "mirrored images")):
        if label in table.particles.columns:
            values = table.numbers(table.particles, label)
            count = np.count_nonzero(values)
            if count:
                return [
                    f"{fspath(table.path)!r} says {label} {values[values != 0][0]:g} for {count} of {len(values)} "
                    f"particles ({what}), and averages move particles by psi alone; give those of a 2-D classification"
                ]
    return []


def _labels(table: ParticleTable) -> Sequence[str]:
    """Return what a file calls its columns."""
    if isinstance(table, StarText):
        return table.particles.columns
    if isinstance(table, CsFile):
        return table.table.dtype.names or ()
    return ()


def _volume(stack: MrcStack) -> str:
    """Return what a volume is, in words; empty for what does not call itself one."""
    rows, columns = stack.shape
    if stack.count > 1 and stack.group >= _SEVERAL_VOLUMES:
        return f"a stack of volumes (its header says space group {stack.group})"
    if not stack.calls_itself_volume:
        return ""
    return f"a volume of {columns} x {rows} x {stack.count} voxels (its header says space group {stack.group})"


def _evidence(stack: MrcStack) -> str:
    rows, columns = stack.shape
    flag = f"space group {stack.group} and " if stack.calls_itself_volume else ""
    return f"its header says {flag}{columns} x {rows} x {stack.count} voxels, mz {stack.sections}"
