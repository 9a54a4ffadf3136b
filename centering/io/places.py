"""Where the names in a file of particles lead: they are relative to RELION's project folder, which no file states."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path

__all__ = ["Place", "find_file", "said_twice"]


class Place:
    """Where to look for the relative names of a file: the current folder, its own folder, and the parents of that.

    Parameters
    ----------
    source : path
        The file that has the names.
    """

    def __init__(self, source: str | PathLike[str]) -> None:
        home = Path(os.path.abspath(source)).parent  # noqa: PTH100  (resolve() would follow links)
        self.bases = (home, *home.parents)
        self._there: dict[tuple[Path, str], bool] = {}

    def fitting(self, name: str) -> list[tuple[Path, Path | None]]:
        """Return the file that a name leads to and its folder (None: the current one), or the two where it is doubtful.

        The first is the one to take.  A second one is that which would be taken from another current folder: what lies
        further up than both is nobody's.  A name that goes on below a folder which is not there costs nothing more.
        """
        path = Path(name)
        if path.is_absolute():
            return [(path, None)] if path.is_file() else []
        here: list[tuple[Path, Path | None]] = [(path, None)] if path.is_file() else []
        # a name without a folder is not RELION's, and others of its kind may lie anywhere
        wanted = 1 if here or len(path.parts) < 2 else 2
        found: list[tuple[Path, Path | None]] = []
        for base in self.bases:
            candidate = base / path
            if not self._exists(base, path.parts[0] if path.parts else "") or not candidate.is_file():
                continue
            if not any(_same(candidate, other) for other, _ in found):
                found.append((candidate, base))
            if len(found) == wanted:
                break
        if here and found and _same(here[0][0], found[0][0]):
            return here
        return [*here, *found]

    def _exists(self, base: Path, head: str) -> bool:
        key = (base, head)
        if key not in self._there:
            self._there[key] = (base / head).exists()
        return self._there[key]


def find_file(name: str, place: Place) -> Path | None:
    """Return the file that a name leads to, None where there is none."""
    found = place.fitting(name)
    return found[0][0] if found else None


def said_twice(fits: Sequence[tuple[str, list[tuple[Path, Path | None]]]], source: str | PathLike[str]) -> list[str]:
    """Return a sentence on the names that fit two files, empty where none does.

    Parameters
    ----------
    fits : sequence of (str, list)
        Names, and what `Place.fitting` says of each.
    source : path
        The file that has the names.
    """
    twice = [(name, found) for name, found in fits if len(found) > 1]
    if not twice:
        return []
    name, found = twice[0]
    taken, other = (fspath(Path(os.path.abspath(path))) for path, _ in found[:2])  # noqa: PTH100
    more = f" (and {len(twice) - 1} more names)" if len(twice) > 1 else ""
    return [
        f"{name!r}{more} in {fspath(source)!r} fits two files: {taken!r}, which was taken, and {other!r}; "
        "if the other one is meant, run from the folder that its name starts in"
    ]


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # gone meanwhile
        return False
