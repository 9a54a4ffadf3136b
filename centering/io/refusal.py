"""What the readers refuse alike: files that are none, names that no file can have, shifts that are none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.sentence import Sentence

__all__ = [
    "PIXEL_SIZES",
    "NotStatedError",
    "check_pixel_size",
    "plausible",
    "refuse_far",
    "refuse_foreign",
    "refuse_name",
    "refuse_pixel_sizes",
    "refused_in_one_sentence",
]

_FAR = 1e6  # pixels; no box is as large

PIXEL_SIZES = (1e-3, 1e4)
"""Angstrom per pixel that a microscope could have had, with much to spare: what lies beyond is another number."""

_NOT_IN_NAMES = "\"'\n\r\t\0"
"""What ends a value or a line of a STAR file, or a field of a ``.cs`` file."""


class NotStatedError(ValueError):
    """A file does not state what it was asked for; there is nothing wrong with the file."""


@contextmanager
def refused_in_one_sentence(path: str | PathLike[str], what: str) -> Iterator[None]:
    """Turn whatever a parser raises about a file into one ValueError; our own, and errors of the system, pass.

    Parsers are written for files that are what they say: NumPy's raises seven kinds of error on files that are not.
    """
    try:
        yield
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        raise _refusal(path, what, error) from None
    except ValueError as error:
        words = str(error)
        if fspath(path) in words or repr(fspath(path)) in words:
            raise
        raise _refusal(path, what, error) from None
    except Exception as error:
        raise _refusal(path, what, error) from None


def _refusal(path: str | PathLike[str], what: str, error: BaseException) -> ValueError:
    why = str(error).partition("\n")[0][:200]
    if not why or isinstance(error, LookupError):  # whose words are the key alone
        why = f"{type(error).__name__}: {why}" if why else type(error).__name__
    return ValueError(f"{fspath(path)!r} cannot be read as {what}: {why}")


def plausible(sizes: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which of some numbers could be pixel sizes in Angstrom."""
    values = np.asarray(sizes, dtype=np.float64)
    return np.asarray((values >= PIXEL_SIZES[0]) & (values <= PIXEL_SIZES[1]))  # NaN is neither


def refuse_pixel_sizes(path: str | PathLike[str], sizes: npt.NDArray[np.float64]) -> None:
    """Raise ValueError where a file gives a pixel size that could not be one."""
    wrong = sizes[~plausible(sizes)]
    if len(wrong):
        words = "{path!r} gives a pixel size of {size:g} Angstrom; give the true one ({pixel_size})"
        raise ValueError(Sentence(words, path=fspath(path), size=wrong[0]))


def check_pixel_size(given: float | None) -> None:
    """Raise ValueError where a pixel size that a user gives could not be one."""
    if given is not None and not plausible(given):
        raise ValueError(f"pixel size is {given!r}; give a positive number of Angstrom per pixel, 0.001 to 10000")


def refuse_name(path: str | PathLike[str], name: str) -> None:
    """Raise ValueError where a stack's name cannot stand both in a STAR file and in a ``.cs`` file."""
    if not name or any(character in name for character in _NOT_IN_NAMES):
        raise ValueError(f"{fspath(path)!r} names the stack {name!r}; rename it, without quotes and line breaks")


def refuse_far(path: str | PathLike[str], displacement: npt.NDArray[np.float64]) -> None:
    """Raise ValueError where an origin or a shift is not finite or beyond every box: no image can be moved by it."""
    largest = float(np.abs(displacement).max(initial=0.0))
    if not largest <= _FAR:
        raise ValueError(f"{fspath(path)!r} holds a shift of {largest:g} pixels; correct it, or the pixel size")


def refuse_foreign(path: str | PathLike[str], state: os.stat_result) -> None:
    """Raise PermissionError where an open file, or a folder, which is to be believed, belongs to another user.

    In a folder in which others can write they can make it before we do, and it may say what they like.
    """
    owner = state.st_uid
    if owner in (os.geteuid(), 0):
        return
    try:
        # a server may give our files to somebody else: whom does one belong to that is made now?
        with tempfile.TemporaryFile(dir=Path(path).parent) as probe:
            if os.fstat(probe.fileno()).st_uid == owner:
                return
    except OSError:
        pass
    raise PermissionError(
        f"{fspath(path)!r} belongs to another user, who can have written anything; remove it, or give another folder"
    )
