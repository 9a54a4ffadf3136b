"""From names in a STAR file to pixels: paths, pixel sizes, and what can be wrong with them."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from datafiles import write_star

from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.io.particles import ArrayStack


@pytest.fixture
def two_stacks(tmp_path, rng, monkeypatch):
    """Return a project folder, also the current one, with a.mrcs (4 images) and micrographs/b.mrcs (3 images)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "micrographs").mkdir()
    images = rng.normal(size=(7, 8, 8)).astype(np.float32)
    write_stack("a.mrcs", images[:4])
    write_stack("micrographs/b.mrcs", images[4:], 3.0)
    return images


NAMES = ["3@micrographs/b.mrcs", "000001@a.mrcs", "1@micrographs/b.mrcs", "4@a.mrcs", "2@a.mrcs"]
WHERE = [6, 0, 4, 3, 1]


def test_images_come_in_the_order_of_the_rows(two_stacks):
    particles = open_particles(write_star("p.star", NAMES))
    assert (len(particles), particles.size) == (5, 8)
    for wanted in (np.arange(5), np.array([4, 0, 0, 3]), np.array([], dtype=int)):
        np.testing.assert_array_equal(particles.read(wanted), two_stacks[np.array(WHERE, dtype=int)[wanted]])
    assert particles.name(0) == "000003@micrographs/b.mrcs"


@dataclass(frozen=True)
class Watched(ArrayStack):
    calls: list = field(default_factory=list)

    def read(self, indices):
        self.calls.append(list(indices))
        return super().read(indices)


def test_every_file_is_read_once_and_in_ascending_order(two_stacks):
    particles = open_particles(write_star("p.star", NAMES))
    watched = tuple(Watched(part) for part in (two_stacks[4:], two_stacks[:4]))
    images = replace(particles, stacks=watched).read(np.array([3, 0, 4, 2, 1]))
    np.testing.assert_array_equal(images, two_stacks[[3, 6, 1, 4, 0]])
    assert [stack.calls for stack in watched] == [[[0, 2]], [[0, 1, 3]]]


@pytest.mark.parametrize("place", ["job1", "job1/deep/er"])
def test_names_are_found_from_the_folder_of_the_star_file_and_its_parents(two_stacks, tmp_path, monkeypatch, place):
    (tmp_path / place).mkdir(parents=True)
    star = write_star(tmp_path / place / "p.star", NAMES)
    assert open_particles(star).notes == ()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    particles = open_particles(star)
    np.testing.assert_array_equal(particles.read(np.arange(5)), two_stacks[WHERE])
    assert [f"relative to '{tmp_path}'" in note for note in particles.notes] == [True]


def test_the_current_folder_comes_before_that_of_the_star_file(two_stacks, tmp_path):
    (tmp_path / "old").mkdir()
    write_stack("old/a.mrcs", np.zeros((4, 8, 8)))
    particles = open_particles(write_star("old/p.star", ["2@a.mrcs"]))
    np.testing.assert_array_equal(particles.read([0])[0], two_stacks[1])


def test_absolute_linked_and_foreign_names_are_found(two_stacks, tmp_path):
    Path("link.mrcs").symlink_to("a.mrcs")
    Path("micrographs/b.mrcs").rename("micrographs/äöü.mrcs")
    names = [f"1@{tmp_path}/a.mrcs", "2@link.mrcs", "1@micrographs/äöü.mrcs"]
    np.testing.assert_array_equal(open_particles(write_star("p.star", names)).read(np.arange(3)), two_stacks[[0, 1, 4]])


def test_a_name_without_number_is_a_file_of_one_image(two_stacks):
    write_stack("one.mrc", two_stacks[:1])
    np.testing.assert_array_equal(open_particles(write_star("p.star", ["one.mrc"])).read([0]), two_stacks[:1])


def test_pixel_size_by_optics_group(two_stacks):
    particles = open_particles(write_star("p.star", NAMES, [1, 2, 1, 2, 2], (1.25, 2.5)))
    np.testing.assert_array_equal(particles.pixel_size, [1.25, 2.5, 1.25, 2.5, 2.5])
    assert "optics groups" in particles.pixel_size_source
    given = open_particles("p.star", 7.0)
    np.testing.assert_array_equal(given.pixel_size, np.full(5, 7.0))
    assert given.pixel_size_source == "given"


def test_pixel_size_of_a_3_0_file(two_stacks, tmp_path):
    text = "data_\n\nloop_\n_rlnImageName\n_rlnMagnification\n_rlnDetectorPixelSize\n1@a.mrcs 50000 7\n2@a.mrcs 38168 5"
    (tmp_path / "p.star").write_text(text)
    particles = open_particles("p.star")
    np.testing.assert_allclose(particles.pixel_size, [1.4, 1.31], rtol=1e-5)
    assert "magnification" in particles.pixel_size_source


