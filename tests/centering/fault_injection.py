"""Every file operation of a command in turn: the process dies there, or the disk is full, or it is broken.

``python tests/centering/fault_injection.py`` does it at every place of every command, prints how many places fall
short of what is promised, and takes some minutes; ``test_every_file_operation`` draws some of the places.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, os.fspath(Path(__file__).parents[1]))  # where it runs by itself
import processes

KINDS = ("kill", "enospc", "eio")
HERE = Path(__file__).parent
COUNT, SIDE = 24, 16
SIX = ("--estimator", "mass", "-j", "1", "--batch-size", "8")


@dataclass(frozen=True)
class Scenario:
    """A command, what was done before it, and what may be done after it was disturbed."""

    name: str
    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    again: tuple[tuple[str, ...], ...] = ((),)  # appended to the arguments, or to those without --overwrite
    without: tuple[str, ...] = ()  # arguments that are left out the second time
    foreign: bool = False  # whether files of others lie in the folder of the results
    folder: bool = False  # whether a folder of others does, so that the files move one by one
    link: bool = False  # whether the folder of the results is a link to one
    draw: bool = False  # whether figures are really drawn


RUN = ("run", "particles.star", *SIX, "--write-stack", "--out", "out")
OLD = ("run", "particles.star", "--estimator", "median", "--radius", "5", "-j", "1", "--write-stack", "--out", "out")
WATCH = ("watch", "in", "--out", "live", "--estimator", "mass", "-j", "1", "--settle", "0.04", "--interval", "0.02")
WATCH = (*WATCH, "--until-idle", "0.15")

SCENARIOS = (
    Scenario("run", (*RUN, "--no-report"), again=(("--resume",),)),
    Scenario("run with its report", RUN, again=(("--resume",),), draw=True),
    Scenario(
        "run --overwrite",
        (*RUN, "--no-report", "--overwrite"),
        before=(OLD,),
        again=((), ("--resume",)),
    ),
    Scenario(
        "run --overwrite beside other files",
        (*RUN, "--no-report", "--overwrite"),
        before=((*OLD, "--no-report"),),
        again=((), ("--resume",)),
        foreign=True,
    ),
    Scenario("apply", ("apply", "origins.star", "--out", "out")),
    Scenario("apply into new folders", ("apply", "origins.star", "--out", "new/er/out")),
    Scenario(
        "apply --overwrite beside a folder",
        ("apply", "origins.star", "--out", "out", "--overwrite"),
        before=(("apply", "origins.star", "--whole-pixels", "--out", "out"),),
        folder=True,
    ),
    Scenario(
        "apply --overwrite through a link",
        ("apply", "origins.star", "--out", "out", "--overwrite"),
        before=(("apply", "origins.star", "--whole-pixels", "--out", "out"),),
        link=True,
    ),
    Scenario(
        "apply --overwrite",
        ("apply", "origins.star", "--out", "out", "--overwrite"),
        before=(("apply", "origins.star", "--whole-pixels", "--out", "out"),),
    ),
    Scenario("classes", ("classes", "averages.mrcs", "members.star", "--estimator", "mass", "--out", "out")),
    Scenario(
        "classes --overwrite",
        ("classes", "averages.mrcs", "members.cs", "--estimator", "mass", "--out", "out", "--overwrite"),
        before=(("classes", "averages.mrcs", "members.star", "--estimator", "phase", "--out", "out"),),
    ),
    Scenario(
        "convert", ("convert", "origins.star", "new.cs", "--overwrite"), before=(("convert", "members.star", "new.cs"),)
    ),
    Scenario("convert from .cs", ("convert", "members.cs", "new.star")),
    Scenario(
        "extract-coordinates",
        ("extract-coordinates", "origins.star", "--mic-angpix", "1.5", "--out", "new.star", "--overwrite"),
        before=(("extract-coordinates", "members.star", "--mic-angpix", "1.5", "--out", "new.star"),),
    ),
    Scenario("watch", WATCH),
    Scenario("watch again", WATCH, before=(WATCH,)),
)


def prepare(folder: Path) -> None:
    """Write the inputs of every scenario."""
    from centering import simulate
    from centering.io.mrc import write_stack
    from centering.io.star import StarFile
    from centering.tools.convert import to_cs

    simulation = simulate.particles(COUNT, SIDE, radius=3, max_shift=2, seed=1)
    write_stack(folder / "stack.mrcs", simulation.images, 1.5)
    write_stack(folder / "averages.mrcs", simulation.images[:3], 1.5)
    names = [f"{k:06d}@stack.mrcs" for k in range(1, COUNT + 1)]
    star = StarFile.new(folder / "particles.star", names, size=SIDE, pixel_size=np.full(COUNT, 1.5))
    star.write(folder / "particles.star")
    origins = star.with_origins(simulation.displacement, np.full(COUNT, 1.5))
    ramp = [f"{100 + 7 * k:.6f}" for k in range(COUNT)]
    origins = origins.with_columns(origins.particles, {"rlnCoordinateX": ramp, "rlnCoordinateY": ramp})
    origins.write(folder / "origins.star")
    members = {"rlnClassNumber": [str(1 + k % 3) for k in range(COUNT)], "rlnAnglePsi": ramp}
    star = origins.with_origins(0.5 * simulation.displacement, np.full(COUNT, 1.5))
    star = star.with_columns(star.particles, members)
    star.write(folder / "members.star")
    to_cs(star).write(folder / "members.cs")
    (folder / "in" / "sub").mkdir(parents=True)
    write_stack(folder / "in" / "a.mrcs", simulation.images[:5], 1.5)
    write_stack(folder / "in" / "sub" / "b.mrcs", simulation.images[5:9], 1.5)


def build(folder: Path) -> Path:
    """Compile the shim."""
    target = folder / "fault_shim.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", "-o", target, HERE / "fault_shim.c", "-ldl"]
    processes.run(command, check=True, capture_output=True, timeout=60)
    return target


class Server:
    """The warm process, as a context manager."""

    def __init__(self, shim: Path) -> None:
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        self._process = processes.Popen(
            [sys.executable, HERE / "fault_server.py"],
            stdin=processes.PIPE,
            stdout=processes.PIPE,
            text=True,
            timeout=7200.0,  # all places of all commands take long
            env=os.environ | threads | {"LD_PRELOAD": os.fspath(shim)},
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(
        self, folder: Path, arguments: tuple[str, ...], kind: str = "none", place: int = 0, *, draw: bool = False
    ) -> dict[str, object]:
        task = {"folder": os.fspath(folder), "arguments": arguments, "kind": kind, "place": place, "draw": draw}
        print(json.dumps(task), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that runs the commands has ended")
        return json.loads(line)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, every link and where it points, and every empty folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = os.fspath(path.relative_to(folder))
        if path.is_symlink():
            found[name] = b"a link to " + os.fsencode(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
        elif path.is_symlink():  # made before the file that it leads to
            found[name] = b"a link to nothing"
        elif not any(path.iterdir()):
            found[name] = b"a folder"
    return found


def visible(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files that a user sees."""
    shown = {name: data for name, data in files.items() if not any(part[0] == "." for part in Path(name).parts)}
    return {name: data for name, data in shown.items() if data != b"a folder"}


