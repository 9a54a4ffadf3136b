"""STAR files of particles, as RELION means them: images, optics groups, pixel sizes, origins, transfer functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.io.facts import AGREE, Stated, given_or_stated
from centering.io.image_names import Index, parse_images
from centering.io.refusal import NotStatedError, refuse_far
from centering.io.star_cells import Cells, fixed
from centering.io.star_facts import ORIGINS, decimals, image_sizes, pixel_size_sources, with_pixel_size
from centering.io.star_images import find_images
from centering.io.star_table import PLACEHOLDERS, Table, new_lines
from centering.io.star_text import StarText
from centering.sentence import Sentence

__all__ = ["PLACEHOLDERS", "StarFile", "decimals", "new_star"]

Float64 = npt.NDArray[np.float64]

_PRIORS = ("rlnOriginXPriorAngst", "rlnOriginYPriorAngst", "rlnOriginXPrior", "rlnOriginYPrior")
_DEPTHS = ("rlnOriginZAngst", "rlnOriginZ", "rlnOriginZPriorAngst", "rlnOriginZPrior")
_ROUNDING = 0.02  # pixels; of an origin with two decimals, in Angstrom or in pixels

_CTF = {
    "voltage": "rlnVoltage",
    "spherical_aberration": "rlnSphericalAberration",
    "amplitude_contrast": "rlnAmplitudeContrast",
    "phase_shift": "rlnPhaseShift",
}
_CORRECTED = {
    "rlnCtfDataAreCtfPremultiplied": "are multiplied by their transfer functions already",
    "rlnCtfDataArePhaseFlipped": "are phase-flipped already",
}


@dataclass(frozen=True)
class StarFile(StarText):
    """A STAR file of RELION 3.0 (one block) or 3.1 and later (``data_optics`` and ``data_particles``)."""

    @classmethod
    def new(
        cls,
        path: str | PathLike[str],
        names: Sequence[str],
        *,
        size: int,
        pixel_size: Float64 | None = None,
        microscope: Mapping[str, float] | None = None,
        ctf: CTF | None = None,
    ) -> StarFile:
        """Return a file in memory for images that have none, without origins.

        Parameters
        ----------
        path : path
            What messages call it; nothing is read or written there.
        names : sequence of str
            Image names, ``000001@stack.mrcs``.
        size : int
            n of the n x n images; 0 where it is not known.
        pixel_size : ndarray, shape (B,), float64, optional
            Angstrom per pixel, one optics group for every distinct value; without it the file has none, as RELION
            3.0.  With it the file must name a voltage and a spherical aberration to be read at all.
        microscope : mapping of str to float, optional
            Those, by their labels; those of ``ctf``, or `PLACEHOLDERS`, which are called so, without it.
        ctf : CTF, optional
            Transfer functions of the particles; said where the pixel size is.
        """
        columns: dict[str, list[str]] = {}
        if ctf is not None and pixel_size is not None:
            microscope, columns = _said(ctf, len(names))
        star = cls.of_lines(Path(path), new_lines(names, size, pixel_size, microscope))
        return star.with_columns(star.particles, columns) if columns else star

    @property
    def images(self) -> tuple[list[str], Index, Index]:
        """The distinct stacks, and for every row the index into them and the image, counted from 0."""
        found = find_images(self.cells(self.particles, "rlnImageName"))
        return parse_images(self.path, self.names) if found is None else found

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the file may make every result wrong, a sentence each."""
        return (*self._gaps(), *self._left_alone(), *self._unread_origins())

    def _gaps(self) -> Iterator[str]:
        """Say where RELION stops reading."""
        gap = self.gap(self.particles)
        if gap is not None:
            where = f"line {gap + 1} of {fspath(self.path)!r}"
            yield f"{where} is empty, and RELION reads no particle behind it: remove it"

    def _unread_origins(self) -> Iterator[str]:
        """Say that origins are in a unit in which RELION does not look for them."""
        columns = self.particles.columns
        if self.optics is not None and ORIGINS[0] not in columns and ORIGINS[2] in columns:
            words = (
                f"{fspath(self.path)!r} has origins in pixels ({ORIGINS[2]}) beside data_optics, where RELION reads "
            )
            yield f"{words}{ORIGINS[0]} alone; they are taken to be meant"

    def _left_alone(self) -> Iterator[str]:
        """Say which origins `with_origins` does not set: of other tables, and along the beam."""
        table, name = self.particles, fspath(self.path)
        for other in self.tables:
            if other is not table and len(other) and "rlnImageName" in other.columns:
                yield f"table data_{other.name} of {name!r} names images too and is left as it is: only {_block(table)}"
            elif other is not table and len(other) and {*ORIGINS, *_PRIORS, *_DEPTHS} & set(other.columns):
                yield f"table data_{other.name} of {name!r} has origins, which stay as they are: only {_block(table)}"
        for label in _DEPTHS:
            if label in table.columns and any(map(_some, set(self.column(table, label)))):
                yield f"column {label} of {name!r} stays as it is: images tell nothing of places along the beam"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how the file is read, a sentence each."""
        return ()

    @property
    def angles(self) -> int:
        """Which angles are stated that are not all 0: none (0), in the plane (2), or in space (3)."""
        table = self.particles
        for labels, found in ((("rlnAngleRot", "rlnAngleTilt"), 3), (("rlnAnglePsi",), 2)):
            present = [label for label in labels if label in table.columns]
            if any(_some(value) for label in present for value in set(self.column(table, label))):
                return found
        return 0

    def with_origins(self, displacement: Float64, pixel_size: Float64 | None) -> StarFile:
        """Return a file whose origins centre the particles; what stood there is replaced.

        RELION adds the origin to the coordinates: ``OriginX = -column``, ``OriginY = -row``, in Angstrom
        (``rlnOriginXAngst``, ``rlnOriginYAngst``) where the file has optics groups or such columns alone,
        else in pixels (``rlnOriginX``, ``rlnOriginY``).  A column of the other unit that the file already has is set
        too, so that no stale origin survives, and so are the priors that hold a refinement near the old place
        (``rlnOriginXPriorAngst``, ``rlnOriginXPrior``, ...).

        Parameters
        ----------
        displacement : ndarray, shape (B, 2), float64
            (row, column) in pixels, object centre minus ``n // 2``, in the order of the rows.
        pixel_size : ndarray, shape (B,), float64, or None
            Angstrom per pixel.

        Raises
        ------
        ValueError
            Angstrom are to be written and the pixel size is not known, or a shape does not fit.
        """
        table = self.particles
        if displacement.shape != (len(table), 2):
            raise ValueError(f"displacement has shape {displacement.shape}, the STAR file asks for ({len(table)}, 2)")
        refuse_far(self.path, displacement)
        present = [label in table.columns for label in ORIGINS]
        wanted = ORIGINS[:2] if self.optics or (any(present[:2]) and not any(present[2:])) else ORIGINS[2:]
        columns: dict[str, Cells] = {}
        for label in (*ORIGINS, *_PRIORS):
            if label in wanted or label in table.columns:
                pixels = -displacement[:, 1 if label.startswith("rlnOriginX") else 0]
                columns[label] = fixed(pixels * (self._known(pixel_size) if label.endswith("Angst") else 1.0))
        return self.with_columns(table, columns)

    @property
    def in_angstrom(self) -> bool:
        """Whether `with_origins` needs a pixel size."""
        labels = (*ORIGINS, *_PRIORS)
        return bool(self.optics) or any(label.endswith("Angst") and label in self.particles.columns for label in labels)

    def displacements(self, pixel_size: Float64 | None) -> Float64:
        """Return what the origins say, the inverse of `with_origins`; in Angstrom they need a pixel size."""
        table = self.particles
        if set(ORIGINS[:2]) <= set(table.columns):
            scale, unit = self._known(pixel_size), "Angst"
        elif set(ORIGINS[2:]) <= set(table.columns):
            scale, unit = np.ones(len(table)), ""
        else:
            raise NotStatedError(f"{fspath(self.path)!r} has no origins: no column rlnOriginXAngst or rlnOriginX")
        with np.errstate(over="ignore"):
            both = [-self.numbers(table, f"rlnOrigin{axis}{unit}") / scale for axis in "YX"]
        result = np.stack(both, axis=1)
        refuse_far(self.path, result)
        if unit and set(ORIGINS[2:]) <= set(table.columns):
            self._refuse_other_origins(result)
        return result

    def _refuse_other_origins(self, displacement: Float64) -> None:
        """Raise ValueError where the origins in pixels are not those in Angstrom, but for the rounding of either."""
        pixels = np.stack([-self.numbers(self.particles, label) for label in (ORIGINS[3], ORIGINS[2])], axis=1)
        apart = np.abs(pixels - displacement) > _ROUNDING + AGREE * np.abs(displacement)
        if apart.any():
            row, axis = (int(one[0]) for one in np.nonzero(apart))
            label = ORIGINS[3 - axis]
            raise ValueError(
                f"{fspath(self.path)!r} holds an origin of {-displacement[row, axis]:.4g} pixels in {label}Angst and "
                f"of {-pixels[row, axis]:.4g} in {label}; remove the columns that are out of date"
            )

    def _known(self, pixel_size: Float64 | None) -> Float64:
        if pixel_size is None:
            words = "{path!r} stores origins in Angstrom and the pixel size is not known; give it ({pixel_size})"
            raise ValueError(Sentence(words, path=fspath(self.path)))
        return pixel_size

    def centered(self, displacement: Float64, pixel_size: Float64 | None, *, planar: bool = False) -> StarFile:
        """Return `with_origins`, as every table of particles has it."""
        return self.with_origins(displacement, pixel_size)

    def to_star(self, *, size: int = 0, pixel_size: Float64 | None = None) -> StarFile:
        """Return the file itself, as every table of particles has a STAR file that says the same."""
        return self

    def remarks(self) -> list[str]:
        """Return what a user should know of a file that `new` has made, in words."""
        optics = self.optics
        if optics is None:
            return ["the pixel size is not known, so the new STAR file has origins in pixels, as RELION 3.0 has them"]
        said = " ".join(line for line in self.lines[: optics.labels[0]] if "placeholders" in line)
        if not said:
            return []
        values = ", ".join(f"{label} {value:g}" for label, value in PLACEHOLDERS.items() if label in said)
        return [f"the new STAR file holds placeholders, without which RELION cannot read it: {values}"]

    def classification(self, pixel_size: Float64 | None) -> tuple[Index, Float64, Float64]:
        """Return classes, psi (degrees) and displacements: of columns that are missing only the origins need not be."""
        table = self.particles
        numbers = self.numbers(table, "rlnClassNumber")
        wrong = numbers[(numbers != np.rint(numbers)) | (np.abs(numbers) >= 2**31)]
        if len(wrong):
            raise ValueError(
                f"{fspath(self.path)!r} has a particle of class {wrong[0]:g}; classes are small whole numbers"
            )
        psi = self.numbers(table, "rlnAnglePsi")
        stated = {ORIGINS[0], ORIGINS[2]} & set(table.columns)
        displacement = self.displacements(pixel_size) if stated else np.zeros((len(table), 2))
        return numbers.astype(np.int64), psi, displacement

    def pixel_sizes(self, given: float | None = None) -> tuple[Float64 | None, str]:
        """Return the pixel sizes by the rule of `centering.io.facts`, and in words where they come from."""
        return given_or_stated(self, given)

    def pixel_size_sources(self) -> Sequence[Stated]:
        """Return every source of a pixel size in the file, the one that counts first; see `centering.io.facts`."""
        return pixel_size_sources(self)

    def with_pixel_size(self, pixel_size: float) -> StarFile:
        """Return a file that gives this pixel size; origins keep their length in pixels."""
        return with_pixel_size(self, pixel_size)

    def image_sizes(self) -> tuple[str, Float64] | None:
        """Return ``rlnImageSize`` and its values, pixels along a side of every image; None: not said."""
        return image_sizes(self)

    def transfer_functions(self, pixel_size: npt.ArrayLike | None = None) -> CTF:
        """Return the contrast transfer functions of the particles, in the order of the rows.

        ``rlnDefocusU`` and ``rlnDefocusV`` stand with the particles; voltage, spherical aberration, amplitude contrast
        and phase shift with them (RELION 3.0) or with their optics groups (3.1 and later).

        ValueError is raised where a column is missing, the pixel size is neither given nor stated, or the images are
        said to be corrected already.
        """
        table, name = self.particles, fspath(self.path)
        for label, state in _CORRECTED.items():
            corrected = self.per_particle(label, optics_first=True)
            if corrected is not None and corrected.any():
                raise NotStatedError(f"the images {state} ({label})")
        if pixel_size is None:
            pixel_size, _ = self.pixel_sizes()
            if pixel_size is None:
                words = "the pixel size of {path!r} is not known; give {pixel_size} in Angstrom"
                raise ValueError(Sentence(words, path=name))
        defocus = 0.5 * (self.numbers(table, "rlnDefocusU") + self.numbers(table, "rlnDefocusV"))
        values: dict[str, Float64] = {}
        for argument, label in _CTF.items():
            found = self.per_particle(label)
            if found is not None:
                values[argument] = found
            elif argument != "phase_shift":
                raise NotStatedError(f"{name!r} has no column {label}")
        return CTF(defocus, pixel_size, **values)


def new_star(
    path: str | PathLike[str],
    names: Sequence[str],
    displacement: Float64,
    *,
    size: int,
    pixel_size: float | None = None,
) -> None:
    """Write a new STAR file for images that had none; the same values give the same bytes.

    Parameters
    ----------
    path : path
        The file to write; it appears under its name only when it is complete.
    names, size
        As in `StarFile.new`.
    displacement : ndarray, shape (B, 2), float64
        (row, column) in pixels; the origins are its negative, as in `StarFile.with_origins`.
    pixel_size : float, optional
        Angstrom per pixel.  Without it the file is one of RELION 3.0, with origins in pixels, with it one of
        RELION 3.1, as `StarFile.new` makes it.
    """
    sizes = None if pixel_size is None else np.full(len(names), float(pixel_size))
    StarFile.new(path, names, size=size, pixel_size=sizes).with_origins(displacement, sizes).write(path)


def _some(value: str) -> bool:
    """Whether a value is not zero."""
    try:
        return float(value) != 0
    except ValueError:
        return True


def _block(table: Table) -> str:
    return f"data_{table.name} is centered"


def _said(ctf: CTF, count: int) -> tuple[dict[str, float], dict[str, list[str]]]:
    """Return what a STAR file says of transfer functions: with the optics groups, and with every particle."""
    values = {label: np.broadcast_to(np.asarray(getattr(ctf, name)), (count,)) for name, label in _CTF.items()}
    microscope = {label: float(values[label][0]) for label in PLACEHOLDERS}
    mean = np.broadcast_to(np.asarray(ctf.defocus), (count,))
    columns = {"rlnDefocusU": mean, "rlnDefocusV": mean, "rlnDefocusAngle": np.zeros(count)}
    # what differs from particle to particle stands with them, where RELION looks first
    columns |= {label: one for label, one in values.items() if not np.allclose(one, microscope.get(label, 0.0), 1e-6)}
    return microscope, {label: decimals(one) for label, one in columns.items()}
