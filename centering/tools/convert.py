"""From one format of files of particles to another, through what a STAR file says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike, fspath
from pathlib import Path

from centering.io.cryosparc import CsFile
from centering.io.cs_to_star import left_out
from centering.io.facts import settle
from centering.io.formats import STAR, format_of, in_words, read_table, reading
from centering.io.identity import refuse_changed, stamps
from centering.io.refusal import check_pixel_size
from centering.io.star import StarFile
from centering.io.star_to_cs import to_cs
from centering.io.table import ParticleTable, image_names
from centering.sentence import Sentence, named_if_outside

__all__ = ["convert", "to_cs"]


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    into: str | PathLike[str] | None = None,
    pixel_size: float | None = None,
    overwrite: bool = False,
    warn: Callable[[str], object] | None = None,
    note: Callable[[str], object] | None = None,
) -> int:
    """Write the particles of one file as a file of another format, and return how many they are.

    Parameters
    ----------
    source, target : path
        Their suffixes say the formats.
    into : path, optional
        A file in the format of the target from which the particles once came: all is kept of it that a STAR file does
        not have.
    pixel_size : float, optional
        Angstrom per pixel, instead of what ``source`` says.
    overwrite : bool
        Whether ``target`` may exist.
    warn : callable, optional
        Told what is doubtful in ``source`` or made up, a sentence each, before anything is written.
    note : callable, optional
        Told what else a user should know, such as what is left out, when all is written.

    Raises
    ------
    FileExistsError, FileNotFoundError, ValueError
        A file that cannot be used, or that has changed since it was opened.
    """
    old, new = format_of(source), format_of(target)
    if old is new or not old.lists or new.from_star is None:
        raise ValueError(
            f"from {fspath(source)!r} to {fspath(target)!r}: one must be a .star file, the other a .cs file or of "
            f"another format that lists particles ({in_words(lists=True)})"
        )
    inputs = [Path(path) for path in (source, into) if path is not None]
    if Path(target).resolve() in {path.resolve() for path in inputs}:
        raise ValueError(f"the output would overwrite its own input {fspath(target)!r}; give another name")
    if Path(target).exists() and not overwrite:
        words = "{path!r} exists; give another name, or {overwrite:True}"
        raise FileExistsError(Sentence(words, path=fspath(target)))
    check_pixel_size(pixel_size)
    if new is STAR and (into is not None or pixel_size is not None):
        raise ValueError(Sentence("{into} and {pixel_size} are for the way from .star to .cs; leave them out"))
    before = stamps(inputs)
    table, other = read_table(source), None if into is None else read_table(into)
    with reading(source):
        table, verdict = settle(table, pixel_size)
        star = table.to_star(pixel_size=None if pixel_size is None else verdict.values)
        image_names(star)  # refuses names that nobody could read
    with named_if_outside(new.from_star):
        found = new.from_star(star, pixel_size, other)
    if warn is not None:
        made_up = star.remarks() if star is not table else []
        doubts = found.doubts if isinstance(found, CsFile) else ()
        made_up += table.origin_doubts if isinstance(table, CsFile) else []
        for words in dict.fromkeys((*verdict.warnings, *table.warnings, *made_up, *doubts)):
            warn(words)
    refuse_changed(before)
    taken = other.passthrough if isinstance(other, CsFile) else None
    if taken is not None and Path(target).resolve() == taken.resolve():
        raise ValueError(f"the output would overwrite its own input {fspath(target)!r}; give another name")
    with named_if_outside(found):
        found.write(target)
    if note is not None:
        for words in _notes(table, star, found):
            note(words)
    return len(found)


def _notes(table: ParticleTable, star: StarFile, found: ParticleTable) -> Iterator[str]:
    """Yield what was taken from where, what is left out, and how coordinates count."""
    if isinstance(found, CsFile):
        yield from found.said
    if isinstance(table, CsFile):
        yield from table.said
        rest = left_out(table.table, star.particles.columns)
        if rest:
            more = f" and {len(rest) - 8} more" if len(rest) > 8 else ""
            yield f"left out, for the STAR file has no column for them: {', '.join(rest[:8])}{more}"
        if "rlnCoordinateY" in star.particles.columns:
            yield (
                "coordinates count the rows of the micrographs that are named, from the first; "
                "those of another program may be upside down"
            )
