"""What the program asks of a file that lists particles, and what such a file says that states nothing but names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.io.facts import Stated, agree, given_or_stated
from centering.io.image_names import Index, parse_images
from centering.io.refusal import NotStatedError
from centering.io.star import StarFile
from centering.sentence import Sentence

__all__ = ["ParticleList", "ParticleTable", "image_names", "refuse_duplicates"]

Float64 = npt.NDArray[np.float64]


class ParticleTable(Protocol):
    """A file that lists B particles; `ParticleList` is a base for those of outside packages.

    Displacements are (row, column) in pixels of the images, object centre minus ``n // 2``, shape (B, 2), float64;
    pixel sizes are Angstrom per pixel, shape (B,), float64.  What the file does not state raises a
    `centering.io.refusal.NotStatedError`, what is wrong in it a ValueError; both name the file in one sentence.
    """

    @property
    def path(self) -> Path:
        """Where it was read from."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The B image names, ``000001@stack.mrcs``, images counted from 1; all different."""
        ...

    @property
    def images(self) -> tuple[list[str], Index, Index]:
        """The distinct stacks, and for every particle the index into them and the image, counted from 0."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What in the file may make every result wrong, a sentence each, without capitals and full stops."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a user should know of how the file is read and written, a sentence each, as the warnings are."""
        ...

    @property
    def angles(self) -> int:
        """Which angles the file states besides origins: 0: none; 2: in the plane; 3: in space, of a refinement."""
        ...

    def __len__(self) -> int: ...

    def pixel_sizes(self, given: float | None = None) -> tuple[Float64 | None, str]:
        """Return the pixel sizes, ``given`` for all where it is not None, and in words where they come from."""
        ...

    def pixel_size_sources(self) -> Sequence[Stated]:
        """Return every source of a pixel size in the file, the one that counts first."""
        ...

    def with_pixel_size(self, pixel_size: float) -> ParticleTable:
        """Return the same particles with this pixel size; what moves them is as long in pixels as it was."""
        ...

    def image_sizes(self) -> tuple[str, Float64] | None:
        """Return what the file calls the size of an image, and the pixels along a side of each, shape (B,), or None."""
        ...

    def displacements(self, pixel_size: Float64 | None) -> Float64:
        """Return the displacements that the file states."""
        ...

    def classification(self, pixel_size: Float64 | None) -> tuple[Index, Float64, Float64]:
        """Return what a 2-D classification says: classes, counted from 1, RELION's psi in degrees, displacements."""
        ...

    def transfer_functions(self, pixel_size: npt.ArrayLike | None = None) -> CTF:
        """Return the contrast transfer functions, for a pixel size that may be another than the file's."""
        ...

    def centered(self, displacement: Float64, pixel_size: Float64 | None, *, planar: bool = False) -> ParticleTable:
        """Return the same particles with these displacements; ``planar``: those of the 2-D classification alone."""
        ...

    def to_star(self, *, size: int = 0, pixel_size: Float64 | None = None) -> StarFile:
        """Return the STAR file that says the same, for images of ``size`` pixels."""
        ...

    def write(self, path: str | PathLike[str]) -> None:
        """Write the file, under its name only when it is complete (`centering.io.atomic.replacing`)."""
        ...


