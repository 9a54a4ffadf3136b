"""MRC stacks: read at chosen positions, written at chosen positions, never loaded as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path

import numpy as np
import numpy.typing as npt

from centering.io.atomic import replacing
from centering.io.refusal import plausible, refused_in_one_sentence

__all__ = ["MrcStack", "create_stack", "write_images", "write_stack"]

Float32 = npt.NDArray[np.float32]

_HEADER_BYTES = 1024
_IMOD = 1146047817  # "IMOD" as a number
_SQUARE = 0.005  # relative; pixels whose sides differ by less are square

_ANYHOW = 10**4  # images that any file may promise: a row is made for each, also where it is not there
_OF_EACH = 100  # images that a truncated file may promise for each that is there


@dataclass(frozen=True)
class MrcStack:
    """One ``.mrc`` or ``.mrcs`` file, read as a stack of images whatever its volume flag says.

    Attributes
    ----------
    path : Path
        The file.
    count : int
        Number of images.
    shape : tuple of int
        (rows, columns) of an image.
    dtype : dtype
        Type of the pixels in the file, with its byte order.
    offset : int
        Where the pixels begin, in bytes.
    voxel_size : float or None
        Angstrom per pixel from the header, None where the header says nothing.
    available : int
        Number of whole images that are there: less than ``count`` where the file is truncated.
    excess : int
        Number of bytes in the file after the last image that its header promises.
    group : int
        Space group of the header: 0 for images, 1 and more for a volume, 401 and more for several volumes.
    sections : int
        Number of sections of one volume, ``mz``: 1 for images.
    bytes_doubt : str
        Why the bytes of a file of mode 0 may have a sign, or none, against what was read.
    axes_doubt : str
        Why rows and columns may be others than those that were read, or of other pixels.
    """

    path: Path
    count: int
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    offset: int
    voxel_size: float | None
    available: int
    excess: int = 0
    group: int = 0
    sections: int = 1
    bytes_doubt: str = ""
    axes_doubt: str = ""

    @classmethod
    def open(cls, path: str | PathLike[str]) -> MrcStack:
        """Read the header, permissively, and see how many of the images that it promises are there.

        Bytes (mode 0) have a sign, as MRC2014 says, unless IMOD's stamp and flags in the header say that they have
        none, or the largest pixel that the header states is one that bytes with a sign cannot hold.

        ValueError: no MRC file, complex or unknown pixels, no images, or, of more than 10,000, less than 1 %.
        """
        source = Path(path)
        with refused_in_one_sentence(source, "an MRC file"):
            return cls._open(source)

    @classmethod
    def _open(cls, source: Path) -> MrcStack:
        import mrcfile.utils

        name = fspath(source)
        size = source.stat().st_size
        if size < _HEADER_BYTES:
            raise ValueError(f"{name!r} is not an MRC file: it has {size} bytes, an MRC header alone has 1024")
        header = _read_header(source)
        columns, rows, count = int(header.nx), int(header.ny), int(header.nz)
        try:
            dtype = np.dtype(mrcfile.utils.data_dtype_from_header(header))
        except ValueError:
            raise ValueError(f"{name!r} is not an MRC file: its mode is {int(header.mode)}") from None
        if columns < 1 or rows < 1 or count < 0 or int(header.nsymbt) < 0:
            raise ValueError(f"{name!r} is not an MRC file: its header says {columns} x {rows} x {count} pixels")
        if dtype.kind == "c":
            raise ValueError(f"{name!r} holds complex pixels (MRC mode {int(header.mode)}); give real images")
        if count == 0:
            raise ValueError(f"{name!r} is an empty stack: its header says 0 images")
        offset = _HEADER_BYTES + int(header.nsymbt)
        pixels = max(0, size - offset)
        whole = pixels // (columns * rows * dtype.itemsize)
        if count > max(_ANYHOW, _OF_EACH * whole):
            raise ValueError(
                f"{name!r} is not an MRC file, or nearly all of it is missing: "
                f"its header promises {count} images, {whole} are there"
            )
        doubt = ""
        if dtype == np.int8:
            unsigned, doubt = _unsigned(header)
            dtype = np.dtype(np.uint8) if unsigned else dtype
        return cls(
            source,
            count,
            (rows, columns),
            dtype,
            offset,
            _voxel_size(header),
            min(count, whole),
            excess=max(0, pixels - count * columns * rows * dtype.itemsize),
            group=int(header.ispg),
            sections=int(header.mz),
            bytes_doubt=doubt,
            axes_doubt=_axes_doubt(header),
        )

    @property
    def truncation(self) -> str:
        """What to say of a file that ends before its last image."""
        return (
            f"{fspath(self.path)!r} is truncated: its header promises {self.count} images, "
            f"{self.available} whole images are there"
        )

    @property
    def calls_itself_volume(self) -> bool:
        """Whether the header says that the sections are those of a volume, as MRC2014 has it.

        It is no proof: programs that do not know what they write say it of stacks too.
        """
        return self.count > 1 and self.group > 0 and self.sections > 1

    @property
    def is_cube(self) -> bool:
        """Whether there are as many images as an image has rows and columns."""
        return self.count > 1 and self.shape == (self.count, self.count)

    @property
    def doubts(self) -> list[str]:
        """What of the header does not fit the file or itself, a sentence each; a truncation is said elsewhere."""
        name, image = fspath(self.path), self.shape[0] * self.shape[1] * self.dtype.itemsize
        found = [f"{name!r} {doubt}" for doubt in (self.bytes_doubt, self.axes_doubt) if doubt]
        if self.excess and self.excess % image == 0:
            more = self.excess // image
            found.append(
                f"{name!r} is longer than its header says: that promises {self.count} images, and {self.count + more} "
                f"are there; the {more} more are left out"
            )
        elif self.excess:
            found.append(
                f"{name!r} is {self.excess} bytes longer than its header says, which is no whole number of images of "
                f"{image} bytes: if the extended header has another length, all images are displaced"
            )
        return found

    def located(self) -> MrcStack:
        """Return the same stack with a path that means the same in every folder."""
        return replace(self, path=Path(os.path.abspath(self.path)))  # noqa: PTH100  (resolve() would follow a link)

    def read(self, indices: npt.ArrayLike) -> Float32:
        """Return images as float32, shape (b, rows, columns), in the order of ``indices`` (0-based).

        Consecutive images are read in one go, ascending indices in one sweep over the file.  An image that the file
        ends before raises ValueError.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        if len(wanted) and wanted.max() >= self.available:
            raise ValueError(self.truncation)
        images = np.empty((len(wanted), *self.shape), dtype=self.dtype)
        bytes_per_image = self.shape[0] * self.shape[1] * self.dtype.itemsize
        with self.path.open("rb", buffering=0) as file:
            for start, stop in _runs(wanted):
                file.seek(self.offset + int(wanted[start]) * bytes_per_image)
                target = images[start:stop].data.cast("B")
                while len(target):
                    got = file.readinto(target)
                    if not got:
                        raise ValueError(f"{fspath(self.path)!r} became shorter while it was read")
                    target = target[got:]
        return images.astype(np.float32, copy=False)


