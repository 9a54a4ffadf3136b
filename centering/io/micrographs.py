"""The pixel size of the micrographs in which particles were picked: who says it, and whether they agree."""

from __future__ import annotations

import re
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from centering.io.mrc import MrcStack
from centering.io.places import Place, said_twice
from centering.io.refusal import plausible
from centering.io.star import StarFile
from centering.io.star_table import Table
from centering.io.star_text import StarText
from centering.sentence import Sentence

__all__ = ["MicrographSizes", "Micrographs", "micrograph_sizes"]

Float64 = npt.NDArray[np.float64]

_SIZE, _MOVIE = "rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize"
_NAME = "rlnMicrographName"
_SAME = 0.01  # pixel sizes that differ by less say the same: they are rounded, and calibrated anew
_JOB = re.compile(r"(?:.*/)?job\d{3,}/")


class MicrographSizes(NamedTuple):
    """Pixel sizes of micrographs.

    Attributes
    ----------
    sizes : ndarray, shape (B,), float64
        Angstrom per pixel of the micrograph of every particle.
    source : str
        Where they come from, in words.
    warnings : list of str
        What speaks against them, a sentence each.
    """

    sizes: Float64
    source: str
    warnings: list[str]


class Micrographs(StarText):
    """A STAR file of micrographs, of RELION 3.0 or of 3.1 and later."""

    @property
    def particles(self) -> Table:
        """The loop that names the micrographs, whose rows are looked up in the optics groups as particles are."""
        named = [table for table in self.tables if _NAME in table.columns and "rlnImageName" not in table.columns]
        table = next((one for one in named if one.name == "micrographs"), named[0] if named else None)
        if table is None or not len(table):
            raise ValueError(
                f"{fspath(self.path)!r} lists no micrographs: no table with a column {_NAME}; give the STAR file of "
                "the micrographs that were picked"
            )
        return table

    def sizes(self) -> dict[str, float]:
        """Return Angstrom per pixel of every micrograph, by its name; ValueError where they are not stated."""
        sizes = self.per_particle(_SIZE, optics_first=True)
        if sizes is None and {"rlnDetectorPixelSize", "rlnMagnification"} <= set(self.particles.columns):
            with np.errstate(divide="ignore", invalid="ignore"):
                sizes = 1e4 * self.numbers(self.particles, "rlnDetectorPixelSize")
                sizes = sizes / self.numbers(self.particles, "rlnMagnification")
        if sizes is None:
            raise ValueError(
                Sentence(
                    "{path!r} does not say {label}{movie}; give it ({micrograph_pixel_size})",
                    path=fspath(self.path),
                    label=_SIZE,
                    movie=_of_movies(self.per_particle(_MOVIE, optics_first=True)),
                )
            )
        _refuse_sizes(self.path, sizes)
        found: dict[str, float] = {}
        for name, size in zip(self.column(self.particles, _NAME), sizes.tolist(), strict=True):
            if not _agree(found.setdefault(name, size), size):
                raise ValueError(
                    f"{fspath(self.path)!r} lists the micrograph {name!r} with the pixel sizes {found[name]:g} and "
                    f"{size:g} Angstrom; give each once"
                )
        return found


