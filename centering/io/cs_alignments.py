"""The shifts of a ``.cs`` file: one or several of every particle in every group of alignments.

``alignments2D/shift`` and ``alignments3D/shift`` have one of every particle, (B, 2), and so have older files in
``alignments_class_0/shift`` and its like; ``alignments3D_multi/shift`` has one for each of K classes, (B, K, 2).  Each
is (x, y) in pixels of the ``psize_A`` of its own group, which may be one of a particle or one for each class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ALIGNMENTS", "OWN", "rival_shifts", "shifted_groups", "strange_shifts", "the_one_shift", "unit"]

ALIGNMENTS = ("alignments2D", "alignments3D")
"""Prefixes of the two groups that cryoSPARC's jobs ask for, in the order in which they are asked here."""

OWN = "alignments"
"""How the prefixes of all groups begin."""

Float64 = npt.NDArray[np.float64]

_SAME = 0.01  # pixels; shifts that differ by less say the same


def _shift_fields(table: npt.NDArray[Any]) -> list[str]:
    """Return the prefixes of all fields that are called ``shift``, those of `ALIGNMENTS` first."""
    found = [name[: -len("/shift")] for name in table.dtype.names or () if name.endswith("/shift")]
    return sorted(found, key=lambda prefix: ALIGNMENTS.index(prefix) if prefix in ALIGNMENTS else len(ALIGNMENTS))


def shifted_groups(table: npt.NDArray[Any]) -> list[str]:
    """Return the prefixes of the groups whose shifts are understood."""
    return [prefix for prefix in _shift_fields(table) if prefix.startswith(OWN) and _is_understood(table, prefix)]


def strange_shifts(table: npt.NDArray[Any]) -> list[str]:
    """Return the fields called ``shift`` that are not understood, and can be neither read nor set."""
    known = shifted_groups(table)
    return [f"{prefix}/shift" for prefix in _shift_fields(table) if prefix not in known]


def _is_understood(table: npt.NDArray[Any], prefix: str) -> bool:
    kind = table.dtype[f"{prefix}/shift"]
    several = kind.shape[:-1]
    if kind.base.kind != "f" or len(kind.shape) not in (1, 2) or kind.shape[-1] != 2 or 0 in kind.shape:
        return False
    if f"{prefix}/psize_A" not in (table.dtype.names or ()):
        return True
    size = table.dtype[f"{prefix}/psize_A"]
    return size.base.kind == "f" and size.shape in ((), several)


def unit(table: npt.NDArray[Any], prefix: str) -> Float64:
    """Return Angstrom per pixel of the shifts of a group, that of the images where the file does not say it.

    The shape is that of the shifts without their last axis, (B,) or (B, K).
    """
    names = table.dtype.names or ()
    shape: tuple[int, ...] = (len(table),)
    if f"{prefix}/shift" in names:
        shape = table[f"{prefix}/shift"].shape[:-1]
    images = np.asarray(table["blob/psize_A"], dtype=np.float64)
    size = np.asarray(table[f"{prefix}/psize_A"], dtype=np.float64) if f"{prefix}/psize_A" in names else images
    images, size = (one.reshape(one.shape + (1,) * (len(shape) - one.ndim)) for one in (images, size))
    return np.broadcast_to(np.where(size > 0, size, images), shape)


def the_one_shift(table: npt.NDArray[Any], prefix: str) -> Float64 | None:
    """Return (x, y) of every particle in Angstrom, (B, 2): of several that of the likeliest class; None: not known."""
    shift = np.asarray(table[f"{prefix}/shift"], dtype=np.float64) * unit(table, prefix)[..., None]
    if shift.ndim == 2:
        return shift
    posterior = f"{prefix}/class_posterior"
    if (shift == shift[:, :1]).all():
        return shift[:, 0]
    if posterior not in (table.dtype.names or ()) or table[posterior].shape != shift.shape[:2]:
        return None
    likeliest: Float64 = shift[np.arange(len(shift)), table[posterior].argmax(axis=1)]
    return likeliest


def rival_shifts(table: npt.NDArray[Any]) -> tuple[str, str, float] | None:
    """Return the group whose shifts count, the first that says otherwise, and by how many pixels of the images."""
    stated = [(group, the_one_shift(table, group)) for group in shifted_groups(table)]
    known = [(group, shift) for group, shift in stated if shift is not None and np.isfinite(shift).all()]
    if not known:
        return None
    (first, counts), images = known[0], np.asarray(table["blob/psize_A"], dtype=np.float64)
    for group, shift in known[1:]:
        apart = float((np.hypot(*(shift - counts).T) / images).max())
        if apart > _SAME:
            return first, group, apart
    return None
