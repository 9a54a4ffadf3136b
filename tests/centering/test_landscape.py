"""Landscapes: three methods against each other, against plain transcriptions of the equations, and against RACER."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest
from phantoms import Polynomials, Rings, few_pixels, lopsided

from centering import Score, SurrogateCenter, candidates, landscape
from centering.landscapes.score import RACER, closed_rings, racer_rings
from pswf import PSWF, AngularZero, FourierBessel, WithConstant, Zernike

METHODS = ["direct", "maps", "fused"]
R = 7
BASES = {
    "prolate": None,
    "prolate, narrow band": PSWF(0.5 * np.pi * R),
    "bessel": FourierBessel(R),
    "zernike": Zernike(9),
    "rings": Rings(R),
}


@pytest.fixture(scope="module", params=[32, 33], ids=["even", "odd"])
def images(request):
    """Return noisy images that are positive far from zero, as real ones are once their minimum is taken off."""
    rng = np.random.default_rng(7)
    size = request.param
    return np.stack([lopsided(size, 2, -3), lopsided(size, -4, 1)]) + 0.3 * rng.normal(size=(2, size, size))


def transcription(image, radius, basis, *, score, max_shift=np.inf):
    """Return equation (3.1), or what RACER computes, the way it is written down: loops and no shared code."""
    racer = score == "racer"
    image = image - image.min()
    size = len(image)
    offset = np.arange(-radius, radius + 1)
    distance = np.hypot(offset[:, None], offset)
    inside = distance <= radius
    psi = basis.evaluate(np.minimum(distance[inside] / radius, 1)) / (np.sqrt(2 * np.pi) * radius)
    profile = basis.evaluate(np.arange(radius + 1) / radius) / (np.sqrt(2 * np.pi) * radius)
    weights = np.exp(basis.log_concentration) if racer else np.ones(len(psi))
    if racer:
        pixels = [1] + [np.sum((distance >= ring) & (distance < ring + 1)) for ring in range(1, radius + 1)]
    else:
        pixels = [np.sum((distance > ring - 1) & (distance <= ring)) for ring in range(radius + 1)]
    center = [p for p in range(radius, size - radius) if abs(p - size // 2) <= max_shift]
    u = np.empty((len(center), len(center), radius + 1))
    for i, row in enumerate(center):
        for j, column in enumerate(center):
            disk = image[row - radius : row + radius + 1, column - radius : column + radius + 1][inside]
            coefficients = np.linalg.lstsq(psi.T, disk)[0] if score == "cumulative" else psi @ disk
            u[i, j] = pixels * ((weights * coefficients) @ profile)
            if not racer:
                u[i, j] = np.cumsum(u[i, j])
    largest = u.max() if racer else u[..., -1].max()
    return np.abs(u / largest - 1).sum(axis=-1)


@pytest.mark.parametrize("max_shift", [None, 3])
@pytest.mark.parametrize("score", ["cumulative", "racer"])
@pytest.mark.parametrize("basis", BASES.values(), ids=BASES)
def test_methods_agree(images, basis, score, max_shift):
    direct, maps, fused = (
        landscape(images, R, score=score, basis=basis, method=method, max_shift=max_shift) for method in METHODS
    )
    tolerance = 1e-10 * np.ptp(direct)
    np.testing.assert_allclose(maps, direct, rtol=0, atol=tolerance)
    np.testing.assert_allclose(fused, direct, rtol=0, atol=tolerance)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("max_shift", [np.inf, 4])
@pytest.mark.parametrize("score", ["cumulative", "paper", "racer"])
def test_landscape_is_the_equation(images, score, max_shift, method):
    basis = WithConstant(PSWF(np.pi * R, truncation=1)) if score == "cumulative" else PSWF(np.pi * R, truncation=1e-3)
    expected = [transcription(image, R, basis, score=score, max_shift=max_shift) for image in images]
    result = landscape(images, R, score=score, method=method, max_shift=max_shift)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-11)


OVERSHOOT = pytest.mark.parametrize(
    ("basis", "max_shift"),
    [(None, 0), (FourierBessel(3), 0), (Polynomials(), 1)],
    ids=["prolate", "bessel", "user"],
)


@OVERSHOOT
def test_fused_is_a_lower_bound_that_lacks_the_overshoot(basis, max_shift, rng):
    sparse = few_pixels(rng, 50, 21, 6)
    direct, maps, fused = (landscape(sparse, 6, basis=basis, max_shift=max_shift, method=method) for method in METHODS)
    np.testing.assert_allclose(maps, direct, rtol=1e-10, atol=0)
    disk = AngularZero(6, basis)
    energies = Score("(3.1)").energies(disk)
    side = slice(4 - max_shift, 17 + max_shift)
    expected = np.empty_like(maps)
    for image, excess in zip(sparse, expected, strict=True):
        crops = np.lib.stride_tricks.sliding_window_view(image[side, side], (13, 13))
        u = disk.coefficients(crops.reshape(-1, 13, 13)) @ energies.T
        largest = u[:, -1].max() or 1.0  # where no disk holds anything, nothing overshoots
        excess.flat = 2 * np.maximum(u / largest - 1, 0).sum(axis=1)
    assert expected.max() > 0.1
    np.testing.assert_allclose(maps - fused, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("score", ["cumulative", "racer"])
@pytest.mark.parametrize("method", METHODS)
def test_disks_that_hold_nothing_are_flat_and_not_rounding_blown_up(method, score):
    image = np.zeros((21, 21))
    image[0, 0] = 1.0
    assert (landscape(image, 4, score=score, method=method) == 5).all()


@pytest.mark.parametrize("method", METHODS)
def test_one_bright_pixel_by_hand(method):
    odd = np.zeros((5, 5))
    odd[2, 2] = 3.0
    np.testing.assert_allclose(
        landscape(odd, 1, basis=Rings(1), method=method)[0],
        [[2, 1, 2], [1, 0, 1], [2, 1, 2]],
        atol=1e-12,
    )
    even = np.zeros((6, 6))
    even[2, 3] = 3.0
    rows, columns = candidates(6, 1)
    surface = landscape(even, 1, basis=Rings(1), method=method)[0]
    np.testing.assert_allclose(surface, [[2, 2, 1, 2], [2, 1, 0, 1], [2, 2, 1, 2], [2, 2, 2, 2]], atol=1e-12)
    i, j = np.unravel_index(surface.argmin(), surface.shape)
    assert (rows[i], columns[j]) == (-1, 0)


@pytest.mark.parametrize("score", ["cumulative", "paper"])
def test_one_bright_pixel_is_where_it_is(score):
    # the averages of the paper ring at d = R: for these radii the pixel is put there
    ringing = {"paper": {1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 14}, "cumulative": set()}[score]
    for radius in range(1, 31):
        image = np.zeros((4 * radius + 1, 4 * radius + 1))
        image[2 * radius, 2 * radius] = 1.0
        found = np.hypot(*SurrogateCenter(radius, score=score)(image).displacement[0])
        if radius in ringing:
            assert found > 0.9 * radius
        else:
            assert found < 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_exact_ring_sums_give_a_truncated_geometric_median(method, rng):
    image = rng.random((23, 23))
    image -= image.min()
    radius = 6
    offset = np.arange(-radius, radius + 1)
    distance = np.hypot(offset[:, None], offset)
    crops = np.lib.stride_tricks.sliding_window_view(image, (13, 13))
    largest = (crops * (distance <= radius)).sum(axis=(2, 3)).max()
    cone = np.maximum(radius + 1 - np.ceil(distance), 0)
    expected = radius + 1 - (crops * cone).sum(axis=(2, 3)) / largest
    result = landscape(image, radius, basis=Rings(radius), method=method)[0]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-11)


def test_literal_disk_reading_is_one_more_radial_weight(rng):
    image = rng.random((19, 19))
    image -= image.min()
    radius = 4
    offset = np.arange(-radius, radius + 1)
    steps = np.maximum(radius + 1 - np.ceil(np.hypot(offset[:, None], offset)), 0)
    crops = np.lib.stride_tricks.sliding_window_view(image, (9, 9))
    # u_p[rho] adds up the disks 0..rho, so a pixel of ring l counts rho - l + 1 times
    largest = (crops * steps).sum(axis=(2, 3)).max()
    expected = radius + 1 - (crops * steps * (steps + 1) / 2).sum(axis=(2, 3)) / largest
    score = Score("disks", accumulations=2)
    np.testing.assert_allclose(landscape(image, radius, score=score, basis=Rings(radius))[0], expected, atol=1e-12)


def test_rings_by_eye():
    # radius 2: the centre; 4 + 4 pixels at 1 and sqrt 2; 4 at 2, 8 at sqrt 5, 4 at sqrt 8
    assert closed_rings(2).tolist() == [1, 4, 8]
    assert racer_rings(2).tolist() == [1, 8, 16]


def test_closed_rings_fill_the_disk():
    for radius in (1, 5, 45):
        assert closed_rings(radius).sum() == AngularZero(radius, Polynomials()).multiplicity.sum()


def test_racer_landscapes(images_70s, reference):
    stored = np.load(reference / "racer_R45.npz")
    np.testing.assert_array_equal(racer_rings(45), stored["ring_weights"])
    for method in METHODS:
        result = landscape(images_70s, 45, score="racer", method=method)
        np.testing.assert_allclose(result, stored["landscapes"], rtol=0, atol=1e-9)


def test_racer_with_its_cumulative_sum_put_back(images_70s):
    # the displacements of images 1, 2 and 7 that a prototype with RACER's ring weights found
    score = dataclasses.replace(RACER, name="racer, cumulative", accumulations=1, normalizer="disk")
    surfaces = landscape(images_70s[[0, 1, 6]], 45, score=score)
    rows, columns = candidates(185, 45)
    minima = [np.unravel_index(surface.argmin(), surface.shape) for surface in surfaces]
    assert [(rows[i], columns[j]) for i, j in minima] == [(17, 16), (22, -20), (2, 24)]


@pytest.mark.parametrize(
    ("size", "radius", "max_shift", "expected"),
    [
        (5, 1, None, [-1, 0, 1]),
        (6, 1, None, [-2, -1, 0, 1]),
        (6, 1, 1, [-1, 0, 1]),
        (9, 1, 1.9, [-1, 0, 1]),
        (5, 2, None, [0]),
        (9, 1, 0, [0]),
        (5, 1, np.inf, [-1, 0, 1]),
    ],
)
def test_candidates_by_eye(size, radius, max_shift, expected):
    rows, columns = candidates(size, radius, max_shift)
    assert rows.tolist() == columns.tolist() == expected
    assert landscape(np.eye(size), radius, max_shift=max_shift).shape == (1, len(expected), len(expected))


@pytest.mark.parametrize("method", METHODS)
def test_max_shift_keeps_the_middle_when_the_normaliser_does(method):
    image = lopsided(33, 1, 2)
    full = landscape(image, 9, method=method)
    np.testing.assert_allclose(landscape(image, 9, method=method, max_shift=5), full[:, 2:-2, 2:-2], rtol=0, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_unusable_images_leave_the_others_alone(method, images):
    stack = np.concatenate([images, np.full_like(images[:1], 3.25)])
    expected = landscape(stack, R, method=method)
    stack[0, 3, 4] = np.inf
    result = landscape(stack, R, method=method)
    assert np.isnan(result[0]).all()
    np.testing.assert_array_equal(result[1:], expected[1:])
    assert (result[2] == R + 1).all()


@pytest.mark.parametrize("method", METHODS)
def test_arithmetic_is_in_double_precision(method, images):
    single = images.astype(np.float32)
    before = single.copy()
    result = landscape(single, R, method=method)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, landscape(single.astype(np.float64), R, method=method))
    np.testing.assert_array_equal(single, before)


@pytest.mark.parametrize("method", METHODS)
def test_scale_and_offset_of_the_pixels_do_not_matter(method, images):
    expected = landscape(images, R, method=method)
    np.testing.assert_allclose(landscape(25.0 * images - 3.0, R, method=method), expected, atol=1e-11)


IMAGE = np.eye(16)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: landscape(IMAGE, 0), ValueError, "radius is 0; give a whole number"),
        (lambda: landscape(IMAGE, 2.5), ValueError, "radius is 2.5"),
        (lambda: landscape(IMAGE, "7"), TypeError, "radius is '7'"),
        (lambda: landscape(IMAGE, np.nan), ValueError, "radius is nan"),
        (lambda: landscape(IMAGE, 8), ValueError, "radius 8 needs a disk of 17 pixels.*at most 7"),
        (
            lambda: landscape(IMAGE, 3, score="scm"),
            ValueError,
            "score is 'scm'; give 'cumulative' or 'paper' or 'racer'",
        ),
        (lambda: landscape(IMAGE, 3, method="fft"), ValueError, "'fft'; give 'direct' or 'maps' or 'fused'"),
        (lambda: landscape(IMAGE, 3, max_shift=-1), ValueError, "max_shift is -1"),
        (lambda: landscape(IMAGE, 3, max_shift=np.nan), ValueError, "max_shift is nan"),
        (lambda: landscape(IMAGE, 3, max_shift="far"), TypeError, "max_shift is 'far'"),
        (lambda: landscape(IMAGE, 3, basis="zernike"), TypeError, "basis is 'zernike'"),
        (lambda: landscape(IMAGE * 1j, 3), TypeError, "complex"),
        (lambda: landscape(IMAGE[:, :9], 3), ValueError, "16 x 9 pixels"),
        (lambda: landscape(np.empty((0, 16, 16)), 3), ValueError, "empty"),
        (lambda: candidates(4, 2), ValueError, "radius 2 needs a disk of 5 pixels"),
        (lambda: candidates(0, 1), ValueError, "size is 0"),
        (lambda: Score("s", accumulations=-1), ValueError, "accumulations is -1"),
        (lambda: Score("s", normalizer="max"), ValueError, "normalizer is 'max'"),
        (lambda: Score("s", expansion="plain"), ValueError, "expansion is 'plain'; give 'pixels' or 'paper'"),
        (
            lambda: landscape(IMAGE, 3, score=Score("s", rings=lambda radius: np.ones(radius))),
            ValueError,
            r"shape \(3,\); rings\(R\) must return R \+ 1 = 4",
        ),
        (
            lambda: landscape(IMAGE, 3, score=Score("s", rings=lambda radius: np.full(radius + 1, np.nan))),
            ValueError,
            "score 's' has weights that are not finite",
        ),
        (
            lambda: landscape(IMAGE, 3, score=Score("s", coefficient_weights=lambda basis, count: np.ones(2))),
            ValueError,
            r"shape \(2,\); coefficient_weights\(basis, K\) must return K = 4",
        ),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_function_is_not_hidden_by_a_module_of_its_name():
    import centering

    importlib.import_module("centering.landscapes.landscape")
    assert centering.landscape is landscape