def micrograph_sizes(
    star: StarFile,
    particle_sizes: Float64 | None,
    *,
    given: float | None = None,
    micrographs: str | PathLike[str] | None = None,
) -> MicrographSizes:
    """Return the pixel sizes of the micrographs that the coordinates of particles are in.

    They are, of what there is, the first: ``given``; those of the STAR file of the micrographs; those of
    ``rlnMicrographPixelSize``; those in the headers of the micrographs, where all are found; those of the particles,
    where the movies had the same.  ``rlnMicrographOriginalPixelSize``, which RELION leaves in files of extracted
    particles, is that of the movies before they were binned.

    Parameters
    ----------
    star : StarFile
        The particles.
    particle_sizes : ndarray, shape (B,), float64, or None
        Angstrom per pixel of the particles; None where they are not known.
    given : float, optional
        Angstrom per pixel of all micrographs.
    micrographs : path, optional
        STAR file of the micrographs, as RELION has it.

    Raises
    ------
    ValueError
        Nothing says them, or two say different ones.
    """
    count = len(star.particles)
    if given is not None:
        if not plausible(given):
            raise ValueError(f"the pixel size of the micrographs is {given!r}; give a positive number of Angstrom")
        return MicrographSizes(np.full(count, float(given)), "given", [])
    stated = _stated(star)
    movies = star.per_particle(_MOVIE, optics_first=True)
    if micrographs is not None:
        sizes = _of_each(star, Micrographs.read(micrographs))
        if stated is not None:
            _refuse_difference(star.path, stated, micrographs, sizes)
        return MicrographSizes(
            sizes, f"from {fspath(micrographs)}", _unlikely(star.path, sizes, movies, particle_sizes)
        )
    in_headers, why, twice = _in_headers(star)
    if stated is not None:
        doubts = _unlikely(star.path, stated, movies, particle_sizes)
        if in_headers is not None and (wrong := _first_difference(stated, in_headers)) is not None:
            name = star.value(star.particles, _NAME, wrong)
            doubts.append(
                f"{fspath(star.path)!r} says {_SIZE} {stated[wrong]:g}, which was taken, and the header of the "
                f"micrograph {name!r} {in_headers[wrong]:g} Angstrom"
            )
        return MicrographSizes(stated, f"from {_SIZE}", doubts)
    if in_headers is not None:
        _refuse_headers(star, in_headers, movies, particle_sizes)
        doubts = [*twice, *_perhaps_default(in_headers, movies)]
        return MicrographSizes(in_headers, "from the headers of the micrographs", doubts)
    if movies is not None and particle_sizes is not None and _first_difference(movies, particle_sizes) is None:
        return MicrographSizes(particle_sizes.copy(), f"that of the particles and of the movies ({_MOVIE})", [])
    words = (
        "{path!r} does not say the pixel size of the micrographs that its coordinates are in ({label}){movie}, and "
        "{why}; give it ({micrograph_pixel_size}), or their STAR file ({micrographs})"
    )
    movie = _of_movies(movies)
    raise ValueError(Sentence(words, path=fspath(star.path), label=_SIZE, movie=movie, why=why))


def _stated(star: StarFile) -> Float64 | None:
    """Return what the optics groups, or else the particles, say; ValueError where both do, and differ."""
    stated = star.per_particle(_SIZE, optics_first=True)
    if stated is None:
        return None
    _refuse_sizes(star.path, stated)
    own = star.per_particle(_SIZE)
    if own is not None and (wrong := _first_difference(stated, own)) is not None:
        words = (
            "{path!r} says {label} {stated:g} in data_optics and {own:g} with a particle of this group; give the true "
            "one ({micrograph_pixel_size})"
        )
        raise ValueError(Sentence(words, path=fspath(star.path), label=_SIZE, stated=stated[wrong], own=own[wrong]))
    return stated


def _of_movies(movies: Float64 | None) -> str:
    """Say what is known of the movies."""
    if movies is None:
        return ""
    values = ", ".join(f"{one:g}" for one in np.unique(movies)[:3].tolist())
    return f"; {_MOVIE} {values} is that of the movies before they were binned"


def _of_each(star: StarFile, micrographs: Micrographs) -> Float64:
    """Return the pixel size of the micrograph of every particle, by its name, with or without RELION's job."""
    sizes = micrographs.sizes()
    distinct = set(sizes.values())
    if _NAME not in star.particles.columns:
        if len(distinct) > 1:
            raise ValueError(
                f"{fspath(star.path)!r} does not say which micrograph a particle is from (no column {_NAME}), and "
                f"those of {fspath(micrographs.path)!r} have pixel sizes from {min(distinct):g} to {max(distinct):g}"
            )
        return np.full(len(star.particles), distinct.pop())
    without_job: dict[str, float] = {}
    for name, one in sizes.items():
        if not _agree(without_job.setdefault(_JOB.sub("", name), one), one):
            without_job[_JOB.sub("", name)] = np.nan  # of two jobs, which differ
    names = star.column(star.particles, _NAME)
    found: dict[str, float] = {}
    for name in dict.fromkeys(names):
        size = sizes.get(name, without_job.get(_JOB.sub("", name)))
        if size is None or np.isnan(size):
            what = "does not list" if size is None else "lists, with different pixel sizes in two jobs,"
            raise ValueError(
                f"{fspath(micrographs.path)!r} {what} the micrograph {name!r} of particles in {fspath(star.path)!r}; "
                "give the STAR file of the micrographs that these were picked in"
            )
        found[name] = size
    return np.array([found[name] for name in names])


