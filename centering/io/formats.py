"""The formats of files of particles: which there are, which one a file has, and how it is read and written.

A format of an outside package is an entry point of the group ``centering.formats``: its name is the suffix of the
files, without the dot, its object a `Format`.  Names are read without loading anything; ours come first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from centering.io.cryosparc import CsFile
from centering.io.planar import refuse_subtomograms
from centering.io.refusal import refused_in_one_sentence
from centering.io.stack import StackTable
from centering.io.star import StarFile
from centering.io.star_to_cs import cs_like
from centering.io.table import ParticleTable
from pswf.entry_points import offered

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUP",
    "STAR",
    "Format",
    "format_of",
    "in_words",
    "lists_particles",
    "own_file",
    "own_files",
    "read_table",
    "reading",
]

GROUP = "centering.formats"
"""Group of the entry points."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files of particles.

    Attributes
    ----------
    name : str
        What messages call a file of it: ``a STAR file``.
    read : callable
        Returns the `ParticleTable` of a path; what it raises becomes one sentence.
    from_star : callable, optional
        ``from_star(star, pixel_size, into)`` returns the table that says what a STAR file says, for ``centering
        convert``.  The pixel size is one that a user gives, or None; ``into`` is None, or a table of this format
        whose particles these are, of which all is to be kept that STAR files do not have.
    recognise : callable, optional
        Whether the content of a path is of this format, asked where several formats have its suffix; one that has no
        such function is that of the files that no other one recognises.
    lists : bool
        Whether a file lists particles whose pixels are elsewhere; a stack holds them.
    """

    name: str
    read: Callable[[Path], ParticleTable]
    from_star: Callable[[StarFile, float | None, ParticleTable | None], ParticleTable] | None = None
    recognise: Callable[[Path], bool] | None = None
    lists: bool = True


STAR = Format(name="a STAR file", read=lambda path: StarFile.read(path), from_star=lambda star, pixel_size, into: star)
"""The format that every other one is turned into: all results are written in it."""

_STACK = Format(name="an MRC file", read=lambda path: StackTable.read(path), lists=False)
_OURS = {
    ".star": STAR,
    ".cs": Format(name="a .cs file", read=lambda path: CsFile.read(path), from_star=cs_like),
    ".mrcs": _STACK,
    ".mrc": _STACK,
}


@cache
def _others() -> tuple[EntryPoint, ...]:
    """Return the formats of outside packages, which are loaded when one of their files is met."""
    return tuple(one for points in offered(GROUP).values() for one in points if one.name.isalnum())


def _suffixes(*, lists: bool = False) -> tuple[str, ...]:
    """Return the suffixes of all formats, in lower case; ``lists``: without those of stacks."""
    ours = [suffix for suffix, one in _OURS.items() if one.lists or not lists]
    return tuple(dict.fromkeys([*ours, *sorted(f".{one.name.lower()}" for one in _others())]))


def in_words(*, lists: bool = False) -> str:
    """Return the suffixes of all formats in words, ``.star, .cs or .mrc``; ``lists``: without those of stacks."""
    names = _suffixes(lists=lists)
    return f"{', '.join(names[:-1])} or {names[-1]}"


def own_files() -> tuple[str, ...]:
    """Return the names that particles have among the results, one for every format; ``particles.star`` is the first."""
    return tuple(f"particles{suffix}" for suffix in _suffixes(lists=True))


def own_file(path: str | PathLike[str]) -> str:
    """Return the name that particles of a file have among the results in its own format, the STAR file's for stacks."""
    name = f"particles{Path(path).suffix.lower()}"
    return name if name in own_files() else own_files()[0]


def lists_particles(path: str | PathLike[str]) -> bool:
    """Return whether the suffix of a file is that of a format that lists particles, and holds no pixels."""
    return Path(path).suffix.lower() in _suffixes(lists=True)


def format_of(path: str | PathLike[str]) -> Format:
    """Return the format of a file, which need not exist unless several formats have its suffix; ValueError: none."""
    suffix = Path(path).suffix.lower()
    if suffix in _OURS:
        return _OURS[suffix]
    found = [_load(one) for one in _others() if f".{one.name.lower()}" == suffix]
    if len(found) > 1:
        sure = [one for one in found if one.recognise is not None and Path(path).exists() and one.recognise(Path(path))]
        found = sure or [one for one in found if one.recognise is None]
    if len(found) == 1:
        return found[0]
    why = ", which several packages read" if suffix in _suffixes() else ""
    raise ValueError(f"{fspath(path)!r} has the extension {Path(path).suffix!r}{why}; give a {in_words()} file")


def _load(entry: EntryPoint) -> Format:
    """Return the format of an outside package."""
    package = entry.dist.name if entry.dist is not None else entry.module
    try:
        found = entry.load()
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    else:
        if isinstance(found, Format):
            return found
        why = f"{entry.value} is a {type(found).__name__}, not a centering.io.formats.Format"
    raise ValueError(f"the format {entry.name!r} of the package {package!r} cannot be used: {why}")


def read_table(path: str | PathLike[str]) -> ParticleTable:
    """Read a file of particles.

    ValueError is raised for a suffix of no format, a file that is not what its suffix says, and a STAR file of
    tomography or of images in three dimensions.
    """
    kind = format_of(path)
    with reading(path):
        table = kind.read(Path(path))
        if not len(table):
            raise ValueError(f"{fspath(path)!r} lists no particles")
        if isinstance(table, StarFile):
            refuse_subtomograms(table)
        return table


def reading(path: str | PathLike[str]) -> AbstractContextManager[None]:
    """Return a context in which whatever is raised about a file becomes one sentence on it."""
    return refused_in_one_sentence(path, format_of(path).name)
