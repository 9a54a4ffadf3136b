"""The pixel disk: orthonormality in pixels, the quadrature against plain sums, and the border."""

from __future__ import annotations

import numpy as np
import pytest

from pswf import PSWF, AngularZero, FourierBessel, Zernike
from pswf.disk import ring_sums


class Monomials:
    """The first two even polynomials orthonormal for r dr: a basis as a user writes one."""

    def evaluate(self, r):
        r = np.asarray(r, dtype=np.float64)
        return np.stack([np.full(r.shape, np.sqrt(2.0)), np.sqrt(6.0) * (2.0 * r**2 - 1.0)])


BASES = {"prolate": lambda: None, "bessel": lambda: FourierBessel(9), "zernike": lambda: Zernike(7), "user": Monomials}


@pytest.fixture(params=BASES)
def disk(request):
    return AngularZero(11, BASES[request.param]())


def test_disk_of_radius_two_by_eye():
    disk = AngularZero(2)
    assert disk.ring_index.tolist() == [
        [-1, -1, 3, -1, -1],
        [-1, 2, 1, 2, -1],
        [3, 1, 0, 1, 3],
        [-1, 2, 1, 2, -1],
        [-1, -1, 3, -1, -1],
    ]
    assert (disk.distances**2).round(12).tolist() == [0, 1, 2, 4]
    assert disk.multiplicity.tolist() == [1, 4, 4, 4]


def test_functions_are_orthonormal_over_the_disk_in_pixels(disk):
    nodes, weights = np.polynomial.legendre.leggauss(80)
    rho = disk.radius * (nodes + 1) / 2
    values = disk.evaluate(rho)
    gram = (values * (np.pi * disk.radius * weights * rho)) @ values.T
    np.testing.assert_allclose(gram, np.eye(disk.count), atol=1e-12)


def test_coefficients_are_the_sum_over_the_pixels_of_the_disk(disk, rng):
    crops = rng.normal(size=(3, disk.side, disk.side))
    offset = np.arange(-disk.radius, disk.radius + 1)
    distance = np.hypot(offset[:, None], offset)
    inside = distance <= disk.radius
    psi = disk.evaluate(distance[inside])
    expected = np.array([psi @ crop[inside] for crop in crops])
    np.testing.assert_allclose(disk.coefficients(crops), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(disk.coefficients(crops[0]), expected[:1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, ">f4"])
def test_other_types_are_summed_in_double_precision(dtype, rng):
    disk = AngularZero(6)
    crop = rng.integers(0, 200, (1, 13, 13)).astype(dtype)
    before = crop.copy()
    assert disk.coefficients(crop).dtype == np.float64
    np.testing.assert_array_equal(disk.coefficients(crop), disk.coefficients(crop.astype(np.float64)))
    np.testing.assert_array_equal(crop, before)


def test_average_of_a_band_limited_radial_image_is_the_image():
    disk = AngularZero(20)
    offset = np.arange(-20, 21)
    distance = np.hypot(offset[:, None], offset)
    coefficients = disk.coefficients(np.exp(-((distance / 6.0) ** 2))[None])
    rho = np.linspace(0, 20, 81)
    np.testing.assert_allclose(disk.rotational_average(coefficients, rho)[0], np.exp(-((rho / 6.0) ** 2)), atol=1e-4)
    inside = distance <= 20
    image = disk.reconstruct(coefficients)[0]
    np.testing.assert_allclose(image[inside], np.exp(-((distance[inside] / 6.0) ** 2)), atol=1e-4)
    assert not image[~inside].any()


def test_average_ignores_what_has_no_radial_part():
    offset = np.arange(-9, 10)
    odd = offset[:, None] * np.exp(-(offset[:, None] ** 2 + offset**2) / 20.0)
    np.testing.assert_allclose(AngularZero(9).coefficients(odd), 0.0, atol=1e-12)


def test_reconstruction_shows_the_average_of_every_pixel(disk, rng):
    coefficients = rng.normal(size=(2, disk.count))
    row, column = 4, disk.radius
    image = disk.reconstruct(coefficients)
    expected = disk.rotational_average(coefficients, disk.radius - 4.0)
    np.testing.assert_allclose(image[:, row, column], expected, rtol=1e-12)


def test_average_keeps_the_shape_of_its_points():
    disk = AngularZero(5)
    assert disk.rotational_average(np.ones((3, disk.count)), np.zeros((2, 4))).shape == (3, 2, 4)
    assert disk.rotational_average(np.ones((3, disk.count)), 5.0).shape == (3,)


def test_one_image_that_is_not_finite_leaves_the_others_alone(rng):
    disk = AngularZero(5)
    crops = rng.normal(size=(2, 11, 11))
    expected = disk.coefficients(crops[1])
    crops[0, 5, 5] = np.nan
    result = disk.coefficients(crops)
    assert np.isnan(result[0]).all()
    np.testing.assert_allclose(result[1:], expected, rtol=1e-13)


def test_compiled_sums_equal_the_python_source(rng):
    disk = AngularZero(3)
    crops = rng.normal(size=(2, 7, 7))
    arguments = crops, disk.ring_index, len(disk.distances)
    np.testing.assert_array_equal(ring_sums(*arguments), ring_sums.py_func(*arguments))


def test_default_basis_is_the_prolate_one_at_nyquist():
    disk = AngularZero(7, truncation=1e-2)
    reference = PSWF(7 * np.pi, truncation=1e-2)
    assert disk.count == reference.count < AngularZero(7, truncation=1e-6).count
    np.testing.assert_array_equal(disk.evaluate(3.5), reference.evaluate(0.5) / (np.sqrt(2 * np.pi) * 7))


class Broken:
    def __init__(self, values):
        self.values = values

    def evaluate(self, r):
        return self.values(r)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: AngularZero(0), ValueError, "radius is 0"),
        (lambda: AngularZero(2.5), TypeError, "radius is 2.5"),
        (lambda: AngularZero(5, basis="prolate"), TypeError, "evaluate"),
        (lambda: AngularZero(5, Broken(lambda r: r)), ValueError, r"\(count, \*r.shape\)"),
        (lambda: AngularZero(5, Broken(lambda r: np.full((2, *r.shape), np.nan))), ValueError, "not finite"),
        (lambda: AngularZero(5, Broken(lambda r: np.ones((2, *r.shape)) * 1j)), ValueError, "not finite real"),
        (lambda: AngularZero(5).coefficients(np.ones((2, 11, 12))), ValueError, r"\(B, 11, 11\)"),
        (lambda: AngularZero(5).coefficients(np.ones((0, 11, 11))), ValueError, r"\(0, 11, 11\)"),
        (lambda: AngularZero(5).coefficients(np.ones((1, 11, 11)) * 1j), TypeError, "complex128"),
        (lambda: AngularZero(5).rotational_average(np.ones((1, 3)), 1.0), ValueError, r"\(1, 3\)"),
        (lambda: AngularZero(5).reconstruct(np.ones(3)), ValueError, r"\(3,\)"),
        (lambda: AngularZero(5).evaluate(5.1), ValueError, r"5.1; give distances in \[0, 5\]"),
        (lambda: AngularZero(5).evaluate(np.nan), ValueError, "nan"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
