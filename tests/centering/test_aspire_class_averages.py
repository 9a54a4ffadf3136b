"""ASPIRE's class averages of images that are off-centre: what centering them, or the averages, is worth."""

import functools
import importlib
import importlib.util

import numpy as np
import pytest
from aspire_sources import mass, misplaced, volume

from centering import SurrogateCenter

if importlib.util.find_spec("aspire") is None:
    pytest.skip("needs ASPIRE-Python: pip install 'pswf-centering[aspire]'", allow_module_level=True)

from centering.aspire import center  # before ASPIRE: it keeps ASPIRE quiet

classification = importlib.import_module("aspire.classification")
aspire_source = importlib.import_module("aspire.source")

MODES = pytest.mark.parametrize("mode", ["shift", "metadata"])
NOISY = {"count": 200, "size": 40, "max_shift": 7, "snr": 0.25}
SMALL = {"count": 30, "size": 20, "max_shift": 1, "snr": np.inf}
ESTIMATOR = SurrogateCenter(9)
SHOWN = np.arange(40)


@functools.cache
def shifted(count, size, max_shift, snr):
    """Return images in noise whose objects are anywhere in a square, and their clean projections, without shift."""
    from aspire.noise import WhiteNoiseAdder

    offsets = np.random.default_rng(size).uniform(-max_shift, max_shift, size=(count, 2))
    settings = {"n": count, "vols": volume(size, np.float32), "amplitudes": 1.0, "seed": 5}
    noise = None if np.isinf(snr) else WhiteNoiseAdder.from_snr(snr)
    source = aspire_source.Simulation(offsets=offsets, noise_adder=noise, **settings)
    return source.cache(), aspire_source.Simulation(offsets=0, **settings).images[:]


def class_averages(source, neighbors=10, selector=None):
    """Return the averages of each image and its neighbours: the recipe of ASPIRE's ``LegacyClassAvgSource``."""
    from aspire.basis import FFBBasis2D
    from aspire.denoising import ClassAvgSource

    classifier = classification.RIRClass2D(
        source, fspca_components=100, bispectrum_components=min(100, source.n * 3 // 4), n_nbor=neighbors, seed=1,
        large_pca_implementation="legacy", nn_implementation="legacy", bispectrum_implementation="legacy",
    )  # fmt: skip
    basis = FFBBasis2D(source.L, dtype=source.dtype)
    averager = classification.BFTAverager2D(basis, source, n_angles=120, radius=0)
    selector = selector(averager) if selector else classification.TopClassSelector()
    return ClassAvgSource(source, classifier, selector, averager)


@functools.cache
def noisy(centered):
    """Return images in noise, centred or not, and their class averages."""
    source = shifted(**NOISY)[0]
    if centered:
        source = center(source, ESTIMATOR).cache()
    return source, class_averages(source)


@functools.cache
def small():
    return class_averages(shifted(**SMALL)[0], neighbors=4)


def correlations(images, truth):
    """Return the Fourier ring correlations below half the Nyquist frequency, (n, L // 4)."""
    return images.frc(truth)[1][:, : truth.resolution // 4]


def test_averages_of_centered_images_are_sharper():
    clean = shifted(**NOISY)[1][SHOWN]
    without, averaged = (noisy(which)[1].images[SHOWN] for which in (False, True))

    # about the middle of the box, where reconstruction and everything after it expects the particle
    assert correlations(averaged, clean).mean() > correlations(without, clean).mean() + 0.3

    # and each about the place where its own image has the particle, so that blur alone counts
    place = -noisy(False)[0].offsets[SHOWN]
    found = center(noisy(False)[0], ESTIMATOR).centers.displacement[SHOWN, ::-1]
    # ASPIRE's shift moves by the negative
    blurred = correlations(without, clean.shift(-place)).mean()
    sharp = correlations(averaged, clean.shift(-(place - found))).mean()
    assert sharp > blurred + 0.03


def test_averages_of_images_off_center_are_centered_afterwards():
    clean = shifted(**NOISY)[1][SHOWN]
    averages = noisy(False)[1][: len(SHOWN)]
    centered = center(averages, ESTIMATOR)
    before, after = (correlations(one.images[:], clean).mean() for one in (averages, centered))
    assert after > before + 0.3


@MODES
@pytest.mark.parametrize("kind", ["whole", "cached", "sliced"])
def test_every_kind_of_class_averages(mode, kind):
    averages = small()
    if kind == "cached":
        averages = averages.cache()
    elif kind == "sliced":
        averages = averages[3:24:2]
    before = averages.images[:].asnumpy().copy()
    centered = center(averages, mass, mode=mode, batch_size=12)
    assert centered.n == len(before)
    # a shift of an image that reaches the border of its box wraps around
    assert np.abs(misplaced(centered)).max() < 0.1
    # ASPIRE averages anew whenever images are asked for, and its last digits depend on its threads
    rounding = 1e-4 * np.abs(before).max()
    np.testing.assert_allclose(averages.images[:].asnumpy(), before, rtol=0, atol=rounding)
    np.testing.assert_allclose(centered[2:5].images[:].asnumpy(), centered.images[2:5].asnumpy(), rtol=0, atol=rounding)


@MODES
def test_class_averages_that_were_selected(mode):
    """A selection drops classes, which the source learns only when its images are asked for."""

    def selector(averager):
        quality = classification.BandedSNRImageQualityFunction()
        return classification.GlobalWithRepulsionClassSelector(averager=averager, quality_function=quality)

    source = shifted(**SMALL)[0]
    averages = class_averages(source, neighbors=4, selector=selector)
    centered = center(averages, mass, mode=mode, invert="no", batch_size=12)
    assert 3 < centered.n < source.n
    assert len(centered.centers) == centered.n
    assert np.abs(misplaced(centered)).max() < 0.1
