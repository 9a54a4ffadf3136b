"""What stands in several files of the project is the same in all of them."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import processes
import pytest
from click.testing import CliRunner

import centering
import pswf
from centering.cli import main

ROOT = Path(__file__).parents[1]


def printed(*options: str) -> str:
    """Return what a fresh interpreter prints."""
    return processes.run([sys.executable, *options], check=True, capture_output=True, text=True).stdout.strip()


def test_every_version_is_the_one_that_was_installed():
    installed = version("pswf-centering")
    assert pswf.__version__ == centering.__version__ == installed
    assert CliRunner().invoke(main, ["--version"]).output == f"centering, version {installed}\n"


def test_nobody_pays_for_the_version_who_does_not_ask():
    names = "before = set(sys.modules); import pswf, centering.cli; print("
    names += "'importlib.metadata' in set(sys.modules) - before)"
    assert printed("-c", f"import sys; {names}") == "False"


@pytest.mark.parametrize("package", ["pswf", "centering"])
def test_sources_that_were_not_installed_say_so(package):
    # without site-packages, so that no installation is found
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {package}; print({package}.__version__)"
    assert printed("-I", "-S", "-c", code) == "0+unknown"
