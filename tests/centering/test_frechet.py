"""Means and medians of weighted points, against scipy and by hand."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.optimize

from centering.paper.frechet import frechet_function, frechet_mean, frechet_median, pixels


@pytest.fixture
def cloud(rng):
    return rng.normal(size=(40, 3)) * (1, 3, 0.2), rng.uniform(0, 2, size=40)


def test_mean_minimises_the_variance_by_the_identity(cloud, rng):
    points, weights = cloud
    mean = frechet_mean(points, weights)
    for x in rng.normal(size=(20, 3)) * 5:
        expected = weights.sum() * ((x - mean) ** 2).sum() + frechet_function(points, weights, mean)
        assert frechet_function(points, weights, x) == pytest.approx(expected, rel=1e-12)


def test_mean_of_pixels_is_scipy_center_of_mass(rng):
    image = rng.random((7, 12))
    np.testing.assert_allclose(frechet_mean(*pixels(image)), scipy.ndimage.center_of_mass(image), rtol=1e-12)


def test_median_is_the_minimum_found_by_scipy(cloud):
    points, weights = cloud
    result = scipy.optimize.minimize(
        lambda x: float(frechet_function(points, weights, x, order=1)), points[0], method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000},
    )  # fmt: skip
    np.testing.assert_allclose(frechet_median(points, weights), result.x, atol=1e-5)


@pytest.mark.parametrize(
    ("points", "weights", "median"),
    [
        ([[3.0, 4.0]], [2.0], (3, 4)),
        ([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [10.0, 1.0, 1.0], (0, 0)),  # one point outweighs the others
        ([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]], [1.0] * 4, (0, 0)),
        # the start, the mean, is a point of the data, but not the median
        ([[0.0, 0.0], [-1.0, 0.0], [-1.0, 0.1], [-1.0, -0.1], [5.0, 0.0]], [0.01, 1, 1, 1, 0.6], (-1, 0)),
    ],
)
def test_median_of_few_points(points, weights, median):
    np.testing.assert_allclose(frechet_median(points, weights), median, atol=1e-6)


def test_outlier_moves_the_mean_without_bound_and_the_median_hardly():
    points = np.array([[0.0], [1.0], [2.0], [3.0], [1000.0]])
    assert frechet_mean(points, np.ones(5)) == pytest.approx(201.2)
    assert frechet_median(points, np.ones(5)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("points", "weights", "message"),
    [
        ([1.0, 2.0], [1.0, 1.0], r"points have shape \(2,\)"),
        ([[1.0], [2.0]], [1.0], r"weights \(1,\)"),
        ([[1.0], [2.0]], [1.0, -1.0], "weights lie between -1 and 1; give finite numbers of at least 0"),
        ([[1.0], [2.0]], [0.0, 0.0], "not all of them 0"),
    ],
)
def test_bad_points_are_named(points, weights, message):
    for function in (frechet_mean, frechet_median):
        with pytest.raises(ValueError, match=message):
            function(points, weights)


def test_x_must_have_the_coordinates_of_the_points():
    with pytest.raises(ValueError, match=r"x has shape \(3,\); give \(..., 2\)"):
        frechet_function(np.zeros((4, 2)), np.ones(4), np.zeros(3))
