"""What the landscapes of all images of one size share, built once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from centering.landscapes.correlate import EvenCorrelation
from centering.landscapes.grid import candidates
from centering.landscapes.lopsided import coarse_edges
from centering.landscapes.peaks import PeakSearch
from centering.landscapes.score import RACER, Score
from centering.stack import Images
from pswf.disk import AngularZero

__all__ = ["Plan", "Plans"]

Array = npt.NDArray[np.float64]


class Plan:
    """Tables for images of n x n pixels: candidates, the matrix of the score, and kernels in Fourier space.

    Attributes
    ----------
    size, disk, score
        n, the pixel disk and the score.
    rows, columns : ndarray of int
        Displacements of the candidates, see `candidates`.
    origin : ndarray, shape (2,)
        Displacement of the first candidate.
    last : ndarray of int, shape (2,)
        Row and column of the last candidate, counted from the first.
    energies : ndarray, shape (R+1, K)
        The matrix that takes coefficients to ``u_p``.
    whole : bool
        Whether the disks of the candidates reach all four sides of the image.
    judged : bool
        Whether the centres are centres of mass, to be checked by `lopsided`: RACER's are not.
    """

    def __init__(self, size: int, disk: AngularZero, score: Score, max_shift: float | None) -> None:
        self.size = size
        self.disk = disk
        self.score = score
        self.rows, self.columns = candidates(size, disk.radius, max_shift)
        self.origin = np.array([self.rows[0], self.columns[0]], dtype=np.float64)
        self.last = np.array([len(self.rows) - 1, len(self.columns) - 1])
        self.energies = score.energies(disk)
        self.functions_by_ring = np.ascontiguousarray(disk.functions.T)
        # pixels that no candidate's disk touches are left out of the transforms
        first = int(self.rows[0]) + size // 2 - disk.radius
        self._region = slice(first, first + len(self.rows) + 2 * disk.radius)
        self.whole = len(self.rows) + 2 * disk.radius == size
        self.judged = score != RACER

    @property
    def radius(self) -> int:
        """Radius of the disk in pixels."""
        return self.disk.radius

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (h, w) of the landscape."""
        return len(self.rows), len(self.columns)

    def region(self, images: Images) -> Images:
        """Return the part of the images (..., n, n) that the disks of the candidates cover (a view)."""
        return images[..., self._region, self._region]

    @cached_property
    def coefficient_maps(self) -> EvenCorrelation:
        """The correlation with every psi_n: maps of ``alpha_n(p)``, shape (K, h, w)."""
        return self._correlation(np.eye(self.disk.count))

    @cached_property
    def linear_maps(self) -> EvenCorrelation:
        """The two correlations with ``sum_rho u_p[rho]`` and ``u_p[R]``, shape (2, h, w)."""
        return self._correlation(np.stack([self.energies.sum(axis=0), self.energies[-1]]))

    @cached_property
    def energies_by_ring(self) -> Array:
        """The matrix, shape (R+1, rings of equal distance), that takes sums over those rings to ``u_p``."""
        return np.ascontiguousarray(self.energies @ self.disk.functions)

    @cached_property
    def bounds_by_ring(self) -> Array:
        """What is looked at first of `energies_by_ring`, shape (2 + k, rings), for pixels that are not negative.

        The row of ``sum_rho u_p[rho]``, one that takes the sums to a bound of all ``u_p[rho]`` up to ``rho = R - k``,
        and those of the others.
        """
        energies = self.energies_by_ring
        outer = -(-self.radius // 6)
        bound = energies[:-outer].max(axis=0)
        return np.ascontiguousarray(np.vstack([energies.sum(axis=0), bound, energies[-outer:]]))

    @cached_property
    def ring_starts(self) -> npt.NDArray[np.int64]:
        """First column of the disk in every row of its square, shape (2R+1,)."""
        starts: npt.NDArray[np.int64] = np.argmax(self.disk.ring_index >= 0, axis=1)
        return starts

    @cached_property
    def search(self) -> PeakSearch:
        """What finds the largest ``sum_rho u_p[rho]``."""
        kernel = self.disk.reconstruct(self.energies.sum(axis=0)[np.newaxis])[0]
        edges = coarse_edges(self.size, self.radius) if self.whole and self.judged else None
        return PeakSearch(kernel, len(self.rows) + 2 * self.radius, edges)

    @cached_property
    def peak(self) -> float:
        """The largest absolute value of the kernel of ``sum_rho u_p[rho]``, which is ``R + 1`` for exact rings."""
        return float(np.abs(self.search.kernel).max())

    def terms(self, image: Array) -> float:
        """Return the size of the terms that are summed to ``sum_rho u_p[rho]`` of a non-negative image."""
        return float(self.region(image).sum()) * self.peak

    def _correlation(self, weights: Array) -> EvenCorrelation:
        kernels = self.disk.reconstruct(weights)
        return EvenCorrelation(kernels, len(self.rows) + 2 * self.radius, self.radius, len(self.rows))


class Plans:
    """Plans by image size, built once, safe to ask from several threads; a pickle carries none of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_size: dict[int, Plan] = {}

    def get(self, size: int, build: Callable[[], Plan]) -> Plan:
        """Return the plan for n x n images of this size, built at the first call."""
        with self._lock:
            if size not in self._by_size:
                self._by_size[size] = build()
            return self._by_size[size]

    def __reduce__(self) -> tuple[type[Plans], tuple[()]]:
        return Plans, ()
