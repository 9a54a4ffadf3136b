"""From cryoSPARC to RELION and back: RELION reads what is written, and nothing that a file states is lost unsaid."""

from pathlib import Path

import mrcfile
import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner
from datafiles import SIZE, simulated, write_cs
from field import cs_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib import recfunctions
from pandas import DataFrame

from centering.cli import main
from centering.io.cryosparc import CsFile
from centering.io.image_names import for_relion, parse_images
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.io.star import StarFile
from centering.io.star_to_cs import to_cs

COUNT = 6
FIELDS = [
    ("uid", "<u8"), ("blob/path", "S24"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4"),
    ("ctf/df1_A", "<f4"), ("ctf/df2_A", "<f4"), ("ctf/df_angle_rad", "<f4"), ("ctf/phase_shift_rad", "<f4"),
    ("ctf/accel_kv", "<f4"), ("ctf/cs_mm", "<f4"), ("ctf/amp_contrast", "<f4"), ("ctf/exp_group_id", "<u4"),
    ("ctf/bfactor", "<f4"), ("ctf/scale", "<f4"), ("alignments2D/shift", "<f4", (2,)),
    ("alignments2D/psize_A", "<f4"), ("location/micrograph_path", "S16"), ("location/micrograph_shape", "<u4", (2,)),
    ("location/micrograph_psize_A", "<f4"), ("location/center_x_frac", "<f4"), ("location/center_y_frac", "<f4"),
]  # fmt: skip
ROWS, COLUMNS = 160, 240  # of the micrographs


def table(seed=0, count=COUNT):
    rng = np.random.default_rng(seed)
    result = np.zeros(count, dtype=FIELDS)
    result["uid"] = rng.integers(2**63, size=count)
    result["blob/path"], result["blob/idx"], result["blob/shape"] = b">J1/extract/m.mrc", np.arange(count), SIZE
    result["blob/psize_A"], result["alignments2D/psize_A"] = 1.5, 3.0
    for name, low, high in [("df1_A", 1e4, 2e4), ("df2_A", 1e4, 2e4), ("df_angle_rad", 0, 3), ("bfactor", -9, 9)]:
        result[f"ctf/{name}"] = rng.uniform(low, high, count)
    result["ctf/phase_shift_rad"], result["ctf/scale"] = rng.uniform(0, 2, count), 1.0
    result["ctf/exp_group_id"] = np.arange(count) % 2
    result["ctf/accel_kv"], result["ctf/cs_mm"], result["ctf/amp_contrast"] = 200.0, 1.4, 0.07
    result["location/micrograph_path"], result["location/micrograph_shape"] = b">J2/m.mrc", [ROWS, COLUMNS]
    result["location/micrograph_psize_A"] = 0.75
    result["location/center_x_frac"] = rng.uniform(0.3, 0.7, count)
    result["location/center_y_frac"] = rng.uniform(0.3, 0.7, count)
    return result


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def relion_runs(*arguments):
    result = processes.run([str(one) for one in arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr + result.stdout


def center_of_mass(path):
    with mrcfile.open(path, permissive=True) as file:
        images = file.data.astype(np.float64)
    position = np.arange(images.shape[-1]) - images.shape[-1] // 2
    moments = np.stack([images.sum(axis=2) @ position, images.sum(axis=1) @ position], axis=1)
    return moments / images.sum(axis=(1, 2))[:, None]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Go to a project folder of cryoSPARC, whose stacks end in ``.mrc``; return the simulation."""
    monkeypatch.chdir(tmp_path)
    Path("J1/extract").mkdir(parents=True)
    simulation = simulated(COUNT)
    write_stack("J1/extract/m.mrc", simulation.images, 1.5)
    return simulation


def test_relion_reads_the_star_file_of_a_run_on_a_cs_file_and_so_do_we(project, relion):
    """RELION takes ``.mrc`` for a map: it refused every result for cryoSPARC's particles."""
    write_cs("p.cs", table())
    said = command("run", "p.cs", "--estimator", "mass", "--out", "out", "--no-report").stderr
    assert "placeholder" not in said
    relion_runs("relion_stack_create", "--i", "out/particles.star", "--o", "moved", "--apply_transformation")
    assert np.abs(center_of_mass("moved.mrcs")).max() < 0.1
    command("apply", "out/particles.star", "--out", "ours")
    assert np.abs(center_of_mass("ours/recentered.mrcs")).max() < 0.01
    # and those of a bare stack
    moved = open_particles("J1/extract/m.mrc").star.with_origins(project.displacement, np.full(COUNT, 1.5))
    moved.write("bare.star")
    relion_runs("relion_stack_create", "--i", "bare.star", "--o", "bare", "--apply_transformation")
    assert np.abs(center_of_mass("bare.mrcs")).max() < 0.1


def test_relion_extracts_the_particles_where_the_converted_coordinates_are(project, relion):
    """The y axis of ``location`` runs along the rows of the micrograph's file, as RELION's does."""
    one = table()
    micrograph = np.zeros((ROWS, COLUMNS), dtype=np.float32)
    size = 32
    rng = np.random.default_rng(5)
    places = np.stack([rng.permutation(np.arange(20, ROWS - 20, 20))[:COUNT], np.arange(30, 30 + 36 * COUNT, 36)], 1)
    y, x = np.mgrid[:ROWS, :COLUMNS]
    for row, column in places.tolist():
        micrograph += np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)
    Path("J2").mkdir()
    with mrcfile.new("J2/m.mrc") as file:
        file.set_data(micrograph)
        file.voxel_size = 0.75
    one["location/center_y_frac"], one["location/center_x_frac"] = places[:, 0] / ROWS, places[:, 1] / COLUMNS
    write_cs("p.cs", one)
    assert "coordinates count the rows" in command("convert", "p.cs", "p.star").stderr
    star = StarFile.read("p.star")
    np.testing.assert_allclose(star.numbers(star.particles, "rlnCoordinateY"), places[:, 0], atol=1e-3)
    optics = {"rlnOpticsGroup": [1, 2], "rlnOpticsGroupName": ["opticsGroup1", "opticsGroup2"], "rlnVoltage": 200.0}
    optics |= {"rlnMicrographPixelSize": 0.75, "rlnSphericalAberration": 1.4, "rlnAmplitudeContrast": 0.07}
    starfile.write(
        {
            "optics": DataFrame(optics),
            "micrographs": DataFrame({"rlnMicrographName": ["J2/m.mrc"], "rlnOpticsGroup": [1]}),
        },
        "mics.star",
    )
    relion_runs(
        "relion_preprocess", "--i", "mics.star", "--reextract_data_star", "p.star", "--part_star", "new.star",
        "--part_dir", "Extract/", "--extract", "--extract_size", size,
    )  # fmt: skip
    found = list(Path("Extract").rglob("*.mrcs"))
    assert len(found) == 1
    assert np.abs(center_of_mass(found[0])).max() < 0.01


def test_everything_that_both_files_know_goes_there_and_back(project):
    one = table()
    write_cs("p.cs", one)
    command("convert", "p.cs", "p.star")
    star = starfile.read("p.star")
    optics, particles = star["optics"], star["particles"]
    assert len(optics) == 2  # one of every exposure group
    for label, value in {
        "rlnVoltage": 200, "rlnSphericalAberration": 1.4, "rlnAmplitudeContrast": 0.07, "rlnMicrographPixelSize": 0.75,
        "rlnImagePixelSize": 1.5, "rlnImageSize": SIZE,
    }.items():  # fmt: skip
        np.testing.assert_allclose(optics[label], value)
    assert particles["rlnOpticsGroup"].tolist() == (np.arange(COUNT) % 2 + 1).tolist()
    assert particles["rlnMicrographName"].unique().tolist() == ["J2/m.mrc"]
    for label, field, scale in [
        ("rlnDefocusU", "ctf/df1_A", 1), ("rlnDefocusV", "ctf/df2_A", 1), ("rlnCtfBfactor", "ctf/bfactor", 1),
        ("rlnDefocusAngle", "ctf/df_angle_rad", 180 / np.pi), ("rlnPhaseShift", "ctf/phase_shift_rad", 180 / np.pi),
        ("rlnCoordinateX", "location/center_x_frac", COLUMNS), ("rlnCoordinateY", "location/center_y_frac", ROWS),
    ]:  # fmt: skip
        np.testing.assert_allclose(particles[label], one[field] * scale, atol=2e-5, rtol=1e-6)
    # a new file, where the micrograph tells how large it is; with the old one nothing at all has changed
    Path("J2").mkdir()
    with mrcfile.new("J2/m.mrc") as file:
        file.set_data(np.zeros((ROWS, COLUMNS), dtype=np.float32))
    command("convert", "p.star", "new.cs")
    new = np.load("new.cs")
    for name in set(one.dtype.names) - {"uid", "blob/path", "location/micrograph_path", "alignments2D/psize_A"}:
        np.testing.assert_allclose(new[name], one[name], atol=1e-6, rtol=2e-7, err_msg=name)
    assert set(new["location/micrograph_path"]) == {b"J2/m.mrc"}
    assert set(new["blob/path"]) == {b"J1/extract/m.mrc"}
    said = command("convert", "p.star", "back.cs", "--into", "p.cs").stderr
    assert Path("back.cs").read_bytes() == Path("p.cs").read_bytes()
    assert "warning" not in said


def test_what_relion_has_found_anew_is_taken_and_what_differs_else_is_told(project):
    one = table()
    write_cs("p.cs", one)
    command("convert", "p.cs", "p.star")
    star = StarFile.read("p.star")
    new = {"rlnDefocusU": ["12345.5"] * COUNT, "rlnCoordinateX": ["3.0"] * COUNT}
    star = star.with_columns(star.particles, new)
    star.with_columns(star.optics, {"rlnVoltage": ["300"] * 2, "rlnImagePixelSize": ["1.6"] * 2}).write("q.star")
    said = command("convert", "q.star", "q.cs", "--into", "p.cs").stderr
    assert "note: ctf/df1_A are those of 'q.star'" in said
    assert "warning: 'q.star' gives 300 for ctf/accel_kv, 'p.cs' 200, which is kept" in said
    assert "warning: 'q.star' has pixels of 1.6 A, 'p.cs' of 1.5 A, which are kept" in said
    assert (
        f"warning: {COUNT} particles of 'q.star' lie elsewhere in their micrographs than location/* of 'p.cs'" in said
    )
    back = np.load("q.cs")
    np.testing.assert_allclose(back["ctf/df1_A"], 12345.5)
    for name in set(one.dtype.names) - {"ctf/df1_A", "alignments2D/shift"}:
        assert back[name].tobytes() == one[name].tobytes()


def test_placeholders_are_said_and_never_go_back(project):
    one = table()
    kept = [name for name in one.dtype.names if name not in ("ctf/accel_kv", "ctf/cs_mm")]
    write_cs("p.cs", recfunctions.repack_fields(one[kept]))
    said = command("convert", "p.cs", "p.star").stderr
    assert "warning: the new STAR file holds placeholders" in said
    assert said.count("rlnVoltage 300, rlnSphericalAberration 2.7\n") == 1  # the amplitude contrast is stated
    assert (starfile.read("p.star")["optics"]["rlnAmplitudeContrast"] == 0.07).all()
    said = command("convert", "p.star", "q.cs").stderr
    assert "warning: placeholders of 'p.star' are left out: rlnVoltage, rlnSphericalAberration" in said
    assert not {"ctf/accel_kv", "ctf/cs_mm"} & set(np.load("q.cs").dtype.names)
    write_cs("whole.cs", one)
    command("convert", "p.star", "back.cs", "--into", "whole.cs")
    assert Path("back.cs").read_bytes() == Path("whole.cs").read_bytes()


def test_what_is_left_out_is_named(project):
    write_cs("p.cs", recfunctions.append_fields(table(), "alignments3D/pose", np.zeros(COUNT), usemask=False))
    assert (
        "left out, for the STAR file has no column for them: alignments3D/pose"
        in command("convert", "p.cs", "p.star").stderr
    )
    star = StarFile.read("p.star")
    star.with_columns(star.particles, {"rlnAngleRot": ["1.0"] * COUNT}).write("q.star")
    said = command("convert", "q.star", "q.cs").stderr
    assert "keeps its own: rlnAngleRot" in said
    assert "warning: the coordinates of 'q.star' are left out" in said  # its micrograph is not there
    assert "'J2/m.mrc' is not known" in said


def split(one, names):
    """Return the fields of some groups, and the others, each with the uid."""
    first = ["uid", *(name for name in one.dtype.names if name.partition("/")[0] in names)]
    second = ["uid", *(name for name in one.dtype.names if name not in first)]
    return (recfunctions.repack_fields(one[part]) for part in (first, second))


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("J40_particles.cs", "J40_passthrough_particles.cs"),
        ("P3_J40_particles_selected.cs", "P3_J40_passthrough_particles_selected.cs"),
        ("cryosparc_P3_J40_006_particles.cs", "P3_J40_passthrough_particles.cs"),
        ("particles.cs", "passthrough_particles.cs"),
    ],
)
@pytest.mark.parametrize("own", [["alignments2D", "ctf"], ["blob", "alignments2D"], ["alignments2D"]])
def test_what_a_file_lacks_is_joined_by_uid_from_the_passthrough_file_beside_it(project, name, beside, own):
    one = table()
    first, second = split(one, own)
    write_cs(name, first)
    write_cs(beside, second[::-1])  # in another order, and of more particles
    write_cs("J41_passthrough_particles.cs", table(seed=9))  # another job's
    cs = CsFile.read(name)
    assert cs.passthrough == Path(beside)
    assert any(f"come from '{beside}', joined by uid" in words for words in cs.notes)
    for field in one.dtype.names:
        assert cs.table[field].tobytes() == one[field].tobytes()
    cs.with_shifts(project.displacement).write("whole.cs")
    assert not CsFile.read("whole.cs").notes  # it needs no other file


