"""Results that are complete take the place of older ones: all of them at once, whatever happens meanwhile.

They lie in the folder ``results`` of a hidden working folder.  Where nothing carries the final name yet, one renaming
is all.  Where a folder does, the two are exchanged in one step of the system (``renameat2``); files in it that are not
ours get a second name in the new folder before.  Where a system, a file system or a folder within the folder does not
allow that, the old files move away and then the new ones in, so that those of two runs never lie side by side; after a
kill in the middle the next command moves the rest, after an error everything moves back.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import struct
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from centering.io.atomic import flush, flush_folder, replacing

__all__ = [
    "Stage",
    "abandon",
    "believed",
    "can_be_exchanged",
    "clear",
    "complete",
    "finish",
    "has_work",
    "publish",
    "read_record",
    "stage",
]

RESULTS, FINISHED, MOVING, OLD, JOURNAL, LOCK = "results", "finished", "moving", "old", "journal", "lock"
"""Names within a working folder."""

RECORD = struct.Struct("<IIII")
"""Head of a record of a journal: bytes of the name and of the rows, 1 where there are covariances, checksum of both."""

_MANY = 1000  # files of others in a folder from which on it is not exchanged

_EXCHANGE = 2  # RENAME_EXCHANGE of <linux/fs.h>
_HERE = -100  # AT_FDCWD


class Stage:
    """How far a working folder has come."""

    WORKING, READY, MOVING, PUBLISHED = range(4)


@dataclass(frozen=True)
class _Finished:
    """What the file ``finished`` says.

    Attributes
    ----------
    names, owned : list of str
        All results; the files that may be replaced or removed.
    inode : int
        Number of the folder that holds the results.
    replaces : int or None
        Number of the folder that has the final name so far.
    """

    names: list[str]
    owned: list[str]
    inode: int
    replaces: int | None

    @classmethod
    def read(cls, place: Path) -> _Finished:
        return cls(**json.loads((place / FINISHED).read_text(encoding="utf-8")))

    @property
    def ours(self) -> set[str]:
        return {*self.names, *self.owned}


def stage(place: Path, out: Path) -> int:
    """Return how far the working folder ``place`` of the folder ``out`` has come, one of `Stage`."""
    if not (place / FINISHED).exists():
        return Stage.WORKING
    if (place / MOVING).exists():
        return Stage.MOVING
    finished, results = _Finished.read(place), _inode(place / RESULTS)
    # after an exchange it is the old folder that is called results; a copy of all of it has other numbers
    exchanged = results == finished.replaces or _inode(out) == finished.inode
    return Stage.PUBLISHED if results is None or exchanged else Stage.READY


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def finish(place: Path, out: Path, owned: Iterable[str]) -> None:
    """Say that the results are complete, once they are on the disk."""
    results = place / RESULTS
    names = sorted(path.name for path in results.iterdir())
    for name in names:
        flush(results / name)
    flush_folder(results)
    with replacing(place / FINISHED) as temporary:
        about = _Finished(names, sorted(owned), results.stat().st_ino, _inode(out))
        temporary.write_text(json.dumps(asdict(about)), encoding="utf-8")


def publish(place: Path, out: Path) -> None:
    """Let the results of a working folder that is ready appear as ``out``."""
    results, finished = place / RESULTS, _Finished.read(place)
    if not out.exists():
        results.rename(out)
    elif not _exchanged(results, out, finished):
        try:
            (place / MOVING).touch()
            flush_folder(place)
            _move(place, out, finished)
        except OSError:
            _move_back(place, out, finished)
            raise
    flush_folder(out.parent)


def complete(place: Path, out: Path) -> None:
    """Do what a process that died was about to do in a working folder whose publication has begun."""
    if stage(place, out) == Stage.MOVING:
        _move(place, out, _Finished.read(place))
    else:
        _keep_others(place / RESULTS, out, _Finished.read(place))
    clear(place)


def clear(place: Path) -> None:
    """Remove a working folder whose results are published; a process that dies here leaves what `stage` still knows."""
    _remove(place, (RESULTS, OLD, JOURNAL, MOVING, FINISHED))


def abandon(place: Path) -> None:
    """Remove a working folder whose results are not published."""
    _remove(place, (FINISHED, JOURNAL, RESULTS))


def _remove(place: Path, order: Iterable[str]) -> None:
    """Remove in this order, as far as that is possible: what is left is hidden, and the next command removes it."""
    for _ in range(2):
        with suppress(OSError):
            for name in order:
                _remove_one(place / name)
            # and temporary files, but the lock is the last
            for path in place.iterdir():
                if path.name != LOCK:
                    _remove_one(path)
            break
    else:
        return
    # without the lock the folder is anybody's: what appears in it from then on is another process's, and stays
    for step in ((place / LOCK).unlink, place.rmdir):
        for _ in range(2):
            with suppress(OSError):
                step()
                break


def believed(place: Path) -> Iterator[Path]:
    """Yield what must be ours before a working folder is used: all of it, and the results that are to be published.

    A folder of results that was exchanged for an older one may hold files of others, which keep their names.
    """
    yield from place.iterdir()
    finished = _Finished.read(place) if (place / FINISHED).exists() else None
    results = place / RESULTS
    if results.is_dir() and (finished is None or _inode(results) != finished.replaces):
        yield from (path for path in results.iterdir() if finished is None or path.name in finished.names)


def has_work(place: Path) -> bool:
    """Return whether a working folder holds an interrupted run with something finished, or one that cannot be read."""
    try:
        with (place / JOURNAL).open("rb") as file:
            return file.readline().endswith(b"\n") and read_record(file) is not None
    except FileNotFoundError:
        return False
    except OSError:
        return True


def read_record(file: BinaryIO) -> tuple[bytes, bytes, bool] | None:
    """Return name, rows, and whether there are covariances, of a journal's next record; None unless it is whole."""
    head = file.read(RECORD.size)
    if len(head) < RECORD.size:
        return None
    name_bytes, body_bytes, covariance, checksum = RECORD.unpack(head)
    name, body = file.read(name_bytes), file.read(body_bytes)
    if len(body) < body_bytes or zlib.crc32(name + body) != checksum:
        return None
    return name, body, bool(covariance)


