"""From ``.cs`` files to STAR files, as far as centering knows both; `centering.io.star_to_cs` is the way back.

=============================== ==================================================================================
``blob/path``, ``blob/idx``     ``rlnImageName``, as RELION reads it: ``000001@stack.mrc:mrcs``
``blob/psize_A``, ``shape``     ``rlnImagePixelSize``, ``rlnImageSize`` of the optics group
``ctf/accel_kv`` and others     those of `OPTICS`, with the optics groups
``ctf/df1_A`` and others        those of `PARTICLES`, with every particle
``location/micrograph_path``    ``rlnMicrographName``
``location/center_*_frac``      ``rlnCoordinateX``, ``rlnCoordinateY`` in pixels of ``location/micrograph_shape``,
                                which is (rows, columns); rows are counted from the first one of the file, as
                                cryoSPARC's own scripts draw them
``alignments*/shift``           ``rlnOriginXAngst``, ``rlnOriginYAngst``
``alignments2D/class``, `pose`  ``rlnClassNumber``, ``rlnAnglePsi``
=============================== ==================================================================================
"""

from __future__ import annotations

from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.cs_alignments import shifted_groups
from centering.io.cs_table import located
from centering.io.image_names import Index, for_relion
from centering.io.star import PLACEHOLDERS, StarFile, decimals
from centering.io.star_table import quote

__all__ = ["COORDINATES", "OPTICS", "PARTICLES", "as_star", "left_out", "number", "placeholders"]

Float64 = npt.NDArray[np.float64]

OPTICS = {
    "rlnVoltage": "ctf/accel_kv",
    "rlnSphericalAberration": "ctf/cs_mm",
    "rlnAmplitudeContrast": "ctf/amp_contrast",
    "rlnMicrographPixelSize": "location/micrograph_psize_A",
}
"""Labels of RELION's optics groups, and the fields of cryoSPARC that say the same."""

PARTICLES = {
    "rlnDefocusU": "ctf/df1_A",
    "rlnDefocusV": "ctf/df2_A",
    "rlnDefocusAngle": "ctf/df_angle_rad",
    "rlnPhaseShift": "ctf/phase_shift_rad",
    "rlnCtfBfactor": "ctf/bfactor",
    "rlnCtfScalefactor": "ctf/scale",
}
"""Those of particles; what cryoSPARC has in radians RELION has in degrees."""

COORDINATES = {"rlnCoordinateX": ("location/center_x_frac", 1), "rlnCoordinateY": ("location/center_y_frac", 0)}
"""Fields of the place in the micrograph, and the axis of ``location/micrograph_shape`` that each is a part of."""

_MICROGRAPH, _SHAPE, _GROUP = "location/micrograph_path", "location/micrograph_shape", "ctf/exp_group_id"
_ALWAYS = {
    "uid", "blob/path", "blob/idx", "blob/psize_A", "blob/shape", "blob/sign", "alignments2D/class",
    "alignments2D/pose",
}  # fmt: skip


def number(table: npt.NDArray[Any], field: str) -> Float64 | None:
    """Return a field that has one finite number for every particle, shape (B,); None where it has not."""
    if field not in (table.dtype.names or ()) or table.dtype[field].kind not in "iuf":
        return None
    values = table[field].astype(np.float64)
    return values if np.isfinite(values).all() else None


def _stated(table: npt.NDArray[Any]) -> dict[str, Float64]:
    """Return what a file says of the microscope, by RELION's labels, rounded as it is written."""
    found = {}
    for label, field in OPTICS.items():
        values = number(table, field)
        if values is None:
            continue
        wrong = (values <= 0) if label in ("rlnVoltage", "rlnMicrographPixelSize") else values < 0
        if not (wrong | ((values > 1) if label == "rlnAmplitudeContrast" else False)).any():
            found[label] = np.round(values, 6)
    return found


def placeholders(table: npt.NDArray[Any]) -> list[str]:
    """Say which values RELION asks for, and a file does not state."""
    missing = {label: value for label, value in PLACEHOLDERS.items() if label not in _stated(table)}
    values = ", ".join(f"{label} {value:g}" for label, value in missing.items())
    return [f"the new STAR file holds placeholders, without which RELION cannot read it: {values}"] if missing else []


def left_out(table: npt.NDArray[Any], columns: Collection[str]) -> list[str]:
    """Return the fields of which a STAR file made here, with these columns of the particles, says nothing."""
    names = table.dtype.names or ()
    carried = {*_ALWAYS, *(f"{group}/shift" for group in shifted_groups(table)[:1])}
    carried |= {OPTICS[label] for label in _stated(table)}
    carried |= {field for field in (*PARTICLES.values(), _GROUP) if number(table, field) is not None}
    carried |= {_SHAPE, *(field for field, _ in COORDINATES.values())} if "rlnCoordinateX" in columns else set()
    carried |= {_MICROGRAPH} if "rlnMicrographName" in columns else set()
    return [name for name in names if name not in carried and not name.endswith(("s2D/psize_A", "s3D/psize_A"))]


