"""cryoSPARC's compressed format of ``.cs`` files, read and written by cryosparc-tools, the extra ``cryosparc``."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
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

# Nothing but sys is imported before the path is that of this process: the current folder may be anybody's.
_UNPACK = """
import sys
sys.path[:] = sys.argv[3:]
from cryosparc.dataset import Dataset
try:
    Dataset.load(sys.argv[1]).save(sys.argv[2])
except Exception as error:
    why = error.__cause__ or error
    sys.exit(f"{type(why).__name__} {why}")
"""


def load_compressed(path: Path) -> npt.NDArray[Any]:
    """Return the table of a compressed file; ValueError where it is broken, or cryosparc-tools is not there.

    Compiled code of cryosparc-tools reads memory that is not its own where a file is broken, which ends the process:
    therefore it is read by one of its own.
    """
    if importlib.util.find_spec("cryosparc") is None:
        words = "is in cryoSPARC's compressed format; pip install 'pswf-centering[cryosparc]' to read it"
        raise ValueError(f"{fspath(path)!r} {words}, or save it as NumPy (Dataset.save)")
    broken = f"{fspath(path)!r} is not a whole .cs file in cryoSPARC's compressed format"
    try:
        _check(path)
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{broken}: {error}") from None
    with tempfile.TemporaryDirectory(prefix="centering-") as folder:
        plain = Path(folder, "plain.cs")
        arguments = [fspath(path.absolute()), fspath(plain), *(one for one in sys.path if one)]
        done = subprocess.run(
            [sys.executable, "-c", _UNPACK, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        if done.returncode:
            why = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
            if done.returncode < 0:
                why = f"its parts do not fit together ({signal.Signals(-done.returncode).name})"
            raise ValueError(f"{broken}: {why}")
        table: npt.NDArray[Any] = np.load(plain, allow_pickle=False)
        return table


def save_compressed(path: Path, table: npt.NDArray[Any]) -> None:
    """Write a table as a compressed file."""
    from cryosparc.dataset import CSDAT_FORMAT, Dataset

    try:
        Dataset(table).save(fspath(path), format=CSDAT_FORMAT)
    except (LookupError, TypeError, ValueError) as error:  # of a type that the format does not have
        raise ValueError(f"the table cannot be written in cryoSPARC's compressed format: {error}") from None


def _check(path: Path) -> None:
    """Raise ValueError or the like where the parts of a file do not fit together, before anything is allocated."""
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
