"""The pieces of a job: which particles go together, and what is done with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.estimators.base import Estimator
from centering.io.mrc import write_images
from centering.io.particles import Particles
from centering.results import Centers
from centering.sentence import named_if_outside
from centering.shift import shift_images

__all__ = ["BATCH_BYTES", "Batch", "StackTarget", "batch_length", "center_batch", "cut"]

Index = npt.NDArray[np.int64]

BATCH_BYTES = 2**23
"""Pixels of one batch in bytes: large enough to hide the cost of a batch, small enough to stay near the processor."""


@dataclass(frozen=True)
class StackTarget:
    """A stack on disk that takes the recentred images.

    Attributes
    ----------
    path : str
        A file made by `centering.io.mrc.create_stack`.
    size : int
        Side of its images in pixels.
    """

    path: str
    size: int


@dataclass(frozen=True)
class Batch:
    """Some particles that go through one estimator together.

    Attributes
    ----------
    places : ndarray, shape (b,), int64
        Which particles of the dataset these are.
    estimator : int
        Which of the estimators of the job they go through.
    """

    places: Index
    estimator: int

    def __len__(self) -> int:
        return len(self.places)


def batch_length(size: int, limit: int = BATCH_BYTES) -> int:
    """Return how many float32 images of ``size`` x ``size`` pixels fit into ``limit`` bytes, at least one."""
    return max(1, limit // (4 * size * size))


def cut(particles: Particles, members: Index, wanted: npt.NDArray[np.bool_], length: int) -> Iterator[Batch]:
    """Cut the particles marked in ``wanted``, shape (B,), into batches of at most ``length``.

    They come in the order in which the files hold them, so that a shuffled STAR file is still read in one sweep.
    """
    places = np.flatnonzero(wanted)
    places = places[np.lexsort((particles.image_index[places], particles.stack_index[places], members[places]))]
    for piece in np.split(places, np.flatnonzero(np.diff(members[places])) + 1):
        for start in range(0, len(piece), length):
            part = piece[start : start + length]
            yield Batch(part, int(members[part[0]]))


def center_batch(
    particles: Particles,
    places: Index,
    estimator: Estimator,
    invert: bool,
    target: StackTarget | None = None,
    gate: AbstractContextManager[object] | None = None,
) -> Centers:
    """Read a batch, find its centres and, where there is a target, write its recentred images.

    Parameters
    ----------
    particles : Particles
        Exactly those of the batch, in its order.
    places : ndarray, shape (b,), int64
        Where in the ``target``, the stack of recentred images in the contrast of the input, their images go.
    estimator : Estimator
    invert : bool
        Whether the estimator sees the pixels multiplied by -1.
    gate : context manager, optional
        Held while the processor is busy, not while files are read or written.
    """
    images = particles.read(np.arange(len(particles)))
    with gate or nullcontext():
        if invert:
            images = np.negative(images, out=images)
        find: Callable[..., Centers] = estimator
        # only a job whose estimators take transfer functions has them
        given: dict[str, Any] = {} if particles.ctf is None else {"ctf": particles.ctf}
        with named_if_outside(estimator):
            centers = find(images, **given)
        _check(centers, len(images))
        if target is None:
            return centers
        if invert:
            images = np.negative(images, out=images)
        images = shift_images(images, -centers.displacement)
    write_images(target.path, target.size, places, images)
    return centers


def _check(centers: object, count: int) -> None:
    """Raise ValueError unless there is one centre for every image: an estimator may be anyone's."""
    if not isinstance(centers, Centers):
        raise ValueError(f"an estimator returned a {type(centers).__name__}; it must return centering.Centers")
    found = [np.shape(part) for part in (centers.displacement, centers.score, centers.flags)]
    wanted: list[tuple[int, ...]] = [(count, 2), (count,), (count,)]
    if centers.covariance is not None:
        found.append(np.shape(centers.covariance))
        wanted.append((count, 2, 2))
    if found != wanted:
        raise ValueError(f"the estimator {centers.estimator} returned arrays of the shapes {found}, not {wanted}")
    if not np.isfinite(centers.displacement).all():
        raise ValueError(f"the estimator {centers.estimator} returned a displacement that is not finite")
