"""The radial reference on the reference data: a real micrograph, and projections of a real map."""

from __future__ import annotations

import matplotlib.image
import mrcfile
import numpy as np
import pytest
from symmetric import distances
from test_radial_reference import errors

from centering import CTF, Flag, RadialReference, SurrogateCenter
from centering.simulate import rotations
from centering.simulate.volumes import project


@pytest.fixture(scope="module")
def boxes(centering_data, reference):
    """Return a function that cuts boxes out of the apoferritin micrograph, displaced by up to 12 pixels."""
    micrograph = matplotlib.image.imread(centering_data / "apoferritin" / "May08_03.13.02.png").astype(np.float32)
    centers = np.loadtxt(reference / "apoferritin_centres.csv", delimiter=",", comments="#", dtype=int)

    def cut(size, seed=0):
        shift = np.random.default_rng(seed).integers(-12, 13, centers.shape)
        first = centers - shift - size // 2
        whole = ((first >= 0) & (first + size <= micrograph.shape)).all(axis=1)
        images = [micrograph[r : r + size, c : c + size] for r, c in first[whole]]
        return np.array(images), shift[whole]

    return cut


@pytest.mark.parametrize("radius", [44, "auto"])
def test_dark_particles_of_a_crowded_micrograph(boxes, radius):
    images, displacement = boxes(128)
    error = errors(RadialReference(radius)(images), displacement)
    assert np.median(error) <= 1.2
    assert np.percentile(error, 90) <= 2.0
    surrogate = errors(SurrogateCenter(44)(-images), displacement)
    assert np.median(error) < 0.5 * np.median(surrogate)


def test_boxes_that_the_disk_leaves(boxes):
    images, displacement = boxes(96, seed=1)
    centers = RadialReference(44)(images)
    assert np.median(errors(centers, displacement)) <= 2.5
    assert not centers.has(Flag.BORDER).any()


@pytest.fixture(scope="module")
def projections(centering_data):
    """Return 300 projections of the 70S map about its centre of mass, shifted, and the shifts."""
    rng = np.random.default_rng(0)
    volume = mrcfile.read(centering_data / "70s" / "clean70SRibosome_vol_65p.mrc")
    displacement = rng.uniform(-12, 12, (300, 2))
    return project(volume, rotations(300, rng), displacement, 129), displacement


def noisy(images, snr, seed):
    """Add white noise, ``|signal|^2 / |noise|^2`` being taken over 65 x 65 pixels, as many as the particle fills."""
    deviation = np.sqrt((images**2).sum(axis=(1, 2)) / 65**2 / snr)
    noise = np.random.default_rng(seed).standard_normal(images.shape, dtype=np.float32)
    return images + deviation[:, None, None].astype(np.float32) * noise


@pytest.mark.parametrize(("snr", "median", "rms"), [(1 / 10, 2.2, 2.5), (1 / 45, 2.4, 2.9), (1 / 100, 3.0, 5.0)])
def test_projections_of_a_ribosome(projections, snr, median, rms):
    clean, displacement = projections
    images = noisy(clean, snr, 1)
    error = errors(RadialReference(32, max_shift=14)(images), displacement)
    assert np.median(error) <= median
    assert np.sqrt(np.mean(error**2)) <= rms
    surrogate = errors(SurrogateCenter(32, max_shift=14)(images), displacement)
    assert np.median(error) <= (0.6 if snr == 1 / 10 else 0.4) * np.median(surrogate)


@pytest.fixture(scope="module")
def filtered(projections):
    """Return the projections as a microscope shows them, and its transfer functions."""
    clean, _ = projections
    ctf = CTF(np.random.default_rng(2).uniform(14000, 47000, len(clean)), 5.0, spherical_aberration=2.0)
    frequency = np.hypot(np.fft.fftfreq(129)[:, None], np.fft.rfftfreq(129))
    return np.fft.irfft2(np.fft.rfft2(clean) * ctf.transfer(frequency), s=(129, 129)).astype(np.float32), ctf


def test_the_start_is_found_whatever_the_radius(projections, filtered):
    """Of 0.8 to 1.4 times the right radius none falls to dark particles, or to a profile of another centre."""
    images, ctf = noisy(filtered[0], 0.03, 3), filtered[1]
    medians = [
        np.median(errors(RadialReference(radius, ctf=ctf, max_shift=14, iterations=1)(images), projections[1]))
        for radius in (26, 32, 45)
    ]
    assert max(medians) <= 1.15 * min(medians)


def test_projections_seen_through_the_microscope(projections, filtered):
    (clean, displacement), (filtered, ctf) = projections, filtered
    images = noisy(filtered, 1 / 20, 3)
    options = {"max_shift": 14}
    free = errors(RadialReference(32, **options)(noisy(clean, 1 / 20, 3)), displacement)
    modelled = errors(RadialReference(32, ctf=ctf, **options)(images), displacement)
    flipped = errors(RadialReference(32, ctf=ctf, phase_flip=True, **options)(images), displacement)
    assert np.median(modelled) <= 1.25 * np.median(free)
    assert np.median(modelled) <= 1.05 * np.median(flipped)
    assert np.mean(modelled) <= 1.02 * np.mean(flipped)


def test_empty_boxes_among_projections_have_the_lowest_scores(projections, rng):
    images = noisy(projections[0], 1 / 20, 4)
    empty = rng.choice(len(images), 30, replace=False)
    images[empty] = images[empty].std() * rng.standard_normal((30, 129, 129))
    score = RadialReference(32, max_shift=14)(images).score
    others = np.delete(score, empty)
    assert np.mean(others[:, None] > score[empty]) >= 0.98


def test_class_averages_are_centered_or_flagged(centering_data):
    """Classes that a reader of the montage would doubt: a ring beside a bright spot, bodies at the edge, two bodies."""
    images = mrcfile.read(centering_data / "slicem" / "mixture_2D.mrcs")
    fitted = RadialReference("auto").fit(images)
    centers = fitted(images)
    assert np.flatnonzero(centers.has(Flag.BORDER)).tolist() == [30]
    assert {70, 85} <= set(np.flatnonzero(centers.has(Flag.OUTLIER)))
    # counted from 0: a second body touches the particle
    assert {0, 22, 23, 24, 54, 97} <= set(np.flatnonzero(centers.has(Flag.ELONGATED)))
    assert np.count_nonzero(centers.flags) <= 20
    # most of the structure of every other class lies in the disk about its centre
    bright = np.maximum(images - np.percentile(images, 60, axis=(1, 2), keepdims=True), 0)
    near = distances(96, centers.displacement) < 34
    part = (bright * near).sum(axis=(1, 2)) / bright.sum(axis=(1, 2))
    assert np.percentile(part[centers.flags == 0], 5) > 0.7
