"""What tells one state of a file from another, so that results are only kept if their input stayed as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from centering.io.formats import lists_particles

__all__ = ["ChangedError", "Stamp", "Stamps", "refuse_changed", "stamp", "stamps"]

Stamp = tuple[int, int, str]
"""Size in bytes, time of the last change in nanoseconds, and a digest."""

Stamps = tuple[tuple[Path, Stamp], ...]

_BEGINNING = 4096  # bytes of a stack that are looked at: an MRC file has its header there


class ChangedError(ValueError):
    """A file is not any more what it was when the work began."""


def stamp(path: str | PathLike[str]) -> Stamp:
    """Return the state of a file: with a digest of all of it for tables of particles, of its beginning otherwise."""
    source = Path(path)
    if not source.is_file():  # a pipe can be read only once
        source.stat()
        return 0, 0, ""
    with source.open("rb") as file:
        digest = hashlib.sha256(file.read(_BEGINNING))
        if lists_particles(source):
            while piece := file.read(2**20):
                digest.update(piece)
    state = source.stat()
    return state.st_size, state.st_mtime_ns, digest.hexdigest()


def stamps(paths: Iterable[str | PathLike[str]]) -> Stamps:
    """Return the state of several files; call it before they are read."""
    return tuple((Path(path), stamp(path)) for path in paths)


def refuse_changed(before: Stamps) -> None:
    """Raise `ChangedError`, which names the file, where one is not what it was."""
    for path, old in before:
        try:
            same = stamp(path) == old
        except FileNotFoundError:
            same = False
        if not same:
            raise ChangedError(
                f"{fspath(path)!r} has changed since the work began; nothing was written, give the command again"
            )