def _in_headers(star: StarFile) -> tuple[Float64 | None, str, list[str]]:
    """Return what the headers of the micrographs say for every particle, and whose names fit two files.

    None, and why, where one says nothing.
    """
    if _NAME not in star.particles.columns:
        return None, f"it does not name them ({_NAME})", []
    place = Place(star.path)
    of_name: dict[str, float] = {}
    names = star.column(star.particles, _NAME)
    fits = [(name, place.fitting(name)) for name in dict.fromkeys(names)]
    for name, found in fits:
        if not found:
            return None, f"the micrograph {name!r} was not found", []
        try:
            size = MrcStack.open(found[0][0]).voxel_size
        except (OSError, ValueError):
            size = None
        if size is None:
            return None, f"the micrograph {name!r} has no header that says it", []
        of_name[name] = size
    return np.array([of_name[name] for name in names]), "", said_twice(fits, star.path)


def _refuse_headers(star: StarFile, headers: Float64, movies: Float64 | None, particles: Float64 | None) -> None:
    """Raise ValueError where headers of micrographs do not lie between the pixel sizes of movies and particles."""
    words = (
        "{path!r} says {said:g} Angstrom per pixel for {whose}, and the header of the micrograph {name!r} {found:g}: "
        "{rule}; give that of the micrographs ({micrograph_pixel_size})"
    )
    cases = (
        (_first_finer(movies, headers), movies, f"movies ({_MOVIE})", "movies are never coarser than micrographs"),
        (_first_finer(headers, particles), particles, "particles", "particles are never finer than micrographs"),
    )
    for wrong, sizes, whose, rule in cases:
        if wrong is not None and sizes is not None:
            name = star.value(star.particles, _NAME, wrong)
            values = {"said": sizes[wrong], "whose": whose, "name": name, "found": headers[wrong], "rule": rule}
            raise ValueError(Sentence(words, path=fspath(star.path), **values))


def _unlikely(path: Path, sizes: Float64, movies: Float64 | None, particles: Float64 | None) -> list[str]:
    """Return what is against pixel sizes that were stated: micrographs finer than movies, or coarser than particles."""
    found = []
    if movies is not None and (wrong := _first_finer(movies, sizes)) is not None:
        found.append(
            f"the micrographs of {fspath(path)!r} have a pixel size of {sizes[wrong]:g} and their movies ({_MOVIE}) of "
            f"{movies[wrong]:g} Angstrom: movies are never coarser"
        )
    if particles is not None and (wrong := _first_finer(sizes, particles)) is not None:
        found.append(
            f"the micrographs of {fspath(path)!r} have a pixel size of {sizes[wrong]:g} and the particles of "
            f"{particles[wrong]:g} Angstrom: particles are seldom finer than what they were extracted from"
        )
    return found


def _perhaps_default(sizes: Float64, movies: Float64 | None) -> list[str]:
    """Return a sentence where a header says 1 Angstrom, which many programs write that know none."""
    one = sizes == 1.0
    if movies is not None:
        binning = sizes / movies
        one &= np.abs(binning - np.rint(binning)) > _SAME
    if not one.any():
        return []
    words = (
        "the headers of the micrographs say 1 Angstrom per pixel, as many programs write where they know none; "
        "give the true one ({micrograph_pixel_size}) where it is another"
    )
    return [Sentence(words)]


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME * max(one, other)


def _first_difference(ours: Float64, others: Float64) -> int | None:
    """Return the first place where pixel sizes differ by more than rounding and calibration."""
    wrong = np.flatnonzero(np.abs(ours - others) > _SAME * np.maximum(ours, others))
    return int(wrong[0]) if len(wrong) else None


def _first_finer(coarse: Float64 | None, fine: Float64 | None) -> int | None:
    """Return the first place where what should not be finer is finer than the other."""
    if coarse is None or fine is None:
        return None
    wrong = np.flatnonzero(fine < (1 - _SAME) * coarse)
    return int(wrong[0]) if len(wrong) else None


def _refuse_difference(path: Path, stated: Float64, other: str | PathLike[str], sizes: Float64) -> None:
    if (wrong := _first_difference(stated, sizes)) is not None:
        words = (
            "{path!r} says {label} {stated:g}, and {other!r} {found:g} Angstrom for the same micrograph; give the true "
            "one ({micrograph_pixel_size})"
        )
        values = {"label": _SIZE, "stated": stated[wrong], "other": fspath(other), "found": sizes[wrong]}
        raise ValueError(Sentence(words, path=fspath(path), **values))


def _refuse_sizes(path: Path, sizes: Float64) -> None:
    wrong = sizes[~plausible(sizes)]
    if len(wrong):
        words = (
            "{path!r} gives micrographs of {size:g} Angstrom per pixel; give the true size ({micrograph_pixel_size})"
        )
        raise ValueError(Sentence(words, path=fspath(path), size=wrong[0]))
