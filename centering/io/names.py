"""Image names, ``000001@stack.mrcs``: what they mean, and that none stands twice."""

from __future__ import annotations

from os import fspath

import numpy as np
import numpy.typing as npt

from centering.io.table import ParticleTable

__all__ = ["image_names", "refuse_duplicates"]


def image_names(table: ParticleTable) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the distinct stack names, and for every row the index into them and the 0-based image.

    Raises
    ------
    ValueError
        A name that is none.
    """
    values = table.names
    # a name without "@" is a file of one image
    parts = [value.partition("@") if "@" in value else ("1", "@", value) for value in values]
    numbers = np.array([_image_number(part[0]) for part in parts], dtype=np.int64)
    places: dict[str, int] = {}
    index = np.array([places.setdefault(part[2], len(places)) for part in parts], dtype=np.int64)
    broken = np.array([not name or any(one in name for one in "\0\n\r") for name in places])
    bad = np.flatnonzero(broken[index] | (numbers < 1))
    if len(bad):
        raise ValueError(
            f"{fspath(table.path)!r} holds the image name {values[bad[0]]!r}; "
            "it must look like 000001@stack.mrcs, counted from 1"
        )
    return list(places), index, numbers - 1


def _image_number(text: str) -> int:
    """Return the number before the @, 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def refuse_duplicates(
    table: ParticleTable, stack_index: npt.NDArray[np.int64], image_index: npt.NDArray[np.int64]
) -> None:
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
