"""Bright or dark: simulated stacks of known contrast, and real ones whose contrast anyone can see."""

import numpy as np
import pytest
from datafiles import RADIUS, simulated

from centering.engine.contrast import Contrast, detect_contrast
from centering.io.opening import open_particles


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("snr", [np.inf, 0.02])
@pytest.mark.parametrize("background", [0.0, 1000.0])
def test_known_contrast(invert, snr, background):
    images = simulated(60, snr=snr, max_shift=RADIUS / 2).images / 1e-3
    images = (-images if invert else images) + np.float32(background)
    contrast = detect_contrast([images[:25], images[25:]], RADIUS)
    assert contrast.invert is invert
    assert contrast.clear
    assert contrast.looked_at == 60
    assert contrast.agreeing > 0.9 * 60


@pytest.mark.parametrize(
    ("file", "radius", "dark"),
    [
        ("empiar_10076/empiar_10076_7.star", 95, True),
        ("slicem/mixture_2D.mrcs", 38, False),
        ("aspire_relion/sample.mrcs", 60, False),
        ("aspire_relion/rln_proj_64_shifted.mrcs", 24, False),
    ],
)
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_real_data_even_with_a_careless_radius(centering_data, file, radius, dark, factor):
    particles = open_particles(centering_data / file)
    images = particles.read(np.arange(len(particles)))
    radius = min(radius * factor, (particles.size - 1) / 2)
    assert detect_contrast([images], radius).invert is dark
    assert detect_contrast([-images], radius).invert is not dark


def test_simulated_ribosomes(images_70s):
    assert detect_contrast([images_70s.astype(np.float32)], 45).invert is False


def test_pure_noise_is_called_unclear(rng):
    contrast = detect_contrast([rng.normal(size=(400, 32, 32)).astype(np.float32)], 8)
    assert not contrast.clear
    assert str(contrast).startswith("unclear")


def test_images_that_say_nothing_are_passed_over():
    images = simulated(4, max_shift=3).images.copy()
    images[0] = np.nan
    images[1] = 3.0
    assert detect_contrast([images], RADIUS) == Contrast(False, 2, 2)
    nothing = detect_contrast([images[:2]], RADIUS)
    assert (nothing.invert, nothing.clear, nothing.looked_at) == (False, False, 0)


def test_words():
    assert str(Contrast(True, given=True)) == "particles are taken as dark on a bright background, inverted (given)"
    assert "9 of 10 images" in str(Contrast(False, 9, 10))
