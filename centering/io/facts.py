"""What is known of the pixel size, who says so, and whether they agree: the one place that decides, for every command.

The rule:

* What a user gives counts.  Tables that say something else are corrected with it (`settle`), so that origins and shifts
  keep their length in pixels, and a warning quotes both values.
* Without it the first source counts of: the optics groups (RELION asks nothing else) or cryoSPARC's ``blob/psize_A``,
  ``rlnImagePixelSize`` of the particles, ``rlnPixelSize``, detector pixel size and magnification, the MRC headers.
* Two values agree where they differ by at most `AGREE`: half a pixel of a radius of 100, more than rounding to the
  third decimal makes, less than a calibration does.
* Two sources that both mean these images (``firm``) and do not agree are refused, with both values.  Any other one that
  does not agree with what counts is warned of: a magnification may be nominal, a header may be of another program.
* A header of 1 Angstrom is what programs write that do not know it: it contradicts nothing, and where it is all that
  there is, that is warned of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import fspath
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from centering.io.refusal import check_pixel_size, plausible, refuse_pixel_sizes
from centering.sentence import Sentence

__all__ = [
    "AGREE",
    "BY_DEFAULT",
    "GIVEN",
    "PixelSizes",
    "Stated",
    "States",
    "agree",
    "given_or_stated",
    "judge",
    "settle",
    "sizes_of_images",
]

Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

AGREE = 0.005
"""Relative difference up to which two pixel sizes are the same."""

GIVEN = "given"
"""Where a pixel size comes from that a user gives, in words."""

_SAME = 1e-6  # relative; what single precision and six decimals make of a number

BY_DEFAULT = 1.0
"""Angstrom per pixel that headers have where a program does not know it."""


@dataclass(frozen=True, eq=False)
class Stated:
    """What one source says of the pixel size.

    Attributes
    ----------
    name : str
        What messages call the source: ``rlnImagePixelSize of data_optics``.
    words : str
        Where the pixel size comes from if this is the one that counts: ``from the optics groups of the STAR file``.
    values : ndarray, shape (B,), float64
        Angstrom per pixel of every particle; NaN where the source says nothing.
    firm : bool
        Whether it can mean nothing but the pixel size of these images.
    header : bool
        Whether it is the header of a stack, and no table.
    whose : callable, optional
        Names the source of one particle, where that says more than ``name``.
    """

    name: str
    words: str
    values: Float64
    firm: bool = False
    header: bool = False
    whose: Callable[[int], str] | None = None

    def of(self, row: int) -> str:
        """Return what messages call the source of one particle."""
        return self.name if self.whose is None else self.whose(row)

    @property
    def distinct(self) -> list[float]:
        """The different values that it states, in ascending order, without NaN."""
        return [float(one) for one in np.unique(self.values[np.isfinite(self.values)])]


@dataclass(frozen=True, eq=False)
class PixelSizes:
    """The verdict: which pixel sizes count, and what speaks for and against them.

    Attributes
    ----------
    values : ndarray, shape (B,), float64, or None
        Angstrom per pixel; None where nothing says it.
    source : str
        Where they come from, in words.
    stated : tuple of Stated
        Every source, the one that counts first.
    warnings, notes : tuple of str
        What contradicts it, a sentence each, without capitals and full stops.
    """

    values: Float64 | None
    source: str
    stated: tuple[Stated, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class States(Protocol):
    """What `settle` asks of a table of particles."""

    @property
    def path(self) -> Path:
        """Where it was read from."""
        ...

    def __len__(self) -> int: ...

    def pixel_size_sources(self) -> Sequence[Stated]:
        """Return every source of a pixel size in the file, the one that counts first."""
        ...


class _Corrects(States, Protocol):
    def with_pixel_size(self, pixel_size: float) -> States: ...


Table = TypeVar("Table", bound=_Corrects)


def agree(one: npt.ArrayLike, other: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return where two pixel sizes are the same, but for rounding."""
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return np.asarray(np.abs(first - second) <= AGREE * np.maximum(first, second))


def settle(table: Table, given: float | None = None, header: Stated | None = None) -> tuple[Table, PixelSizes]:
    """Return the pixel sizes of the particles of a file, and the table that says the same.

    Every command that reads a table asks this before anything else.

    Parameters
    ----------
    table : ParticleTable
    given : float, optional
        Angstrom per pixel that a user gives, instead of what the file says.
    header : Stated, optional
        What the headers of the stacks say, where they have been looked at.

    Returns
    -------
    table : ParticleTable
        The same, or where ``given`` is another pixel size one that is corrected with it: its Angstrom origins and its
        shifts are as long in pixels as they were.
    verdict : PixelSizes

    Raises
    ------
    ValueError
        A pixel size that could not be one, or sources of which only one can be true.
    """
    check_pixel_size(given)
    stated = (*table.pixel_size_sources(), *([] if header is None else [header]))
    if given is None:
        return table, judge(table.path, stated)
    warnings, notes = [], []
    for one in stated:
        other = np.flatnonzero(np.isfinite(one.values) & ~agree(one.values, given))
        if not len(other) or (one.header and (np.abs(one.values[other] - BY_DEFAULT) <= _SAME).all()):
            continue
        row, values = int(other[0]), _listed(one)
        if one.header:
            words = "{pixel_size:%g} is taken, and not the {values} Angstrom per pixel of {name}"
            notes.append(Sentence(words % given, values=values, name=one.of(row)))
            continue
        words = (
            "{path!r} gives {values} Angstrom per pixel ({name}) and {pixel_size:%g} was given, which replaces it in "
            "what is written; origins and shifts keep their length in pixels"
        )
        warnings.append(Sentence(words % given, path=fspath(table.path), values=values, name=one.of(row)))
    corrected = table.with_pixel_size(given)
    verdict = PixelSizes(np.full(len(table), float(given)), GIVEN, stated, tuple(warnings), tuple(notes))
    return corrected, verdict  # type: ignore[return-value]  # a table returns one of its own kind