def _remove_one(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def can_be_exchanged(out: Path, owned: Collection[str]) -> bool:
    """Return whether the folder ``out`` may be replaced by another one that holds its other files too."""
    try:
        state, around = out.stat(), out.parent.stat()
        entries = [entry for entry in os.scandir(out) if entry.name not in owned]
        return (
            state.st_dev == around.st_dev
            and state.st_uid == os.geteuid()
            and os.access(out.parent, os.W_OK | os.X_OK)
            and not out.is_mount()
            and not Path.cwd().is_relative_to(out)
            and len(entries) <= _MANY
            and not any(entry.is_dir(follow_symlinks=False) for entry in entries)
        )
    except OSError:
        return False


def _exchanged(results: Path, out: Path, finished: _Finished) -> bool:
    """Exchange the two folders, after the files of others were linked into the new one; return whether that could be.

    A link is a second name of the same file: a program that is writing into it goes on writing into it.
    """
    if not can_be_exchanged(out, finished.ours):
        return False
    try:
        for entry in os.scandir(out):
            if entry.name not in finished.ours:
                (results / entry.name).unlink(missing_ok=True)  # of an earlier attempt
                os.link(entry.path, results / entry.name, follow_symlinks=False)
        state = out.stat()
        if results.stat().st_gid != state.st_gid:
            os.chown(results, -1, state.st_gid)
        shutil.copystat(out, results)
        flush_folder(results)
        _exchange(results, out)
    except (OSError, AttributeError):
        if _inode(out) == finished.inode:
            raise  # it was done
        for path in results.iterdir():
            if path.name not in finished.names:
                path.unlink()
        return False
    _keep_others(results, out, finished)
    return True


def _exchange(one: Path, other: Path) -> None:
    """Exchange two names in one step; raise OSError or AttributeError where there is no such step."""
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), ctypes.c_uint(_EXCHANGE)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), os.fspath(other))


def _keep_others(old: Path, out: Path, finished: _Finished) -> None:
    """Take over what others have written into the old folder after its files were linked into the new one."""
    if not (old.is_dir() and out.is_dir()):
        return
    for path in old.iterdir():
        if path.name in finished.ours:
            continue
        there = out / path.name
        if not os.path.lexists(there) or path.lstat().st_mtime_ns > there.lstat().st_mtime_ns:
            path.rename(there)


def _in_order(names: Iterable[str]) -> list[str]:
    """Tables that name images come before the stacks that they name."""
    return sorted(names, key=lambda name: (name.endswith(".mrcs"), name))


def _move(place: Path, out: Path, finished: _Finished) -> None:
    """Move the old files away and the new ones in, or the rest of them after a kill."""
    results, old = place / RESULTS, place / OLD
    old.mkdir(exist_ok=True)
    for name in _in_order(finished.ours):
        new = name in finished.names and not (results / name).exists()
        if not new and os.path.lexists(out / name):
            (out / name).rename(old / name)
    for name in reversed(_in_order(finished.names)):
        if (results / name).exists():
            (results / name).rename(out / name)
    flush_folder(out)


def _move_back(place: Path, out: Path, finished: _Finished) -> None:
    """Undo `_move`; where that fails too, the next command completes it."""
    results, old = place / RESULTS, place / OLD
    with suppress(OSError):
        for name in _in_order(finished.names):
            if not (results / name).exists():
                (out / name).rename(results / name)
        if old.exists():
            for name in reversed(_in_order(path.name for path in old.iterdir())):
                (old / name).rename(out / name)
        (place / MOVING).unlink()
