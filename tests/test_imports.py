"""Imports go one way: no module needs, directly or through others, one that needs it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules(package: str, root: Path = ROOT) -> dict[str, Path]:
    """Return the files of a package by the names of their modules."""
    found = {}
    for path in (root / package).rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, known: set[str]) -> set[str]:
    """Return which of the known modules a file imports: at its top, in a function, or for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            # a name of a package may be a module below it
            inside = {f"{base}.{alias.name}" for alias in node.names}
            found |= inside & known
            if any(one not in known for one in inside):
                found.add(base)
    return (found & known) - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that need each other, by the algorithm of Tarjan."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    result: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            place = stack.index(node)
            together = stack[place:]
            del stack[place:]
            if len(together) > 1:
                result.append(sorted(together))

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return result


def graph_of(root: Path, *packages: str) -> dict[str, set[str]]:
    files = {name: path for package in packages for name, path in modules(package, root).items()}
    return {name: imported(name, path, set(files)) for name, path in files.items()}


def test_circles_of_every_kind_of_import_are_found(tmp_path):
    sources = {
        "one/__init__.py": "",
        "one/top.py": "from one import below",
        "one/below.py": "def late():\n    from one.part import leaf",
        "one/part/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..top import thing",
        "one/part/leaf.py": "from . import thing\nimport one.alone",
        "one/alone.py": "from one.part2 import x",
        "one/part2.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert circles(graph_of(tmp_path, "one")) == [["one.below", "one.part", "one.part.leaf", "one.top"]]


@pytest.mark.parametrize("package", ["pswf", "centering"])
def test_modules_import_in_no_circle(package):
    graph = graph_of(ROOT, package)
    assert len(graph) > 20
    assert circles(graph) == []


@pytest.mark.parametrize("package", ["pswf", "centering"])
def test_folders_import_in_no_circle(package):
    """What lies in a folder counts as the folder; names that the package itself hands on are its own affair."""

    def folder(name: str) -> str:
        return ".".join(name.split(".")[:2])

    graph: dict[str, set[str]] = {}
    for name, others in graph_of(ROOT, package).items():
        graph.setdefault(folder(name), set())
        graph[folder(name)] |= {folder(other) for other in others} - {folder(name)}
    graph.pop(package)
    assert circles({name: others - {package} for name, others in graph.items()}) == []
