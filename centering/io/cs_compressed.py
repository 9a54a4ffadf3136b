"""cryoSPARC's compressed format of ``.cs`` files, read and written by cryosparc-tools, the extra ``cryosparc``."""

from __future__ import annotations

import json
from os import fspath
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MAGIC", "OLD_MAGIC", "load_compressed", "save_compressed"]

MAGIC = b"\x95CSDAT"
"""First bytes of a file of cryosparc-tools 4.7 and later."""
OLD_MAGIC = b"\x94CSDAT"
"""Those of the format before it, which cryosparc-tools has given up."""

_MOST_HEADER = 2**20  # bytes
_LZ4 = 255  # bytes that one compressed byte can stand for


def _dataset(path: Path) -> Any:
    """Return the class of cryosparc-tools; ValueError where it is not installed."""
    try:
        from cryosparc.dataset import Dataset
    except ImportError:
        words = "is in cryoSPARC's compressed format; pip install 'pswf-centering[cryosparc]' to read it"
        raise ValueError(f"{fspath(path)!r} {words}, or save it as NumPy (Dataset.save)") from None
    return Dataset


def load_compressed(path: Path) -> npt.NDArray[Any]:
    """Return the table of a compressed file; ValueError where it is broken, or cryosparc-tools is not there."""
    dataset = _dataset(path)
    try:
        _check(path)
        table = dataset.load(fspath(path)).to_records(fixed=True)
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # of a broken file; the reason is inside of what cryosparc-tools says
        why = error.__cause__ or error
        raise ValueError(
            f"{fspath(path)!r} is not a whole .cs file in cryoSPARC's compressed format: {type(why).__name__} {why}"
        ) from None
    return np.array(table.view(np.ndarray), dtype=np.dtype(table.dtype.descr))


def save_compressed(path: Path, table: npt.NDArray[Any]) -> None:
    """Write a table as a compressed file."""
    from cryosparc.dataset import CSDAT_FORMAT

    _dataset(path)(table).save(fspath(path), format=CSDAT_FORMAT)


def _check(path: Path) -> None:
    """Refuse a file whose parts do not fit together, which the compiled code of cryosparc-tools takes as they are."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(len(MAGIC))
        length = int.from_bytes(file.read(4), "little")
        if length > _MOST_HEADER:
            raise ValueError(f"its header has {length} bytes")
        header = json.loads(file.read(length))
        rows, fields, packed = header["length"], header["dtype"], header["compressed_fields"]
        names = [field[0] for field in fields]
        if type(rows) is not int or rows < 0 or len(set(names)) < len(names) or not {*packed} <= {*names}:
            raise ValueError("its header contradicts itself")
        for name, kind, *shape in fields if rows else ():
            width = np.dtype((kind, tuple(shape[0]) if shape else ())).itemsize
            there = int.from_bytes(file.read(4), "little")
            if file.tell() + there > size:
                raise ValueError(f"it ends within the field {name}")
            if rows * width > there * _LZ4 if name in packed else rows * width != there:
                raise ValueError(f"its field {name} is too short for {rows} rows")
            file.seek(there, 1)
