"""The surrogate centre of mass: certificate of its minimum, RACER, flags, and the 70S images."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.ndimage
from phantoms import Polynomials, Rings, few_pixels, lopsided

from centering import CenterOfMass, Flag, Score, SurrogateCenter, landscape
from centering.landscapes.fused import _ring_sums
from centering.landscapes.minimum import quadratic_offset
from centering.landscapes.peak_kernels import contenders, prepare
from centering.stack import crop


@pytest.mark.parametrize("subpixel", [False, True])
def test_fused_finds_the_minimum_of_the_equation_even_where_u_overshoots(rng, subpixel):
    options = {"basis": Polynomials(), "max_shift": 1, "subpixel": subpixel}
    sparse = few_pixels(rng, 200, 21, 6)
    fused = SurrogateCenter(6, **options)(sparse)
    direct = SurrogateCenter(6, method="direct", **options)(sparse)
    np.testing.assert_allclose(fused.displacement, direct.displacement, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(fused.flags, direct.flags)
    # the linear landscape alone would have been wrong
    linear = landscape(sparse, 6, basis=Polynomials(), max_shift=1, method="fused").reshape(200, -1).argmin(axis=1)
    true = landscape(sparse, 6, basis=Polynomials(), max_shift=1).reshape(200, -1)
    assert (true[np.arange(200), linear] > true.min(axis=1) + 0.01).any()


@pytest.mark.parametrize("score", ["cumulative", "racer"])
@pytest.mark.parametrize("size", [40, 41])
def test_methods_and_searches_agree_on_noisy_images(size, score, rng):
    images = np.stack([lopsided(size, 3, -2), lopsided(size, -4, 5)]) + 0.1 * rng.normal(size=(2, size, size))
    expected = SurrogateCenter(8, score=score, method="direct")(images)
    for options in ({"method": "maps"}, {"method": "fused"}, {"search": "pyramid"}):
        result = SurrogateCenter(8, score=score, **options)(images)
        np.testing.assert_allclose(result.displacement, expected.displacement, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(result.flags, 0)
    np.testing.assert_allclose(SurrogateCenter(8, score=score, method="maps")(images).score, expected.score)


def test_racer_shifts(images_70s, reference):
    shifts = np.load(reference / "racer_R45.npz")["shifts"]
    for options in ({"method": "fused"}, {"method": "maps"}, {"search": "pyramid"}):
        centers = SurrogateCenter(45, score="racer", subpixel=False, **options)(images_70s)
        np.testing.assert_array_equal(centers.displacement, shifts)
        np.testing.assert_array_equal(centers.flags, 0)


def test_center_of_mass_before_and_after_racer_centered_image_7(images_70s):
    image = images_70s[6:7]
    before = scipy.ndimage.center_of_mass(image[0])
    assert (round(before[1] + 1, 4), round(before[0] + 1, 4)) == (116.0776, 95.4867)
    shift = SurrogateCenter(45, score="racer", subpixel=False)(image).displacement
    after = CenterOfMass()(crop(image, shift, 45)).displacement[0] + 45
    assert (round(after[1] + 1, 4), round(after[0] + 1, 4)) == (44.7353, 45.4676)


@pytest.mark.parametrize("subpixel", [False, True])
def test_displacement_of_the_70s_images(images_70s, truth_70s, subpixel):
    centers = SurrogateCenter(45, subpixel=subpixel)(images_70s.astype(np.float32))
    error = np.hypot(*(centers.displacement - truth_70s).T)
    assert np.median(error) <= 2.5
    assert error.max() <= 2.5
    np.testing.assert_array_equal(centers.flags, 0)


def test_landscape_method_is_the_function(rng):
    images = lopsided(33, 1, 2) + 0.1 * rng.normal(size=(2, 33, 33))
    estimator = SurrogateCenter(6, method="maps", max_shift=5, score="racer", basis=Rings(6))
    expected = landscape(images, 6, score="racer", basis=Rings(6), max_shift=5)
    np.testing.assert_array_equal(estimator.landscape(images), expected)


def test_score_is_that_of_the_landscape(rng):
    images = lopsided(33, 1, 2) + 0.1 * rng.normal(size=(2, 33, 33))
    estimator = SurrogateCenter(6, method="maps")
    surfaces = estimator.landscape(images)
    expected = [(s.mean() - s.min()) / s.std() for s in surfaces]
    np.testing.assert_allclose(estimator(images).score, expected)
    # the fused method knows mean and deviation from the low frequencies only
    np.testing.assert_allclose(SurrogateCenter(6)(images).score, expected, rtol=0.05)


@pytest.mark.parametrize("search", ["full", "pyramid"])
def test_object_beyond_the_candidates_is_flagged(search):
    image = lopsided(41, 9, 0)
    limited = SurrogateCenter(7, max_shift=4, search=search, subpixel=False)(image)
    assert limited.displacement[0, 0] == 4
    assert limited.flags[0] == Flag.BORDER
    assert SurrogateCenter(7, search=search)(image).flags[0] == 0


@pytest.mark.parametrize("method", ["fused", "maps", "direct"])
@pytest.mark.parametrize("score", ["cumulative", "racer"])
def test_disks_that_hold_nothing_are_flat(method, score):
    image = np.zeros((21, 21))
    image[0, 0] = 1.0
    centers = SurrogateCenter(4, method=method, score=score)(image)
    assert centers.flags[0] == Flag.FLAT
    assert centers.displacement.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("score", ["paper", Score("negative", rings=lambda radius: -np.ones(radius + 1))])
@pytest.mark.parametrize("size", [7, 9, 21])
def test_a_negative_normaliser_is_divided_by_as_the_equation_says(size, score, rng):
    images = rng.normal(size=(40, size, size))
    images[0] = np.eye(size)[size // 2] * np.eye(size)[size // 2, :, np.newaxis]  # its average is negative near by
    expected = SurrogateCenter(3, score=score, method="direct")(images)
    for method in ("maps", "fused"):
        result = SurrogateCenter(3, score=score, method=method)(images)
        np.testing.assert_allclose(result.displacement, expected.displacement, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(result.flags, expected.flags)
    # without the first, which has ties
    lowest = landscape(images[1:], 3, score=score).reshape(39, -1).argmin(axis=1)
    whole = SurrogateCenter(3, score=score, subpixel=False)(images[1:]).displacement
    np.testing.assert_array_equal(whole, np.stack(np.divmod(lowest, size - 6), axis=1) + 3 - size // 2)


@pytest.mark.parametrize("search", ["full", "pyramid"])
def test_single_candidate_is_the_border_of_its_search(search):
    centers = SurrogateCenter(5, search=search)(lopsided(11))
    assert centers.displacement.tolist() == [[0.0, 0.0]]
    assert centers.flags[0] == Flag.BORDER
    assert centers.score[0] == 0.0


@pytest.mark.parametrize("size", [48, 51])
def test_pyramid_reaches_every_candidate(size):
    # between 22 and 40 candidates per axis RACER's own steps would never visit some
    for displacement in range(-6, 7):
        centers = SurrogateCenter(12, search="pyramid", subpixel=False)(lopsided(size, displacement, 0))
        expected = SurrogateCenter(12, subpixel=False)(lopsided(size, displacement, 0))
        np.testing.assert_array_equal(centers.displacement, expected.displacement)


def test_subpixel_follows_a_subpixel_shift():
    shifts = np.linspace(0, 1, 6)
    images = np.stack([lopsided(41, 2 + shift, -3 - shift / 2) for shift in shifts])
    moved = SurrogateCenter(9)(images).displacement - SurrogateCenter(9)(images[:1]).displacement
    np.testing.assert_allclose(moved, np.stack([shifts, -shifts / 2], axis=1), atol=0.15)


def test_ties_are_settled_alike_by_every_method():
    image = np.zeros((24, 24))
    image[11:13, 11:13] = 1.0
    found = [
        SurrogateCenter(5, basis=Rings(5), method=method, subpixel=False)(image).displacement.tolist()
        for method in ("direct", "maps", "fused")
    ]
    assert found == [[[-1.0, -1.0]]] * 3
    np.testing.assert_allclose(SurrogateCenter(5, basis=Rings(5))(image).displacement, -0.5, atol=0.2)


def test_quadratic_offset_is_exact_on_quadratics():
    row, column = np.mgrid[-1:2, -1:2]

    def patch(d_row, d_column):
        r, c = row - d_row, column - d_column
        return 3.0 + 2 * r**2 + c**2 + 0.8 * r * c

    np.testing.assert_allclose(quadratic_offset(patch(0.3, -0.4)), (0.3, -0.4), atol=1e-12)
    assert abs(quadratic_offset(patch(0.2, 3.0))).max() <= 1.0
    assert not quadratic_offset(-patch(0.3, 0.1)).any()


def test_quadratic_offset_follows_the_middle_lines_where_the_fit_has_no_minimum():
    """A valley between two high neighbours: by the nine values together it curves down along the rows."""
    patch = np.array([[0.5, 1.0, 0.5], [8.0, 0.0, 4.0], [0.5, 3.0, 0.5]])
    # parabolas through (1, 0, 3) and (8, 0, 4): (before - after) / 2 (before + after)
    np.testing.assert_allclose(quadratic_offset(patch), (-1 / 4, 1 / 6), atol=1e-15)


def test_one_instance_serves_threads_sizes_and_pickles(rng):
    estimator = SurrogateCenter(6)
    stacks = [lopsided(size, 1, 2) + 0.1 * rng.normal(size=(3, size, size)) for size in (30, 31, 40) * 4]
    expected = [SurrogateCenter(6)(stack).displacement for stack in stacks]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(estimator, stacks))
    for result, displacement in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result.displacement, displacement)
    for twin in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        assert twin == estimator
        np.testing.assert_array_equal(twin(stacks[0]).displacement, expected[0])
    assert len(pickle.dumps(estimator)) < 1000


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SurrogateCenter(0), ValueError, "radius is 0"),
        (lambda: SurrogateCenter(None), TypeError, "radius is None"),
        (lambda: SurrogateCenter(5, score="scm"), ValueError, "'cumulative' or 'paper' or 'racer'"),
        (lambda: SurrogateCenter(5, method="fft"), ValueError, "'direct' or 'maps' or 'fused'"),
        (lambda: SurrogateCenter(5, search="random"), ValueError, "search is 'random'; give 'full' or 'pyramid'"),
        (lambda: SurrogateCenter(5, max_shift=-2), ValueError, "max_shift is -2"),
        (lambda: SurrogateCenter(5, basis=3), TypeError, "basis is 3"),
        (lambda: SurrogateCenter(5)(np.eye(10)), ValueError, "radius 5 needs a disk of 11 pixels"),
        (lambda: crop(np.eye(9), [[0, 3]], 2), ValueError, r"displacement \[0.0, 3.0\] leaves no room"),
        (lambda: crop(np.eye(9), [0, 3], 2), ValueError, r"\(2,\); give finite numbers \(1, 2\)"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_options_are_keywords_and_shown():
    with pytest.raises(TypeError):
        SurrogateCenter(5, "racer")
    assert "radius=5, score='racer'" in SurrogateCenter(5, score="racer")(np.eye(16)).estimator


def test_crop_puts_the_center_in_the_middle_pixel():
    for size in (8, 9):
        image = np.zeros((size, size), dtype=np.float32)
        image[5, 3] = 1.0
        result = crop(image, [[5 - size // 2, 3 - size // 2]], 2)
        assert result.dtype == np.float32
        assert result[0].tolist() == [[0, 0, 0, 0, 0]] * 2 + [[0, 0, 1, 0, 0]] + [[0, 0, 0, 0, 0]] * 2


@pytest.mark.parametrize("subpixel", [True, False])
@pytest.mark.parametrize("max_shift", [0, 1, 2])
@pytest.mark.parametrize("size", [14, 15])
def test_few_candidates_are_settled_as_by_maps(rng, size, max_shift, subpixel):
    images = rng.normal(size=(20, size, size)) + 40.0 * (rng.random((20, size, size)) < 0.02)
    fused, maps = (
        SurrogateCenter(6, method=method, max_shift=max_shift, subpixel=subpixel)(images)
        for method in ("fused", "maps")
    )
    np.testing.assert_allclose(fused.displacement, maps.displacement, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(fused.flags, maps.flags)


def test_a_limited_shift_compiles_nothing_again(rng):
    images = rng.normal(size=(3, 33, 33)).astype(np.float32)
    kernels = [prepare, contenders, _ring_sums]
    SurrogateCenter(7)(images)
    before = [list(kernel.signatures) for kernel in kernels]
    SurrogateCenter(7, max_shift=4)(images)
    assert [list(kernel.signatures) for kernel in kernels] == before


@pytest.mark.parametrize("score", ["cumulative", "paper", Score("single rings", accumulations=0)])
@pytest.mark.parametrize("radius", [1, 2, 5, 13])
def test_what_is_looked_at_first_bounds_every_energy_of_pixels_that_are_not_negative(radius, score, rng):
    plan = SurrogateCenter(radius, score=score)._plan(2 * radius + 5)
    # rings one by one are the vertices of all that is not negative
    sums = np.concatenate(
        [np.eye(len(plan.disk.distances)), rng.exponential(size=(len(plan.disk.distances), 50))], axis=1
    )
    energies, bounds = plan.energies_by_ring @ sums, plan.bounds_by_ring @ sums
    np.testing.assert_allclose(bounds[0], energies.sum(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(bounds[-1], energies[-1])
    assert (bounds[1:].max(axis=0) >= energies.max(axis=0) * (1 - 1e-12) - 1e-12).all()
