"""The pages of docs/ that are made of measurements: their generators, and that the README says what they say."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import processes
import pytest

# short, but not where the machine has other work
pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def run(*words, data=None):
    """Run a module of the benchmarks in a process of its own: it limits the threads where it is imported."""
    environment = {key: value for key, value in os.environ.items() if key != "CENTERING_DATA"}
    if data is not None:
        environment["CENTERING_DATA"] = str(data)
    command = [sys.executable, "-m", *map(str, words)]
    result = processes.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout


def figures_of(page):
    return [page.parent / name for name in re.findall(r"!\[.*?\]\((.*?)\)", page.read_text(encoding="utf-8"))]


def words_of(path):
    return " ".join(path.read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def accuracy(tmp_path_factory):
    """Return the folder of a short run without the reference data."""
    folder = tmp_path_factory.mktemp("accuracy")
    run("benchmarks.accuracy", "--quick", "--out", folder)
    return folder


def test_accuracy_is_measured_without_data(accuracy):
    page = (accuracy / "accuracy.md").read_text(encoding="utf-8")
    results = json.loads((accuracy / "accuracy.json").read_text())["results"]
    assert "Without the reference data" in page
    pictures = figures_of(accuracy / "accuracy.md")
    assert len(pictures) == 2
    assert all(picture.stat().st_size > 5000 for picture in pictures)
    for name, rows in results["synthetic"]["rows"].items():
        cells = [f"{row['median']:.2f} ({row['rms']:.2f})" for row in rows]
        assert re.search(rf"\| {re.escape(name)} +\| {' +. '.join(map(re.escape, cells))}", page), name
    errors = {name: rows[1]["median"] for name, rows in results["synthetic"]["rows"].items()}
    assert errors["RadialReference"] < errors["sCM (3.1)"] < errors["CenterOfMass"]


def test_targets_are_judged_by_the_numbers(accuracy, tmp_path):
    content = json.loads((accuracy / "accuracy.json").read_text())
    content["results"]["outliers"]["areas"] = [0.99, 0.9712]
    content["results"]["cost"] = content["results"]["cost"] | {"surrogate": 2e-4, "iteration": 5e-4}
    (tmp_path / "accuracy.json").write_text(json.dumps(content))
    run("benchmarks.accuracy", "--again", "--out", tmp_path)
    page = (tmp_path / "accuracy.md").read_text(encoding="utf-8")
    assert re.search(r"empty boxes.*\| at least 0.98 +\| 0.9712 +\| \*\*no\*\*", page)
    assert re.search(r"cost of an iteration.*\| at most 3 times +\| 2.50 times +\| yes", page)


def test_speed_is_reported(tmp_path):
    for name in ("landscape", "scaling", "star", "engine", "basis"):
        run(f"benchmarks.bench_{name}", "--quick", "--out", tmp_path)
    printed = run("benchmarks.report", "--out", tmp_path, "--docs", tmp_path)
    page = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert printed.strip() == page.strip()
    seconds = json.loads((tmp_path / "landscape.json").read_text())["results"]["seconds"]
    fused, mass = seconds["fused, float32 -> centre"], seconds["scipy.ndimage.center_of_mass, float32"]
    assert re.search(rf"fused sCM, 65 x 65.*\| at most 1 +\| {fused / mass:.2f} +\|", page)
    (picture,) = figures_of(tmp_path / "benchmarks.md")
    assert picture.stat().st_size > 5000


@pytest.mark.parametrize("name", ["accuracy", "benchmarks"])
def test_figures_of_the_page_are_there_and_small(name):
    page = DOCS / f"{name}.md"
    if not page.exists():
        pytest.skip(f"docs/{name}.md is written by a whole run")
    pictures = figures_of(page)
    assert pictures
    for picture in pictures:
        assert picture.stat().st_size < (500_000 if picture.suffix == ".jpg" else 200_000), picture.name


def test_readme_states_the_number_of_the_page():
    """The sentence beside the README's first picture is that of the page, word by word."""
    (sentence,) = re.findall(r"On projections of .*? px\.", words_of(DOCS / "accuracy.md"))
    assert sentence in words_of(ROOT / "README.md")
    first = re.search(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert first
    assert first[1] == "docs/figures/accuracy.png"
