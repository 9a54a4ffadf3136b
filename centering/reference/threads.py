"""Small matrix products run on one thread: spreading them over several costs more than it saves."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which matrix products use one thread."""
    context: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return context


@cache
def _controller() -> Any:
    # looking for the libraries takes milliseconds: once
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
