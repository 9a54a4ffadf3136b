"""Files that appear under their name only when they are complete, and folders that may be written into."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path

__all__ = ["check_output_folder", "refuse_line_breaks", "replacing"]


@contextmanager
def replacing(path: str | PathLike[str]) -> Iterator[Path]:
    """Lend a temporary name beside ``path``; rename it to ``path`` at the end, remove it after an error."""
    final = Path(path)
    temporary = _temporary(final)
    try:
        yield temporary
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


def check_output_folder(
    path: str | PathLike[str],
    *,
    owned: Collection[str],
    inputs: Collection[Path] = (),
    overwrite: bool = False,
) -> None:
    """Refuse an output folder before any work is done.

    Parameters
    ----------
    path : path
        The folder to be.
    owned : collection of str
        Names of the files that may be written into it.
    inputs : collection of Path
        Files that must not be overwritten.
    overwrite : bool
        Whether the folder may exist.

    Raises
    ------
    FileExistsError
        The path exists and ``overwrite`` is false, or it is not a folder, or a link to nothing.
    ValueError
        An output would overwrite an input, or its name cannot stand in a STAR file.
    """
    final = Path(path)
    refuse_line_breaks(final)
    if final.is_symlink() and not final.exists():
        raise FileExistsError(f"{fspath(final)!r} is a link to nothing; give the name of a folder")
    if final.exists() and not final.is_dir():
        raise FileExistsError(f"{fspath(final)!r} is a file; give the name of a folder")
    if final.exists() and not overwrite:
        raise FileExistsError(f"folder {fspath(final)!r} exists; give another one, or --overwrite")
    outputs = {(final / name).resolve() for name in owned}
    for source in inputs:
        if source.resolve() in outputs:
            raise ValueError(f"the output would overwrite its own input {fspath(source)!r}; give another folder")


def refuse_line_breaks(path: Path) -> None:
    """Raise ValueError where a path has a line break, which would end a row of a STAR file."""
    if any(character in os.path.abspath(path) for character in "\n\r"):  # noqa: PTH100  (resolve() would follow a link)
        raise ValueError(f"the name of {fspath(path)!r} has a line break, which no STAR file can hold; rename it")


def _temporary(final: Path) -> Path:
    return final.with_name(f".{final.name}.{os.getpid()}.partial")
