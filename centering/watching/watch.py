"""Center stacks as they arrive in a folder, while the data are still being collected."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from centering.checks import check_radius, refuse_nonpositive
from centering.engine.job import Job
from centering.estimators.registry import find, made
from centering.io.atomic import refuse_line_breaks
from centering.io.identity import ChangedError
from centering.io.opening import open_particles
from centering.io.output_folder import abandon, withdraw
from centering.io.star import StarFile
from centering.results import Centers
from centering.runs.prepare import check_request, prepare
from centering.runs.run import run
from centering.sentence import Sentence, message
from centering.watching.arrivals import Arrivals, Stamp
from centering.watching.finished import Columns, Finished, columns, give_back, joined, take

__all__ = ["Watch", "follow"]

_OF_STACK, _ALL = "stack.json", "particles.star"

_SOME = 16  # pixels of a radius, until a stack says how many a diameter has

_SHARE = 10  # the combined STAR file is written again after so many times the time that writing it takes


class Watch:
    """Centers the stacks of ``folder`` into ``out``, each into a folder of its own that appears when it is complete.

    A context manager, which holds the lock of ``out``, and at its end writes what `collect` has put off.  What an
    earlier watch has finished there is not done again.

    Parameters
    ----------
    folder : path
        Where stacks arrive; looked through with all folders below it.
    out : path
        Takes ``stacks/NAME.mrcs/``, the results of every stack as `centering.runs.run.run` writes them without figures,
        and ``particles.star``, the origins of all of them.  It does not exist yet, or is that of an earlier watch with
        the same options.
    pattern, settle
        As in `centering.watching.arrivals.Arrivals`.
    pixel_size : float, optional
        Angstrom per pixel, instead of what the headers say.
    jobs : int
        Number of threads.
    invert : {"auto", "yes", "no"}
        As in `centering.runs.prepare.prepare`; ``auto``: the first stack whose contrast is clear decides for those that
        follow.
    strict : bool
        Whether a stack of which anything is doubtful is left alone.
    **options
        Others of `centering.runs.prepare.prepare`; the estimator judges every image on its own.

    Attributes
    ----------
    done : dict of str to Finished
        The stacks that are finished, by their path below ``folder``.
    arrivals : Arrivals
        The stacks that are not, and why.
    warnings : dict of str to tuple of str
        What is doubtful in the stacks that were centred since, a sentence each.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        ``folder``, ``out`` or an option cannot be used; nothing is written.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        out: str | PathLike[str],
        *,
        pattern: str = "*.mrcs",
        settle: float = 5.0,
        pixel_size: float | None = None,
        jobs: int = 1,
        invert: str = "auto",
        strict: bool = False,
        **options: Any,
    ) -> None:
        self.folder, self.out = Path(folder), Path(out)
        self.pixel_size, self.jobs, self.options = pixel_size, jobs, {"invert": invert, **options}
        self.arrivals = Arrivals(folder, pattern, settle=settle, avoid=out)
        self.done: dict[str, Finished] = {}
        self.strict, self.warnings = strict, dict[str, tuple[str, ...]]()
        self._columns: dict[str, Columns] = {}
        self._stale, self._collected, self._price = False, 0.0, 0.0
        refuse_line_breaks(self.out)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{fspath(folder)!r} is not a folder; give the one in which stacks arrive")
        refuse_nonpositive(settle=settle, pixel_size=pixel_size)
        _check_options(**self.options)

    def __enter__(self) -> Watch:
        about = {
            "folder": os.path.abspath(self.folder),  # noqa: PTH100  (resolve() would follow a link)
            "current folder": fspath(Path.cwd()),  # image names are relative to it
            "pattern": self.arrivals.pattern,
            "pixel size": self.pixel_size,
            **self.options,
        }
        self._held = take(self.out, about)
        try:
            self._tidy()
        except BaseException:
            give_back(self.out, self._held)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._tidy()
        finally:
            give_back(self.out, self._held)

    def _tidy(self) -> None:
        """Read what is finished from the results themselves, and remove what is left of stacks that are not."""
        for path in [*self.out.glob("stacks/**/.*.partial"), *self.out.glob("stacks/**/.partial")]:
            abandon(path.parent if path.name == ".partial" else path.with_name(path.name[1 : -len(".partial")]))
        found = self.out.glob(f"stacks/**/{_OF_STACK}")
        every = [Finished.read(path) for path in found if not any(part[0] == "." for part in path.parts)]
        self._stale |= len(every) > len(self.done)
        self.done = {one.stack: one for one in every}
        for name in self.done:
            self.arrivals.forget(name)
        self.collect()

    def settled(self) -> list[tuple[str, Stamp]]:
        """Return the stacks, by their path below ``folder``, that have settled and are not done, and their state."""
        return self.arrivals.settled({name: one.stamp for name, one in self.done.items()})

    def center(self, name: str, stamp: Stamp, progress: Callable[[int], object] | None = None) -> Centers | None:
        """Center one stack; None where it is gone or cannot be centred, which ``arrivals.waiting`` explains.

        OSError: the results cannot be written.
        """
        path, place = self.folder / name, self.out / "stacks" / name
        try:
            job = self._job(path, name)
        except (ValueError, OSError) as error:
            self._refuse(path, name, error)
            return None
        self.warnings.pop(name, None)
        if job.warnings:
            self.warnings[name] = tuple(job.warnings)
        self.done.pop(name, None)  # of an earlier state of the file
        finished = Finished.of(name, stamp, job)
        self._columns.pop(name, None)
        self._stale = True
        try:
            centers = run(
                job,
                place,
                jobs=self.jobs,
                figures=False,
                overwrite=True,
                finish=lambda results, _: finished.write(results / _OF_STACK),
                progress=progress,
            )
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and path.exists():
                raise
            if not isinstance(error, ChangedError):  # else newer results will come soon
                withdraw(place)
            self._refuse(path, name, error)
            return None
        self.done[name] = finished
        self.arrivals.forget(name)
        return centers

    def _refuse(self, path: Path, name: str, error: Exception) -> None:
        if path.exists():
            self.arrivals.refuse(name, message(error))
        else:
            self.arrivals.forget(name)

    def _job(self, path: Path, name: str) -> Job:
        """Settle every question about a stack; raise ValueError where it cannot stand beside those that are done."""
        particles = open_particles(path, self.pixel_size)
        if not particles.readable.all():
            raise ValueError(particles.notes[0])
        others = [other for other in self.done.values() if other.stack != name]
        for other in others[:1]:  # all of them agree
            if other.image_size_px != particles.size:
                raise ValueError(
                    f"its images have {particles.size} pixels and those of {other.stack!r} {other.image_size_px}; "
                    "watch image sizes one at a time"
                )
            if (other.angstrom_per_px is None) != (particles.pixel_size is None):
                known, unknown = (other.stack, name) if particles.pixel_size is None else (name, other.stack)
                words = "the pixel size of {known!r} is known and that of {unknown!r} is not; give {pixel_size}"
                raise ValueError(Sentence(words, known=known, unknown=unknown))
        options = dict(self.options)
        if options["invert"] == "auto":
            clear = (other.inverted for other in others if other.clear)
            options["invert"] = {None: "auto", True: "yes", False: "no"}[next(clear, None)]
        job = prepare(particles, **options)
        if self.strict and job.warnings:
            raise ValueError(job.warnings[0])
        return job

    def collect(self, *, now: bool = True) -> None:
        """Write ``particles.star``, the origins of all stacks that are done, where anything is new.

        Parameters
        ----------
        now : bool
            False: only if the last time is long ago compared to what it takes, which grows with the particles.
        """
        start = time.monotonic()
        if not self._stale or not self.done or (not now and start - self._collected < _SHARE * self._price):
            return
        for name in self.done.keys() - self._columns.keys():
            self._columns[name] = columns(StarFile.read(self.out / "stacks" / name / _ALL))
        names = sorted(self.done)
        path = self.out / _ALL
        joined(path, [self.done[name] for name in names], [self._columns[name] for name in names]).write(path)
        self._stale, self._collected = False, time.monotonic()
        self._price = self._collected - start


