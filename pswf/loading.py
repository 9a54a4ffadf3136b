"""Import ASPIRE-Python without what its import does to the program."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

__all__ = ["load_aspire"]


def load_aspire(wanted_by: str, module: str) -> None:
    """Import a module of ASPIRE, and leave the folder, the exception hook and the loggers of the program as they were.

    A program that has imported ASPIRE before keeps what that did: it may want it.

    Parameters
    ----------
    wanted_by : str
        Who needs it, for the message.
    module : str
        Such as "aspire.source".

    Raises
    ------
    ImportError
        ASPIRE is not installed.
    """
    try:
        with _without_side_effects():
            import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "aspire":
            raise
        raise ImportError(f"{wanted_by} needs ASPIRE-Python: pip install 'pswf-centering[aspire]'") from error


@contextlib.contextmanager
def _without_side_effects() -> Iterator[None]:
    """Undo what ``import aspire`` does to the folder, the exception hook and the loggers of the program."""
    if "aspire" in sys.modules:
        yield
        return
    root = logging.getLogger()
    loggers = [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    states = [(one, one.disabled) for one in (root, *loggers)]
    handlers, level, hook, folder = list(root.handlers), root.level, sys.excepthook, Path.cwd()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        try:
            yield
        finally:
            os.chdir(folder)
            sys.excepthook = hook
            for handler in set(root.handlers) - set(handlers):
                handler.close()
            root.handlers[:] = handlers
            root.setLevel(level)
            for one, disabled in states:
                one.disabled = disabled
            if sys.modules.get("aspire") is not None:
                # its progress bars look for the handler that is gone, and fail without one
                sys.modules["aspire"].config["logging"]["tqdm_disable"].set(True)
