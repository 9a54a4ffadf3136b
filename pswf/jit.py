"""The one place that sets the numba policy of both packages.

Kernels never validate: the public function above them has done so.  ``fastmath`` stays off because the
spectra rely on the order of operations; compiled code is cached on disk so that only the first run of an
installation pays for compilation.

numba unpickles what it finds in its cache, which runs it.  So the cache lies beside the code only where this user alone
can write there; else in the user's own cache folder, if nobody else can write into that; else nowhere.  A
``NUMBA_CACHE_DIR`` that the user has set is left alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit, prange
from numba.core import config as numba_config

from pswf._private import distrust, private_folder, user_folder

__all__ = ["jit", "parallel_jit", "prange"]

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger(__name__)

config: Any = numba_config

_GIVEN: str = config.CACHE_DIR
"""What the user has said."""


def jit(function: F) -> F:
    """Compile a serial kernel that releases the interpreter lock."""
    return _compiled(function)


def parallel_jit(function: F) -> F:
    """Compile a kernel whose ``prange`` loops run on numba's threads; never call it from several threads at once."""
    return _compiled(function, parallel=True)


def _compiled(function: F, *, parallel: bool = False) -> F:
    folder = _cache(os.path.dirname(function.__code__.co_filename))  # noqa: PTH120
    config.CACHE_DIR = folder or ""
    try:
        return cast(F, njit(cache=folder is not None, nogil=True, error_model="numpy", parallel=parallel)(function))
    finally:
        config.CACHE_DIR = _GIVEN


@lru_cache(maxsize=64)
def _cache(source: str) -> str | None:
    """Return numba's cache folder for the code in ``source``: empty for the one beside it, None for no cache."""
    if _GIVEN:
        return _GIVEN
    if os.access(source, os.W_OK) and not _beside(Path(source)):
        return ""
    return _elsewhere()


def _beside(source: Path) -> str:
    """Return why the cache beside the code is not to be trusted, empty where it is."""
    cache = source / "__pycache__"
    try:
        return distrust(cache if cache.exists() else source)
    except OSError as error:
        return str(error)


@lru_cache(maxsize=1)
def _elsewhere() -> str | None:
    folder, reason = private_folder(user_folder("numba"))
    if folder is None:
        logger.warning(
            "compiled code is not kept, so every start compiles again: %s; set NUMBA_CACHE_DIR to a folder of your own",
            reason,
        )
        return None
    return str(folder)
