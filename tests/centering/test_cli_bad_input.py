"""Every bad input: exit code 2, one sentence on standard error, no traceback, nothing written."""

import os

import mrcfile
import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import RADIUS, dataset, write_star

from centering.cli import main
from centering.io.mrc import write_stack

RUN = ("run", "{input}", "--out", "out")
WITH_RADIUS = (*RUN, "--radius", str(RADIUS))


def rectangular(folder):
    with mrcfile.new(folder / "bad.mrcs", np.zeros((3, 8, 10), dtype=np.float32)) as file:
        file.set_image_stack()


def complex_pixels(folder):
    with mrcfile.new(folder / "bad.mrcs", np.zeros((3, 8, 8), dtype=np.complex64)) as file:
        file.set_image_stack()


def empty_stack(folder):
    write_stack(folder / "bad.mrcs", np.zeros((1, 8, 8)))
    header = bytearray((folder / "bad.mrcs").read_bytes()[:1024])
    header[8:12] = bytes(4)
    (folder / "bad.mrcs").write_bytes(header)


def truncated(folder):
    path = folder / "stack.mrcs"
    path.write_bytes(path.read_bytes()[:2000])


def no_pixel_size(folder):
    (folder / "p.star").write_text("data_\n\nloop_\n_rlnImageName\n1@stack.mrcs\n")


def angstrom_without_pixel_size(folder):
    (folder / "p.star").write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroup\n1\n\n"
        "data_particles\n\nloop_\n_rlnImageName\n_rlnOpticsGroup\n1@stack.mrcs 1\n"
    )


def star(text):
    def make(folder):
        (folder / "p.star").write_text(text)

    return make


def mixed_sizes(folder):
    write_stack(folder / "small.mrcs", np.zeros((1, 8, 8)))
    write_star(folder / "p.star", ["1@stack.mrcs", "1@small.mrcs"])


def twice(folder):
    write_star(folder / "p.star", ["000003@stack.mrcs", "2@stack.mrcs", "3@stack.mrcs", "2@stack.mrcs"])


def optics_group_without_pixel_size(folder):
    (folder / "p.star").write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n1 1.5\n2 <NA>\n\n"
        "data_particles\n\nloop_\n_rlnImageName\n_rlnOpticsGroup\n1@stack.mrcs 1\n2@stack.mrcs 2\n"
    )


def empty_optics(folder):
    (folder / "p.star").write_text(
        "data_optics\n\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n\n"
        "data_particles\n\nloop_\n_rlnImageName\n_rlnOpticsGroup\n1@stack.mrcs 1\n"
    )


def blobs(**values):
    def make(folder):
        table = np.zeros(2, dtype=[("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")])
        table["blob/path"], table["blob/psize_A"], table["blob/idx"] = b">stack.mrcs", 1.5, [0, 1]
        for name, value in values.items():
            table[f"blob/{name}"] = value
        with (folder / "p.cs").open("wb") as file:
            np.save(file, table)

    return make


def without_blobs(folder):
    with (folder / "p.cs").open("wb") as file:
        np.save(file, np.zeros(2, dtype=[("uid", "<u8"), ("alignments2D/shift", "<f4", (2,))]))


def line_break(folder):
    (folder / "stack.mrcs").rename(folder / "a\nb.mrcs")


def pipe(folder):
    os.mkfifo(folder / "p.star")


def link_to_nothing(folder):
    (folder / "out").symlink_to("gone")


def link_to_itself(folder):
    (folder / "p.star").symlink_to("p.star")


def origins_that_are_no_numbers(folder):
    columns = {"rlnOriginXAngst": ["1", "nan"], "rlnOriginYAngst": ["1", "2"]}
    write_star(folder / "p.star", ["1@stack.mrcs", "2@stack.mrcs"], **columns)


def existing_folder(folder):
    (folder / "out").mkdir()


def existing_file(folder):
    (folder / "out").write_text("mine")


def nothing(folder):
    pass


