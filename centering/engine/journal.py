"""The journal of a run: what is finished, batch by batch, safe against a kill at any moment."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from centering.io.publishing import RECORD, read_record
from centering.io.refusal import refuse_foreign
from centering.results import Centers

__all__ = ["Journal"]

Index = npt.NDArray[np.int64]


def _row_type(covariance: bool) -> np.dtype[np.void]:
    fields: list[Any] = [("place", "<i8"), ("displacement", "<f8", 2), ("score", "<f8"), ("flags", "<i8")]
    return np.dtype([*fields, ("covariance", "<f8", (2, 2))] if covariance else fields)


class Journal:
    """An append-only file: one line that says what the run is, then one record for every finished batch.

    A record carries the centres themselves and a checksum.  It is written in one piece after everything else of its
    batch is on disk; a record that was cut short is not read back, so its batch is done again.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, identity: dict[str, Any]) -> None:
        """Begin a new journal of the run that ``identity`` describes, ready for JSON."""
        self.path.write_bytes(json.dumps(identity).encode() + b"\n")

    def identity(self) -> dict[str, Any] | None:
        """Return what the run is, None where no journal was begun; PermissionError where it is another user's."""
        try:
            with self.path.open("rb") as file:
                refuse_foreign(self.path, os.fstat(file.fileno()))
                line = file.readline()
        except FileNotFoundError:
            return None
        if not line.endswith(b"\n"):
            return None
        identity: dict[str, Any] = json.loads(line)
        return identity

    def append(self, places: Index, centers: Centers) -> None:
        """Add the record of one finished batch."""
        rows = np.empty(len(places), dtype=_row_type(centers.covariance is not None))
        rows["place"], rows["displacement"] = places, centers.displacement
        rows["score"], rows["flags"] = centers.score, centers.flags
        if centers.covariance is not None:
            rows["covariance"] = centers.covariance
        name, body = centers.estimator.encode(), rows.tobytes()
        head = RECORD.pack(len(name), len(body), centers.covariance is not None, zlib.crc32(name + body))
        record = head + name + body
        with self.path.open("ab", buffering=0) as file:
            while record:  # a full disk takes what still fits, then says why it takes no more
                record = record[file.write(record) :]

    def read(self) -> Iterator[tuple[Index, Centers]]:
        """Yield the finished batches, up to the last whole record."""
        with self.path.open("rb") as file:
            file.readline()
            while (found := _read_record(file)) is not None:
                yield found

    def cut(self) -> None:
        """Cut off what follows the last whole record, so that `append` goes on behind it."""
        with self.path.open("r+b") as file:
            file.readline()
            good = file.tell()
            while _read_record(file) is not None:
                good = file.tell()
            file.truncate(good)
            os.fsync(file.fileno())


def _read_record(file: BinaryIO) -> tuple[Index, Centers] | None:
    record = read_record(file)
    if record is None:
        return None
    name, body, covariance = record
    rows = np.frombuffer(body, dtype=_row_type(covariance))
    return rows["place"].astype(np.int64), Centers(
        rows["displacement"], rows["score"], rows["flags"], rows["covariance"] if covariance else None, name.decode()
    )
