"""The pixel disk: orthonormality in pixels, the quadrature against plain sums, and the border."""

from __future__ import annotations

import numpy as np
import pytest

from pswf import PAPER_TRUNCATION, PSWF, AngularZero, FourierBessel, WithConstant, Zernike
from pswf.disk import ring_sums


class Monomials:
    """The first two even polynomials orthonormal for r dr: a basis as a user writes one."""

    def evaluate(self, r):
        r = np.asarray(r, dtype=np.float64)
        return np.stack([np.full(r.shape, np.sqrt(2.0)), np.sqrt(6.0) * (2.0 * r**2 - 1.0)])


class Twice:
    """The same function twice."""

    def evaluate(self, r):
        r = np.asarray(r, dtype=np.float64)
        return np.stack([1.0 + r**2, 2.0 + 2.0 * r**2])


BASES = {"prolate": lambda: None, "bessel": lambda: FourierBessel(9), "zernike": lambda: Zernike(7), "user": Monomials}


@pytest.fixture(params=BASES)
def disk(request):
    return AngularZero(11, BASES[request.param]())


@pytest.fixture(params=BASES)
def paper_disk(request):
    return AngularZero(11, BASES[request.param](), expansion="paper")


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


def test_functions_are_orthonormal_on_the_pixels(disk):
    pixels = disk.reconstruct(np.eye(disk.count)).reshape(disk.count, -1)
    np.testing.assert_allclose(pixels @ pixels.T, np.eye(disk.count), atol=1e-13)


def test_functions_of_the_paper_are_orthonormal_over_the_disk_in_pixels(paper_disk):
    disk = paper_disk
    nodes, weights = np.polynomial.legendre.leggauss(80)
    rho = disk.radius * (nodes + 1) / 2
    values = disk.evaluate(rho)
    gram = (values * (np.pi * disk.radius * weights * rho)) @ values.T
    np.testing.assert_allclose(gram, np.eye(disk.count), atol=1e-12)


def pixel_distances(radius):
    offset = np.arange(-radius, radius + 1)
    distance = np.hypot(offset[:, None], offset)
    return distance, distance <= radius


