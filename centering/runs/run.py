"""From a file of particles to a folder of results."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

import centering
from centering.engine.batches import StackTarget
from centering.engine.cluster import Cluster
from centering.engine.estimate import estimate
from centering.engine.folder import RunFolder
from centering.engine.job import Job
from centering.io.atomic import check_output_folder
from centering.io.identity import Stamps, refuse_changed, stamp
from centering.io.mrc import create_stack
from centering.io.output_folder import recover
from centering.io.particles import Particles
from centering.results import Centers
from centering.runs.evidence import gather
from centering.runs.outputs import OUTPUTS, preload, write_outputs
from centering.sentence import Sentence
from centering.threads import find_pools

__all__ = ["completed", "run"]

_STACK = "recentered.mrcs"


def run(
    job: Job,
    out: str | PathLike[str],
    *,
    jobs: int = 1,
    cluster: Cluster | None = None,
    batch: int | None = None,
    write_stack: bool = False,
    figures: bool = True,
    overwrite: bool = False,
    resume: bool = False,
    finish: Callable[[Path, Centers], object] | None = None,
    progress: Callable[[int], object] | None = None,
    keep_names: bool = False,
) -> Centers:
    """Center a dataset and write the results into the folder ``out``, which appears when it is complete.

    Parameters
    ----------
    job : Job
        Made by `centering.runs.prepare.prepare`; the files it reads are never changed.
    out : path
        The folder.  It must not exist, unless ``overwrite`` is true: then the files of an earlier run in it
        are replaced, and nothing else in it is touched.
    jobs, cluster, batch, progress
        As in `centering.engine.estimate.estimate`; none of them changes the results.
    write_stack : bool
        Whether the images are also written with their content moved to the centre, by a Fourier shift
        (`centering.shift.shift_images`), with a STAR file whose origins are zero.
    figures : bool
        Whether a montage and a histogram of the shifts are drawn.
    overwrite : bool
        Whether ``out`` may exist.
    resume : bool
        Whether a run into ``out`` that was interrupted is continued; it ends with the same bytes as one that
        was not.  Where there is none a new one begins.
    keep_names : bool
        Whether image names in the new STAR file that are relative to the current folder stay so, as those of a RELION
        project; else every name is absolute, which every program reads alike, wherever the new file lies.
    finish : callable, optional
        Called with the folder of the results before they appear as ``out``, and with the centres; what it writes
        there, such as the report, appears with them.  Its files must be among `centering.runs.outputs.OUTPUTS`.

    Returns
    -------
    Centers
        As `centering.engine.estimate.estimate` returns them.

    Raises
    ------
    FileExistsError, ValueError
        ``out`` cannot be used, an interrupted run was not the same, a number of threads or images below 1, or a file
        that was read is not any more what it was before: then nothing is written or kept.
    OSError
        Something could not be written; what is finished is kept for ``resume``.
    """
    if jobs < 1:
        raise ValueError(f"the number of threads is {jobs}; give at least 1")
    if batch is not None and batch < 1:
        raise ValueError(f"the number of images in a batch is {batch}; give at least 1")
    particles = job.particles
    if particles.pixel_size is None and particles.star is not None and particles.star.in_angstrom:
        words = "{source!r} stores origins in Angstrom and the pixel size is not known; give it ({pixel_size})"
        raise ValueError(Sentence(words, source=fspath(particles.source)))
    if write_stack and job.origins is not None and job.origins.keep_within is not None:
        words = "{write_stack:True} moves images to new centres, not to origins that are kept; leave out one of the two"
        raise ValueError(Sentence(words + ", and see 'centering apply'"))
    recover(out)
    check_output_folder(out, owned=OUTPUTS, inputs=particles.files, overwrite=overwrite or resume)
    before = _stamps(particles)
    identity = _identity(job, before, write_stack, keep_names)
    with (
        RunFolder(out, owned=OUTPUTS, identity=identity, keep=(_STACK,), resume=resume, overwrite=overwrite) as folder,
        ThreadPoolExecutor(1) as aside,
    ):
        if figures:
            find_pools()
            aside.submit(preload)
        try:
            target = _target(folder, particles) if write_stack else None
            centers = estimate(
                job,
                jobs=jobs,
                cluster=cluster,
                batch=batch,
                target=target,
                journal=folder.journal,
                progress=progress,
            )
            if not folder.finished:
                recentered = Path(out) / _STACK if write_stack else None
                evidence = gather(job, centers)
                write_outputs(
                    folder.results,
                    job,
                    centers,
                    evidence,
                    recentered=recentered,
                    run=_digest(identity),
                    figures=figures,
                    keep_names=keep_names,
                )
                if finish is not None:
                    finish(folder.results, centers)
            refuse_changed(before)
            folder.publish()
        except ValueError:
            refuse_changed(before)  # which is then the reason
            raise
        except OSError as error:
            raise OSError(_said(error, folder)) from error
    return centers


def completed(job: Job, out: str | PathLike[str], *, write_stack: bool = False, keep_names: bool = False) -> bool:
    """Return whether ``out`` already holds the whole results of this run, of the files as they are now.

    A scheduler that puts a job back into the queue runs it again, perhaps after it was finished.  What a run that was
    killed at its very end has left is cleared up.
    """
    recover(out)
    folder = RunFolder(out, owned=OUTPUTS, identity=_identity(job, _stamps(job.particles), write_stack, keep_names))
    if folder.path.exists():
        return False
    try:
        summary = json.loads((folder.out / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    done = (folder.out / "summary.json").stat().st_mtime_ns
    unchanged = all(path.stat().st_mtime_ns <= done for path in job.particles.files)
    return unchanged and isinstance(summary, dict) and summary.get("run") == _digest(folder.identity)


def _target(folder: RunFolder, particles: Particles) -> StackTarget:
    """Return the stack for the recentred images, made where no earlier run has made it."""
    path = folder.results / _STACK
    if not path.exists() and not folder.finished:
        create_stack(path, len(particles), particles.size, particles.common_pixel_size)
    return StackTarget(fspath(path), particles.size)


def _stamps(particles: Particles) -> Stamps:
    """Return the state of every file: of before it was opened, or now where that is not known."""
    known = dict(particles.stamps)
    return tuple((path, known[path] if path in known else stamp(path)) for path in dict.fromkeys(particles.files))


def _identity(job: Job, files: Stamps, write_stack: bool, keep_names: bool) -> dict[str, Any]:
    """Return what makes two runs the same: the state of the files, and everything the results depend on."""
    return {
        "program": f"pswf-centering {centering.__version__}",
        "files": {os.path.abspath(path): list(state) for path, state in files},  # noqa: PTH100
        "number of particles": len(job.particles),
        # how each shows itself, but for its place in memory
        "estimator": [re.sub(r" at 0x[0-9a-f]+", "", repr(estimator)) for estimator in job.estimators],
        "options": job.asked,
        "contrast": str(job.contrast),
        "pixel size": job.particles.pixel_size_source,
        "values": hashlib.sha256(_values(job)).hexdigest(),
        "recentered stack": write_stack,
        "names stay": keep_names,
        "origins are compared": job.origins is not None,
        "origins stay within": None if job.origins is None else job.origins.keep_within,
    }


def _digest(identity: dict[str, Any]) -> str:
    """Return a hash of everything but the places and the times of the files, so that equal data give equal bytes."""
    files = [(size, digest) for size, _, digest in identity["files"].values()]
    return hashlib.sha256(json.dumps(identity | {"files": files}, sort_keys=True).encode()).hexdigest()


def _values(job: Job) -> bytes:
    pixel_size, ctf = job.particles.pixel_size, job.particles.ctf
    values = [] if pixel_size is None else [pixel_size]
    values += [] if ctf is None else [np.asarray(getattr(ctf, field.name)) for field in fields(ctf)]
    return b"".join(array.tobytes() for array in (job.members, *values))


def _said(error: OSError, folder: RunFolder) -> str:
    where = f": {fspath(error.filename)!r}" if error.filename else ""
    kept = 0
    with suppress(OSError):
        kept = sum(len(places) for places, _ in folder.journal.read())
    hint = "; {kept} particles are done and kept, continue with {resume:True}" if kept else ""
    return Sentence("{error}{where}" + hint, error=error.strerror or error, where=where, kept=kept)
