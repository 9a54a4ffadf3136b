"""The radial reference as a user gets it: files with contrast transfer in, centres with uncertainties out."""

from __future__ import annotations

import csv
import json
import os
import pickle
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner
from datafiles import write_star
from symmetric import disc, distances, gaussian, ring

from centering import (
    CTF,
    FittedReference,
    Flag,
    RadialReference,
)
from centering.cli import main
from centering.estimators.registry import estimator_names, find, make_estimator
from centering.io.formats import read_table
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.radial.selection import choose
from centering.runs import learning
from centering.runs.learning import Sample, learn, transfer_functions
from centering.runs.prepare import prepare

PROGRAM = Path(sys.executable).with_name("centering")
COUNT, SIZE, RADIUS, PIXEL = 160, 48, 12, 3.0
LEARN = ("run", "particles.star", "--estimator", "radial-reference", "--radius", str(RADIUS), "--max-shift", "10")
LEARN = (*LEARN, "--keep-names")  # runs in several folders are compared byte by byte


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output + result.stderr
    return result


def through_microscope(profile, displacement, ctf):
    """Return radial objects seen through contrast transfer, which spreads beyond the box and does not come back."""
    wide = 2 * SIZE
    clean = profile(distances(wide, displacement))
    frequency = np.hypot(np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide))
    seen = np.fft.irfft2(np.fft.rfft2(clean) * ctf.transfer(frequency), s=(wide, wide))
    return seen[:, SIZE // 2 : -SIZE // 2, SIZE // 2 : -SIZE // 2]


def particle(distance):
    """Return a shell with a core."""
    return disc(8)(distance) + ring(6, 1.5)(distance)


def write_project(folder):
    """Write dark particles in noise, their STAR file with contrast transfer and their true displacements."""
    rng = np.random.default_rng(11)
    displacement = rng.uniform(-6, 6, (COUNT, 2))
    defocus = rng.uniform(8000, 30000, COUNT)
    ctf = CTF(defocus, PIXEL, spherical_aberration=2.7)
    images = through_microscope(particle, displacement, ctf)
    images += 1.2 * images.std() * rng.standard_normal(images.shape) * np.sqrt(10)
    write_stack(folder / "stack.mrcs", -images.astype(np.float32))
    names = [f"{k:06d}@stack.mrcs" for k in range(1, COUNT + 1)]
    columns = {"rlnDefocusU": defocus + 250, "rlnDefocusV": defocus - 250, "rlnDefocusAngle": 30.0}
    columns["rlnOriginXAngst"], columns["rlnOriginYAngst"] = -PIXEL * displacement[:, 1], -PIXEL * displacement[:, 0]
    write_star(folder / "particles.star", names, pixel_sizes=(PIXEL,), **columns)
    np.save(folder / "truth.npy", displacement)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Return a folder with a dataset; `starfile` writes the time of day, so it is made once."""
    folder = tmp_path_factory.mktemp("inputs")
    write_project(folder)
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch, inputs):
    """Work in a project folder with a copy of the dataset."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory, inputs):
    """Return the outputs of a run, and its words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(shutil.copytree(inputs, tmp_path_factory.mktemp("whole") / "project"))
        result = command(*LEARN, "--out", "out", "-j", 1)
        return contents(), result


def contents(folder="out"):
    """Return the bytes of every file; absolute image names as they would be from the project folder."""
    here = os.fsencode(Path.cwd()) + b"/"
    return {path.name: path.read_bytes().replace(here, b"") for path in Path(folder).iterdir()}


def table(text):
    return list(csv.DictReader(text.decode().splitlines()))


def numbers(rows, *names):
    return np.array([[float(row[name]) for name in names] for row in rows])


def error(rows, truth):
    return np.hypot(*(numbers(rows, "row_px", "column_px") - truth).T)


# what comes out


def test_known_centres_are_found_through_contrast_transfer(whole_run, inputs, project):
    outputs, result = whole_run
    truth = np.load(inputs / "truth.npy")
    rows = table(outputs["centers.csv"])
    assert np.median(np.hypot(*truth.T)) > 4
    assert np.median(error(rows, truth)) < 1.0
    Path("found.star").write_bytes(outputs["particles.star"])
    found = starfile.read("found.star")["particles"]
    origins = -np.stack([found["rlnOriginYAngst"], found["rlnOriginXAngst"]], axis=1) / PIXEL
    np.testing.assert_allclose(origins, numbers(rows, "row_px", "column_px"), atol=1e-3)
    assert "corrected for contrast transfer: defocus 0.8" in result.stderr
    assert f"learned from {COUNT} images in 8 iterations" in result.stderr


def test_contrast_transfer_is_worth_correcting(whole_run, project):
    truth = np.load("truth.npy")
    command(*LEARN, "--out", "plain", "--ctf", "no", "--no-report")
    command(*LEARN, "--out", "flipped", "--phase-flip", "--no-report")
    plain, flipped = (error(table(Path(name, "centers.csv").read_bytes()), truth) for name in ("plain", "flipped"))
    corrected = error(table(whole_run[0]["centers.csv"]), truth)
    assert np.mean(corrected) < 0.9 * np.mean(flipped) < 0.9 * np.mean(plain)


def test_the_uncertainties_of_the_table_hold_the_errors(whole_run, inputs):
    rows = table(whole_run[0]["centers.csv"])
    truth = np.load(inputs / "truth.npy")
    row, column, correlation = numbers(rows, "sigma_row_px", "sigma_column_px", "correlation").T
    off = numbers(rows, "row_px", "column_px") - truth
    covariance = np.empty((COUNT, 2, 2))
    covariance[:, 0, 0], covariance[:, 1, 1] = row**2, column**2
    covariance[:, 0, 1] = covariance[:, 1, 0] = correlation * row * column
    square = np.einsum("bi,bij,bj->b", off, np.linalg.inv(covariance), off)
    for probability in (0.68, 0.95):
        deviation = np.sqrt(probability * (1 - probability) / COUNT)
        held = np.mean(square <= -2.0 * np.log(1.0 - probability))
        assert held == pytest.approx(probability, abs=3.5 * deviation)


def test_the_summary_says_what_was_learned(whole_run):
    summary = json.loads(whole_run[0]["summary.json"])
    (learned,) = summary["learned"]
    assert (learned["radius_px"], learned["images"], learned["iterations"]) == (RADIUS, COUNT, 8)
    assert learned["radius_choice"] is None
    assert len(learned["evidence"]) == 8
    (profile,) = learned["profiles"]
    # the shell with a core, up to a scale: what was put in, seen by what came out
    values = np.array(profile["at_px"][: RADIUS - 1])
    assert np.corrcoef(values, particle(np.arange(len(values))))[0, 1] > 0.85
    assert 0.6 < learned["noise"]["part"] < 0.9  # 14 of 15 parts, less what is outside the band
    spectrum = np.array(learned["noise"]["spectrum"])
    np.testing.assert_allclose(spectrum, 1.0, atol=0.2)  # white
    assert len(learned["noise"]["cycles_per_px"]) == len(spectrum)
    assert learned["shift_spread_px"] == pytest.approx(6 / np.sqrt(3), rel=0.2)  # of a uniform distribution
    assert "learn_from=2000" in summary["estimator"]
    assert any("contrast transfer" in note for note in summary["notes"])


def test_the_report_shows_it(whole_run):
    outputs, _ = whole_run
    page = outputs["report.html"].decode()
    assert '<section id="learned"' in page
    assert "cone of the surrogate" in page
    assert page.count('<ellipse class="ellipse"') > 15
    assert "Landscape of particle" in page
    assert {"reference.png", "reference.svg"} <= set(outputs)
    assert f"learned from {COUNT} images" in page


def test_unusable_images_have_no_uncertainty_and_teach_nothing(project, rng):
    images = np.array(open_particles("stack.mrcs").read(np.arange(COUNT)))
    images[3, 5, 5] = np.nan
    images[9] = 4.0
    write_stack("stack.mrcs", images)
    command(*LEARN, "--out", "out", "--no-report")
    rows = table(Path("out/centers.csv").read_bytes())
    for k, flag in ((3, "nonfinite"), (9, "flat")):
        assert rows[k]["flags"] == flag
        assert (rows[k]["row_px"], rows[k]["sigma_row_px"], rows[k]["correlation"]) == ("0.0000", "nan", "nan")
    assert json.loads(Path("out/summary.json").read_text())["learned"][0]["images"] == COUNT - 2


def test_a_cryosparc_file_says_the_same_as_the_star_file(whole_run, project):
    star = starfile.read("particles.star")["particles"]
    fields = [("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4"), ("blob/shape", "<u4", (2,))]
    fields += [(f"ctf/{name}", "<f4") for name in ("df1_A", "df2_A", "accel_kv", "cs_mm", "amp_contrast")]
    particles = np.zeros(COUNT, dtype=fields)
    particles["blob/path"], particles["blob/idx"] = b"stack.mrcs", np.arange(COUNT)
    particles["blob/psize_A"], particles["blob/shape"] = PIXEL, SIZE
    particles["ctf/df1_A"], particles["ctf/df2_A"] = star["rlnDefocusU"], star["rlnDefocusV"]
    particles["ctf/accel_kv"], particles["ctf/cs_mm"], particles["ctf/amp_contrast"] = 300, 2.7, 0.1
    with Path("particles.cs").open("wb") as file:
        np.save(file, particles)
    result = command("run", "particles.cs", *LEARN[2:], "--out", "out", "--no-report")
    assert "corrected for contrast transfer" in result.stderr
    found, expected = (
        numbers(table(text), "row_px", "column_px")
        for text in (Path("out/centers.csv").read_bytes(), whole_run[0]["centers.csv"])
    )
    np.testing.assert_allclose(found, expected, atol=2e-3)  # single precision of the file


def test_contrast_transfer_of_both_formats_of_one_dataset(centering_data):
    folder = centering_data / "empiar_10076"
    frequency = np.linspace(0, 0.4, 30)
    one, two = (
        read_table(folder / f"empiar_10076_7.{kind}").transfer_functions(size)
        for kind, size in (("star", None), ("cs", 1.31))
    )
    np.testing.assert_allclose(one.transfer(frequency), two.transfer(frequency), atol=1e-3)


# the same bytes, however it is run


@pytest.mark.parametrize("options", [("-j", 2), ("-j", 3, "--batch-size", 1), ("-j", 1, "--batch-size", 7)])
def test_neither_threads_nor_batches_change_a_byte(whole_run, project, options):
    command(*LEARN, "--out", "out", *options)
    assert contents() == whole_run[0]


def test_workers_write_the_same_bytes(whole_run, project, monkeypatch):
    pytest.importorskip("distributed", reason="needs the extra distributed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    command(*LEARN, "--out", "out", "--workers", 2, "--batch-size", 9)
    assert contents() == whole_run[0]


def test_killed_and_resumed(whole_run, project):
    arguments = [PROGRAM, *LEARN, "--out", "out", "--batch-size", "1", "-j", "1"]
    journal = Path(".out.partial/journal")
    with processes.Popen(arguments, stdout=processes.DEVNULL, stderr=processes.DEVNULL) as run:
        while run.poll() is None and not (journal.exists() and journal.stat().st_size > 4000):
            time.sleep(0.001)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert not Path("out").exists()
    for other in (("--ctf", "no"), ("--learn-from", "50"), ("--prior", "flat"), ("--phase-flip",)):
        assert "cannot be continued" in command(*LEARN, "--out", "out", "--resume", *other, code=2).stderr
    command(*LEARN, "--out", "out", "--resume")
    assert contents() == whole_run[0]


def test_a_part_teaches_and_the_draw_is_always_the_same(project):
    for name in ("one", "two"):
        command(*LEARN, "--out", name, "--learn-from", 90, "--no-report")
    one, two = contents("one"), contents("two")
    assert one == two
    assert json.loads(one["summary.json"])["learned"][0]["images"] == 90
    assert np.median(error(table(one["centers.csv"]), np.load("truth.npy"))) < 1.0


def test_no_image_depends_on_its_batch_to_the_last_digit(inputs, monkeypatch):
    monkeypatch.chdir(inputs)
    particles = open_particles("particles.star")
    images, ctf = particles.read(np.arange(COUNT)), read_table("particles.star").transfer_functions()
    fitted = RadialReference(RADIUS, iterations=2, profiles=2).fit(images, ctf=ctf)
    whole = fitted(images, ctf=ctf)
    for step in (1, 3, 31):
        for start in range(0, COUNT, step):
            rows = slice(start, start + step)
            part = fitted(images[rows], ctf=ctf[rows])
            for name in ("displacement", "covariance", "score", "flags"):
                np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[rows])


def test_a_reference_travels_light_and_comes_back_the_same(rng):
    images = gaussian(3)(distances(64, rng.uniform(-4, 4, (60, 2)))) + rng.standard_normal((60, 64, 64))
    fitted = RadialReference(14, iterations=2).fit(images)
    before = fitted(images)
    packed = pickle.dumps(fitted)
    assert len(packed) < 30_000 < fitted.templates._kernels.nbytes
    again = pickle.loads(packed)(images)
    np.testing.assert_array_equal(again.displacement, before.displacement)
    np.testing.assert_array_equal(again.covariance, before.covariance)


# learning from a dataset


def test_every_pixel_size_has_a_reference_of_its_own(project):
    names = [f"{k}@stack.mrcs" for k in range(1, COUNT + 1)]
    write_star("two.star", names, [1, 2] * (COUNT // 2), (1.5, 3.0))
    job = prepare(open_particles("two.star"), diameter=66.0, estimator="radial-reference")
    assert [one.radius for one in job.references] == [11, 22]
    assert [one.images for one in job.references] == [COUNT // 2] * 2
    assert list(job.estimators) == list(job.references)
    assert job.members.tolist() == [1, 0] * (COUNT // 2)


def test_the_sample_leaves_out_what_cannot_be_read(project):
    particles = open_particles("stack.mrcs")
    half = 1024 + (COUNT // 2) * 4 * SIZE * SIZE
    Path("stack.mrcs").write_bytes(Path("stack.mrcs").read_bytes()[:half])
    particles = open_particles("stack.mrcs")
    references, members = learn(particles, [RadialReference(RADIUS, iterations=1)])
    assert references[0].images == COUNT // 2
    assert (members == 0).all()


def test_a_sample_can_be_read_again_and_inverts(project):
    particles = open_particles("stack.mrcs")
    places = np.array([5, 100, 3, *range(10, 90)])
    sample = Sample(particles, places, invert=True)
    for _ in range(2):
        images = np.concatenate([batch for batch, _ in sample()])
        np.testing.assert_array_equal(images, -particles.read(places))
    assert len(sample) == len(places)


def test_progress_adds_up(inputs, monkeypatch):
    monkeypatch.chdir(inputs)
    images = open_particles("stack.mrcs").read(np.arange(COUNT))
    told = []

    def progress(words, total):
        told.append([words, total, 0])

        def done(count):
            told[-1][2] += count

        return done

    RadialReference("auto", iterations=3, profiles="auto").fit(images, progress=progress)
    assert [words for words, _, _ in told] == [
        "choosing the radius",
        "looking where to start",
        "counting the profiles",
        "looking beyond the profile",
        "learning the reference",
    ]
    assert all(total == done for _, total, done in told)
    assert told[-1][1] == 3 * COUNT
    told.clear()
    RadialReference(RADIUS, iterations=1).fit([images[:60], images[60:]], progress=progress)
    assert told[-1] == ["learning the reference", None, COUNT]


def test_words_about_few_images_and_flat_priors(rng):
    images = gaussian(3)(distances(32, np.zeros((12, 2)))) + 0.3 * rng.standard_normal((12, 32, 32))
    fitted = RadialReference(8, iterations=2, prior="flat", profiles=2).fit(images)
    (first,) = fitted.sentences()
    (second,) = fitted.warnings
    assert first.startswith("2 radial profiles of radius 8 px learned from 12 images in 2 iterations")
    assert "flat prior" in first
    assert second.startswith("few images to learn from (12)")
    assert fitted.describe()["shift_spread_px"] is None
    json.dumps(fitted.describe(), allow_nan=False)


def rows_without(label):
    def change(blocks):
        for name, block in blocks.items():
            blocks[name] = block.drop(columns=label, errors="ignore")

    return change


def column(block, label, value):
    def change(blocks):
        blocks[block][label] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rows_without("rlnDefocusV"), "no column rlnDefocusV"),
        (rows_without("rlnVoltage"), "no column rlnVoltage"),
        (column("particles", "rlnDefocusU", [0.0] * COUNT), "every defocus is 0"),
        (column("particles", "rlnDefocusU", ["nan"] * COUNT), "which is not a number"),
        (column("optics", "rlnCtfDataAreCtfPremultiplied", 1), "multiplied by their transfer functions already"),
        (column("optics", "rlnCtfDataArePhaseFlipped", 1), "phase-flipped already"),
    ],
)
def test_without_usable_transfer_functions_it_says_why_and_goes_on(project, change, words):
    blocks = starfile.read("particles.star")
    blocks["particles"]["rlnDefocusV"] *= 0 if words.startswith("every") else 1
    change(blocks)
    starfile.write(blocks, "changed.star", overwrite=True)
    particles = open_particles("changed.star")
    ctf, found = transfer_functions(particles)
    assert ctf is None
    assert words in found
    job = prepare(particles, radius=RADIUS, estimator="radial-reference", learn_from=20)
    assert job.particles.ctf is None
    assert any(
        note.startswith("not corrected for contrast transfer: ") and words in note for note in job.particles.notes
    )


def test_an_optics_group_that_is_not_there_is_named(project):
    blocks = starfile.read("particles.star")
    blocks["particles"].loc[3, "rlnOpticsGroup"] = 7
    starfile.write(blocks, "changed.star", overwrite=True)
    with pytest.raises(ValueError, match="particles of optics group 7, which is not in its data_optics"):
        open_particles("changed.star", 3.0)


# a radius from the images


def test_the_radius_is_chosen_and_the_evidence_reported(project):
    result = command(*LEARN[:4], "--radius", "auto", "--max-shift", 10, "--out", "out")
    summary = json.loads(Path("out/summary.json").read_text())
    choice = summary["learned"][0]["radius_choice"]
    assert summary["radius_px"] == [choice["chosen"]]
    assert 8 <= choice["chosen"] <= 14  # the edge of the particle is at 8, and 2 pixels wide
    assert len(choice["values"]) == len(choice["evidence"]) == len(choice["error"])
    assert f"radius {choice['chosen']} px chosen from" in result.stderr
    assert "Evidence over the radius" in Path("out/report.html").read_text()
    assert np.median(error(table(Path("out/centers.csv").read_bytes()), np.load("truth.npy"))) < 1.0


# bad input

RUN = ("run", "particles.star", "--out", "out")
REFERENCE = (*RUN, "--estimator", "radial-reference", "--radius", "12")
CASES = {
    "no size": ((*RUN, "--estimator", "radial-reference"), "radial reference needs the size of the particle"),
    "not a number": ((*RUN, "--radius", "automatic"), "'automatic' is not a number, nor auto"),
    "auto and a diameter": ((*RUN, "--radius", "auto", "--diameter", "60"), "the same thing twice"),
    "auto for another estimator": (
        (*RUN, "--radius", "auto"), "--radius auto is for the estimator radial-reference, which learns the radius",
    ),
    "auto for none that learns": (
        ("compare", "particles.star", "--radius", "auto", "-e", "mass"), "--radius auto is for radial-reference",
    ),
    "auto for all estimators": (
        ("compare", "particles.star", "--radius", "auto"), "for radial-reference; surrogate, racer, alignment must",
    ),
    "disk larger than the image": ((*REFERENCE[:-1], "24"), "at most 23"),
    "negative prior": ((*REFERENCE, "--prior", "-1"), "prior is -1.0"),
    "prior not a number": ((*REFERENCE, "--prior", "wide"), "'wide' is not a number, nor learned or flat"),
    "infinite prior": ((*REFERENCE, "--prior", "inf"), "prior is inf"),
    "prior of another estimator": (
        (*RUN, "--radius", "9", "--prior", "flat"), "--prior is an option of the estimator radial-reference; surrogate",
    ),
    "no profile": ((*REFERENCE, "--profiles", "0"), "profiles is 0"),
    "half a profile": ((*REFERENCE, "--profiles", "1.5"), "'1.5' is not a whole number, nor auto"),
    "no image to learn from": ((*REFERENCE, "--learn-from", "0"), "learn_from is 0"),
    "nothing to learn": ((*RUN, "--radius", "9", "--learn-from", "50"), "--learn-from is an option of"),
    "score of another estimator": (
        (*REFERENCE, "--score", "racer"), "--score is an option of the estimator surrogate; radial-reference has none",
    ),
    "signs of nothing": (
        ("run", "stack.mrcs", *REFERENCE[2:], "--angpix", "3", "--phase-flip"), "--phase-flip needs contrast transfer",
    ),
    "signs not wanted": ((*REFERENCE, "--phase-flip", "--ctf", "no"), "there are none: --ctf no"),
    "no transfer that could be meant": ((*REFERENCE, "--ctf", "yes"), "'yes'"),
    "negative search": ((*REFERENCE, "--max-shift", "-1"), "max_shift is -1"),
    "no threads": ((*REFERENCE, "-j", "0"), "number of threads is 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_sentence(project, name):
    arguments, words = CASES[name]
    before = sorted(project.iterdir())
    result = command(*arguments, code=2)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert words in lines[0]
    assert sorted(project.iterdir()) == before


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((20, 5, 5), ("--radius", 2), "5 x 5 pixels; give at least 8 x 8"),
        ((1, 32, 32), ("--radius", "auto"), "there is only 1 image; give a number"),
        ((1, 32, 32), ("--radius", 8, "--profiles", "auto"), "there is only 1 image; give a number"),
        ((3, 32, 32), ("--radius", 8, "--profiles", 4), "profiles is 4, and there are 3 images"),
    ],
)
def test_too_little_to_learn_from(project, rng, shape, options, words):
    write_stack("stack.mrcs", rng.standard_normal(shape))
    result = command("run", "stack.mrcs", *REFERENCE[2:6], *options, code=2)
    (line,) = result.stderr.splitlines()
    assert words in line
    assert not Path("out").exists()


def test_noise_is_said_to_teach_nothing(project, rng):
    write_stack("stack.mrcs", rng.standard_normal((120, 40, 40)))
    result = command("run", "stack.mrcs", *REFERENCE[2:], "--no-report")
    assert "hardly likelier with a particle than without" in result.stderr


@pytest.mark.parametrize(
    ("deficits", "errors", "chosen"),
    [
        ([5, 0.4, 0, 1], [1, 0.3, 0, 0.1], 20),  # within two standard errors
        ([5, 0.4, 0, 1], [1, 0.1, 0, 0.1], 30),  # not within them
        ([5, 0.1, 0, 1], [1, 0.01, 0, 0.1], 20),  # within 0.2 %
        ([5, 0.4, 0, 1], [9, 9.0, 0, 0.1], 20),  # few images: within two standard errors, but more than 2 %
    ],
)
def test_the_smallest_value_that_is_as_good_is_chosen(deficits, errors, chosen):
    sign = np.resize([1.0, -1.0], 400)
    best = 100 + 0 * sign
    table = [best - deficit + error * np.sqrt(400) * sign for deficit, error in zip(deficits, errors, strict=True)]
    choice = choose([10, 20, 30, 40], table)
    np.testing.assert_allclose(choice.deficit, deficits, atol=1e-9)
    np.testing.assert_allclose(choice.error, errors, atol=1e-9)
    assert choice.chosen == chosen


def test_nothing_to_learn_from(project):
    write_stack("stack.mrcs", np.full((COUNT, SIZE, SIZE), np.nan))
    assert "no image can be learned from" in command(*REFERENCE, code=2).stderr


def test_the_folder_is_refused_before_anything_is_learned(project, monkeypatch):
    Path("out").mkdir()
    monkeypatch.setattr(learning, "learn", lambda *arguments, **options: pytest.fail("learned in vain"))
    assert "folder 'out' exists" in command(*REFERENCE, code=2).stderr


# beside the others


def test_compare_shows_who_states_an_uncertainty(project):
    names = ("surrogate", "radial-reference", "alignment")
    options = [word for name in names for word in ("-e", name)]
    result = command("compare", "particles.star", "--radius", RADIUS, *options, "--truth", "particles.star")
    _, _, head, *lines = result.stdout.splitlines()
    assert head.split() == ["1", "2", "3", "sigma", "error", "95", "%", "within"]
    cells = [line.split()[1:] for line in lines]
    assert [row[0] for row in cells] == [*names, "centering"]
    assert [row[4] for row in cells[:3]][::2] == ["none", "none"]
    sigma, median = float(cells[1][4]), float(cells[1][5])
    assert median < float(cells[0][5])
    # the median distance of a round normal error is sqrt(2 ln 2) of its standard deviation along either axis
    assert median / sigma == pytest.approx(np.sqrt(2 * np.log(2)), rel=0.3)


def test_compare_chooses_a_radius_for_the_one_that_can_do_it(project):
    lines = command("compare", "particles.star", "--radius", "auto", "-e", "radial-reference", "-e", "mass").stdout
    assert re.search(r"^radius of radial-reference: \d+ px$", lines, re.MULTILINE)


def test_help_explains_every_flag():
    text = command("run", "--help").stdout
    for flag in Flag:
        assert f"\n    {flag.name.lower()} " in text


def test_describe_is_what_the_reference_holds(inputs, monkeypatch):
    monkeypatch.chdir(inputs)
    images = open_particles("stack.mrcs").read(np.arange(COUNT))
    fitted = RadialReference(RADIUS, iterations=2, whiten=False).fit(images)
    assert isinstance(fitted, FittedReference)
    described = fitted.describe()
    np.testing.assert_allclose(described["profiles"][0]["coefficients"], fitted.coefficients[0], rtol=1e-5)
    np.testing.assert_allclose(described["profiles"][0]["at_px"], fitted.profile(np.arange(13))[0], rtol=1e-5)
    assert "spectrum" not in described["noise"]
    landscape = fitted.landscape(images[:4])
    reach = fitted.templates.waves.reach
    best = np.stack(np.unravel_index(landscape.reshape(4, -1).argmin(axis=1), landscape.shape[1:]), axis=1) - reach
    sure = np.sqrt(np.trace(fitted(images[:4]).covariance, axis1=1, axis2=2)) < 2
    assert (np.abs(best - fitted(images[:4]).displacement)[sure] < 1.5).all()
    assert sure.any()


def test_the_example_of_the_page_runs():
    page = Path(__file__).parents[2] / "docs" / "radial_reference.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(example, page.name, "exec"), names)
    assert names["centers"].covariance.shape == (200, 2, 2)


@pytest.mark.parametrize("name", estimator_names())
def test_every_estimator_says_whether_it_states_an_uncertainty(name, rng):
    estimator = make_estimator(name, 8)
    images = gaussian(3)(distances(32, np.zeros((5, 2)))) + 0.1 * rng.standard_normal((5, 32, 32))
    said = re.search(r"Uncertainty: (\S+)", type(estimator).__doc__).group(1)
    assert said == ("none," if estimator(images).covariance is None else "``covariance``,")
    assert find(name).uncertainty == (said != "none,")
