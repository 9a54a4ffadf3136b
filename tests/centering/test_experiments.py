"""Noise has the level asked for, and rotational averaging gains what the formula says."""

import numpy as np
import pytest

from centering import CenterOfMass
from centering.paper.experiments import add_noise, averaging_gain, errors_against_snr, snr
from centering.paper.silhouettes import HEDGEHOG, PIKE, Silhouette
from pswf import AngularZero, Zernike


@pytest.mark.parametrize("level", [4.0, 1 / 45])
def test_noise_has_the_level(level):
    clean = HEDGEHOG.image(80, 30)
    noisy = add_noise(clean, level, 20, seed=1)
    assert noisy.shape == (20, 80, 80)
    assert np.mean([1 / snr(clean, image) for image in noisy]) == pytest.approx(1 / level, rel=0.02)


def test_level_must_be_positive():
    with pytest.raises(ValueError, match="level is 0; give a positive"):
        add_noise(np.eye(8), 0, 3)


@pytest.mark.parametrize("silhouette", [HEDGEHOG, PIKE])
@pytest.mark.parametrize("basis", [None, Zernike(12)])
def test_gain_of_rotational_averaging(silhouette, basis):
    disk = AngularZero(22, basis)
    clean = silhouette.image(45, 21.5)
    noisy = add_noise(clean, 1 / 45, 400, seed=2)
    inside = disk.ring_index >= 0
    before = (clean[inside] ** 2).sum() / ((noisy - clean)[:, inside] ** 2).sum(axis=1).mean()
    mean = disk.reconstruct(disk.coefficients(clean))
    after = (mean**2).sum() / ((disk.reconstruct(disk.coefficients(noisy)) - mean) ** 2).sum(axis=(1, 2)).mean()
    assert after / before == pytest.approx(averaging_gain(clean, disk), rel=0.06)


def test_disk_keeps_all_of_its_energy():
    # angular order 0 only: the gain is the number of pixels per function
    disk = AngularZero(30, Zernike(10))
    gain = averaging_gain(Silhouette((1.0, 1.0)).image(61, 40), disk)
    assert gain == pytest.approx(np.pi * 30**2 / 10, rel=0.03)


def test_errors_are_distances_from_the_truth():
    clean = HEDGEHOG.image(64, 20, displacement=(3, -4))
    estimators = {"mass": CenterOfMass()}
    errors = errors_against_snr(clean, (3, -4), estimators, [1e8, 1e-6], draws=6)
    assert errors["mass"].shape == (2, 6)
    assert errors["mass"][0].max() < 0.1
    # drowned in noise, the centre of mass is the middle of the box, half a pixel from its centre pixel
    np.testing.assert_allclose(errors["mass"][1], np.hypot(3.5, 3.5), atol=1.0)