def test_coefficients_of_the_paper_are_the_sum_over_the_pixels_of_the_disk(paper_disk, rng):
    disk = paper_disk
    crops = rng.normal(size=(3, disk.side, disk.side))
    distance, inside = pixel_distances(disk.radius)
    psi = np.asarray(disk.basis.evaluate(distance[inside] / disk.radius)) / (np.sqrt(2 * np.pi) * disk.radius)
    expected = np.array([psi @ crop[inside] for crop in crops])
    np.testing.assert_allclose(disk.coefficients(crops), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(disk.coefficients(crops[0]), expected[:1], rtol=0, atol=1e-12)


FAMILIES = {
    "prolate": lambda radius, count: PSWF(np.pi * radius, count=count),
    "narrow": lambda radius, count: PSWF(1.0, count=count),
    "bessel": lambda radius, count: FourierBessel(count),
    "constant": lambda radius, count: WithConstant(FourierBessel(count)),
    "zernike": lambda radius, count: Zernike(count),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(12))
def test_average_is_the_least_squares_fit_to_the_pixels(family, seed):
    rng = np.random.default_rng(seed)
    radius = int(rng.integers(1, 25))
    basis = FAMILIES[family](radius, int(rng.integers(1, max(2, radius))))
    disk = AngularZero(radius, basis)
    crop = rng.normal(size=(disk.side, disk.side))
    distance, inside = pixel_distances(radius)
    psi = basis.evaluate(np.minimum(distance[inside] / radius, 1.0)).T
    expected, _, rank, _ = np.linalg.lstsq(psi, crop[inside])
    assert rank == disk.count
    average = disk.reconstruct(disk.coefficients(crop))[0]
    np.testing.assert_allclose(average[inside], psi @ expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("radius", range(1, 61))
def test_average_of_a_constant_is_the_constant(radius):
    disk = AngularZero(radius)
    alpha = disk.coefficients(np.full((disk.side, disk.side), -7.25e3))
    np.testing.assert_allclose(disk.rotational_average(alpha, np.linspace(0.0, radius, 101)), -7.25e3, rtol=1e-11)


def test_the_constant_beside_a_basis():
    basis = PSWF(10.0)
    both = WithConstant(basis)
    np.testing.assert_array_equal(both.evaluate([[0.0, 0.4]])[:-1], basis.evaluate([[0.0, 0.4]]))
    np.testing.assert_array_equal(both.evaluate([[0.0, 0.4]])[-1], np.sqrt([[2.0, 2.0]]))
    np.testing.assert_array_equal(both.log_concentration, [*basis.log_concentration, 0.0])
    assert not hasattr(WithConstant(Zernike(3)), "log_concentration")
    with pytest.raises(TypeError, match="basis is 'bessel'; give an object"):
        WithConstant("bessel")


def test_averages_of_the_paper_ring_at_the_edge():
    """The numbers of the paper's truncation that a default must not have."""
    for radius, expected in {5: 5.12, 15: 2.52, 45: 1.37}.items():
        disk = AngularZero(radius, expansion="paper")
        assert disk.basis.count == PSWF(np.pi * radius, truncation=1e-3).count == disk.count
        average = disk.rotational_average(disk.coefficients(np.ones((disk.side, disk.side))), radius)
        np.testing.assert_allclose(average, expected, atol=0.01)


def random_profile(rng, radius):
    """Return a function of d / R: a polynomial, a Gaussian, and a ring at least 2 pixels wide, of random size."""
    polynomial = rng.normal(size=4)
    width, middle = rng.uniform(0.3, 1.0), rng.uniform(0.0, 1.1)
    ring, height = rng.uniform(2.0, 5.0) / radius, rng.normal(size=2)
    return lambda r: (
        np.polynomial.polynomial.polyval(r**2, polynomial)
        + height[0] * np.exp(-((r / width) ** 2) / 2)
        + height[1] * sum(np.exp(-(((r + sign * middle) / ring) ** 2) / 2) for sign in (1, -1))
    )


@pytest.mark.parametrize("seed", range(30))
def test_bias_and_noise_at_every_distance_against_ring_averages(seed):
    rng = np.random.default_rng(seed)
    radius = int(rng.integers(5, 61))
    disk = AngularZero(radius)
    rho = np.linspace(0.0, radius, 4 * radius + 1)
    # weight of every pixel in A(rho), by its distance
    weights = disk.evaluate(rho).T @ disk.functions
    deviation = np.sqrt((weights**2 * disk.multiplicity).sum(axis=1))
    pixels = np.array([disk.multiplicity[np.abs(disk.distances - d) <= 0.5].sum() for d in rho])
    pixels[-3:] = disk.multiplicity[disk.distances > radius - 1].sum()
    relative = deviation * np.sqrt(pixels)
    assert relative[rho < radius - 1].max() < 1.5
    assert relative.max() < 2.7
    # the paper's is noisier there
    paper = AngularZero(radius, expansion="paper")
    at_edge = np.sqrt((((paper.evaluate(float(radius)) @ paper.functions) ** 2) * paper.multiplicity).sum())
    assert at_edge > deviation[-1]
    profile = random_profile(rng, radius)
    want = profile(rho / radius)
    got = (weights * disk.multiplicity) @ profile(disk.distances / radius)
    ring = [profile(disk.distances / radius)[np.abs(disk.distances - d) <= 0.5].mean() for d in rho]
    size = np.abs(want).max()
    assert np.abs(got - want).max() < min(0.08 * size, 0.02 * size + 0.5 * np.abs(ring - want).max())


@pytest.mark.parametrize(
    ("radius", "basis", "message"),
    [
        (1, PSWF(np.pi, truncation=1e-3), "3 functions.*radius 1 lie at 2 distances only.*give fewer"),
        (3, Zernike(8), "8 functions.*radius 3 lie at 7 distances"),
        (9, Twice(), "function 1 of the basis is a combination of those before it.*radius 9"),
        (9, WithConstant(Zernike(2)), "function 2 of the basis is a combination"),
    ],
)
def test_functions_that_the_pixels_cannot_tell_apart(radius, basis, message):
    with pytest.raises(ValueError, match=message):
        AngularZero(radius, basis)
    AngularZero(radius, basis, expansion="paper")


@pytest.mark.parametrize("expansion", ["pixels", "paper"])
@pytest.mark.parametrize("size", [0.0, 1e-320, 1e-200, 1e-50, 1e50, 1e200, 1e307])
def test_functions_of_any_size_or_a_sentence(size, expansion, rng):
    scaled = Broken(lambda r: size * np.stack([np.ones_like(r), r]))
    crop = rng.normal(size=(11, 11))
    if not 1e-60 < size < 1e60:
        with pytest.raises(ValueError, match=r"function 0 of the basis is at most .* lie between 1e-60 and 1e\+60"):
            AngularZero(5, scaled, expansion=expansion)
    elif expansion == "pixels":
        disk = AngularZero(5, scaled)
        plain = AngularZero(5, Broken(lambda r: np.stack([np.ones_like(r), r])))
        average, expected = (one.rotational_average(one.coefficients(crop), [0.0, 3.0]) for one in (disk, plain))
        np.testing.assert_allclose(average, expected, rtol=1e-9)
    else:
        with pytest.raises(ValueError, match="is not orthonormal"):  # its averages would be those times size^2
            AngularZero(5, scaled, expansion=expansion).coefficients(crop)


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
    disk = AngularZero(7, truncation=1e-2, expansion="paper")
    reference = PSWF(7 * np.pi, truncation=1e-2)
    assert disk.count == reference.count < AngularZero(7, truncation=1e-6, expansion="paper").count
    np.testing.assert_array_equal(disk.evaluate(3.5), reference.evaluate(0.5) / (np.sqrt(2 * np.pi) * 7))
    default = AngularZero(7)
    assert repr(default.basis) == repr(WithConstant(PSWF(7 * np.pi, truncation=1.0)))
    assert default.count == PSWF(7 * np.pi, truncation=1.0).count + 1
    assert AngularZero(7, truncation=1e-2).count == reference.count + 1
    assert PAPER_TRUNCATION == 1e-3
    assert AngularZero(7, expansion="paper").count == PSWF(7 * np.pi, truncation=PAPER_TRUNCATION).count


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
        (lambda: AngularZero(5, expansion="plain"), ValueError, "expansion is 'plain'; give 'pixels' or 'paper'"),
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