class Sweep:
    """One scenario: undisturbed, then with a fault at any of its places."""

    def __init__(self, server: Server, scenario: Scenario, inputs: Path, work: Path) -> None:
        self.server, self.scenario, self.work = server, scenario, work
        self._start = work.with_name("start")
        self._fresh(inputs)
        for arguments in scenario.before:
            result = server.run(work, arguments, draw=True)
            assert result["code"] == 0, result["words"]
        if scenario.name == "watch again":  # one stack has changed, one is new
            shutil.copy2(work / "in/sub/b.mrcs", work / "in/c.mrcs")
            shutil.copy2(work / "averages.mrcs", work / "in/a.mrcs")
        if scenario.foreign:
            (work / "out" / "mine.txt").write_text("mine")
            (work / "out" / "link").symlink_to("mine.txt")
        if scenario.folder:
            (work / "out" / "of mine").mkdir()
            (work / "out" / "of mine" / "notes.txt").write_text("mine")
        if scenario.link:
            (work / "out").rename(work / "elsewhere")
            (work / "out").symlink_to("elsewhere")
        shutil.rmtree(self._start, ignore_errors=True)
        work.rename(self._start)
        self.before = contents(self._start)
        self._fresh(self._start)
        result = server.run(work, scenario.arguments, draw=scenario.draw)
        assert result["code"] == 0, result["words"]
        self.operations = result["operations"]
        self.after = contents(work)

    def _fresh(self, source: Path) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(source, self.work, symlinks=True)

    def complaints(self, kind: str, place: int) -> list[str]:
        """Disturb the command at one place, and return what is wrong then or after each way to go on."""
        scenario, found = self.scenario, []
        for more in scenario.again:
            self._fresh(self._start)
            result = self.server.run(self.work, scenario.arguments, kind, place, draw=scenario.draw)
            code, words = result["code"], str(result["words"])
            now = contents(self.work)
            if "Traceback" in words or code not in (0, -9, 2):
                found.append(f"ended with {code}: {words.splitlines()[-1:]}")
            if not self._whole(now):
                found.append(f"a mixture: {self._difference(visible(now))}")
            if code == 0 and kind != "kill" and visible(now) != visible(self.after) and "left alone" not in words:
                found.append(f"exit 0, and yet {self._difference(visible(now))}")
            if code == 2 and now != self.before and visible(now) == visible(self.before) and scenario.again == ((),):
                found.append(f"left behind: {self._left(now, self.before)}")
            if code == 2 and "written:" in words:
                found.append("says written, and fails")
            again = self.server.run(self.work, (*scenario.arguments, *more), draw=scenario.draw)
            done = visible(now) == visible(self.after) and "exists" in str(again["words"]) and again["code"] == 2
            if again["code"] != 0 and not done:
                found.append(f"{more} ended with {again['code']}: {str(again['words']).splitlines()[-1:]}")
            end = contents(self.work)
            if visible(end) != visible(self.after):
                found.append(f"{more} gave {self._difference(visible(end))}")
            elif end != self.after:
                found.append(f"{more} left {self._left(end, self.after)}")
        return found

    def _whole(self, now: dict[str, bytes]) -> bool:
        if self.scenario.folder:  # one by one: some may be missing, but those of two runs are never together
            return self._apart(visible(now))
        if self.scenario.arguments[0] != "watch":
            return visible(now) in (visible(self.before), visible(self.after))
        every = [visible(files) for files in (now, self.before, self.after)]
        for stack in ("a", "sub/b", "c"):
            one, *whole = (
                {n: d for n, d in files.items() if n.startswith(f"live/stacks/{stack}.mrcs/")} for files in every
            )
            if one and one not in whole:
                return False
        now_lines, *lines = (set(files.get("live/particles.star", b"").split(b"\n")) for files in every)
        return now_lines <= set().union(*lines)

    def _apart(self, now: dict[str, bytes]) -> bool:
        old, new = visible(self.before), visible(self.after)
        kinds = set()
        for name in old.keys() | new.keys() | now.keys():
            if old.get(name) == new.get(name):
                kinds.add("same" if now.get(name) == old.get(name) else "neither")
            elif name in now:
                kinds.add("old" if now[name] == old.get(name) else "new" if now[name] == new.get(name) else "neither")
        return "neither" not in kinds and not {"old", "new"} <= kinds

    def _difference(self, now: dict[str, bytes]) -> str:
        old, new = visible(self.before), visible(self.after)
        kinds = {}
        for name in sorted(old.keys() | new.keys() | now.keys()):
            if old.get(name) != new.get(name) or now.get(name) not in (old.get(name), new.get(name)):
                kind = (
                    "old" if now.get(name) == old.get(name) else "new" if now.get(name) == new.get(name) else "neither"
                )
                kinds.setdefault(kind, []).append(name)
        return str(kinds)

    @staticmethod
    def _left(now: dict[str, bytes], wanted: dict[str, bytes]) -> list[str]:
        return sorted(name for name in now.keys() | wanted.keys() if now.get(name) != wanted.get(name))


def working_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder, in memory where that can be: flushing costs nothing there."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def main(names: list[str]) -> None:
    with working_folder() as folder:
        base = Path(folder)
        (base / "inputs").mkdir()
        prepare(base / "inputs")
        with Server(build(base)) as server:
            for scenario in SCENARIOS:
                if names and scenario.name not in names:
                    continue
                sweep = Sweep(server, scenario, base / "inputs", base / "work")
                short = dict.fromkeys(KINDS, 0)
                for place in range(1, len(sweep.operations) + 1):
                    for kind in KINDS:
                        complaints = sweep.complaints(kind, place)
                        short[kind] += bool(complaints)
                        for complaint in complaints:
                            print(f"    {kind} at {sweep.operations[place - 1]}: {complaint}", flush=True)
                counts = ", ".join(f"{kind} {count}" for kind, count in short.items())
                print(f"{scenario.name}: {len(sweep.operations)} places; fall short: {counts}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
