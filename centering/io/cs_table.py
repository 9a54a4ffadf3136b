"""How the table of a ``.cs`` file is read, checked and written, and its fields filled."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from os import fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.atomic import replacing
from centering.io.cs_alignments import ALIGNMENTS, shifted_groups
from centering.io.cs_compressed import MAGIC, OLD_MAGIC, load_compressed, save_compressed
from centering.io.image_names import Index
from centering.io.refusal import plausible, refuse_name

__all__ = ["BLOB", "checked", "fill", "load", "located", "rows_like", "save", "with_new_fields"]

BLOB = ("blob/path", "blob/idx", "blob/psize_A")
"""The fields without which a file does not say where its images are."""

_KNOWN: dict[str, tuple[str, tuple[int, ...]]] = {
    "blob/path": ("SU", ()), "blob/idx": ("iu", ()), "blob/psize_A": ("f", ()), "blob/shape": ("iu", (2,)),
    "shift": ("f", (2,)), "psize_A": ("f", ()), "class": ("iu", ()),
}  # fmt: skip
"""Kinds and shapes of the fields that are read; those of alignments without their prefix."""

_MOST_HEADER = 2**20  # bytes; that of a file with a hundred fields has some thousand
_MOST_IMAGES = 10**18  # an index of a file


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


def with_new_fields(table: npt.NDArray[Any], new: list[tuple[Any, ...]]) -> npt.NDArray[Any]:
    """Return a copy of a table with further fields of zeros at its end; all others keep their bytes."""
    if not new:
        return table.copy()
    names = table.dtype.names or ()
    known = [one for one in table.dtype.descr if one[0]]  # without what only fills gaps
    wider = np.zeros(len(table), dtype=[*known, *new])
    for name in names:
        wider[name] = table[name]
    return wider


def load(source: Path) -> tuple[npt.NDArray[Any], bool]:
    """Read an array, and return whether it was compressed; what the file promises is there before it is allocated."""
    name = fspath(source)
    with source.open("rb") as file:
        magic = file.read(6)
        if magic == OLD_MAGIC:
            raise ValueError(f"{name!r} is in an old compressed format of cryoSPARC; save it as NumPy (Dataset.save)")
        if magic not in (b"\x93NUMPY", MAGIC):
            raise ValueError(f"{name!r} is not a .cs file: it begins neither as a NumPy array nor as a compressed one")
        if magic == MAGIC:
            table = load_compressed(source)
            if not table.size:
                raise ValueError(f"{name!r} lists no particles")
            return table, True
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
    return table, False


def save(path: Path, table: npt.NDArray[Any], *, compressed: bool) -> None:
    """Write a table; it appears under its name only when it is complete."""
    with replacing(path) as temporary:
        if compressed:
            save_compressed(temporary, table)
            return
        with temporary.open("wb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what NumPy thinks of long headers, or of names that are not Latin
            np.save(file, table, allow_pickle=False)


def checked(source: Path, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the table where it is one of particles; raise ValueError where it is not."""
    name = fspath(source)
    names = table.dtype.names or ()
    missing = [field for field in BLOB if field not in names]
    if missing:
        raise ValueError(
            f"{name!r} has no field {missing[0]}, which says where its images are, and no passthrough file "
            "of its job that lies beside it has; give the two in one folder"
        )
    for field in names:
        prefix, _, last = field.partition("/")
        kind, one = table.dtype[field], last if prefix in ALIGNMENTS else field
        if one in _KNOWN and (kind.base.kind not in _KNOWN[one][0] or kind.shape != _KNOWN[one][1]):
            raise ValueError(f"field {field} of {name!r} is of type {kind}, which is not that of cryoSPARC")
    for stack in located(table, "blob/path")[0]:
        refuse_name(source, stack)
    units = [f"{prefix}/psize_A" for prefix in dict.fromkeys([*ALIGNMENTS, *shifted_groups(table)])]
    for field in ("blob/psize_A", *(field for field in units if field in names)):
        pixel_size = np.asarray(table[field], dtype=np.float64)
        # alignments without a pixel size are those of the images
        wrong = pixel_size[~(plausible(pixel_size) | ((pixel_size <= 0) & (field[:4] != "blob")))]
        if len(wrong):
            raise ValueError(f"{name!r} gives a pixel size of {wrong[0]:g} Angstrom ({field})")
    numbers = table["blob/idx"]
    wrong = numbers[(numbers < 0) | (numbers > _MOST_IMAGES)]
    if len(wrong):
        raise ValueError(f"{name!r} names the image {wrong[0]} of a stack (blob/idx); they count from 0")
    return table


def located(table: npt.NDArray[Any], field: str) -> tuple[list[str], Index]:
    """Return the distinct files of a field, relative to the project folder, and for every row the index into them."""
    paths = table[field]
    starts = np.flatnonzero(np.concatenate([[True], paths[1:] != paths[:-1]]))
    places: dict[str, int] = {}
    # the leading ">" says that the path is relative to the project; an "S" field ends at its first zero byte
    of = [places.setdefault(os.fsdecode(path).lstrip(">"), len(places)) for path in paths[starts].tolist()]
    return list(places), np.repeat(np.array(of, dtype=np.int64), np.diff(starts, append=len(paths)))


def rows_like(table: npt.NDArray[Any], uids: npt.NDArray[Any]) -> Index | None:
    """Return the rows of a table that have these ``uid``; None where one is missing, or is there twice."""
    known, uids = table["uid"].astype(np.uint64), uids.astype(np.uint64)
    order = np.argsort(known, kind="stable")
    inside = known[order]
    if (inside[1:] == inside[:-1]).any():
        return None
    place = np.minimum(np.searchsorted(inside, uids), len(inside) - 1)
    return order[place] if (inside[place] == uids).all() else None
