"""RELION itself moves the particles by the origins that were written: they must land on the centre pixel.

``relion_stack_create --apply_transformation`` adds the origin, then turns by psi about the centre pixel, so an
object at the centre stays there whatever psi is.
"""

from pathlib import Path

import mrcfile
import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner
from datafiles import write_star

from centering import simulate
from centering.cli import main
from centering.io.mrc import write_stack
from centering.io.star import StarFile

COUNT, RADIUS = 12, 16
PIXEL_SIZES = (1.25, 2.6)
GROUPS = np.arange(COUNT) % 2
EVEN_AND_ODD = pytest.mark.parametrize("size", [64, 65])


pytestmark = pytest.mark.usefixtures("relion")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_dataset(size, *, psi=True, particle=None, stale=True):
    """Write two stacks and a STAR file with two optics groups; return the known displacements."""
    simulation = simulate.particles(
        COUNT, size, radius=RADIUS, max_shift=10, particle=particle, dtype=np.float64, seed=size
    )
    rng = np.random.default_rng(size)
    for group in (0, 1):
        write_stack(f"group{group}.mrcs", simulation.images[group == GROUPS], PIXEL_SIZES[group])
    names = [f"{k // 2 + 1:06d}@group{k % 2}.mrcs" for k in range(COUNT)]
    columns = {"rlnAnglePsi": rng.uniform(-180, 180, COUNT) if psi else np.zeros(COUNT)}
    if stale:  # what stood there before must not matter
        columns |= {"rlnOriginXAngst": rng.normal(size=COUNT), "rlnOriginYAngst": rng.normal(size=COUNT)}
    write_star("particles.star", names, GROUPS + 1, PIXEL_SIZES, **columns)
    return simulation.displacement


def moved_by_relion(star):
    """Return where the centres of mass lie, relative to n // 2, after RELION has applied the origins of ``star``."""
    arguments = ["relion_stack_create", "--i", star, "--o", "moved", "--apply_transformation"]
    result = processes.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr + result.stdout
    with mrcfile.open("moved.mrcs", permissive=True) as file:
        images = file.data.astype(np.float64)
    position = np.arange(images.shape[-1]) - images.shape[-1] // 2
    mass = images.sum(axis=(1, 2))[:, None]
    return np.stack([images.sum(axis=2) @ position, images.sum(axis=1) @ position], axis=1) / mass


def center(*arguments):
    result = CliRunner().invoke(main, ["run", *arguments, "--out", "out"], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@EVEN_AND_ODD
@pytest.mark.parametrize("stale", [False, True], ids=["no origins", "stale origins"])
def test_known_displacements_land_on_the_centre_pixel(project, size, stale):
    displacement = make_dataset(size, stale=stale)
    assert np.abs(displacement).max() > 7
    sizes = np.array(PIXEL_SIZES)[GROUPS]
    StarFile.read("particles.star").with_origins(displacement, sizes).write("known.star")
    assert np.abs(moved_by_relion("known.star")).max() < 0.1


@EVEN_AND_ODD
def test_the_sign_and_the_unit_matter(project, size):
    """The test above can fail: with the wrong sign, axis order or unit objects land elsewhere."""
    displacement = make_dataset(size)
    sizes = np.array(PIXEL_SIZES)[GROUPS]
    star = StarFile.read("particles.star")
    for wrong in (-displacement, displacement[:, ::-1], displacement / sizes[:, None]):
        star.with_origins(wrong, sizes).write("wrong.star")
        assert np.abs(moved_by_relion("wrong.star")).max() > 2


@EVEN_AND_ODD
def test_origins_written_by_the_command_land_on_the_centre_pixel(project, size):
    # without noise the centre of mass is exact for any particle
    make_dataset(size)
    center("particles.star", "--estimator", "mass")
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1


@EVEN_AND_ODD
def test_surrogate_centres_land_on_the_centre_pixel(project, size):
    # of a round particle every estimator must find the same centre
    make_dataset(size, particle=simulate.GaussianParticle(np.ones(1), np.zeros((1, 3)), 25.0 * np.eye(3)[None]))
    center("particles.star", "--radius", str(RADIUS))
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1


def test_relion_moves_lopsided_particles_by_what_was_found(project):
    displacement = make_dataset(64, psi=False)
    center("particles.star", "--radius", str(RADIUS))
    table = starfile.read("out/particles.star")["particles"]
    origin = np.stack([table["rlnOriginYAngst"], table["rlnOriginXAngst"]], axis=1)
    found = -origin / np.array(PIXEL_SIZES)[GROUPS, None]
    np.testing.assert_allclose(moved_by_relion("out/particles.star"), displacement - found, atol=0.1)


def test_the_recentred_stack_needs_no_more_moving(project):
    make_dataset(64, psi=False)
    center("particles.star", "--estimator", "mass", "--write-stack")
    assert np.abs(moved_by_relion("out/recentered.star")).max() < 0.1
    with mrcfile.open("moved.mrcs", permissive=True) as moved, mrcfile.open("out/recentered.mrcs") as ours:
        np.testing.assert_allclose(moved.data, ours.data, atol=1e-6 * ours.data.max())


def test_relion_reads_the_star_file_written_for_a_bare_stack(project):
    make_dataset(64)
    center("group0.mrcs", "--angpix", "1.25", "--estimator", "mass")
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1
    assert Path("moved.star").exists()


def test_dialects_that_relion_reads_are_read_and_written(project):
    """A byte order mark, pairs, decimals of optics groups, a format behind the name, many digits, RELION's comments."""
    displacement = make_dataset(64, stale=False)[GROUPS == 0]
    Path("group0.mrcs").rename("group0.mrc")
    optics = {"rlnOpticsGroup": "1.0", "rlnOpticsGroupName": "a", "rlnImagePixelSize": "1.25", "rlnImageSize": "64"}
    optics |= {"rlnImageDimensionality": "2", "rlnVoltage": "3e2", "rlnSphericalAberration": "2.7"}
    text = "data_optics\n\n" + "".join(
        f"_{label}\t{value}\n" for label, value in (optics | {"rlnAmplitudeContrast": ".1"}).items()
    )
    text += "\n  data_particles\n\n loop_\n_rlnImageName\n; a comment\n # another\n\n_rlnOpticsGroup\n_rlnAnglePsi\n"
    text += "".join(f"{k:020d}@./group0.mrc:mrcs\t1.000000\t{30 * k} \n" for k in range(1, 7))
    Path("odd.star").write_text("\ufeff" + text, encoding="utf-8")
    assert np.abs(moved_by_relion("odd.star") - displacement).max() > 2  # it reads the file before we did anything
    center("odd.star", "--estimator", "mass")
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1
