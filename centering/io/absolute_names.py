"""Image names that lead to the same files from everywhere.

Programs read a relative name from different folders: RELION from that of the project, ASPIRE from that of the STAR
file.  Only an absolute one is the same to all, wherever the file that has it lies.
"""

from __future__ import annotations

from centering.io.image_names import file_of, parted
from centering.io.places import Place
from centering.io.stack import absolute
from centering.io.star import StarFile

__all__ = ["with_absolute_names"]


def with_absolute_names(star: StarFile, *, keep: bool = False) -> StarFile:
    """Return a STAR file whose relative image names are absolute; those that lead nowhere stay as they are.

    ``keep``: so do those that are relative to the current folder, as the names of a RELION project are.
    """
    place = Place(star.path)
    full: dict[str, str] = {}
    names = []
    for name in star.names:
        number, at, stack = parted(name)
        if stack not in full:
            full[stack] = _absolute(stack, place, keep)
        names.append(f"{number}{at}{full[stack]}")
    if all(new == old for old, new in full.items()):
        return star
    return star.with_columns(star.particles, {"rlnImageName": names})


def _absolute(stack: str, place: Place, keep: bool) -> str:
    """Return the absolute name of a stack, with the format that RELION is told after it."""
    file = file_of(stack)
    found = place.fitting(file)
    if not found or (keep and found[0][1] is None):
        return stack
    return absolute(found[0][0]) + stack[len(file) :]
