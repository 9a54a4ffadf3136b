"""The loop that centres a dataset, over threads or over the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import numpy as np
import numpy.typing as npt

from centering.engine.batches import BATCH_BYTES, StackTarget, batch_length, cut
from centering.engine.cluster import Cluster
from centering.engine.job import Job
from centering.engine.journal import Journal
from centering.engine.stream import over_threads
from centering.results import Centers, Flag

__all__ = ["estimate"]


class _Gathered:
    """The centres of ``count`` particles; those never added have displacement 0, score NaN and the flag UNREADABLE."""

    def __init__(self, count: int) -> None:
        self.done = np.zeros(count, dtype=np.bool_)
        self._displacement = np.zeros((count, 2))
        self._score = np.full(count, np.nan)
        self._flags = np.full(count, int(Flag.UNREADABLE), dtype=np.int64)
        self._covariance: npt.NDArray[np.float64] | None = None
        self._bare = False  # whether some batch came without covariances
        self._name = (count, "")  # of the estimator of the first particle

    def add(self, places: npt.NDArray[np.int64], centers: Centers) -> None:
        """Add one batch; adding it twice changes nothing."""
        self.done[places] = True
        self._displacement[places] = centers.displacement
        self._score[places] = centers.score
        self._flags[places] = centers.flags
        if centers.covariance is None:
            self._bare = True
        else:
            if self._covariance is None:
                self._covariance = np.full((len(self.done), 2, 2), np.nan)
            self._covariance[places] = centers.covariance
        self._name = min(self._name, (int(places.min()), centers.estimator))

    def centers(self) -> Centers:
        """Return all that was added; covariances only where every batch had them."""
        covariance = None if self._bare else self._covariance
        return Centers(self._displacement, self._score, self._flags, covariance, self._name[1])


def estimate(
    job: Job,
    *,
    jobs: int = 1,
    cluster: Cluster | None = None,
    batch: int | None = None,
    target: StackTarget | None = None,
    journal: Journal | None = None,
    progress: Callable[[int], object] | None = None,
) -> Centers:
    """Find the centre of every particle that can be read.

    The result depends neither on the number of threads or workers nor on the size of the batches: every image is
    judged by itself, and its centre goes to its own place.  Images that need each other go together.

    Parameters
    ----------
    job : Job
        Made by `centering.runs.prepare.prepare`.
    jobs : int
        Number of threads that compute.
    cluster : Cluster, optional
        Workers that are used instead of threads.
    batch : int, optional
        Number of images read at once; by default what fits into 8 MiB, 32 MiB on a cluster.
    target : StackTarget, optional
        Where recentred images are written.
    journal : Journal, optional
        What is in it is not done again; what is done is added to it.
    progress : callable, optional
        Told the number of particles done, after every batch.

    Returns
    -------
    Centers
        In the order of the particles; those that cannot be read have the flag UNREADABLE.
    """
    gathered = _Gathered(len(job.particles))
    for places, centers in journal.read() if journal else ():
        gathered.add(places, centers)
    wanted = job.particles.readable & ~gathered.done
    if progress is not None:
        progress(len(wanted) - int(wanted.sum()))
    if job.together:
        batch = len(job.particles)
    length = batch or batch_length(job.particles.size, BATCH_BYTES if cluster is None else 4 * BATCH_BYTES)
    batches = cut(job.particles, job.members, wanted, length)
    if cluster is None:
        finished = over_threads(job, batches, jobs=jobs, target=target)
    else:
        finished = cluster.over_workers(job, batches, target=target)
    with closing(finished):
        for done, centers in finished:
            if journal is not None:
                journal.append(done.places, centers)
            gathered.add(done.places, centers)
            if progress is not None:
                progress(len(done))
    return gathered.centers()
