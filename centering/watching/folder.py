"""The folder of a watch: whose it is, what the watch was begun with, and the lock of the process that works in it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from os import fspath
from pathlib import Path
from typing import Any

from centering.io.atomic import remove_dead, replacing
from centering.io.locking import LockGoneError, lock
from centering.sentence import Sentence

__all__ = ["give_back", "take"]

_ABOUT, _LOCK = "watch.json", ".lock"


def take(out: Path, about: Mapping[str, Any]) -> int:
    """Make the folder, or go on with that of an earlier watch with the same options; return its lock.

    Raises
    ------
    FileExistsError, ValueError
        The folder is not that of a watch, of one with other options, or another process works in it.
    """
    state = out / _ABOUT
    remove_dead(out)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        out.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(state) as temporary:
                temporary.write_text(json.dumps(about, indent=2) + "\n")
        except OSError:
            with suppress(OSError):
                out.rmdir()
            raise
    elif not state.is_file():
        raise FileExistsError(f"{fspath(out)!r} exists and is not the folder of a watch; give another one")
    before = json.loads(state.read_text())
    for name in {**before, **about}:
        if (value := about.get(name)) != before.get(name):
            raise ValueError(
                Sentence(
                    "{folder!r} was begun with {name} {before!r}, not {value!r}; give the same, or another {out}",
                    folder=fspath(out),
                    name=name,
                    before=before.get(name),
                    value=value,
                )
            )
    while True:
        with suppress(LockGoneError):
            try:
                return lock(out / _LOCK)
            except BlockingIOError:
                words = "another watch is writing into {folder!r}; wait for it, or give another {out}"
                raise FileExistsError(Sentence(words, folder=fspath(out))) from None


def give_back(out: Path, held: int) -> None:
    """Give the lock back."""
    with suppress(OSError):  # one that stays is in nobody's way
        (out / _LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        os.close(held)
