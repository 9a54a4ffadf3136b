"""What a radial profile looks like at every candidate: its transform, its visible norm, the normal equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from centering.radial.waves import Waves
from centering.threads import one_thread
from pswf.arrays import Array
from pswf.bases.base import RadialBasis
from pswf.bases.prolate import PAPER_TRUNCATION, PSWF
from pswf.disk import AngularZero

__all__ = ["Templates"]


class Templates:
    """Radial functions seen through the window of the image, at every candidate.

    A template about the candidate t is ``m(|x - t|) = sum_n a_n psi_n(x - t)``, limited to the band of the waves.
    Only the pixels inside the image are seen, and the plane that fits an image best has been removed from it; so what
    counts is ``Q m_t`` of (R2), the visible part less its own best plane.  Inner products of such parts are exact,
    pixel by pixel: ``<Q m_t, Q m'_t> = sum over visible s of m(s) m'(s) - sum_j g_j(t) g'_j(t)`` with three orthonormal
    planes j and ``g_j(t) = <m_t, plane_j>``.

    Parameters
    ----------
    waves : Waves
    radius : int, optional
        Radius of the disk in pixels, at most (and without it) that of the waves.
    basis : RadialBasis, optional
        Prolate functions of the same band by default.
    spectrum : ndarray, shape (L+1, L+1), optional
        Power spectrum of the noise on the frequencies of the waves; templates are divided by its square root.

    Attributes
    ----------
    disk : AngularZero
    transforms : ndarray, shape (K, L+1, L+1)
        Of the whitened functions.
    """

    def __init__(
        self,
        waves: Waves,
        radius: int | None = None,
        *,
        basis: RadialBasis | None = None,
        spectrum: Array | None = None,
    ) -> None:
        self.waves, self._spectrum = waves, spectrum
        whole = waves.radius if radius is None else radius
        if basis is None:
            # the M-step solves for all of them at once, so functions that hardly live on the disk do no harm
            basis = PSWF(2.0 * np.pi * whole * waves.highest / waves.period, truncation=PAPER_TRUNCATION)
        self.disk = AngularZero(whole, basis, expansion="paper")
        self.transforms: Array = waves.transform(self.disk.reconstruct(np.eye(self.disk.count)))
        if spectrum is not None:
            self.transforms = self.transforms / np.sqrt(spectrum)
        reach = waves.size // 2 + waves.reach
        # kernels are even along both axes: the offsets from 0 on are all there is of them
        self._kernels = waves.quarter_kernel(self.transforms, reach)
        # seen[t, s]: how many of the pixels t + s, t - s lie in the image; the other formulas are products with it
        position = waves.shifts[:, None] + np.arange(-reach, reach + 1)
        pairs = [(_folded(rows), _folded(columns)) for rows, columns in waves.plane_factors(position)]
        self._seen = pairs[0][1]
        self._planes = np.stack([rows @ self._kernels @ columns.T for rows, columns in pairs])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the tables are made from: they are a thousand times as large."""
        waves = self.waves
        return _rebuild, (
            (waves.size, waves.radius, waves.reach),
            self.disk.radius,
            self.disk.basis,
            self._spectrum,
        )

    @property
    def count(self) -> int:
        """Number K of functions."""
        return self.disk.count

    def transform(self, coefficients: Array) -> Array:
        """Return the transforms, shape (..., L+1, L+1), of profiles with coefficients (..., K)."""
        return np.tensordot(coefficients, self.transforms, axes=1)

    def pictures(self, coefficients: Array) -> Array:
        """Return the coefficients (P, M, M) of images of profiles (P, K) at the middle candidate, as if observed."""
        waves = self.waves
        root = np.ones(self.transforms.shape[1:]) if self._spectrum is None else np.sqrt(self._spectrum)
        images = waves.kernel(self.transform(coefficients) * root, waves.size // 2)[:, : waves.size, : waves.size]
        pictures: Array = waves.analyze(np.ascontiguousarray(images))[0] * waves.unfold(1.0 / root)
        return pictures

    def norms(self, coefficients: Array) -> Array:
        """Return ``|Q m_t|^2`` at every candidate, shape (..., h, h), of profiles with coefficients (..., K)."""
        squares = np.tensordot(coefficients, self._kernels, axes=1) ** 2
        planes = np.tensordot(coefficients, self._planes, axes=(-1, 1))
        norms: Array = self._seen @ squares @ self._seen.T - (planes**2).sum(axis=-3)
        return norms

    def planes(self, coefficients: Array) -> Array:
        """Return the planes of ``m_t`` at every candidate, shape (P, 3, h, h), for coefficients (P, K).

        They are coefficients of the three orthonormal planes of `Waves.planes`.
        """
        planes: Array = np.einsum("pk,jkrc->pjrc", coefficients, self._planes)
        return planes

    def normal_matrix(self, weights: Array) -> Array:
        """Return ``sum_t weights[t] <Q psi_m(. - t), Q psi_n(. - t)>``, shape (K, K), for weights (h, h)."""
        visible = (self._seen.T @ weights @ self._seen).ravel()
        kernels = self._kernels.reshape(self.count, -1)
        matrix = (kernels * visible) @ kernels.T
        for plane in self._planes.reshape(3, self.count, -1):
            matrix -= (plane * weights.ravel()) @ plane.T
        result: Array = matrix
        return result

    def filtered_normal_matrix(self, power: Array) -> Array:
        """Return ``sum_k power[k] psi^_m(k) psi^_n(k)`` over all frequencies, shape (K, K), for power (L+1, L+1)."""
        flat = self.transforms.reshape(self.count, -1)
        return (flat * (power * self.waves.quarter).ravel()) @ flat.T

    def project(self, products: Array) -> Array:
        """Return ``sum_k psi^_n(k) products[k]``, shape (K,), for the folded sums (L+1, L+1) of an M-step."""
        return self.transforms.reshape(self.count, -1) @ products.ravel()

    def profile(self, coefficients: Array, rho: npt.ArrayLike) -> Array:
        """Return ``m(rho)``, shape (..., *rho.shape), before whitening, 0 beyond the disk."""
        distance = np.asarray(rho, dtype=np.float64)
        inside = self.disk.evaluate(np.minimum(distance, self.disk.radius))
        values: Array = np.where(distance <= self.disk.radius, np.tensordot(coefficients, inside, axes=1), 0.0)
        return values


def _folded(values: Array) -> Array:
    """Return sums over both signs of the offsets: (h, 2a+1) -> (h, a+1)."""
    middle = values.shape[1] // 2
    folded = values[:, middle:].copy()
    folded[:, 1:] += values[:, :middle][:, ::-1]
    return folded


def _rebuild(waves: tuple[int, int, int], radius: int, basis: RadialBasis, spectrum: Array | None) -> Templates:
    with one_thread():  # as when they were first made: the last digits could depend on it
        return Templates(Waves(*waves), radius, basis=basis, spectrum=spectrum)
