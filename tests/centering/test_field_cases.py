"""Troubles from the trackers of RELION, pyem, starfile, mrcfile, cryoDRGN, Scipion and cryoSPARC, rebuilt and judged.

What is right, or a refusal in one sentence, or a warning that says what may be wrong: never a wrong number in silence.
Each test names the place where the trouble was reported.
"""

import json
from pathlib import Path

import field
import mrcfile
import numpy as np
import processes
import pytest
from field import COUNT, PIXEL, SIZE, centering, images, loop, optics, particles, write_mrc, write_star

RUN = ("--radius", 12, "--out", "out", "--no-report")
CLOSE = {"atol": 0.15}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(path="particles.star", *arguments):
    return centering("run", path, *(arguments or RUN))


def by_diameter(angstrom):
    return ("--diameter", angstrom, "--out", "out", "--no-report")


def summary():
    return json.loads(Path("out/summary.json").read_text())


def moved_by_relion(star):
    """Return where RELION puts the particles, relative to the centre pixel; it must read the file."""
    arguments = ["relion_stack_create", "--i", star, "--o", "moved", "--apply_transformation"]
    result = processes.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr + result.stdout
    data = mrcfile.read("moved.mrcs").astype(np.float64)
    axis = np.arange(data.shape[-1]) - data.shape[-1] // 2
    return np.stack([data.sum(axis=2) @ axis, data.sum(axis=1) @ axis], axis=1) / data.sum(axis=(1, 2))[:, None]


# --- whose pixel -----------------------------------------------------------------------------------------------------


def extraction(original, micrograph=None, image=2.0, header=None):
    """Write particles with coordinates as RELION extracts them, and the micrograph's header where it is told."""
    group = optics(rlnMicrographOriginalPixelSize=original, rlnMicrographPixelSize=micrograph, rlnImagePixelSize=image)
    rows = particles("Extract/m.mrcs", 3, rlnMicrographName="mics/m.mrc")
    for row, (x, y), (dx, dy) in zip(
        rows, [(150, 260), (200, 210), (250, 120)], [(20, -10), (-3.3, 7.6), (0, 0.4)], strict=True
    ):
        row |= {"rlnCoordinateX": x, "rlnCoordinateY": y, "rlnOriginXAngst": dx, "rlnOriginYAngst": dy}
    write_star("particles.star", rows, [group])
    if header is not None:
        Path("mics").mkdir()
        with mrcfile.new("mics/m.mrc") as file:
            file.set_data(np.zeros((380, 370), np.float32))
            file.voxel_size = header


def first_pick():
    return field.table("picks.star")[["rlnCoordinateX", "rlnCoordinateY"]].to_numpy(np.float64)[0]


def test_the_pixel_of_the_movie_is_not_that_of_the_micrograph():
    """github.com/3dem/relion issues #849 and #582: RELION keeps the movie's pixel with extracted particles."""
    extraction(original=0.5)
    result = centering("extract-coordinates", "particles.star", "--out", "picks.star")
    assert result.code == 2, result
    assert "--mic-angpix" in result.err


def test_the_micrographs_own_header_says_its_pixel():
    """The same with the micrograph at hand: its header has the pixel of the coordinates."""
    extraction(original=0.5, header=1.0)
    assert centering("extract-coordinates", "particles.star", "--out", "picks.star").code == 0
    np.testing.assert_allclose(first_pick(), (130, 270), atol=1e-6)


def test_micrographs_of_a_star_file_say_their_pixel():
    """The same with RELION's STAR file of the micrographs."""
    extraction(original=0.5)
    group = optics(rlnMicrographOriginalPixelSize=0.5, rlnMicrographPixelSize=1.0, rlnImagePixelSize=None)
    rows = [{"rlnMicrographName": "mics/m.mrc", "rlnOpticsGroup": 1}]
    write_star("mics.star", rows, [group], block="micrographs")
    code = centering("extract-coordinates", "particles.star", "--out", "picks.star", "--micrographs", "mics.star").code
    assert code == 0
    np.testing.assert_allclose(first_pick(), (130, 270), atol=1e-6)


def test_the_micrographs_pixel_in_the_optics_table_is_taken():
    """A file that states it needs no question."""
    extraction(original=0.5, micrograph=1.0)
    assert centering("extract-coordinates", "particles.star", "--out", "picks.star").code == 0
    np.testing.assert_allclose(first_pick(), (130, 270), atol=1e-6)


