"""Reference-free alignment: against a literal transcription, known positions and turns, its laws, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread
from phantoms import lopsided, turned
from scipy.optimize import minimize

from centering import CenterOfMass, Flag, ReferenceFreeAlignment, SelfConvolution, SurrogateCenter, simulate
from centering.alignment.disk import Disk
from centering.alignment.shifts import Match
from centering.alignment.turns import TurnSearch, highest_angle
from centering.paper.silhouettes import HEDGEHOG

MODES = pytest.mark.parametrize("rotations", [False, True], ids=["shifts", "turns"])
SIZES = pytest.mark.parametrize("size", [40, 41], ids=["even", "odd"])


def projections(count, size, *, shift=4, rotations=None, seed=1):
    """Return images of one density, exact at any position, and their displacements; alike without rotations.

    Its Gaussians are so wide that waves shorter than 4 pixels hold less than 1 % of an amplitude.
    """
    rng = np.random.default_rng(seed)
    displacement = rng.uniform(-shift, shift, (count, 2))
    means = rng.uniform(-4, 4, (6, 3))
    weights = rng.uniform(0.5, 2, 6)
    means -= weights @ means / weights.sum()
    density = simulate.GaussianParticle(weights, means, np.broadcast_to(4.0 * np.eye(3), (6, 3, 3)))
    frames = np.broadcast_to(np.eye(3), (count, 3, 3)) if rotations is None else rotations
    return density.project(frames, displacement, size), displacement


def in_plane(degrees):
    """Return rotations that turn an image counterclockwise as displayed: (row, column) = (-1, 0) goes to (0, -1)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    zero, one = np.zeros_like(c), np.ones_like(c)
    return np.array([[c, -s, zero], [s, c, zero], [zero, zero, one]]).transpose(2, 0, 1)


class Literal:
    """The paper's two parts, written out: pixels, sums over them, and a general optimiser."""

    def __init__(self, radius, wavelength, reach, size):
        axis = np.arange(size) - size // 2
        self.inside = axis[:, None] ** 2 + axis**2 <= radius**2
        self.frequency = np.fft.fftfreq(size)
        self.passed = np.hypot(self.frequency[:, None], self.frequency) <= 1 / wavelength
        self.grid = [(row, column) for row in range(-reach, reach + 1) for column in range(-reach, reach + 1)]
        self.reach = reach

    def filtered(self, image):
        image = (image - image.mean()) / image.std()
        return np.fft.ifft2(np.fft.fft2(image) * self.passed).real

    def moved(self, image, d):
        phase = np.exp(2j * np.pi * (self.frequency[:, None] * d[0] + self.frequency * d[1]))
        return np.fft.ifft2(np.fft.fft2(image) * phase).real

    def placed(self, image, d):
        """Move the content by -d, take the mean outside of the disk off, and leave the disk."""
        moved = self.moved(image, d)
        return (moved - moved[~self.inside].mean()) * self.inside

    def aligned(self, image, average):
        def loss(d):
            return -(self.placed(image, d) * average).sum()

        best = min(self.grid, key=loss)
        if self.reach in np.abs(best):
            return np.array(best, dtype=float)
        return minimize(loss, best, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}).x

    def run(self, images, order, center, sweeps):
        pictures = [self.filtered(image) for image in images]
        N = len(images)
        place = {order[0]: center(images[order[0]]).displacement[0]}
        average = self.placed(pictures[order[0]], place[order[0]])
        for m, k in enumerate(order[1:], 2):
            place[k] = self.aligned(pictures[k], average)
            average = (self.placed(pictures[k], place[k]) + (m - 1) * average) / m

        def recenter():
            for _ in range(20):
                offset = center(np.mean([self.moved(pictures[k], place[k]) for k in range(N)], axis=0)).displacement[0]
                if np.abs(offset).max() < 1e-3:
                    break
                for k in range(N):
                    place[k] = place[k] + offset

        recenter()
        moved = []
        for _ in range(sweeps):
            before = {k: place[k] for k in place}
            for k in order:
                A = np.mean([self.placed(pictures[j], place[j]) for j in range(N)], axis=0)
                others = (N * A - self.placed(pictures[k], place[k])) / (N - 1)
                place[k] = self.aligned(pictures[k], others)
            change = np.array([place[k] - before[k] for k in range(N)])
            moved.append(np.hypot(*(change - np.median(change, axis=0)).T))
        recenter()
        return np.array([place[k] for k in range(N)]), average, np.array(moved)


