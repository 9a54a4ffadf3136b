"""The help as a reader sees it."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from centering.cli import main


@pytest.mark.parametrize("name", [None, *sorted(main.commands)])
def test_help_keeps_its_lines(name):
    result = CliRunner().invoke(main, [*([name] if name else []), "--help"])
    assert result.exit_code == 0
    assert "\\" not in result.output
    command = main if name is None else main.get_command(click.Context(main), name)
    assert command is not None
    # what follows the mark of a literal paragraph is printed line by line
    for paragraph in (command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            printed = [line.strip() for line in result.output.splitlines()]
            assert {line.strip() for line in paragraph.split("\n")[1:]} <= set(printed)
    # a backslash at the end of a line of the source joins it with the next one
    assert not [line for line in result.output.splitlines() if re.match(r"\s*centering .*  ", line)]


def test_a_watch_offers_only_what_it_takes():
    words = " ".join(CliRunner().invoke(main, ["watch", "--help"]).output.split())
    assert "auto, for radial-reference" not in words
    assert "radial-reference and alignment need the whole data set" in words
    assert "auto, for radial-reference" in " ".join(CliRunner().invoke(main, ["run", "--help"]).output.split())
