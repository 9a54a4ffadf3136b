"""Locks that the system frees when the process that holds them dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

__all__ = ["LockGoneError", "lock"]


class LockGoneError(OSError):
    """The process that held the lock has just ended, and has taken the file away."""


def lock(path: Path) -> int:
    """Lock a file, made where there is none; return its descriptor, which is closed to give the lock back.

    Another process that holds it raises BlockingIOError, whose message is who; after LockGoneError try again.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip()
            raise BlockingIOError(holder or "another process") from None
        if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise LockGoneError("the lock has gone away")
        with suppress(OSError):  # it says who holds the lock, and is not the lock
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    return descriptor
