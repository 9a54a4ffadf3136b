"""Whether class averages and their particles are of one scale: who says so, and what contradicts it."""

from __future__ import annotations

from os import fspath
from pathlib import Path
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from centering.io.cryosparc import CsFile
from centering.io.facts import agree
from centering.io.mrc import MrcStack
from centering.io.particles import Particles
from centering.io.places import Place, find_file
from centering.io.table import ParticleTable
from centering.sentence import Sentence

__all__ = ["average_scale"]

Float64 = npt.NDArray[np.float64]

_SAME_FIELD = 0.02  # relative; boxes of averages are rounded to even numbers of pixels
_BY_DEFAULT = 1.0  # Angstrom, in headers of programs that know no pixel size


def average_scale(
    averages: Particles,
    source: ParticleTable,
    sizes: Float64 | None,
    *,
    given: float | None = None,
    given_for_both: float | None = None,
) -> tuple[float | None, list[str]]:
    """Return the pixel size of class averages, None where it is that of the particles, and what is doubtful in it.

    Averages and particles show the same field: the side of a box in Angstrom is the same.  Where the pixel sizes
    say otherwise, or say nothing and the boxes have different numbers of pixels, a shift in pixels of the averages
    means nothing to the particles.

    Parameters
    ----------
    averages : Particles
        The averages, opened with what a user gives.
    source : ParticleTable
        The particles.
    sizes : ndarray, shape (B,), float64, or None
        Angstrom per pixel of the particles; None where it is not known.
    given : float, optional
        Angstrom per pixel that a user gives for the averages.
    given_for_both : float, optional
        Angstrom per pixel that a user gives for averages and particles.

    Raises
    ------
    ValueError
        Averages of another box whose pixel size is not known, or one pixel size given for both that cannot be.
    """
    name, box = fspath(averages.source), averages.size
    if given is not None:
        if sizes is None:
            words = "the pixel size of the particles of {path!r} is not known; give it ({pixel_size})"
            raise ValueError(Sentence(words, path=fspath(source.path)))
        said = [float(one.values[0]) for one in averages.pixel_size_stated if not _by_default(one.header, one.values)]
        words = "{name!r} gives {said:.6g} Angstrom per pixel and {average_pixel_size:%g} was given, which is taken"
        return given, [Sentence(words % given, name=name, said=one) for one in said[:1] if not agree(one, given).all()]
    own = None if averages.pixel_size is None else float(averages.pixel_size[0])
    stated = [float(one.values[0]) for one in averages.pixel_size_stated if not _by_default(one.header, one.values)]
    boxes = _boxes(source)
    if given_for_both is not None:
        _refuse_for_both(name, box, stated, source, boxes)
        return own, []
    if not stated:
        return _of_unknown(name, box, own, source, sizes, boxes)
    if sizes is None:
        if boxes is not None and (boxes == box).all():
            return own, []
        words = "the pixel size of the particles of {path!r} is not known; it is taken to be that of the averages"
        return own, [Sentence(words + ", else give {pixel_size}", path=fspath(source.path))]
    if boxes is None or own is None:
        return own, []
    apart = np.flatnonzero(np.abs(boxes * sizes - box * own) > _SAME_FIELD * box * own)
    if len(apart) < len(sizes):  # a group of particles fits, others may be of another microscope
        return own, []
    aligned = source.table["alignments2D/psize_A"] if _says_aligned(source) else None
    if aligned is not None and agree(aligned, own).all():
        return own, []
    row = int(apart[0])
    words = (
        "the averages of {name!r} have {box} pixels of {own:.6g} Angstrom, and the particles of {path!r} {other:g} of "
        "{size:.6g}, which is another field; "
    )
    values = {"name": name, "box": box, "own": own, "path": fspath(source.path)}
    values |= {"other": boxes[row], "size": sizes[row]}
    same = "the averages are taken to be cut, and not binned" if agree(sizes, own).all() else "both are believed"
    return own, [Sentence(words + same + ", else give the pixel size of the averages ({average_pixel_size})", **values)]


def _says_aligned(source: ParticleTable) -> TypeGuard[CsFile]:
    """Whether a file is cryoSPARC's and says the pixel size of its averages."""
    return isinstance(source, CsFile) and "alignments2D/psize_A" in (source.table.dtype.names or ())


def _of_unknown(
    name: str, box: int, own: float | None, source: ParticleTable, sizes: Float64 | None, boxes: Float64 | None
) -> tuple[float | None, list[str]]:
    """Return what `average_scale` does where no averages say their pixel size, or 1 Angstrom by default."""
    unsaid = "no pixel size" if own is None else f"a pixel size of {own:g} Angstrom, as programs do that know none"
    if boxes is None:
        if own is not None and sizes is not None and not agree(sizes, own).all():
            words = (
                "{name!r} says {unsaid}, and the particles of {path!r} have {size:.6g}; give that of the averages "
                "({average_pixel_size})"
            )
            values = {"unsaid": unsaid, "path": fspath(source.path), "size": sizes[0]}
            raise ValueError(Sentence(words, name=name, **values))
        words = "{name!r} says {unsaid}: the pixel size is taken to be that of the particles; if the averages are "
        return None, [Sentence(words + "binned, give theirs ({average_pixel_size})", name=name, unsaid=unsaid)]
    apart = np.flatnonzero(boxes != box)
    if not len(apart):
        return None, []
    row = int(apart[0])
    words = (
        "the averages of {name!r} have {box} pixels and say {unsaid}, and the particles of {path!r} have {other:g}"
        "{hint}; give the pixel size of the averages ({average_pixel_size})"
    )
    hint = ""
    if sizes is not None:
        hint = f" of {sizes[row]:.6g} Angstrom: if both show the same field, those of averages have "
        hint += f"{sizes[row] * boxes[row] / box:.6g}"
    values = {"box": box, "unsaid": unsaid, "path": fspath(source.path), "other": boxes[row], "hint": hint}
    raise ValueError(Sentence(words, name=name, **values))


def _refuse_for_both(name: str, box: int, stated: list[float], source: ParticleTable, boxes: Float64 | None) -> None:
    """Raise ValueError where one pixel size that a user gives cannot be that of averages and particles."""
    what = ""
    if boxes is not None and (boxes != box).any():
        what = f"they have {box} pixels and the particles of {fspath(source.path)!r} {boxes[boxes != box][0]:g}"
    else:
        found = [one.values for one in source.pixel_size_sources() if not one.header]
        if stated and found and not np.allclose(found[0], stated[0], rtol=_SAME_FIELD):
            said = found[0][int(np.argmax(np.abs(found[0] - stated[0])))]
            what = f"they say {stated[0]:.6g} Angstrom and the particles of {fspath(source.path)!r} {said:.6g}"
    if what:
        words = "{pixel_size} cannot be that of the averages of {name!r}, too: {what}; give theirs "
        raise ValueError(Sentence(words + "({average_pixel_size})", name=name, what=what))


def _by_default(header: bool, values: Float64) -> bool:
    return header and bool((values == _BY_DEFAULT).all())


def _boxes(source: ParticleTable) -> Float64 | None:
    """Return the pixels along a side of every particle, as the file says or the first stack; None: not known."""
    said = source.image_sizes()
    if said is not None:
        return said[1]
    try:
        path = find_file(source.images[0][0], Place(source.path))
        return None if path is None else np.full(len(source), float(MrcStack.open(Path(path)).shape[0]))
    except (OSError, ValueError):  # the images are not needed
        return None
