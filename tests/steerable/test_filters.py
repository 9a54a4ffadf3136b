"""Radial transfer functions on coefficients against the same filter applied to pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import jv
from whole_images import draw_stack, make_basis

from pswf import PSWF2D, gauss_legendre


def ctf(frequency: np.ndarray) -> np.ndarray:
    """Return a contrast transfer function of a few oscillations up to Nyquist, and some amplitude contrast."""
    return -np.sin(6.0 * np.pi * frequency**2 + 0.1)


def filter_pixels(images: np.ndarray, transfer: object, pad: int = 4) -> np.ndarray:
    size = images.shape[-1]
    n = pad * size
    k = np.fft.fftfreq(n)
    values = transfer(np.hypot(k[:, None], k))
    return np.fft.ifft2(np.fft.fft2(images, (n, n)) * values).real[..., :size, :size]


@pytest.mark.parametrize("size", [64, 65])
def test_ctf_against_the_filtered_image(size: int, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", size)
    images = draw_stack(rng, size)
    filtered = filter_pixels(images, ctf)
    operator = basis.radial_filter(ctf)
    drawn = basis.evaluate(operator.apply(basis.expand(images)))
    assert np.abs(drawn - filtered)[:, basis.disk].max() < 1e-8 * np.abs(filtered).max()


def test_blocks_are_the_integral_over_the_band() -> None:
    """H_mn as a Hankel transform of the functions themselves, without using that they are eigenfunctions."""
    basis = PSWF2D(24, dtype=np.float64)
    operator = basis.radial_filter(ctf)
    r, w = gauss_legendre(200)
    c = basis.bandlimit
    for N in (0, 1, 4, len(basis.counts) - 1):
        values = basis.radial(N).evaluate(r)
        # F_n(k) = int J_N(c k r) R_n(r) r dr, band 0 <= k <= 1; Plancherel: c^2 int F_m F_n H k dk
        transformed = values * w @ jv(N, c * r[:, None] * r)
        expected = c**2 * (transformed * w * ctf(0.5 * r)) @ transformed.T
        np.testing.assert_allclose(operator.blocks[N], expected, rtol=0, atol=1e-12)


def test_a_constant_filter_multiplies_by_the_concentration() -> None:
    basis = make_basis("PSWF2D", 20)
    operator = basis.radial_filter(lambda k: np.full(k.shape, 2.0))
    for N, block in enumerate(operator.blocks):
        expected = 2.0 * np.diag(np.exp(basis.family.log_concentration[N]))
        np.testing.assert_allclose(block, expected, rtol=0, atol=1e-12)


def test_frequencies_are_cycles_per_pixel_up_to_the_band() -> None:
    seen: list[np.ndarray] = []

    def note(k: np.ndarray) -> np.ndarray:
        seen.append(k)
        return np.ones(k.shape)

    PSWF2D(20, bandlimit_ratio=0.6, dtype=np.float64).radial_filter(note)
    assert 0.0 < seen[0].min() < 1e-4
    assert 0.3 - 1e-4 < seen[0].max() < 0.3


def test_filters_commute_with_rotations(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 20)
    operator = basis.radial_filter(ctf)
    coefficients = rng.standard_normal((2, basis.count))
    one = basis.rotate(operator.apply(coefficients), 0.7)
    np.testing.assert_allclose(operator.apply(basis.rotate(coefficients, 0.7)), one, rtol=0, atol=1e-12)


def test_single_precision_filters() -> None:
    exact, single = PSWF2D(20, dtype=np.float64), PSWF2D(20)
    for a, b in zip(exact.radial_filter(ctf).blocks, single.radial_filter(ctf).blocks, strict=True):
        assert b.dtype == np.float32
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "transfer",
    [
        lambda k: 1.0,
        lambda k: np.ones(3),
        lambda k: np.full(k.shape, np.nan),
        lambda k: np.exp(1j * k),
    ],
)
def test_transfer_functions_that_return_nonsense(transfer: object) -> None:
    with pytest.raises(ValueError, match="it must return one finite real number for each"):
        make_basis("PSWF2D", 20).radial_filter(transfer)


def test_alpha_is_the_eigenvalue_of_the_fourier_transform() -> None:
    basis = make_basis("PSWF2D", 16)
    r, w = gauss_legendre(120)
    c = basis.bandlimit
    at = 0
    for N, count in enumerate(basis.counts):
        values = basis.radial(N).evaluate(r)
        # int psi(y) exp(i c <x, y>) dy = 2 pi i^N int J_N(c r s) R(s) s ds exp(i N theta) / sqrt(2 pi)
        transformed = 2 * math.pi * 1j**N * (values * w) @ jv(N, c * r[:, None] * r)
        np.testing.assert_allclose(transformed, basis.alpha[at : at + count, None] * values, rtol=0, atol=1e-12)
        at += count