def test_binned_particles_of_relion_3_0_do_not_say_the_micrographs_pixel():
    """github.com/3dem/relion issues #615 and #971: magnification and detector are those of the particles."""
    columns = {"rlnMagnification": 2500.0, "rlnDetectorPixelSize": 1.0, "rlnMicrographName": "m.mrc"}
    place = {"rlnCoordinateX": 150.0, "rlnCoordinateY": 260.0, "rlnOriginX": 3.0, "rlnOriginY": -2.0}
    write_star("particles.star", particles(count=3, **columns, **place), [])
    result = centering("extract-coordinates", "particles.star", "--out", "picks.star")
    assert result.code == 2, result
    assert "--mic-angpix" in result.err


def test_particles_of_csparc2star_do_not_say_the_micrographs_pixel():
    """github.com/asarnow/pyem issue #30: only rlnImagePixelSize, of particles that may be binned."""
    group = optics(rlnMicrographOriginalPixelSize=None, rlnImagePixelSize=2.0)
    place = {"rlnCoordinateX": 150.0, "rlnCoordinateY": 260.0, "rlnOriginXAngst": 20.0, "rlnOriginYAngst": -10.0}
    write_star("particles.star", particles(count=3, rlnMicrographName="m.mrc", **place), [group])
    result = centering("extract-coordinates", "particles.star", "--out", "picks.star")
    assert result.code == 2, result
    assert "--mic-angpix" in result.err


# --- the optics table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("angstrom", [False, True], ids=["without origins", "with origins in Angstrom"])
def test_an_optics_table_of_names_and_values(angstrom):
    """github.com/teamtomo/starfile issue #25: single rows are written without loop_."""
    write_mrc("stack.mrcs", images(), 1.0)
    columns = {"rlnOriginXAngst": 0.0, "rlnOriginYAngst": 0.0} if angstrom else {}
    pairs = "data_optics\n\n" + "".join(f"_{label} {value}\n" for label, value in optics().items())
    Path("particles.star").write_text(pairs + loop("particles", particles(rlnOpticsGroup=1, **columns)))
    result = run("particles.star", *by_diameter(36))
    assert result.code == 0, result
    np.testing.assert_allclose(field.origins(), field.right(), **CLOSE)
    assert "rlnOriginX" not in field.table().columns
    assert pairs in Path("out/particles.star").read_text()


def test_what_is_doubtful_in_a_file_is_said_where_coordinates_are_written_too():
    """An empty line among the rows, behind which RELION reads no particle, and a second table of particles."""
    extraction(original=0.5, micrograph=1.0)
    lines = Path("particles.star").read_text().rstrip().splitlines()
    Path("particles.star").write_text("\n".join([*lines[:-1], "", lines[-1], ""]) + loop("images", particles()))
    result = centering("extract-coordinates", "particles.star", "--out", "picks.star")
    assert result.warns("is empty"), result
    assert result.warns("data_images"), result
    strict = centering("extract-coordinates", "particles.star", "--out", "strict.star", "--strict")
    assert strict.code == 2
    assert not Path("strict.star").exists()


@pytest.mark.parametrize("label", ["rlnImagePixelSize", "rlnPixelSize"])
def test_a_pixel_size_that_stands_among_the_particles(label):
    """Exports of Warp and M: no optics table, and a header of 1.0 that nobody set."""
    write_mrc("stack.mrcs", images(), 1.0)
    write_star("particles.star", particles(**{label: PIXEL}), [])
    result = run("particles.star", *by_diameter(36))
    assert result.code == 0, result
    assert summary()["pixel_size_A"] == [PIXEL]
    assert summary()["radius_px"] == [12]


def test_optics_groups_that_went_through_pandas_are_numbers_with_a_fraction(relion):
    """github.com/teamtomo/starfile issue #25: 1.0 beside 1, which RELION reads as the same."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", particles(rlnOpticsGroup="1.0"))
    assert run().code == 0
    np.testing.assert_allclose(field.origins(), field.right(), **CLOSE)
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1


def test_an_optics_group_that_is_defined_twice_is_refused():
    """github.com/3dem/relion issue #1127: two data sets glued by hand."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", particles(), [optics(), optics(rlnImagePixelSize=3.0)])
    assert run("particles.star", *by_diameter(36)).refused


def test_an_optics_label_that_is_there_twice_is_refused():
    """github.com/3dem/relion issue #849: a converter's second rlnOpticsGroup."""
    write_mrc("stack.mrcs", images())
    text = loop("optics", [{"rlnOpticsGroup": 1, "rlnImagePixelSize": PIXEL, "rlnOpticsGroup2": 7}])
    Path("particles.star").write_text(
        text.replace("rlnOpticsGroup2", "rlnOpticsGroup") + loop("particles", particles(rlnOpticsGroup=1))
    )
    assert run().refused


