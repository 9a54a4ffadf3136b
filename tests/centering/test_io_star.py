"""STAR files keep every byte that is not an origin; `starfile` is the independent reader."""

import re

import numpy as np
import pytest
import starfile

from centering.ctf import CTF
from centering.io.star import StarFile, new_star

ONE_BLOCK = """
data_images

loop_
_rlnImageName #1
_rlnDefocusU #2
_rlnMagnification #3
_rlnDetectorPixelSize #4
000001@stack.mrcs 15301.10  38168 5.0
000002@stack.mrcs   1.5e+04 38168 5.0
"""

# every trap at once: comments, quotes, nan, a # inside a value, an unknown column, a simple block, a stale origin
TWO_BLOCKS = """# version 30001

data_job

_rlnJobTypeName   "a b"   # a comment behind a value
_rlnJobIsTomo     0

data_optics

loop_ #
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
_rlnImagePixelSize #3
1 'first group' 1.25
2 second 2.500

# a comment between the blocks
data_particles

loop_
_rlnOriginYAngst #1
_rlnImageName #2
_myOwnColumn #3
_rlnOpticsGroup #4
_rlnOriginXAngst #5
_rlnEmpty #6
  7.000000 000001@a.mrcs  nan   1 -8 ""
-1.5    \t 000002@a.mrcs  x#y   2  9 <NA>    # remark
# a comment among the rows
   3       000001@b.mrcs 'it is' 1  0 NaN\x20\x20
"""

DISPLACEMENT = np.array([[1.5, -2.25], [0.0, 4.0], [-3.0, 0.125]])


@pytest.fixture
def write(tmp_path):
    def write(text, name="particles.star", **options):
        path = tmp_path / name
        path.write_bytes(text.encode(**options))
        return path

    return write


@pytest.mark.parametrize("text", [ONE_BLOCK, TWO_BLOCKS], ids=["3.0", "3.1"])
def test_an_unchanged_file_keeps_every_byte(write, tmp_path, text):
    path = write(text)
    StarFile.read(path).write(tmp_path / "copy.star")
    assert (tmp_path / "copy.star").read_bytes() == path.read_bytes()


def test_only_the_cells_of_the_origins_change(write, tmp_path):
    star = StarFile.read(write(TWO_BLOCKS)).with_origins(DISPLACEMENT, np.array([1.25, 2.5, 1.25]))
    star.write(tmp_path / "out.star")
    expected = TWO_BLOCKS
    for old, new in {
        "  7.000000 000001@a.mrcs  nan   1 -8 ": "  -1.875000 000001@a.mrcs  nan   1 2.812500 ",
        "-1.5    \t 000002@a.mrcs  x#y   2  9 ": "0.000000    \t 000002@a.mrcs  x#y   2  -10.000000 ",
        "   3       000001@b.mrcs 'it is' 1  0 ": "   3.750000       000001@b.mrcs 'it is' 1  -0.156250 ",
    }.items():
        expected = expected.replace(old, new)
    assert (tmp_path / "out.star").read_text() == expected


def test_new_columns_come_last_and_leave_a_comment_last(write):
    star = StarFile.read(write(TWO_BLOCKS))
    wider = star.with_columns(star.particles, {"myNew": ["1", "two words", ""]})
    rows = [wider.lines[row] for row in wider.particles.rows]
    assert rows[0].endswith('-8 "" 1')
    assert re.search(r'<NA> "two words" +# remark$', rows[1])
    assert wider.column(wider.particles, "myNew") == ["1", "two words", ""]
    assert wider.particles.columns == (*star.particles.columns, "myNew")
    assert "_myNew #7" in wider.lines
    assert star.lines == TWO_BLOCKS.split("\n")[:-1]  # the first file is unchanged


def test_origins_of_a_3_0_file_are_pixels_and_starfile_reads_them(write, tmp_path):
    path = write(ONE_BLOCK)
    StarFile.read(path).with_origins(DISPLACEMENT[:2], np.array([1.31, 1.31])).write(tmp_path / "out.star")
    before, after = starfile.read(path), starfile.read(tmp_path / "out.star")
    assert list(after.columns) == [*before.columns, "rlnOriginX", "rlnOriginY"]
    # OriginX belongs to the column, OriginY to the row, and both are what must be added
    np.testing.assert_array_equal(after["rlnOriginX"], [2.25, -4.0])
    np.testing.assert_array_equal(after["rlnOriginY"], [-1.5, 0.0])
    assert before.equals(after[before.columns])


