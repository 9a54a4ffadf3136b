"""A name in a file is relative to a folder that nobody states: what it leads to, and when that is doubtful."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.io.places import Place, find_file
from centering.io.stack import absolute

NAME = "Extract/job012/m.mrcs"


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in an empty folder, far from the temporary files of others."""
    monkeypatch.chdir(tmp_path)


def put(folder, level=0.0, name=NAME):
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_stack(path, np.full((2, 4, 4), level), 1.5)
    return path


def test_an_absolute_name_is_that_of_the_same_file_also_through_links():
    for folder in ("far/deep", "here"):
        Path(folder).mkdir(parents=True)
    Path("here/link").symlink_to(Path("far/deep").absolute())
    Path("far/x").write_text("")
    for name in ("here/link/../x", "here/../far/x", "here/link/../not/yet", "far/./x"):
        full = Path(absolute(name))
        assert full.is_absolute()
        assert full.resolve() == Path(os.path.realpath(name))
    assert absolute("here/link/x") == os.path.abspath("here/link/x")  # noqa: PTH100


def star(folder, name=NAME):
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "p.star").write_text(f"data_\n\nloop_\n_rlnImageName\n1@{name}\n2@{name}\n")
    return Path(folder, "p.star")


def opened(path):
    """Return the level of the images that are taken, and the warnings about names."""
    particles = open_particles(path)
    return particles.read([0])[0, 0, 0], [words for words in particles.warnings if "fits two files" in words]


def test_two_projects_with_the_same_jobs_are_said(monkeypatch):
    mine, other = put("B", 2.0), put("A", 1.0)
    source = star("A/Extract/job012").absolute()
    assert opened(source) == (1.0, [])
    monkeypatch.chdir("B")
    level, [words] = opened(source)
    assert level == 2.0
    mine, other = (repr(os.fspath(Path("..", one).resolve())) for one in (mine, other))
    assert f"{NAME!r} in {os.fspath(source)!r} fits two files: {mine}, which was taken, and {other}" in words
    monkeypatch.chdir("../A")
    assert opened(source) == (1.0, [])


def test_one_file_by_two_ways_is_one(monkeypatch):
    put("A", 1.0)
    source = star("A/Extract/job012").absolute()
    Path("B").mkdir()
    Path("B/Extract").symlink_to(Path("A/Extract").absolute())
    Path("C/Extract/job012").mkdir(parents=True)
    os.link(f"A/{NAME}", f"C/{NAME}")
    for folder in "BC":
        monkeypatch.chdir(source.parents[3] / folder)
        assert opened(source) == (1.0, [])


def test_a_job_within_the_project_that_holds_the_same_name():
    put(".", 1.0, "m.mrcs")
    put("job", 2.0, "m.mrcs")
    level, found = opened(star("job", "m.mrcs"))
    assert (level, len(found)) == (1.0, 1)


def test_what_lies_further_up_is_nobodys(monkeypatch):
    put(".", 1.0, "m.mrcs")
    put("project", 2.0, "m.mrcs")
    source = star("project/job", "m.mrcs").absolute()
    monkeypatch.chdir("project")
    assert opened(source) == (2.0, [])
    Path("else").mkdir()
    monkeypatch.chdir("else")
    assert opened(source) == (2.0, [])  # a bare name, and the nearest file


def test_projects_within_each_other_are_said_where_none_is_the_current_folder(monkeypatch, tmp_path):
    put("out", 1.0)
    put("out/in", 2.0)
    source = star("out/in/job").absolute()
    (tmp_path / "else").mkdir()
    monkeypatch.chdir("else")
    level, found = opened(source)
    assert (level, len(found)) == (2.0, 1)
    monkeypatch.chdir("../out/in")
    assert opened(source) == (2.0, [])
    monkeypatch.chdir("..")
    level, found = opened(source)
    assert (level, len(found)) == (1.0, 1)


def test_a_stack_by_itself_is_what_its_path_says(monkeypatch):
    put("A", 1.0)
    put("A/Extract/job012/A", 2.0)
    assert opened(f"A/{NAME}") == (1.0, [])


@given(
    st.sets(st.sampled_from(["", "A", "A/B", "A/B/C", "D"]), min_size=1),
    st.sampled_from(["A", "A/B", "A/B/C"]),
    st.sampled_from(["", "A", "A/B", "D"]),
)
def test_what_is_taken_is_as_before_and_doubtful_where_another_start_takes_another(tmp_path_factory, there, home, here):
    root = tmp_path_factory.mktemp("tree")
    for folder in ("A/B/C", "D", *there):
        (root / folder / "sub").mkdir(parents=True, exist_ok=True)
    for folder in there:
        (root / folder / "sub/x").write_text(folder)
    before = Path.cwd()
    try:
        os.chdir(root / here)
        place = Place(root / home / "p.star")
        found, taken = place.fitting("sub/x"), find_file("sub/x", place)
        tree = [root / home, *(one for one in (root / home).parents if one.is_relative_to(root))]
        up = [one / "sub/x" for one in tree if (one / "sub/x").is_file()]
        first = [root / here / "sub/x"] if here in there else []
        assert (taken is None) == (not first and not up)
        if taken is not None:
            assert taken.resolve() == (first or up)[0]
            expected = bool(up) and first[0] != up[0] if first else len(up) > 1
            assert (len(found) > 1) == expected
    finally:
        os.chdir(before)


def test_particles_that_were_opened_can_be_sent_to_another_process():
    put("A", 1.0)
    particles = open_particles(star("A/Extract/job012"))
    again = pickle.loads(pickle.dumps(particles))
    assert again.star.names == particles.star.names
    assert [one.of(0) for one in again.pixel_size_stated] == [one.of(0) for one in particles.pixel_size_stated]
    np.testing.assert_array_equal(again.read([1]), particles.read([1]))
