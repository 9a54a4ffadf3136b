"""Learn from the particles of a dataset: from a random part of them, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.estimators.base import Fitted, Learner
from centering.io.particles import Particles
from centering.progress import Progress
from centering.sentence import named_if_outside

__all__ = ["Sample", "learn", "transfer_functions"]

Index = npt.NDArray[np.int64]

BLOCK = 64


@dataclass(frozen=True)
class Sample:
    """Some particles of a dataset, as `Learner.fit` takes them: each call reads them anew.

    Attributes
    ----------
    particles : Particles
    places : ndarray, shape (b,), int64
        Which of them, in any order; the first ones decide where to start.
    invert : bool
        Whether the pixels are multiplied by -1.
    """

    particles: Particles
    places: Index
    invert: bool

    def __len__(self) -> int:
        return len(self.places)

    def __call__(self) -> Iterator[tuple[npt.NDArray[np.float32], CTF | None]]:
        """Yield batches of images and their transfer functions."""
        for start in range(0, len(self.places), BLOCK):
            part = self.particles.select(self.places[start : start + BLOCK])
            images = part.read(np.arange(len(part)))
            yield np.negative(images, out=images) if self.invert else images, part.ctf


def learn(
    particles: Particles,
    learners: Sequence[Learner],
    members: Index | None = None,
    *,
    invert: bool = False,
    progress: Progress | None = None,
) -> tuple[list[Fitted], Index]:
    """Learn from the particles of every learner, and of every pixel size among them.

    The images are drawn at random, the same ones at every call; only those that can be read.

    Parameters
    ----------
    particles : Particles
        With transfer functions (``ctf``) where they are to be corrected for.
    learners : sequence of Learner
        Their ``learn_from`` and ``seed`` say how many images are drawn, and how.
    members : ndarray, shape (B,), int64, optional
        Which of the learners each particle belongs to; the first one without it.
    invert : bool
        Whether the pixels are multiplied by -1.
    progress : callable, optional
        ``progress(message, total) -> advance(n)``; see `centering.progress.Progress`.

    Returns
    -------
    references : list of Fitted
    members : ndarray, shape (B,), int64
        Which of the references belongs to each particle; 0 where it cannot be read.

    Raises
    ------
    ValueError
        No image can be learned from.
    """
    count = len(particles)
    kinds = np.zeros((count, 2))
    if members is not None:
        kinds[:, 0] = members
    if particles.pixel_size is not None:
        kinds[:, 1] = particles.pixel_size
    readable = np.flatnonzero(particles.readable)
    distinct, inverse = np.unique(kinds[readable], axis=0, return_inverse=True)
    members = np.zeros(count, dtype=np.int64)
    members[readable] = inverse.ravel()
    references = []
    for k, (which, _) in enumerate(distinct):
        learner = learners[int(which)]
        places = readable[members[readable] == k]
        places = np.random.default_rng(learner.seed).permutation(places)[: learner.learn_from]
        with named_if_outside(learner):
            references.append(learner.fit(Sample(particles, places, invert), progress=progress))
    return references, members


def transfer_functions(particles: Particles) -> tuple[CTF | None, str]:
    """Return the contrast transfer functions that the file of the particles states, and in words what was found.

    None where it states none, an incomplete set, or that the images are corrected already.
    """
    if particles.pixel_size is None:
        return None, "the pixel size is not known"
    if particles.table is None:
        return None, "images alone state no defocus"
    try:
        ctf = particles.table.transfer_functions(particles.pixel_size)
    except ValueError as error:
        return None, str(error)
    defocus: Any = ctf.defocus
    if not defocus.any():
        return None, "every defocus is 0"
    low, high = 1e-4 * float(defocus.min()), 1e-4 * float(defocus.max())
    return ctf, f"defocus {low:.2f} to {high:.2f} um"