def test_pixel_origins_beside_optics_groups_are_set_too(write):
    text = TWO_BLOCKS.replace("_rlnOriginYAngst", "_rlnOriginY").replace("_rlnOriginXAngst", "_rlnOriginX")
    star = StarFile.read(write(text)).with_origins(DISPLACEMENT, np.array([1.25, 2.5, 1.25]))
    table = star.particles
    np.testing.assert_array_equal(star.numbers(table, "rlnOriginY"), -DISPLACEMENT[:, 0])
    np.testing.assert_array_equal(star.numbers(table, "rlnOriginX"), -DISPLACEMENT[:, 1])
    np.testing.assert_array_equal(star.numbers(table, "rlnOriginXAngst"), [2.8125, -10.0, -0.15625])


@pytest.mark.parametrize("text", [ONE_BLOCK, TWO_BLOCKS], ids=["pixels", "Angstrom"])
def test_displacements_are_the_inverse_of_with_origins(write, text):
    star = StarFile.read(write(text))
    count = len(star.particles)
    pixel_size = np.array([1.25, 2.5, 1.25])[:count]
    known = star.with_origins(DISPLACEMENT[:count], pixel_size)
    np.testing.assert_allclose(known.displacements(pixel_size), DISPLACEMENT[:count], atol=1e-6)


def test_windows_line_ends_are_read(write, tmp_path):
    star = StarFile.read(write(TWO_BLOCKS.replace("\n", "\r\n")))
    assert star.column(star.particles, "rlnEmpty") == ["", "<NA>", "NaN"]
    star.write(tmp_path / "out.star")
    assert (tmp_path / "out.star").read_text() == TWO_BLOCKS


def test_names_of_any_encoding_keep_their_bytes(write, tmp_path):
    path = write(ONE_BLOCK.replace("stack", "Zürich"), encoding="latin-1")
    StarFile.read(path).write(tmp_path / "out.star")
    assert (tmp_path / "out.star").read_bytes() == path.read_bytes()


def test_a_folder_called_data_is_not_a_block(write):
    star = StarFile.read(write(ONE_BLOCK.replace("000001@stack", "data_1/x").replace("000002@stack", "loop_/y")))
    assert star.column(star.particles, "rlnImageName") == ["data_1/x.mrcs", "loop_/y.mrcs"]


def test_an_empty_table_beside_the_particles_is_kept(write, tmp_path):
    text = "data_model\n\nloop_\n_rlnA #1\n_rlnB #2\n\n" + TWO_BLOCKS
    path = write(text)
    star = StarFile.read(path)
    assert [(table.name, len(table)) for table in star.tables] == [
        ("model", 0),
        ("job", 1),
        ("optics", 2),
        ("particles", 3),
    ]
    star.write(tmp_path / "out.star")
    assert (tmp_path / "out.star").read_text() == text


PAIRS = """data_optics

_rlnOpticsGroupName\t"my group"   # a comment
_rlnOpticsGroup\t\t1

# another
_rlnImagePixelSize     1.5

data_particles

_rlnImageName 000001@a.mrcs
_rlnOpticsGroup 1
_rlnOriginXAngst    7.0  # stale
"""


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "byte order mark"])
def test_pairs_are_a_table_of_one_row_and_are_edited_in_place(write, tmp_path, mark):
    star = StarFile.read(write(mark + PAIRS))
    assert len(star) == len(star.optics) == 1
    assert star.column(star.optics, "rlnOpticsGroupName") == ["my group"]
    assert star.value(star.particles, "rlnImageName", 0) == "000001@a.mrcs"
    sizes, _ = star.pixel_sizes()
    np.testing.assert_array_equal(sizes, [1.5])
    star.with_origins(DISPLACEMENT[:1], sizes).write(tmp_path / "out.star")
    expected = PAIRS.replace("7.0  # stale\n", "3.375000  # stale\n_rlnOriginYAngst -2.250000\n")
    assert (tmp_path / "out.star").read_text(encoding="utf-8") == mark + expected
    # starfile takes neither a mark nor comments behind values
    (tmp_path / "out.star").write_text(re.sub(" +#.*", "", expected))
    assert starfile.read(tmp_path / "out.star")["particles"]["rlnOriginYAngst"] == -2.25


@pytest.mark.parametrize("text", [ONE_BLOCK.lstrip(), TWO_BLOCKS], ids=["3.0", "3.1"])
def test_a_byte_order_mark_is_no_part_of_a_name_and_stays(write, tmp_path, text):
    plain, marked = StarFile.read(write(text)), StarFile.read(write("\ufeff" + text, "marked.star"))
    assert marked.tables == plain.tables
    marked.write(tmp_path / "copy.star")
    assert (tmp_path / "copy.star").read_bytes() == (tmp_path / "marked.star").read_bytes()


