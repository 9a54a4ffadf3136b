"""What the images themselves say about the centres of a run: numbers from a sample, for the verdict.

The mean image after centering is no evidence: every estimator finds what it looks for, in pure noise as well, and the
mean of what it has found shows it.  Here noise of the images' own spectrum, e, takes an image apart into two of
independent noise: I + t e and I - e / t.  Centres are found in the first, and the second one judges them: of a centre
that noise has made, it shows nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.engine.job import Job
from centering.results import Centers, Flag
from centering.runs.noise import Noise
from centering.runs.rings import Rings
from centering.sentence import named_if_outside
from centering.threads import one_thread
from pswf.arrays import Array

__all__ = ["SIGNAL", "Evidence", "gather"]

SIGNAL = 4.0
"""Standard deviations from which on a mean image is said to show anything: noise alone gives 1."""

_IMAGES, _PIXELS = 500, 2**23
"""The sample has at most so many images and, but for the fewest, pixels."""

_FEWEST = 32

_AT_ONCE = 2**22  # pixels in memory

_MEASURED = 100  # images that the spectrum of the noise is measured in

_TOGETHER = 200  # an estimator whose images need each other takes longer

_ADDED = 0.5  # t, the deviation of the noise that is added to the images, relative to their own

_UNSEEN = Flag.NONFINITE | Flag.UNREADABLE | Flag.FLAT

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """What a sample of the images says about the centres that were found in it; numbers have four digits.

    Attributes
    ----------
    images : int
        Number of images in the sample; 0 where none could be looked at, and all else is NaN.
    gain : float
        Sharpness of the mean image about the centres found, relative to that about the centres that were stated before;
        NaN where nothing is seen about those.
    gain_certainty : float
        By how many standard errors the mean image about the centres found is the sharper one; negative: the other.
    found_signal, stated_signal : float
        How far the two mean images stand out of noise, in standard deviations.
    noise_px : float
        By how much noise alone moves half of the centres or more, in pixels.
    shift_px : float
        Median distance of the centres from those that were stated, in pixels.
    extent_px : float
        Distance from the centre at which the mean particle has fallen to a quarter; NaN where it is not seen.
    bright : float
        1 where the mean image about the stated centres is bright in the middle, in the contrast that was taken; 0 where
        it is dark, NaN where nothing is seen.
    border : float
        Part of the centres that lie on the border of the search.
    flagged : float
        Part of the centres with any flag.
    stated_centers : bool
        Whether the file states centres other than the middle of the box.
    """

    images: int
    gain: float = np.nan
    gain_certainty: float = np.nan
    found_signal: float = np.nan
    stated_signal: float = np.nan
    noise_px: float = np.nan
    shift_px: float = np.nan
    extent_px: float = np.nan
    bright: float = np.nan
    border: float = np.nan
    flagged: float = np.nan
    stated_centers: bool = False

    @classmethod
    def restored(cls, values: Mapping[str, Any]) -> Evidence:
        """Return the evidence that `recorded` has given."""
        numbers: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
        return cls(**numbers)

    def recorded(self) -> dict[str, Any]:
        """Return the numbers by name, ready for JSON: None where there is none."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}

    @property
    def appeared(self) -> bool:
        """Whether the mean image shows a particle about the centres found only."""
        return self.found_signal > SIGNAL >= self.stated_signal


