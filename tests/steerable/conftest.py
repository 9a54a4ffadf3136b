"""Fixtures of the tests of whole images."""

from __future__ import annotations

from pathlib import Path

import pytest
from whole_images import NAMES


@pytest.fixture(params=NAMES)
def basis_name(request: pytest.FixtureRequest, foreign_basis: Path) -> str:
    return str(request.param)
