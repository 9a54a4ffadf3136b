"""The prolate basis for whole images."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array
from pswf.checks import check_dtype, check_finufft, check_positive, check_size
from pswf.quadrature import gauss_legendre
from pswf.spectra import Spectra, prolate_spectra
from pswf.steerable.basis import SteerableBasis
from pswf.steerable.blocks import BlockDiagonal
from pswf.steerable.chebyshev import product_kernel

__all__ = ["PSWF2D"]


_FILTER_NODES = 256
"""Quadrature nodes granted to the oscillation of a transfer function, beyond those of the basis."""


class PSWF2D(SteerableBasis):
    r"""Images of L x L pixels in the prolate functions of the disk: band limited, steerable, fast.

    ``psi_{N,n}(r, theta) = R_{N,n}(r) exp(i N theta) / sqrt(2 pi)`` are the functions of the band
    ``c = bandlimit_ratio * pi * R`` that are most concentrated on the disk of radius ``R = L // 2`` pixels.

    Parameters
    ----------
    size : int or (int, int)
        L, odd or even.
    bandlimit_ratio : float, optional
        Band relative to the Nyquist frequency; 1 for images sampled at the Nyquist rate.
    truncation : float, optional
        Keep the functions with ``sqrt(lambda / (1 - lambda)) > truncation`` (Landa and Shkolnisky, Appl. Comput.
        Harmon. Anal. 43 (2017) 381).  1 keeps those with more than half of their energy on the disk, nearly
        orthonormal on the pixels; far below that the pixels no longer tell the functions apart.
    dtype : float32 or float64, optional
        Of coefficients and images; spectra and functions are always computed in float64.
    cache : path, optional
        Folder that keeps spectra between runs; see `pswf.prolate_spectra`.

    Attributes
    ----------
    bandlimit : float
        c.
    size, radius, count, counts, angular_indices, ...
        As in `pswf.SteerableBasis`.

    Raises
    ------
    TypeError
        Size not an integer, dtype not float32 or float64.
    ValueError
        Size below 2 or not square; ratio or truncation not positive; a truncation that leaves no function.
    ImportError
        finufft is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from pswf import PSWF2D
    >>> basis = PSWF2D(65, dtype=np.float64)
    >>> rows, columns = np.mgrid[:65, :65] - 32
    >>> image = np.exp(-((rows - 2) ** 2 + columns**2) / 16)
    >>> error = basis.evaluate(basis.expand(image)) - image
    >>> bool(np.abs(error).max() < 1e-12)
    True
    """

    family: Spectra

    def __init__(
        self,
        size: int | tuple[int, int],
        *,
        bandlimit_ratio: float = 1.0,
        truncation: float = 1.0,
        dtype: npt.DTypeLike = np.float32,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        # before the spectra, which take longer
        check_finufft()
        side = check_size(size)
        check_dtype(dtype)
        self.bandlimit_ratio = check_positive(bandlimit_ratio, "bandlimit_ratio")
        self.truncation = check_positive(truncation, "truncation")
        self.bandlimit = self.bandlimit_ratio * np.pi * (side // 2)
        super().__init__(prolate_spectra(self.bandlimit, self.truncation, cache=cache), side, dtype=dtype)

    @cached_property
    def log_concentration(self) -> Array:
        """Ln lambda of every complex coefficient, shape (complex_count,)."""
        return np.concatenate(self.family.log_concentration)

    @cached_property
    def alpha(self) -> npt.NDArray[np.complex128]:
        """Eigenvalues ``2 pi i^N (-1)^n sqrt(lambda) / c`` of the Fourier transform, shape (complex_count,)."""
        N, n = self.layout.complex_angular_indices, self.layout.complex_radial_indices
        phase = np.array([1, 1j, -1, -1j])[(N + 2 * n) % 4]
        return np.asarray(2.0 * np.pi / self.bandlimit * phase * np.exp(0.5 * self.log_concentration))

    def radial_filter(self, transfer: Callable[[Array], npt.ArrayLike]) -> BlockDiagonal:
        r"""Return a radial transfer function, such as a CTF, as an operator on coefficients.

        Because psi is its own Fourier transform, ``H_mn = (c / 2 pi)^2 conj(alpha_m) alpha_n
        int_{|x| <= 1} H(c |x| / R) conj(psi_m) psi_n dx`` between functions of one order N, and nothing between
        orders: the integral of H over the band in the basis itself.

        Parameters
        ----------
        transfer : callable
            H: takes frequencies in cycles per pixel, shape (k,), between 0 and ``bandlimit_ratio / 2``, and returns
            real values, shape (k,).

        Returns
        -------
        BlockDiagonal
            ``basis.radial_filter(H).apply(coefficients)`` are the coefficients of the filtered images, for images
            in the span of the basis and up to what of them lies beyond the band, the leakage 1 - lambda.

        Raises
        ------
        ValueError
            Values of another shape, complex or not finite.
        """
        r, weights = gauss_legendre(self._transform.degree + _FILTER_NODES)
        values = np.asarray(transfer(0.5 * self.bandlimit_ratio * r))
        if values.shape != r.shape or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise ValueError(
                f"the transfer function returned {values.dtype} values of shape {values.shape} for {len(r)} "
                "frequencies; it must return one finite real number for each"
            )
        t = np.arccos(r)
        longest = max(table.shape[1] for table in self._transform.tables)
        moments = np.cos(2.0 * np.arange(2 * longest)[:, None] * t) @ (weights * values)
        blocks = []
        for N, table in enumerate(self._transform.tables):
            kernel = product_kernel(moments, table.shape[1], N)
            scale = np.pi * (2.0 if N == 0 else 1.0) * self.radius**2
            root = np.exp(0.5 * self.family.log_concentration[N]) * (1.0 - 2.0 * (np.arange(len(table)) % 2))
            wide = root[:, None] * table.astype(np.float64)
            blocks.append((scale * wide @ kernel @ wide.T).astype(self.dtype))
        return BlockDiagonal(tuple(blocks))

    def __repr__(self) -> str:
        return (
            f"PSWF2D({self.size}, bandlimit_ratio={self.bandlimit_ratio!r}, truncation={self.truncation!r}, "
            f"dtype={self.dtype.name!r})"
        )
