"""cryoSPARC's particle files (``.cs``): NumPy structured arrays, of which only what centering knows is touched.

Conventions: ``alignments2D/shift`` and ``alignments3D/shift`` are (x, y) in pixels of ``alignments*/psize_A``, with
RELION's sign: the shift is added, so the object's centre is at ``n // 2 - shift``.  ``alignments2D/class`` counts from
0, RELION's classes from 1; ``alignments2D/pose`` is RELION's psi in radians.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.io.cs_alignments import ALIGNMENTS, rival_shifts, shifted_groups, strange_shifts, the_one_shift, unit
from centering.io.cs_passthrough import join
from centering.io.cs_table import checked, fill, load, located, save, with_new_fields
from centering.io.cs_to_star import as_star, placeholders
from centering.io.facts import Stated
from centering.io.image_names import Index
from centering.io.refusal import NotStatedError, refuse_far, refused_in_one_sentence
from centering.io.star import StarFile, decimals
from centering.io.table import Float64, ParticleList

__all__ = ["CsFile"]

_CTF = ("ctf/df1_A", "ctf/df2_A", "ctf/accel_kv", "ctf/cs_mm", "ctf/amp_contrast")
_PHASE = "ctf/phase_shift_rad"

_TYPES: dict[str, tuple[Any, ...]] = {"shift": ("<f4", (2,)), "psize_A": ("<f4",), "class": ("<u4",), "pose": ("<f4",)}


@dataclass(frozen=True)
class CsFile(ParticleList):
    """A ``.cs`` file of particles.

    Attributes
    ----------
    path : Path
        Where it was read from.
    table : ndarray, shape (B,), structured
        All of its fields; never changed, `with_shifts` returns another `CsFile`.
    compressed : bool
        Whether it is in cryoSPARC's compressed format, in which it is then written too.
    passthrough : Path or None
        The file beside it from which fields are that it lacks (`centering.io.cs_passthrough`).
    said, doubts : tuple of str
        What is to be told of how it came about, in words.
    """

    path: Path
    table: npt.NDArray[Any]
    compressed: bool = False
    passthrough: Path | None = None
    said: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    pixel_size_source = "from blob/psize_A of the .cs file"
    star_can_wait = True

    @classmethod
    def read(cls, path: str | PathLike[str]) -> CsFile:
        """Read a ``.cs`` file; ValueError for pickled objects, no particles, or none of the fields that tell images.

        What it lacks of ``blob``, ``ctf`` and ``location`` is taken from the passthrough file of its job beside it.
        """
        source = Path(path)
        with refused_in_one_sentence(source, "a .cs file"):
            own, compressed = load(source)
            table, passthrough, *words = join(source, own)
            return cls(source, checked(source, table), compressed, passthrough, *words)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def images(self) -> tuple[list[str], Index, Index]:
        """The distinct stacks, relative to the project folder, and for every row the index into them and the image."""
        names, index = located(self.table, "blob/path")
        return names, index, self.table["blob/idx"].astype(np.int64)

    @property
    def stacks(self) -> list[str]:
        """The stack of every particle, relative to the project folder."""
        names, index, _ = self.images
        return [names[k] for k in index.tolist()]

    @property
    def names(self) -> list[str]:
        """The image names, ``000001@stack.mrcs``, as RELION counts them."""
        numbers = self.table["blob/idx"].tolist()
        return [f"{number + 1:06d}@{stack}" for stack, number in zip(self.stacks, numbers, strict=True)]

    @property
    def warnings(self) -> Sequence[str]:
        """What of where the particles are is neither read nor set; and what is wrong with the passthrough file."""
        found = [*self.doubts]
        strange = strange_shifts(self.table)
        if strange:
            found.append(
                f"{', '.join(strange)} of {fspath(self.path)!r} are shifts of a kind that is not known; "
                "they are left as they are, and do not fit new centres"
            )
        return found

    @property
    def notes(self) -> Sequence[str]:
        """From where fields are, which shifts are set, and which values of the microscope are placeholders."""
        found = [*self.said]
        others = [group for group in shifted_groups(self.table) if group not in ALIGNMENTS]
        if others:
            found.append(f"new centres are written into every shift, also of {', '.join(others)}")
        return [*found, *placeholders(self.table)]

    @property
    def pixel_size(self) -> Float64:
        """Angstrom per pixel of every image, shape (B,)."""
        return np.asarray(self.table["blob/psize_A"], dtype=np.float64)

    def pixel_size_sources(self) -> Sequence[Stated]:
        """Return what ``blob/psize_A`` says, to six decimals."""
        return [Stated("blob/psize_A", self.pixel_size_source, np.round(self.pixel_size, 6), firm=True)]

    def with_pixel_size(self, pixel_size: float) -> CsFile:
        """Return a file that gives this pixel size; every ``psize_A`` grows alike, so that shifts keep their length."""
        growth = pixel_size / self.pixel_size
        if np.allclose(growth, 1.0, rtol=1e-6, atol=0):
            return self
        table = self.table.copy()
        for name in self._names:
            if name.endswith("psize_A") and table.dtype[name].base.kind == "f":
                values = table[name]
                fill(self.path, table, {name: values * growth.reshape(len(self), *(1,) * (values.ndim - 1))})
        return replace(self, table=table)

    def image_sizes(self) -> tuple[str, Float64] | None:
        """Return ``blob/shape`` and its values, pixels along a side of every image; None: not said."""
        if "blob/shape" not in self._names:
            return None
        return "blob/shape", np.asarray(self.table["blob/shape"][:, 0], dtype=np.float64)

    def displacements(self, pixel_size: Float64 | None = None, *, only: str | None = None) -> Float64:
        """Return where the shifts put the centres.

        ``only``: of ``alignments2D`` or of ``alignments3D``, the first of them that is there without it, or else of
        another group; where that has a shift for each class, of the likeliest.  The pixel size is not needed: the
        shifts are in units of that in the file.
        """
        there = [group for group in shifted_groups(self.table) if only in (None, group)]
        for prefix in there:
            shift = the_one_shift(self.table, prefix)
            if shift is None:
                continue
            if not np.isfinite(shift).all():
                raise ValueError(f"field {prefix}/shift of {fspath(self.path)!r} holds shifts that are not finite")
            result = -shift[:, ::-1] / self.pixel_size[:, None] + 0.0
            refuse_far(self.path, result)
            return result
        if there:
            raise NotStatedError(
                f"{fspath(self.path)!r} has a shift for each class in {there[0]}/shift and does not say which class "
                f"counts: no field {there[0]}/class_posterior"
            )
        names = " or ".join(f"{prefix}/shift" for prefix in ((only,) if only else ALIGNMENTS))
        raise NotStatedError(f"{fspath(self.path)!r} has no shifts: no field {names}")

    @property
    def origin_doubts(self) -> list[str]:
        """What speaks against `displacements`: another group of alignments that puts the particles elsewhere."""
        rival = rival_shifts(self.table)
        if rival is None:
            return []
        taken, other, apart = rival
        return [
            f"{fspath(self.path)!r} puts the particles elsewhere in {other}/shift than in {taken}/shift, "
            f"which is taken: up to {apart:.2f} px"
        ]

    @property
    def angles(self) -> int:
        """Which poses are stated that are not all 0: none (0), in the plane (2), or in space (3)."""
        poses = [name for name in self._names if name.endswith("/pose") and self.table[name].any()]
        in_space = [name for name in poses if self.table[name].ndim > 1]
        return 3 if in_space else 2 if poses else 0

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
        self,
        displacement: Float64,
        pixel_size: Float64 | None = None,
        *,
        only: str | None = None,
        stays: npt.NDArray[np.bool_] | None = None,
    ) -> CsFile:
        """Return a file whose shifts centre the particles; every other field keeps its bytes.

        The shifts of all groups of alignments are replaced, for every class where there is one for each
        (`centering.io.cs_alignments`), each in pixels of its own ``psize_A``; where there is none,
        ``alignments2D/shift`` is appended, in pixels of ``alignments2D/psize_A``, which is made where it is not there.

        Parameters
        ----------
        displacement : ndarray, shape (B, 2), float64
            (row, column) in pixels of the images, object centre minus ``n // 2``.
        pixel_size : ndarray, shape (B,), float64, optional
            Not needed: shifts are in units of the pixel sizes in the file (`with_pixel_size` sets others).
        only : str, optional
            ``alignments2D`` or ``alignments3D``: leave all others as they are.
        stays : ndarray of bool, shape (B,), optional
            Particles whose shifts keep their bytes, in every group that is there.
        """
        if displacement.shape != (len(self), 2):
            raise ValueError(f"displacement has shape {displacement.shape}, the .cs file asks for ({len(self)}, 2)")
        refuse_far(self.path, displacement)
        image, fields = self.pixel_size, dict[str, npt.NDArray[Any]]()
        present = [one for one in shifted_groups(self.table) if only in (None, one)]
        for prefix in present or [only or ALIGNMENTS[0]]:
            if not {f"{prefix}/shift", f"{prefix}/psize_A"} & set(self._names):
                fields[f"{prefix}/psize_A"] = image
            size = unit(self.table, prefix)
            moves = (-displacement[:, ::-1] * image[:, None]).reshape(len(self), *(1,) * (size.ndim - 1), 2)
            shift = moves / size[..., None] + 0.0
            if stays is not None and prefix in present:
                shift = np.where(
                    stays.reshape(len(self), *(1,) * (shift.ndim - 1)), self.table[f"{prefix}/shift"], shift
                )
            fields[f"{prefix}/shift"] = shift
        return self.with_fields(fields)

    def with_fields(self, fields: Mapping[str, npt.NDArray[Any]]) -> CsFile:
        """Return a file in which the given fields are replaced, or appended where new; all others keep their bytes.

        Parameters
        ----------
        fields : mapping of str to ndarray
            Those that are there, and of ``alignments2D`` or ``alignments3D``: ``shift``, ``psize_A``, ``class``,
            ``pose``.

        Raises
        ------
        ValueError
            A number that the type of its field cannot hold.
        """
        new = [(name, *_TYPES[name.rpartition("/")[2]]) for name in fields if name not in self._names]
        table = with_new_fields(self.table, new)
        fill(self.path, table, fields)
        return replace(self, table=table)

    def centered(self, displacement: Float64, pixel_size: Float64 | None, *, planar: bool = False) -> CsFile:
        """Return `with_shifts`, as every table of particles has it; ``planar``: those of ``alignments2D`` alone."""
        return self.with_shifts(displacement, pixel_size, only=ALIGNMENTS[0] if planar else None)

    def classification(self, pixel_size: Float64 | None) -> tuple[npt.NDArray[np.int64], Float64, Float64]:
        """Return classes, psi and displacements, all of which must be in ``alignments2D``."""
        classes, psi = self.classes, self.psi
        if classes is None or psi is None:
            field = f"{ALIGNMENTS[0]}/{'class' if classes is None else 'pose'}"
            raise NotStatedError(
                f"{fspath(self.path)!r} has no field {field}; give the particles of a 2-D classification"
            )
        return classes, psi, self.displacements(only=ALIGNMENTS[0])

    def transfer_functions(self, pixel_size: npt.ArrayLike | None = None) -> CTF:
        """Return the contrast transfer functions of the particles, in the order of the rows.

        ``ctf/df1_A``, ``df2_A``, ``accel_kv``, ``cs_mm`` and ``amp_contrast`` must be there and, as
        ``phase_shift_rad``, hold numbers.
        """
        table, name = self.table, fspath(self.path)
        missing = [field for field in _CTF if field not in self._names]
        if missing:
            raise NotStatedError(f"{name!r} has no field {missing[0]}")
        for field in (*_CTF, *([_PHASE] if _PHASE in self._names else [])):
            if table.dtype[field].kind not in "iuf":
                raise ValueError(f"{name!r} holds no numbers in {field}; its type is {table.dtype[field]}")
        one, two, voltage, aberration, contrast = (np.asarray(table[field], dtype=np.float64) for field in _CTF)
        phase = np.rad2deg(table[_PHASE].astype(np.float64)) if _PHASE in self._names else 0.0
        pixel = self.pixel_size if pixel_size is None else pixel_size
        return CTF(0.5 * (one + two), pixel, voltage, aberration, contrast, phase)

    def to_star(self, *, size: int = 0, pixel_size: Float64 | None = None) -> StarFile:
        """Return the particles as a STAR file of RELION 3.1 in memory, which RELION reads.

        It holds what centering knows (`centering.io.cs_to_star`): names, optics groups and, where the file has them,
        origins, classes, psi, micrographs, coordinates, defoci and the microscope.  ``size`` is for a file that does
        not say it, ``pixel_size`` in place of what it says.
        """
        sizes = self.pixel_size if pixel_size is None else pixel_size
        columns: dict[str, list[str]] = {}
        with suppress(NotStatedError):
            origins = -self.displacements() * sizes[:, None]
            columns = {"rlnOriginXAngst": decimals(origins[:, 1]), "rlnOriginYAngst": decimals(origins[:, 0])}
        if self.classes is not None:
            columns["rlnClassNumber"] = [str(one) for one in self.classes.tolist()]
        if self.psi is not None and np.isfinite(self.psi).all():
            columns["rlnAnglePsi"] = decimals(self.psi)
        return as_star(self.path, self.table, self.images, sizes, size, columns)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the file in the format that it came in; it appears under its name only when it is complete."""
        save(Path(path), self.table, compressed=self.compressed)

    @property
    def _names(self) -> tuple[str, ...]:
        return self.table.dtype.names or ()
