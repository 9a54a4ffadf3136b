"""cryoSPARC's particle files (``.cs``): NumPy structured arrays, of which only what centering knows is touched.

Conventions: ``alignments2D/shift`` and ``alignments3D/shift`` are (x, y) in pixels of ``alignments*/psize_A``, with
RELION's sign: the shift is added, so the object's centre is at ``n // 2 - shift``.  ``alignments2D/class`` counts from
0, RELION's classes from 1; ``alignments2D/pose`` is RELION's psi in radians.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.io.atomic import replacing
from centering.io.cs_table import ALIGNMENTS, checked, fill, load, stacks
from centering.io.facts import Stated
from centering.io.refusal import NotStatedError, refuse_far, refused_in_one_sentence
from centering.io.star import StarFile
from centering.io.table import Float64, ParticleList

__all__ = ["CsFile"]

_CTF = ("ctf/df1_A", "ctf/df2_A", "ctf/accel_kv", "ctf/cs_mm", "ctf/amp_contrast")
_PHASE, _ANGLE = "ctf/phase_shift_rad", "ctf/df_angle_rad"

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
    """

    path: Path
    table: npt.NDArray[Any]

    pixel_size_source = "from blob/psize_A of the .cs file"

    @classmethod
    def read(cls, path: str | PathLike[str]) -> CsFile:
        """Read a ``.cs`` file; ValueError for pickled objects, no particles, or none of the fields that tell images."""
        source = Path(path)
        with refused_in_one_sentence(source, "a .cs file"):
            return cls(source, checked(source, load(source)))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def stacks(self) -> list[str]:
        """The stack of every particle, relative to the project folder."""
        return stacks(self.table)

    @property
    def names(self) -> list[str]:
        """The image names, ``000001@stack.mrcs``, as RELION counts them."""
        numbers = self.table["blob/idx"].tolist()
        return [f"{number + 1:06d}@{stack}" for stack, number in zip(self.stacks, numbers, strict=True)]

    @property
    def pixel_size(self) -> Float64:
        """Angstrom per pixel of every image, shape (B,)."""
        return np.asarray(self.table["blob/psize_A"], dtype=np.float64)

    def pixel_sizes(self, given: float | None = None) -> tuple[Float64 | None, str]:
        """Return Angstrom per pixel of every image, shape (B,), to six decimals, and in words where it is from."""
        sizes, source = super().pixel_sizes(given)
        return None if sizes is None else np.round(sizes, 6), source

    def pixel_size_sources(self) -> Sequence[Stated]:
        """Return what ``blob/psize_A`` says."""
        return [Stated("blob/psize_A", self.pixel_size_source, self.pixel_size, firm=True)]

    def with_pixel_size(self, pixel_size: float) -> CsFile:
        """Return a file that gives this pixel size; every ``psize_A`` grows alike, so that shifts keep their length."""
        growth = pixel_size / self.pixel_size
        if np.allclose(growth, 1.0, rtol=1e-6, atol=0):
            return self
        table = self.table.copy()
        for name in self._names:
            if name.endswith("psize_A") and table.dtype[name].kind == "f" and table.dtype[name].shape == ():
                fill(self.path, table, {name: table[name] * growth})
        return replace(self, table=table)

    def image_sizes(self) -> tuple[str, Float64] | None:
        """Return ``blob/shape`` and its values, pixels along a side of every image; None: not said."""
        if "blob/shape" not in self._names:
            return None
        return "blob/shape", np.asarray(self.table["blob/shape"][:, 0], dtype=np.float64)

    def displacements(self, pixel_size: Float64 | None = None, *, only: str | None = None) -> Float64:
        """Return where the shifts put the centres.

        ``only``: of ``alignments2D`` or of ``alignments3D``, the first of them that is there without it.  The pixel
        size is not needed: the shifts are in units of that in the file.
        """
        wanted = (only,) if only else ALIGNMENTS
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
        raise NotStatedError(f"{fspath(self.path)!r} has no shifts: no field {names}")

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
        ``alignments2D/shift`` is appended, in pixels of ``alignments2D/psize_A``, which is made where it is not there.

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
        present = [one for one in ALIGNMENTS if f"{one}/shift" in self._names and only in (None, one)]
        fields = {}
        for prefix in present or [only or ALIGNMENTS[0]]:
            unit = self._psize(prefix)
            if not {f"{prefix}/shift", f"{prefix}/psize_A"} & set(self._names):
                fields[f"{prefix}/psize_A"] = unit = image
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
        """Return the particles as a STAR file of RELION 3.1 in memory, one optics group for every pixel size.

        It holds what centering knows: names, optics groups and, where the file has them, origins, classes, psi, defoci
        and the microscope.  ``size`` is for a file that does not say it, ``pixel_size`` in place of what it says.
        """
        size = int(self.table["blob/shape"][0][0]) if "blob/shape" in self._names else size
        star = super().to_star(size=size, pixel_size=pixel_size)
        columns, known = {}, star.particles.columns
        if self.classes is not None and "rlnClassNumber" not in known:
            columns["rlnClassNumber"] = [str(one) for one in self.classes.tolist()]
        if self.psi is not None and "rlnAnglePsi" not in known:
            columns["rlnAnglePsi"] = [f"{one:.6f}" for one in self.psi.tolist()]
        if "rlnDefocusU" in known:
            columns |= {label: [f"{one:.6f}" for one in values.tolist()] for label, values in self._defocus().items()}
        return star.with_columns(star.particles, columns)

    def _defocus(self) -> dict[str, Float64]:
        """Return the two defoci and the angle of the first, in degrees, by RELION's labels."""
        fields = {"rlnDefocusU": _CTF[0], "rlnDefocusV": _CTF[1], "rlnDefocusAngle": _ANGLE}
        found = {label: self.table[field].astype(np.float64) for label, field in fields.items() if field in self._names}
        return {label: np.rad2deg(one) if label == "rlnDefocusAngle" else one for label, one in found.items()}

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
