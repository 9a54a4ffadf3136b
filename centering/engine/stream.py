"""Send batches over threads: reading, computing and writing overlap, and memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from itertools import chain, islice
from threading import Semaphore
from typing import TypeVar

from centering.engine.batches import Batch, StackTarget, center_batch
from centering.engine.job import Job
from centering.estimators.base import make_ready
from centering.results import Centers

__all__ = ["over_threads", "unordered"]

T = TypeVar("T")
R = TypeVar("R")

_BESIDE = 2  # threads beside those that compute: one reads ahead, one writes behind


def over_threads(
    job: Job, batches: Iterable[Batch], *, jobs: int, target: StackTarget | None = None
) -> Generator[tuple[Batch, Centers]]:
    """Yield every batch with its centres, in the order in which they are finished.

    ``jobs`` threads compute at any time; two more read the next batches and write the last ones.  The threads of
    BLAS and of numba are held at one each meanwhile, so that ``jobs`` is what the machine sees.
    """
    from centering.threads import one_thread

    gate, batches = _Gate(jobs), iter(batches)

    def work(batch: Batch) -> tuple[Batch, Centers]:
        some = job.particles.select(batch.places)
        estimator = job.estimators[batch.estimator]
        return batch, center_batch(some, batch.places, estimator, job.contrast.invert, target, gate)

    with one_thread(None), ThreadPoolExecutor(jobs + _BESIDE) as pool:
        first = list(islice(batches, 1))
        for batch in first:  # while it is read
            gate.open_after(pool.submit(make_ready, job.estimators[batch.estimator], job.particles.size))
        yield from unordered(pool, work, chain(first, batches), window=jobs + _BESIDE)


class _Gate:
    """Lets some threads compute at a time, once everything is ready."""

    def __init__(self, jobs: int) -> None:
        self._room = Semaphore(jobs)
        self._ready: list[Future[None]] = []

    def open_after(self, ready: Future[None]) -> None:
        self._ready = [ready]

    def __enter__(self) -> None:
        wait(self._ready)
        self._room.acquire()

    def __exit__(self, *error: object) -> None:
        self._room.release()


def unordered(pool: Executor, function: Callable[[T], R], items: Iterable[T], *, window: int) -> Generator[R]:
    """Yield ``function(item)`` for every item as results come in, at most ``window`` of them under way.

    After an error, or when the caller stops, what has not begun is not begun any more.
    """
    pending: set[Future[R]] = set()
    try:
        for item in items:
            pending.add(pool.submit(function, item))
            if len(pending) >= window:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in pending:
            future.cancel()
