"""``import pswf`` stays light, and everything it names is there."""

from __future__ import annotations

import doctest
import inspect
import re
import sys
from importlib import import_module
from pathlib import Path

import processes
import pytest

import pswf

HEAVY = {"numba", "scipy", "aspire", "matplotlib", "centering", "finufft"}


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    output = processes.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return set(output.split())


def test_import_is_light() -> None:
    assert not HEAVY & loaded_after("import pswf; dir(pswf); pswf.__version__; pswf.__all__")


def test_nothing_here_needs_the_other_package() -> None:
    statement = "import pswf; [getattr(pswf, name) for name in pswf.__all__]; pswf.PSWF(5.0).evaluate(0.5)"
    loaded = loaded_after(statement)
    assert "numba" in loaded
    assert not {"centering", "aspire", "matplotlib"} & loaded


@pytest.mark.parametrize("name", pswf.__all__)
def test_public_names_are_documented(name: str) -> None:
    thing = getattr(pswf, name)
    assert name in dir(pswf)
    if name != "__version__":
        assert inspect.getdoc(thing)


@pytest.mark.parametrize("name", ["pswf", "pswf.bases", "pswf.steerable"])
def test_the_docstring_of_a_package_lists_its_files(name: str) -> None:
    package = import_module(name)
    assert package.__file__ is not None
    files = {path.stem for path in Path(package.__file__).parent.iterdir() if path.suffix == ".py"}
    folders = {path.parent.name for path in Path(package.__file__).parent.glob("*/__init__.py")}
    lines = re.findall(r"^(\w+(?:, \w+)*): ", package.__doc__ or "", re.MULTILINE)
    listed = [name for line in lines for name in line.split(", ")]
    assert sorted(listed) == sorted((files | folders) - {"__init__"})


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'pswf' has no attribute 'pwsf'"):
        pswf.pwsf  # noqa: B018


@pytest.mark.parametrize(
    "name", ["pswf.registry", "pswf.quadrature", "pswf.bases.prolate", "pswf.bases.bessel", "pswf.bases.zernike"]
)
def test_examples_in_the_documentation(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
