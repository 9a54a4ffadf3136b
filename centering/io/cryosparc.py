"""cryoSPARC's particle files (``.cs``): NumPy structured arrays, of which only what centering knows is touched.

Conventions: ``alignments2D/shift`` and ``alignments3D/shift`` are (x, y) in pixels of ``alignments*/psize_A``, with
RELION's sign: the shift is added, so the object's centre is at ``n // 2 - shift``.  ``alignments2D/class`` counts from
0, RELION's classes from 1; ``alignments2D/pose`` is RELION's psi in radians.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.atomic import replacing
from centering.io.refusal import plausible, refuse_far, refuse_name, refused_in_one_sentence
from centering.io.star import StarFile

__all__ = ["CsFile", "fill"]

_BLOB = ("blob/path", "blob/idx", "blob/psize_A")
_ALIGNMENTS = ("alignments2D", "alignments3D")
_KNOWN: dict[str, tuple[str, tuple[int, ...]]] = {
    "blob/path": ("SU", ()), "blob/idx": ("iu", ()), "blob/psize_A": ("f", ()), "blob/shape": ("iu", (2,)),
    "shift": ("f", (2,)), "psize_A": ("f", ()), "class": ("iu", ()),
}  # fmt: skip
"""Kinds and shapes of the fields that are read; those of alignments without their prefix."""

_MOST_HEADER = 2**20  # bytes; that of a file with a hundred fields has some thousand

_TYPES: dict[str, tuple[Any, ...]] = {"shift": ("<f4", (2,)), "psize_A": ("<f4",), "class": ("<u4",), "pose": ("<f4",)}

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CsFile:
    """A ``.cs`` file of particles.

    Attributes
    ----------
    path : Path
        Where it was read from.
    table : ndarray, shape (B,), structured
        All of its fields; never changed, `with_shifts` returns another `CsFile`.
    """

    path: Path
    table: npt.NDArray[Any]

    @classmethod
    def read(cls, path: str | PathLike[str]) -> CsFile:
        """Read a ``.cs`` file; pickled objects are refused.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            Not a ``.cs`` file, or one without particles or without the fields that say where their images are.
        """
        source = Path(path)
        with refused_in_one_sentence(source, "a .cs file"):
            return cls(source, _checked(source, _load(source)))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def stacks(self) -> list[str]:
        """The stack of every particle, relative to the project folder."""
        return _stacks(self.table)

    @property
    def pixel_size(self) -> Float64:
        """Angstrom per pixel of every image, shape (B,)."""
        return np.asarray(self.table["blob/psize_A"], dtype=np.float64)

    def displacements(self, *, only: str | None = None) -> Float64:
        """Return where the shifts put the centres, shape (B, 2), (row, column) in pixels of the images.

        Parameters
        ----------
        only : str, optional
            ``alignments2D`` or ``alignments3D``, whose shifts are meant; the first of them that is there without it.

        Raises
        ------
        ValueError
            The file has no shifts, or some that are not finite.
        """
        wanted = (only,) if only else _ALIGNMENTS
        for prefix in wanted:
            if f"{prefix}/shift" in self._names:
                scale = self._psize(prefix) / self.pixel_size
                shift = np.asarray(self.table[f"{prefix}/shift"], dtype=np.float64)
                if not np.isfinite(shift).all():
                    raise ValueError(f"field {prefix}/shift of {fspath(self.path)!r} holds shifts that are not finite")
                result = -shift[:, ::-1] * scale[:, None] + 0.0
                refuse_far(self.path, result)
                return result
        names = " or ".join(f"{prefix}/shift" for prefix in wanted)
        raise ValueError(f"{fspath(self.path)!r} has no shifts: no field {names}")

    @property
    def classes(self) -> npt.NDArray[np.int64] | None:
        """The 2-D class of every particle, shape (B,), counted from 1 as RELION does; None where it is not stated."""
        if "alignments2D/class" not in self._names:
            return None
        return self.table["alignments2D/class"].astype(np.int64) + 1

    @property
    def psi(self) -> Float64 | None:
        """RELION's in-plane angle psi of every particle, shape (B,), degrees; None where it is not stated."""
        name = "alignments2D/pose"
        if name not in self._names or self.table[name].ndim != 1:
            return None
        return np.rad2deg(self.table[name].astype(np.float64))

    def with_shifts(
        self, displacement: Float64, pixel_size: Float64 | None = None, *, only: str | None = None
    ) -> CsFile:
        """Return a file whose shifts centre the particles; every other field keeps its bytes.

        ``alignments2D/shift`` and ``alignments3D/shift`` are replaced where they are; where neither is,
        ``alignments2D/shift`` and ``alignments2D/psize_A`` are appended.

        Parameters
        ----------
        displacement : ndarray, shape (B, 2), float64
            (row, column) in pixels of the images, object centre minus ``n // 2``.
        pixel_size : ndarray, shape (B,), float64, optional
            Angstrom per pixel of the images; that of the file without it.
        only : str, optional
            ``alignments2D`` or ``alignments3D``: leave the other one as it is.
        """
        if displacement.shape != (len(self), 2):
            raise ValueError(f"displacement has shape {displacement.shape}, the .cs file asks for ({len(self)}, 2)")
        refuse_far(self.path, displacement)
        image = self.pixel_size if pixel_size is None else pixel_size
        present = [one for one in _ALIGNMENTS if f"{one}/shift" in self._names and only in (None, one)]
        fields = {}
        for prefix in present or [only or _ALIGNMENTS[0]]:
            unit = self._psize(prefix)
            if f"{prefix}/shift" not in self._names:
                unit = image
                fields[f"{prefix}/psize_A"] = unit
            fields[f"{prefix}/shift"] = -displacement[:, ::-1] * (image / unit)[:, None] + 0.0
        return self.with_fields(fields)

    def with_fields(self, fields: Mapping[str, npt.NDArray[Any]]) -> CsFile:
        """Return a file in which the given fields are replaced, or appended where new; all others keep their bytes.

        Parameters
        ----------
        fields : mapping of str to ndarray
            Of ``alignments2D`` or ``alignments3D``: ``shift``, ``psize_A``, ``class``, ``pose``.

        Raises
        ------
        ValueError
            A number that the type of its field cannot hold.
        """
        new = [(name, *_TYPES[name.rpartition("/")[2]]) for name in fields if name not in self._names]
        table = self.table.copy()
        if new:
            known = [one for one in self.table.dtype.descr if one[0]]  # without what only fills gaps
            table = np.zeros(len(self), dtype=[*known, *new])
            for name in self._names:
                table[name] = self.table[name]
        fill(self.path, table, fields)
        return replace(self, table=table)

    def to_star(self) -> StarFile:
        """Return the particles as a STAR file of RELION 3.1 in memory, one optics group for every pixel size.

        It holds what centering knows: names, optics groups and, where the file has them, origins, classes and psi.
        """
        box = int(self.table["blob/shape"][0][0]) if "blob/shape" in self._names else 0
        numbers = self.table["blob/idx"].tolist()
        names = [f"{number + 1:06d}@{stack}" for stack, number in zip(self.stacks, numbers, strict=True)]
        star = StarFile.new(self.path, names, size=box, pixel_size=self.pixel_size)
        if any(f"{prefix}/shift" in self._names for prefix in _ALIGNMENTS):
            star = star.with_origins(self.displacements(), self.pixel_size)
        columns = {}
        if self.classes is not None:
            columns["rlnClassNumber"] = [str(one) for one in self.classes.tolist()]
        if self.psi is not None:
            columns["rlnAnglePsi"] = [f"{one:.6f}" for one in self.psi.tolist()]
        return star.with_columns(star.particles, columns)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the file; it appears under its name only when it is complete."""
        with replacing(path) as temporary, temporary.open("wb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what NumPy thinks of long headers, or of names that are not Latin
            np.save(file, self.table, allow_pickle=False)

    @property
    def _names(self) -> tuple[str, ...]:
        return self.table.dtype.names or ()

    def _psize(self, prefix: str) -> Float64:
        """Angstrom per pixel of the shifts, that of the images where the file does not say."""
        if f"{prefix}/psize_A" not in self._names:
            return self.pixel_size
        size = np.asarray(self.table[f"{prefix}/psize_A"], dtype=np.float64)
        return np.where(size > 0, size, self.pixel_size)


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


def _load(source: Path) -> npt.NDArray[Any]:
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


def _checked(source: Path, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the table where it is one of particles; raise ValueError where it is not."""
    name = fspath(source)
    names = table.dtype.names or ()
    missing = [field for field in _BLOB if field not in names]
    if missing:
        raise ValueError(f"{name!r} has no field {missing[0]}; give the particles' own file, not a passthrough one")
    for field in names:
        prefix, _, last = field.partition("/")
        kind, one = table.dtype[field], last if prefix in _ALIGNMENTS else field
        if one in _KNOWN and (kind.base.kind not in _KNOWN[one][0] or kind.shape != _KNOWN[one][1]):
            raise ValueError(f"field {field} of {name!r} is of type {kind}, which is not that of cryoSPARC")
    for stack in set(_stacks(table)):
        refuse_name(source, stack)
    for field in ("blob/psize_A", *(f"{prefix}/psize_A" for prefix in _ALIGNMENTS if f"{prefix}/psize_A" in names)):
        pixel_size = np.asarray(table[field], dtype=np.float64)
        # alignments without a pixel size are those of the images
        wrong = pixel_size[~(plausible(pixel_size) | ((pixel_size <= 0) & (field[:4] != "blob")))]
        if len(wrong):
            raise ValueError(f"{name!r} gives a pixel size of {wrong[0]:g} Angstrom ({field})")
    return table


def _stacks(table: npt.NDArray[Any]) -> list[str]:
    # the leading ">" says that the path is relative to the project; an "S" field ends at its first zero byte
    return [os.fsdecode(path).lstrip(">") for path in table["blob/path"].tolist()]