@pytest.mark.parametrize("line", ["_rlnImagePixelSize", "_rlnImagePixelSize 1.5 2", "_rlnImagePixelSize # 1.5"])
def test_a_label_of_an_optics_group_has_one_value(write, line):
    with pytest.raises(ValueError, match=r"line 7 .* values behind a label; give one"):
        StarFile.read(write(PAIRS.replace("_rlnImagePixelSize     1.5", line)))


@pytest.mark.parametrize("unit", ["", "Angst"])
def test_priors_are_those_of_the_new_place(write, unit):
    """RELION's refinements restrain origins to them (``rlnOriginXPriorAngst``), and RELION drops them on recentring."""
    text = TWO_BLOCKS.replace("_myOwnColumn", f"_rlnOriginXPrior{unit}").replace("_rlnEmpty", f"_rlnOriginYPrior{unit}")
    star = StarFile.read(write(text)).with_origins(DISPLACEMENT, np.array([1.25, 2.5, 1.25]))
    scale = np.array([1.25, 2.5, 1.25]) if unit else 1.0
    np.testing.assert_array_equal(star.numbers(star.particles, f"rlnOriginXPrior{unit}"), -DISPLACEMENT[:, 1] * scale)
    np.testing.assert_array_equal(star.numbers(star.particles, f"rlnOriginYPrior{unit}"), -DISPLACEMENT[:, 0] * scale)
    assert star.warnings == ()


def test_origins_in_angstrom_of_a_3_0_file_ask_for_a_pixel_size_too(write):
    assert not StarFile.read(write(ONE_BLOCK)).in_angstrom
    assert StarFile.read(write(TWO_BLOCKS)).in_angstrom
    assert StarFile.read(write(ONE_BLOCK.replace("rlnDefocusU", "rlnOriginXPriorAngst"))).in_angstrom


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            "data_images\n\nloop_\n_rlnImageName\n1@a.mrcs\n",
            "data_images .* names images too .* only data_particles is",
        ),
        ("data_\n\n_rlnImageName 1@a.mrcs\n", "data_ .* names images too"),
        ("data_images_body_1\n\nloop_\n_rlnOriginXAngst\n1.5\n", "data_images_body_1 .* has origins"),
        ("data_micrographs\n\nloop_\n_rlnMicrographName\na.mrc\n", None),
        ("data_model_classes\n\nloop_\n_rlnReferenceImage\n1@c.mrcs\n", None),
        ("data_images\n\nloop_\n_rlnImageName\n", None),
    ],
)
def test_tables_whose_places_stay_are_named(write, more, words):
    warnings = StarFile.read(write(TWO_BLOCKS + "\n" + more)).warnings
    assert len(warnings) == (words is not None)
    if words is not None:
        assert re.search(words, warnings[0])


@pytest.mark.parametrize("label", ["rlnOriginZ", "rlnOriginZPriorAngst"])
def test_places_along_the_beam_are_named_where_there_are_some(write, label):
    text = ONE_BLOCK.replace("rlnDefocusU", label)
    assert f"column {label} " in StarFile.read(write(text)).warnings[0]
    assert StarFile.read(write(text.replace("15301.10", "-0.0000").replace("1.5e+04", "0e+00"))).warnings == ()


def test_an_empty_line_among_the_rows_is_named(write):
    """RELION reads no row behind it, and says nothing."""
    assert StarFile.read(write(TWO_BLOCKS)).warnings == ()  # a comment among them it refuses
    lines = TWO_BLOCKS.split("\n")
    place = lines.index("# a comment among the rows") + 1
    (warning,) = StarFile.read(write("\n".join([*lines[:place], " \t", *lines[place:]]))).warnings
    assert f"line {place + 1} of " in warning
    assert "RELION reads no particle behind it" in warning


def test_what_is_nothing_to_us_may_be_anything(write, tmp_path):
    """RELION asks for a table by its name, and reads no other."""
    text = TWO_BLOCKS + "\ndata_x\n\nloop_\n_rlnA\n_rlnA\n1\n1 2 3 4\n\ndata_y\n\n_rlnB\n;\na text of lines\n;\n"
    StarFile.read(write(text)).write(tmp_path / "copy.star")
    assert (tmp_path / "copy.star").read_text() == text


