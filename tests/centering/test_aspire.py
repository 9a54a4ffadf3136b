"""ASPIRE-Python itself is the oracle: its simulations, its shifts, its files and its reconstructions."""

import importlib
import importlib.util
import logging
import sys

import mrcfile
import numpy as np
import processes
import pytest
import starfile
from aspire_sources import ANGPIX, mass, misplaced, volume

from centering import Flag, RadialReference, ReferenceFreeAlignment, SurrogateCenter, simulate

if importlib.util.find_spec("aspire") is None:
    pytest.skip("needs ASPIRE-Python: pip install 'pswf-centering[aspire]'", allow_module_level=True)

from centering.aspire import Recenter, center, estimate, write_coordinates  # before ASPIRE: it keeps ASPIRE quiet

aspire_source = importlib.import_module("aspire.source")

COUNT = 12
EVEN_AND_ODD = pytest.mark.parametrize("size", [64, 65])
MODES = pytest.mark.parametrize("mode", ["shift", "metadata"])


def simulation(size, count=COUNT, dtype=np.float64, **options):
    offsets = np.random.default_rng(size).uniform(-size / 8, size / 8, size=(count, 2))
    settings = {"n": count, "vols": volume(size, dtype), "offsets": offsets, "amplitudes": 1.0, "seed": 5}
    return aspire_source.Simulation(**(settings | options))


@EVEN_AND_ODD
@MODES
def test_known_offsets_of_a_simulation_are_found(size, mode):
    source = simulation(size)
    centered = center(source, mass, mode=mode)
    np.testing.assert_allclose(-centered.centers.displacement[:, ::-1], source.offsets, atol=0.02)
    assert np.abs(misplaced(centered)).max() < 0.02
    if mode == "shift":
        assert np.abs(mass(centered.images[:].asnumpy()).displacement).max() < 0.02
        assert not centered.offsets.any()
    else:
        np.testing.assert_array_equal(centered.images[:].asnumpy(), source.images[:].asnumpy())
    np.testing.assert_allclose(centered.rotations, source.rotations, atol=1e-12)


def test_the_log_says_that_a_few_images_teach_nothing(caplog):
    noise = np.random.default_rng(0).standard_normal((COUNT, 32, 32))
    source = aspire_source.ArrayImageSource(noise, pixel_size=1.0)
    with caplog.at_level(logging.WARNING, "centering"):
        centers = estimate(source, RadialReference(8, iterations=2), invert="no")
    assert centers.has(Flag.UNLEARNED).all()
    assert "12 of 12 centres carry the flag UNLEARNED" in caplog.text


def blobs(count, size=32):
    """A source of round particles in noise, and their displacement (row, column)."""
    rng = np.random.default_rng(4)
    truth = rng.uniform(-4, 4, (count, 2))
    axis = np.arange(size) - size // 2
    squared = (axis[:, None] - truth[:, :1, None]) ** 2 + (axis - truth[:, 1:, None]) ** 2
    images = np.exp(-squared / 18.0) + 0.5 * rng.standard_normal((count, size, size))
    return aspire_source.ArrayImageSource(images, pixel_size=1.0), truth


@pytest.mark.parametrize("radius", [8, "auto"])
def test_an_estimator_that_learns_does_so_from_the_whole_source(radius):
    source, truth = blobs(130)
    learner = RadialReference(radius, iterations=2)
    parts = estimate(source, learner, batch_size=33)
    whole = estimate(source, learner, batch_size=130)
    np.testing.assert_allclose(parts.displacement, whole.displacement, atol=1e-6)
    assert not parts.has(Flag.UNLEARNED).any()
    assert np.median(np.hypot(*(parts.displacement - truth).T)) < 0.5
    few = estimate(source, RadialReference(8, iterations=2, learn_from=50))
    assert few.has(Flag.UNLEARNED).all()


def test_images_that_need_each_other_are_aligned_together():
    source, _ = blobs(40)
    alignment = ReferenceFreeAlignment(8, sweeps=3)
    centers = estimate(source, alignment, batch_size=7, invert="no")
    np.testing.assert_array_equal(centers.displacement, alignment(source.images[:].asnumpy()).displacement)


@EVEN_AND_ODD
def test_the_sign_is_that_of_aspire(size):
    """Undoing the offsets with ASPIRE's own shift gives what mode "shift" gives."""
    source = simulation(size)
    images = source.images[:]
    shifted = center(source, mass, mode="shift").images[:].asnumpy()
    offsets = center(source, mass, mode="metadata").offsets
    # the two differ at the Nyquist frequency alone, where these images have nothing
    np.testing.assert_allclose(images.shift(-offsets).asnumpy(), shifted, atol=1e-6 * np.abs(shifted).max())
    assert np.abs(images.shift(offsets).asnumpy() - shifted).max() > 0.1 * np.abs(shifted).max()


