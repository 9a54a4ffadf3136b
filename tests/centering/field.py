"""Troubles that users of the field's programs reported, rebuilt as small inputs; what is run on them is judged."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import starfile
from click.testing import CliRunner
from datafiles import write_cs

from centering.cli import main

SIZE, COUNT, PIXEL = 64, 12, 1.5
FIRST = np.array([2.0, -3.5])
"""(row, column) of the first particle's displacement in pixels."""

_OPTICS = {
    "rlnOpticsGroupName": "opticsGroup1",
    "rlnOpticsGroup": 1,
    "rlnMicrographOriginalPixelSize": PIXEL,
    "rlnVoltage": 300.0,
    "rlnSphericalAberration": 2.7,
    "rlnAmplitudeContrast": 0.1,
    "rlnImagePixelSize": PIXEL,
    "rlnImageSize": SIZE,
    "rlnImageDimensionality": 2,
}


@dataclass(frozen=True)
class Run:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def refused(self) -> bool:
        """Whether it refused in one sentence, and wrote nothing."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        return self.code == 2 and len(lines) == 1 and lines[0].startswith("Error:") and not Path("out").exists()

    def warns(self, *words: str) -> bool:
        """Whether one line of warning holds all the words, and the summary, where there is one, the same line."""
        lines = [line for line in self.err.splitlines() if line.startswith("warning:")]
        return self.code == 0 and any(all(re.search(word, line) for word in words) for line in lines)


def centering(*arguments: object) -> Run:
    """Run the program in this process."""
    result = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="centering")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 2), result.stderr
    return Run(result.exit_code, result.stdout, result.stderr)


def displacements(count: int = COUNT) -> np.ndarray:
    """Return where the particles lie: `FIRST`, then what is drawn once, in whole and half pixels."""
    drawn = np.random.default_rng(7).integers(-14, 15, (count, 2)) / 2.0
    drawn[0] = FIRST
    return drawn


def images(shifts: np.ndarray | None = None, *, size: int = SIZE, width: float = 4.0) -> np.ndarray:
    """Return round bright particles at displacements in pixels, float32, shape (B, n, n)."""
    shifts = displacements() if shifts is None else shifts
    axis = np.arange(size) - size // 2
    rows, columns = (np.exp(-((axis - shifts[:, [k]]) ** 2) / (2 * width**2)) for k in (0, 1))
    return (rows[:, :, None] * columns[:, None, :]).astype(np.float32)


def write_mrc(path: str, data: np.ndarray, pixel_size: float = PIXEL, **header: object) -> None:
    """Write a stack with ``mrcfile``, then set fields of its header."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path) as file:
        file.set_data(data)
        file.set_image_stack()
        file.voxel_size = pixel_size
    if header:
        with mrcfile.mmap(path, mode="r+", permissive=True) as file:
            for name, value in header.items():
                file.header[name] = value


def names(stack: str = "stack.mrcs", count: int = COUNT) -> list[str]:
    """Return the names of the images of a stack."""
    return [f"{k:06d}@{stack}" for k in range(1, count + 1)]


def loop(block: str, rows: list[dict[str, object]]) -> str:
    """Return a table of a STAR file as RELION writes it."""
    head = "".join(f"_{label} #{k}\n" for k, label in enumerate(rows[0], 1))
    body = "".join(" ".join(str(value) for value in row.values()) + "\n" for row in rows)
    return f"\n# version 30001\n\ndata_{block}\n\nloop_\n{head}{body}\n"


def optics(**fields: object) -> dict[str, object]:
    """Return a row of the optics table; fields that are None are left out."""
    return {label: value for label, value in (_OPTICS | fields).items() if value is not None}


def particles(stack: str = "stack.mrcs", count: int = COUNT, **columns: object) -> list[dict[str, object]]:
    """Return rows of the table of particles; a column is one value for all, or one for each."""
    rows: list[dict[str, object]] = []
    for k, name in enumerate(names(stack, count)):
        rest = {label: value[k] if isinstance(value, (list, tuple)) else value for label, value in columns.items()}
        rows.append({"rlnImageName": name, **rest})
    return rows


def write_star(
    path: str, rows: list[dict[str, object]], groups: list[dict[str, object]] | None = None, block: str = "particles"
) -> None:
    """Write a STAR file with an optics table, RELION's usual one where none is given; [] for RELION 3.0's kind."""
    groups = [optics()] if groups is None else groups
    if groups:
        rows = [{"rlnOpticsGroup": 1, **row} for row in rows]
    Path(path).write_text((loop("optics", groups) if groups else "") + loop(block if groups else "", rows))


def cs_table(stack: str = "J12/extract/m_particles.mrc", pixel_size: float = PIXEL, **fields: object) -> np.ndarray:
    """Return a cryoSPARC table; fields are named with ``__`` for the slash, one value for all or one for each."""
    data: dict[str, np.ndarray] = {
        "uid": np.arange(COUNT, dtype=np.uint64) + 1000003,
        "blob/path": np.full(COUNT, stack.encode()),
        "blob/idx": np.arange(COUNT, dtype=np.uint32),
        "blob/shape": np.full((COUNT, 2), SIZE, np.uint32),
        "blob/psize_A": np.full(COUNT, pixel_size, np.float32),
        "blob/sign": np.ones(COUNT, np.float32),
    }
    for name, value in fields.items():
        array = np.asarray(value)
        kind = np.float32 if array.dtype.kind == "f" else array.dtype
        whole = len(array.shape) > 0 and len(array) == COUNT
        data[name.replace("__", "/")] = (array if whole else np.broadcast_to(array, (COUNT, *array.shape))).astype(kind)
    table = np.empty(COUNT, [(name, array.dtype, array.shape[1:]) for name, array in data.items()])
    for name, array in data.items():
        table[name] = array
    return table


def write_cs_project(table: np.ndarray, path: str = "particles.cs", stack: str = "J12/extract/m_particles.mrc") -> None:
    """Write a cryoSPARC table, and the stack that it names."""
    if not Path(stack).exists():
        write_mrc(stack, images())
    write_cs(path, table)


def found(path: str = "out/centers.csv") -> np.ndarray:
    """Return the displacements that a run found, shape (B, 2)."""
    with Path(path).open() as file:
        return np.array([[float(row["row_px"]), float(row["column_px"])] for row in csv.DictReader(file)])


def table(path: str = "out/particles.star", block: str = "particles"):
    """Return a table of a STAR file as ``starfile`` reads it."""
    return starfile.read(path, always_dict=True)[block]


def origins(path: str = "out/particles.star", block: str = "particles") -> np.ndarray:
    """Return the origins of a STAR file in Angstrom, (x, y)."""
    return table(path, block)[["rlnOriginXAngst", "rlnOriginYAngst"]].to_numpy(np.float64)


def right(scale: float = PIXEL, shifts: np.ndarray | None = None) -> np.ndarray:
    """Return the origins that are right, in Angstrom: minus the displacement, x before y."""
    return -(displacements() if shifts is None else shifts)[:, ::-1] * scale
