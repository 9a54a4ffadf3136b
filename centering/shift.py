"""Move the content of images by fractions of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["shift_images", "sum_shifted"]


def shift_images(images: npt.ArrayLike, shift: npt.ArrayLike) -> npt.NDArray[Any]:
    """Move the content of every image by its own shift, in Fourier space.

    The shift is periodic: what leaves on one side comes back on the other.  A Fourier shift is chosen over
    a spline because it keeps the power spectrum, so white noise stays white and no resolution is lost.

    Parameters
    ----------
    images : array_like, shape (B, n, n)
        float32 or float64; the type is kept.
    shift : array_like, shape (B, 2)
        (row, column) in pixels; positive moves the content to larger indices.  ``-displacement`` centres.

    Returns
    -------
    ndarray, shape (B, n, n)
        The moved images.  A zero shift returns the pixels unchanged; images with non-finite pixels come
        back as they are.

    Notes
    -----
    For even n the Nyquist frequency is multiplied by ``cos(pi * shift)``, the only real choice.
    """
    from scipy import fft

    stack, shifts = _checked(images, shift)
    result = stack.copy()
    moves = np.flatnonzero(shifts.any(axis=1) & np.isfinite(stack).all(axis=(1, 2)))
    if len(moves):
        result[moves] = fft.irfft2(_moved(stack[moves], shifts[moves]), s=stack.shape[1:])
    return result


def sum_shifted(images: npt.ArrayLike, shift: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return the sum of `shift_images`, shape (n, n), for half its price: one transform back instead of B.

    Images with non-finite pixels make the whole sum non-finite.
    """
    from scipy import fft

    stack, shifts = _checked(images, shift)
    total: npt.NDArray[Any] = fft.irfft2(_moved(stack, shifts).sum(axis=0), s=stack.shape[1:])
    return total


def _checked(images: npt.ArrayLike, shift: npt.ArrayLike) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    stack = np.asarray(images)
    shifts = np.asarray(shift, dtype=np.float64)
    if stack.ndim != 3 or shifts.shape != (len(stack), 2):
        raise ValueError(f"images have shape {stack.shape} and shift {shifts.shape}; they must be (B, n, n) and (B, 2)")
    return stack, shifts


def _moved(stack: npt.NDArray[Any], shifts: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """Return the half spectra of the moved images."""
    from scipy import fft

    spectrum: npt.NDArray[Any] = fft.rfft2(stack)
    spectrum *= _phases(fft.fftfreq(stack.shape[1]), shifts[:, 0])[:, :, None].astype(spectrum.dtype)
    spectrum *= _phases(fft.rfftfreq(stack.shape[2]), shifts[:, 1])[:, None, :].astype(spectrum.dtype)
    return spectrum


def _phases(frequency: npt.NDArray[np.float64], shift: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    """Return the factors of one axis, shape (B, len(frequency)); ``frequency`` in cycles per pixel."""
    phases: npt.NDArray[np.complex128] = np.exp(-2j * np.pi * shift[:, None] * frequency)
    nyquist = np.abs(frequency) == 0.5
    phases[:, nyquist] = np.cos(np.pi * shift)[:, None]
    return phases