@EVEN_AND_ODD
def test_surrogate_centres_of_noisy_dark_images(size):
    from aspire.noise import WhiteNoiseAdder

    dark = simulation(size, count=24, noise_adder=WhiteNoiseAdder.from_snr(1.0), amplitudes=-1.0)
    centers = estimate(dark, SurrogateCenter(size // 5), batch_size=10)
    error = np.linalg.norm(-centers.displacement[:, ::-1] - dark.offsets, axis=1)
    assert np.median(error) < 1.5
    assert np.median(np.linalg.norm(dark.offsets, axis=1)) > 4


@EVEN_AND_ODD
@MODES
@pytest.mark.parametrize("kind", ["array", "cached", "sliced", "downsampled"])
def test_every_kind_of_source(size, mode, kind):
    source = simulation(size, count=6)
    if kind == "array":
        source = aspire_source.ArrayImageSource(source.images[:])
    elif kind == "cached":
        source = source.cache()
    elif kind == "sliced":
        source = source[1:6:2]
    else:
        source = source.downsample(size - 16)
    before = source.images[:].asnumpy().copy()
    offsets = source.offsets.copy()
    centered = center(source, mass, mode=mode, batch_size=4)
    assert np.abs(misplaced(centered)).max() < 0.02
    np.testing.assert_array_equal(source.images[:].asnumpy(), before)
    np.testing.assert_array_equal(source.offsets, offsets)
    # and what ASPIRE makes of the result
    for derived in (centered.cache(), centered[1:4]):
        assert np.abs(misplaced(derived)).max() < 0.02


@MODES
def test_contrast_transfer_goes_with_the_images(mode):
    from aspire.operators import RadialCTFFilter

    filters = [RadialCTFFilter(voltage=300, defocus=defocus, Cs=2.7, alpha=0.1) for defocus in (8e3, 14e3)]
    source = simulation(64, unique_filters=filters, filter_indices=np.arange(COUNT) % 2)
    centered = center(source, mass, mode=mode, invert="no")
    np.testing.assert_array_equal(centered.filter_indices, source.filter_indices)
    # flipping phases and moving commute
    flipped = source.phase_flip().images[:]
    if mode == "shift":
        flipped = Recenter(centered.centers.displacement).forward(flipped, np.arange(COUNT))
    scale = np.abs(flipped.asnumpy()).max()
    # but for the Nyquist frequency, where a shift is not defined
    np.testing.assert_allclose(centered.phase_flip().images[:].asnumpy(), flipped.asnumpy(), atol=1e-3 * scale)
    assert np.abs(flipped.asnumpy() - centered.images[:].asnumpy()).max() > 0.05 * scale


@EVEN_AND_ODD
@MODES
def test_saved_and_read_again(tmp_path, size, mode):
    centered = center(simulation(size, dtype=np.float32), mass, mode=mode)
    centered.save(str(tmp_path / "centered.star"), save_mode="single")
    again = aspire_source.RelionSource(str(tmp_path / "centered.star"))
    np.testing.assert_allclose(again.offsets, centered.offsets, atol=1e-5)
    np.testing.assert_allclose(again.images[:].asnumpy(), centered.images[:].asnumpy(), atol=1e-5)
    origin = again.get_metadata(["_centeringOriginXAngst", "_centeringOriginYAngst"]).astype(float)
    np.testing.assert_allclose(origin, -centered.centers.displacement[:, ::-1] * ANGPIX, atol=1e-5)
    assert np.abs(misplaced(center(again, mass, mode=mode))).max() < 0.02


def shells(a, b):
    """Return the Fourier shell correlation of two volumes."""
    return np.asarray(a.fsc(b)[1]).ravel()


@pytest.mark.parametrize("size", [16, 17])
def test_reconstructions_from_offsets_and_from_moved_pixels_agree(tmp_path, monkeypatch, size):
    from aspire.basis import FFBBasis3D
    from aspire.noise import WhiteNoiseAdder
    from aspire.reconstruction import MeanEstimator

    monkeypatch.chdir(tmp_path)  # MeanEstimator writes its checkpoints here
    source = simulation(size, count=60, dtype=np.float32, noise_adder=WhiteNoiseAdder.from_snr(1.0))
    basis = FFBBasis3D(size, dtype=np.float32)
    # of images in noise the centre of mass is anywhere: say what is true
    truth = mass(simulation(size, count=60, dtype=np.float32).images[:].asnumpy())

    def reconstructed(one):
        return MeanEstimator(one, basis=basis).estimate(tol=1e-3)

    centered = {
        mode: center(source, lambda _: truth, mode=mode, invert="no", batch_size=60) for mode in ("shift", "metadata")
    }
    volumes = {mode: reconstructed(one) for mode, one in centered.items()}
    halves = shells(*(reconstructed(centered["shift"][k::2]) for k in (0, 1)))
    assert halves.min() < 0.6  # this is noise
    assert shells(volumes["shift"], volumes["metadata"]).min() > 0.999
    assert shells(volumes["shift"], volume(size, np.float32)).min() > halves.min()
    twice = reconstructed(centered["shift"].update(offsets=source.offsets))
    assert shells(twice, volumes["metadata"]).min() < 0.9


@EVEN_AND_ODD
def test_large_reconstructions_agree(tmp_path, monkeypatch, size):
    from aspire.reconstruction import MeanEstimator

    monkeypatch.chdir(tmp_path)
    source = simulation(size, count=16, dtype=np.float32)
    # a rough solution will do: the modes need not converge to be equal
    shift, metadata = (
        MeanEstimator(center(source, mass, mode=mode)).estimate(tol=0.3) for mode in ("shift", "metadata")
    )
    assert shells(shift, metadata).min() > 0.999


def test_whole_pixels_leave_the_fraction_in_the_offsets():
    source = simulation(64)
    centered = center(source, mass, whole_pixels=True)
    assert np.abs(centered.offsets).max() <= 0.5
    assert np.abs(misplaced(centered)).max() < 0.02
    row, column = -np.rint(centered.centers.displacement[0]).astype(int)
    rolled = np.roll(source.images[0].asnumpy()[0], (row, column), axis=(0, 1))
    np.testing.assert_allclose(centered.images[0].asnumpy()[0], rolled, atol=1e-10)


def test_xform_moves_by_index_and_back():
    images = simulation(64).images[:]
    displacement = np.random.default_rng(0).normal(size=(COUNT, 2)) * 5
    xform = Recenter(displacement)
    part = np.array([7, 2])
    moved = xform.forward(images[part], part)
    expected = images[part].shift(displacement[part][:, ::-1])
    np.testing.assert_allclose(moved.asnumpy(), expected.asnumpy(), atol=1e-6 * images.asnumpy().max())
    np.testing.assert_allclose(xform.adjoint(moved, part).asnumpy(), images[part].asnumpy(), atol=1e-10)
    with pytest.raises(ValueError, match=r"\(3,\).*\(n, 2\)"):
        Recenter(np.zeros(3))


def micrographs(folder, size, dtype=np.float32):
    """Write two micrographs with particles at known places and picks that miss them; return both."""
    rng = np.random.default_rng(size)
    particle = simulate.GaussianParticle.random(size / 6, seed=1)
    files, truth = [], []
    for name in ("a", "b"):
        image = np.zeros((400, 500), dtype=dtype)
        picks = []
        for row in (80, 200, 330):
            for column in (90, 240, 400):
                off = rng.uniform(-size / 10, size / 10, size=2)
                whole = np.floor(off)
                patch = particle.project(simulate.rotations(1, rng), (off - whole)[None], size)[0]
                corner = np.array([row, column]) + whole.astype(int) - size // 2
                window = np.s_[corner[0] : corner[0] + size, corner[1] : corner[1] + size]
                image[window] += (patch * 20000 / patch.max()).astype(dtype)
                picks.append((column, row))
                truth.append((column + off[1], row + off[0]))
        with mrcfile.new(folder / f"{name}.mrc", image):
            pass
        (folder / f"{name}.coord").write_text("".join(f"{x} {y}\n" for x, y in picks))
        files.append((str(folder / f"{name}.mrc"), str(folder / f"{name}.coord")))
    return files, np.array(truth)


@EVEN_AND_ODD
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_picks_are_corrected_before_extraction(tmp_path, size, dtype):
    files, truth = micrographs(tmp_path, size, dtype)
    source = aspire_source.CentersCoordinateSource(files, pixel_size=ANGPIX, particle_size=size)
    centered = center(source, mass, whole_pixels=True)
    picks = centered.get_metadata(["_rlnCoordinateX", "_rlnCoordinateY"])
    assert np.abs(picks - truth).max() <= 0.55
    # the object is where the new box and the remaining offset say
    np.testing.assert_allclose(picks - centered.offsets, truth, atol=0.05)
    assert np.abs(misplaced(centered)).max() < 0.05
    # pixels come from the micrograph: nothing was wrapped around or interpolated
    column, row = np.asarray(picks[0]).astype(int) - size // 2
    with mrcfile.open(tmp_path / "a.mrc") as file:
        np.testing.assert_allclose(
            centered.images[0].asnumpy()[0], file.data[row : row + size, column : column + size], atol=0.01
        )
    assert np.abs(center(source, mass).offsets).max() == 0

    written = write_coordinates(centered, tmp_path / "picks")
    assert [path.name for path in written] == ["a.star", "b.star"]
    again = aspire_source.CentersCoordinateSource(
        [(files[0][0], str(written[0])), (files[1][0], str(written[1]))], pixel_size=ANGPIX, particle_size=size
    )
    np.testing.assert_allclose(again.images[:].asnumpy(), centered.images[:].asnumpy(), atol=0.01)
    picks = np.concatenate([starfile.read(path).to_numpy() for path in written])  # another reader than ASPIRE's
    np.testing.assert_array_equal(picks, centered.get_metadata(["_rlnCoordinateX", "_rlnCoordinateY"]))
    with pytest.raises(FileExistsError, match=r"a\.star.*another folder"):
        write_coordinates(centered, tmp_path / "picks")


def test_a_pick_near_the_border_moves_as_far_as_the_micrograph_reaches(tmp_path):
    image = np.zeros((100, 100), dtype=np.float32)
    image[18:23, 18:23] = 1.0  # a square about (20, 20): a box of 48 cannot have it in its middle
    with mrcfile.new(tmp_path / "m.mrc", image):
        pass
    (tmp_path / "m.coord").write_text("28 30\n")
    source = aspire_source.CentersCoordinateSource(
        [(str(tmp_path / "m.mrc"), str(tmp_path / "m.coord"))], pixel_size=1.0, particle_size=48
    )
    centered = center(source, mass, invert="no")
    assert centered.get_metadata(["_rlnCoordinateX", "_rlnCoordinateY"]).ravel().tolist() == [24, 24]
    assert np.abs(mass(centered.images[:].asnumpy()).displacement).max() < 1e-3


def test_relion_projections_shifted_against_centered(centering_data):
    folder = centering_data / "aspire_relion"
    centered = {}
    for name in ("shifted", "centered"):
        source = aspire_source.RelionSource(str(folder / f"rln_proj_64_{name}.star"), dtype=np.float32)
        centered[name] = center(source, SurrogateCenter(18), mode="metadata")
    star = (folder / "rln_proj_64_shifted.star").read_text().splitlines()
    known = np.array([line.split()[3:5] for line in star if "mrcs" in line], dtype=np.float64)
    assert np.abs(known).max() > 10
    moved = centered["shifted"].offsets - centered["centered"].offsets
    assert np.abs(moved - known).max() < 0.5


def test_bad_input_is_one_sentence():
    source = simulation(64, count=2)
    with pytest.raises(TypeError, match="source is ndarray; give an aspire ImageSource"):
        center(np.zeros((2, 8, 8)), mass)
    with pytest.raises(ValueError, match="mode is 'both'; choose"):
        center(source, mass, mode="both")
    with pytest.raises(ValueError, match="invert is 'maybe'; choose"):
        center(source, mass, invert="maybe")
    with pytest.raises(ValueError, match="batch_size is 0"):
        center(source, mass, batch_size=0)
    with pytest.raises(ValueError, match="no corrected picks"):
        write_coordinates(center(source, mass), "nowhere")


QUIET = """
import importlib, logging, sys
hook, known = sys.excepthook, logging.getLogger("mine")
root = logging.getLogger()
before = list(root.handlers), root.level
importlib.import_module(sys.argv[1])
assert "aspire" in sys.modules
assert sys.excepthook is hook
assert not known.disabled
assert (list(root.handlers), root.level) == before
"""


@pytest.mark.parametrize("plug_in", ["centering.aspire", "pswf.aspire"])
def test_the_import_leaves_no_trace(plug_in, tmp_path):
    processes.run([sys.executable, "-c", QUIET, plug_in], cwd=tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []


BARS = """
import numpy as np
from centering import CenterOfMass
from centering.aspire import center
from aspire.source import ArrayImageSource
center(ArrayImageSource(np.eye(12)[None] + np.zeros((3, 1, 1)), pixel_size=1), CenterOfMass()).cache()
"""


def test_aspire_still_works_without_its_log_handlers(tmp_path):
    """Its progress bars, which caching shows, ask the first handler of the root logger for its level."""
    processes.run([sys.executable, "-c", BARS], cwd=tmp_path, check=True)
