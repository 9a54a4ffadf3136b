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
        here = Path.cwd()
        self.bases: tuple[Path | None, ...] = (None, *(one for one in (home, *home.parents) if one != here))
        self._there: dict[tuple[Path | None, str], bool] = {}

    def fitting(self, name: str) -> list[tuple[Path, Path | None]]:
        """Return the files that a name leads to, all different, and the folder of each (None: the current one).

        The first is the one to take.  A name that goes on below a folder which is not there costs nothing more.
        """
        if Path(name).is_absolute():
            return [(Path(name), None)] if Path(name).is_file() else []
        found: list[tuple[Path, Path | None]] = []
        head = Path(name).parts[0] if Path(name).parts else ""
        for base in self.bases:
            if not self._exists(base, head):
                continue
            candidate = Path(name) if base is None else base / name
            if candidate.is_file() and not any(_same(candidate, other) for other, _ in found):
                found.append((candidate, base))
        return found

    def _exists(self, base: Path | None, head: str) -> bool:
        key = (base, head)
        if key not in self._there:
            self._there[key] = (Path(head) if base is None else base / head).exists()
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