def test_files_that_do_not_belong_together_are_refused(project):
    first, second = split(table(), ["alignments2D", "ctf"])
    second["uid"][2:] += 1
    write_cs("J40_particles.cs", first)
    write_cs("J40_passthrough_particles.cs", second)
    said = command("run", "J40_particles.cs", "--estimator", "mass", "--out", "out", code=2).stderr
    assert said.startswith("Error: 'J40_passthrough_particles.cs' has 2 of the 6 uid of 'J40_particles.cs'")
    assert len(said.splitlines()) == 1
    Path("J40_passthrough_particles.cs").unlink()
    said = command("run", "J40_particles.cs", "--estimator", "mass", "--out", "out", code=2).stderr
    assert "no field blob/path" in said
    assert len(said.splitlines()) == 1
    # where the images are known without it, it is left alone
    first, second = split(table(), ["blob", "alignments2D"])
    write_cs("J40_particles.cs", first)
    for broken in (second[:-1], np.concatenate([second, second[:1]])):
        write_cs("J40_passthrough_particles.cs", broken)
        (words,) = open_particles("J40_particles.cs").warnings
        assert "J40_passthrough_particles.cs" in words
        assert "left alone" in words
    Path("J40_passthrough_particles.cs").write_bytes(b"nothing")
    assert "not a .cs file" in open_particles("J40_particles.cs").warnings[0]


