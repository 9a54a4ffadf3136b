"""Fixtures shared by the whole suite."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# The workers of pytest-xdist fill the machine; threads of BLAS and OpenMP beside them wait for each other in busy
# loops, which took more than half of the time.  They read this when NumPy is loaded, and processes inherit it.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from installed import install  # noqa: E402
from pytest_timeout import Settings  # noqa: E402

# How laws are drawn: in CI the same cases every time, without a limit for one case, which a busy machine would exceed.
# CENTERING_SWEEP=N draws N cases of each law instead of a few.
settings.register_profile(
    "laws",
    deadline=None,
    database=None,
    derandomize="CI" in os.environ,
    max_examples=max(int(os.environ.get("CENTERING_SWEEP", "0")), 50),
)
settings.load_profile("laws")

STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real standard error for what is said when a process ends by force."""
    config.stash[STDERR] = os.dup(2)


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[STDERR])


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> None:
    """End the process with a traceback of all threads where pytest-timeout cannot end the test.

    It interrupts the test by a signal, which Python sees between two instructions of its own, not in compiled code.
    """
    faulthandler.dump_traceback_later(1.5 * settings.timeout, exit=True, file=item.config.stash[STDERR])


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_cancel_timer() -> None:
    faulthandler.cancel_dump_traceback_later()


def pytest_enter_pdb() -> None:
    faulthandler.cancel_dump_traceback_later()


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


@pytest.fixture(scope="session")
def foreign_basis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the radial basis of ``tests/extensions/basis`` where this process finds it; return the folder."""
    target = tmp_path_factory.mktemp("basis") / "site"
    install("basis", target)
    sys.path.append(str(target))
    yield target
    sys.path.remove(str(target))
    sys.modules.pop("clamped_polynomials", None)
