"""Silhouettes lie where and as they say."""

import numpy as np
import pytest

from centering.paper.silhouettes import HEDGEHOG, PIKE, Silhouette


def center_of_mass(image):
    rows, columns = np.indices(image.shape)
    return np.array([(rows * image).sum(), (columns * image).sum()]) / image.sum()


@pytest.mark.parametrize("silhouette", [HEDGEHOG, PIKE])
@pytest.mark.parametrize("size", [160, 161])
@pytest.mark.parametrize("angle", [0, 33, 250])
def test_center_of_mass_is_where_it_was_put(silhouette, size, angle):
    image = silhouette.image(size, 60, displacement=(7.3, -4.6), angle=angle)
    np.testing.assert_allclose(center_of_mass(image) - size // 2, (7.3, -4.6), atol=0.08)


def test_rectangles_have_their_center_pixel_at_half_of_each_side():
    image = HEDGEHOG.image((60, 101), 20, displacement=(2, -8))
    assert image.shape == (60, 101)
    np.testing.assert_allclose(center_of_mass(image), (32, 42), atol=0.08)


def test_disk_has_its_area():
    image = Silhouette((1.0, 1.0)).image(101, 40)
    assert image.sum() == pytest.approx(np.pi * 40**2, rel=1e-3)
    assert image[50, 50 + 39] == 1
    assert image[50, 50 + 41] == 0
    assert image[50, 50 + 40] == pytest.approx(0.5)


def test_angle_turns_counterclockwise_on_the_screen():
    pointer = Silhouette((1.0, 1.0), ((0.0, 1.0, 15.0),))  # a disk with a tip to the right
    plain = pointer.image(101, 40)
    np.testing.assert_allclose(pointer.image(101, 40, angle=90), np.rot90(plain), atol=1e-9)
    columns = np.flatnonzero(plain.any(axis=0)) - 50
    assert columns[-1] == pytest.approx(40, abs=1)
    assert -columns[0] < 35


@pytest.mark.parametrize("silhouette", [HEDGEHOG, PIKE])
def test_no_rotation_or_reflection_maps_a_silhouette_to_itself(silhouette):
    plain = silhouette.image(121, 55)
    turned = [silhouette.image(121, 55, angle=angle) for angle in range(10, 360, 10)]
    for other in (*turned, *(image[:, ::-1] for image in [plain, *turned])):
        assert np.abs(other - plain).sum() > 0.03 * plain.sum()


def test_radius_must_be_positive():
    with pytest.raises(ValueError, match="radius is 0; give a positive"):
        HEDGEHOG.image(64, 0)