def create_stack(path: str | PathLike[str], count: int, size: int, pixel_size: float | None = None) -> None:
    """Make a float32 stack of ``count`` images of ``size`` x ``size`` zeros, to be filled by `write_images`.

    Parameters
    ----------
    path : path
        The file to write; it appears under its name when it has its full length.
    count, size : int
        Number of images and their side in pixels.
    pixel_size : float, optional
        Angstrom per pixel for the header; 0, "not known", without it.
    """
    header = _new_header(count, size, pixel_size or 0.0).tobytes()
    # not mapped into memory: there a full disk kills the process
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 4 * count * size * size)


def write_images(path: str | PathLike[str], size: int, indices: npt.ArrayLike, images: npt.ArrayLike) -> None:
    """Write ``images``, shape (b, size, size), to the positions ``indices`` (0-based) of a stack of `create_stack`.

    Safe from several threads and processes at once for positions that differ.  The pixels are on disk, not only
    on their way there, when this returns.
    """
    places = np.asarray(indices, dtype=np.int64)
    pixels = np.ascontiguousarray(images, dtype=np.float32)
    with Path(path).open("r+b", buffering=0) as file:
        for start, stop in _runs(places):
            file.seek(_HEADER_BYTES + int(places[start]) * size**2 * 4)
            rest = pixels[start:stop].data.cast("B")
            while len(rest):
                rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def write_stack(path: str | PathLike[str], images: npt.ArrayLike, pixel_size: float | None = None) -> None:
    """Write ``images``, shape (B, n, n), as a float32 stack; it appears only when it is complete."""
    pixels = np.asarray(images)
    with replacing(path) as temporary:
        create_stack(temporary, len(pixels), pixels.shape[-1], pixel_size)
        write_images(temporary, pixels.shape[-1], np.arange(len(pixels)), pixels)


