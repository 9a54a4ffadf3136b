"""From STAR files to ``.cs`` files, as far as centering knows them; `CsFile.to_star` is the way back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from os import fspath
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.cryosparc import CsFile
from centering.io.cs_table import fill
from centering.io.refusal import check_pixel_size, refuse_name
from centering.io.star import StarFile
from centering.io.table import Index, ParticleTable, image_names, refuse_duplicates
from centering.sentence import Sentence

__all__ = ["cs_like", "to_cs"]

Key = tuple[str, int]


def to_cs(star: StarFile, *, pixel_size: float | None = None, into: CsFile | None = None) -> CsFile:
    """Return the particles of a STAR file as those of a ``.cs`` file in memory.

    Origins become shifts.  Classes and psi become ``alignments2D/class`` and ``alignments2D/pose`` where they are those
    of a 2-D classification: where no tilt angle says that they belong to a volume.  A new file also says the transfer
    functions.

    Parameters
    ----------
    star : StarFile
    pixel_size : float, optional
        Angstrom per pixel, instead of what the file says; origins keep their length in pixels.
    into : CsFile, optional
        The file from which the particles once came.  The result has its rows that ``star`` names, in its order, with
        every field that is not set here byte for byte.  Images are told by their number and the path of their stack
        without its extension, or else by the name of the stack alone.  Without it the file is a new one: fields that
        centering does not know are missing, and every ``uid`` follows from the image name.

    Raises
    ------
    ValueError
        No pixel size, an image named twice, or one that is not in ``into``.
    """
    names, stack_index, image_index = image_names(star)
    refuse_duplicates(star, stack_index, image_index)
    for name in names:
        refuse_name(star.path, name)
    if pixel_size is not None:
        check_pixel_size(pixel_size)
        star = star.with_pixel_size(pixel_size)
    sizes, _ = star.pixel_sizes(pixel_size)
    if sizes is None:
        raise ValueError(
            Sentence("the pixel size of {path!r} is not known; give it ({pixel_size})", path=fspath(star.path))
        )
    if into is None:
        order = np.arange(len(sizes))
        cs = _new(star, names, stack_index, image_index, sizes)
    else:
        rows = _rows(star, names, stack_index, image_index, into)
        order = np.argsort(rows, kind="stable")
        cs = replace(into, table=into.table[rows[order]])
    columns = set(star.particles.columns)
    if {"rlnOriginXAngst", "rlnOriginX"} & columns:
        cs = cs.with_shifts(star.displacements(sizes)[order], sizes[order])
    if {"rlnClassNumber", "rlnAnglePsi"} <= columns and _is_planar(star):
        classes = star.numbers(star.particles, "rlnClassNumber")
        wrong = classes[(classes < 1) | (classes >= 2**31) | (classes != np.rint(classes))]
        if len(wrong):
            raise ValueError(f"{fspath(star.path)!r} has a particle of class {wrong[0]:g}; classes count from 1")
        psi = star.numbers(star.particles, "rlnAnglePsi")
        cs = cs.with_fields(
            {"alignments2D/class": (classes - 1)[order], "alignments2D/pose": np.deg2rad(psi)[order]},
        )
    return cs


def cs_like(star: StarFile, pixel_size: float | None, into: ParticleTable | None) -> CsFile:
    """Do what `to_cs` does, for the list of formats."""
    if into is not None and not isinstance(into, CsFile):
        raise ValueError(f"{fspath(into.path)!r} is no .cs file; give the one from which the particles came")
    return to_cs(star, pixel_size=pixel_size, into=into)


def _is_planar(star: StarFile) -> bool:
    table = star.particles
    return "rlnAngleTilt" not in table.columns or not star.numbers(table, "rlnAngleTilt").any()


def _new(
    star: StarFile, names: Sequence[str], stack_index: Index, image_index: Index, sizes: npt.NDArray[np.float64]
) -> CsFile:
    """Return a new file with the fields without which there is no particle."""
    paths = np.array([os.fsencode(name) for name in names])[stack_index]
    fields: list[Any] = [("uid", "<u8"), ("blob/path", paths.dtype), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")]
    optics = star.optics
    if optics is not None and "rlnImageSize" in optics.columns:
        fields.append(("blob/shape", "<u4", (2,)))
    ctf = _ctf_fields(star, sizes)
    table = np.zeros(len(sizes), dtype=[*fields, *((name, "<f4") for name in ctf)])
    table["blob/path"] = paths
    table["uid"] = [_uid(path, number) for path, number in zip(paths.tolist(), image_index.tolist(), strict=True)]
    fill(star.path, table, {"blob/idx": image_index, "blob/psize_A": sizes, **ctf})
    if optics is not None and "rlnImageSize" in optics.columns:
        fill(star.path, table, {"blob/shape": star.numbers(optics, "rlnImageSize")[0]})
    return CsFile(star.path, table)


def _ctf_fields(star: StarFile, sizes: npt.NDArray[np.float64]) -> dict[str, npt.ArrayLike]:
    """Return the contrast transfer that a STAR file states, by the fields of cryoSPARC; nothing if it is not whole."""
    try:
        ctf = star.transfer_functions(sizes)
    except ValueError:
        return {}
    table = star.particles
    angle = star.numbers(table, "rlnDefocusAngle") if "rlnDefocusAngle" in table.columns else np.zeros(len(table))
    return {
        "ctf/df1_A": star.numbers(table, "rlnDefocusU"),
        "ctf/df2_A": star.numbers(table, "rlnDefocusV"),
        "ctf/df_angle_rad": np.deg2rad(angle),
        "ctf/accel_kv": ctf.voltage,
        "ctf/cs_mm": ctf.spherical_aberration,
        "ctf/amp_contrast": ctf.amplitude_contrast,
        "ctf/phase_shift_rad": np.deg2rad(ctf.phase_shift),
    }


def _uid(path: bytes, number: int) -> int:
    """Return 64 bits that differ from image to image and are the same every time."""
    return int.from_bytes(hashlib.blake2b(b"%d@%s" % (number, path), digest_size=8).digest(), "little")


def _rows(star: StarFile, names: Sequence[str], stack_index: Index, image_index: Index, into: CsFile) -> Index:
    """Return the row of ``into`` that every particle is."""
    numbers = into.table["blob/idx"].tolist()
    there = [PurePosixPath(stack).with_suffix("") for stack in into.stacks]
    wanted = [PurePosixPath(name).with_suffix("") for name in names]
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
