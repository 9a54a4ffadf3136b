"""The same batches on the workers of a Dask scheduler; needs the extra ``distributed``."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

from centering.engine.batches import Batch, StackTarget, center_batch
from centering.engine.job import Job
from centering.engine.safety import (
    Certificates,
    check_stamps,
    located,
    own_certificates,
    security_for,
    unguarded,
)
from centering.engine.stream import unordered
from centering.estimators.base import Estimator
from centering.io.identity import Stamp, stamps
from centering.io.particles import Particles
from centering.results import Centers

__all__ = ["Cluster"]

_WINDOW = 1024  # batches under way: enough for some hundred workers, and some megabytes of descriptions
_OPEN = (
    "other users of this machine can reach the workers, and run programs as you: there is no package cryptography, "
    "which keeps them out; pip install 'pswf-centering[distributed]'"
)

Task = tuple[Particles, dict[Path, Stamp], Batch, bytes, bool, "StackTarget | None"]

_TRIES = 10  # a batch that has taken this many workers with it is given up


class Cluster:
    """Workers on this machine, or those of a running scheduler, as a context manager.

    A worker needs this package and the files of the job under the same absolute paths; it looks whether they are the
    same.  When one dies its batches go to another; a batch writes its recentred images to places of its own, so doing
    it twice changes nothing.

    Dask's scheduler and workers run whatever they are sent.  Workers of this machine therefore listen on its loopback
    interface alone, and only to who has the certificate of this run, which no other user of the machine has.

    Parameters
    ----------
    workers : int, optional
        Number of processes to start on this machine.
    scheduler : str, optional
        Address of a scheduler, ``tls://host:8786``, or ``tcp://host:8786``, which asks nobody who is there.
    certificates : Certificates, optional
        For a scheduler with TLS; those of Dask's configuration without them.

    Attributes
    ----------
    doubts : tuple of str
        What the user should know about who else may use the workers; there when the context is entered.

    Raises
    ------
    ImportError
        The extra ``distributed`` is not installed.
    ValueError
        Both or neither, a number of workers below 1, or certificates that do not fit.
    OSError
        No scheduler answers at the address, or there is no such certificate.
    """

    doubts: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        workers: int | None = None,
        scheduler: str | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        if (workers is None) == (scheduler is None):
            raise ValueError("give either a number of workers for this machine or the address of a scheduler")
        if workers is not None and workers < 1:
            raise ValueError(f"the number of workers is {workers}; give at least 1")
        if certificates is not None and (scheduler is None or not scheduler.startswith("tls://")):
            where = f"the scheduler {scheduler!r}" if scheduler is not None else "workers of this machine"
            raise ValueError(f"certificates are for a scheduler with TLS, tls://host:8786; {where} takes none")
        self.workers, self.scheduler, self.certificates = workers, scheduler, certificates

    def __enter__(self) -> Cluster:
        try:
            import distributed
        except ImportError:
            raise ImportError(
                "workers and schedulers need Dask, which is not installed: pip install 'pswf-centering[distributed]'"
            ) from None
        with ExitStack() as stack:
            place: Any = self.scheduler
            if self.workers is not None:
                security = own_certificates()
                self.doubts = () if security is not None else (_OPEN,)
                place = stack.enter_context(
                    distributed.LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=self.workers,
                        threads_per_worker=1,
                        host="127.0.0.1",
                        protocol="tcp://" if security is None else "tls://",
                        security=security,
                        dashboard_address=None,
                        # without one there is a server of its state all the same, by default at one port for all users
                        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                        silence_logs=50,
                    )
                )
            else:
                security = security_for(str(self.scheduler), self.certificates)
                self.doubts = tuple(filter(None, [unguarded(str(self.scheduler))]))
            self.client = stack.enter_context(
                distributed.Client(place, set_as_default=False, security=security)  # type: ignore[no-untyped-call]
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def over_workers(
        self, job: Job, batches: Iterable[Batch], *, target: StackTarget | None = None
    ) -> Generator[tuple[Batch, Centers]]:
        """Yield every batch with its centres, in the order in which they are finished."""
        estimators = [pickle.dumps(estimator) for estimator in job.estimators]
        # a worker has a current folder of its own, in which a relative name may be that of another project's stack
        particles = located(job.particles)
        known = dict(stamps(particles.files[1:]))

        def task(batch: Batch) -> Task:
            chosen = particles.select(batch.places)
            here = {path: known[path] for path in chosen.files[1:]}
            return chosen, here, batch, estimators[batch.estimator], job.contrast.invert, target

        tasks = (task(batch) for batch in batches)
        with self.client.get_executor(pure=False, retries=_TRIES) as pool:
            yield from unordered(pool, _work, tasks, window=_WINDOW)


def _work(task: Task) -> tuple[Batch, Centers]:
    particles, expected, batch, estimator, invert, target = task
    check_stamps(particles, expected)
    return batch, center_batch(particles, batch.places, _load(estimator), invert, target)


@lru_cache(maxsize=32)
def _load(estimator: bytes) -> Estimator:
    """Return the estimator of this process, whose tables are built once and not for every batch."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    loaded: Estimator = pickle.loads(estimator)
    threadpool_limits(limits=1)  # from here on: a scheduler counts on one processor for one task
    return loaded
