"""From STAR files to ``.cs`` files, as far as centering knows them; `centering.io.cs_to_star` is the way back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from os import fspath
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.cryosparc import CsFile
from centering.io.cs_table import fill
from centering.io.facts import agree
from centering.io.image_names import Index, file_of
from centering.io.refusal import check_pixel_size, refuse_name
from centering.io.star import StarFile
from centering.io.star_in_cs import MICROSCOPE, carried, left_out
from centering.io.table import ParticleTable, image_names, refuse_duplicates
from centering.sentence import Sentence

__all__ = ["cs_like", "to_cs"]

Key = tuple[str, int]


def to_cs(star: StarFile, *, pixel_size: float | None = None, into: CsFile | None = None) -> CsFile:
    """Return the particles of a STAR file as those of a ``.cs`` file in memory; it says what it leaves out.

    Origins become shifts.  Classes and psi become ``alignments2D/class`` and ``alignments2D/pose`` where they are those
    of a 2-D classification: where no tilt angle says that they belong to a volume.  Defoci and phase shifts become
    ``ctf/*``.  A new file also says the microscope, the micrographs and where the particles lie in them.

    Parameters
    ----------
    star : StarFile
    pixel_size : float, optional
        Angstrom per pixel, instead of what the file says; origins keep their length in pixels.
    into : CsFile, optional
        The file from which the particles once came.  The result has its rows that ``star`` names, in its order, with
        every field that is not set here byte for byte; fields of it that say the same as ``star`` keep their bytes
        too.  Its pixel sizes and its microscope count, unless ``pixel_size`` is given.  Images are told by their number
        and the path of their stack without its extension, from the folder of the project on, or else by the name of the
        stack alone.  Without it the file
        is a new one: fields that centering does not know are missing, and every ``uid`` follows from the image name.

    Raises
    ------
    ValueError
        No pixel size, an image named twice, or one that is not in ``into``.
    """
    stacks, stack_index, image_index = image_names(star)
    refuse_duplicates(star, stack_index, image_index)
    for name in stacks:
        refuse_name(star.path, name)
    if pixel_size is not None:
        check_pixel_size(pixel_size)
        star = star.with_pixel_size(pixel_size)
    sizes, _ = star.pixel_sizes(pixel_size)
    if sizes is None:
        raise ValueError(
            Sentence("the pixel size of {path!r} is not known; give it ({pixel_size})", path=fspath(star.path))
        )
    said = _Said()
    if into is None:
        order = np.arange(len(sizes))
        cs = _new(star, stacks, stack_index, image_index, sizes, said)
    else:
        rows = _rows(star, stacks, stack_index, image_index, into)
        order = np.argsort(rows, kind="stable")
        cs = replace(into, table=into.table[rows[order]])
        if pixel_size is not None:
            cs = cs.with_pixel_size(pixel_size)
        cs = _updated(star, cs, order, sizes, said)
    columns = set(star.particles.columns)
    if {"rlnOriginXAngst", "rlnOriginX"} & columns:
        cs = cs.with_shifts(star.displacements(sizes)[order])
    if {"rlnClassNumber", "rlnAnglePsi"} <= columns and _is_planar(star):
        classes = star.numbers(star.particles, "rlnClassNumber")
        wrong = classes[(classes < 1) | (classes >= 2**31) | (classes != np.rint(classes))]
        if len(wrong):
            raise ValueError(f"{fspath(star.path)!r} has a particle of class {wrong[0]:g}; classes count from 1")
        psi = star.numbers(star.particles, "rlnAnglePsi")
        cs = cs.with_fields(
            {"alignments2D/class": (classes - 1)[order], "alignments2D/pose": np.deg2rad(psi)[order]},
        )
    rest = left_out(star, planar=_is_planar(star), new=into is None)
    if rest:
        said.notes.append(f"left out, for the .cs file has no such field or keeps its own: {_some(rest)}")
    return replace(cs, said=(*cs.said, *said.notes), doubts=(*cs.doubts, *said.doubts))


def cs_like(star: StarFile, pixel_size: float | None, into: ParticleTable | None) -> CsFile:
    """Do what `to_cs` does, for the list of formats."""
    if into is not None and not isinstance(into, CsFile):
        raise ValueError(f"{fspath(into.path)!r} is no .cs file; give the one from which the particles came")
    return to_cs(star, pixel_size=pixel_size, into=into)


@dataclass
class _Said:
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _is_planar(star: StarFile) -> bool:
    table = star.particles
    return "rlnAngleTilt" not in table.columns or not star.numbers(table, "rlnAngleTilt").any()


def _new(
    star: StarFile,
    stacks: list[str],
    stack_index: Index,
    image_index: Index,
    sizes: npt.NDArray[np.float64],
    said: _Said,
) -> CsFile:
    """Return a new file with the fields without which there is no particle, and what else the STAR file states."""
    paths = np.array([os.fsencode(name) for name in stacks])[stack_index]
    fields: list[Any] = [("uid", "<u8"), ("blob/path", paths.dtype), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")]
    shapes = star.per_particle("rlnImageSize", optics_first=True)
    if shapes is not None:
        fields.append(("blob/shape", "<u4", (2,)))
    numbers, texts, doubts = carried(star)
    said.doubts += doubts
    kinds = {"ctf/exp_group_id": "<u4", "location/micrograph_shape": "<u4"}
    fields += [(name, values.dtype) for name, values in texts.items()]
    fields += [(name, kinds.get(name, "<f4"), values.shape[1:]) for name, values in numbers.items()]
    table = np.zeros(len(sizes), dtype=fields)
    table["blob/path"] = paths
    table["uid"] = [_uid(path, number) for path, number in zip(paths.tolist(), image_index.tolist(), strict=True)]
    for name, text in texts.items():
        table[name] = text
    fill(star.path, table, {"blob/idx": image_index, "blob/psize_A": sizes, **numbers})
    if shapes is not None:
        fill(star.path, table, {"blob/shape": np.repeat(shapes[:, None], 2, axis=1)})
    return CsFile(star.path, table)


def _updated(star: StarFile, cs: CsFile, order: Index, sizes: npt.NDArray[np.float64], said: _Said) -> CsFile:
    """Return a file with what the STAR file says otherwise of its defoci; what else differs is told."""
    table, names = cs.table, cs.table.dtype.names or ()
    numbers, _, doubts = carried(star, micrographs=False)
    said.doubts += doubts
    changed = {}
    for name, values in numbers.items():
        if name not in names or table.dtype[name].kind != "f" or table.dtype[name].shape:
            continue
        new, old = values[order], table[name].astype(np.float64)
        differs = ~np.isclose(new, old, rtol=1e-6, atol=2e-6)
        if not differs.any():
            continue
        k = int(differs.argmax())
        if name in MICROSCOPE:
            said.doubts.append(
                f"{fspath(star.path)!r} gives {new[k]:g} for {name}, {fspath(cs.path)!r} {old[k]:g}, which is kept"
            )
        elif name.startswith("ctf/"):
            changed[name] = np.where(differs, new, old)
    if changed:
        said.notes.append(f"{', '.join(changed)} are those of {fspath(star.path)!r}")
    if not agree(sizes[order], cs.pixel_size).all():
        k = int(np.abs(sizes[order] / cs.pixel_size - 1).argmax())
        said.doubts.append(
            f"{fspath(star.path)!r} has pixels of {sizes[order][k]:g} A, {fspath(cs.path)!r} of "
            f"{cs.pixel_size[k]:g} A, which are kept: origins become shifts of as many pixels"
        )
    _compare_places(star, cs, order, said)
    return cs.with_fields(changed)


def _compare_places(star: StarFile, cs: CsFile, order: Index, said: _Said) -> None:
    """Tell where the two files disagree about the place of a particle in its micrograph."""
    labels = ["rlnCoordinateX", "rlnCoordinateY"]
    if not {*labels} <= {*star.particles.columns}:
        return
    ours = cs.to_star()
    if not {*labels} <= {*ours.particles.columns}:
        return
    try:
        apart = [star.numbers(star.particles, label)[order] - ours.numbers(ours.particles, label) for label in labels]
    except ValueError:
        return
    moved = int((np.hypot(*apart) > 0.01).sum())
    if moved:
        said.doubts.append(
            f"{moved} particles of {fspath(star.path)!r} lie elsewhere in their micrographs than location/* of "
            f"{fspath(cs.path)!r} says, which is kept"
        )


def _uid(path: bytes, number: int) -> int:
    """Return 64 bits that differ from image to image and are the same every time."""
    return int.from_bytes(hashlib.blake2b(b"%d@%s" % (number, path), digest_size=8).digest(), "little")


def _rows(star: StarFile, stacks: list[str], stack_index: Index, image_index: Index, into: CsFile) -> Index:
    """Return the row of ``into`` that every particle is."""
    numbers = into.table["blob/idx"].tolist()
    there = [PurePosixPath(stack).with_suffix("") for stack in into.stacks]
    known = {fspath(path) for path in there}
    wanted = [_tail(PurePosixPath(file_of(name)).with_suffix(""), known) for name in stacks]
    by_path = {(fspath(path), number): row for row, (path, number) in enumerate(zip(there, numbers, strict=True))}
    by_name: dict[Key, int] = {}
    for row, (path, number) in enumerate(zip(there, numbers, strict=True)):
        # -1: two stacks of this name, so that it tells nothing
        by_name[path.name, number] = row if (path.name, number) not in by_name else -1
    rows = np.empty(len(image_index), dtype=np.int64)
    for k, (stack, number) in enumerate(zip(stack_index.tolist(), image_index.tolist(), strict=True)):
        row = by_path.get((fspath(wanted[stack]), number), by_name.get((wanted[stack].name, number), -1))
        if row < 0:
            name = star.value(star.particles, "rlnImageName", k)
            raise ValueError(f"{fspath(into.path)!r} has no image {name!r}, which {fspath(star.path)!r} names")
        rows[k] = row
    if len(np.unique(rows)) < len(rows):
        raise ValueError(f"several images of {fspath(star.path)!r} are the same one of {fspath(into.path)!r}")
    return rows


def _tail(path: PurePosixPath, known: Collection[str]) -> PurePosixPath:
    """Return the longest end of a path that is known: names are relative to a project or absolute; else the path."""
    tails = (PurePosixPath(*path.parts[first:]) for first in range(len(path.parts)))
    return next((tail for tail in tails if fspath(tail) in known), path)