@pytest.mark.parametrize("name", ["particles", "optics"])
def test_two_tables_of_one_name_are_refused(write, name):
    text = (
        TWO_BLOCKS + "\n" + TWO_BLOCKS.replace({"particles": "data_optics", "optics": "data_particles"}[name], "data_x")
    )
    with pytest.raises(ValueError, match=rf"two tables data_{name}, in lines \d+ and \d+; make one of them"):
        StarFile.read(write(text))


def particles_and_optics(path):
    star = StarFile.read(path)
    return star.particles, star.optics


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a STAR file"),
        ("hello\n", "not a STAR file"),
        (ONE_BLOCK.replace("rlnImageName", "rlnMicrographName"), "no column rlnImageName"),
        (ONE_BLOCK.split("000001")[0], "lists no particles"),
        (ONE_BLOCK.replace("15301.10  38168", "15301.10"), "line 9 .* has 3 values, its table has 4 columns"),
        (ONE_BLOCK.replace("_rlnDefocusU", "_rlnImageName"), "column rlnImageName twice"),
        (TWO_BLOCKS.replace("1 'first group' 1.25\n2 second 2.500\n", ""), "data_optics .* has no rows"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(write, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        particles_and_optics(write(text))
    assert "\n" not in str(caught.value)


def test_bad_requests_are_refused(write):
    star = StarFile.read(write(TWO_BLOCKS))
    with pytest.raises(ValueError, match="pixel size is not known"):
        star.with_origins(DISPLACEMENT, None)
    with pytest.raises(ValueError, match=r"shape \(2, 2\), the STAR file asks for \(3, 2\)"):
        star.with_origins(DISPLACEMENT[:2], np.ones(3))
    with pytest.raises(ValueError, match="holds 'nan', which is not a number"):
        star.numbers(star.particles, "myOwnColumn")
    with pytest.raises(ValueError, match=r"holds '000001@a\.mrcs', which is not a number"):
        star.numbers(star.particles, "rlnImageName")
    with pytest.raises(ValueError, match="no column rlnDefocusU"):
        star.column(star.particles, "rlnDefocusU")
    with pytest.raises(ValueError, match="has 1 values, the table has 3 rows"):
        star.with_columns(star.particles, {"a": ["1"]})
    with pytest.raises(ValueError, match="has no origins"):
        StarFile.read(write(ONE_BLOCK)).displacements(None)


def test_a_new_file_takes_names_of_any_encoding_and_with_quotes(tmp_path):
    names = ["000001@Z\udcfcrich.mrcs", '000002@a "b" c.mrcs', "000003@it's one.mrcs"]
    new_star(tmp_path / "new.star", names, DISPLACEMENT, size=64, pixel_size=1.5)
    assert b"000001@Z\xfcrich.mrcs" in (tmp_path / "new.star").read_bytes()
    star = StarFile.read(tmp_path / "new.star")
    assert star.column(star.particles, "rlnImageName") == names
    np.testing.assert_allclose(star.displacements(np.full(3, 1.5)), DISPLACEMENT, atol=1e-6)


@pytest.mark.parametrize("pixel_size", [None, 1.5])
def test_a_new_file_is_read_by_starfile_and_is_the_same_every_time(tmp_path, pixel_size):
    names = ["000001@my stack.mrcs", "000002@my stack.mrcs", "000003@my stack.mrcs"]
    for path in (tmp_path / "one.star", tmp_path / "two.star"):
        new_star(path, names, DISPLACEMENT, size=64, pixel_size=pixel_size)
    assert (tmp_path / "one.star").read_bytes() == (tmp_path / "two.star").read_bytes()
    blocks = starfile.read(tmp_path / "one.star", always_dict=True)
    table = blocks["" if pixel_size is None else "particles"]
    unit = "" if pixel_size is None else "Angst"
    np.testing.assert_allclose(table[f"rlnOriginY{unit}"], -DISPLACEMENT[:, 0] * (pixel_size or 1), atol=1e-6)
    np.testing.assert_allclose(table[f"rlnOriginX{unit}"], -DISPLACEMENT[:, 1] * (pixel_size or 1), atol=1e-6)
    assert list(table["rlnImageName"]) == names
    star = StarFile.read(tmp_path / "one.star")
    assert star.column(star.particles, "rlnImageName") == names


def test_a_long_file_agrees_with_starfile(tmp_path, rng):
    count = 20_000
    displacement = rng.normal(scale=10, size=(count, 2))
    rows = "".join(f"{k + 1:06d}@m{k % 37}.mrcs {k} {k % 3}\n" for k in range(count))
    path = tmp_path / "long.star"
    path.write_text("data_\n\nloop_\n_rlnImageName #1\n_rlnOriginX #2\n_rlnClassNumber #3\n" + rows)
    StarFile.read(path).with_origins(displacement, None).write(path)
    table = starfile.read(path)
    np.testing.assert_allclose(table["rlnOriginX"], -displacement[:, 1], atol=5.1e-7)
    np.testing.assert_allclose(table["rlnOriginY"], -displacement[:, 0], atol=5.1e-7)
    np.testing.assert_array_equal(table["rlnClassNumber"], np.arange(count) % 3)


def optics_file(path, optics, particles):
    """Write a STAR file of two tables, each with its labels in the first line."""
    text = ""
    for name, lines in (("optics", optics), ("particles", particles)):
        labels, *rows = lines
        text += "\n".join([f"data_{name}", "", "loop_", *(f"_rln{label}" for label in labels.split()), *rows, "", ""])
    path.write_text(text)
    return StarFile.read(path)


@pytest.mark.parametrize("members", [["1", "2", "1"], ["1.0", "2.000", "1."], ["01", "2e0", "+1"]])
def test_a_value_stands_with_the_optics_group_or_with_the_particle(tmp_path, members):
    """RELION reads whole numbers also where a program for tables has written decimals."""
    names = [f"{k}@a.mrcs {group}" for k, group in enumerate(members, 1)]
    groups = ["OpticsGroup ImagePixelSize Voltage", "1 1.5 300", "2 3 200"]
    star = optics_file(tmp_path / "p.star", groups, ["ImageName OpticsGroup", *names])
    np.testing.assert_array_equal(star.per_particle("rlnVoltage"), [300, 200, 300])
    np.testing.assert_array_equal(star.pixel_sizes()[0], [1.5, 3, 1.5])
    assert star.per_particle("rlnAmplitudeContrast") is None
    own = [f"{name} {k}" for k, name in enumerate(names, 7)]
    star = optics_file(tmp_path / "q.star", groups, ["ImageName OpticsGroup Voltage", *own])
    np.testing.assert_array_equal(star.per_particle("rlnVoltage"), [7, 8, 9])
    np.testing.assert_array_equal(star.per_particle("rlnVoltage", optics_first=True), [300, 200, 300])


def test_a_group_that_stands_twice_is_refused_where_its_rows_differ(tmp_path):
    particles = ["ImageName OpticsGroup", "1@a.mrcs 1"]
    star = optics_file(tmp_path / "p.star", ["OpticsGroup ImagePixelSize Voltage", "1 1.5 300", "1 3 300"], particles)
    np.testing.assert_array_equal(star.per_particle("rlnVoltage"), [300])
    with pytest.raises(ValueError, match="optics group 1 twice, with different values of rlnImagePixelSize"):
        star.pixel_sizes()


def test_pixel_sizes_that_stand_with_the_particles(tmp_path):
    (tmp_path / "p.star").write_text("data_\n\nloop_\n_rlnImageName\n_rlnImagePixelSize\n1@a.mrcs 1.5\n2@a.mrcs 3\n")
    sizes, source = StarFile.read(tmp_path / "p.star").pixel_sizes()
    np.testing.assert_array_equal(sizes, [1.5, 3])
    assert source == "from the particles of the STAR file"


def test_a_size_of_images_that_is_not_known_is_not_said():
    star = StarFile.new("new.star", ["1@a"], size=0, pixel_size=np.array([1.5]))
    assert star.numbers(star.optics, "rlnImageDimensionality") == [2]
    assert "rlnImageSize" not in star.optics.columns


@pytest.mark.parametrize("alike", [True, False])
def test_transfer_functions_written_are_those_that_are_read(tmp_path, alike):
    each = np.array([1.0, 1.0, 1.0] if alike else [1.0, 1.5, 0.5])
    ctf = CTF(1e4 * each, 1.5 * each, 200.0 * each, 1.4 * each, 0.07 * each, 10.0 * each)
    StarFile.new("new.star", ["1@a", "2@a", "3@a"], size=8, pixel_size=1.5 * each, ctf=ctf).write(tmp_path / "new.star")
    assert "placeholders" not in (tmp_path / "new.star").read_text()
    found = StarFile.read(tmp_path / "new.star").transfer_functions()
    k = np.linspace(0, 0.5, 20)
    np.testing.assert_allclose(found.transfer(k), ctf.transfer(k), atol=1e-6)
