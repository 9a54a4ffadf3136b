"""The hidden folder in which a run works: one run at a time, resumable, and complete when it shows its name."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Collection
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Any

from centering.engine.journal import Journal
from centering.io.atomic import replacing

__all__ = ["RunFolder"]


class RunFolder:
    """Lends a folder for results, which become the folder ``out`` when `publish` is called.

    The work is done in ``.NAME.partial`` beside ``out``, or in ``out/.partial`` where ``out`` exists, so that
    results move by renaming alone.  It holds the lock of the process that works in it, the `journal` and the
    results; it stays when the process is killed, and after an error if anything was finished.

    Parameters
    ----------
    out : path
        The folder to be.
    owned : collection of str
        Names of the files that may be replaced in ``out`` if it exists; everything else in it stays as it is.
    identity : dict
        What the run is, ready for JSON.  An interrupted run is only continued if it had the same.
    resume : bool
        Whether an interrupted run is continued; without one a new run begins.
    overwrite : bool
        Whether ``out`` may exist, and an interrupted run is thrown away.

    Raises
    ------
    FileExistsError
        ``out`` exists, another process works in it, or it holds an interrupted run and neither ``resume`` nor
        ``overwrite`` says what to do with that.
    ValueError
        The interrupted run was another one: its input or its options have changed.
    """

    def __init__(
        self,
        out: str | PathLike[str],
        *,
        owned: Collection[str],
        identity: dict[str, Any],
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.out = Path(os.path.abspath(out))  # noqa: PTH100  (resolve() would follow a link)
        self.owned, self.identity, self.resume, self.overwrite = owned, identity, resume, overwrite
        beside = self.out.with_name(f".{self.out.name}.partial")
        inside = self.out / ".partial"
        self.path = inside if self.out.is_dir() and not beside.exists() else beside
        self.results = self.path / "results"
        self.journal = Journal(self.path / "journal")
        self._finished = self.path / "finished"

    def __enter__(self) -> RunFolder:
        interrupted = self.path.exists() and self.resume
        if self.out.exists() and not self.overwrite and not interrupted:
            raise FileExistsError(f"folder {fspath(self.out.name)!r} exists; give another one, or --overwrite")
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._acquire()
        try:
            self._settle()
        except BaseException:
            self._leave(keep=self._begun())
            raise
        return self

    def _acquire(self) -> int:
        """Lock the folder; the system frees the lock of a process that dies, however it dies."""
        place = self.path / "lock"
        lock = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 200).decode(errors="replace").strip() or "another process"
            os.close(lock)
            raise FileExistsError(
                f"another run is writing into {fspath(self.out.name)!r} ({holder}); wait for it, or give another folder"
            ) from None
        if not place.exists() or not os.path.samestat(os.fstat(lock), place.stat()):
            os.close(lock)  # the run that held it has just finished and taken the folder away
            raise FileExistsError(f"another run has just finished in {fspath(self.out.name)!r}; give another folder")
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        return lock

    def _settle(self) -> None:
        """Continue what is there, throw it away, or refuse."""
        begun = self._begun()
        if begun and self.resume:
            changed = _difference(self.journal.identity() or {}, self.identity)
            if changed:
                raise ValueError(
                    f"the interrupted run in {fspath(self.out.name)!r} cannot be continued: {changed}; "
                    "start again with --overwrite"
                )
            return
        if begun and not self.overwrite:
            raise FileExistsError(
                f"{fspath(self.out.name)!r} holds an interrupted run; continue it with --resume, "
                "or start again with --overwrite"
            )
        shutil.rmtree(self.results, ignore_errors=True)
        self._finished.unlink(missing_ok=True)
        self.results.mkdir()
        self.journal.start(self.identity)

    @property
    def finished(self) -> bool:
        """Whether all results are there, and some of them may already have been moved to ``out``."""
        return self._finished.exists()

    def publish(self) -> None:
        """Move the results to ``out``; after a kill in the middle of it, the next run moves the rest."""
        if not self.finished:
            names = sorted(path.name for path in self.results.iterdir())
            with replacing(self._finished) as temporary:
                temporary.write_text(json.dumps(names))
        names = json.loads(self._finished.read_text())
        if not self.results.exists():
            return
        if not self.out.exists():
            self.results.rename(self.out)
            return
        for name in names:
            if (self.results / name).exists():
                (self.results / name).replace(self.out / name)
        for name in set(self.owned) - set(names):
            (self.out / name).unlink(missing_ok=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave(keep=kind is not None and self._begun())

    def _begun(self) -> bool:
        """Whether anything is finished that is worth keeping."""
        return self.journal.identity() is not None and any(True for _ in self.journal.read())

    def _leave(self, *, keep: bool) -> None:
        if not keep:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say in words what the first difference between two runs is, nothing where they are the same."""
    old, new = before.get("files", {}), now["files"]
    for path in [*old, *new]:
        if old.get(path) != new.get(path):
            return f"{path!r} has changed since" if path in old and path in new else f"{path!r} is not in both runs"
    for name in [*before, *now]:
        if before.get(name) != now.get(name):
            return f"its {name} was {before.get(name)!r} and is now {now.get(name)!r}"
    return ""