def as_star(
    path: str | PathLike[str],
    table: npt.NDArray[Any],
    images: tuple[list[str], Index, Index],
    sizes: Float64,
    size: int,
    columns: dict[str, list[str]],
) -> StarFile:
    """Return a STAR file in memory.

    Parameters
    ----------
    path : path
        What messages call it.
    table : ndarray, shape (B,), structured
    images : tuple
        Stacks, and for every particle the index into them and the image (`CsFile.images`).
    sizes : ndarray, shape (B,), float64
        Angstrom per pixel of the images.
    size : int
        n of the images, for a file that does not say it; 0 where it is not known.
    columns : dict
        Further columns of the particles.
    """
    optics, groups = _groups(table, sizes, size)
    stacks, index, image = images
    particles = {
        "rlnImageName": _names(stacks, index, image),
        "rlnOpticsGroup": [str(group + 1) for group in groups.tolist()],
        **_places(table),
        **columns,
        **_defoci(table),
    }
    missing = [label for label in PLACEHOLDERS if label not in _stated(table)]
    lines = [
        "# version 30001",
        *([f"# placeholders, not measured: {', '.join(missing)}"] if missing else []),
        *_loop("optics", optics),
        "",
        *_loop("particles", particles),
    ]
    return StarFile.of_lines(Path(path), lines)


def _loop(name: str, columns: dict[str, list[str]]) -> list[str]:
    rows = map(" ".join, zip(*columns.values(), strict=True))
    return [f"data_{name}", "", "loop_", *(f"_{label}" for label in columns), *rows]


def _groups(table: npt.NDArray[Any], sizes: Float64, size: int) -> tuple[dict[str, list[str]], Index]:
    """Return the optics groups, one for all particles that agree in what one says, and that of every particle."""
    stated = _stated(table)
    shapes = table["blob/shape"][:, 0].astype(np.float64) if "blob/shape" in (table.dtype.names or ()) else None
    keys = {"rlnImagePixelSize": np.round(sizes, 6), **stated}
    if shapes is not None:
        keys["rlnImageSize"] = shapes
    group = number(table, _GROUP)
    rows, of = np.unique(
        np.stack([*keys.values(), *([] if group is None else [group])], axis=1), axis=0, return_inverse=True
    )
    values = dict(zip(keys, rows.T.tolist(), strict=False))
    count = range(1, len(rows) + 1)
    optics = {
        "rlnOpticsGroup": [str(k) for k in count],
        "rlnOpticsGroupName": [f"opticsGroup{k}" for k in count],
        "rlnImagePixelSize": decimals(rows[:, 0]),
    }
    if shapes is not None or size:
        optics["rlnImageSize"] = [f"{one:.0f}" for one in values.get("rlnImageSize", [size] * len(rows))]
    optics["rlnImageDimensionality"] = ["2"] * len(rows)
    for label in OPTICS:
        default = PLACEHOLDERS.get(label)
        if label in values or default is not None:
            optics[label] = [f"{one:.9g}" for one in values.get(label, [default] * len(rows))]
    return optics, of.reshape(-1)


def _names(stacks: list[str], index: Index, image: Index) -> list[str]:
    # a name needs quotes for the sake of its stack alone
    ends = [(mark if (mark := quote(f"1@{name}")[0]) != "1" else "", name) for name in map(for_relion, stacks)]
    return [
        f"{ends[stack][0]}{number + 1:06d}@{ends[stack][1]}{ends[stack][0]}"
        for stack, number in zip(index.tolist(), image.tolist(), strict=True)
    ]


def _places(table: npt.NDArray[Any]) -> dict[str, list[str]]:
    """Return the micrograph of every particle, and where the particle lies in it."""
    names = table.dtype.names or ()
    if _MICROGRAPH not in names or table.dtype[_MICROGRAPH].kind not in "SU":
        return {}
    paths, index = located(table, _MICROGRAPH)
    try:
        quoted = [quote(path) for path in paths]
    except ValueError:
        return {}
    if not all(paths) or any("\0" in path for path in paths):
        return {}
    found = {"rlnMicrographName": [quoted[k] for k in index.tolist()]}
    parts = {label: number(table, field) for label, (field, _) in COORDINATES.items()}
    if _SHAPE in names and table.dtype[_SHAPE].shape == (2,) and table.dtype[_SHAPE].base.kind in "iu":
        shape = table[_SHAPE].astype(np.float64)
        for label, (_, axis) in COORDINATES.items():
            part = parts[label]
            if part is None or not all(one is not None for one in parts.values()):
                break
            place, whole = part * shape[:, axis], np.rint(part * shape[:, axis])
            # whole numbers in single precision: RELION cuts decimals off, and would take 137.99999 for 137
            found[label] = decimals(np.where(np.abs(place - whole) <= 1e-7 * shape[:, axis], whole, place))
    return found


def _defoci(table: npt.NDArray[Any]) -> dict[str, list[str]]:
    found = {}
    for label, field in PARTICLES.items():
        values = number(table, field)
        if values is not None:
            found[label] = decimals(np.rad2deg(values) if field.endswith("_rad") else values)
    return found
