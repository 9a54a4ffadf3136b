"""A folder of results that appears when it is complete, or takes the place of an older one as a whole."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Collection
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path

from centering.io import publishing
from centering.io.atomic import flush_folder, remove_dead
from centering.io.locking import LockGoneError, lock
from centering.io.publishing import Stage
from centering.io.refusal import refuse_foreign
from centering.sentence import Sentence

__all__ = ["OutputFolder", "abandon", "recover", "withdraw"]


class OutputFolder:
    """Lends a folder ``results``, which becomes the folder ``out`` at the end of the ``with`` block, unless it fails.

    The work is done in ``.NAME.partial`` beside ``out``, or in ``out/.partial`` where a folder ``out`` exists that
    cannot be exchanged as a whole.  It holds the lock of the process that works in it.

    Parameters
    ----------
    out : path
        The folder to be; it may exist where ``overwrite`` is true.
    owned : collection of str
        Names of the files that may be replaced or removed in ``out`` if it exists; everything else stays as it is.

    Raises
    ------
    FileExistsError
        ``out`` exists and ``overwrite`` is false, another process works in it, or it holds an interrupted run.
    """

    resume = False

    def __init__(self, out: str | PathLike[str], *, owned: Collection[str], overwrite: bool = False) -> None:
        self.out, self.owned, self.overwrite = _target(out), owned, overwrite
        self.path = _place(self.out, owned)
        self.results = self.path / publishing.RESULTS

    def __enter__(self) -> OutputFolder:
        recover(self.out)
        self.path = _place(self.out, self.owned)
        self.results = self.path / publishing.RESULTS
        interrupted = self.path.exists() and self.resume
        if self.out.exists() and not self.overwrite and not interrupted:
            raise FileExistsError(
                Sentence("folder {out!r} exists; give another one, or {overwrite:True}", out=fspath(self.out.name))
            )
        self._parents = [path for path in self.path.parents if not path.exists()]
        self._published = False
        try:
            if not os.path.lexists(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self.path, self.out.name)
        except BaseException:
            self._remove_folders()
            raise
        try:
            self._settle()
        except BaseException:
            self._leave(keep=self._worth_keeping())
            raise
        return self

    def _settle(self) -> None:
        """Throw away what an earlier process has left, or refuse."""
        if self._worth_keeping() and not self.overwrite:
            raise FileExistsError(self._interrupted())
        self._start()

    def _interrupted(self) -> Sentence:
        return Sentence(
            "{out!r} holds an interrupted run; continue it with {resume:True}, or start again with {overwrite:True}",
            out=fspath(self.out.name),
        )

    def _start(self) -> None:
        for name in (publishing.FINISHED, publishing.JOURNAL):
            (self.path / name).unlink(missing_ok=True)
        remove_dead(self.path)
        if self.results.exists():
            shutil.rmtree(self.results)
        self.results.mkdir()

    def _worth_keeping(self) -> bool:
        """Whether there is something that a later process can go on with."""
        return publishing.has_work(self.path)

    def publish(self) -> None:
        """Let the results appear; after a kill in the middle of it, the next process does the rest."""
        if publishing.stage(self.path, self.out) == Stage.WORKING:
            publishing.finish(self.path, self.out, self.owned)
        if self.out.exists() and not self.overwrite and not self.resume and any(self.out.iterdir()):
            raise FileExistsError(f"folder {fspath(self.out.name)!r} has appeared meanwhile; give another one")
        publishing.publish(self.path, self.out)
        self._published = True
        for folder in self._parents:
            flush_folder(folder.parent)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._leave(keep=self._worth_keeping())
            return
        try:
            self.publish()
        except BaseException:
            self._leave(keep=self._worth_keeping())
            raise
        self._leave(keep=False)

    def _leave(self, *, keep: bool) -> None:
        """Give the lock back, and remove the working folder unless something in it is to stay."""
        try:
            self._clear_up(keep=keep)
        except KeyboardInterrupt:  # it must not end the clearing up
            self._clear_up(keep=keep)
            raise
        finally:
            with suppress(OSError):
                os.close(self._lock)

    def _clear_up(self, *, keep: bool) -> None:
        with suppress(OSError):
            if not _holds(self._lock, self.path / publishing.LOCK):
                self._remove_folders()  # the rest is gone; what is there now may be another process's
                return
            done = publishing.stage(self.path, self.out)
            if self._published:
                publishing.clear(self.path)
            elif done == Stage.PUBLISHED:
                publishing.complete(self.path, self.out)
            elif done != Stage.MOVING and not keep:  # what is half moved the next process completes
                publishing.abandon(self.path)
                self._remove_folders()

    def _remove_folders(self) -> None:
        """Remove the folders that were made for the results, as far as they are empty."""
        for folder in (self.path, *self._parents):
            with suppress(OSError):
                folder.rmdir()


def recover(out: str | PathLike[str]) -> None:
    """Finish what a process that was killed has begun in the folder ``out``, and remove what it has left.

    Results whose publication had begun are published; an interrupted run that can be continued stays as it is, and
    everything else that is hidden goes.  Does nothing where the process is alive.
    """
    _recover(out, keep=True)


def abandon(out: str | PathLike[str]) -> None:
    """Do what `recover` does, and throw an interrupted run away too."""
    _recover(out, keep=False)


def withdraw(out: str | PathLike[str]) -> None:
    """Remove the folder ``out`` of results, all of them at once."""
    abandon(out)
    path = _target(out)
    if path.exists():
        hidden = path.with_name(f".{path.name}.partial")
        hidden.mkdir()
        (hidden / publishing.LOCK).touch()
        path.rename(hidden / publishing.RESULTS)
        abandon(path)


def _recover(out: str | PathLike[str], *, keep: bool) -> None:
    target = _target(out)
    for place in _places(target):
        if not place.is_dir():
            continue
        try:
            held = _lock(place, target.name)
        except (FileExistsError, PermissionError):
            continue  # of a process that is alive, or not ours at all
        try:
            done = publishing.stage(place, target)
            if done in (Stage.MOVING, Stage.PUBLISHED):
                publishing.complete(place, target)
            elif not (keep and publishing.has_work(place)):
                publishing.abandon(place)
        finally:
            os.close(held)


def _target(out: str | PathLike[str]) -> Path:
    """Return the absolute path of the folder itself, also where a link leads to it."""
    path = Path(out)
    try:
        (path.with_name(f".{path.name}.partial") if path.name else path).lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # of the hidden folder, which is not what the user gave
            words = f"{error.strerror}, with the 9 characters that are added to it while the work is done"
            raise OSError(error.errno, words, fspath(out)) from None
    if path.is_dir() or path.name in ("", ".."):
        return path.resolve()
    # up again from a link is somewhere else; other links may be the only name that a worker of a cluster knows, too
    parent = os.path.realpath(path.parent) if ".." in path.parts else os.path.abspath(path.parent)  # noqa: PTH100
    return Path(parent, path.name)


def _places(out: Path) -> tuple[Path, Path]:
    """Return where the working folder may be: beside ``out``, or in it."""
    return out.with_name(f".{out.name}.partial") if out.name else out / ".partial", out / ".partial"


def _place(out: Path, owned: Collection[str]) -> Path:
    beside, inside = _places(out)
    if beside.is_dir() or not out.is_dir():
        return beside
    if inside.is_dir():
        return inside
    return beside if publishing.can_be_exchanged(out, owned) else inside


def _lock(place: Path, name: str) -> int:
    """Lock a working folder, or refuse: another process holds it, or somebody else has made what has its name."""
    _refuse_not_ours(place)
    try:
        return lock(place / publishing.LOCK)
    except BlockingIOError as error:
        raise FileExistsError(
            f"another run is writing into {name!r} ({error}); wait for it, or give another folder"
        ) from None
    except LockGoneError:
        raise FileExistsError(f"another run has just finished in {name!r}; give another folder") from None


def _holds(lock: int, path: Path) -> bool:
    """Return whether the file that is locked still has its name."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def _refuse_not_ours(place: Path) -> None:
    """Refuse what is no working folder, which would be emptied: in one the lock is the first file and the last.

    Nothing in it is opened before: what belongs to another user is neither believed nor thrown away.
    """
    lock, state = place / publishing.LOCK, place.lstat()
    ours = stat.S_ISDIR(state.st_mode)
    if ours:
        refuse_foreign(place, state)
    if ours and os.path.lexists(lock):
        ours = stat.S_ISREG(lock.lstat().st_mode)
    elif ours:
        ours = not any(place.iterdir())
    if not ours:
        raise FileExistsError(
            f"{fspath(place)!r}, where the work would be done, is not of this program; "
            "remove it, or give another folder"
        )
    for path in publishing.believed(place):
        with suppress(FileNotFoundError):  # of a process that is alive
            refuse_foreign(path, path.lstat())
