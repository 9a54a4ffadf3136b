"""The command, from the outside: files in, files and words out."""

import csv
import fcntl
import hashlib
import json
import os
import pty
import struct
import sys
import termios
import time
from pathlib import Path

import mrcfile
import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner
from datafiles import RADIUS, SIZE, dataset, simulated, write_star
from matplotlib.image import imread

from centering.cli import main
from centering.io.mrc import write_stack
from centering.io.star import StarFile
from centering.runs.outputs import OUTPUTS


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(folder="out", pixel_size=1.5):
    """Return the displacements that the written origins mean, read by an independent program."""
    table = starfile.read(Path(folder) / "particles.star")["particles"]
    return -np.stack([table["rlnOriginYAngst"], table["rlnOriginXAngst"]], axis=1) / pixel_size


def test_run_finds_known_centres_and_keeps_everything_else(project):
    star, simulation = dataset(project, 20)
    before = digests(project)
    result = command("run", star, "--diameter", 2 * RADIUS * 1.5, "--out", "out")
    assert digests(project).items() >= before.items()
    assert {path.name for path in Path("out").iterdir()} == set(OUTPUTS[:11])
    error = np.linalg.norm(found() - simulation.displacement, axis=1)
    assert np.median(error) < 1.0
    assert np.median(np.linalg.norm(simulation.displacement, axis=1)) > 4
    tables = [starfile.read(path) for path in (star, "out/particles.star")]
    assert tables[0]["optics"].equals(tables[1]["optics"])
    names = tables[0]["particles"]["rlnImageName"].str.replace("@", f"@{project}/")
    assert (
        tables[0]["particles"]
        .assign(rlnImageName=names)
        .equals(tables[1]["particles"][["rlnImageName", "rlnOpticsGroup"]])
    )
    for words in ("20 of 48 x 48 px", "1.5 A (from the optics groups", "bright on a dark background", "median"):
        assert words in result.stdout