@pytest.mark.parametrize("broken", ["unknown group", "no group column", "no optics table"])
def test_optics_that_cannot_be_used_are_refused(broken):
    """The kind of the cases above: present, and of no use."""
    write_mrc("stack.mrcs", images())
    group = {} if broken == "no group column" else {"rlnOpticsGroup": 9 if broken == "unknown group" else 1}
    table = "" if broken == "no optics table" else loop("optics", [optics(), optics(rlnOpticsGroup=2)])
    Path("particles.star").write_text(table + loop("particles", particles(**group)))
    assert run("particles.star", *by_diameter(36)).refused


# --- pixel sizes that disagree ---------------------------------------------------------------------------------------


def test_a_given_pixel_size_does_not_change_the_shift_that_relion_makes(relion):
    """github.com/3dem/relion issue #582: 1.05 instead of 1.06 A all through."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", particles())
    result = run("particles.star", "--angpix", 1.2, *by_diameter(29))
    assert result.warns("1.5", "1.2"), result
    stated = field.table(block="optics")["rlnImagePixelSize"].to_numpy(np.float64)[0]
    np.testing.assert_allclose(field.origins() / stated, field.right(1.0), **CLOSE)
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1


def test_a_given_pixel_size_does_not_change_the_shift_that_cryosparc_makes():
    """The same for a .cs file."""
    field.write_cs_project(field.cs_table(alignments2D__shift=np.zeros(2), alignments2D__psize_A=np.float64(PIXEL)))
    result = run("particles.cs", "--angpix", 1.2, *RUN)
    assert result.warns("1.5", "1.2"), result
    table = np.load("out/particles.cs")
    pixels = table["alignments2D/shift"] * (table["alignments2D/psize_A"] / table["blob/psize_A"])[:, None]
    np.testing.assert_allclose(pixels, field.right(1.0), **CLOSE)


def test_a_stack_that_was_binned_after_its_star_file():
    """github.com/3dem/relion issues #519 and #530, cryodrgn #325: rlnImageSize says 128, the images have 64."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", particles(), [optics(rlnImagePixelSize=0.75, rlnImageSize=128)])
    result = run("particles.star", *by_diameter(36))
    assert result.refused or result.warns("128", "64"), result


def test_a_nominal_magnification_beside_a_calibrated_header():
    """github.com/I2PC/scipion issue #323: 2.37 A by the magnification, 4.4 A by the header."""
    write_mrc("stack.mrcs", images(), 4.4)
    write_star("particles.star", particles(rlnMagnification=59000.0, rlnDetectorPixelSize=14.0), [])
    result = run("particles.star", *by_diameter(53))
    assert result.refused or result.warns("2.37", r"4\.4"), result


def test_warnings_are_in_the_summary_too_and_strict_makes_them_errors():
    """A doubt that stands in a file that nobody opens does not count; one on the terminal alone is soon gone."""
    write_mrc("stack.mrcs", images(), 4.4)
    write_star("particles.star", particles(rlnMagnification=59000.0, rlnDetectorPixelSize=14.0), [])
    result = run("particles.star", *by_diameter(53))
    told = [line.removeprefix("warning: ") for line in result.err.splitlines() if line.startswith("warning:")]
    told = [line for line in told if "4.4" in line]
    assert told
    # the summary names arguments, the terminal options
    kept = [line.replace("pixel_size", "--angpix") for line in summary()["warnings"]]
    assert set(told) <= set(kept)
    strict = centering("run", "particles.star", "--strict", "--diameter", 53, "--out", "strict", "--no-report")
    assert strict.code == 2
    assert not Path("strict").exists()


def test_averages_of_binned_particles():
    """github.com/asarnow/pyem issue #30: averages of 64 px without a pixel size, particles of 128 px and 1 A."""
    write_mrc("classes.mrcs", images(np.array([[2.0, -3.0]])), 0.0)
    group = optics(rlnImagePixelSize=1.0, rlnImageSize=128)
    columns = {"rlnClassNumber": 1, "rlnAnglePsi": 0.0, "rlnOriginXAngst": 0.0, "rlnOriginYAngst": 0.0}
    write_star("particles.star", particles(**columns), [group])
    result = centering("classes", "classes.mrcs", "particles.star", "--radius", 12, "--out", "out")
    assert result.refused or np.allclose(field.origins(), (6, -4), **CLOSE), result


def test_a_header_with_two_pixel_sizes():
    """The kind of the cases above: the first one read won."""
    write_mrc("stack.mrcs", images(), (PIXEL, 2 * PIXEL, 1.0))
    assert run("stack.mrcs", *by_diameter(36)).warns("1.5 x 3 Angstrom")


