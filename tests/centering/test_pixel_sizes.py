"""Whose pixel size counts, what contradicts it, and that no shift depends on one that a user gives."""

import html
import json
import re
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import starfile
from click.testing import CliRunner
from datafiles import RADIUS, simulated, write_cs
from hypothesis import given
from hypothesis import strategies as st

from centering.cli import main
from centering.io.cryosparc import CsFile
from centering.io.facts import AGREE, Stated, judge, settle
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.io.star import StarFile

COUNT, SIZE = 4, 32
MASS = ("--estimator", "mass")
CENTRES = np.array([[2.0, -3.5], [0.0, 0.0], [-1.5, 4.0], [3.0, 2.0]])


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def refused(*arguments):
    """Return the one sentence with which a command refuses."""
    lines = [line for line in command(*arguments, code=2).stderr.splitlines() if not line.startswith("note:")]
    assert len(lines) == 1, lines
    assert lines[0].startswith("Error: ")
    return lines[0]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in a folder with a stack whose header says nothing."""
    monkeypatch.chdir(tmp_path)
    write_stack("stack.mrcs", simulated(COUNT, size=SIZE, max_shift=4.0).images)
    return tmp_path


def header(pixel_size, path="stack.mrcs"):
    with mrcfile.open(path, "r+") as file:
        file.voxel_size = pixel_size


def table(name, labels, rows):
    return "\n".join(
        [f"data_{name}", "", "loop_", *(f"_rln{label}" for label in labels.split()), *map(str, rows), "", ""]
    )


def pairs(labels, values):
    return "\n".join(
        ["data_optics", "", *(f"_rln{a}   {b}" for a, b in zip(labels.split(), values.split(), strict=True)), "", ""]
    )


def images(*columns, rows=COUNT):
    return [" ".join([f"{k}@stack.mrcs", *(str(one[k - 1]) for one in columns)]) for k in range(1, rows + 1)]


def write(*parts, newline="\n", mark=False):
    Path("p.star").write_bytes(("\ufeff" * mark + "".join(parts).replace("\n", newline)).encode())
    return "p.star"


OPTICS = "OpticsGroup ImagePixelSize"
ONE = [1] * COUNT


def in_pixels(path="out/particles.star", label="rlnImagePixelSize"):
    """Return the origins in pixels as RELION would understand the file, read by an independent program."""
    tables = starfile.read(path, always_dict=True)
    optics = tables["optics"].set_index("rlnOpticsGroup")[label]
    particles = tables["particles"]
    size = optics.loc[particles["rlnOpticsGroup"]].to_numpy()
    return particles[["rlnOriginXAngst", "rlnOriginYAngst"]].to_numpy() / size[:, None]


# --- who says so


SOURCES = ["optics", "particles", "model", "nominal", "header"]
VALUES = st.sampled_from([1.5, 1.5 * (1 + AGREE / 2), 1.5 * (1 - AGREE / 2), 1.52, 3.0, 0.75, 1.0])


@given(
    values=st.dictionaries(st.sampled_from(SOURCES), st.lists(VALUES, min_size=3, max_size=3), min_size=1),
    silent=st.booleans(),
)
def test_the_verdict_on_any_sources_is_that_of_the_rule(values, silent):
    stated = []
    for name in SOURCES:
        if name in values:
            sizes = np.array(values[name])
            if name == "header" and silent:
                sizes[0] = np.nan
            stated.append(Stated(name, f"from {name}", sizes, firm=name in SOURCES[:2], header=name == "header"))
    first = stated[0]

    def apart(one):
        both = zip(first.values.tolist(), one.values.tolist(), strict=True)
        wrong = [abs(a - b) > AGREE * max(a, b) for a, b in both]  # NaN is not
        return any(w and not (one.header and b == 1.0) for w, b in zip(wrong, one.values.tolist(), strict=True))

    if first.header and np.isnan(first.values).any():
        assert judge("p.star", stated).values is None
        return
    if first.firm and any(one.firm and apart(one) for one in stated[1:]):
        with pytest.raises(ValueError, match=r"^'p.star' gives .* \(optics\), and particles .*; correct one of them"):
            judge("p.star", stated)
        return
    verdict = judge("p.star", stated)
    np.testing.assert_array_equal(verdict.values, first.values)
    assert verdict.source == f"from {first.name}"
    doubted = [one for one in stated[1:] if apart(one)]
    alone = first.header and (first.values == 1.0).any()
    assert len(verdict.warnings) == len(doubted) + alone
    for one, words in zip(doubted, verdict.warnings, strict=False):
        assert f"({first.name})" in words
        assert f" and {one.name} " in words


@given(
    st.dictionaries(st.sampled_from(["optics", "particles", "model", "nominal"]), VALUES, min_size=1),
    st.sampled_from([1.5, 1.2, 2.9, 0.7]),
    st.booleans(),
)
def test_a_pixel_size_that_is_given_changes_no_origin_in_pixels(tmp_path_factory, values, size, twice):
    path = tmp_path_factory.mktemp("given") / "p.star"
    labels, row = "ImageName", ""
    for name, label in (("particles", "ImagePixelSize"), ("model", "PixelSize")):
        if name in values:
            labels, row = f"{labels} {label}", f"{row} {values[name]!r}"
    if "nominal" in values:
        labels, row = f"{labels} DetectorPixelSize Magnification", f"{row} 5 {5e4 / values['nominal']!r}"
    grouped = "optics" in values
    if grouped:
        labels, row = f"{labels} OpticsGroup", f"{row} 7"
    first = next(values[name] for name in ("optics", "particles", "model", "nominal") if name in values)
    unit = first if grouped or twice else 1.0
    axes = "OriginXAngst OriginYAngst" if grouped or twice else "OriginX OriginY"
    rows = [f"{k}@s.mrcs{row} {-c * unit!r} {-r * unit!r}" for k, (r, c) in enumerate(CENTRES.tolist(), 1)]
    text = ""
    if grouped:
        size_of = values["optics"]
        text = table("optics", OPTICS + " MicrographPixelSize", [f"7 {size_of} {size_of / 2}"])
    path.write_text(text + table("particles", f"{labels} {axes}", rows))
    star, verdict = settle(StarFile.read(path), size)
    np.testing.assert_array_equal(verdict.values, size)
    np.testing.assert_allclose(star.displacements(verdict.values), CENTRES, atol=1e-5)
    sizes, _ = star.pixel_sizes()
    np.testing.assert_allclose(sizes, size, rtol=1e-6)
    again, _ = settle(star, size)
    assert again.lines == star.lines
    if grouped:
        micrograph = star.per_particle("rlnMicrographPixelSize")
        np.testing.assert_allclose(micrograph, size / 2, rtol=1e-5)
    told = [one for one in values.values() if abs(one - size) > AGREE * max(one, size)]
    assert len(verdict.warnings) == len(told)


# --- an optics table that is not seen


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize("value", ["header of 1", "header of nothing"])
def test_optics_groups_as_pairs_count(newline, mark, value):
    header(1.0 if value == "header of 1" else 0.0)
    remark = "# version 30001\n\n" if mark else ""
    optics = pairs("OpticsGroupName OpticsGroup ImagePixelSize ImageSize", f"set_A 3 1.5 {SIZE}")
    write(remark, optics, table("particles", "ImageName OpticsGroup", images([3] * COUNT)), newline=newline, mark=mark)
    particles = open_particles("p.star")
    np.testing.assert_array_equal(particles.pixel_size, [1.5] * COUNT)
    assert particles.warnings == ()
    columns = particles.star.with_origins(CENTRES, particles.pixel_size).particles.columns
    assert [name for name in columns if "Origin" in name] == ["rlnOriginXAngst", "rlnOriginYAngst"]


def test_the_summary_names_every_source_and_the_radius_is_that_of_the_optics_group():
    header(1.0)
    optics = pairs("OpticsGroup ImagePixelSize", "3 1.5")
    write(optics, table("particles", "ImageName OpticsGroup", images([3] * COUNT)))
    command("run", "p.star", "--diameter", 2 * RADIUS * 1.5, "--estimator", "mass", "--out", "out", "--no-report")
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["pixel_size_A"] == [1.5]
    assert summary["radius_px"] == [RADIUS]
    stated = {"rlnImagePixelSize of data_optics": [1.5], "the MRC headers": [1.0]}
    assert summary["pixel_size_stated_A"] == stated


@pytest.mark.parametrize(
    ("optics", "columns", "words"),
    [
        ("", "ImageName OpticsGroup", "particles of optics groups and no data_optics"),
        (pairs(OPTICS, "1 1.5") + pairs(OPTICS, "2 3"), "ImageName OpticsGroup", "two tables data_optics"),
        (table("optics", "ImagePixelSize", ["1.5"]), "ImageName OpticsGroup", "one row of data_optics"),
        (table("optics", "ImagePixelSize", ["1.5", "3"]), "ImageName", "2 optics groups and does not say which"),
        (table("optics", OPTICS, ["1 1.5"]), "ImageName OpticsGroup", "particles of optics group 2, which is not in"),
        (table("optics", OPTICS, ["1 1.5", "2 3", "2.0 1.5"]), "ImageName OpticsGroup", "group 2 twice.*3 and 1.5"),
        (table("optics", OPTICS + " Voltage", ["1 1.5 300", "1 1.5 200", "2 1 200"]), "ImageName OpticsGroup",
         "group 1 twice.*rlnVoltage: 300 and 200"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["run", "apply", "convert", "check"])
def test_optics_groups_that_cannot_be_used_are_refused_by_every_command(optics, columns, words, name):
    columns += " OriginX OriginY"
    rows = images(*([[1, 2, 1, 2]] if "Group" in columns else []), [0] * COUNT, [0] * COUNT)
    write(optics, table("particles", columns, rows))
    arguments = {
        "run": ["p.star", *MASS, "--out", "out"], "apply": ["p.star", "--out", "out"],
        "convert": ["p.star", "out.cs"], "check": ["p.star"],
    }  # fmt: skip
    assert re.search(words, refused(name, *arguments[name]))
    assert not Path("out").exists()
    assert not Path("out.cs").exists()


def test_groups_are_named_by_any_number():
    write(
        table("optics", OPTICS, ["12 3", "5 1.5"]), table("particles", "ImageName OpticsGroup", images([5, 12, 5, 12]))
    )
    np.testing.assert_array_equal(open_particles("p.star").pixel_size, [1.5, 3, 1.5, 3])


def test_a_group_that_stands_twice_and_alike_is_one():
    optics = table("optics", OPTICS + " OpticsGroupName", ["1 1.50 a", "1 1.5 b"])
    write(optics, table("particles", "ImageName OpticsGroup", images(ONE)))
    np.testing.assert_array_equal(open_particles("p.star").pixel_size, [1.5] * COUNT)


@pytest.mark.parametrize("label", ["ImagePixelSize", "PixelSize"])
def test_a_pixel_size_among_the_particles_comes_before_that_of_a_header(label):
    header(1.0)
    write(table("particles", f"ImageName {label} OriginXAngst OriginYAngst", images([1.5] * 4, [3] * 4, [0] * 4)))
    particles = open_particles("p.star")
    np.testing.assert_array_equal(particles.pixel_size, [1.5] * COUNT)
    assert particles.warnings == ()
    # only the columns that were there are set
    columns = particles.star.with_origins(CENTRES, particles.pixel_size).particles.columns
    assert columns == ("rlnImageName", f"rln{label}", "rlnOriginXAngst", "rlnOriginYAngst")


# --- contradictions


def test_a_header_of_one_angstrom_alone_is_warned_of_wherever_it_is_taken():
    header(1.0)
    write(table("", "ImageName", images()))
    words = "the pixel size of 1 Angstrom is from the header of 'stack.mrcs' alone"
    assert words in open_particles("stack.mrcs").warnings[0]
    result = command("run", "p.star", *MASS, "--out", "out")
    assert f"warning: {words}" in result.stderr
    assert words in json.loads(Path("out/summary.json").read_text())["warnings"][0]
    report = html.unescape(Path("out/report.html").read_text())
    assert words[1:] in report
    assert "Nothing was learned" not in report
    assert "the MRC headers: 1 Å" in report
    given_one = command("run", "p.star", *MASS, "--angpix", 1.5, "--out", "given", "--no-report")
    assert "warning" not in given_one.stderr


@pytest.mark.parametrize(("size", "doubted"), [(1.503, False), (1.4999, False), (0.0, False), (1.52, True), (3, True)])
@pytest.mark.parametrize("kind", ["star", "3.0", "cs"])
def test_a_header_that_is_another_is_warned_of_but_not_for_rounding(size, doubted, kind):
    header(size)
    path = write(table("optics", OPTICS, ["1 1.5"]), table("particles", "ImageName OpticsGroup", images(ONE)))
    if kind == "3.0":
        write(table("", "ImageName DetectorPixelSize Magnification", images([5] * COUNT, [5e4 / 1.5] * COUNT)))
    if kind == "cs":
        array = np.zeros(COUNT, dtype=[("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")])
        array["blob/path"], array["blob/idx"], array["blob/psize_A"] = b"stack.mrcs", range(COUNT), 1.5
        write_cs(path := "p.cs", array)
    words = " ".join(open_particles(path).warnings)
    assert ("the header of 'stack.mrcs'" in words and "gives 1.5 " in words and f"{size:g};" in words) is doubted


def test_two_columns_that_say_different_sizes_are_refused_unless_one_is_given():
    write(
        table("optics", OPTICS, ["1 1.5"]),
        table("particles", "ImageName OpticsGroup ImagePixelSize", images(ONE, [1.5, 1.5, 3, 3])),
    )
    words = refused("run", "p.star", *MASS, "--out", "out")
    assert "1.5 Angstrom per pixel (rlnImagePixelSize of data_optics)" in words
    assert "rlnImagePixelSize of the particles 3, for 2 of 4 particles" in words
    command("run", "p.star", *MASS, "--angpix", 1.5, "--out", "out", "--no-report")
    assert starfile.read("out/particles.star")["particles"]["rlnImagePixelSize"].tolist() == [1.5] * COUNT


def test_images_of_another_size_than_the_file_says_are_warned_of_and_refused_where_the_header_proves_it():
    write(
        table("optics", OPTICS + " ImageSize", [f"1 0.75 {2 * SIZE}"]),
        table("particles", "ImageName OpticsGroup", images(ONE)),
    )
    words = open_particles("p.star").warnings
    assert [f"images have {2 * SIZE} pixels (rlnImageSize), and they have {SIZE}" in one for one in words] == [True]
    header(1.5)
    said = refused("run", "p.star", *MASS, "--out", "out")
    assert f"{2 * SIZE} pixels" in said
    assert "0.75 Angstrom, and 1.5 in the header of 'stack.mrcs'" in said


@pytest.mark.parametrize("optics", [table("optics", "OpticsGroup", ["1"]), ""])
def test_origins_in_angstrom_beside_no_pixel_size_take_that_of_a_header_that_is_known(optics):
    columns, given_columns = ("ImageName OpticsGroup", [ONE]) if optics else ("ImageName", [])
    write(optics, table("particles", f"{columns} OriginXAngst OriginYAngst", images(*given_columns, [3] * 4, [0] * 4)))
    assert "the pixel size is not known" in refused("run", "p.star", *MASS, "--out", "out")
    header(1.0)
    assert "as programs write it that do not know it; give" in refused("run", "p.star", *MASS, "--out", "out")
    header(1.5)
    particles = open_particles("p.star")
    assert "gives no pixel size, and the header of 'stack.mrcs' gives 1.5 Angstrom" in particles.warnings[0]
    particles = open_particles("p.star", 1.2)
    assert particles.warnings == ()
    # optics groups say it from then on, as RELION asks for it
    stated = [one.name for one in particles.star.pixel_size_sources()]
    assert stated == (["rlnImagePixelSize of data_optics"] if optics else [])


def test_origins_in_both_units_that_differ_are_refused():
    columns = "ImageName OpticsGroup OriginXAngst OriginYAngst OriginX OriginY"
    rows = images(ONE, [3, 0, 0, 0], [0] * 4, [2.001, 0, 0, 0], [0] * 4)
    write(table("optics", OPTICS, ["1 1.5"]), table("particles", columns, rows))
    command("apply", "p.star", "--out", "out")
    rows = images(ONE, [3, 0, 0, 0], [0] * 4, [3, 0, 0, 0], [0] * 4)
    write(table("optics", OPTICS, ["1 1.5"]), table("particles", columns, rows))
    assert "origin of 2 pixels in rlnOriginXAngst and of 3 in rlnOriginX" in refused(
        "apply", "p.star", "--out", "other"
    )


def test_origins_in_pixels_beside_optics_groups_are_taken_and_warned_of():
    columns = table("particles", "ImageName OpticsGroup OriginX OriginY", images(ONE, [2] * 4, [1] * 4))
    write(table("optics", OPTICS, ["1 1.5"]), columns)
    result = command("apply", "p.star", "--out", "out", "--whole-pixels")
    assert "warning: 'p.star' has origins in pixels (rlnOriginX) beside data_optics" in result.stderr
    moved = np.roll(mrcfile.read("stack.mrcs"), (1, 2), axis=(1, 2))
    np.testing.assert_allclose(mrcfile.read("out/recentered.mrcs"), moved, atol=1e-6)  # of two Fourier transforms


# --- what a user gives


@pytest.mark.parametrize("groups", [[1, 1, 1, 1], [1, 2, 2, 1]])
def test_the_shift_in_pixels_does_not_depend_on_the_pixel_size_given(groups):
    text = (
        table("optics", OPTICS, ["1 1.5", "2 1.6"]),
        table("particles", "ImageName OpticsGroup", images(groups)),
    )
    write(*text)
    command("run", "p.star", *MASS, "--out", "out", "--no-report")
    plain = in_pixels()
    assert np.abs(plain).max() > 1
    result = command("run", "p.star", *MASS, "--angpix", 1.2, "--out", "given", "--no-report")
    np.testing.assert_allclose(in_pixels("given/particles.star"), plain, atol=1e-5)
    assert "(rlnImagePixelSize of data_optics) and --angpix 1.2 was given, which replaces it" in result.stderr
    # and so on: moved images, and the way to .cs
    command("apply", "given/particles.star", "--angpix", 2, "--out", "moved")
    command("apply", "out/particles.star", "--out", "plain")
    np.testing.assert_allclose(mrcfile.read("moved/recentered.mrcs"), mrcfile.read("plain/recentered.mrcs"), atol=1e-4)
    command("convert", "out/particles.star", "p.cs", "--angpix", 1.2)
    cs = np.load("p.cs")
    np.testing.assert_allclose(cs["blob/psize_A"], 1.2, rtol=1e-6)
    np.testing.assert_allclose(cs["alignments2D/shift"], plain, atol=1e-4)


def test_the_same_for_cs_files():
    fields = [("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4"), ("alignments3D/shift", "<f4", (2,))]
    array = np.zeros(COUNT, dtype=[*fields, ("alignments3D/psize_A", "<f4"), ("ctf/cs_mm", "<f4")])
    array["blob/path"], array["blob/idx"], array["blob/psize_A"] = b"stack.mrcs", range(COUNT), 1.5
    array["alignments3D/psize_A"], array["ctf/cs_mm"] = 3.0, 2.7
    write_cs("p.cs", array)
    found = []
    for options in ([], ["--angpix", 1.2]):
        result = command("run", "p.cs", *MASS, *options, "--out", "out", "--overwrite", "--no-report")
        cs = np.load("out/particles.cs")
        found.append(cs["alignments3D/shift"] * (cs["alignments3D/psize_A"] / cs["blob/psize_A"])[:, None])
        np.testing.assert_allclose(found[-1], -CsFile.read("out/particles.cs").displacements()[:, ::-1], atol=1e-5)
    np.testing.assert_allclose(cs["blob/psize_A"], 1.2, rtol=1e-6)
    np.testing.assert_allclose(*found, atol=1e-4)
    assert "'p.cs' gives 1.5 Angstrom per pixel (blob/psize_A) and --angpix 1.2 was given" in result.stderr
    assert cs["ctf/cs_mm"].tobytes() == array["ctf/cs_mm"].tobytes()


def test_averages_and_particles_of_different_pixel_sizes_have_no_pixel_size_in_common():
    header(3.0)
    columns = "ImageName OpticsGroup ClassNumber AnglePsi OriginXAngst OriginYAngst"
    write(
        table("optics", OPTICS, ["1 1.5"]),
        table("particles", columns, images(ONE, [1, 2, 3, 4], [0] * 4, [0] * 4, [0] * 4)),
    )
    arguments = ("classes", "stack.mrcs", "p.star", *MASS, "--out", "out")
    words = refused(*arguments, "--angpix", 1.2)
    assert "'stack.mrcs', too: they say 3 Angstrom and the particles of 'p.star' 1.5" in words
    command(*arguments)
    plain = in_pixels()
    header(1.5)
    command(*arguments, "--overwrite")
    np.testing.assert_allclose(plain, 2 * in_pixels(), atol=1e-5)
    half = in_pixels()
    command(*arguments, "--overwrite", "--angpix", 1.2)
    np.testing.assert_allclose(in_pixels(), half, atol=1e-5)


# --- strict, and check


def test_strict_refuses_what_is_warned_of_before_anything_is_written():
    header(3.0)
    columns = "ImageName OpticsGroup OriginXAngst OriginYAngst ClassNumber AnglePsi ImagePixelSize"
    rows = images(ONE, [0] * 4, [0] * 4, [1, 2, 3, 4], [0] * 4, [1.5] * 4)
    write(table("optics", OPTICS, ["1 1.5"]), table("particles", columns, rows))
    before = sorted(path.name for path in Path().iterdir())
    run = ("run", "p.star", *MASS, "--out", "out")
    for arguments in (
        run, ("apply", "p.star", "--out", "out"), ("compare", "p.star", "-e", "mass"),
        ("classes", "p.star", "p.star", *MASS, "--out", "out"),
        ("convert", "p.star", "out.cs", "--angpix", 1.2),
    ):  # fmt: skip
        assert "(a warning, and --strict)" in refused(*arguments, "--strict"), arguments
    assert sorted(path.name for path in Path().iterdir()) == before
    header(1.5)
    command(*run, "--strict")


def test_strict_refuses_a_stack_that_is_truncated():
    data = Path("stack.mrcs").read_bytes()
    Path("stack.mrcs").write_bytes(data[: 1024 + 3 * 4 * SIZE * SIZE])
    assert "truncated" in refused("run", "stack.mrcs", *MASS, "--out", "out", "--strict")


def test_a_strict_watch_leaves_doubtful_stacks_alone():
    header(1.0)
    Path("in").mkdir()
    Path("stack.mrcs").rename("in/stack.mrcs")
    options = ("watch", "in", *MASS, "--settle", 0.01, "--interval", 0.01, "--until-idle", 0.05)
    words = command(*options, "--out", "strict", "--strict").stderr
    assert "stack.mrcs: left alone: the pixel size of 1 Angstrom is from" in words
    words = command(*options, "--out", "live").stderr
    assert "warning: stack.mrcs: the pixel size of 1 Angstrom is from" in words


def test_check_says_what_a_file_is_and_writes_nothing():
    header(3.0)
    columns = "ImageName OpticsGroup OriginXAngst OriginYAngst ClassNumber AnglePsi DefocusU DefocusV"
    rows = images([1, 1, 2, 2], [3] * 4, [0] * 4, [1, 2, 3, 4], [10] * 4, [12000] * 4, [11000] * 4)
    optics = table("optics", OPTICS + " Voltage SphericalAberration AmplitudeContrast", ["1 1.5 300 2.7 0.1"] * 1)
    write(optics.replace("0.1\n", "0.1\n2 1.5 200 2.7 0.1\n"), table("particles", columns, rows))
    before = {path: path.read_bytes() for path in Path().iterdir()}
    lines = command("check", "p.star").stdout.splitlines()
    assert {path: path.read_bytes() for path in Path().iterdir()} == before
    assert 10 <= len(lines) <= 14
    text = "\n".join(lines)
    for words in (
        "RELION 3.1 and later", "data_optics and data_particles", "particles   4", f"{SIZE} x {SIZE} px",
        "1.5 A by rlnImagePixelSize of data_optics", "3 A by the MRC headers", "2 groups; 1 (2 particles)",
        "origins     median 2.00 px", "4 classes, 1 to 4; psi 10.0", "200, 300 kV, 2.7 mm", "defocus 1.15 to 1.15 um",
        "warning     'p.star' gives 1.5", "run         would centre 4 particles", "in Angstrom",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize("kind", ["star", "cs", "mrcs"])
def test_check_ends_as_a_run_would(kind):
    if kind == "star":
        path = write(table("optics", "OpticsGroup", ["1"]), table("particles", "ImageName OpticsGroup", images(ONE)))
        words = "the pixel size is not known; give it (--angpix)"
    elif kind == "cs":
        array = np.zeros(2, dtype=[("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")])
        array["blob/path"], array["blob/idx"], array["blob/psize_A"] = b"gone.mrc", [0, 1], 1.5
        write_cs(path := "p.cs", array)
        words = "stack 'gone.mrc' named in 'p.cs' was not found"
    else:
        Path(path := "short.mrcs").write_bytes(b"short")
        words = "'short.mrcs' is not an MRC file"
    checked, ran = refused("check", path), refused("run", path, *MASS, "--out", "out")
    assert checked == ran
    assert words in checked
    if kind == "star":
        assert "origins in Angstrom" in command("check", path, "--angpix", 1.5).stdout