def test_summary_and_table_say_the_same_as_the_star_file(project):
    star, _ = dataset(project, 8)
    command("run", star, "--radius", RADIUS, "--out", "out", "--no-report")
    summary = json.loads(Path("out/summary.json").read_text())
    length = np.linalg.norm(found(), axis=1)
    assert summary["shift_px"]["median"] == pytest.approx(np.median(length), abs=1e-3)
    assert summary["shift_A"]["max"] == pytest.approx(1.5 * length.max(), abs=1e-3)
    assert (summary["images"], summary["radius_px"], summary["inverted"]) == (8, [RADIUS], False)
    with Path("out/centers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [f"{k:06d}@stack.mrcs" for k in range(1, 9)]
    table = np.array([[float(row["row_px"]), float(row["column_px"])] for row in rows])
    np.testing.assert_allclose(table, found(), atol=6e-5)
    assert sum(bool(row["flags"]) for row in rows) == summary["flagged"]


def test_pictures_are_pictures(project):
    star, _ = dataset(project, 8)
    command("run", star, "--radius", RADIUS, "--out", "out")
    for name in ("montage.png", "shifts.png"):
        picture = imread(f"out/{name}")
        assert picture.shape[0] > 400
        assert picture.std() > 0.05


def test_dark_particles_are_inverted_and_it_is_said(project):
    _, simulation = dataset(project, 12)
    write_stack("stack.mrcs", -simulation.images)
    result = command("run", "particles.star", "--radius", RADIUS, "--out", "out")
    assert "dark on a bright background, inverted (" in result.stdout
    assert np.median(np.linalg.norm(found() - simulation.displacement, axis=1)) < 1.0
    command("run", "particles.star", "--radius", RADIUS, "--out", "yes", "--invert", "yes", "--no-report")
    np.testing.assert_array_equal(found("yes"), found())
    command("run", "particles.star", "--radius", RADIUS, "--out", "no", "--invert", "no", "--no-report")
    assert np.median(np.linalg.norm(found("no") - simulation.displacement, axis=1)) > 4


def center_of_mass(images):
    position = np.arange(images.shape[-1]) - images.shape[-1] // 2
    mass = images.sum(axis=(1, 2))
    return np.stack([images.sum(axis=2) @ position, images.sum(axis=1) @ position], axis=1) / mass[:, None]


def test_the_recentred_stack_is_moved_by_what_was_found(project):
    star, simulation = dataset(project, 12)
    command("run", star, "--radius", RADIUS, "--out", "out", "--write-stack", "--no-report")
    with mrcfile.open("out/recentered.mrcs") as file:
        images = file.data.astype(np.float64)
        assert file.voxel_size.x == pytest.approx(1.5)
    np.testing.assert_allclose(center_of_mass(images), simulation.displacement - found(), atol=2e-3)
    table = starfile.read("out/recentered.star")["particles"]
    assert list(table["rlnImageName"]) == [f"{k:06d}@{project}/out/recentered.mrcs" for k in range(1, 13)]
    assert not table[["rlnOriginXAngst", "rlnOriginYAngst"]].to_numpy().any()


@pytest.mark.parametrize("angpix", [None, 2.0])
def test_a_stack_without_star_file_gets_one(project, angpix):
    simulation = simulated(12)
    write_stack("stack.mrcs", simulation.images)
    options = [] if angpix is None else ["--angpix", angpix]
    command("run", "stack.mrcs", "--radius", RADIUS, "--out", "out", *options)
    star = StarFile.read("out/particles.star")
    assert star.column(star.particles, "rlnImageName")[0] == f"000001@{project}/stack.mrcs"
    displacement = star.displacements(None if angpix is None else np.full(12, angpix))
    assert np.median(np.linalg.norm(displacement - simulation.displacement, axis=1)) < 1.0
    assert (star.optics is None) is (angpix is None)


def test_optics_groups_have_their_own_radius(project):
    _, simulation = dataset(project, 10)
    names = [f"{k}@stack.mrcs" for k in range(1, 11)]
    groups = [1, 2] * 5
    star = write_star("groups.star", names, groups, (1.0, 2.0))
    command("run", star, "--diameter", 4 * RADIUS, "--out", "out", "--write-stack")
    assert json.loads(Path("out/summary.json").read_text())["radius_px"] == [RADIUS, 2 * RADIUS]
    for group, radius in ((1, 2 * RADIUS), (2, RADIUS)):
        rows = [k for k in range(10) if groups[k] == group]
        part = write_star(f"part{group}.star", [names[k] for k in rows])
        command("run", part, "--radius", radius, "--out", f"part{group}", "--no-report")
        mixed = found("out", np.array(groups)[:, None] * 1.0)[rows]
        np.testing.assert_allclose(mixed, found(f"part{group}"), atol=1e-6)
    with mrcfile.open("out/recentered.mrcs") as file:
        moved = center_of_mass(file.data.astype(np.float64))
    np.testing.assert_allclose(
        moved, simulation.displacement - found("out", np.array(groups)[:, None] * 1.0), atol=2e-3
    )


def test_images_that_cannot_be_used_are_flagged_and_listed(project):
    _, simulation = dataset(project, 14)
    images = simulation.images.copy()
    images[3, 5, 5] = np.nan
    images[4, 0, 0] = np.inf
    images[7] = 2.5
    write_stack("stack.mrcs", images)
    result = command("run", "particles.star", "--radius", RADIUS, "--out", "out", "--write-stack")
    assert "000004@stack.mrcs, 000005@stack.mrcs" in result.stderr
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["nonfinite_images"] == ["000004@stack.mrcs", "000005@stack.mrcs"]
    assert (summary["flags"]["nonfinite"], summary["flags"]["flat"]) == (2, 1)
    good = np.delete(np.arange(14), [3, 4, 7])
    assert not found()[[3, 4, 7]].any()
    assert np.median(np.linalg.norm(found() - simulation.displacement, axis=1)[good]) < 1.0
    with mrcfile.open("out/recentered.mrcs") as file:
        np.testing.assert_array_equal(file.data[[3, 4, 7]], images[[3, 4, 7]])


def test_a_stack_of_nothing_usable_still_says_so(project):
    write_stack("stack.mrcs", np.full((3, SIZE, SIZE), np.nan))
    result = command("run", "stack.mrcs", "--radius", RADIUS, "--out", "out")
    assert "no image could be looked at" in result.stdout
    assert json.loads(Path("out/summary.json").read_text())["shift_px"] is None


def test_integer_images_are_converted_and_it_is_said(project):
    star, simulation = dataset(project, 12)
    with mrcfile.new("stack.mrcs", overwrite=True) as file:
        file.set_data(np.round(simulation.images / simulation.images.max() * 1000).astype(np.int16))
    result = command("run", star, "--radius", RADIUS, "--out", "out", "--no-report")
    assert "note: pixels are stored as int16 and are converted to float32" in result.stderr
    assert np.median(np.linalg.norm(found() - simulation.displacement, axis=1)) < 1.0


def test_overwrite_replaces_results_and_nothing_else(project):
    star, _ = dataset(project)
    command("run", star, "--radius", RADIUS, "--out", "out", "--write-stack")
    Path("out/notes.txt").write_text("mine")
    command("run", star, "--radius", RADIUS, "--out", "out", "--overwrite", "--estimator", "mass")
    assert json.loads(Path("out/summary.json").read_text())["estimator"] == "CenterOfMass()"
    assert not Path("out/recentered.mrcs").exists()
    assert Path("out/notes.txt").read_text() == "mine"


def test_max_shift_and_border(project):
    star, _ = dataset(project, 20)
    result = command("run", star, "--radius", RADIUS, "--out", "out", "--max-shift", 2, "--no-report")
    assert np.abs(found()).max() <= 2.5
    assert "lie on the border of the search" in result.stderr


@pytest.mark.parametrize("estimator", ["mass", "median", "phase", "self-convolution"])
def test_the_other_estimators(project, estimator):
    star, simulation = dataset(project, 12)
    command("run", star, "--out", "out", "--estimator", estimator)
    assert np.median(np.linalg.norm(found() - simulation.displacement, axis=1)) < 2.5


def test_compare_tabulates_disagreement_and_error(project):
    _, simulation = dataset(project, 12)
    origin = {"rlnOriginXAngst": -1.5 * simulation.displacement[:, 1]}
    origin["rlnOriginYAngst"] = -1.5 * simulation.displacement[:, 0]
    write_star("truth.star", [f"{k}@stack.mrcs" for k in range(1, 13)], **origin)
    before = digests(project)
    arguments = ["compare", "truth.star", "--radius", RADIUS, "-e", "surrogate", "-e", "mass", "--truth", "truth.star"]
    lines = command(*arguments).stdout.splitlines()
    assert digests(project) == before
    numbers = {
        line[:14].strip(): [float(word) for word in line[15:].split() if word not in ("-", "none")]
        for line in lines[3:]
    }
    assert list(numbers) == ["1 surrogate", "2 mass", "no centering"]
    assert numbers["1 surrogate"][0] == numbers["2 mass"][0]
    assert numbers["1 surrogate"][1] < 1.0
    assert numbers["no centering"][0] == pytest.approx(
        np.median(np.linalg.norm(simulation.displacement, axis=1)), abs=6e-3
    )
    # the truth may be of any format that states where centres are
    command("convert", "truth.star", "truth.cs")
    assert command(*arguments[:-1], "truth.cs").stdout.splitlines()[3:] == lines[3:]
    refused = command(*arguments[:-1], "stack.mrcs", code=2)
    assert "'stack.mrcs' holds no origins" in refused.stderr


def test_compare_knows_the_truth_of_the_70s_set(centering_data):
    path = centering_data / "70s" / "shifted_70S_proj_10_s4.mat"
    lines = command("compare", path, "--radius", 45, "-e", "surrogate", "-e", "racer").stdout.splitlines()
    assert float(lines[3].split()[-2]) < 2.5
    assert float(lines[4].split()[-2]) > 5
    refused = command("compare", path, "--radius", 45, "--truth", path, code=2)
    assert "leave out --truth" in refused.stderr


def test_fetch_prints_paths(centering_data):
    lines = command("fetch", "empiar_10076").stdout.splitlines()
    assert [Path(line).name for line in lines] == ["empiar_10076_7.star", "empiar_10076_7.mrc", "empiar_10076_7.cs"]
    assert all(Path(line).is_file() for line in lines)


def test_real_particles(project, centering_data):
    star = centering_data / "empiar_10076" / "empiar_10076_7.star"
    result = command("run", star, "--diameter", 250, "--out", "out")
    assert "1.31 A (from detector pixel size and magnification" in result.stdout
    assert "dark on a bright background, inverted (7 of 7" in result.stdout
    assert "image names are relative to" in result.stderr
    before, after = starfile.read(star), starfile.read("out/particles.star")
    names = before["rlnImageName"].str.replace("@", f"@{star.parent.absolute()}/")
    assert before.assign(rlnImageName=names).equals(after[before.columns])


def test_demo_beats_the_centre_of_mass_in_under_a_minute(project, monkeypatch):
    monkeypatch.delenv("CENTERING_DATA", raising=False)
    start = time.perf_counter()
    lines = command("demo", "--out", "demo").stdout.splitlines()
    assert time.perf_counter() - start < 60
    errors = {line[:36].strip(): float(line.split()[-2]) for line in lines if line.startswith("  ")}
    assert errors["surrogate centre"] < 2 < 8 < errors["centre of mass"]
    names = {path.name for path in Path("demo").iterdir()}
    assert names == {"simulated.mrcs", "truth.star", "centered", "demo.png", "particles.png"}
    assert "exists" in command("demo", "--out", "demo", code=2).stderr
    command("demo", "--out", "demo", "--overwrite")


LIGHT = """
import sys
from click.testing import CliRunner
from centering.cli import main
for arguments in ([], *([name] for name in main.commands)):
    assert CliRunner().invoke(main, [*arguments, "--help"]).exit_code == 0
print(*[name for name in ("numba", "aspire", "matplotlib", "scipy", "numpy", "pandas") if name in sys.modules])
"""


def test_help_loads_nothing_heavy():
    result = processes.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_help_answers_at_once():
    program = Path(sys.executable).with_name("centering")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = processes.run([program, "--help"], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
    assert "centering demo" in result.stdout


def test_every_command_shows_an_example():
    for name in main.commands:
        assert f"centering {name} " in command(name, "--help").stdout


def test_progress_goes_to_a_terminal_with_a_rate(project):
    star, _ = dataset(project, 6)
    lead, follow = pty.openpty()
    fcntl.ioctl(follow, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    program = Path(sys.executable).with_name("centering")
    arguments = [program, "run", star, "--radius", str(RADIUS), "--out", "out"]
    with processes.Popen(arguments, stderr=follow, stdout=processes.PIPE) as run:
        os.close(follow)
        text = b""
        while True:
            try:
                part = os.read(lead, 4096)
            except OSError:
                break
            if not part:
                break
            text += part
        run.communicate()
    os.close(lead)
    assert run.returncode == 0
    assert b"6/6" in text
    assert b"img/s" in text