def test_pixel_size_from_the_headers_or_not_at_all(two_stacks, tmp_path):
    (tmp_path / "p.star").write_text("data_\n\nloop_\n_rlnImageName\n1@micrographs/b.mrcs\n")
    particles = open_particles("p.star")
    np.testing.assert_allclose(particles.pixel_size, [3.0])
    assert "headers" in particles.pixel_size_source
    (tmp_path / "p.star").write_text("data_\n\nloop_\n_rlnImageName\n1@micrographs/b.mrcs\n1@a.mrcs\n")
    assert open_particles("p.star").pixel_size is None
    assert open_particles("a.mrcs").pixel_size is None
    np.testing.assert_allclose(open_particles("micrographs/b.mrcs").pixel_size, np.full(3, 3.0))


def test_integers_are_converted_and_said_once(two_stacks, tmp_path):
    for name in ("c.mrcs", "d.mrcs"):
        with mrcfile.new(name) as file:
            file.set_data(np.arange(128, dtype=np.int16).reshape(2, 8, 8))
    particles = open_particles(write_star("p.star", ["1@c.mrcs", "2@d.mrcs", "1@a.mrcs"]))
    assert particles.notes == ("pixels are stored as int16 and are converted to float32",)
    assert particles.read(np.arange(3)).dtype == np.float32
    np.testing.assert_array_equal(particles.read([1])[0].ravel(), np.arange(64, 128))


def optics_text(optics, particles):
    return f"data_optics\n\nloop_\n{optics}\n\ndata_particles\n\nloop_\n{particles}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data_\n\nloop_\n_rlnImageName\n5@a.mrcs\n", "asks for image 5 of 'a.mrcs', which holds 4 images"),
        ("data_\n\nloop_\n_rlnImageName\n0@a.mrcs\n", "image name '0@a.mrcs'; it must look like"),
        ("data_\n\nloop_\n_rlnImageName\nx@a.mrcs\n", "image name 'x@a.mrcs'"),
        ("data_\n\nloop_\n_rlnImageName\n1@\n", "image name '1@'"),
        (f"data_\n\nloop_\n_rlnImageName\n{9**25}@a.mrcs\n", "image name"),
        (
            "data_\n\nloop_\n_rlnImageName\n1@gone.mrcs\n1@a.mrcs\n1@gone/too.mrcs\n",
            r"'gone.mrcs' \(and 1 more of the 3 stacks\) .* was not found",
        ),
        (
            optics_text("_rlnOpticsGroup\n_rlnImagePixelSize\n1 1.5", "_rlnImageName\n_rlnOpticsGroup\n1@a.mrcs 2"),
            "particles of optics group 2, which is not in its data_optics",
        ),
        (
            optics_text("_rlnOpticsGroup\n_rlnImagePixelSize\n1 1.5\n2 3", "_rlnImageName\n1@a.mrcs"),
            "2 optics groups and does not say which particle belongs to which",
        ),
        (
            optics_text("_rlnOpticsGroup\n_rlnImagePixelSize\n1 0.0", "_rlnImageName\n_rlnOpticsGroup\n1@a.mrcs 1"),
            "gives a pixel size of 0 Angstrom",
        ),
    ],
)  # fmt: skip
def test_star_files_that_do_not_fit_their_stacks(two_stacks, tmp_path, text, message):
    (tmp_path / "p.star").write_text(text)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        open_particles("p.star")
    assert "\n" not in str(caught.value)


def test_images_of_other_shapes_are_refused(two_stacks):
    write_stack("c.mrcs", np.zeros((1, 10, 10)))
    with pytest.raises(ValueError, match=r"images of 8 pixels and 'c\.mrcs' of 10"):
        open_particles(write_star("p.star", ["1@a.mrcs", "1@c.mrcs"]))
    with mrcfile.new("d.mrc", np.zeros((6, 8), dtype=np.float32)):
        pass
    with pytest.raises(ValueError, match="6 x 8 pixels; they must be square"):
        open_particles("d.mrc")


@pytest.mark.parametrize("pixel_size", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_pixel_size_is_refused(two_stacks, pixel_size):
    with pytest.raises(ValueError, match="give a positive number of Angstrom per pixel"):
        open_particles("a.mrcs", pixel_size)


def test_other_files_are_refused(two_stacks, tmp_path):
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(ValueError, match=r"extension '\.txt'"):
        open_particles("x.txt")
    with pytest.raises(ValueError, match="is a folder"):
        open_particles(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_particles("none.star")
