"""The two parts of Penczek, Radermacher and Frank (Ultramicroscopy 40 (1992) 33), and the centre of the average."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from centering.alignment.shifts import Match, ShiftSearch
from centering.alignment.tuning import TUNING
from pswf.arrays import Array

if TYPE_CHECKING:
    from centering.alignment.turns import TurnSearch

__all__ = ["Aligned", "recenter", "refine", "running_average"]


@dataclass
class Aligned:
    """Images that are aligned to each other.

    Attributes
    ----------
    search : ShiftSearch or TurnSearch
        What aligns an image to a reference.
    spectra : ndarray, shape (N, ...)
        The images, as `Disk.spectra` returns them.
    matches : list of Match
        Where each image fits the average.
    vectors : ndarray, shape (N, m)
        The aligned images; their mean is the average.
    """

    search: ShiftSearch | TurnSearch
    spectra: npt.NDArray[Any]
    matches: list[Match]
    vectors: npt.NDArray[Any]

    @classmethod
    def empty(cls, search: ShiftSearch | TurnSearch, spectra: npt.NDArray[Any]) -> Aligned:
        """Return images none of which is aligned yet."""
        nowhere = Match(np.zeros(2), 0.0, False)
        vectors = np.zeros((len(spectra), search.length), dtype=spectra.real.dtype)
        return cls(search, spectra, [nowhere] * len(spectra), vectors)

    def align(self, k: int, match: Match) -> None:
        """Align image k."""
        self.matches[k] = match
        self.vectors[k] = self.search.vector(self.spectra[k], match)

    def average(self) -> Array:
        """Return the average of the whole images (n, n), not of their disks alone."""
        aligned = [self.search.aligned(low, match) for low, match in zip(self.spectra, self.matches, strict=True)]
        result: Array = np.sum(aligned, axis=0) / len(aligned)
        return result

    def total(self) -> float:
        """Return the sum of the inner products of all pairs of images."""
        whole = self.vectors.sum(axis=0, dtype=np.float64)
        return float(whole @ whole - np.square(self.vectors, dtype=np.float64).sum()) / 2.0

    def correlations(self) -> Array:
        """Return the correlation of every image with the average of the others, NaN where there is none."""
        others = self.vectors.sum(axis=0, dtype=np.float64) - self.vectors
        norms = np.linalg.norm(others, axis=1) * np.linalg.norm(self.vectors.astype(np.float64), axis=1)
        products = np.einsum("km,km->k", others, self.vectors)
        result: Array = np.divide(products, norms, out=np.full(len(norms), np.nan), where=norms > 0)
        return result


def running_average(aligned: Aligned, order: npt.NDArray[np.int64], start: Match) -> Iterator[Array]:
    """Part (a): align each image to the average of those before it, and add it: equation (A1) of docs/mathematics.md.

    ``a_m = (p + (m - 1) a_{m-1}) / m``.  The first image is put where ``start`` says.  Yields every a_m.
    """
    aligned.align(order[0], start)
    average = aligned.vectors[order[0]].astype(np.float64)
    yield average
    for m, k in enumerate(order[1:], 2):
        aligned.align(k, aligned.search.best(aligned.spectra[k], average))
        average = (aligned.vectors[k] + (m - 1) * average) / m
        yield average


def refine(aligned: Aligned, order: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """Part (b), one sweep: take each image out of the average, align it to the average of the others, put it back.

    ``A' = (N A - p_k) / (N - 1)``, then ``A = (p_k + (N - 1) A') / N``: equation (A2) of docs/mathematics.md.
    Deviation from the paper: an image is moved only where that raises its inner product with A', so that
    `Aligned.total` never falls.

    Returns
    -------
    moved, turned : ndarray, shape (N,)
        How far every image was moved in the frame of the average (pixels) and turned (radians), beyond the median of
        all: what is common to all images changes none of their positions relative to each other.
    """
    count = len(order)
    moved, turned = np.zeros((count, 2)), np.zeros(count)
    average = aligned.vectors.mean(axis=0, dtype=np.float64)
    for k in order if count > 1 else ():
        others = (count * average - aligned.vectors[k]) / (count - 1)
        old, before = aligned.matches[k], aligned.vectors[k].copy()
        aligned.align(k, aligned.search.best(aligned.spectra[k], others))
        if aligned.vectors[k] @ others > before @ others:
            moved[k] = _rotated(aligned.matches[k].displacement - old.displacement, -old.angle)
            turned[k] = math.remainder(aligned.matches[k].angle - old.angle, 2.0 * math.pi)
        else:
            aligned.matches[k], aligned.vectors[k] = old, before
        average = (aligned.vectors[k] + (count - 1) * others) / count
    return np.hypot(*(moved - np.median(moved, axis=0)).T), np.abs(turned - np.median(turned))


def recenter(aligned: Aligned, find: Callable[[Array], Array]) -> None:
    """Move all images alike, so that the centre of their average lies in the middle.

    Alike in the frame of the average: an image whose object is turned moves along its own turned axes.
    """
    for _ in range(TUNING.average_moves):
        offset = find(aligned.average())
        if np.abs(offset).max() < TUNING.average_centered:
            break
        for k, match in enumerate(aligned.matches):
            aligned.align(k, match._replace(displacement=match.displacement + _rotated(offset, match.angle)))


def _rotated(vector: Array, angle: float) -> Array:
    """Return a vector (row, column) turned by an angle in radians, counterclockwise as displayed."""
    (row, column), cosine, sine = vector, math.cos(angle), math.sin(angle)
    return np.array([cosine * row - sine * column, sine * row + cosine * column])
