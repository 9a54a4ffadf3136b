"""Stacks that arrive while a watch looks on: each is done once, whole, and as ``centering run`` does it."""

import json
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner
from datafiles import RADIUS, simulated

from centering.cli import main
from centering.io.mrc import MrcStack, write_stack
from centering.watching.arrivals import Arrivals
from centering.watching.watch import Watch

PROGRAM = Path(sys.executable).with_name("centering")
OPTIONS = ["--estimator", "mass", "--settle", "0.2", "--interval", "0.05", "-j", "1"]
WATCH = ["watch", "in", "--out", "live", *OPTIONS]


def watch(*options, code=0):
    result = CliRunner().invoke(main, [*WATCH, "--until-idle", "0.6", *map(str, options)])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def stack(name, count=4, seed=1, pixel_size=1.5, sign=1, **options):
    path = Path("in") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_stack(path, sign * simulated(count, seed=seed, **options).images, pixel_size)
    return path


def results(place="live"):
    """Return the bytes of all results, without what names the time at which a stack was written."""
    files = [path for path in Path(place).rglob("*") if path.is_file() and path.name not in (".lock", "stack.json")]
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a project folder with two stacks."""
    monkeypatch.chdir(tmp_path)
    stack("a.mrcs")
    stack("sub/b.mrcs", 3, seed=2)
    return tmp_path


def test_every_stack_gets_what_run_gives_and_all_of_them_one_star_file(project):
    words = watch().output
    assert "a.mrcs: 4 particles, median shift" in words
    assert "stopped: 2 stacks with 7 particles done\n" in words
    for name, place in (("in/a.mrcs", "a.mrcs"), ("in/sub/b.mrcs", "sub/b.mrcs")):
        CliRunner().invoke(main, ["run", name, "--estimator", "mass", "--out", "once", "--no-report"])
        ours = {path.name for path in Path(f"live/stacks/{place}").iterdir()}
        theirs = {path.name for path in Path("once").iterdir()}
        assert theirs - ours == {"montage.png", "shifts.png", "shifts.svg"} & theirs
        assert ours - theirs == {"stack.json"}
        for file in (theirs & ours) - {"summary.json"}:  # which says how the contrast was decided
            assert Path(f"live/stacks/{place}/{file}").read_bytes() == Path(f"once/{file}").read_bytes()
        shutil.rmtree("once")
    every = starfile.read("live/particles.star")["particles"]
    assert every["rlnImageName"].tolist() == [f"{k:06d}@{Path.cwd()}/in/a.mrcs" for k in range(1, 5)] + [
        f"{k:06d}@{Path.cwd()}/in/sub/b.mrcs" for k in range(1, 4)
    ]
    found = -every[["rlnOriginYAngst", "rlnOriginXAngst"]].to_numpy() / 1.5
    truth = np.concatenate([simulated(4).displacement, simulated(3, seed=2).displacement])
    assert np.median(np.linalg.norm(found - truth, axis=1)) < 2


def test_a_file_is_left_until_it_is_whole(project):
    whole = stack("c.mrcs", 20, seed=5).read_bytes()
    half, step = len(whole) // 2, len(whole) // 12
    Path("in/c.mrcs").write_bytes(whole[:half])

    def write():
        while not Path("live/stacks/sub/b.mrcs").exists():
            time.sleep(0.01)
        time.sleep(0.8)
        with Path("in/c.mrcs").open("ab", buffering=0) as file:
            for start in range(half, len(whole), step):
                file.write(whole[start : start + step])
                time.sleep(0.08)  # never still for as long as it must be

    writer = threading.Thread(target=write)
    writer.start()
    result = watch("--until-idle", "2")
    writer.join()
    assert result.stdout.count("c.mrcs: 20 particles") == 1
    assert "c.mrcs: left alone: 'in/c.mrcs' is truncated: its header promises 20 images" in result.stderr
    assert json.loads(Path("live/stacks/c.mrcs/stack.json").read_text())["images"] == 20
    assert len(starfile.read("live/particles.star")["particles"]) == 27


def test_a_restart_goes_on_and_ends_with_the_same_bytes(project):
    watch()
    before = {path: path.stat().st_mtime_ns for path in Path("live/stacks").rglob("*")}
    stack("c.mrcs", 5, seed=3)
    words = watch().stdout
    assert words.startswith("c.mrcs: 5 particles")
    assert "stopped: 3 stacks with 12 particles" in words
    assert {path: path.stat().st_mtime_ns for path in before if path.is_file()}.items() <= before.items()
    continued = results()
    shutil.rmtree("live")
    watch()
    assert results() == continued


def test_a_stack_that_changes_is_done_anew(project):
    watch()
    stack("a.mrcs", 6, seed=8)
    words = watch().stdout
    assert "a.mrcs: 6 particles" in words
    assert "b.mrcs" not in words
    assert "stopped: 2 stacks with 9 particles" in words
    assert len(starfile.read("live/particles.star")["particles"]) == 9


def test_results_stay_until_a_changed_stack_can_be_used(project):
    watch()
    with Path("in/a.mrcs").open("r+b") as file:
        file.truncate(20000)
    assert "a.mrcs: left alone: 'in/a.mrcs' is truncated" in watch().stderr
    # what was found before it changed is still there
    assert len(starfile.read("live/particles.star")["particles"]) == 7
    write_stack("in/a.mrcs", np.full((4, 48, 48), np.nan), 1.5)
    words = watch("--invert", "auto").stdout
    assert "a.mrcs: 4 particles, no shift, 4 flagged" in words


def test_a_stack_that_fails_while_it_is_read_costs_nothing_else(project, monkeypatch):
    watch()
    stack("a.mrcs", 5, seed=9)
    read = MrcStack.read

    def shorter(self, indices):
        if len(indices) == 5:
            raise ValueError(f"{str(self.path)!r} became shorter while it was read")
        return read(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(MrcStack, "read", shorter)
        result = watch()
    assert "a.mrcs: left alone: 'in/a.mrcs' became shorter while it was read" in result.stderr
    assert starfile.read("live/particles.star")["particles"]["rlnImageName"].tolist() == [
        f"{k:06d}@{Path.cwd()}/in/sub/b.mrcs" for k in range(1, 4)
    ]
    watch()
    assert len(starfile.read("live/particles.star")["particles"]) == 8


def start():
    return processes.Popen([PROGRAM, *WATCH], stdout=processes.PIPE, stderr=processes.PIPE, text=True)


def wait_for(path, process):
    while not Path(path).exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_cleanly(project, kind):
    with start() as process:
        wait_for("live/stacks/sub/b.mrcs", process)
        process.send_signal(kind)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "stopped: 2 stacks with 7 particles done"
    assert err == "watching in\n"
    assert not list(Path("live").rglob("*.partial"))
    stopped = results()
    shutil.rmtree("live")
    watch()
    assert results() == stopped


def test_killed_and_started_again(project):
    for number in range(4):
        stack(f"{number}.mrcs", 3, seed=number)
    watch()
    whole = results()
    shutil.rmtree("live")
    for name in ("0", "2", "a"):
        with start() as process:
            wait_for(f"live/stacks/{name}.mrcs", process)
            process.kill()
    watch()
    assert results() == whole
    assert not list(Path("live").rglob("*.partial"))


def test_what_cannot_be_used_is_named_and_left_alone(project):
    stack("larger.mrcs", 2, size=56)
    stack("unknown.mrcs", 2, pixel_size=None)
    stack("sub/b.copy.mrcs", 2)
    Path("in/b").mkdir()
    stack("b/x.mrcs", 2)
    stack("b/x.mrcs2", 2)
    Path("in/text.mrcs").write_text("no stack at all")
    Path("in/gone.mrcs").symlink_to("nothing")
    Path("in/.hidden.mrcs").write_bytes(Path("in/a.mrcs").read_bytes())
    before = {path: path.read_bytes() for path in Path("in").rglob("*") if path.is_file()}
    result = watch("--pattern", "*.mrcs*")
    first, *rest = result.stderr.splitlines()
    assert first == "watching in"
    said = dict(line.split(": left alone: ") for line in rest)
    assert set(said) == {"larger.mrcs", "unknown.mrcs", "text.mrcs", "b/x.mrcs2"}
    assert "its images have 56 pixels and those of 'a.mrcs' 48" in said["larger.mrcs"]
    assert "the pixel size of 'a.mrcs' is known and that of 'unknown.mrcs' is not" in said["unknown.mrcs"]
    assert "not an MRC file" in said["text.mrcs"]
    assert "extension '.mrcs2'" in said["b/x.mrcs2"]
    assert "stopped: 4 stacks with 11 particles done, 4 waiting" in result.stdout
    assert {path: path.read_bytes() for path in Path("in").rglob("*") if path.is_file()} == before


def test_pixel_sizes_become_optics_groups_or_origins_in_pixels(project):
    stack("c.mrcs", 2, pixel_size=2.0)
    watch()
    tables = starfile.read("live/particles.star")
    assert tables["optics"]["rlnImagePixelSize"].tolist() == [1.5, 2.0]
    assert tables["particles"]["rlnOpticsGroup"].tolist() == [1] * 4 + [2] * 2 + [1] * 3
    shutil.rmtree("in")
    shutil.rmtree("live")
    stack("c.mrcs", 2, pixel_size=None)
    watch()
    assert list(starfile.read("live/particles.star").columns) == ["rlnImageName", "rlnOriginX", "rlnOriginY"]


def test_the_first_clear_contrast_decides(project):
    stack("a.mrcs", 12, sign=-1)
    noise = np.random.default_rng(0).normal(size=(6, 48, 48))
    write_stack("in/noise.mrcs", noise, 1.5)
    watch("--invert", "auto")
    kinds = {name: json.loads(Path(f"live/stacks/{name}.mrcs/stack.json").read_text()) for name in ("a", "noise")}
    assert kinds["a"]["clear"]
    assert kinds["a"]["inverted"]
    assert kinds["noise"]["inverted"]
    # and after a restart
    write_stack("in/more.mrcs", -noise, 1.5)
    watch()
    assert json.loads(Path("live/stacks/more.mrcs/stack.json").read_text())["inverted"]


def test_only_one_watch_and_only_the_same_options(project):
    with Watch("in", "live", estimator="mass", settle=0.2, jobs=1, diameter=None, radius=None, max_shift=None):
        assert "another watch is writing into 'live'" in watch(code=2).stderr
    words = watch("--set", "max_shift=3", code=2).stderr
    assert "the estimator mass has no option 'max_shift'; it has none" in words
    words = watch("--estimator", "phase", code=2).stderr
    assert "'live' was begun with estimator 'mass', not 'phase'" in words
    assert len(words.splitlines()) == 1


def test_a_watch_that_was_begun_with_a_setting_goes_on_with_it_only(project):
    options = {"estimator": "surrogate", "radius": RADIUS, "settle": 0.2}
    with Watch("in", "live", method="maps", **options):
        pass
    with pytest.raises(ValueError, match="begun with method 'maps', not None"), Watch("in", "live", **options):
        pass
    with pytest.raises(ValueError, match="estimator alignment needs a whole dataset"):
        Watch("in", "live", **options | {"estimator": "alignment"})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone", "--radius", RADIUS], "'gone' is not a folder"),
        (["in/a.mrcs", "--radius", RADIUS], "is not a folder"),
        (["in"], "needs the size of the particle"),
        (["in", "--radius", "auto"], "--radius auto needs a whole dataset"),
        (["in", "--radius", "9", "--diameter", "30"], "the same thing twice"),
        (["in", "--radius", "0"], "radius is 0"),
        (["in", "--diameter", "-1"], "diameter is -1"),
        (["in", "--diameter", "30", "--angpix", "nan"], "angpix is nan"),
        (["in", "--radius", "9", "--settle", "0"], "settle is 0"),
        (["in", "--radius", "9", "--interval", "-1"], "interval is -1"),
        (["in", "--radius", "9", "--until-idle", "0"], "until-idle is 0"),
        (["in", "--estimator", "mass", "--max-shift", "3"], "max-shift is an option"),
        (["in", "--radius", "9", "--out", "in"], "'in' exists and is not the folder of a watch"),
    ],
)
def test_bad_options_are_one_sentence_and_nothing_is_written(project, arguments, words):
    before = sorted(project.rglob("*"))
    result = CliRunner().invoke(main, ["watch", "--out", "live", *map(str, arguments)])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(project.rglob("*")) == before


def test_results_inside_the_watched_folder_are_not_watched(project):
    result = CliRunner().invoke(main, ["watch", "in", "--out", "in/live", *OPTIONS, "--until-idle", "0.6"])
    assert "stopped: 2 stacks" in result.output
    shutil.copy("in/a.mrcs", "in/live/c.mrcs")
    result = CliRunner().invoke(main, ["watch", "in", "--out", "in/live", *OPTIONS, "--until-idle", "0.6"])
    assert result.stdout == "stopped: 2 stacks with 7 particles done\n"


def test_arrivals_settle_by_their_state_and_are_forgotten_when_they_go(tmp_path):
    arrivals = Arrivals(tmp_path, "*.x", settle=0.05, avoid=tmp_path / "out")
    path = tmp_path / "a.x"
    path.write_text("1")
    assert arrivals.settled({}) == []
    assert arrivals.moving
    time.sleep(0.06)
    [(name, stamp)] = arrivals.settled({})
    assert (name, stamp[0]) == ("a.x", 1)
    assert arrivals.settled({"a.x": stamp}) == []
    arrivals.refuse("a.x", "no good")
    assert not arrivals.moving
    assert arrivals.settled({}) == []
    path.write_text("22")
    assert arrivals.settled({}) == []
    assert arrivals.moving
    path.unlink()
    assert arrivals.settled({}) == []
    assert arrivals.waiting == {}
