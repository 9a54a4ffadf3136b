"""Fixtures of the tests of ``centering``."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import scipy.io

from centering.cli import _stages


@pytest.fixture(autouse=True)
def no_words_of_a_busy_machine(monkeypatch):
    """Let a stage that takes more than a second, as any may on a busy machine, go unnamed in this process."""
    monkeypatch.setattr(_stages, "_SOON", 3600.0)


@pytest.fixture(scope="session")
def mat_70s(centering_data):
    return scipy.io.loadmat(centering_data / "70s" / "shifted_70S_proj_10_s4.mat")


@pytest.fixture(scope="session")
def images_70s(mat_70s):
    """Return the ten simulated 70S projections, (10, 185, 185)."""
    return np.ascontiguousarray(mat_70s["shifted_projections"].transpose(2, 0, 1))


@pytest.fixture(scope="session")
def truth_70s(mat_70s):
    """Return their known displacements (row, column), (10, 2)."""
    return mat_70s["shifts"].T.astype(np.float64) - 28


@pytest.fixture(scope="session")
def relion():
    """Skip where RELION is not installed, unless this is a run that must have it."""
    if shutil.which("relion_stack_create") is None:
        if os.environ.get("CENTERING_REQUIRE_PROGRAMS"):
            pytest.fail("relion_stack_create is not installed, and CENTERING_REQUIRE_PROGRAMS is set")
        pytest.skip("needs RELION: relion_stack_create is not installed")
