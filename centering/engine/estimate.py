"""The loop that centres a dataset, over threads or over the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from centering.engine.batches import BATCH_BYTES, StackTarget, batch_length, cut
from centering.engine.cluster import Cluster
from centering.engine.gather import Gathered
from centering.engine.job import Job
from centering.engine.journal import Journal
from centering.engine.stream import over_threads
from centering.results import Centers

__all__ = ["estimate"]


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
    gathered = Gathered(len(job.particles))
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
