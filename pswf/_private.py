"""Folders and files that nobody else could have written.

What is loaded from them is believed: numba's compiled code is even unpickled, which runs whatever it says.  On a shared
machine anybody can make a folder with a name that can be guessed in a folder such as ``/tmp``, and wait.
"""

from __future__ import annotations

import os
import stat
from os import PathLike, fspath
from pathlib import Path

__all__ = ["distrust", "others_can_write", "private_folder", "user_folder"]


def user_folder(name: str) -> Path:
    """Return the folder ``name`` of the user's own caches; nothing is made."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("pswf-centering", appauthor=False)) / name


def private_folder(path: str | PathLike[str]) -> tuple[Path | None, str]:
    """Return a folder that this user alone can read and write, made where it does not exist, and why there is none.

    Parameters
    ----------
    path : path
        The folder.  Links are followed once, here: use the path that is returned.

    Returns
    -------
    folder : Path or None
        None where it cannot be made, or where another user owns it, can write into it, or could put another one in
        its place.
    reason : str
        Why, in words; empty where there is a folder.
    """
    if not Path(path).is_absolute():
        return None, f"{fspath(path)!r} depends on the current folder"
    try:
        folder = Path(os.path.realpath(path))
        if reason := distrust(_existing(folder), owned=False):  # before anything is made there
            return None, reason
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if reason := distrust(folder):
            return None, reason
        if hasattr(os, "getuid") and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            # what numba makes below it has the rights that the umask leaves
            return None, f"{fspath(folder)!r} is open to others; it must have mode 700"
        if not os.access(folder, os.W_OK | os.X_OK):
            return None, f"{fspath(folder)!r} cannot be written"
    except OSError as error:
        return None, f"{fspath(path)!r} cannot be used: {error.strerror or error}"
    return folder, ""


def distrust(path: str | PathLike[str], *, owned: bool = True) -> str:
    """Return why another user could have written ``path``, or put another one in its place; empty where nobody could.

    Nobody could where it belongs to this user and nobody else may write it, and every folder above it belongs to this
    user or to root and lets nobody else write into it, or only, as ``/tmp`` does, what is their own.  Systems that have
    no such rights are believed.

    Parameters
    ----------
    path : path
        A file or a folder that exists; what links lead to are looked at too.
    owned : bool
        False: ``path`` may be such a folder itself.

    Raises
    ------
    OSError
        It cannot be looked at.
    """
    if not hasattr(os, "getuid"):
        return ""
    user = os.geteuid()
    final = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the links that are to be looked at)
    real = Path(os.path.realpath(final))
    for part in dict.fromkeys([real, *real.parents, *final.parents]):
        state = part.stat()
        last = owned and part == real
        if state.st_uid != user and (state.st_uid != 0 or last):
            return f"{fspath(part)!r} belongs to another user"
        if others_can_write(state) and (last or not state.st_mode & stat.S_ISVTX):
            return f"{fspath(part)!r} can be written by others"
    return ""


def others_can_write(state: os.stat_result) -> bool:
    """Return whether a file belongs to neither this user nor root, or gives others the right to write it."""
    if not hasattr(os, "getuid"):
        return False
    if state.st_uid not in (os.geteuid(), 0):
        return True
    return bool(state.st_mode & (stat.S_IWOTH if _group_of_one(state) else stat.S_IWGRP | stat.S_IWOTH))


def _group_of_one(state: os.stat_result) -> bool:
    """Return whether the group is the owner's private one, which many systems give to every user, with umask 002."""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(state.st_uid).pw_name, grp.getgrgid(state.st_gid)
    except KeyError:
        return False
    return group.gr_name == owner and set(group.gr_mem) <= {owner}


def _existing(path: Path) -> Path:
    return next(part for part in (path, *path.parents) if part.exists())
