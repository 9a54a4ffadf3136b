"""Files that appear under their name only when they are complete, and folders that may be written into.

What has appeared is on the disk, not only on its way there.  A process that is killed leaves its temporary files; the
next one that writes into the same folder removes them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path

from centering.sentence import Sentence

__all__ = ["check_output_folder", "flush", "flush_folder", "refuse_line_breaks", "remove_dead", "replacing"]

_TEMPORARY = re.compile(r"\.centering-([0-9a-f]{8})-([0-9]+)-[0-9a-f]{8}\.partial")

_NO_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}  # what file systems say that cannot flush a folder

_ours: set[str] = set()  # names of the temporary files of this process
_searched: set[str] = set()  # folders in which this process has looked for those of dead ones


@contextmanager
def replacing(path: str | PathLike[str]) -> Iterator[Path]:
    """Lend a temporary name beside ``path``; at the end flush it and rename it to ``path``, after an error remove it.

    The name is ``.centering-HOST-PID-RANDOM.partial``, where HOST stands for the machine.
    """
    final = Path(path)
    if os.path.abspath(final.parent) not in _searched:  # noqa: PTH100
        remove_dead(final.parent)
    name = f".centering-{_host()}-{os.getpid()}-{secrets.token_hex(4)}.partial"
    temporary = final.with_name(name)
    _ours.add(name)
    try:
        yield temporary
        flush(temporary)
        temporary.replace(final)
    except BaseException:
        _remove(temporary)
        raise
    finally:
        _ours.discard(name)
    flush_folder(final.parent)


def flush(path: str | PathLike[str]) -> None:
    """Wait until the content of a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_folder(path: str | PathLike[str]) -> None:
    """Wait until the names in a folder are on the disk, where the file system can do that."""
    try:
        flush(path)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise OSError(error.errno, error.strerror, fspath(path)) from None


def remove_dead(folder: str | PathLike[str]) -> None:
    """Remove the temporary files that processes of this machine have left in a folder when they were killed."""
    _searched.add(os.path.abspath(folder))  # noqa: PTH100
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found and found[1] == _host() and not _alive(int(found[2]), entry.name):
                _remove(Path(entry.path))


def _alive(process: int, name: str) -> bool:
    if process == os.getpid():
        return name in _ours
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


@lru_cache(maxsize=1)
def _host() -> str:
    """Return what tells this machine, and this space of process numbers, from others that share a file system."""
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").stat().st_ino)
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _remove(path: Path) -> None:
    """Remove a file as far as that is possible; there is an error to tell already, or nobody to tell it to."""
    for _ in range(2):
        with suppress(OSError):
            path.unlink(missing_ok=True)
            return


_WATCH = "watch.json"
"""The file by which the folder of a watch is known, which collects what arrives until somebody ends it."""

_RELION_JOB = {"job.star", "job_pipeline.star", "note.txt", "run.job", "run.out", "run.err"}
"""Files by which RELION's folder of a job is known, which it makes before the job begins."""


def check_output_folder(
    path: str | PathLike[str],
    *,
    owned: Collection[str],
    inputs: Collection[Path] = (),
    overwrite: bool = False,
) -> None:
    """Refuse an output folder before any work is done.

    Parameters
    ----------
    path : path
        The folder to be; it may exist where ``overwrite`` is true.
    owned : collection of str
        Names of the files that may be written into it.
    inputs : collection of Path
        Files that must not be overwritten.

    Raises
    ------
    FileExistsError, FileNotFoundError, ValueError
        It exists, holds files of others alone, is that of a watch or no folder, leads up again through one that does
        not exist, has a name that cannot stand in a STAR file, or an output would overwrite an input.
    """
    final = Path(path)
    refuse_line_breaks(final)
    for place in (final, *final.parents):
        if place.name == ".." and not place.is_dir():
            raise FileNotFoundError(
                f"{fspath(final)!r} leads through {fspath(place.parent)!r}, which is no folder; give it without '..'"
            )
    if final.is_symlink() and not final.exists():
        raise FileExistsError(f"{fspath(final)!r} is a link to nothing; give the name of a folder")
    if final.exists() and not final.is_dir():
        raise FileExistsError(f"{fspath(final)!r} is a file; give the name of a folder")
    if final.exists() and not overwrite:
        raise FileExistsError(
            Sentence("folder {out!r} exists; give another one, or {overwrite:True}", out=fspath(final))
        )
    if final.exists() and owned:
        _refuse_strange(final, owned)
    outputs = {(final / name).resolve() for name in owned}
    for source in inputs:
        if source.resolve() in outputs:
            raise ValueError(f"the output would overwrite its own input {fspath(source)!r}; give another folder")


def _refuse_strange(folder: Path, owned: Collection[str]) -> None:
    """Refuse to write among files of others: a folder that is not empty, without one of ours and no job of RELION."""
    there = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if _WATCH in there:
        raise FileExistsError(f"{fspath(folder)!r} is the folder of 'centering watch'; give another folder")
    if there and not {*owned, *_RELION_JOB} & {*there}:
        some = ", ".join(repr(name) for name in there[:3]) + (" and more" if len(there) > 3 else "")
        raise FileExistsError(f"{fspath(folder)!r} holds {some}, and no results of this command; give another folder")


def refuse_line_breaks(path: Path) -> None:
    """Raise ValueError where a path has a line break, which would end a row of a STAR file."""
    if any(character in os.path.abspath(path) for character in "\n\r"):  # noqa: PTH100  (resolve() would follow a link)
        raise ValueError(f"the name of {fspath(path)!r} has a line break, which no STAR file can hold; rename it")
