"""A stack of images as the table of its particles: it names them, and states nothing else of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.io.atomic import refuse_line_breaks
from centering.io.facts import Stated
from centering.io.image_names import for_relion
from centering.io.mrc import MrcStack
from centering.io.refusal import NotStatedError
from centering.io.star import StarFile
from centering.io.table import Float64, ParticleList

__all__ = ["StackTable", "absolute", "numbered"]


@dataclass(frozen=True)
class StackTable(ParticleList):
    """The images of one stack, in its order.

    Attributes
    ----------
    path : Path
        The stack.
    count : int
        Number of its images.
    voxel_size : float or None
        Angstrom per pixel, None where its header says nothing.
    """

    path: Path
    count: int
    voxel_size: float | None = None

    pixel_size_source = "from the MRC header"

    @classmethod
    def read(cls, path: str | PathLike[str]) -> StackTable:
        """Read the header of an MRC file, whose name must be one that can stand in a STAR file."""
        refuse_line_breaks(Path(path))
        stack = MrcStack.open(path)
        return cls(stack.path, stack.count, stack.voxel_size)

    def __len__(self) -> int:
        return self.count

    @property
    def names(self) -> list[str]:
        """The image names, with the path of the stack as it was given."""
        return numbered(fspath(self.path), self.count)

    @property
    def pixel_size(self) -> Float64 | None:
        """Angstrom per pixel of every image, shape (B,); None where the header does not say it."""
        return None if self.voxel_size is None else np.full(self.count, self.voxel_size)

    def pixel_size_sources(self) -> Sequence[Stated]:
        """Return what the header says."""
        sizes = self.pixel_size
        name = f"the header of {fspath(self.path)!r}"
        return [] if sizes is None else [Stated(name, self.pixel_size_source, sizes, header=True)]

    def with_pixel_size(self, pixel_size: float) -> StackTable:
        """Return the table with another pixel size; it is written into new files only."""
        return replace(self, voxel_size=pixel_size)

    def transfer_functions(self, pixel_size: npt.ArrayLike | None = None) -> CTF:
        """Refuse: a stack alone states no defocus."""
        raise NotStatedError("a stack alone states no defocus")

    def to_star(self, *, size: int = 0, pixel_size: Float64 | None = None) -> StarFile:
        """Return a new STAR file, in which the stack has its absolute name."""
        names = numbered(for_relion(absolute(self.path)), self.count)
        return StarFile.new(self.path, names, size=size, pixel_size=pixel_size)


def numbered(stack: str, count: int) -> list[str]:
    """Return the names of all images of a stack, ``000001@stack.mrcs``."""
    return [f"{number:06d}@{stack}" for number in range(1, count + 1)]


def absolute(path: str | os.PathLike[str]) -> str:
    """Return the absolute name of a file, which every program reads alike from every folder.

    Links stay, but for those whose ``..`` is another folder than that in front of them.
    """
    full = os.path.abspath(path)  # noqa: PTH100  (resolve() would follow a link)
    parts = Path(path).parts
    if ".." not in parts:
        return full
    end = len(parts) - parts[::-1].index("..")
    above = os.path.realpath(os.path.join(*parts[:end]))  # noqa: PTH118
    shown = os.path.realpath(os.path.abspath(os.path.join(*parts[:end])))  # noqa: PTH100, PTH118
    return full if above == shown else os.path.join(above, *parts[end:])  # noqa: PTH118