class ParticleList:
    """A base of tables: what one has that states the names of its images, and nothing else.

    A subclass has ``path`` and ``names``, and states more by having more methods of `ParticleTable`.
    """

    path: Path
    pixel_size_source = "from the file of the particles"
    """Where `pixel_size` comes from, in words."""
    star_can_wait = False
    """Whether `to_star` cannot fail, so that the STAR file is made only where it is written."""

    @property
    def names(self) -> Sequence[str]:
        """The image names."""
        raise NotImplementedError

    @property
    def images(self) -> tuple[list[str], Index, Index]:
        """The distinct stacks, and for every particle the index into them and the image: what the names say."""
        return parse_images(self.path, self.names)

    @property
    def pixel_size(self) -> Float64 | None:
        """Angstrom per pixel of every particle, shape (B,), where the file says it."""
        return None

    @property
    def warnings(self) -> Sequence[str]:
        """Nothing."""
        return ()

    @property
    def notes(self) -> Sequence[str]:
        """Nothing."""
        return ()

    @property
    def angles(self) -> int:
        """Which angles are stated: none."""
        return 0

    def __len__(self) -> int:
        return len(self.names)

    def pixel_sizes(self, given: float | None = None) -> tuple[Float64 | None, str]:
        """Return the pixel sizes, and in words where they come from."""
        return given_or_stated(self, given)

    def pixel_size_sources(self) -> Sequence[Stated]:
        """Return what `pixel_size` says."""
        sizes = self.pixel_size
        if sizes is None:
            return []
        return [Stated(self.pixel_size_source.removeprefix("from "), self.pixel_size_source, sizes, firm=True)]

    def with_pixel_size(self, pixel_size: float) -> ParticleTable:
        """Return the table itself where it gives this pixel size or none; refuse to correct what is not known."""
        wrong = [one for one in self.pixel_size_sources() if not agree(one.values, pixel_size).all()]
        if not wrong:
            return self
        words = "{path!r} gives {value:.6g} Angstrom per pixel and is not corrected; leave out {pixel_size}"
        value = wrong[0].values[~agree(wrong[0].values, pixel_size)][0]
        raise ValueError(Sentence(words, path=fspath(self.path), value=value))

    def image_sizes(self) -> tuple[str, Float64] | None:
        """Return None: the size of the images is not said."""
        return None

    def displacements(self, pixel_size: Float64 | None) -> Float64:
        """Refuse: no displacements are stated."""
        raise NotStatedError(f"{fspath(self.path)!r} holds no origins; give a file that lists particles with theirs")

    def classification(self, pixel_size: Float64 | None) -> tuple[Index, Float64, Float64]:
        """Refuse: no classes are stated."""
        raise NotStatedError(f"{fspath(self.path)!r} holds no classes; give the particles of a 2-D classification")

    def transfer_functions(self, pixel_size: npt.ArrayLike | None = None) -> CTF:
        """Refuse: no defocus is stated."""
        raise NotStatedError(f"{fspath(self.path)!r} states no defocus")

    def centered(self, displacement: Float64, pixel_size: Float64 | None, *, planar: bool = False) -> ParticleTable:
        """Return a new STAR file with these displacements."""
        star = self.to_star(pixel_size=pixel_size)
        return star.with_origins(displacement, pixel_size)

    def write(self, path: str | PathLike[str]) -> None:
        """Refuse: nothing is known of how such a file is written."""
        raise NotStatedError(f"files like {fspath(self.path)!r} are not written; give a .star file")

    def to_star(self, *, size: int = 0, pixel_size: Float64 | None = None) -> StarFile:
        """Return a new STAR file: names, pixel sizes and, where they are stated, origins, classes and defoci."""
        sizes = self.pixel_size if pixel_size is None else pixel_size
        ctf = None
        with suppress(ValueError):  # transfer functions that cannot be used are refused where they are needed
            ctf = self.transfer_functions(sizes)
        star = StarFile.new(self.path, self.names, size=size, pixel_size=sizes, ctf=ctf)
        with suppress(NotStatedError):
            star = star.with_origins(self.displacements(sizes), sizes)
        with suppress(NotStatedError):
            classes, psi, _ = self.classification(sizes)
            columns = {"rlnClassNumber": [str(one) for one in classes.tolist()]}
            columns["rlnAnglePsi"] = [f"{one:.6f}" for one in psi.tolist()]
            star = star.with_columns(star.particles, columns)
        return star


def image_names(table: ParticleTable) -> tuple[list[str], Index, Index]:
    """Return the distinct stack names, and for every row the index into them and the 0-based image; refuse others."""
    return table.images


def refuse_duplicates(table: ParticleTable, stack_index: Index, image_index: Index) -> None:
    """Raise ValueError where two rows name the same image: whatever came from them would count it twice."""
    order = np.lexsort((image_index, stack_index))
    same = np.flatnonzero((np.diff(stack_index[order]) == 0) & (np.diff(image_index[order]) == 0))
    if len(same):
        place = int(same[order[same + 1].argmin()])
        first, second = order[place : place + 2].tolist()
        name = table.names[second]
        raise ValueError(
            f"{fspath(table.path)!r} names the image {name!r} twice, in rows {first + 1} and {second + 1}; "
            "give every image once"
        )
