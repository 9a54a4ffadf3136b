"""What stands in several files of the project is the same in all of them."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version
from pathlib import Path

import processes
import pytest
import yaml
from click.testing import CliRunner

import centering
import pswf
from centering.cli import main

ROOT = Path(__file__).parents[1]
_TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".html", ".js", ".css", ".ipynb"}


def printed(*options: str) -> str:
    """Return what a fresh interpreter prints."""
    return processes.run([sys.executable, *options], check=True, capture_output=True, text=True).stdout.strip()


def test_every_version_is_the_one_that_was_installed():
    installed = version("pswf-centering")
    assert pswf.__version__ == centering.__version__ == installed
    assert CliRunner().invoke(main, ["--version"]).output == f"centering, version {installed}\n"


def test_no_merge_is_half_done():
    mark = re.compile(r"^\s*(?:<{7} |>{7} |={7}$)", re.MULTILINE)
    folders = ("pswf", "centering", "docs", "tests", "benchmarks", "notebooks")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in _TEXTS]
    files += [path for path in ROOT.iterdir() if path.suffix in _TEXTS]
    assert len(files) > 300
    assert not [path for path in files if mark.search(path.read_text(encoding="utf-8"))]


def test_the_module_is_the_command():
    assert printed("-m", "centering", "--version") == f"centering, version {centering.__version__}"
    assert "Usage: centering [OPTIONS]" in printed("-m", "centering", "--help")


def test_nobody_pays_for_the_version_who_does_not_ask():
    names = "before = set(sys.modules); import pswf, centering.cli; print("
    names += "'importlib.metadata' in set(sys.modules) - before)"
    assert printed("-c", f"import sys; {names}") == "False"


@pytest.mark.parametrize("package", ["pswf", "centering"])
def test_the_version_of_a_process_stays_while_another_is_installed(package):
    later = "importlib.metadata.version = lambda name: 'another'"
    code = f"import importlib.metadata, {package} as p; before = p.__version__; {later}; print(p.__version__ == before)"
    assert printed("-c", code) == "True"


@pytest.mark.parametrize("package", ["pswf", "centering"])
def test_sources_that_were_not_installed_say_so(package):
    # without site-packages, so that no installation is found
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {package}; print({package}.__version__)"
    assert printed("-I", "-S", "-c", code) == "0+unknown"


@pytest.fixture(scope="module")
def pyproject():
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11 or later to read pyproject.toml")
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_yaml(path: str):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def spaced(requirement: str) -> str:
    """Return a requirement of pip's as conda writes it."""
    return re.sub(r"([<>=!~]=?)", r" \1", requirement, count=1)


def test_conda_asks_for_what_pip_asks_for(pyproject):
    requirements = read_yaml("conda/recipe.yaml")["requirements"]
    python = spaced(f"python{pyproject['project']['requires-python']}")
    names = {"matplotlib": "matplotlib-base"}  # without the graphical interfaces
    wanted = [re.sub(r"^[\w.-]+", lambda name: names.get(name[0], name[0]), one) for one in dependencies(pyproject)]
    assert sorted(requirements["run"]) == sorted([python, *map(spaced, wanted)])
    build = pyproject["build-system"]["requires"]
    assert sorted(requirements["host"]) == sorted([python, "pip", *map(spaced, build)])


def dependencies(pyproject) -> list[str]:
    found = pyproject["project"]["dependencies"]
    assert not any(";" in one or "[" in one for one in found)  # which conda has no words for
    return found


def test_conda_describes_the_project_as_pip_does(pyproject):
    recipe, project = read_yaml("conda/recipe.yaml"), pyproject["project"]
    assert recipe["context"]["name"] == project["name"]
    scripts = [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts
    about = recipe["about"]
    assert (about["summary"], about["license"]) == (project["description"], project["license"])
    assert about["homepage"] in project["urls"].values()


def test_every_python_that_is_declared_is_tried(pyproject):
    label = "Programming Language :: Python :: 3."
    declared = [one.removeprefix(label) for one in pyproject["project"]["classifiers"] if one.startswith(label)]
    script = (ROOT / ".ci" / "versions").read_text(encoding="utf-8")
    tried = re.search(r"^for version in (.*); do$", script, re.MULTILINE)[1].split()
    assert [f"3.{one}" for one in declared] == tried[::-1]
    assert pyproject["project"]["requires-python"] == f">={tried[-1]}"


def test_the_version_to_come_follows_the_last_one(pyproject):
    coming = pyproject["tool"]["hatch"]["version"]["fallback-version"]
    assert coming.endswith(".dev0")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d[\d.]*) - \d{4}-\d\d-\d\d$", changes, re.MULTILINE)
    assert released == sorted(released, key=numbers, reverse=True)
    assert numbers(released[0]) < numbers(coming.removesuffix(".dev0"))


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def test_what_is_to_be_cited_is_the_paper_of_the_readme(pyproject):
    citation = read_yaml("CITATION.cff")
    assert citation["title"] == pyproject["project"]["name"]
    assert citation["license"] == pyproject["project"]["license"]
    paper = citation["preferred-citation"]
    assert f"https://doi.org/{paper['doi']}" == pyproject["project"]["urls"]["Paper"]
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    place = f"SIAM J. Imaging Sci. {paper['volume']} ({paper['year']}) {paper['start']}"
    assert f"[{place}](https://doi.org/{paper['doi']})" in readme
    assert all(author["family-names"] in readme for author in paper["authors"])


def test_no_file_holds_what_a_merge_has_left():
    names = processes.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    marks = re.compile(rb"^\s*(<<<<<<< |>>>>>>> )", re.MULTILINE)
    paths = [ROOT / name for name in names.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert [path.name for path in paths if marks.search(path.read_bytes())] == []
