"""The same batches on the workers of a Dask scheduler; needs the extra ``distributed``."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from functools import lru_cache
from types import TracebackType
from typing import Any

from centering.engine.batches import Batch, StackTarget, center_batch
from centering.engine.stream import unordered
from centering.estimators.base import Estimator
from centering.io.particles import Particles
from centering.job import Job
from centering.results import Centers

__all__ = ["Cluster"]

_WINDOW = 1024  # batches under way: enough for some hundred workers, and some megabytes of descriptions
_TRIES = 10  # a batch that has taken this many workers with it is given up


class Cluster:
    """Workers on this machine, or those of a running scheduler, as a context manager.

    A worker needs this package and the files of the job under the same paths.  When one dies its batches go to
    another; a batch writes its recentred images to places of its own, so doing it twice changes nothing.

    Parameters
    ----------
    workers : int, optional
        Number of processes to start on this machine.
    scheduler : str, optional
        Address of a scheduler, ``tcp://host:8786``.

    Raises
    ------
    ImportError
        The extra ``distributed`` is not installed.
    ValueError
        Both or neither, or a number of workers below 1.
    OSError
        No scheduler answers at the address.
    """

    def __init__(self, *, workers: int | None = None, scheduler: str | None = None) -> None:
        if (workers is None) == (scheduler is None):
            raise ValueError("give either a number of workers for this machine or the address of a scheduler")
        if workers is not None and workers < 1:
            raise ValueError(f"the number of workers is {workers}; give at least 1")
        self.workers, self.scheduler = workers, scheduler

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
                place = stack.enter_context(
                    distributed.LocalCluster(  # type: ignore[no-untyped-call]
                        n_workers=self.workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
                    )
                )
            self.client = stack.enter_context(
                distributed.Client(place, set_as_default=False)  # type: ignore[no-untyped-call]
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def over_workers(
        self, job: Job, batches: Iterable[Batch], *, target: StackTarget | None = None
    ) -> Generator[tuple[Batch, Centers]]:
        """Yield every batch with its centres, in the order in which they are finished."""
        estimators = [pickle.dumps(estimator) for estimator in job.estimators]
        tasks = (
            (job.particles.select(batch.places), batch, estimators[batch.estimator], job.contrast.invert, target)
            for batch in batches
        )
        with self.client.get_executor(pure=False, retries=_TRIES) as pool:
            yield from unordered(pool, _work, tasks, window=_WINDOW)


def _work(task: tuple[Particles, Batch, bytes, bool, StackTarget | None]) -> tuple[Batch, Centers]:
    particles, batch, estimator, invert, target = task
    return batch, center_batch(particles, batch.places, _load(estimator), invert, target)


@lru_cache(maxsize=32)
def _load(estimator: bytes) -> Estimator:
    """Return the estimator of this process, whose tables are built once and not for every batch."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    loaded: Estimator = pickle.loads(estimator)
    threadpool_limits(limits=1)  # from here on: a scheduler counts on one processor for one task
    return loaded
