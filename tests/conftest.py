"""Fixtures shared by the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def centering_data() -> Path:
    """Return the folder of reference data named by $CENTERING_DATA; skip where there is none."""
    name = os.environ.get("CENTERING_DATA")
    if not name or not Path(name).is_dir():
        pytest.skip("needs the reference data: set CENTERING_DATA to their folder")
    return Path(name)


@pytest.fixture(scope="session")
def reference(centering_data: Path) -> Path:
    """Return the folder of reference numbers that lies beside the data; skip where there is none."""
    folder = centering_data.resolve().parent / "reference"
    if not folder.is_dir():
        pytest.skip(f"needs the reference numbers: {folder.name}/ beside the data folder")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a seeded generator, fresh for every test."""
    return np.random.default_rng(20210401)
