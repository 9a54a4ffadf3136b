"""Class averages, coordinates and shifted stacks against RELION's own programs."""

import importlib.util
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import processes
import pytest
import starfile
from click.testing import CliRunner
from datafiles import write_star
from hypothesis import given, settings
from hypothesis import strategies as st

from centering import simulate
from centering.cli import main
from centering.io.mrc import write_stack
from centering.io.star import StarFile
from centering.tools.coordinates import recenter_coordinates, round_half_away

COUNT, CLASSES, RADIUS = 24, 4, 14
PIXEL_SIZES = (1.25, 2.5)
GROUPS = np.arange(COUNT) % 2
SIZES = np.array(PIXEL_SIZES)[GROUPS]
EVEN_AND_ODD = pytest.mark.parametrize("size", [64, 65])


pytestmark = pytest.mark.usefixtures("relion")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    result = processes.run([str(one) for one in arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr + result.stdout


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def images_of(path):
    with mrcfile.open(path, permissive=True) as file:
        return file.data.astype(np.float64)


def center_of_mass(images):
    """Return the centre of mass as (x, y) in pixels from n // 2."""
    position = np.arange(images.shape[-1]) - images.shape[-1] // 2
    moments = np.stack([images.sum(axis=1) @ position, images.sum(axis=2) @ position], axis=1)
    return moments / images.sum(axis=(1, 2))[:, None]


def moved_by_relion(star, option="--apply_transformation"):
    run("relion_stack_create", "--i", star, "--o", "moved", option)
    return images_of("moved.mrcs")


def make_classes(size, *, angstrom=True):
    """Write off-centre class averages and particles that RELION's transformation brings into their frames."""
    rng = np.random.default_rng(size)
    density = simulate.GaussianParticle.random(RADIUS, seed=rng)
    views = simulate.rotations(CLASSES, rng)
    off = rng.uniform(-6, 6, size=(CLASSES, 2))  # (x, y) in pixels of the first optics group
    write_stack("classes.mrcs", density.project(views, off[:, ::-1], size), PIXEL_SIZES[0])
    classes = rng.integers(CLASSES, size=COUNT)
    psi = rng.uniform(-180, 180, COUNT)
    origin = rng.uniform(-4, 4, size=(COUNT, 2))
    scale = PIXEL_SIZES[0] / SIZES if angstrom else np.ones(COUNT)
    cosine, sine = np.cos(np.deg2rad(psi)), np.sin(np.deg2rad(psi))
    x, y = off[classes].T * scale
    place = np.stack([cosine * x + sine * y, cosine * y - sine * x], axis=1) - origin
    frames = views[classes]
    write_stack("stack.mrcs", density.project(frames, place[:, ::-1], size))
    names = [f"{k:06d}@stack.mrcs" for k in range(1, COUNT + 1)]
    columns = {"rlnAnglePsi": psi, "rlnClassNumber": classes + 1}
    if angstrom:
        columns |= {"rlnOriginXAngst": origin[:, 0] * SIZES, "rlnOriginYAngst": origin[:, 1] * SIZES}
        write_star("particles.star", names, GROUPS + 1, PIXEL_SIZES, **columns)
    else:
        columns |= {"rlnOriginX": origin[:, 0], "rlnOriginY": origin[:, 1], "rlnMicrographName": "m.mrc"}
        columns |= {"rlnDetectorPixelSize": 1.25, "rlnMagnification": 10000.0, "rlnVoltage": 300.0}
        columns |= {"rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.1}
        starfile.write(pd.DataFrame({"rlnImageName": names, **columns}), "particles.star")
    return off[classes] * scale[:, None]


@EVEN_AND_ODD
def test_particles_of_recentred_classes_land_on_the_centre_pixel(project, size):
    off = make_classes(size)
    # RELION agrees about where the particles were
    np.testing.assert_allclose(center_of_mass(moved_by_relion("particles.star")), off, atol=0.05)
    assert np.abs(off).max() > 3
    words = command("classes", "classes.mrcs", "particles.star", "--estimator", "mass", "--out", "out")
    assert f"{CLASSES} class averages" in words
    assert np.abs(center_of_mass(moved_by_relion("out/particles.star"))).max() < 0.05
    assert np.abs(center_of_mass(images_of("out/classes.mrcs"))).max() < 0.01
    rows = [line.split(",") for line in Path("out/classes.csv").read_text().splitlines()[1:]]
    assert [int(row[0]) for row in rows] == list(range(1, CLASSES + 1))
    assert sum(int(row[1]) for row in rows) == COUNT
    # everything else is kept, but for names, which lead to the same stack from everywhere
    before, after = (starfile.read(path)["particles"] for path in ("particles.star", "out/particles.star"))
    kept = [name for name in before if "Origin" not in name and name != "rlnImageName"]
    assert before[kept].equals(after[kept])
    names = [name.replace("@", f"@{Path.cwd()}/") for name in before["rlnImageName"]]
    assert after["rlnImageName"].tolist() == names


def test_origins_in_pixels_of_an_old_file(project):
    """RELION 3.0: no optics groups, origins in pixels, the scale of the averages that of the particles."""
    make_classes(64, angstrom=False)
    command("classes", "classes.mrcs", "particles.star", "--estimator", "mass", "--out", "out")
    # RELION 3.1 moves nothing by such a file before it has converted it
    run("relion_convert_star", "--i", "out/particles.star", "--o", "new.star")
    assert np.abs(center_of_mass(moved_by_relion("new.star"))).max() < 0.05


def test_classes_without_average_or_angle_are_one_sentence(project):
    make_classes(64)
    star = Path("particles.star").read_text()
    for text, words in [
        (star.replace("_rlnAnglePsi", "_rlnOther"), "no column rlnAnglePsi"),
        (star.replace("_rlnClassNumber", "_rlnOther"), "no column rlnClassNumber"),
    ]:
        Path("particles.star").write_text(text)
        output = command("classes", "classes.mrcs", "particles.star", "--radius", 8, "--out", "out", code=2)
        assert words in output
        assert output.count("Error") == 1
        assert not Path("out").exists()
    Path("particles.star").write_text(star)
    parsed = StarFile.read("particles.star")
    parsed.with_columns(parsed.particles, {"rlnClassNumber": ["1e300"] * COUNT}).write("huge.star")
    output = command("classes", "classes.mrcs", "huge.star", "--radius", 8, "--out", "out", code=2)
    assert "particle of class 1e+300" in output
    write_stack("classes.mrcs", images_of("classes.mrcs")[:2], PIXEL_SIZES[0])
    output = command("classes", "classes.mrcs", "particles.star", "--radius", 8, "--out", "out", code=2)
    assert "there are averages of the classes 1 to 2" in output


def test_an_empty_class_stays_where_it_is(project):
    off = make_classes(64)
    images = images_of("classes.mrcs")
    images[1] = 0
    write_stack("classes.mrcs", images, PIXEL_SIZES[0])
    command("classes", "classes.mrcs", "particles.star", "--radius", RADIUS, "--out", "out")
    before, after = (starfile.read(path)["particles"] for path in ("particles.star", "out/particles.star"))
    empty = before["rlnClassNumber"] == 2
    columns = ["rlnOriginXAngst", "rlnOriginYAngst"]
    np.testing.assert_allclose(before[columns][empty], after[columns][empty], atol=1e-5)
    assert np.abs(before[columns][~empty] - after[columns][~empty]).max(axis=1).min() > 0.1
    assert len(off) == COUNT


def make_picks(micrograph_pixel_size, *, movie=0.5, stated=False, header=True, seed=5, particle_pixel_size=2.5):
    """Write a micrograph and particles with coordinates and origins; halves of a pixel among them.

    As RELION leaves them: the particles say the pixel size of the movies only, ``stated``: or that of the micrographs.
    """
    rng = np.random.default_rng(seed)
    Path("mics").mkdir()
    with mrcfile.new("mics/m.mrc", rng.normal(size=(300, 320)).astype(np.float32)) as file:
        file.voxel_size = micrograph_pixel_size if header else 0.0
    optics = {
        "rlnOpticsGroup": [1],
        "rlnOpticsGroupName": ["g"],
        "rlnMicrographOriginalPixelSize": [movie],
        "rlnMicrographPixelSize": [micrograph_pixel_size],
        "rlnVoltage": [300.0],
        "rlnSphericalAberration": [2.7],
        "rlnAmplitudeContrast": [0.1],
    }
    micrographs = pd.DataFrame({"rlnMicrographName": ["mics/m.mrc"], "rlnOpticsGroup": [1]})
    starfile.write({"optics": pd.DataFrame(optics), "micrographs": micrographs}, "mics.star")
    origin = np.concatenate([rng.uniform(-9, 9, size=(8, 2)), [[0.5, -0.5], [1.5, -1.5], [-2.5, 0], [0.499, -0.501]]])
    if not stated:
        del optics["rlnMicrographPixelSize"]
    optics |= {"rlnImagePixelSize": [particle_pixel_size], "rlnImageSize": [32], "rlnImageDimensionality": [2]}
    write_stack("stack.mrcs", np.zeros((12, 32, 32)), particle_pixel_size)
    particles = {
        "rlnImageName": [f"{k:06d}@stack.mrcs" for k in range(1, 13)],
        "rlnMicrographName": "mics/m.mrc",
        "rlnCoordinateX": rng.integers(100, 200, 12).astype(float),
        "rlnCoordinateY": rng.integers(100, 200, 12).astype(float),
        "rlnOriginXAngst": origin[:, 0] * micrograph_pixel_size,
        "rlnOriginYAngst": origin[:, 1] * micrograph_pixel_size,
        "rlnOpticsGroup": 1,
    }
    starfile.write({"optics": pd.DataFrame(optics), "particles": pd.DataFrame(particles)}, "particles.star")


def extracted_by_relion():
    """Return the table of the particles that ``relion_preprocess --recenter`` extracts."""
    run(
        "relion_preprocess", "--i", "mics.star", "--reextract_data_star", "particles.star", "--recenter",
        "--extract", "--extract_size", 32, "--part_dir", "Particles/", "--part_star", "again.star",
    )  # fmt: skip
    return starfile.read("again.star")["particles"]


@pytest.mark.parametrize(
    ("micrograph_pixel_size", "made", "options"),
    [
        (1.25, {}, []),
        (2.5, {"movie": 1.25}, []),
        (1.25, {"header": False}, ["--micrographs", "mics.star"]),
        (1.25, {"header": False, "stated": True}, []),
        (0.83, {"header": False}, ["--mic-angpix", 0.83]),
        (2.5, {"header": False, "movie": 2.5}, []),
    ],
    ids=["header, binned", "header, same scale", "micrographs", "stated", "given", "movies not binned"],
)
def test_coordinates_are_those_of_relion(project, micrograph_pixel_size, made, options):
    make_picks(micrograph_pixel_size, **made)
    words = command("extract-coordinates", "particles.star", "--out", "picks.star", *options)
    assert "12 picks" in words
    assert "warning" not in words
    ours, relions = starfile.read("picks.star")["particles"], extracted_by_relion()
    for axis in "XY":
        np.testing.assert_array_equal(ours[f"rlnCoordinate{axis}"], relions[f"rlnCoordinate{axis}"])
        np.testing.assert_allclose(ours[f"rlnOrigin{axis}Angst"], relions[f"rlnOrigin{axis}Angst"], atol=0.01)
    assert np.ptp(ours["rlnCoordinateX"] - starfile.read("particles.star")["particles"]["rlnCoordinateX"]) > 8
    assert "exists; give another name" in command(
        "extract-coordinates", "particles.star", "--out", "picks.star", code=2
    )


@settings(max_examples=5)
@given(st.floats(0.4, 3.0), st.floats(1.0, 4.0), st.integers(0, 2**31))
def test_coordinates_are_those_of_relion_at_any_scale(tmp_path_factory, micrograph, binning, seed):
    """Origins are whole, half or any numbers of micrograph pixels, some of them written with few decimals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("drawn"))
        make_picks(round(micrograph, 6), header=False, seed=seed, particle_pixel_size=round(micrograph * binning, 6))
        recentered = recenter_coordinates(StarFile.read("particles.star"), micrographs="mics.star").star
        relions = extracted_by_relion()
        for axis in "XY":
            label = f"rlnCoordinate{axis}"
            np.testing.assert_array_equal(recentered.numbers(recentered.particles, label), relions[label])


def test_coordinates_of_relion_3_0_are_those_that_relion_converts(project):
    make_picks(1.0, header=False)
    microscope, scale = "300 2.7 0.1", "_rlnMagnification\n_rlnDetectorPixelSize"
    labels = "_rlnVoltage\n_rlnSphericalAberration\n_rlnAmplitudeContrast"
    defocus = "_rlnDefocusU\n_rlnDefocusV\n_rlnDefocusAngle"
    row = f"mics/m.mrc {microscope} 10000 1 10000 10000 0"
    Path("mics.star").write_text(f"data_\n\nloop_\n_rlnMicrographName\n{labels}\n{scale}\n{defocus}\n{row}\n")
    origins = np.round(np.random.default_rng(3).uniform(-9, 9, size=(12, 2)) * 8) / 8  # halves of micrograph pixels
    rows = [
        f"{k}@stack.mrcs mics/m.mrc {100 + k} {150 - k} {x} {y} {microscope} 2500 1"
        for k, (x, y) in enumerate(origins.tolist(), 1)
    ]
    places = "\n".join(f"_rln{label}" for label in ("CoordinateX", "CoordinateY", "OriginX", "OriginY"))
    Path("particles.star").write_text(
        f"data_\n\nloop_\n_rlnImageName\n_rlnMicrographName\n{places}\n{labels}\n{scale}\n" + "\n".join(rows) + "\n"
    )
    words = command("extract-coordinates", "particles.star", "--out", "picks.star", code=2)
    assert "give it (--mic-angpix), or their STAR file (--micrographs)" in words
    command("extract-coordinates", "particles.star", "--out", "picks.star", "--micrographs", "mics.star")
    ours, relions = starfile.read("picks.star"), extracted_by_relion()
    for axis in "XY":
        np.testing.assert_array_equal(ours[f"rlnCoordinate{axis}"], relions[f"rlnCoordinate{axis}"])


def test_halves_are_rounded_away_from_zero():
    values = np.array([0.5, -0.5, 1.5, -1.5, 2.5, 0.49, -0.49, 0.0, -3.0])
    np.testing.assert_array_equal(round_half_away(values), [1, -1, 2, -2, 3, 0, 0, 0, -3])


@EVEN_AND_ODD
def test_applied_origins_centre_the_images_as_relion_does(project, size):
    simulation = simulate.particles(COUNT, size, radius=RADIUS, max_shift=8, dtype=np.float64, seed=2)
    write_stack("stack.mrcs", simulation.images)
    names = [f"{k:06d}@stack.mrcs" for k in range(1, COUNT + 1)]
    write_star("plain.star", names, GROUPS + 1, PIXEL_SIZES, rlnAnglePsi=np.zeros(COUNT))
    StarFile.read("plain.star").with_origins(simulation.displacement, SIZES).write("particles.star")
    command("apply", "particles.star", "--out", "out")
    ours = images_of("out/recentered.mrcs")
    assert np.abs(center_of_mass(ours)).max() < 0.01
    # RELION interpolates linearly, which blurs: the same places, nearly the same pixels
    relions = moved_by_relion("particles.star")
    assert np.abs(relions - ours).max() < 0.08 * ours.max()
    assert not StarFile.read("out/recentered.star").displacements(SIZES).any()

    command("apply", "particles.star", "--out", "whole", "--whole-pixels")
    rounded = moved_by_relion("particles.star", "--apply_rounded_offsets_only")
    np.testing.assert_allclose(images_of("whole/recentered.mrcs"), rounded, atol=1e-6 * rounded.max())
    left = StarFile.read("whole/recentered.star").displacements(SIZES)
    assert 0.3 < np.abs(left).max() <= 0.5
    # what is left brings them to the centre
    assert np.abs(center_of_mass(moved_by_relion("whole/recentered.star"))).max() < 0.1


def test_apply_needs_origins(project):
    write_stack("stack.mrcs", np.zeros((2, 16, 16)))
    write_star("particles.star", ["1@stack.mrcs", "2@stack.mrcs"])
    assert "has no origins" in command("apply", "particles.star", "--out", "out", code=2)
    assert "holds no origins" in command("apply", "stack.mrcs", "--out", "out", code=2)
    assert not Path("out").exists()


@EVEN_AND_ODD
def test_relion_reads_what_a_watch_has_collected(project, size):
    density = simulate.GaussianParticle.random(RADIUS, seed=1)
    rng = np.random.default_rng(1)
    for name, pixel_size in zip("ab", PIXEL_SIZES, strict=True):
        off = rng.uniform(-6, 6, size=(5, 2))
        Path("arriving").mkdir(exist_ok=True)
        write_stack(f"arriving/{name}.mrcs", density.project(simulate.rotations(5, rng), off, size), pixel_size)
    options = ["--estimator", "mass", "--settle", 0.1, "--interval", 0.05, "--until-idle", 0.3]
    assert "stopped: 2 stacks with 10 particles" in command("watch", "arriving", "--out", "live", *options)
    assert np.abs(center_of_mass(np.concatenate([images_of(f"arriving/{name}.mrcs") for name in "ab"]))).max() > 4
    assert np.abs(center_of_mass(moved_by_relion("live/particles.star"))).max() < 0.1


@EVEN_AND_ODD
def test_shifts_of_cryosparc_mean_to_relion_what_they_mean_here(project, size):
    rng = np.random.default_rng(2)
    density = simulate.GaussianParticle.random(RADIUS, seed=2)
    off = rng.uniform(-6, 6, size=(6, 2))
    write_stack("stack.mrcs", density.project(simulate.rotations(6, rng), off, size), 1.25)
    fields = [("blob/path", "S12"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4"), ("blob/shape", "<u4", (2,))]
    table = np.zeros(6, dtype=[*fields, ("alignments2D/shift", "<f4", (2,)), ("alignments2D/psize_A", "<f4")])
    table["blob/path"], table["blob/idx"], table["blob/shape"] = b">stack.mrcs", np.arange(6), size
    table["blob/psize_A"], table["alignments2D/psize_A"] = 1.25, 2.5
    # pixels of 2.5 A, (x, y), to be added
    table["alignments2D/shift"] = -off[:, ::-1] / 2
    with Path("p.cs").open("wb") as file:
        np.save(file, table)
    command("convert", "p.cs", "p.star")
    assert np.abs(center_of_mass(moved_by_relion("p.star"))).max() < 0.1


@EVEN_AND_ODD
def test_simulated_origins_are_true_for_relion(project, size):
    if importlib.util.find_spec("aspire") is None:
        pytest.skip("needs ASPIRE-Python: pip install 'pswf-centering[aspire]'")
    command("simulate", "--count", 6, "--size", size, "--snr", "inf", "--max-shift", 7, "--out", "simulated")
    assert np.abs(center_of_mass(images_of("simulated/particles.mrcs"))).max() > 4
    assert np.abs(center_of_mass(moved_by_relion("simulated/particles.star"))).max() < 0.1