def test_a_header_whose_axes_are_changed_over():
    """RELION reads columns first whatever the header says, and other programs turn the images."""
    write_mrc("stack.mrcs", images(), mapc=2, mapr=1)
    assert run("stack.mrcs", *by_diameter(36)).warns("2, 1, 3", "RELION")


@pytest.mark.parametrize("label", ["rlnAngleTilt", "rlnIsFlip"])
def test_classes_that_are_none_of_averages(label):
    """Psi of a particle that is tilted or mirrored does not turn an average onto it."""
    write_mrc("classes.mrcs", images(np.array([[2.0, -3.0]])))
    write_star("particles.star", particles(rlnClassNumber=1, rlnAnglePsi=30.0, **{label: 1}))
    arguments = ("classes", "classes.mrcs", "particles.star", "--radius", 12, "--estimator", "mass", "--out", "out")
    assert centering(*arguments).warns(label)
    write_star("particles.star", particles(rlnClassNumber=1, rlnAnglePsi=30.0, **{label: 0}))
    assert label not in centering(*arguments, "--overwrite").err


def compared(truth):
    result = centering("compare", "particles.star", "-e", "mass", "--radius", 12, "--truth", truth)
    return result, float(result.out.splitlines()[3].split()[-2]) if result.code == 0 else None


def test_a_truth_in_another_order_belongs_to_the_images_that_it_names():
    """RELION sorts particles by micrograph; a truth taken row by row is that of other particles."""
    write_mrc("stack.mrcs", images())
    true = {"rlnOriginXAngst": field.right()[:, 0].tolist(), "rlnOriginYAngst": field.right()[:, 1].tolist()}
    rows = particles(**true)
    write_star("particles.star", particles("./stack.mrcs"))
    write_star("truth.star", rows[::-1])
    assert compared("truth.star")[1] < 0.1
    # a stack of another name is taken row by row, and not where it has other images
    write_star("truth.star", particles("other.mrcs", **true))
    assert compared("truth.star")[1] < 0.1
    write_star("truth.star", particles("other.mrcs", **true)[::-1])
    assert compared("truth.star")[0].refused
    write_star("truth.star", particles("other.mrcs", 1, rlnOriginXAngst=0.0, rlnOriginYAngst=0.0) + rows[1:])
    assert compared("truth.star")[0].refused


# --- not two-dimensional single particles ----------------------------------------------------------------------------


def test_stacks_of_tilts_are_refused():
    """github.com/3dem/relion issue #1295: RELION-5 subtomograms as 2-D stacks."""
    write_mrc("TS_01/1_stack2d.mrcs", images(displaced := np.zeros((5, 2))))
    row = {"rlnTomoName": "TS_01", "rlnTomoParticleName": "TS_01/1", "rlnOpticsGroup": 1}
    row |= {"rlnImageName": "TS_01/1_stack2d.mrcs", "rlnOriginXAngst": 0.0, "rlnOriginYAngst": 0.0}
    rows = [row | {"rlnOriginZAngst": 0.0, "rlnTomoVisibleFrames": f"[{','.join('1' for _ in displaced)}]"}]
    Path("particles.star").write_text(loop("optics", [optics()]) + loop("particles", rows))
    assert run().refused


def test_three_dimensional_images_are_refused():
    """Subtomograms of RELION 3.1 and 4."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", particles(), [optics(rlnImageDimensionality=3)])
    assert run().refused


def test_a_file_of_several_images_needs_a_number_before_its_name():
    """The first of them is not what is meant."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", [{"rlnImageName": "stack.mrcs"}])
    assert run().refused


def test_a_density_map_is_no_stack():
    """github.com/ccpem/mrcfile, EMD-3197.map: a cube with space group 1."""
    cube = np.exp(-sum(np.square(axis) for axis in np.mgrid[-10:10, -10:10, -10:10]) / 18.0).astype(np.float32)
    with mrcfile.new("map.mrc") as file:
        file.set_data(cube)
        file.set_volume()
        file.voxel_size = 11.4
    result = run("map.mrc", "--radius", 7, "--out", "out", "--no-report")
    assert result.refused or result.warns("volume|map"), result
    assert "volume" in result.err


