"""Libraries that compute on threads of their own are held at one, where several are at work or would cost more."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

__all__ = ["find_pools", "one_thread"]


def one_thread(user_api: str | None = "blas") -> AbstractContextManager[Any]:
    """Return a context in which matrix products use one thread; with ``user_api`` None, whatever has threads."""
    context: AbstractContextManager[Any] = _controller().limit(limits=1, user_api=user_api)
    return context


def find_pools() -> None:
    """Look for the libraries that are there by now, before any other thread of this process loads one.

    The search holds the lock of the dynamic loader and waits for that of the interpreter; a thread that imports a
    compiled module holds the second and waits for the first, for ever.
    """
    _controller.cache_clear()
    _controller()


@cache
def _controller() -> Any:
    # looking for the libraries takes milliseconds: once
    import scipy.linalg  # noqa: F401  (its BLAS can only be held at one thread once it is there)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