@pytest.mark.parametrize("size", [24, 25], ids=["even", "odd"])
def test_does_what_the_paper_says_step_by_step(size, rng):
    images, _ = projections(5, size, shift=3)
    images = images + 0.15 * images.std() * rng.standard_normal(images.shape)
    estimator = ReferenceFreeAlignment(7, max_shift=4, wavelength=5, sweeps=2, tolerance=1e-9, center=CenterOfMass())
    result = estimator.align(images)
    order = np.random.default_rng(0).permutation(5)
    place, average, moved = Literal(7, 5, 4, size).run(images, order, CenterOfMass(), 2)
    np.testing.assert_allclose(result.displacement, place, rtol=0, atol=1e-6)
    np.testing.assert_allclose(result.moved, moved, rtol=0, atol=1e-6)
    middle = slice(size // 2 - 7, size // 2 + 8)
    np.testing.assert_allclose(result.running[5], average[middle, middle], rtol=0, atol=1e-6)


@SIZES
def test_copies_come_out_where_they_were_put(size):
    images, truth = projections(6, size)
    result = ReferenceFreeAlignment(14, wavelength=2.5, center=CenterOfMass(), tolerance=1e-5).align(images)
    # what is left is the tail of the object at the edge of the disk
    error = result.displacement - truth
    np.testing.assert_allclose(error - error.mean(axis=0), 0, atol=1e-5)
    assert np.abs(error).max() < 1e-4
    assert result.converged
    assert result.centers.score.min() > 1 - 1e-9


@SIZES
def test_turned_copies_come_out_as_they_were_turned(size):
    degrees = np.array([0.0, 37.0, -92.0, 141.0, 3.0, 179.0])
    images, truth = projections(6, size, rotations=in_plane(degrees))
    result = ReferenceFreeAlignment(11, rotations=True, center=CenterOfMass()).align(images)
    assert np.hypot(*(result.displacement - truth).T).max() < 0.02
    apart = (result.angle - result.angle[0] - degrees + degrees[0] + 180) % 360 - 180
    assert np.abs(apart).max() < 0.02
    assert result.centers.score.min() > 0.99999
    # shifts alone cannot make one picture of them
    assert ReferenceFreeAlignment(11).align(images).centers.score.max() < 0.99


def test_silhouettes_turned_and_shifted():
    rng = np.random.default_rng(5)
    truth, degrees = rng.uniform(-5, 5, (8, 2)), rng.uniform(-180, 180, 8)
    images = np.array([HEDGEHOG.image(64, 18, displacement=d, angle=a) for d, a in zip(truth, degrees, strict=True)])
    result = ReferenceFreeAlignment(20, rotations=True).align(images)
    apart = (result.angle - result.angle[0] - degrees + degrees[0] + 180) % 360 - 180
    assert np.abs(apart).max() < 0.5
    # the surrogate centre of the hedgehog is not its centre of mass: one vector that turns with it
    error = np.einsum("bji,bj->bi", in_plane(degrees)[:, :2, :2], result.displacement - truth)
    assert np.hypot(*(error - error.mean(axis=0)).T).max() < 0.1
    assert np.hypot(*error.T).max() < 1


def test_turn_search_finds_the_best_of_all_shifts_and_turns(rng):
    disk = Disk(40, 10, 4.0)
    search = TurnSearch(disk, np.arange(-8, 9), 16, 1e-7)
    image = lopsided(40, 1.3, -2.2) + 0.1 * rng.standard_normal((40, 40))
    (low,), _ = disk.spectra(image[None])
    (other,), _ = disk.spectra(turned(lopsided(40, -1, 2))[None])
    reference = search.vector(other, Match(np.array([0.4, -0.3]), 0.7, False))

    def value(pose):
        return search.vector(low, Match(np.asarray(pose[:2]), pose[2], False)) @ reference

    found = search.best(low, reference)
    reached = value((*found.displacement, found.angle))
    starts = [(r, c, a) for r in (-2, 2) for c in (-2, 2) for a in np.arange(-3, 3.2, 1.0)]
    best = max(-minimize(lambda pose: -value(pose), start, method="Nelder-Mead").fun for start in starts)
    assert reached >= best * (1 - 1e-7)
    assert not found.border


def test_highest_angle_of_a_known_series():
    # Re sum is cos(angle - 0.3) + cos(2 (angle - 0.3)), highest at 0.3
    series = np.exp(1j * 0.3 * np.arange(3)) * [0, 1, 1]
    assert highest_angle(series) == pytest.approx(0.3, abs=1e-12)
    assert highest_angle(np.array([1.0, 1j])) == pytest.approx(np.pi / 2, abs=1e-12)


def test_vectors_and_templates_are_transposes(rng):
    disk = Disk(21, 6, 3.5)
    (low,), _ = disk.spectra(rng.standard_normal((1, 21, 21)))
    vector = rng.standard_normal(disk.inside.sum())
    template = disk.image(disk.template(vector))
    for d in [(0, 0), (2, -3), (0.4, 1.7)]:
        expected = disk.vector(low, d) @ vector
        assert (disk.image(disk.moved(low, d)) * template).sum() == pytest.approx(expected, rel=1e-12)


@MODES
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_refinement_never_lowers_the_total_correlation(rotations, dtype):
    images = simulate.particles(24, 40, radius=9, max_shift=5, snr=0.05, dtype=dtype).images
    result = ReferenceFreeAlignment(10, rotations=rotations, sweeps=4, tolerance=1e-9).align(images)
    assert len(result.total) == len(result.moved) + 1 >= 3
    assert np.diff(result.total).min() >= -1e-9 * result.total[0]
    assert result.total[-1] > 1.001 * result.total[0]


@MODES
def test_stops_when_nothing_moves_by_more_than_the_tolerance(rotations):
    images = simulate.particles(20, 40, radius=9, max_shift=5, snr=0.2).images
    result = ReferenceFreeAlignment(10, rotations=rotations, tolerance=0.05).align(images)
    motion = np.maximum(result.moved, 10 * np.radians(result.turned)).max(axis=1)
    assert result.converged
    assert motion[-1] <= 0.05
    assert (motion[:-1] > 0.05).all()
    assert len(motion) < 20
    again = ReferenceFreeAlignment(10, rotations=rotations, tolerance=1e-6, sweeps=1).align(images)
    assert not again.converged
    assert len(again.moved) == 1


def test_without_sweeps_it_is_the_running_average():
    images = simulate.particles(11, 40, radius=9, max_shift=5, snr=0.5).images
    result = ReferenceFreeAlignment(10, sweeps=0).align(images)
    assert result.moved.shape == result.turned.shape == (0, 11)
    assert list(result.running) == [1, 2, 4, 8, 11]
    assert not result.converged
    full = ReferenceFreeAlignment(10).align(images)
    np.testing.assert_array_equal(full.running[11], result.running[11])


@pytest.mark.parametrize("center", [None, SelfConvolution(), CenterOfMass()])
def test_average_is_centred_as_its_estimator_sees_it(center):
    images = simulate.particles(15, 40, radius=9, max_shift=5, snr=2.0, seed=4).images
    result = ReferenceFreeAlignment(10, center=center).align(images)
    offset = (center or SurrogateCenter(10))(result.average).displacement
    assert np.abs(offset).max() < 0.02
    assert result.average.shape == (40, 40)


def test_centre_is_found_along_turned_axes():
    """With another centre of the average, displacements differ by one vector that turns with the object."""
    degrees = np.array([0.0, 60.0, 200.0, 300.0])
    images, _ = projections(4, 40, rotations=in_plane(degrees))
    mass = ReferenceFreeAlignment(11, rotations=True, center=CenterOfMass()).align(images)
    other = ReferenceFreeAlignment(11, rotations=True, center=SelfConvolution()).align(images)
    apart = other.displacement - mass.displacement
    turned_back = np.einsum("bji,bj->bi", in_plane(degrees)[:, :2, :2], apart)
    assert np.hypot(*apart.T).min() > 0.1
    assert np.abs(turned_back - turned_back.mean(axis=0)).max() < 0.05


def noisy(size, places, rng):
    """Return lopsided objects on a background of zeros and weak noise around them, so that they can be shifted."""
    stack = np.array([lopsided(size, *place) for place in places])
    stack[:, 12:-11, 12:-11] += 0.05 * rng.standard_normal((len(places), size - 23, size - 23))
    return stack


@MODES
@SIZES
def test_stack_follows_translations_turns_and_scales(rotations, size, rng):
    stack = noisy(size, [(0, 1), (2, -1), (-1.5, 0.5), (1, 2), (-2, -2)], rng)
    estimator = ReferenceFreeAlignment(9, rotations=rotations, tolerance=1e-6)
    start = estimator(stack)
    for shift in [(0, 1), (-3, 2), (3, -3)]:
        moved = estimator(np.roll(stack, shift, axis=(1, 2)))
        np.testing.assert_allclose(moved.displacement, start.displacement + shift, rtol=0, atol=1e-6)
        np.testing.assert_allclose(moved.score, start.score, rtol=0, atol=1e-9)
    quarter = estimator(np.array([turned(image) for image in stack])).displacement
    expected = np.stack([-start.displacement[:, 1], start.displacement[:, 0]], axis=1)
    np.testing.assert_allclose(quarter, expected, rtol=0, atol=1e-6)
    across = estimator(stack.transpose(0, 2, 1)).displacement
    np.testing.assert_allclose(across, start.displacement[:, ::-1], rtol=0, atol=1e-6)
    factors, offsets = np.array([1e-5, 0.1, 1.0, 3.0, 1e5])[:, None, None], rng.uniform(-5, 5, (5, 1, 1))
    scaled = estimator(factors * (stack + offsets))
    np.testing.assert_allclose(scaled.displacement, start.displacement, rtol=0, atol=1e-6)
    np.testing.assert_allclose(scaled.score, start.score, rtol=0, atol=1e-9)


@MODES
def test_images_that_cannot_be_used_are_left_out(rotations, rng):
    stack = noisy(40, [(0, 1), (2, -1), (-1.5, 0.5), (1, 2), (-2, -2), (1, 1)], rng)
    stack[1, 3, 3] = np.nan
    stack[4] = 2.5
    # a wave that is finer than the wavelength is no structure
    stack[5] = np.indices((40, 40)).sum(axis=0) % 2
    estimator = ReferenceFreeAlignment(9, rotations=rotations)
    result, expected = estimator.align(stack), estimator.align(stack[[0, 2, 3]])
    assert result.centers.flags.tolist() == [0, Flag.NONFINITE, 0, 0, Flag.FLAT, Flag.FLAT]
    np.testing.assert_array_equal(result.displacement[[1, 4, 5]], 0)
    np.testing.assert_array_equal(result.angle[[1, 4, 5]], 0)
    np.testing.assert_array_equal(result.centers.score[[1, 4, 5]], [np.nan, 0, 0])
    np.testing.assert_array_equal(result.displacement[[0, 2, 3]], expected.displacement)
    np.testing.assert_array_equal(result.centers.score[[0, 2, 3]], expected.centers.score)
    np.testing.assert_array_equal(result.moved[:, [0, 2, 3]], expected.moved)
    np.testing.assert_array_equal(result.average, expected.average)


def test_nothing_to_align():
    result = ReferenceFreeAlignment(9).align(np.stack([np.full((40, 40), np.nan), np.ones((40, 40))]))
    assert result.centers.flags.tolist() == [Flag.NONFINITE, Flag.FLAT]
    np.testing.assert_array_equal(result.displacement, 0)
    np.testing.assert_array_equal(result.average, 0)
    assert result.average.shape == (40, 40)
    assert result.running == {}
    assert result.total.shape == (0,)


def test_an_image_alone_is_centred_by_the_estimator_of_the_average():
    image = lopsided(40, 2.5, -3.5)
    result = ReferenceFreeAlignment(9).align(image)
    np.testing.assert_allclose(result.displacement, SurrogateCenter(9)(image).displacement, rtol=0, atol=0.15)
    assert np.isnan(result.centers.score).all()
    assert result.centers.covariance is None


def test_what_lies_beyond_the_search_is_flagged(rng):
    stack = noisy(40, [(0, 0), (0.5, -0.5), (0, 5), (0.3, 0.2), (0, 0)], rng)
    result = ReferenceFreeAlignment(9, max_shift=3, seed=1)(stack)
    assert result.flags.tolist() == [0, 0, Flag.BORDER, 0, 0]
    assert ReferenceFreeAlignment(9)(stack).flags.tolist() == [0] * 5


def test_order_is_that_of_the_seed():
    simulation = simulate.particles(40, 40, radius=9, max_shift=4, snr=0.2, seed=2)
    first, again, other = (ReferenceFreeAlignment(10, seed=seed)(simulation.images) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.displacement, again.displacement)
    assert np.abs(first.displacement - other.displacement).max() > 0
    assert np.median(np.hypot(*(first.displacement - other.displacement).T)) < 0.3


def test_single_precision_is_as_good(rng):
    images = simulate.particles(12, 40, radius=9, max_shift=5, snr=1.0, dtype=np.float64).images
    images.setflags(write=False)
    double = ReferenceFreeAlignment(10, tolerance=1e-5)(images)
    single = ReferenceFreeAlignment(10, tolerance=1e-5)(images.astype(np.float32))
    assert single.displacement.dtype == single.score.dtype == np.float64
    np.testing.assert_allclose(single.displacement, double.displacement, rtol=0, atol=1e-3)


def test_averages_out_noise_that_misleads_the_surrogate():
    simulation = simulate.particles(150, 64, radius=16, max_shift=8, snr=1 / 45, seed=3, views=1)

    def median(estimator):
        return np.median(np.hypot(*(estimator(simulation.images).displacement - simulation.displacement).T))

    surrogate, aligned = median(SurrogateCenter(18)), median(ReferenceFreeAlignment(18))
    assert surrogate > 2.2
    assert aligned < 1.4


def test_finds_the_known_shifts_of_the_ribosome(images_70s, truth_70s):
    result = ReferenceFreeAlignment(45, rotations=True)(images_70s)
    error = np.hypot(*(result.displacement - truth_70s).T)
    assert np.median(error) < 1.5
    assert error.max() < 3
    assert not result.flags.any()


@pytest.mark.parametrize(("center", "median", "most"), [(None, 0.8, 1.3), (SelfConvolution(), 0.6, 1.0)])
def test_centres_real_particles(centering_data, reference, center, median, most):
    """Boxes of 128 pixels re-cut with known shifts around the ring-refined centres; particles are dark."""
    micrograph = imread(centering_data / "apoferritin" / "May08_03.13.02.png").astype(np.float32)
    centers = np.loadtxt(reference / "apoferritin_centres.csv", delimiter=",", comments="#", dtype=int)
    shift = np.random.default_rng(0).integers(-12, 13, centers.shape)
    first = centers - shift - 64
    whole = ((first >= 0) & (first + 128 <= micrograph.shape)).all(axis=1)
    boxes = np.array([micrograph[r : r + 128, c : c + 128] for r, c in first[whole]])
    result = ReferenceFreeAlignment(44, center=center).align(-boxes)
    error = np.hypot(*(result.displacement - shift[whole]).T)
    assert result.converged
    assert np.median(error) < median
    assert np.percentile(error, 90) < most


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"radius": 0}, ValueError, "radius is 0"),
        ({"radius": 1}, ValueError, "radius is 1; give at least 2"),
        ({"radius": 3.5}, ValueError, "radius is 3.5"),
        ({"radius": "9"}, TypeError, "radius is '9'"),
        ({"rotations": 0}, ValueError, "rotations is 0"),
        ({"rotations": 2.5}, TypeError, "rotations is 2.5"),
        ({"max_shift": -1}, ValueError, "max_shift is -1"),
        ({"wavelength": 2}, ValueError, "wavelength is 2"),
        ({"wavelength": 18.5}, ValueError, "wavelength is 18.5; .* at most the diameter 18"),
        ({"wavelength": np.nan}, ValueError, "wavelength is nan"),
        ({"wavelength": "4"}, TypeError, "wavelength is '4'"),
        ({"sweeps": -1}, ValueError, "sweeps is -1"),
        ({"sweeps": 1.5}, TypeError, "sweeps is 1.5"),
        ({"sweeps": True}, TypeError, "sweeps is True"),
        ({"tolerance": 0}, ValueError, "tolerance is 0"),
        ({"seed": -3}, ValueError, "seed is -3"),
        ({"seed": None}, TypeError, "seed is None"),
        ({"center": 3}, TypeError, "center is 3"),
    ],
)
def test_bad_options_are_named_in_one_sentence(options, error, message):
    with pytest.raises(error, match=message) as caught:
        ReferenceFreeAlignment(**{"radius": 9, **options})
    assert "\n" not in str(caught.value)


@MODES
def test_smallest_disk_still_aligns(rotations):
    dot = np.zeros((3, 9, 9))
    dot[0, 4, 4] = dot[1, 5, 4] = dot[2, 3, 6] = 1
    result = ReferenceFreeAlignment(2, rotations=rotations, wavelength=4)(dot)
    np.testing.assert_allclose(result.displacement, [(0, 0), (1, 0), (-1, 2)], rtol=0, atol=0.03)


def test_disk_must_fit_into_the_images():
    with pytest.raises(ValueError, match=r"radius 9 needs a disk of 19 pixels, the images have 18"):
        ReferenceFreeAlignment(9)(np.ones((2, 18, 18)))