def test_helical_segments_without_the_number_of_a_tube_are_warned_of():
    """Any of RELION's labels of filaments says so."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", particles(rlnHelicalTrackLengthAngst=3.0, rlnAnglePsiPrior=2.0))
    assert run().warns("helical", "rlnHelicalTrackLengthAngst")


def test_helical_segments_are_warned_of():
    """github.com/asarnow/pyem pull #60, relion #1299: only the shift across the filament means anything."""
    axis = np.arange(SIZE) - SIZE // 2
    filament = np.exp(-np.square(axis - 3.0) / 32.0)[None, :, None] * np.ones((COUNT, 1, SIZE))
    write_mrc("stack.mrcs", filament.astype(np.float32))
    columns = {"rlnHelicalTubeID": 1, "rlnAnglePsiPrior": 0.0, "rlnHelicalTrackLengthAngst": 0.0}
    write_star("particles.star", particles(**columns))
    result = run()
    assert result.refused or result.warns("helic|filament"), result


# --- sibling fields --------------------------------------------------------------------------------------------------


def test_two_tables_of_particles_in_one_file():
    """Two files glued with cat: all twelve, or a sentence."""
    for name, pixel in (("a.mrcs", 1.5), ("b.mrcs", 3.0)):
        write_mrc(name, images()[:6], pixel)
    parts = [("a.mrcs", 1.5), ("b.mrcs", 3.0)]
    zero = {"rlnOpticsGroup": 1, "rlnOriginXAngst": 0.0, "rlnOriginYAngst": 0.0}
    text = [
        loop("optics", [optics(rlnImagePixelSize=pixel)]) + loop("particles", particles(name, 6, **zero))
        for name, pixel in parts
    ]
    Path("particles.star").write_text("".join(text))
    result = run()
    assert result.refused or result.warns("table|block|twice|second"), result


def test_priors_of_the_old_origins_do_not_stay():
    """src/ml_optimiser.cpp of RELION holds refinements to the priors; particle subtraction drops them."""
    write_mrc("stack.mrcs", images())
    old = {"rlnOriginXPriorAngst": 7.5, "rlnOriginYPriorAngst": -4.5, "rlnOriginXAngst": 7.0, "rlnOriginYAngst": -4.0}
    write_star("particles.star", particles(**old))
    result = run()
    assert result.code == 0
    priors = field.table()
    if "rlnOriginXPriorAngst" in priors.columns and not result.warns("prior"):
        np.testing.assert_allclose(priors[["rlnOriginXPriorAngst", "rlnOriginYPriorAngst"]], field.origins(), atol=1e-3)


@pytest.mark.parametrize("group", ["alignments3D_multi", "alignments_class_0"])
def test_shifts_of_other_alignments_do_not_stay_unsaid(group):
    """github.com/asarnow/pyem issue #59: shifts of 3-D classification, and no alignments3D."""
    shift = np.ones((3, 2)) if group == "alignments3D_multi" else np.ones(2)
    fields = {f"{group}__shift": shift, f"{group}__psize_A": np.full(shift.shape[:-1], PIXEL)}
    field.write_cs_project(field.cs_table(**fields))
    result = run("particles.cs")
    if not (result.refused or result.warns(group)):
        assert result.code == 0
        after = np.load("out/particles.cs")[f"{group}/shift"].reshape(COUNT, -1, 2)
        np.testing.assert_allclose(after, np.broadcast_to(field.right(1.0)[:, None], after.shape), **CLOSE)


# --- the bridge between programs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("passthrough", ["J40_passthrough_particles.cs", "J40_passthrough_particles_class_0.cs"])
def test_images_that_stand_in_the_passthrough_file_beside(passthrough):
    """github.com/asarnow/pyem issues #57, #59, #73 and #100: a job writes only the fields that it changed."""
    whole = field.cs_table(alignments3D__shift=np.zeros(2), alignments3D__psize_A=np.float64(PIXEL))
    own = ["uid", "alignments3D/shift", "alignments3D/psize_A"]
    beside = ["uid", *(name for name in whole.dtype.names if name.startswith("blob/"))]
    name = "J40_particles.cs" if "class" not in passthrough else "J40_particles_class_0.cs"
    field.write_cs_project(np.array(whole[own][::-1].tolist(), whole[own].dtype), name)
    field.write_cs_project(np.array(whole[beside].tolist(), whole[beside].dtype), passthrough)
    result = run(name)
    assert result.code == 0, result
    np.testing.assert_allclose(field.found(), field.displacements()[::-1], **CLOSE)


def test_names_of_stacks_that_relion_takes_for_stacks(relion):
    """github.com/asarnow/pyem issue #48, relion #591: 000001@file.mrc:mrcs is an image of a stack called file.mrc."""
    write_mrc("stack.mrc", images())
    write_star("particles.star", particles("stack.mrc:mrcs"))
    assert run("particles.star", *by_diameter(36)).code == 0
    np.testing.assert_allclose(field.origins(), field.right(), **CLOSE)
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1