letters = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="\"'>@")
stacks = st.text(letters, min_size=1, max_size=20)
suffixes = st.sampled_from([".mrc", ".mrcs", ".MRC", ".st", "", ".mrc.mrcs"])


@settings(max_examples=30)
@given(st.lists(st.tuples(stacks, suffixes), min_size=1, max_size=3), st.data())
def test_stacks_and_images_are_the_same_in_both_formats(drawn, data):
    """What a ``.cs`` file states directly, the names in its STAR file say, and the way back too."""
    names = [f"J1/{stem}{suffix}" for stem, suffix in drawn]
    count = data.draw(st.integers(1, 4))
    paths = [data.draw(st.sampled_from(names)).encode() for _ in range(count)]
    one = np.zeros(count, dtype=[("uid", "<u8"), ("blob/path", "S500"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")])
    one["blob/path"], one["blob/psize_A"] = paths, 1.5
    one["blob/idx"] = np.arange(count) + data.draw(st.integers(0, 2**32 - 5))
    cs = CsFile(Path("p.cs"), one)
    star = cs.to_star()
    for mine, theirs in ((cs.images, star.images), (cs.images, parse_images("p.cs", cs.names))):
        assert mine[0] == theirs[0]
        np.testing.assert_array_equal(mine[1], theirs[1])
        np.testing.assert_array_equal(mine[2], theirs[2])
    assert all(for_relion(name).lower().endswith("mrcs") for name in cs.images[0])
    back = to_cs(star).table
    assert back["blob/path"].tolist() == one["blob/path"].tolist()
    np.testing.assert_array_equal(back["blob/idx"], one["blob/idx"])


def test_absolute_names_of_two_jobs_with_the_same_stacks_find_their_way_back():
    """What a run writes has absolute names; the .cs file has those of the project."""
    rows = cs_table("J12/extract/m.mrc")
    rows["blob/path"][6:] = b"J15/extract/m.mrc"
    rows["blob/idx"] = np.arange(12) % 6
    cs = CsFile(Path("particles.cs"), rows)
    star = cs.to_star()
    names = [name.replace("@", "@/far/project/") for name in star.names]
    star = star.with_columns(star.particles, {"rlnImageName": names})
    back = to_cs(star, into=cs)
    np.testing.assert_array_equal(back.table["uid"], rows["uid"])
