"""What the documentation shows is true: doctests, examples, links and names."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import centering
import pswf

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]

MODULES = [
    info.name
    for package in (pswf, centering)
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    # these need optional packages, or change global state when they are imported
    if not re.search(r"aspire|cluster|__main__", info.name)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_examples_in_docstrings():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(examples) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), target


def test_examples_of_extensions_run():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    namespace: dict[str, object] = {"__name__": "example"}
    for block in blocks:
        exec(compile(block, "extending.md", "exec", dont_inherit=True), namespace)


@pytest.mark.parametrize(("page", "count"), [("README.md", (2, 1)), ("docs/index.md", (1, 0))])
def test_examples_give_what_they_say(page, count):
    """Every line of them runs, and its value has the shape, or the numbers, that stand behind it."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict[str, object] = {}
    shapes = numbers = 0
    for line in "\n".join(block for block in blocks if "aspire" not in block).splitlines():
        code, _, comment = line.partition("#")
        if shape := re.match(r" (\(\d+(?:, \d+)+\))", comment):
            assert np.shape(eval(code, namespace)) == ast.literal_eval(shape[1]), line
            shapes += 1
        elif values := re.match(r" (\d+(?:, \d+)+):", comment):
            np.testing.assert_allclose(np.ravel(eval(code, namespace)), ast.literal_eval(values[1]), rtol=1e-12)
            numbers += 1
        else:
            exec(code, namespace)
    assert (shapes, numbers) == count
    assert len(namespace.get("r", range(31))) == 31  # nodes, says the README


def test_names_beside_the_equations_exist():
    text = (ROOT / "docs" / "mathematics.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`((?:pswf|centering)(?:\.\w+)+)`", text))
    assert len(names) > 20
    for name in names:
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            try:
                thing = importlib.import_module(".".join(parts[:length]))
            except ModuleNotFoundError:
                continue
            break
        for part in parts[length:]:
            thing = getattr(thing, part)


def test_equations_and_the_code_name_each_other():
    """Every numbered equation of the prolate functions is named where it is computed, and no other is."""
    tags = re.findall(r"\\tag\{(P\.\d+)\}", (ROOT / "docs" / "mathematics.md").read_text(encoding="utf-8"))
    assert tags == [f"P.{n + 1}" for n in range(len(tags))]
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pswf").rglob("*.py"))
    assert set(re.findall(r"\bP\.\d+\b", sources)) == set(tags)


def described(page: str) -> list[tuple[str, str]]:
    """Return module and name of everything that a page of the reference describes on its own."""
    text = (ROOT / "docs" / f"api-{page}.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. auto(?:class|function|data):: ([\w.]+)\.(\w+)$", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    return listed


def public(module: str) -> list[str]:
    """Return the public names of a module; those of the plug-ins as they are written, for they need ASPIRE."""
    folder = ROOT.joinpath(*module.split("."))
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    written = re.findall(r"^__all__ = (\[[^*\]]*\])$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return ast.literal_eval(written[0]) if written else importlib.import_module(module).__all__


@pytest.mark.parametrize(
    ("page", "package"),
    [("pswf", "pswf"), ("centering", "centering"), ("aspire", "pswf.aspire"), ("aspire", "centering.aspire")],
)
def test_the_reference_lists_what_is_public(page, package):
    """Every public name is on the page, and what is on the page is public where it lives."""
    listed = described(page)
    assert set(public(package)) - {"__version__"} <= {name for _, name in listed}
    for module, name in listed:
        assert name in public(module), f"{module}.{name}"


def test_every_notebook_is_listed_beside_its_figures():
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"../notebooks/{notebook.name}" in text


@pytest.mark.parametrize(
    "folder", [path.parent for path in sorted((ROOT / "centering").rglob("__init__.py"))], ids=lambda path: path.name
)
def test_a_package_names_its_modules(folder):
    """Every module and every folder stands in single backticks in the docstring of its package, and nothing else."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    named = set(re.findall(r"(?<!`)`([^`]+)`(?!`)", text))
    assert named == {info.name for info in pkgutil.iter_modules([str(folder)])} - {"__main__"}


@pytest.mark.parametrize("name", ["alignment", "radial"])
def test_the_constants_of_a_method_are_explained_and_have_names_of_their_own(name):
    """Each field of its `Tuning` is followed by a docstring; no method has a constant of the same name."""
    tree = ast.parse((ROOT / "centering" / name / "tuning.py").read_text(encoding="utf-8"))
    (body,) = (node.body[1:] for node in tree.body if isinstance(node, ast.ClassDef))
    fields, texts = body[::2], body[1::2]
    assert all(isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) for text in texts)
    assert len(fields) == len(texts)
    others = importlib.import_module(f"centering.{'radial' if name == 'alignment' else 'alignment'}.tuning").Tuning
    assert not {field.target.id for field in fields} & set(others.__annotations__)


def test_the_glossary_is_sorted_and_says_everything_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [term.lower() for term in re.findall(r"^(.+)\n: ", text, re.MULTILINE)]
    assert len(terms) > 50
    assert terms == sorted(set(terms))
    named = set(re.findall(r"(?<![*\w])\*([^*]+)\*", " ".join(text.split())))
    assert len(named) > 30
    assert {name.lower() for name in named} <= set(terms)


VERDICTS = {"read": "", "warned of": r"\.warns\(|warning|doubts", "refused": r"refuse|code == 2|raises\("}


def test_each_row_on_files_is_held_by_a_test_and_each_trouble_of_the_field_has_a_row():
    """The page on files says of each kind what happens to it; a test that looks for just that is named beside it."""
    tests, troubles = {}, set()
    for path in (ROOT / "tests" / "centering").glob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                tests[node.name] = ast.get_source_segment(text, node)
                troubles |= {node.name} if path.name == "test_field_cases.py" else set()
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:2] == "| "]
    rows = [row for row in rows if row[-1] not in ("test", "---")]
    assert len(rows) > 50
    for what, verdict, _, test in rows:
        assert test.strip("`") in tests, f"{what}: no test {test}"
        assert re.search(VERDICTS[verdict], tests[test.strip("`")]), f"{what}: {test} does not look for: {verdict}"
    assert not troubles - {row[-1].strip("`") for row in rows}
