"""The passthrough file of a job of cryoSPARC: a job writes what it has changed, and beside it what it has taken over.

``J40_particles.cs`` and ``J40_passthrough_particles.cs`` belong together, row by row, by their ``uid``.  What the first
one says counts; of the second the groups ``blob``, ``ctf`` and ``location`` are taken where the first one lacks them.
"""

from __future__ import annotations

import re
from contextlib import suppress
from os import fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.io.cs_table import BLOB, load, rows_like, with_new_fields
from centering.io.refusal import refused_in_one_sentence

__all__ = ["Joined", "join"]

_GROUPS = ("blob", "ctf", "location")
_WORD = "passthrough"
_JOB = re.compile(r"(?:^|_)(J[0-9]+)_")

Joined = tuple[npt.NDArray[Any], Path | None, tuple[str, ...], tuple[str, ...]]
"""A table, the file from which some of its fields are, and what is to be told of it: notes, and doubts."""


def join(source: Path, table: npt.NDArray[Any]) -> Joined:
    """Return a table with what it lacks from the passthrough file beside it.

    Raises
    ------
    ValueError
        It does not say where its images are, and the passthrough file of its name lists other particles.
    """
    groups = _groups(table)
    missing = [group for group in _GROUPS if group not in groups]
    if not missing or _WORD in source.name or "uid" not in groups or table.dtype["uid"].kind not in "iu":
        return table, None, (), ()
    needed = not {*BLOB} <= {*(table.dtype.names or ())}
    doubt = ""
    for candidate in _candidates(source):
        try:
            with refused_in_one_sentence(candidate, "a .cs file"):
                other, _ = load(candidate)
        except (OSError, ValueError) as error:
            if needed and _plain(candidate) == _plain(source):
                raise
            doubt = doubt or str(error)
            continue
        rows = rows_like(other, table["uid"]) if "uid" in _groups(other) and other.dtype["uid"].kind in "iu" else None
        taken = [group for group in missing if group in _groups(other)]
        if rows is None:
            if _plain(candidate) == _plain(source):  # it should be the one
                doubt = _mismatch(candidate, other, source, table)
            continue
        if not taken or (needed and "blob" not in taken):
            continue
        words = f"{' and '.join(f'{group}/*' for group in taken)} come from {fspath(candidate)!r}, joined by uid"
        return _with(table, other[rows], taken), candidate, (words,), ()
    if doubt and needed:
        raise ValueError(f"{doubt}; give the passthrough file that was written with it")
    return table, None, (), (f"{doubt}; it is left alone",) if doubt else ()


def _mismatch(candidate: Path, other: npt.NDArray[Any], source: Path, table: npt.NDArray[Any]) -> str:
    """Say that two files do not belong together."""
    known = np.unique(other["uid"]) if "uid" in _groups(other) else table["uid"][:0]
    there = int(np.isin(table["uid"], known).sum())
    twice = f", and some of its {len(other)} rows have the same" if len(known) < len(other) else ""
    return f"{fspath(candidate)!r} has {there} of the {len(table)} uid of {fspath(source)!r}{twice}"


def _with(table: npt.NDArray[Any], other: npt.NDArray[Any], taken: list[str]) -> npt.NDArray[Any]:
    names = [name for name in other.dtype.names or () if name.partition("/")[0] in taken]
    new = [(name, other.dtype[name].base, other.dtype[name].shape) for name in names]
    wider = with_new_fields(table, new)
    for name in names:
        wider[name] = other[name]
    return wider


def _groups(table: npt.NDArray[Any]) -> set[str]:
    return {name.partition("/")[0] for name in table.dtype.names or ()}


def _plain(path: Path) -> str:
    """Return the name of a file without the word, and with the parts of it in order."""
    return "_".join(sorted(part for part in path.stem.split("_") if part != _WORD))


def _candidates(source: Path) -> list[Path]:
    """Return the passthrough files beside a file that may be of its job, the one of its name first."""
    job = _JOB.search(source.name)
    found = []
    with suppress(OSError):  # a folder that may not be listed
        for path in sorted(source.parent.glob(f"*{_WORD}*.cs")):
            other = _JOB.search(path.name)
            # a job is told by its number, where both names have one
            if job is None or other is None or job[1] == other[1]:
                found.append(path)
    wanted = np.array([_plain(path) != _plain(source) for path in found], dtype=bool)
    return [found[k] for k in np.argsort(wanted, kind="stable")]
