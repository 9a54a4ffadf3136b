"""Whatever happens to a run, nothing that is finished is lost and no half result carries the name of a whole one."""

import errno
import json
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import mrcfile
import numpy as np
import processes
import pytest
from click.testing import CliRunner
from datafiles import SIZE, dataset, write_star
from disks import full_disk

from centering import simulate
from centering.cli import main
from centering.engine.journal import Journal
from centering.io.mrc import write_stack
from centering.results import Centers

PROGRAM = Path(sys.executable).with_name("centering")
RUN = ("run", "particles.star", "--estimator", "mass", "--write-stack", "--out", "out", "-j", "2", "--batch-size", "2")
COUNT = 40
NEEDED = ("particles.star", "centers.csv", "summary.json", "recentered.mrcs", "recentered.star")


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    if code == 2:
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("Error: ")
    return result


def contents(folder="out"):
    """Return the bytes of every file; absolute image names as they would be from the project folder."""
    here = os.fsencode(Path.cwd()) + b"/"
    return {path.name: path.read_bytes().replace(here, b"") for path in Path(folder).iterdir() if path.is_file()}


def visible():
    return sorted(path.name for path in Path().iterdir())


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Return a folder with a small dataset; `starfile` writes the time of day, so it is made once."""
    folder = tmp_path_factory.mktemp("inputs")
    dataset(folder, COUNT)
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch, inputs):
    """Work in a project folder with a copy of the dataset."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory, inputs):
    """Return the folder and the outputs of a run that nothing disturbs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home := shutil.copytree(inputs, tmp_path_factory.mktemp("whole") / "project"))
        command(*RUN)
        outputs = contents()
    assert set(outputs) >= set(NEEDED)
    return os.fsencode(home), outputs


@pytest.fixture
def undisturbed(project, whole_run):
    """Work in a project folder with a copy of the dataset, of which this is what must come out."""
    home, outputs = whole_run
    here = os.fsencode(project)  # names of images are absolute
    return {name: data.replace(home, here) if name.endswith(".star") else data for name, data in outputs.items()}


def break_after(monkeypatch, batches, error=KeyboardInterrupt):
    """Let the journal take some batches and then fail."""
    append, calls = Journal.append, []

    def failing(self, places, centers):
        if len(calls) == batches:
            raise error
        calls.append(places)
        append(self, places, centers)

    monkeypatch.setattr(Journal, "append", failing)


def interrupted(batches=3):
    """Leave an interrupted run behind."""
    with pytest.MonkeyPatch.context() as patch:
        break_after(patch, batches)
        command(*RUN, code=1)
    assert not Path("out").exists()


def test_killed_at_random_moments_and_resumed(tmp_path, monkeypatch):
    """Kill -9 twenty times; every run ends with the bytes of one that nobody disturbed."""
    monkeypatch.chdir(tmp_path)
    write_stack("stack.mrcs", simulate.particles(300, 24, radius=6, max_shift=3, seed=1).images)
    write_star("particles.star", [f"{k}@stack.mrcs" for k in range(1, 301)])
    arguments = [PROGRAM, *RUN, "--batch-size", "1", "--resume"]
    processes.run(arguments, check=True, capture_output=True)
    whole = contents()
    shutil.rmtree("out")
    journal = Path(".out.partial/journal")
    rng = np.random.default_rng(4)
    kills = at_work = 0
    while kills < 20:
        begun = journal.stat().st_size if journal.exists() else 0
        moment = begun + rng.integers(1, 5000)  # in bytes of the journal, of which a particle takes about 70
        with processes.Popen(arguments, stdout=processes.DEVNULL, stderr=processes.DEVNULL) as run:
            while run.poll() is None and not (journal.exists() and journal.stat().st_size >= moment):
                time.sleep(0.001)
            run.send_signal(signal.SIGKILL)
        kills += run.returncode == -signal.SIGKILL
        at_work += run.returncode == -signal.SIGKILL and journal.exists() and not Path("out").exists()
        if run.returncode == 0:
            assert contents() == whole
            shutil.rmtree("out")
    processes.run(arguments, check=True, capture_output=True)
    assert contents() == whole
    assert visible() == ["out", "particles.star", "stack.mrcs"]
    assert at_work >= 15


@pytest.mark.parametrize("batches", [0, 1, 7, COUNT // 2 - 1])
def test_interrupted_by_hand_and_resumed(undisturbed, monkeypatch, batches):
    before = visible()
    with monkeypatch.context() as patch:
        break_after(patch, batches)
        command(*RUN, code=1)
    # what is not begun leaves nothing; what is begun is hidden until it is whole
    assert visible() == sorted([*before, ".out.partial"] if batches else before)
    command(*RUN, "--resume")
    assert contents() == undisturbed
    assert visible() == sorted([*before, "out"])


def test_resuming_does_not_do_it_again(undisturbed, monkeypatch):
    interrupted(15)
    seen = []
    append = Journal.append
    monkeypatch.setattr(
        Journal, "append", lambda self, places, centers: (seen.extend(places), append(self, places, centers))
    )
    command(*RUN, "--resume", "--batch-size", "5", "-j", "1")
    assert len(seen) == COUNT - 2 * 15
    assert contents() == undisturbed


def test_a_journal_that_was_cut_short_is_read_up_to_the_cut(undisturbed):
    interrupted(10)
    journal = Path(".out.partial/journal")
    whole = journal.read_bytes()
    for damaged in (whole[:-3], whole[:-40] + b"x" * 40, whole + b"\0" * 5, whole[: whole.index(b"\n") + 1]):
        journal.write_bytes(damaged)
        shutil.copytree(".out.partial", "copy")
        command(*RUN, "--resume")
        assert contents() == undisturbed
        shutil.rmtree("out")
        Path("copy").rename(".out.partial")


@pytest.mark.parametrize(("there", "moved"), [(False, 0), (True, 0), (True, 1), (True, 2), (True, 4)])
def test_killed_while_the_results_appear(undisturbed, monkeypatch, there, moved):
    overwrite = ["--overwrite"] if there else []
    if there:
        Path("out").mkdir()
        Path("out/mine.txt").write_text("mine")
        Path("out/summary.json").write_text("old")
        Path("out/of mine").mkdir()  # so that the folder cannot be exchanged as a whole
    calls = []

    def counted(function):
        def rename(self, target):
            if Path(target).parent.name == "out" or Path(target).name == "out":
                if len(calls) == moved:
                    raise KeyboardInterrupt
                calls.append(target)
            return function(self, target)

        return rename

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Path, "rename", counted(Path.rename))
        command(*RUN, *overwrite, code=1)
    command(*RUN, *overwrite, "--resume")
    outputs = contents()
    assert outputs.pop("mine.txt", b"mine") == b"mine"
    assert outputs == undisturbed
    assert visible() == ["out", "particles.star", "stack.mrcs"]


def test_killed_between_the_last_renaming_and_the_clearing_up(undisturbed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("centering.io.publishing.clear", lambda place: None)
        command(*RUN)
    assert Path(".out.partial/journal").exists()
    shutil.copytree(".out.partial", "copy")
    assert "exists" in command(*RUN, code=2).stderr
    assert not Path(".out.partial").exists()
    Path("copy").rename(".out.partial")
    command(*RUN, "--resume")
    assert contents() == undisturbed
    assert visible() == ["out", "particles.star", "stack.mrcs"]


def test_resuming_a_finished_run_does_nothing_but_another_one_is_refused(undisturbed):
    command(*RUN)
    before = {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    assert "nothing left to do" in command(*RUN, "--resume").stdout
    assert {path.name: path.stat().st_mtime_ns for path in Path("out").iterdir()} == before
    assert contents() == undisturbed
    assert "exists" in command(*RUN, "--resume", "--estimator", "phase", code=2).stderr
    os.utime("stack.mrcs")
    assert "exists" in command(*RUN, "--resume", code=2).stderr
    Path("out/summary.json").write_text("[")
    assert "exists" in command(*RUN, "--resume", code=2).stderr


def test_the_report_appears_with_the_results_or_they_wait_for_it(undisturbed, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("centering.report.write_report", fail)
        words = command(*RUN, code=2).stderr
    assert f"No space left on device; {COUNT} particles are done and kept, continue with --resume" in words
    assert not Path("out").exists()
    command(*RUN, "--resume")
    assert "report.html" in contents()
    assert contents() == undisturbed


def test_a_second_run_is_refused_while_one_is_alive(project):
    with processes.Popen(
        [PROGRAM, *RUN],
        stdout=processes.DEVNULL,
        stderr=processes.DEVNULL,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as run:
        try:
            while run.poll() is None and not Path(".out.partial/journal").exists():
                time.sleep(0.002)
            run.send_signal(signal.SIGSTOP)
            assert run.poll() is None
            for option in ((), ("--overwrite",), ("--resume",)):
                words = command(*RUN, *option, code=2).stderr
                assert f"another run is writing into 'out' (process {run.pid} on " in words
        finally:
            run.send_signal(signal.SIGCONT)
    assert run.returncode == 0
    assert set(contents()) >= set(NEEDED)


def test_the_lock_of_a_dead_process_is_not_in_the_way(undisturbed):
    interrupted()
    assert Path(".out.partial/lock").exists()
    command(*RUN, "--resume")
    assert contents() == undisturbed


def test_an_interrupted_run_is_not_thrown_away_unasked(undisturbed):
    interrupted()
    words = command(*RUN, code=2).stderr
    assert "'out' holds an interrupted run; continue it with --resume, or start again with --overwrite" in words
    command(*RUN, "--overwrite")
    assert contents() == undisturbed


def longer_stack():
    with mrcfile.open("stack.mrcs", "r+") as file:
        file.set_data(np.concatenate([file.data, file.data]))


def other_pixels():
    with mrcfile.mmap("stack.mrcs", "r+") as file:
        file.data[7] += 1


def other_star():
    path = Path("particles.star")
    path.write_text(path.read_text().replace("group1", "groupA"))


@pytest.mark.parametrize("change", [longer_stack, other_pixels, other_star])
def test_an_input_that_changed_since_is_refused(project, change):
    interrupted()
    time.sleep(0.02)
    change()
    changed = "particles.star" if change is other_star else "stack.mrcs"
    words = command(*RUN, "--resume", code=2).stderr
    assert f"{changed}' has changed since; start again with --overwrite" in words
    command(*RUN, "--overwrite")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--estimator", "median"), "its estimator was ['CenterOfMass()'] and is now ['GeometricMedian("),
        (("--invert", "yes"), "its contrast was"),
        (("--angpix", "1.5"), "its pixel size was"),
    ],
)
def test_other_options_than_those_of_the_interrupted_run_are_refused(project, options, words):
    interrupted()
    assert words in command(*RUN, "--resume", *options, code=2).stderr
    without = [word for word in RUN if word != "--write-stack"]
    assert "its recentered stack was True and is now False" in command(*without, "--resume", code=2).stderr
    command(*RUN, "--resume")


@pytest.fixture
def small_disk(project):
    place = project / "small"
    full_disk(place, 4 * SIZE * SIZE * (COUNT // 2))
    yield place
    processes.run(["umount", place], check=True)


def test_a_full_disk_is_one_error_and_a_folder_that_resumes(undisturbed, small_disk):
    run = [word if word != "out" else "small/out" for word in RUN]
    words = command(*run, code=2).stderr
    assert "No space left on device" in words
    assert "particles are done and kept, continue with --resume" in words
    assert not Path("small/out").exists()
    processes.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    command(*run, "--resume")
    outputs = contents("small/out")
    for name in ("recentered.star", "report.html"):  # they name the folder
        assert outputs.pop(name, b"") != undisturbed.pop(name, None)
    assert outputs == undisturbed


def test_a_file_that_may_not_grow_is_one_error_and_a_folder_that_resumes(project):
    """The same without the right to mount: the journal fits the limit, the pictures do not."""
    run = [PROGRAM, "run", "particles.star", "--estimator", "mass", "--out", "out", "--batch-size", "2"]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))

    result = processes.run(run, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "File too large" in result.stderr
    assert "particles are done and kept, continue with --resume" in result.stderr
    assert "Traceback" not in result.stderr
    processes.run([*run, "--resume"], check=True, capture_output=True)
    continued = contents()
    processes.run([*run, "--overwrite"], check=True, capture_output=True)
    assert contents() == continued


def test_a_read_only_place_is_one_error(project):
    place = project / "locked"
    full_disk(place, "1m")
    try:
        processes.run(["mount", "-o", "remount,ro", place], check=True)
        words = command(*(word if word != "out" else "locked/out" for word in RUN), code=2).stderr
        assert os.strerror(errno.EROFS) in words
        assert list(place.iterdir()) == []
    finally:
        processes.run(["umount", place], check=True)


def test_a_truncated_stack_is_done_as_far_as_it_goes(undisturbed):
    """Two stacks, the first one cut in the middle: its tail is listed, all others are as they would be anyway."""
    images = mrcfile.read("stack.mrcs")
    write_stack("first.mrcs", images[:20])
    write_stack("second.mrcs", images[20:])
    with Path("first.mrcs").open("r+b") as file:
        file.truncate(1024 + 4 * SIZE * SIZE * 12 + 100)
    names = [f"{k:06d}@{name}.mrcs" for name in ("first", "second") for k in range(1, 21)]
    write_star("particles.star", names)
    result = command(*RUN, code=3)
    missing = [f"{k:06d}@first.mrcs" for k in range(13, 21)]
    assert f"warning: not in the files, which are truncated: {', '.join(missing)}" in result.stderr
    assert "'first.mrcs' is truncated: its header promises 20 images, 12 whole images are there" in result.stderr
    assert json.loads(Path("out/summary.json").read_text())["missing_images"] == missing
    rows = Path("out/centers.csv").read_text().splitlines()[1:]
    whole = undisturbed["centers.csv"].decode().splitlines()[1:]
    assert [row.split(",", 1)[1] for row in rows[:12] + rows[20:]] == [
        row.split(",", 1)[1] for row in whole[:12] + whole[20:]
    ]
    assert all(row.endswith("0.0000,0.0000,nan,unreadable") for row in rows[12:20])
    moved = mrcfile.read("out/recentered.mrcs")
    assert not moved[12:20].any()
    assert moved[:12].any(axis=(1, 2)).all()
    assert moved[20:].any(axis=(1, 2)).all()


def test_a_truncated_stack_does_not_matter_where_its_tail_is_not_asked_for(project):
    write_star("particles.star", [f"{k}@stack.mrcs" for k in range(1, 11)])
    with Path("stack.mrcs").open("r+b") as file:
        file.truncate(1024 + 4 * SIZE * SIZE * 10)
    assert "is truncated" in command(*RUN).stderr
    assert json.loads(Path("out/summary.json").read_text())["missing_images"] == []


def test_a_journal_keeps_covariances(tmp_path, rng):
    journal = Journal(tmp_path / "journal")
    journal.start({})
    covariance = rng.normal(size=(3, 2, 2))
    first = Centers(rng.normal(size=(3, 2)), rng.normal(size=3), np.array([0, 4, 1]), covariance, "one")
    second = Centers(rng.normal(size=(1, 2)), np.array([np.nan]), np.array([0]), None, "two")
    journal.append(np.array([5, 1, 2]), first)
    journal.append(np.array([0]), second)
    (places, one), (place, two) = journal.read()
    assert places.tolist() == [5, 1, 2]
    assert place.tolist() == [0]
    for name in ("displacement", "score", "flags", "covariance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(first, name))
    np.testing.assert_array_equal(two.displacement, second.displacement)
    assert two.covariance is None
    assert (one.estimator, two.estimator) == ("one", "two")