def test_relion_reads_what_came_from_cryosparc(relion):
    """github.com/asarnow/pyem issue #48: cryoSPARC calls its stacks .mrc."""
    field.write_cs_project(field.cs_table(alignments2D__shift=np.zeros(2), alignments2D__psize_A=np.float64(PIXEL)))
    assert run("particles.cs").code == 0
    assert np.abs(moved_by_relion("out/particles.star")).max() < 0.1


def test_convert_keeps_the_microscope_and_the_coordinates():
    """github.com/asarnow/pyem: csparc2star, from which users come, carries ctf and location."""
    ctf = {"ctf__df1_A": 15000.0, "ctf__df2_A": 14500.0, "ctf__df_angle_rad": 0.5, "ctf__phase_shift_rad": 0.25}
    ctf |= {"ctf__accel_kv": 200.0, "ctf__cs_mm": 1.4, "ctf__amp_contrast": 0.07}
    place = {"location__micrograph_path": np.bytes_(b"J2/m.mrc"), "location__center_x_frac": 0.5}
    place |= {"location__center_y_frac": 0.25, "location__micrograph_shape": np.array([3838, 3710], np.uint32)}
    field.write_cs_project(field.cs_table(**{k: np.asarray(v) for k, v in (ctf | place).items()}))
    assert centering("convert", "particles.cs", "out.star").code == 0
    row, group = field.table("out.star").iloc[0], field.table("out.star", "optics").iloc[0]
    stated = [float(group[f"rln{name}"]) for name in ("Voltage", "SphericalAberration", "AmplitudeContrast")]
    np.testing.assert_allclose(stated, [200, 1.4, 0.07], rtol=1e-6)
    defocus = [float(row[f"rln{name}"]) for name in ("DefocusU", "DefocusV", "DefocusAngle", "PhaseShift")]
    np.testing.assert_allclose(defocus, [15000, 14500, np.rad2deg(0.5), np.rad2deg(0.25)], rtol=1e-5)
    assert row["rlnMicrographName"] == "J2/m.mrc"
    assert float(row["rlnCoordinateX"]) == pytest.approx(3710 * 0.5)


def test_two_alignments_that_put_particles_elsewhere():
    """An exported file has the shifts of the classification and of the refinement: one was taken without a word."""
    shifts = {"alignments2D__shift": np.zeros(2), "alignments2D__psize_A": np.float64(PIXEL)}
    shifts |= {"alignments3D__shift": np.array([1.0, 2.0]), "alignments3D__psize_A": np.float64(2 * PIXEL)}
    field.write_cs_project(field.cs_table(**shifts))
    for arguments in (("apply", "particles.cs", "--out", "moved"), ("convert", "particles.cs", "out.star")):
        assert centering(*arguments).warns("alignments3D/shift than in alignments2D/shift", "4.47 px"), arguments
    assert "4.47 px" in centering("check", "particles.cs").out
    assert centering("apply", "particles.cs", "--out", "strict", "--strict").code == 2
    # the same place in pixels of two sizes is no contradiction
    shifts |= {"alignments2D__shift": np.array([2.0, 4.0])}
    Path("particles.cs").unlink()
    field.write_cs_project(field.cs_table(**shifts))
    assert "alignments3D" not in centering("apply", "particles.cs", "--out", "again").err


def test_a_pixel_size_given_for_averages_beside_another_in_their_header():
    """What is given counts, and is said, as everywhere."""
    write_mrc("classes.mrcs", images(np.array([[2.0, -3.0]])), 2 * PIXEL)
    write_star("particles.star", particles(rlnClassNumber=1, rlnAnglePsi=0.0))
    arguments = ("classes", "classes.mrcs", "particles.star", "--radius", 12, "--estimator", "mass", "--out", "out")
    assert centering(*arguments, "--average-angpix", 4.5).warns("gives 3", "--average-angpix 4.5")
    np.testing.assert_allclose(field.origins(), np.tile((13.5, -9.0), (COUNT, 1)), **CLOSE)


def test_coordinates_stay_where_the_images_were_cut():
    """As RELION leaves them; origins of 0 beside them are no places of particles any more, which is said."""
    write_mrc("stack.mrcs", images())
    place = {"rlnCoordinateX": 100.0, "rlnCoordinateY": 100.0}
    write_star("particles.star", particles(rlnOriginXAngst=3.0, rlnOriginYAngst=3.0, **place))
    result = centering("apply", "particles.star", "--out", "moved")
    assert "note: coordinates stay" in result.err