def gather(job: Job, centers: Centers) -> Evidence:
    """Return the evidence for the centres of a run.

    It depends on the data alone: the noise that is added is the same at every call.

    Parameters
    ----------
    job : Job
    centers : Centers
        What `centering.engine.estimate.estimate` has returned for it.
    """
    seen = np.flatnonzero(~centers.has(_UNSEEN))
    if not len(seen):
        return Evidence(0)
    size = job.particles.size
    most = min(_TOGETHER if job.together else _IMAGES, max(_FEWEST, _PIXELS // size**2), len(seen))
    sample = seen[np.unique(np.linspace(0, len(seen) - 1, most).astype(np.int64))]
    stated = _stated(job)
    before, after = stated[sample], centers.displacement[sample]
    length = len(sample) if job.together else max(1, _AT_ONCE // size**2)
    with one_thread():
        noise = Noise.of(_images(job, part) for part in _cut(sample[:: -(-len(sample) // _MEASURED)], length))
        random = np.random.default_rng(0)
        found = np.zeros_like(after)
        now, then = [], []
        for start in range(0, len(sample), length):
            part = slice(start, start + length)
            images = _images(job, sample[part])
            added = noise.like(images, random)
            try:
                found[part] = _centers(job, sample[part], images + np.float32(_ADDED) * added)
            except ValueError:  # of an estimator from outside; its centres of the run are there
                return Evidence(len(sample))
            if job.together:  # only the positions relative to each other are determined
                found -= np.median(found - after, axis=0)
            now.append(Rings.of(images - np.float32(1 / _ADDED) * added, found[part]))
            then.append(Rings.of(images, before[part]))
    return _weighed(Rings.joined(now), Rings.joined(then), found, before, after, centers, seen, bool(stated.any()))


def _weighed(
    now: Rings,
    then: Rings,
    found: Array,
    before: Array,
    after: Array,
    centers: Centers,
    seen: Index,
    stated: bool,
) -> Evidence:
    """Return the numbers, from the rings about centres found and stated, and the displacements of three kinds."""
    count = len(found)
    strength, parts, signal = now.strength()
    strength_then, parts_then, signal_then = then.strength()
    error = float(np.std(parts - parts_then, ddof=1)) / np.sqrt(count) if count > 1 else 0.0
    visible = signal > SIGNAL, signal_then > SIGNAL
    gain = strength / strength_then if visible[1] else np.nan
    better = visible[0] and strength > strength_then
    extent = (now if better else then).extent() if any(visible) else np.nan
    values = {
        "gain": gain,
        "gain_certainty": (strength - strength_then) / error if error > 0 else 0.0,
        "found_signal": signal,
        "stated_signal": signal_then,
        "noise_px": _typical(found - after) / _ADDED,
        "shift_px": _typical(after - before),
        "extent_px": abs(extent),
        "bright": float(then.extent() > 0) if visible[1] else np.nan,
        "border": float(np.mean(centers.has(Flag.BORDER)[seen])),
        "flagged": float(np.mean(centers.flags[seen] != 0)),
    }
    digits = {name: float(f"{float(value):.4g}") for name, value in values.items()}
    return Evidence.restored({"images": count, "stated_centers": stated, **digits})


def _stated(job: Job) -> Array:
    """Return the displacements that the file of the particles states, zeros where it states none."""
    if job.origins is not None:
        return job.origins.displacement
    particles = job.particles
    nothing = np.zeros((len(particles), 2))
    if particles.star is None:
        return nothing
    try:
        return particles.star.displacements(particles.pixel_size)
    except ValueError:
        return nothing


def _cut(places: Index, length: int) -> list[Index]:
    return [places[start : start + length] for start in range(0, len(places), length)]


def _typical(displacement: Array) -> float:
    return float(np.median(np.hypot(*displacement.T)))


def _images(job: Job, sample: Index) -> npt.NDArray[np.float32]:
    """Return bright images of mean 0 and deviation 1."""
    images = job.particles.read(sample).astype(np.float64) * (-1.0 if job.contrast.invert else 1.0)
    images -= images.mean(axis=(1, 2), keepdims=True)
    images /= np.maximum(np.abs(images).max(axis=(1, 2), keepdims=True), 1e-300)
    images /= np.maximum(images.std(axis=(1, 2), keepdims=True), 1e-300)
    return images.astype(np.float32)


def _centers(job: Job, sample: Index, images: npt.NDArray[np.float32]) -> Array:
    """Return the displacements that the estimators of the job find in other pixels of these particles."""
    result = np.zeros((len(sample), 2))
    for k in np.unique(job.members[sample]).tolist():
        own = np.flatnonzero(job.members[sample] == k)
        find: Callable[..., Centers] = job.estimators[k]
        ctf = job.particles.ctf
        given: dict[str, Any] = {} if ctf is None else {"ctf": ctf[sample[own]]}
        with named_if_outside(find):
            result[own] = find(images[own], **given).displacement
    return result
