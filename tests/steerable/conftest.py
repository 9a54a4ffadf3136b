"""Fixtures of the tests of whole images."""

from __future__ import annotations

import pytest
from whole_images import NAMES


@pytest.fixture(params=NAMES)
def basis_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