def test_a_recalibrated_blob_keeps_the_pixel_of_its_alignments():
    """github.com/cryoem-uoft/cryosparc-examples, change-pixel-size: blob/psize_A alone is changed."""
    table = field.cs_table(pixel_size=1.2, alignments2D__shift=np.zeros(2), alignments2D__psize_A=np.float64(1.5))
    field.write_cs_project(table)
    assert run("particles.cs").code == 0
    after = np.load("out/particles.cs")
    pixels = after["alignments2D/shift"] * (after["alignments2D/psize_A"] / after["blob/psize_A"])[:, None]
    np.testing.assert_allclose(pixels, field.right(1.0), **CLOSE)


def test_class_averages_of_cryosparc_move_particles_as_its_own_example_does():
    """github.com/cryoem-uoft/cryosparc-examples, shift-2d-classes: shift += R(-pose) s in the frame of the class."""
    centre, rng = np.array([[2.0, -3.0], [-1.5, 4.0]]), np.random.default_rng(3)
    write_mrc("classes.mrc", images(centre), 3.0)
    pose, old, member = rng.uniform(-3, 3, COUNT), rng.normal(size=(COUNT, 2)), np.arange(COUNT, dtype=np.uint32) % 2
    fields = {"alignments2D__shift": old, "alignments2D__pose": pose, "alignments2D__class": member}
    field.write_cs_project(field.cs_table(**fields, alignments2D__psize_A=np.float64(3.0)))
    assert centering("classes", "classes.mrc", "particles.cs", "--radius", 12, "--out", "out").code == 0
    x, y = -centre[member, 1], -centre[member, 0]
    turned = np.stack([np.cos(-pose) * x - np.sin(-pose) * y, np.sin(-pose) * x + np.cos(-pose) * y], axis=1)
    np.testing.assert_allclose(np.load("out/particles.cs")["alignments2D/shift"], old + turned, atol=0.1)


# --- pixels and names ------------------------------------------------------------------------------------------------


def test_unsigned_bytes_of_imod():
    """github.com/ccpem/mrcfile issues #25 and #69: bit 0 of IMOD's flags is clear, so bytes are 0 to 255."""
    data = (20 + 220 * images()).astype(np.uint8)
    write_mrc("stack.mrcs", data.view(np.int8))
    raw = bytearray(Path("stack.mrcs").read_bytes())
    raw[152:160] = np.array([1146047817, 0], "<i4").tobytes()  # IMOD's stamp, and its flags
    Path("stack.mrcs").write_bytes(raw)
    result = run("stack.mrcs", *RUN, "--write-stack")
    assert result.code == 0, result
    np.testing.assert_allclose(field.found(), field.displacements(), **CLOSE)
    moved = mrcfile.read("out/recentered.mrcs")
    assert moved.min() > 0
    assert moved.max() < 256


def test_a_name_that_fits_two_projects(monkeypatch):
    """github.com/3dem/relion issues #1102 and #688: names are relative to the project, and job numbers repeat."""
    for name, shifts in (("A", field.displacements()), ("B", np.zeros((COUNT, 2)))):
        write_mrc(f"{name}/Extract/job012/m.mrcs", images(shifts))
    write_star("A/Extract/job012/particles.star", particles("Extract/job012/m.mrcs"))
    monkeypatch.chdir("B")
    result = run("../A/Extract/job012/particles.star")
    right = result.code == 0 and np.allclose(field.found(), field.displacements(), **CLOSE)
    assert result.refused or right or result.warns("two|both"), result


def test_more_images_than_the_header_says():
    """github.com/ccpem/mrcfile issues #4 and #51: a program appended, and died."""
    write_mrc("stack.mrcs", images(), nz=6, mz=1)
    result = run("stack.mrcs", "--angpix", PIXEL, *RUN)
    assert result.refused or result.warns("longer|more images"), result


def test_numbers_that_count_from_0_are_refused():
    """github.com/3dem/relion issues #524 and #707."""
    write_mrc("stack.mrcs", images())
    write_star("particles.star", [{"rlnImageName": f"{k:03d}@stack.mrcs"} for k in range(3)])
    result = run()
    assert result.refused
    assert "counted from 1" in result.err


