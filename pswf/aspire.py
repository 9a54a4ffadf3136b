"""The prolate basis as a drop-in for ASPIRE-Python: change one import.

    from pswf.aspire import PSWFBasis2D          # was: from aspire.basis import PSWFBasis2D

Tested with ASPIRE-Python 0.14; the only module of this package that imports it.  The import leaves no trace: ASPIRE's
log folder, exception hook, root log handlers and progress bars are undone; programs that want them import ASPIRE first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array, Indices
from pswf.checks import check_choice, check_dtype, check_positive, check_real, check_size
from pswf.loading import load_aspire
from pswf.steerable.prolate import PSWF2D

load_aspire("pswf.aspire", "aspire.basis")  # first: it keeps ASPIRE quiet

from aspire.basis import Coef, SteerableBasis2D  # noqa: E402
from aspire.image import Image  # noqa: E402
from aspire.operators import BlkDiagMatrix  # noqa: E402

__all__ = ["PSWFBasis2D"]

_ANGLES = 64
"""Directions over which a filter is averaged to make it radial."""


class PSWFBasis2D(SteerableBasis2D):
    r"""Disk prolate functions as an ASPIRE basis: `pswf.PSWF2D` behind the interface of ``SteerableBasis2D``.

    Parameters
    ----------
    size : int or (int, int)
        L of L x L images.
    gamma_trunc : float, optional
        Truncation ``sqrt(lambda / (1 - lambda)) > gamma_trunc``.
    beta : float, optional
        Band relative to the Nyquist frequency.
    dtype : float32 or float64, optional
    normalization : {"aspire", "adjoint"}, optional
        The scale of the coefficients.  "aspire": the numbers of ``aspire.basis.PSWFBasis2D``; the coefficients of
        ell > 0 are smaller by ``sqrt(2)`` than inner products with functions of norm ``sqrt(lambda)`` (1 for most of
        them), and `evaluate_t` is not the transpose of `evaluate`.  "adjoint": it is, and white noise stays white, as
        covariance estimation and FSPCA suppose; better for these.

    Raises
    ------
    TypeError, ValueError
        As `pswf.PSWF2D`.

    Notes
    -----
    Order and sign are ASPIRE's.  Order: ell ascending, + before -, the radial index k ascending from 0.  Sign: the
    functions are ``i^N (-1)^k psi_{N,k}``, the phase of alpha, with the largest Zernike coordinate of psi positive
    (in `pswf.PSWF2D` it is the value near the centre that is positive, and there is no phase); the real
    coefficients are the real parts of the complex ones (+) and minus their imaginary parts (-).  Hence for odd ell
    it is the - coefficients that go with the cosine.  Rotations do not see this phase, but
    ``rotate(..., refl=...)`` reflects about x = 0 where ``FFBBasis2D`` reflects about y = 0, here as in ASPIRE's
    own class.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        gamma_trunc: float = 1.0,
        beta: float = 1.0,
        dtype: npt.DTypeLike = np.float32,
        *,
        normalization: str = "aspire",
    ) -> None:
        side = check_size(size)
        kind = check_dtype(dtype)
        self.gmcut = check_positive(gamma_trunc, "gamma_trunc")
        self.beta = check_positive(beta, "beta")
        self.rcut = side // 2
        self.normalization = check_choice(normalization, "normalization", ("adjoint", "aspire"))
        super().__init__((side, side), dtype=kind)

    def _build(self) -> None:
        self.engine = PSWF2D(self.nres, bandlimit_ratio=self.beta, truncation=self.gmcut, dtype=self.dtype)
        layout = self.engine.layout
        self.bandlimit = self.engine.bandlimit
        self.count = layout.count
        self.ell_max = len(layout.counts) - 1
        self.k_max = list(layout.counts)
        self.angular_indices = layout.angular_indices
        self.radial_indices = layout.radial_indices
        self.signs_indices = layout.sign_indices
        self.alpha_nn = self.engine.alpha[:, None]
        # where the real parts of the complex coefficients are, and minus their imaginary parts (0 for ell = 0)
        plus = layout.sign_indices > 0
        self._pos = np.flatnonzero(plus)
        self._neg = np.zeros(layout.complex_count, dtype=int)
        self._neg[layout.counts[0] :] = np.flatnonzero(~plus)
        sign, self._swap = _phases(self.engine)
        root = np.exp(0.5 * self.engine.log_concentration)
        scale = np.empty(self.count)
        scale[self._pos] = root
        scale[self._neg[layout.counts[0] :]] = root[layout.counts[0] :]
        # ASPIRE halves the squares of the functions of ell > 0 and makes up for it in evaluate alone
        share = np.where((layout.angular_indices > 0) & (self.normalization == "aspire"), math.sqrt(0.5), 1.0)
        self._analysis = (sign * scale * share).astype(self.dtype)
        self._synthesis = (sign * scale / share).astype(self.dtype)

    def _evaluate_t(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(self.engine.evaluate_t(images)[..., self._swap] * self._analysis)

    def _evaluate(self, coefficients: npt.NDArray[Any]) -> npt.NDArray[Any]:
        ours = np.empty(coefficients.shape, dtype=self.dtype)
        ours[..., self._swap] = coefficients * self._synthesis
        return self.engine.evaluate(ours)

    def expand(self, x: Any, tol: float | None = None, atol: float = 0) -> Any:
        """Return the least-squares coefficients of images, all images at once; see `pswf.SteerableBasis.expand`.

        ``tol`` is the relative tolerance; ``atol``, ASPIRE's absolute one, is not used.
        """
        pixel_size = x.pixel_size if isinstance(x, Image) else None
        images = check_real(x.asnumpy() if isinstance(x, Image) else x, "images", "pixels")
        ours = self.engine.expand(images, tolerance=tol)
        return Coef(self, ours[..., self._swap] / self._synthesis, pixel_size=pixel_size)

    def filter_to_basis_mat(self, f: Any, method: str | None = None, truncate: bool = True, **kwargs: Any) -> Any:
        """Return a filter, averaged over directions, as a ``BlkDiagMatrix``: closed form, no images.

        ``method="evaluate_t"`` or ``"expand"`` filters every basis image instead, as ASPIRE's own class does.
        """
        if method is not None:
            return super().filter_to_basis_mat(f, method=method, truncate=truncate, **kwargs)
        angles = np.arange(_ANGLES) * (2.0 * np.pi / _ANGLES)

        def transfer(frequency: Array) -> Array:
            omega = 2.0 * np.pi * frequency[:, None] * np.array([np.cos(angles), np.sin(angles)])[:, None, :]
            values = f.evaluate(omega.reshape(2, -1).astype(self.dtype), pixel_size=kwargs.get("pixel_size"))
            return np.asarray(np.reshape(values, (len(frequency), _ANGLES)).mean(axis=1), dtype=np.float64)

        blocks = self.engine.radial_filter(transfer).blocks
        matrix = BlkDiagMatrix.empty(2 * self.ell_max + 1, dtype=self.dtype)
        for N, (block, part) in enumerate(zip(blocks, self.engine.layout.cosines, strict=True)):
            # from our coefficients to ASPIRE's and back
            scale = self._analysis[part].astype(np.float64)
            scaled = (scale[:, None] * block / scale).astype(self.dtype)
            for index in (0,) if N == 0 else (2 * N - 1, 2 * N):
                matrix[index] = scaled
        return matrix


def _phases(engine: PSWF2D) -> tuple[npt.NDArray[Any], Indices]:
    """Return sign and position, among the coefficients of `pswf.PSWF2D`, of every real coefficient of ASPIRE's.

    With the real coefficients (a, b) of cosine and sine, the inner product with ``psi`` is ``(a - i b) / sqrt(2)``;
    that with ``s i^N psi``, s a sign, is ``s (-i)^N`` times it.
    """
    layout = engine.layout
    sign = np.empty(layout.count)
    partner = np.arange(layout.count)
    for N, (cosine, sine) in enumerate(zip(layout.cosines, layout.sines, strict=True)):
        radial = engine.family(N)
        assert radial is not None
        coordinates = radial.coordinates
        largest = coordinates[np.arange(len(coordinates)), np.abs(coordinates).argmax(axis=1)]
        s = np.sign(largest) * (1.0 - 2.0 * (np.arange(len(coordinates)) % 2)) * (1.0, 1.0, -1.0, -1.0)[N % 4]
        sign[cosine] = s
        if N:
            sign[sine] = s
        if N % 2:
            # -i (a - i b) = -b - i a: + is -b, and - is a
            sign[cosine] = -s
            partner[cosine] = np.arange(sine.start, sine.stop)
            partner[sine] = np.arange(cosine.start, cosine.stop)
    return sign, partner
