"""A process that dies, a disk that is full or broken, at any file operation of a command: old results or new ones."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from fault_injection import KINDS, SCENARIOS, Server, Sweep, build, prepare, working_folder

DRAWN, OF_PUBLICATION = 6, 4  # places of each command at random, and of those at which its results appear
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def bench():
    """Return a warm process with the shim, and a folder with inputs."""
    if shutil.which("gcc") is None or not Path("/proc/self/fd").is_dir():
        if os.environ.get("CENTERING_REQUIRE_PROGRAMS"):
            pytest.fail("gcc or /proc is missing, and CENTERING_REQUIRE_PROGRAMS is set")
        pytest.skip("needs gcc and /proc for the shim")
    with working_folder() as folder:
        base = Path(folder)
        (base / "inputs").mkdir()
        prepare(base / "inputs")
        with Server(build(base)) as server:
            yield server, base


@pytest.fixture(scope="module")
def sweeps(bench):
    """Return what makes, or has made, the sweep of a scenario."""
    server, base = bench
    made = {}

    def sweep(name):
        if name not in made:
            number = NAMES.index(name)
            (base / str(number)).mkdir()
            made[name] = Sweep(server, SCENARIOS[number], base / "inputs", base / str(number) / "work")
        return made[name]

    return sweep


def publication(operations):
    """Return the places at which results appear, and those after it."""
    shown = [place for place, line in enumerate(operations, 1) if re.match(r"\d+ rename\S* /[^.]", line)]
    return range(shown[-1] - 1, len(operations) + 1)


@pytest.mark.parametrize("name", [name for name in NAMES if "report" not in name])
def test_a_fault_leaves_old_results_or_new_ones_and_nothing_else(sweeps, name):
    sweep = sweeps(name)
    rng = np.random.default_rng()
    count = len(sweep.operations)
    places = {*rng.integers(1, count + 1, DRAWN), *rng.choice(publication(sweep.operations), OF_PUBLICATION)}
    for place in sorted(places):
        kind = str(rng.choice(KINDS))
        found = sweep.complaints(kind, int(place))
        assert not found, f"{kind} at {sweep.operations[place - 1]}: {found}"


@pytest.mark.parametrize("name", ["run", "run --overwrite", "apply", "classes --overwrite", "convert"])
def test_what_appears_is_on_the_disk(sweeps, name):
    """Every result is flushed after its last byte and before it shows its name, and then its folder is."""
    sweep = sweeps(name)
    steps = [line.split(" ", 2)[1:] for line in sweep.operations]
    shown = next(k for k, (what, path) in enumerate(steps) if what.startswith("rename") and not path.startswith("/."))
    final = steps[shown][1]
    assert ["fsync", os.path.dirname(final).rstrip("/")] in steps[shown:]  # noqa: PTH120
    if final == "/out":
        results = {f"/.out.partial/results/{path.name}" for path in (sweep.work / "out").iterdir()}
        assert ["fsync", "/.out.partial/results"] in steps[:shown]
    else:
        results = {steps[shown - 1][1]}
    names = {}  # a file keeps its state when it is renamed
    for what, path in steps[:shown]:
        if what in ("write", "fwrite", "ftruncate64", "fsync"):
            names[path] = what
        elif what == "rename":
            names[path] = "fsync"
    assert {path: names[path] for path in results} == dict.fromkeys(results, "fsync")
