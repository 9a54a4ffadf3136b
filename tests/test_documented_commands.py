"""Every command line that the documentation shows is one that the program understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from centering.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def lines_of(page):
    """Return the command lines in blocks and between backquotes, without comments and shell syntax."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL):
        found += [line.strip() for line in block.splitlines() if line.strip().startswith("centering ")]
    found += re.findall(r"^ {4}(centering .*)$", text, re.MULTILINE)
    found += [" ".join(one.split()) for one in re.findall(r"`(centering [a-z-]+ [^`]+)`", text)]
    return found


def test_there_are_command_lines():
    assert len([line for page in PAGES for line in lines_of(page)]) > 15


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_command_lines_are_understood(page):
    for line in lines_of(page):
        _, name, *arguments = shlex.split(re.split(r" [|>&;] | -- ", line)[0], comments=True)
        command = main.commands[name]
        if "--help" in arguments:
            continue
        try:
            command.make_context(name, arguments)
        except click.UsageError as error:
            pytest.fail(f"{line}: {error.format_message()}")
