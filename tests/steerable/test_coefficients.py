"""Order, rotation and invariants of coefficients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from whole_images import Blobs, draw_stack, make_basis

from pswf import PSWF, BlockDiagonal


def test_order_of_the_coefficients() -> None:
    basis = make_basis("PSWF2D", 12)
    expected = [
        (N, n, sign)
        for N, count in enumerate(basis.counts)
        for sign in ((1,) if N == 0 else (1, -1))
        for n in range(count)
    ]
    listed = zip(basis.angular_indices, basis.radial_indices, basis.sign_indices, strict=True)
    assert [tuple(map(int, entry)) for entry in listed] == expected
    assert basis.count == len(expected)


def test_order_of_the_complex_coefficients() -> None:
    basis = make_basis("PSWF2D", 12)
    expected = [(N, n) for N, count in enumerate(basis.counts) for n in range(count)]
    layout = basis.layout
    listed = zip(layout.complex_angular_indices, layout.complex_radial_indices, strict=True)
    assert [tuple(map(int, entry)) for entry in listed] == expected
    assert basis.complex_count == len(expected)


def test_counts_follow_the_truncation_rule() -> None:
    basis = make_basis("PSWF2D", 24)
    for N, count in enumerate(basis.counts):
        assert PSWF(basis.bandlimit, N, truncation=1.0).count == count
    with pytest.raises(ValueError, match="leaves no function"):
        PSWF(basis.bandlimit, len(basis.counts), truncation=1.0)


def test_complex_coefficients_are_inner_products_with_psi(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 21)
    image = rng.standard_normal((21, 21))
    values = basis.to_complex(basis.evaluate_t(image))
    rows, columns = np.mgrid[:21, :21] - 10
    r, theta = np.hypot(rows, columns) / 10, np.arctan2(rows, columns)
    inside = r <= 1
    at = 0
    for N, count in enumerate(basis.counts):
        radial = PSWF(basis.bandlimit, N, count=count).evaluate(r[inside])
        psi = radial * np.exp(1j * N * theta[inside]) / math.sqrt(2 * np.pi)
        np.testing.assert_allclose(values[at : at + count], psi.conj() @ image[inside] / 10, rtol=0, atol=1e-12)
        at += count


def test_real_and_complex_coefficients_are_the_same_thing(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 16)
    for dtype in (np.float32, np.float64):
        real = rng.standard_normal((2, 3, basis.count)).astype(dtype)
        back = basis.to_real(basis.to_complex(real))
        assert back.dtype == dtype
        np.testing.assert_allclose(back, real, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("angle", [0.3, -2.0, math.pi / 2, 7.0])
def test_rotation_against_the_rotated_image(angle: float, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 128)
    blobs = Blobs(rng, 64)
    rotated = basis.evaluate(basis.rotate(basis.expand(blobs.draw(128)), angle))
    expected = blobs.draw(128, angle)
    assert np.abs(rotated - expected).max() < 1e-10 * expected.max()


def test_a_quarter_turn_is_rot90(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 9)
    image = rng.standard_normal((9, 9))
    turned = basis.rotate(basis.evaluate_t(image), math.pi / 2)
    np.testing.assert_allclose(turned, basis.evaluate_t(np.rot90(image)), rtol=0, atol=1e-13)


def test_one_angle_each_or_one_for_all(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 12)
    coefficients = rng.standard_normal((3, basis.count))
    angles = np.array([0.1, 1.0, -2.0])
    each = basis.rotate(coefficients, angles)
    for got, row, angle in zip(each, coefficients, angles, strict=True):
        np.testing.assert_allclose(got, basis.rotate(row, angle), rtol=0, atol=1e-15)
    assert basis.rotate(coefficients[0], angles).shape == (3, basis.count)
    assert basis.rotate(coefficients.astype(np.float32), angles).dtype == np.float32


def test_rotations_compose_and_keep_the_power(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 12)
    coefficients = rng.standard_normal((2, basis.count))
    once = basis.rotate(basis.rotate(coefficients, 0.4), 0.9)
    np.testing.assert_allclose(once, basis.rotate(coefficients, 1.3), rtol=0, atol=1e-13)
    power = basis.power_spectrum(coefficients)
    assert power.shape == (2, basis.complex_count)
    np.testing.assert_allclose(basis.power_spectrum(once), power, rtol=1e-12)
    np.testing.assert_allclose(power.sum(axis=1), (coefficients**2).sum(axis=1), rtol=1e-13)


def test_power_is_that_of_the_complex_coefficients(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 12)
    coefficients = rng.standard_normal(basis.count)
    both_signs = np.where(basis.layout.complex_angular_indices > 0, 2.0, 1.0)
    expected = both_signs * np.abs(basis.to_complex(coefficients)) ** 2
    np.testing.assert_allclose(basis.power_spectrum(coefficients), expected, rtol=1e-13)


def test_rotational_average_of_a_centred_blob_is_its_profile() -> None:
    basis = make_basis("PSWF2D", 65)
    rows, columns = np.mgrid[:65, :65] - 32
    coefficients = basis.expand(np.exp(-(rows**2 + columns**2) / 30.0))
    rho = np.array([[0.0, 1.5], [4.0, 20.25]])
    average = basis.rotational_average(coefficients, rho)
    np.testing.assert_allclose(average, np.exp(-(rho**2) / 30.0), rtol=0, atol=1e-12)
    assert basis.rotational_average(coefficients).shape == (33,)


def test_rotational_average_is_the_mean_over_rotations(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 33)
    blobs = Blobs(rng, 16, reach=0.3)
    coefficients = basis.expand(blobs.draw(33))
    angles = np.arange(240) * (2 * np.pi / 240)
    # the mean of the analytic image over a circle of 5 pixels
    profile = [
        w * np.exp(-((5.0 * np.sin(angles) - row) ** 2 + (5.0 * np.cos(angles) - column) ** 2) / (2 * s**2)).mean()
        for (row, column), s, w in zip(blobs.centers, blobs.sigmas, blobs.weights, strict=True)
    ]
    # blobs that reach the edge of so small a disk end there
    np.testing.assert_allclose(basis.rotational_average(coefficients, [5.0]), [sum(profile)], rtol=1e-4)


def test_second_moment_is_the_mean_over_rotations_and_reflections(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 10)
    coefficients = rng.standard_normal((4, basis.count))
    turns = 2 * len(basis.counts) + 1
    mean = np.zeros((basis.count, basis.count))
    reflect = np.where(basis.sign_indices > 0, 1.0, -1.0)
    for k in range(turns):
        turned = basis.rotate(coefficients, 2 * np.pi * k / turns)
        for version in (turned, turned * reflect):
            mean += version.T @ version / (2 * turns * 4)
    blocks = basis.second_moment(coefficients)
    dense = blocks.apply(np.eye(basis.count))
    np.testing.assert_allclose(dense, mean, rtol=0, atol=1e-13)


class TestBlockDiagonal:
    def test_apply_and_solve_against_the_dense_matrix(self, rng: np.random.Generator) -> None:
        blocks = [rng.standard_normal((k, k)) + 3 * np.eye(k) for k in (3, 2, 0, 1)]
        dense = np.zeros((9, 9))
        dense[:3, :3], dense[8, 8], dense[7, 7] = blocks[0], blocks[3][0, 0], blocks[3][0, 0]
        dense[3:5, 3:5] = dense[5:7, 5:7] = blocks[1]
        operator = BlockDiagonal(tuple(blocks))
        x = rng.standard_normal((2, 4, 9))
        np.testing.assert_allclose(operator.apply(x), x @ dense.T, rtol=0, atol=1e-13)
        np.testing.assert_allclose(operator.solve(operator.apply(x)), x, rtol=0, atol=1e-12)
        np.testing.assert_allclose(operator.T.apply(x), x @ dense, rtol=0, atol=1e-13)
        np.testing.assert_allclose((operator @ operator.T).apply(x), x @ (dense @ dense.T).T, rtol=0, atol=1e-12)
        np.testing.assert_allclose((2 * operator + operator).apply(x), 3 * x @ dense.T, rtol=0, atol=1e-12)

    def test_blocks_must_be_square(self) -> None:
        with pytest.raises(ValueError, match=r"block 1 has shape \(2, 3\); every block must be a square matrix"):
            BlockDiagonal((np.eye(2), np.ones((2, 3))))

    def test_operators_of_different_bases_do_not_mix(self) -> None:
        with pytest.raises(ValueError, match="act on 2 and 3 coefficients"):
            BlockDiagonal((np.eye(2),)) @ BlockDiagonal((np.eye(3),))

    def test_coefficients_of_the_wrong_length(self) -> None:
        with pytest.raises(ValueError, match=r"coefficients have shape \(4,\); this basis needs \(..., 2\)"):
            BlockDiagonal((np.eye(2),)).apply(np.ones(4))


def test_images_drawn_from_rotated_coefficients_turn_counter_clockwise() -> None:
    basis = make_basis("PSWF2D", 33)
    rows, columns = np.mgrid[:33, :33] - 16
    right = np.exp(-(rows**2 + (columns - 5) ** 2) / 18.0)
    up = basis.evaluate(basis.rotate(basis.expand(right), math.pi / 2))
    assert np.unravel_index(up.argmax(), up.shape) == (16 - 5, 16)


def test_stacks_of_any_shape_rotate(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 12)
    coefficients = basis.expand(draw_stack(rng, 12, 6)).reshape(2, 3, -1)
    angles = rng.uniform(-3, 3, (2, 3))
    assert basis.rotate(coefficients, angles).shape == coefficients.shape
