"""Names of images, ``000001@stack.mrcs``: what they say, and how RELION takes them for images of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath

import numpy as np
import numpy.typing as npt

__all__ = ["Index", "file_of", "for_relion", "parse_images", "parted"]

Index = npt.NDArray[np.int64]

_KINDS = (":mrcs", ":mrc")


def file_of(stack: str) -> str:
    """Return the file of a stack that RELION is told the format of: ``stack.mrc`` of ``stack.mrc:mrcs``."""
    for kind in _KINDS:
        if stack.lower().endswith(kind):
            return stack[: -len(kind)]
    return stack


def for_relion(stack: str) -> str:
    """Return the name under which RELION reads a file as a stack: one that does not end in ``.mrcs`` gets ``:mrcs``.

    RELION takes a ``.mrc`` for a density map, and refuses to read an image of it.
    """
    return stack if stack.lower().endswith((".mrcs", ":mrcs")) else f"{file_of(stack)}:mrcs"


def parted(name: str) -> tuple[str, str, str]:
    """Return the number, the first ``@``, and the stack, whose folders may have one too; without it a file alone."""
    return name.partition("@") if "@" in name else ("", "", name)


def parse_images(path: str | PathLike[str], names: Sequence[str]) -> tuple[list[str], Index, Index]:
    """Return the files of distinct stacks, and for every name the index into them and the image, counted from 0.

    ValueError, which quotes the name and ``path``: one that is not ``000001@stack.mrcs``, counted from 1.
    """
    parts = [parted(value) for value in names]
    numbers = np.array([_image_number(number) if at else 1 for number, at, _ in parts], dtype=np.int64)
    places: dict[str, int] = {}
    index = np.array([places.setdefault(part[2], len(places)) for part in parts], dtype=np.int64)
    broken = np.array([not file_of(name) or any(one in name for one in "\0\n\r") for name in places])
    bad = np.flatnonzero(broken[index] | (numbers < 1))
    if len(bad):
        raise ValueError(
            f"{fspath(path)!r} holds the image name {names[bad[0]]!r}; "
            "it must look like 000001@stack.mrcs, counted from 1"
        )
    files: dict[str, int] = {}
    of = np.array([files.setdefault(file_of(name), len(files)) for name in places], dtype=np.int64)
    return list(files), of[index], numbers - 1


def _image_number(text: str) -> int:
    """Return the number before the @, 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text.lstrip("0")) < 19 else 0