def test_one_star_file_in_many_dialects():
    """github.com/teamtomo/starfile issues #35, #78 and #81: quotes, tabs, remarks, CRLF, the optics table last."""
    for name in ("my data/stack.mrcs", "data_2/stack.mrcs"):
        write_mrc(name, images()[:6])
    quoted = [f'"{name}"' for name in field.names("my data/stack.mrcs", 6)]
    plain = [f"'{name}'" for name in field.names("data_2/stack.mrcs", 6)]
    rows = [f'{name}\t1\t""\t1.346409e+05\t1.0e+00\t-2.0E+00' for name in quoted + plain]
    rows[3] += "  # seen by eye"
    rows.insert(5, "# a remark between rows")
    labels = ["ImageName", "OpticsGroup", "Comment", "LogLikeliContribution", "OriginXAngst", "OriginYAngst"]
    lines = ["# Created by hand", "data_particles", "loop_", *(f"_rln{label}" for label in labels), *rows, ""]
    lines += ["data_optics", "loop_", "_rlnOpticsGroup", "_rlnImagePixelSize", "_rlnImageSize", f"1\t{PIXEL}\t{SIZE}"]
    Path("particles.star").write_bytes("\r\n".join([*lines, ""]).encode())
    assert run("particles.star", *by_diameter(36), "--keep-names").code == 0
    after = [line for line in Path("out/particles.star").read_text().splitlines() if "@" in line]
    before = [line.rpartition("1.0e+00")[0] for line in rows if "@" in line]
    assert [line[: len(start)] for line, start in zip(after, before, strict=True)] == before
    assert after[3].endswith("  # seen by eye")
    np.testing.assert_allclose(
        [float(one) for one in " ".join(after[0].split("\t")[4:]).split()[:2]], (5.25, -3.0), **CLOSE
    )


def test_stacks_in_many_dialects():
    """github.com/ccpem/mrcfile issues #4, #47, #50 and #54: big-endian, half, short, unsigned, with longer headers."""
    two = images(shifts := np.array([[2.0, -3.5], [-7.5, -7.5]]))
    kinds = {"big": ">f4", "half": "f2", "short": "i2", "ushort": "u2", "ext": "f4"}
    for name, kind in kinds.items():
        data = (two if np.dtype(kind).kind == "f" else two * 200).astype(kind)
        with mrcfile.new(f"{name}.mrcs") as file:
            if name == "ext":
                file.set_extended_header(np.zeros(2048, np.uint8).view("V1"))
            file.set_data(data)
            file.set_image_stack()
            file.voxel_size = PIXEL
    rows = [row for name in kinds for row in particles(f"{name}.mrcs", 2)]
    write_star("particles.star", rows)
    assert run().code == 0
    np.testing.assert_allclose(field.found(), np.tile(shifts, (len(kinds), 1)), **CLOSE)


_FOREIGN = {
    "cistem.star": "data_\n\nloop_\n_cisTEMPositionInStack #1\n_cisTEMStackFilename #2\n1 'data/stack.mrc'\n",
    "class_averages.star": loop("", [{"rlnReferenceImage": "000001@Class2D/job010/classes.mrcs"}]),
    "picks.star": loop("", [{"rlnCoordinateX": 100.5, "rlnCoordinateY": 200.5}]),
    "map.mrc.gz": "\x1f\x08",
    "stack.hdf": "\x89HDF\r\n",
    "group.csg": "created: now\ngroup: {}\n",
}


@pytest.mark.parametrize("name", _FOREIGN)
def test_files_of_other_kinds_are_refused_in_one_sentence(name):
    """cisTEM's parameters, averages, picks, compressed maps, EMAN2's stacks, cryoSPARC's groups."""
    Path(name).write_text(_FOREIGN[name], encoding="latin-1")
    assert run(name).refused


# --- what check says of them ---------------------------------------------------------------------------------------


def test_check_says_the_pixel_of_the_coordinates():
    """The trouble of which there are most reports is seen before anything is run."""
    write_mrc("Extract/m.mrcs", images(), 2.0)
    extraction(original=0.5)
    asked = centering("check", "particles.star")
    assert asked.code == 0
    assert "coordinates cannot be used" in asked.out
    assert "--mic-angpix" in asked.out
    extraction(original=0.5, header=1.0)
    told = centering("check", "particles.star").out
    assert "coordinates in micrographs of 1 A, from the headers of the micrographs" in told


def test_check_is_short_where_there_is_little_to_say():
    """Of a stack there are no columns that could be missing, and a .cs file has shifts."""
    write_mrc("stack.mrcs", images())
    told = centering("check", "stack.mrcs").out
    assert len(told.splitlines()) <= 8, told
    assert "classes" not in told
    field.write_cs_project(field.cs_table(alignments2D__shift=np.zeros(2)))
    assert "particles.cs with new shifts" in centering("check", "particles.cs").out


@pytest.mark.parametrize("content", ["no STAR file", loop("particles", [{"rlnImageName": "a", "rlnTomoName": "T"}])])
def test_check_says_what_run_would_do_with_what_it_refuses(content):
    """Whether or not it can be read."""
    Path("particles.star").write_text(content)
    result = centering("check", "particles.star")
    assert result.refused
    assert result.out.splitlines()[-1].split() == ["run", "would", "refuse", "it"]
