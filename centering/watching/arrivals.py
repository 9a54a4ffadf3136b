"""Files that arrive in a folder: which of them are written to the end?"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from os import PathLike, fspath
from pathlib import Path

__all__ = ["Arrivals", "Stamp"]

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds: what tells one state of a file from another."""


class Arrivals:
    """The files of a folder and of all folders below it; hidden ones are passed over.

    Parameters
    ----------
    folder : path
        Where files arrive.
    pattern : str
        What their names look like.
    settle : float
        Seconds for which a file must not change before it is taken for written to the end.
    avoid : path
        A folder that is not looked into.

    Attributes
    ----------
    waiting : dict of str to str
        The files that are not ready as they are, by their path below ``folder``, and why.
    """

    def __init__(self, folder: str | PathLike[str], pattern: str, *, settle: float, avoid: str | PathLike[str]) -> None:
        self.folder, self.pattern, self.settle = Path(folder), pattern, settle
        self.waiting: dict[str, str] = {}
        self._avoid = os.path.abspath(avoid)  # noqa: PTH100  (resolve() would follow a link)
        self._since: dict[str, tuple[Stamp, float]] = {}
        self._refused: set[str] = set()

    def settled(self, done: Mapping[str, Stamp]) -> list[tuple[str, Stamp]]:
        """Return the files that have settled, but for those that are done in the state in which they are now."""
        now = time.monotonic()
        found = dict(self._walk())
        for name in self._since.keys() - found.keys():
            self.forget(name)
        ready = []
        for name, stamp in sorted(found.items()):
            if done.get(name) == stamp:
                continue
            before, since = self._since.get(name, (None, now))
            if before != stamp:
                self._since[name] = stamp, now
                self._refused.discard(name)
                self.waiting[name] = "it is still changing"
            elif name not in self._refused and now - since >= self.settle:
                ready.append((name, stamp))
        return ready

    @property
    def moving(self) -> bool:
        """Whether some file has not settled yet."""
        return not self._refused.issuperset(self.waiting)

    def refuse(self, name: str, reason: str) -> None:
        """Do not return this file again before it has changed."""
        self._refused.add(name)
        self.waiting[name] = reason

    def forget(self, name: str) -> None:
        """Know nothing of this file any more: it is done, or gone."""
        self._since.pop(name, None)
        self._refused.discard(name)
        self.waiting.pop(name, None)

    def _walk(self) -> Iterator[tuple[str, Stamp]]:
        for place, folders, files in os.walk(self.folder):
            folders[:] = [
                one
                for one in folders
                if one[0] != "." and os.path.abspath(Path(place, one)) != self._avoid  # noqa: PTH100
            ]
            for file in files:
                if fnmatch(file, self.pattern) and file[0] != ".":
                    path = Path(place, file)
                    try:
                        state = path.stat()
                    except OSError:
                        continue  # it has gone away, or is a link to what is not there yet
                    yield fspath(path.relative_to(self.folder)), (state.st_size, state.st_mtime_ns)