def _runs(indices: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the pieces of ``indices`` that count up by one."""
    if len(indices):
        breaks = (np.flatnonzero(np.diff(indices) != 1) + 1).tolist()
        yield from zip([0, *breaks], [*breaks, len(indices)], strict=True)


def _new_header(count: int, size: int, pixel_size: float) -> np.recarray:
    """Return the header of a stack of float32 images, without a label: mrcfile's holds the time of day."""
    from mrcfile.dtypes import HEADER_DTYPE
    from mrcfile.utils import machine_stamp_from_byte_order

    header = np.zeros((), dtype=HEADER_DTYPE).view(np.recarray)
    header.nx = header.ny = header.mx = header.my = size
    header.nz, header.mz = count, 1
    header.mode = 2
    header.cella = (pixel_size * size, pixel_size * size, pixel_size)
    header.cellb = (90.0, 90.0, 90.0)
    header.mapc, header.mapr, header.maps = 1, 2, 3
    header.dmin, header.dmax, header.dmean, header.rms = 0.0, -1.0, -2.0, -1.0  # not determined
    header.nversion = 20141
    header.map = b"MAP "
    header.machst = machine_stamp_from_byte_order()
    return header


def _read_header(path: Path) -> np.recarray:
    """Read the 1024 bytes alone: the length of the extended header is not to be trusted yet."""
    from mrcfile.dtypes import HEADER_DTYPE
    from mrcfile.utils import byte_order_from_machine_stamp

    with path.open("rb") as file:
        raw = file.read(_HEADER_BYTES)
    # an array of no dimension, says a scalar, keeps its byte order
    header = np.frombuffer(raw, dtype=HEADER_DTYPE.newbyteorder("<")).reshape(()).view(np.recarray)
    try:
        order = byte_order_from_machine_stamp(header.machst)
    except ValueError:
        order = "<"  # permissive: old programs leave the stamp empty
    ordered: np.recarray = header.view(header.dtype.newbyteorder(order))
    return ordered


def _unsigned(header: np.recarray) -> tuple[bool, str]:
    """Return whether the pixels of a file of mode 0 are bytes without a sign, and what speaks against it, in words.

    IMOD's documentation of the header, https://bio3d.colorado.edu/imod/doc/mrc_format.txt: word 39 is 1146047817
    where word 40 has flags, whose bit 0 is set where bytes have a sign.
    """
    rest = bytes(header.extra2)  # from byte 112 on
    stamp, flags = np.frombuffer(rest, header.mode.dtype, count=2, offset=40).tolist()
    low, high = float(header.dmin), float(header.dmax)
    # the least and largest pixel, where they are stated at all and bytes can hold them
    says: bool | None = None
    if 0 <= low <= high <= 255 and high > 127:
        says = True
    elif -128 <= low <= high <= 127 and low < 0:
        says = False
    values = f"its header says pixels from {low:g} to {high:g}"
    if stamp != _IMOD:
        return bool(says), f"has bytes of unknown sign (MRC mode 0), read as unsigned: {values}" if says else ""
    unsigned = not flags & 1
    if says is None or says == unsigned:
        return unsigned, ""
    kind = "unsigned" if unsigned else "signed"
    return unsigned, f"contradicts itself: IMOD's flag says {kind} bytes, which is believed, and {values}"


def _voxel_size(header: np.recarray) -> float | None:
    return _length(header.cella.x, header.mx)


def _length(side: float, cells: int) -> float | None:
    """Return Angstrom per pixel along one axis, None where the header does not say it."""
    size = float(side) / int(cells) if cells > 0 else 0.0
    return size if plausible(size) else None


def _axes_doubt(header: np.recarray) -> str:
    """Return what in a header speaks against square pixels in rows of columns, in words."""
    order = [int(header.mapc), int(header.mapr), int(header.maps)]
    if order != [1, 2, 3] and sorted(order) == [1, 2, 3]:
        return (
            f"says that its axes are stored in the order {', '.join(map(str, order))}; they are read in the order "
            "1, 2, 3, as RELION reads them: rows and columns may be changed over"
        )
    x, y = _length(header.cella.x, header.mx), _length(header.cella.y, header.my)
    if x is not None and y is not None and abs(x - y) > _SQUARE * max(x, y):
        return f"says that its pixels are {x:.6g} x {y:.6g} Angstrom; the first is taken for both"
    return ""