def follow(
    watch: Watch,
    *,
    interval: float = 5.0,
    until_idle: float | None = None,
    told: Callable[[str, Centers | None], object] | None = None,
    looked: Callable[[], object] | None = None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Center what arrives until nothing has for a while; for ever without ``until_idle``.

    Parameters
    ----------
    watch : Watch
        Entered.
    interval : float
        Seconds between two looks at the folder.
    until_idle : float, optional
        Stop when for so many seconds nothing was done and no file has changed.
    told : callable, optional
        Given the path of a stack and its centres, or None, as `Watch.center` returns them.
    looked : callable, optional
        Called after every look at the folder.
    progress : callable, optional
        Told the number of particles done, after every batch.

    Raises
    ------
    OSError
        Results cannot be written; what is finished stays, and another watch goes on.
    """
    busy = time.monotonic()
    while True:
        for name, stamp in watch.settled():
            centers = watch.center(name, stamp, progress)
            if told is not None:
                told(name, centers)
            watch.collect(now=False)
            busy = time.monotonic()
        watch.collect(now=False)
        if looked is not None:
            looked()
        if watch.arrivals.moving:
            busy = time.monotonic()
        if until_idle is not None and time.monotonic() - busy >= until_idle:
            break
        time.sleep(interval)


def _check_options(
    *, estimator: str = "surrogate", radius: float | str | None = None, diameter: float | None = None, **options: Any
) -> None:
    """Refuse at once what would be refused for every stack."""
    spec = find(estimator)
    if spec.learns or spec.together or radius == "auto":
        words = "{who} needs a whole dataset, and a watch sees one stack at a time; use 'centering run'"
        who = Sentence("{radius:auto}") if radius == "auto" else f"the estimator {estimator}"
        raise ValueError(Sentence(words, who=who))
    spec, given = check_request(estimator, radius=radius, diameter=diameter, **options)
    whole = check_radius(radius) if isinstance(radius, (int, float)) else None
    made(spec, whole if diameter is None else _SOME, given)
