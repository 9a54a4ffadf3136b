"""How the table of a ``.cs`` file is read and checked, and its fields filled."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from os import fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.refusal import plausible, refuse_name

__all__ = ["ALIGNMENTS", "checked", "fill", "load", "stacks"]

_BLOB = ("blob/path", "blob/idx", "blob/psize_A")
ALIGNMENTS = ("alignments2D", "alignments3D")
"""Prefixes of the fields of alignments, in the order in which they are asked."""

_KNOWN: dict[str, tuple[str, tuple[int, ...]]] = {
    "blob/path": ("SU", ()), "blob/idx": ("iu", ()), "blob/psize_A": ("f", ()), "blob/shape": ("iu", (2,)),
    "shift": ("f", (2,)), "psize_A": ("f", ()), "class": ("iu", ()),
}  # fmt: skip
"""Kinds and shapes of the fields that are read; those of alignments without their prefix."""

_MOST_HEADER = 2**20  # bytes; that of a file with a hundred fields has some thousand


def fill(path: Path, table: npt.NDArray[Any], fields: Mapping[str, npt.ArrayLike]) -> None:
    """Write numbers into fields of ``table``; raise ValueError where the type of one cannot hold them."""
    for name, given in fields.items():
        values = np.asarray(given)
        with np.errstate(all="ignore"):
            table[name] = values
        stored = table[name]
        wrong = ~np.isfinite(stored) if stored.dtype.kind == "f" else stored != values
        if wrong.any():
            value = np.broadcast_to(values, stored.shape)[wrong][0]
            raise ValueError(f"{fspath(path)!r}: {value:g} does not fit into the field {name}, which is {stored.dtype}")


def load(source: Path) -> npt.NDArray[Any]:
    """Read an array; what the file promises is there before anything is allocated."""
    name = fspath(source)
    with source.open("rb") as file:
        magic = file.read(6)
        if magic == b"\x94CSDAT":
            raise ValueError(f"{name!r} is in cryoSPARC's compressed format; save it as NumPy (Dataset.save)")
        if magic != b"\x93NUMPY":
            raise ValueError(f"{name!r} is not a .cs file: it does not begin as a NumPy array does")
        # read from the file itself, which may become shorter, and never through the map, which must not
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what NumPy thinks of old or odd headers
            promised = np.load(source, mmap_mode="r", allow_pickle=False, max_header_size=_MOST_HEADER)
        if promised.dtype.names is None or promised.ndim != 1:
            raise ValueError(f"{name!r} is a NumPy array without named fields; give a .cs file of particles")
        if not promised.size:
            raise ValueError(f"{name!r} lists no particles")
        table = np.empty(promised.shape, dtype=promised.dtype)
        file.seek(promised.offset)
        if file.readinto(table.view(np.uint8)) != table.nbytes:  # type: ignore[arg-type]
            raise ValueError(f"{name!r} became shorter while it was read")
    return table


def checked(source: Path, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the table where it is one of particles; raise ValueError where it is not."""
    name = fspath(source)
    names = table.dtype.names or ()
    missing = [field for field in _BLOB if field not in names]
    if missing:
        raise ValueError(f"{name!r} has no field {missing[0]}; give the particles' own file, not a passthrough one")
    for field in names:
        prefix, _, last = field.partition("/")
        kind, one = table.dtype[field], last if prefix in ALIGNMENTS else field
        if one in _KNOWN and (kind.base.kind not in _KNOWN[one][0] or kind.shape != _KNOWN[one][1]):
            raise ValueError(f"field {field} of {name!r} is of type {kind}, which is not that of cryoSPARC")
    for stack in set(stacks(table)):
        refuse_name(source, stack)
    for field in ("blob/psize_A", *(f"{prefix}/psize_A" for prefix in ALIGNMENTS if f"{prefix}/psize_A" in names)):
        pixel_size = np.asarray(table[field], dtype=np.float64)
        # alignments without a pixel size are those of the images
        wrong = pixel_size[~(plausible(pixel_size) | ((pixel_size <= 0) & (field[:4] != "blob")))]
        if len(wrong):
            raise ValueError(f"{name!r} gives a pixel size of {wrong[0]:g} Angstrom ({field})")
    return table


def stacks(table: npt.NDArray[Any]) -> list[str]:
    """Return the stack of every particle, relative to the project folder."""
    # the leading ">" says that the path is relative to the project; an "S" field ends at its first zero byte
    return [os.fsdecode(path).lstrip(">") for path in table["blob/path"].tolist()]
