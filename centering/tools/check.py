"""What a file of particles is, what it says, and what a run would make of it, in a few lines; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path

import numpy as np

from centering.engine.origins import stated_origins
from centering.io.cryosparc import CsFile
from centering.io.facts import Stated
from centering.io.formats import format_of, own_file, read_table, reading
from centering.io.micrographs import micrograph_sizes
from centering.io.opening import open_particles
from centering.io.particles import Particles
from centering.io.refusal import NotStatedError
from centering.io.stack import StackTable
from centering.io.star import StarFile
from centering.io.table import ParticleTable
from centering.sentence import Sentence, message, named_if_outside

__all__ = ["check"]

_SHOWN = 5  # values of one source, or stacks, that are listed

Line = tuple[str, str]


def check(path: str | PathLike[str], pixel_size: float | None = None) -> Iterator[Line]:
    """Yield what a file is and says, as pairs of a word and a sentence; the last one says what a run would do.

    Parameters
    ----------
    path : path
        A file of one of `centering.io.formats`.
    pixel_size : float, optional
        Angstrom per pixel, instead of what the file says.

    Raises
    ------
    FileNotFoundError, ValueError
        What a run would raise; what could be found out until then has been yielded.
    """
    try:
        particles = open_particles(path, pixel_size)
    except (ValueError, OSError):
        if Path(path).is_file():
            with suppress(ValueError, OSError):  # what is wrong where it cannot be read at all
                listed = read_table(path)
                yield from _of_table(listed)
                yield from _of_sources(listed)
            yield "run", "would refuse it"
        raise
    table = particles.table
    assert table is not None
    yield from _of_table(table)
    yield "stacks", _stacks(particles)
    yield from _sizes(particles.pixel_size_stated)
    sizes = particles.pixel_size
    known = "not known" if sizes is None else _numbers(np.unique(sizes).tolist())
    yield "", f"{known} A, {particles.pixel_size_source}, counts" if sizes is not None else known
    yield from _content(table, particles)
    for words in particles.notes:
        yield "note", words
    for words in particles.warnings:
        yield "warning", words
    try:
        would = _would(particles)
        origins = stated_origins(particles)
    except ValueError:
        yield "run", "would refuse it"
        raise
    if origins is not None:
        yield "warning", origins.warning()
    yield "run", would


def _of_table(table: ParticleTable) -> Iterator[Line]:
    yield "file", f"{fspath(table.path)!r}, {_dialect(table)}"
    yield "particles", f"{len(table)}"


def _of_sources(table: ParticleTable) -> Iterator[Line]:
    try:
        with reading(table.path):
            yield from _sizes(table.pixel_size_sources())
    except ValueError:
        return  # the reason for which it is refused


def _dialect(table: ParticleTable) -> str:
    """Return what kind of file it is, in words."""
    if not isinstance(table, StarFile):
        return f"{format_of(table.path).name}{' of cryoSPARC' if isinstance(table, CsFile) else ''}"
    optics, name = table.optics, f"data_{table.particles.name}"
    if optics is None:
        return f"a STAR file as RELION 3.0 has them: {name} alone, no optics groups"
    how = " as name-value pairs" if optics.pairs else ""
    return f"a STAR file as RELION 3.1 and later have them: data_optics{how} and {name}"


def _stacks(particles: Particles) -> str:
    paths = [fspath(stack.path or "") for stack in particles.stacks]
    names = ", ".join(repr(path) for path in paths[:2]) + (f" and {len(paths) - 2} more" if len(paths) > 2 else "")
    missing = np.count_nonzero(~particles.readable)
    lost = f", {missing} images are missing" if missing else ""
    return f"{len(paths)} ({names}), images of {particles.size} x {particles.size} px{lost}"


def _sizes(stated: Sequence[Stated]) -> Iterator[Line]:
    for number, one in enumerate(stated):
        yield "" if number else "pixel size", f"{_numbers(one.distinct)} A by {one.name}"
    if not stated:
        yield "pixel size", "nothing says it"


def _numbers(values: list[float]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(f"{value:.6g}" for value in values[:_SHOWN]) + more


def _content(table: ParticleTable, particles: Particles) -> Iterator[Line]:
    """Yield what is there of optics groups, origins, coordinates, classes, angles and transfer functions."""
    sizes = particles.pixel_size
    if isinstance(table, StackTable):
        return  # which says nothing of these
    if isinstance(table, StarFile) and table.optics is not None:
        yield "optics", _groups(table)

    def origins() -> str:
        length = np.hypot(*table.displacements(sizes).T)
        rival = f"; {table.origin_doubts[0]}" if isinstance(table, CsFile) and table.origin_doubts else ""
        return f"median {np.median(length):.2f} px from the middle of the box, largest {length.max():.2f} px{rival}"

    def places() -> str:
        assert isinstance(table, StarFile)
        found = micrograph_sizes(table, sizes)
        return f"in micrographs of {_numbers(np.unique(found.sizes).tolist())} A, {found.source}"

    def classes() -> str:
        numbers, psi, _ = table.classification(sizes)
        distinct = np.unique(numbers)
        return (
            f"{len(distinct)} classes, {distinct[0]} to {distinct[-1]}; psi {psi.min():.1f} to {psi.max():.1f} degrees"
        )

    def transfer() -> str:
        ctf = table.transfer_functions(sizes)
        voltage, spherical, contrast = (
            _numbers(np.unique(one).tolist()) for one in (ctf.voltage, ctf.spherical_aberration, ctf.amplitude_contrast)
        )
        low, high = 1e-4 * np.min(ctf.defocus), 1e-4 * np.max(ctf.defocus)
        return f"{voltage} kV, {spherical} mm, amplitude contrast {contrast}, defocus {low:.2f} to {high:.2f} um"

    for word, found, label in (
        ("origins", origins, ""),
        ("coordinates", places, "rlnCoordinateX"),
        ("classes", classes, "rlnClassNumber"),
        ("CTF", transfer, "rlnDefocusU"),
    ):
        if found is places and not (isinstance(table, StarFile) and label in table.particles.columns):
            continue
        if label and isinstance(table, StarFile) and label not in table.particles.columns:
            yield word, f"none: no column {label}"
        else:
            yield word, _said(found, table)


def _said(found: Callable[[], str], table: ParticleTable) -> str:
    """Return what is found, or why it is not there."""
    try:
        with named_if_outside(table):
            return found()
    except NotStatedError as error:
        return Sentence("none: {why}", why=message(error))
    except ValueError as error:
        return Sentence("cannot be used: {why}", why=message(error))


def _groups(star: StarFile) -> str:
    optics, particles = star.optics, star.particles
    assert optics is not None
    if "rlnOpticsGroup" not in particles.columns:
        return f"{_counted(len(optics), 'group')} for all particles"
    members = Counter(star.column(particles, "rlnOpticsGroup"))
    listed = ", ".join(f"{group} ({_counted(count, 'particle')})" for group, count in sorted(members.items())[:_SHOWN])
    return f"{_counted(len(optics), 'group')}; {listed}" + (" ..." if len(members) > _SHOWN else "")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _would(particles: Particles) -> str:
    """Return what a run would do."""
    star = particles.star
    assert star is not None
    if star.in_angstrom and particles.pixel_size is None:
        words = "{path!r} stores origins in Angstrom and the pixel size is not known; give it ({pixel_size})"
        raise ValueError(Sentence(words, path=fspath(particles.source)))
    unit = "Angstrom (rlnOriginXAngst)" if star.optics is not None or "rlnOriginX" not in _new(star) else "pixels"
    own = own_file(particles.source)
    also = f", and {own} with new shifts" if own != "particles.star" else ""
    how = "" if particles.pixel_size is not None else "; a diameter in Angstrom cannot be given without {pixel_size}"
    words = "would centre {count} particles and write particles.star with origins in {unit}{also}" + how
    return Sentence(words, count=int(np.count_nonzero(particles.readable)), also=also, unit=unit)


def _new(star: StarFile) -> tuple[str, ...]:
    """Return the columns of the particles once origins are written."""
    sizes = np.ones(len(star))
    return star.with_origins(np.zeros((len(star), 2)), sizes).particles.columns
