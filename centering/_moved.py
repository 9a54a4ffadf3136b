"""Modules that lay elsewhere in version 0.1.0: their old names work, and a DeprecationWarning says the new ones."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "from_file", "install", "moved"]

MOVED = {
    "apply": "tools.apply",
    "arrivals": "watching.arrivals",
    "classes": "tools.classes",
    "comparison": "tools.comparison",
    "contrast": "engine.contrast",
    "datasets": "tools.datasets",
    "demo": "tools.demo",
    "experiments": "paper.experiments",
    "extraction": "tools.coordinates",
    "figures": "paper.figures",
    "frechet": "paper.frechet",
    "io.conversion": "tools.convert",
    "job": "runs.prepare",
    "outputs": "runs.outputs",
    "reference": "radial",
    "reference.dataset": "runs.learning",
    "reference.threads": "threads",
    "run": "runs.run",
    "silhouettes": "paper.silhouettes",
    "volumes": "simulate.volumes",
    "watch": "watching.watch",
    "watched": "watching.finished",
}
"""Old and new names below `centering`; what lay below an old name lies below the new one."""


def new_name(name: str) -> str | None:
    """Return where a module of version 0.1.0 is now, by its whole name; None where it did not move."""
    package, _, old = name.partition(".")
    if package != "centering":
        return None
    parts = old.split(".")
    for count in range(len(parts), 0, -1):
        if (new := MOVED.get(".".join(parts[:count]))) is not None:
            return ".".join([package, new, *parts[count:]])
    return None


class _Finder(MetaPathFinder, Loader):
    """Gives the module of the new name to an import of the old one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if new_name(fullname) is None else ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module of the new name."""
        new = new_name(spec.name) or spec.name
        warnings.warn(f"{spec.name} is {new} now", DeprecationWarning, stacklevel=2)
        module = import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give back what importing under the old name has replaced; the code has run under the new one."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def moved(name: str) -> ModuleType:
    """Return the module that an attribute of `centering` was in version 0.1.0."""
    warnings.warn(f"centering.{name} is centering.{MOVED[name]} now", DeprecationWarning, stacklevel=3)
    return import_module(f"centering.{MOVED[name]}")


def install() -> None:
    """Let imports find the old names."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())  # before what looks into the folder of the new name


def from_file(old: str, reader: str, file: Any, pixel_size: Any) -> Any:
    """Return the transfer functions of a file, which constructors read in version 0.1.0: `CTF` knows no files now."""
    warnings.warn(f"{old} is {reader}.read(path).transfer_functions(pixel_size) now", DeprecationWarning, stacklevel=3)
    module, _, name = reader.rpartition(".")
    if not hasattr(file, "transfer_functions"):
        file = getattr(import_module(module), name).read(file)
    return file.transfer_functions(pixel_size)