def given_or_stated(table: States, given: float | None) -> tuple[Float64 | None, str]:
    """Return a pixel size that a user gives, or what `judge` returns, for every particle; and where it comes from."""
    check_pixel_size(given)
    if given is not None:
        return np.full(len(table), given), GIVEN
    verdict = judge(table.path, table.pixel_size_sources())
    return verdict.values, verdict.source


def judge(path: str | Path, stated: Sequence[Stated]) -> PixelSizes:
    """Return which of several sources counts, and what contradicts it; see the rule at the top of the module.

    Parameters
    ----------
    path : path
        The file, for messages.
    stated : sequence of Stated
        The sources, the one that counts first.

    Raises
    ------
    ValueError
        A pixel size that could not be one, or firm sources that do not agree.
    """
    # headers that are silent for some particles cannot count
    usable = [one for one in stated if not one.header or np.isfinite(one.values).all()]
    if not usable:
        return PixelSizes(None, "not known", tuple(stated))
    first = usable[0]
    refuse_pixel_sizes(path, first.values)
    rest = [one for one in stated if one is not first]
    warnings, notes = [], []
    for one in rest:
        apart = np.flatnonzero(plausible(one.values) & ~agree(first.values, one.values))
        if one.header and len(apart):
            defaults = np.abs(one.values[apart] - BY_DEFAULT) <= _SAME
            if defaults.any():
                notes.append(_default_note(path, first, one, int(apart[defaults][0])))
            apart = apart[~defaults]
        if not len(apart):
            continue
        row = int(apart[0])
        words = _apart(path, first, one, row, len(apart))
        if first.firm and one.firm:
            raise ValueError(Sentence("{words}; correct one of them, or give the true one ({pixel_size})", words=words))
        warnings.append(
            Sentence("{words}; {value:g} is taken, else give {pixel_size}", words=words, value=first.values[row])
        )
    alone = first.header and bool((np.abs(first.values - BY_DEFAULT) <= _SAME).any())
    if alone:
        words = (
            "the pixel size of 1 Angstrom is from {name} alone, which says so too where a program did not know it; "
            "give the true one ({pixel_size})"
        )
        warnings.append(Sentence(words, name=first.of(int(np.abs(first.values - BY_DEFAULT).argmin()))))
    return PixelSizes(first.values, first.words, (first, *rest), tuple(warnings), tuple(notes))


def _apart(path: str | Path, first: Stated, other: Stated, row: int, count: int) -> str:
    """Return the half of a sentence that quotes two values that do not agree."""
    of = "" if count == len(first.values) else f", for {count} of {len(first.values)} particles"
    return (
        f"{fspath(path)!r} gives {first.values[row]:.6g} Angstrom per pixel ({first.of(row)}), and "
        f"{other.of(row)} {other.values[row]:.6g}{of}"
    )


def _default_note(path: str | Path, first: Stated, header: Stated, row: int) -> str:
    return (
        f"{header.of(row)} gives 1 Angstrom per pixel, as programs write it that do not know it; "
        f"the {first.values[row]:.6g} of {fspath(path)!r} ({first.of(row)}) is taken"
    )


def _listed(one: Stated) -> str:
    values = [f"{value:.6g}" for value in one.distinct]
    return ", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else "")


def sizes_of_images(path: str | Path, name: str, said: Float64, size: int, verdict: PixelSizes) -> list[str]:
    """Return a warning where a file says another size of its images than they have.

    Parameters
    ----------
    path : path
        The file, for messages.
    name : str
        What the file calls the size.
    said : ndarray, shape (B,)
        Pixels along a side, as the file says.
    size : int
        Pixels along a side of the images themselves.
    verdict : PixelSizes
        With the headers among its sources.

    Raises
    ------
    ValueError
        The header of a stack says by its own pixel size that the images were binned, or enlarged, by just this ratio:
        then the pixel size and the origins of the file are those of other images.
    """
    wrong = np.flatnonzero(said != size)
    if not len(wrong):
        return []
    row = int(wrong[0])
    first = f"{fspath(path)!r} says that its images have {said[row]:g} pixels ({name}), and they have {size}"
    for header in [one for one in verdict.stated if one.header]:
        table = next((one for one in verdict.stated if not one.header), None)
        if table is None:
            continue
        ratio = said[wrong] / size
        with np.errstate(over="ignore", invalid="ignore"):
            proven = (ratio > 0) & agree(header.values[wrong], table.values[wrong] * ratio)
        proven &= ~agree(header.values[wrong], table.values[wrong])
        if proven.any():
            row = int(wrong[proven][0])
            raise ValueError(
                f"{first}; its pixel size is {table.values[row]:.6g} Angstrom, and {header.values[row]:.6g} in "
                f"{header.of(row)}: the images were scaled after the file was written; correct the file"
            )
    return [f"{first}; if they were scaled, its pixel size and its origins are wrong too"]
