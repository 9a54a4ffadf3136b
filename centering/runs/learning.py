"""Learn references from the particles of a dataset: from a random part of them, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.estimators.radial_reference import RadialReference
from centering.estimators.surrogate import SurrogateCenter
from centering.io.cryosparc import CsFile
from centering.io.particles import Particles
from centering.radial.fit import Progress, fit
from centering.radial.fitted import FittedReference
from centering.threads import one_thread

__all__ = ["Sample", "learn", "sentences", "transfer_functions"]

Index = npt.NDArray[np.int64]

BLOCK = 64
_CORRECTED = {
    "rlnCtfDataAreCtfPremultiplied": "are multiplied by their transfer functions already",
    "rlnCtfDataArePhaseFlipped": "are phase-flipped already",
}


@dataclass(frozen=True)
class Sample:
    """Some particles of a dataset, as `RadialReference.fit` takes them: each call reads them anew.

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
    options: RadialReference,
    radius: Index | None = None,
    *,
    invert: bool = False,
    progress: Progress | None = None,
) -> tuple[list[FittedReference], Index]:
    """Learn a reference for every distinct pair of radius and pixel size.

    The images are drawn at random, the same ones at every call; only those that can be read.

    Parameters
    ----------
    particles : Particles
        With transfer functions (``ctf``) where they are to be corrected for.
    options : RadialReference
        Its ``learn_from`` and ``seed`` say how many images are drawn for each reference, and how.
    radius : ndarray, shape (B,), int64, optional
        Radius in pixels of every particle; without it that of ``options``, which may be "auto".
    invert : bool
        Whether the pixels are multiplied by -1.
    progress : callable, optional
        See `RadialReference.fit`.

    Returns
    -------
    references : list of FittedReference
    members : ndarray, shape (B,), int64
        Which of the references belongs to each particle; 0 where it cannot be read.

    Raises
    ------
    ValueError
        No image can be learned from.
    """
    count = len(particles)
    kinds = np.zeros((count, 2))
    if radius is not None:
        kinds[:, 0] = radius
    if particles.pixel_size is not None:
        kinds[:, 1] = particles.pixel_size
    readable = np.flatnonzero(particles.readable)
    distinct, inverse = np.unique(kinds[readable], axis=0, return_inverse=True)
    members = np.zeros(count, dtype=np.int64)
    members[readable] = inverse.ravel()
    references = []
    for k, (size, _) in enumerate(distinct):
        places = readable[members[readable] == k]
        places = np.random.default_rng(options.seed).permutation(places)[: options.learn_from]
        one = options if radius is None else replace(options, radius=int(size))
        with one_thread():
            references.append(fit(one, Sample(particles, places, invert), None, progress, SurrogateCenter))
    return references, members


def transfer_functions(particles: Particles) -> tuple[CTF | None, str]:
    """Return the contrast transfer functions that the file of the particles states, and in words what was found.

    None where it states none, an incomplete set, or that the images are corrected already.
    """
    source, star = particles.source, particles.star
    if particles.pixel_size is None:
        return None, "the pixel size is not known"
    try:
        if source.suffix.lower() == ".cs":
            ctf = CTF.from_cs(CsFile.read(source), particles.pixel_size)
        elif star is None:
            return None, "a stack alone states no defocus"
        else:
            for label, state in _CORRECTED.items():
                table = star.optics if star.optics is not None and label in star.optics.columns else star.particles
                if label in table.columns and star.numbers(table, label).any():
                    return None, f"the images {state} ({label})"
            ctf = CTF.from_star(star, particles.pixel_size)
    except ValueError as error:
        return None, str(error)
    defocus: Any = ctf.defocus
    if not defocus.any():
        return None, "every defocus is 0"
    low, high = 1e-4 * float(defocus.min()), 1e-4 * float(defocus.max())
    return ctf, f"defocus {low:.2f} to {high:.2f} um"


def sentences(reference: FittedReference) -> list[str]:
    """Return sentences, without capitals and full stops, on what was learned."""
    model = reference.model
    spread = (
        f"displacements by {model.shift:.1f} px along either axis"
        if np.isfinite(model.shift)
        else "displacements have a flat prior"
    )
    count = len(model.weights)
    profiles = "one radial profile" if count == 1 else f"{count} radial profiles"
    rest = "noise" if reference.structure is None else "noise or structure beyond it"
    said = [
        f"{profiles} of radius {reference.radius} px learned from {_counted(reference.images)} in "
        f"{len(reference.history)} iterations, starting from {reference.start}: {100 * model.noise:.1f} % of the power "
        f"is {rest}, {100 * model.present:.0f} % of the images show a particle, scales vary by "
        f"{100 * model.contrast:.0f} %, {spread}"
    ]
    if reference.radius_choice is not None:
        choice = reference.radius_choice
        said.append(
            f"radius {choice.chosen} px chosen from {choice.values.min()} to {choice.values.max()} px: the smallest "
            "that explains images not learned from as well as any"
        )
    return said


def _counted(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"
