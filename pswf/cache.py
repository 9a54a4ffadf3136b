"""A folder of computed arrays that survives concurrent writers, interrupted writes and damaged files.

A file is written beside its final name and moved there in one step, so a reader sees all of it or none.  It carries
a digest of its contents; a file that does not match its digest, or is not a file of ours, counts as absent and is
computed again.  Nothing is pickled.  A digest is no signature, so a file that another user owns or can write counts as
absent too: what it says would be believed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pswf._private import others_can_write

__all__ = ["load_arrays", "store_arrays"]

logger = logging.getLogger(__name__)

_MAGIC = b"pswf-arrays-1\n"
_DIGEST = hashlib.sha256().digest_size

_PART = re.compile(r"[0-9a-f]{32}[a-z0-9_]+\.part")
_DEAD = 3600.0  # seconds after which nobody is still writing a file


def _path(folder: Path, key: str) -> Path:
    return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.pswf"


def store_arrays(folder: str | os.PathLike[str], key: str, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Keep the arrays under ``key``.

    A folder that cannot be written is reported in the log and otherwise ignored: the cache saves time, nothing
    else depends on it.

    Parameters
    ----------
    folder : path
        Created where it does not exist.
    key : str
        Everything that the arrays depend on, versions included.
    arrays : mapping of str to ndarray
    """
    header = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    text = json.dumps({"key": key, "arrays": header}).encode()
    body = len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays.values())
    target = _path(Path(folder), key)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(target.parent)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.stem, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(body).digest() + body)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        logger.warning("the cache folder %s cannot be written (%s); nothing was kept", folder, error)


def _remove_dead(folder: Path) -> None:
    """Remove what writers have left that were killed."""
    for path in folder.iterdir():
        if _PART.fullmatch(path.name):
            with suppress(OSError):  # another process was faster
                if time.time() - path.stat().st_mtime > _DEAD:
                    path.unlink()


def load_arrays(folder: str | os.PathLike[str], key: str) -> dict[str, npt.NDArray[np.generic]] | None:
    """Return the arrays kept under ``key``, or None where there are none that can be trusted."""
    source = _path(Path(folder), key)
    try:
        with source.open("rb") as file:
            if others_can_write(os.fstat(file.fileno())):
                logger.warning("the cache file %s is, or can be, written by another user; it is computed again", source)
                return None
            content = file.read()
    except OSError:
        return None
    try:
        arrays = _parse(content, key)
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError):
        arrays = None
    if arrays is None:
        logger.warning("the cache file %s is damaged; its contents are computed again", source)
    return arrays


def _parse(content: bytes, key: str) -> dict[str, npt.NDArray[np.generic]] | None:
    start = len(_MAGIC) + _DIGEST
    body = content[start:]
    if not content.startswith(_MAGIC) or content[len(_MAGIC) : start] != hashlib.sha256(body).digest():
        return None
    # the digest vouches for everything below, unless somebody has made it up
    length = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + length])
    if header["key"] != key:
        return None
    offset = 8 + length
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for name, (dtype, shape) in header["arrays"].items():
        if min(shape, default=0) < 0:
            return None
        size = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype=dtype, count=size, offset=offset).reshape(shape).copy()
        offset += arrays[name].nbytes
    return arrays
