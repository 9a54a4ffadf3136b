"""The one place that sets the numba policy of both packages.

Kernels never validate: the public function above them has done so.  ``fastmath`` stays off because the
spectra rely on the order of operations; compiled code is cached on disk so that only the first run of an
installation pays for compilation.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def _writable_cache() -> None:
    """Send the cache to the user's temporary folder where the installation itself is read-only."""
    if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
        user = getattr(os, "getuid", lambda: 0)()
        os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"pswf-numba-{user}")


_writable_cache()

from numba import njit, prange  # noqa: E402  (the cache folder is read when numba is imported)

__all__ = ["jit", "parallel_jit", "prange"]


def jit(function: F) -> F:
    """Compile a serial kernel that releases the interpreter lock."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))


def parallel_jit(function: F) -> F:
    """Compile a kernel whose ``prange`` loops run on numba's threads; never call it from several threads at once."""
    return cast(F, njit(cache=True, nogil=True, error_model="numpy", parallel=True)(function))
