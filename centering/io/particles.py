"""The particles of a dataset: where each image lies, how large a pixel is, and the pixels on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import fspath
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.io.facts import Stated
from centering.io.identity import Stamps
from centering.io.star import StarFile
from centering.io.table import ParticleTable

__all__ = ["ArrayStack", "Listing", "Particles", "Stack"]

Float32 = npt.NDArray[np.float32]


class Stack(Protocol):
    """Images that can be read by their number; an `MrcStack` is one."""

    @property
    def path(self) -> Path | None:
        """The file that holds them, None where they are in memory."""
        ...

    def located(self) -> Stack:
        """Return the same stack with a path that means the same in every folder."""
        ...

    @property
    def available(self) -> int:
        """Number of images that can be read: less than ``count`` where a file is truncated."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of an image."""
        ...

    def read(self, indices: npt.ArrayLike) -> Float32:
        """Return the images ``indices`` (0-based), shape (b, rows, columns), float32."""
        ...


@dataclass(frozen=True)
class ArrayStack:
    """A stack that is already in memory, shape (B, rows, columns)."""

    images: npt.NDArray[np.floating]
    path: None = None

    def located(self) -> ArrayStack:
        """Return the stack itself."""
        return self

    @property
    def available(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of an image."""
        return self.images.shape[1], self.images.shape[2]

    def read(self, indices: npt.ArrayLike) -> Float32:
        """Return the images ``indices`` (0-based), shape (b, rows, columns), float32."""
        return self.images[np.asarray(indices, dtype=np.int64)].astype(np.float32)


@dataclass(frozen=True)
class Listing:
    """What lists particles, and the STAR file that says the same, which is made when it is first asked for.

    Attributes
    ----------
    table : ParticleTable
        What the source says.
    size : int
        Every image is size x size pixels.
    pixel_size : ndarray, shape (B,), float64, or None
        Angstrom per pixel.
    """

    table: ParticleTable
    size: int
    pixel_size: npt.NDArray[np.float64] | None

    @cached_property
    def star(self) -> StarFile:
        """The STAR file."""
        return self.table.to_star(size=self.size, pixel_size=self.pixel_size)


@dataclass(frozen=True)
class Particles:
    """B particle images, in the order of the STAR file (or of the stack).

    Attributes
    ----------
    source : Path
        The file that the particles were opened from.
    stacks : tuple of Stack
        The files.
    stack_index, image_index : ndarray, shape (B,), int64
        Which stack, and which image of it (0-based), holds each particle.
    size : int
        Every image is size x size pixels.
    pixel_size : ndarray, shape (B,), float64, or None
        Angstrom per pixel; None where nothing says it.
    pixel_size_source : str
        Where the pixel size comes from, in words.
    listing : Listing or None
        Where `star` comes from.
    notes : tuple of str
        What a user should know about how the files were read, one sentence each.
    warnings : tuple of str
        What in the files may make every centre wrong, a sentence each, without capitals and full stops.
    ctf : CTF or None
        Contrast transfer functions, one for each particle, where an estimator is to be told of them.
    stamps : tuple of (Path, Stamp)
        State of every file, of before it was read.
    table : ParticleTable or None
        What the source says, in its own format; corrected where a user gives another pixel size.
    pixel_size_stated : tuple of Stated
        Every source of a pixel size, whether or not it counts; see `centering.io.facts`.
    """

    source: Path
    stacks: tuple[Stack, ...]
    stack_index: npt.NDArray[np.int64]
    image_index: npt.NDArray[np.int64]
    size: int
    pixel_size: npt.NDArray[np.float64] | None
    pixel_size_source: str
    listing: Listing | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    ctf: CTF | None = None
    stamps: Stamps = ()
    table: ParticleTable | None = None
    pixel_size_stated: tuple[Stated, ...] = ()

    def __len__(self) -> int:
        return len(self.image_index)

    def read(self, indices: npt.ArrayLike) -> Float32:
        """Return particles as float32, shape (b, n, n), in the order of ``indices``.

        Every file is opened once and read in ascending order.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        stacks, images = self.stack_index[wanted], self.image_index[wanted]
        order = np.lexsort((images, stacks))
        if len(order) and (stacks == stacks[0]).all() and (np.diff(images) > 0).all():
            return self.stacks[int(stacks[0])].read(images)
        result = np.empty((len(wanted), self.size, self.size), dtype=np.float32)
        breaks = np.flatnonzero(np.diff(stacks[order])) + 1
        for part in np.split(order, breaks) if len(order) else []:
            result[part] = self.stacks[int(stacks[part[0]])].read(images[part])
        return result

    def select(self, indices: npt.NDArray[np.int64]) -> Particles:
        """Return some of the particles, with the stacks that hold them and without the file that lists them."""
        used, stack_index = np.unique(self.stack_index[indices], return_inverse=True)
        return replace(
            self,
            stacks=tuple(self.stacks[k] for k in used),
            stack_index=stack_index,
            image_index=self.image_index[indices],
            pixel_size=None if self.pixel_size is None else self.pixel_size[indices],
            ctf=None if self.ctf is None else self.ctf[indices],
            listing=None,
            table=None,
            stamps=(),
            pixel_size_stated=(),
        )

    @property
    def star(self) -> StarFile | None:
        """The STAR file that lists the particles, or one that says the same as the file that does."""
        return None if self.listing is None else self.listing.star

    @cached_property
    def readable(self) -> npt.NDArray[np.bool_]:
        """Mask, shape (B,): False for the particles that a truncated file ends before."""
        available = np.array([stack.available for stack in self.stacks])
        return np.asarray(self.image_index < available[self.stack_index])

    @property
    def common_pixel_size(self) -> float | None:
        """Angstrom per pixel; None where it is not known, or not the same for all."""
        sizes = self.pixel_size
        return None if sizes is None or (sizes != sizes[0]).any() else float(sizes[0])

    @property
    def typical_pixel_size(self) -> float | None:
        """Median of the pixel sizes in Angstrom, for axes of figures; None where they are not known."""
        return None if self.pixel_size is None else float(np.median(self.pixel_size))

    @property
    def files(self) -> list[Path]:
        """The files on disk: the source and its stacks."""
        return [self.source, *(stack.path for stack in self.stacks if stack.path is not None)]

    @cached_property
    def names(self) -> Sequence[str]:
        """The names of the images, ``000001@stack.mrcs``, as the source has them."""
        return self.table.names if self.table is not None else [self.name(k) for k in range(len(self))]

    def name(self, index: int) -> str:
        """Return the name of one image by the file that holds it: ``000001@stack.mrcs``."""
        path = self.stacks[int(self.stack_index[index])].path or self.source
        return f"{int(self.image_index[index]) + 1:06d}@{fspath(path)}"
