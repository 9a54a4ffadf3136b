"""Center stacks as they arrive in a folder, while the data are still being collected."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from centering.checks import check_radius, refuse_nonpositive
from centering.engine.job import Job
from centering.io.atomic import refuse_line_breaks, remove_dead, replacing
from centering.io.identity import ChangedError
from centering.io.opening import open_particles
from centering.io.output_folder import abandon
from centering.io.publishing import LOCK, RESULTS
from centering.io.star import StarFile
from centering.results import Centers
from centering.runs.prepare import make_estimator, prepare
from centering.runs.run import run
from centering.watching.arrivals import Arrivals, Stamp
from centering.watching.finished import Columns, Finished, columns, joined

__all__ = ["Watch", "follow"]

_ABOUT, _OF_STACK, _LOCK, _ALL = "watch.json", "stack.json", ".lock", "particles.star"

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
    pattern : str
        What the names of stacks look like.
    settle : float
        Seconds for which a file must not change before it is opened.
    pixel_size : float, optional
        Angstrom per pixel, instead of what the headers say.
    jobs : int
        Number of threads.
    invert : {"auto", "yes", "no"}
        As in `centering.runs.prepare.prepare`; ``auto``: the first stack whose contrast is clear decides for those that
        follow.
    **options
        ``diameter``, ``radius``, ``max_shift``, ``estimator`` and ``score`` of `centering.runs.prepare.prepare`.

    Attributes
    ----------
    done : dict of str to Finished
        The stacks that are finished, by their path below ``folder``.
    arrivals : Arrivals
        The stacks that are not, and why.

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
        **options: Any,
    ) -> None:
        self.folder, self.out = Path(folder), Path(out)
        self.pixel_size, self.jobs, self.options = pixel_size, jobs, {"invert": invert, **options}
        self.arrivals = Arrivals(folder, pattern, settle=settle, avoid=out)
        self.done: dict[str, Finished] = {}
        self._columns: dict[str, Columns] = {}
        self._stale, self._collected, self._price = False, 0.0, 0.0
        refuse_line_breaks(self.out)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{fspath(folder)!r} is not a folder; give the one in which stacks arrive")
        _check_options(settle=settle, angpix=pixel_size, **self.options)

    def __enter__(self) -> Watch:
        about = {
            "folder": os.path.abspath(self.folder),  # noqa: PTH100  (resolve() would follow a link)
            "current folder": fspath(Path.cwd()),  # image names are relative to it
            "pattern": self.arrivals.pattern,
            "pixel size": self.pixel_size,
            **self.options,
        }
        place = self.out / _ABOUT
        remove_dead(self.out)
        if not self.out.exists() or (self.out.is_dir() and not any(self.out.iterdir())):
            self.out.mkdir(parents=True, exist_ok=True)
            try:
                with replacing(place) as temporary:
                    temporary.write_text(json.dumps(about, indent=2) + "\n")
            except OSError:
                with suppress(OSError):
                    self.out.rmdir()
                raise
        elif not place.is_file():
            raise FileExistsError(f"{fspath(self.out)!r} exists and is not the folder of a watch; give another one")
        before = json.loads(place.read_text())
        for name, value in about.items():
            if before.get(name) != value:
                raise ValueError(
                    f"{fspath(self.out)!r} was begun with {name} {before.get(name)!r}, not {value!r}; "
                    "give the same, or another --out"
                )
        self._held = _lock(self.out)
        try:
            self._tidy()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._tidy()
        finally:
            self._unlock()

    def _unlock(self) -> None:
        with suppress(OSError):  # one that stays is in nobody's way
            (self.out / _LOCK).unlink(missing_ok=True)
        with suppress(OSError):
            os.close(self._held)

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

        Raises
        ------
        OSError
            The results cannot be written.
        """
        path, place = self.folder / name, self.out / "stacks" / name
        try:
            job = self._job(path, name)
        except (ValueError, OSError) as error:
            self._refuse(path, name, error)
            return None
        self.done.pop(name, None)  # of an earlier state of the file
        sizes = job.particles.pixel_size
        finished = Finished(
            name,
            stamp,
            images=len(job.particles),
            image_size_px=job.particles.size,
            angstrom_per_px=None if sizes is None else float(sizes[0]),
            inverted=job.contrast.invert,
            clear=job.contrast.clear,
        )
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
                _withdraw(place)
            self._refuse(path, name, error)
            return None
        self.done[name] = finished
        self.arrivals.forget(name)
        return centers

    def _refuse(self, path: Path, name: str, error: Exception) -> None:
        if path.exists():
            self.arrivals.refuse(name, str(error))
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
                raise ValueError(f"the pixel size of {known!r} is known and that of {unknown!r} is not; give --angpix")
        options = dict(self.options)
        if options["invert"] == "auto":
            clear = (other.inverted for other in others if other.clear)
            options["invert"] = {None: "auto", True: "yes", False: "no"}[next(clear, None)]
        return prepare(particles, **options)

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
    *,
    invert: str,
    estimator: str = "surrogate",
    radius: float | str | None = None,
    diameter: float | None = None,
    max_shift: float | None = None,
    score: str | None = None,
    **positive: float | None,
) -> None:
    """Refuse at once what would be refused for every stack."""
    refuse_nonpositive(diameter=diameter, **positive)
    if radius is not None and diameter is not None:
        raise ValueError("--diameter and --radius say the same thing twice; give one of them")
    if invert not in ("auto", "yes", "no"):
        raise ValueError(f"invert is {invert!r}; choose auto, yes or no")
    if estimator == "radial-reference" or isinstance(radius, str):
        learning = f"the estimator {estimator}" if not isinstance(radius, str) else f"--radius {radius}"
        raise ValueError(f"{learning} needs a whole dataset, and a watch sees one stack at a time; use 'centering run'")
    whole = None if radius is None else check_radius(radius)
    make_estimator(estimator, whole if diameter is None else 1, max_shift=max_shift, score=score)


def _withdraw(place: Path) -> None:
    """Remove the results of a stack, all of them at once."""
    abandon(place)
    if place.exists():
        hidden = place.with_name(f".{place.name}.partial")
        hidden.mkdir()
        (hidden / LOCK).touch()
        place.rename(hidden / RESULTS)
        abandon(place)


def _lock(out: Path) -> int:
    """Lock a folder; the system frees the lock of a process that dies, however it dies."""
    path = out / _LOCK
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        except BlockingIOError:
            os.close(lock)
            raise FileExistsError(
                f"another watch is writing into {fspath(out)!r}; wait for it, or give another --out"
            ) from None
        os.close(lock)  # the watch that held it has just ended, and has taken the file away
