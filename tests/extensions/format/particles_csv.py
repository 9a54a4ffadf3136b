"""Particles in CSV, one a row, a file format for centering.

The columns ``stack`` and ``image`` (from 1) are needed; ``row`` and ``column`` are where the centre lies, in pixels
from ``n // 2``; ``pixel_size`` is in Angstrom, ``defocus`` too; ``class`` counts from 1 and ``psi`` is in degrees, as
in RELION.  Other columns are kept as they are.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import centering
from centering.io.atomic import replacing
from centering.io.formats import Format
from centering.io.refusal import NotStatedError
from centering.io.table import ParticleList


@dataclass(frozen=True)
class CsvList(ParticleList):
    """What one CSV file says of its particles."""

    path: Path
    rows: list

    pixel_size_source = "from the CSV file"

    @classmethod
    def read(cls, path):
        """Read a file; what goes wrong here becomes one sentence that names it."""
        with path.open(newline="", encoding="utf-8") as file:
            return cls(path, list(csv.DictReader(file)))

    def write(self, path):
        """Write the file, which appears when it is complete."""
        with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(self.rows)

    @property
    def names(self):
        """Where the images are."""
        return [f"{int(row['image']):06d}@{row['stack']}" for row in self.rows]

    @property
    def pixel_size(self):
        """Angstrom per pixel, None where the file does not say it."""
        return self._numbers("pixel_size") if "pixel_size" in self.rows[0] else None

    def displacements(self, pixel_size):
        """Where the centres are."""
        return np.stack([self._numbers("row"), self._numbers("column")], axis=1)

    def classification(self, pixel_size):
        """Classes, angles, and where the classification has put the centres."""
        return self._numbers("class").astype(np.int64), self._numbers("psi"), self.displacements(pixel_size)

    def transfer_functions(self, pixel_size=None):
        """For a microscope of 300 kV and 2.7 mm."""
        return centering.CTF(self._numbers("defocus"), self.pixel_size if pixel_size is None else pixel_size)

    def centered(self, displacement, pixel_size, *, planar=False):
        """Return the same particles with other centres."""
        centres = [{"row": f"{row:.4f}", "column": f"{column:.4f}"} for row, column in displacement.tolist()]
        return replace(self, rows=[old | new for old, new in zip(self.rows, centres, strict=True)])

    def _numbers(self, column):
        if column not in self.rows[0]:
            raise NotStatedError(f"{str(self.path)!r} has no column {column!r}")
        return np.array([float(row[column]) for row in self.rows])


def from_star(star, pixel_size, into):
    """Return what a STAR file says, as far as this format can."""
    sizes, _ = star.pixel_sizes(pixel_size)
    images = [name.split("@") for name in star.names]
    rows = [{"stack": stack, "image": int(number)} for number, stack in images]
    if sizes is not None:
        rows = [row | {"pixel_size": f"{size:g}"} for row, size in zip(rows, sizes.tolist(), strict=True)]
    return CsvList(star.path, rows).centered(star.displacements(sizes), sizes)


FORMAT = Format(name="a CSV list of particles", read=CsvList.read, from_star=from_star)