CASES = {
    # name: (what to prepare, INPUT, arguments, words of the sentence)
    "no such file": (nothing, "gone.star", WITH_RADIUS, "'gone.star' does not exist"),
    "a folder": (nothing, ".", WITH_RADIUS, "is a folder"),
    "another kind of file": (star(""), "stack.png", WITH_RADIUS, "does not exist"),
    "not a STAR file": (star("\x00\x01\x02"), "p.star", WITH_RADIUS, "not a STAR file"),
    "no image names": (
        star("data_\n\nloop_\n_rlnDefocusU\n1\n"), "p.star", WITH_RADIUS, "no column rlnImageName",
    ),
    "no particles": (star("data_\n\nloop_\n_rlnImageName\n"), "p.star", WITH_RADIUS, "lists no particles"),
    "missing stack": (
        star("data_\n\nloop_\n_rlnImageName\n1@gone.mrcs\n"), "p.star", WITH_RADIUS, "'gone.mrcs'",
    ),
    "image beyond the stack": (
        star("data_\n\nloop_\n_rlnImageName\n7@stack.mrcs\n"), "p.star", WITH_RADIUS, "which holds 6 images",
    ),
    "the same image twice": (
        twice, "p.star", WITH_RADIUS, "names the image '3@stack.mrcs' twice, in rows 1 and 3",
    ),
    "the same image twice, .cs": (
        blobs(idx=1), "p.cs", WITH_RADIUS, "names the image '000002@stack.mrcs' twice, in rows 1 and 2",
    ),
    "a .cs file without blobs": (without_blobs, "p.cs", WITH_RADIUS, "no field blob/path"),
    "a .cs file whose stack is not there": (blobs(path=b">J9/gone.mrcs"), "p.cs", WITH_RADIUS, "'J9/gone.mrcs'"),
    "a .cs file that asks for an image beyond": (blobs(idx=[0, 9]), "p.cs", WITH_RADIUS, "asks for image 10"),
    "an optics group without pixel size": (
        optics_group_without_pixel_size, "p.star", WITH_RADIUS, "column rlnImagePixelSize of 'p.star' holds '<NA>'",
    ),
    "an empty table of optics groups": (empty_optics, "p.star", WITH_RADIUS, "data_optics of 'p.star' has no rows"),
    "a name with a line break": (line_break, "a\nb.mrcs", WITH_RADIUS, "has a line break"),
    "an output with a line break": (
        nothing, "particles.star", ("run", "{input}", "--radius", "9", "--out", "a\nb"), "has a line break",
    ),
    "no ordinary file": (pipe, "p.star", WITH_RADIUS, "is no ordinary file"),
    "a link to itself": (link_to_itself, "p.star", WITH_RADIUS, "'p.star'"),
    "an output that is a link to nothing": (link_to_nothing, "particles.star", WITH_RADIUS, "is a link to nothing"),
    "origins that are no numbers": (
        origins_that_are_no_numbers, "p.star", ("apply", "{input}", "--out", "out"), "rlnOriginXAngst of 'p.star'",
    ),
    "bad image name": (
        star("data_\n\nloop_\n_rlnImageName\nseven@stack.mrcs\n"), "p.star", WITH_RADIUS, "'seven@stack.mrcs'",
    ),
    "wrong number of values": (
        star("data_\n\nloop_\n_rlnImageName\n1@stack.mrcs 5\n"), "p.star", WITH_RADIUS, "2 values",
    ),
    "truncated stack": (truncated, "stack.mrcs", WITH_RADIUS, "6 images, 0 whole images are there"),
    "truncated stack of a STAR file": (truncated, "particles.star", WITH_RADIUS, "6 images, 0 whole images are there"),
    "rectangular images": (rectangular, "bad.mrcs", WITH_RADIUS, "8 x 10 pixels; they must be square"),
    "mixed sizes": (mixed_sizes, "p.star", WITH_RADIUS, "one at a time"),
    "complex images": (complex_pixels, "bad.mrcs", WITH_RADIUS, "complex"),
    "empty stack": (empty_stack, "bad.mrcs", WITH_RADIUS, "empty stack"),
    "neither radius nor diameter": (nothing, "particles.star", RUN, "give --diameter (Angstrom) or --radius"),
    "both": (nothing, "particles.star", (*WITH_RADIUS, "--diameter", "20"), "the same thing twice"),
    "radius below 1": (nothing, "particles.star", (*RUN, "--radius", "0.5"), "radius is 0.5"),
    "radius not whole": (nothing, "particles.star", (*RUN, "--radius", "9.5"), "radius is 9.5"),
    "radius not finite": (nothing, "particles.star", (*RUN, "--radius", "nan"), "radius is nan"),
    "disk larger than the image": (nothing, "particles.star", (*RUN, "--radius", "24"), "at most 23"),
    "diameter larger than the image": (
        nothing, "particles.star", (*RUN, "--diameter", "72"), "diameter 72 A at 1.5 A per pixel: radius 24 needs",
    ),
    "diameter too small": (nothing, "particles.star", (*RUN, "--diameter", "0.1"), "at least 1"),
    "diameter negative": (nothing, "particles.star", (*RUN, "--diameter", "-5"), "diameter is -5"),
    "diameter without pixel size": (
        no_pixel_size, "p.star", (*RUN, "--diameter", "30"), "pixel size is not known",
    ),
    "diameter without pixel size, stack": (
        nothing, "stack.mrcs", (*RUN, "--diameter", "30"), "pixel size is not known",
    ),
    "Angstrom without pixel size": (
        angstrom_without_pixel_size, "p.star", WITH_RADIUS, "stores origins in Angstrom",
    ),
    "impossible pixel size": (nothing, "stack.mrcs", (*WITH_RADIUS, "--angpix", "0"), "pixel size is 0"),
    "negative search": (nothing, "particles.star", (*WITH_RADIUS, "--max-shift", "-1"), "max_shift is -1"),
    "search for an estimator that has none": (
        nothing, "particles.star", (*RUN, "--estimator", "mass", "--max-shift", "5"), "--max-shift is an option",
    ),
    "score for an estimator that has none": (
        nothing, "particles.star", (*RUN, "--estimator", "phase", "--score", "racer"), "--score is an option",
    ),
    "unknown estimator": (nothing, "particles.star", (*RUN, "--estimator", "guess"), "'guess'"),
    "no threads": (nothing, "particles.star", (*WITH_RADIUS, "-j", "0"), "number of threads is 0"),
    "not a number": (nothing, "particles.star", (*RUN, "--radius", "wide"), "'wide'"),
    "unknown option": (nothing, "particles.star", (*WITH_RADIUS, "--frobnicate"), "frobnicate"),
    "no output folder": (nothing, "particles.star", ("run", "{input}", "--radius", "9"), "--out"),
    "existing folder": (existing_folder, "particles.star", WITH_RADIUS, "folder 'out' exists"),
    "existing file": (existing_file, "particles.star", (*WITH_RADIUS, "--overwrite"), "'out' is a file"),
    "output over input": (
        nothing, "particles.star", ("run", "{input}", "--radius", "9", "--out", ".", "--overwrite"), "its own input",
    ),
    "compare: truth of another length": (
        star("data_\n\nloop_\n_rlnImageName\n_rlnOriginX\n_rlnOriginY\n1@stack.mrcs 0 0\n"),
        "particles.star",
        ("compare", "{input}", "--radius", "9", "--truth", "p.star"),
        "lists 1 particles and 'particles.star' 6",
    ),
    "compare: truth without origins": (
        nothing,
        "particles.star",
        ("compare", "{input}", "--radius", "9", "--truth", "particles.star"),
        "has no origins",
    ),
    "compare: no size": (nothing, "particles.star", ("compare", "{input}"), "give --diameter"),
    "fetch: unknown name": (nothing, "", ("fetch", "everything"), "'everything'"),
}  # fmt: skip


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_one_sentence_and_nothing_written(tmp_path, monkeypatch, name):
    prepare, source, arguments, words = CASES[name]
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path)
    prepare(tmp_path)
    before = contents(tmp_path)
    result = CliRunner().invoke(main, [argument.format(input=source) for argument in arguments])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output
    assert contents(tmp_path) == before


def test_a_missing_argument_points_to_the_help():
    result = CliRunner().invoke(main, ["compare"])
    assert result.exit_code == 2
    assert result.stderr == "Error: Missing argument 'INPUT'; see 'main compare --help'\n"


def test_run_asks_for_its_input(tmp_path):
    # RELION gives the input as --in_parts, so click cannot ask for the argument
    result = CliRunner().invoke(main, ["run", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert result.stderr == "Error: give INPUT, or --in_parts\n"
    assert not (tmp_path / "out").exists()
