"""Multiprecision truth for the prolate functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="session")
def exact_prolate() -> Callable[..., Any]:
    """Return ``exact_prolate(c, N, n)``, an `oracle.Truth`."""
    pytest.importorskip("flint", reason="the oracle needs python-flint, of the extra `dev`")
    from oracle import truth

    return truth
