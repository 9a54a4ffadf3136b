"""Sentences that name arguments, so that a program that calls them otherwise can say its own names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["Namer", "Sentence", "argument", "message", "named_if_outside", "retold"]

logger = logging.getLogger(__name__)

Namer = Callable[[str, str], str]
"""Calls an argument by its name, given with a value, or with "" for the argument itself."""


class Sentence(str):
    """A message in which ``{radius}`` stands for the argument, and ``{radius:auto}`` for the argument with that value.

    As a string it speaks of arguments: ``radius``, ``radius='auto'``.  Where ``values`` has the name, its value is put
    in, as `str.format` does.

    Examples
    --------
    >>> said = Sentence("{radius:auto} is not for {name!r}; give {max_shift}", name="mass")
    >>> print(said)
    radius='auto' is not for 'mass'; give max_shift
    >>> print(said.told(lambda name, value: f"--{name} {value}".strip()))
    --radius auto is not for 'mass'; give --max_shift
    """

    def __new__(cls, template: str, **values: object) -> Sentence:
        """Fill in the values, and the names as the library has them."""
        self = super().__new__(cls, template.format_map(_Values(values, _argument)))
        self._template, self._values = template, values
        return self

    _template: str
    _values: Mapping[str, object]

    def told(self, namer: Namer) -> str:
        """Return the sentence with the names that ``namer`` gives to arguments."""
        values = {name: retold(value, namer) for name, value in self._values.items()}
        return self._template.format_map(_Values(values, namer))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._template, dict(self._values))


def argument(name: str) -> Sentence:
    """Return the name of an argument, to be put into a sentence."""
    return Sentence("{" + name + "}")


def retold(words: Any, namer: Namer) -> Any:
    """Return a sentence as ``namer`` tells it; anything else, such as a string without names, as it is."""
    return words.told(namer) if hasattr(words, "told") else words


def message(error: Exception) -> str:
    """Return what an exception says, as the `Sentence` that it was raised with where it was."""
    return error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)


@contextmanager
def named_if_outside(thing: object) -> Iterator[None]:
    """Turn what an object of another package raises into a ValueError that names the package.

    Errors of the system and of memory pass, and so do those of this package.  The traceback is
    logged with the level DEBUG.
    """
    package = getattr(thing, "__module__", type(thing).__module__).partition(".")[0]
    try:
        yield
    except Exception as error:
        system = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.strerror)
        if package == "centering" or system or type(error).__module__.startswith("centering."):
            raise
        logger.debug("%r failed", thing, exc_info=True)
        words = " ".join(str(error).split())[:200]
        why = f"{type(error).__name__}: {words}" if words else type(error).__name__
        name = getattr(thing, "__qualname__", type(thing).__name__)
        raise ValueError(f"{name} of the package {package!r} failed: {why}") from error


class _Values(dict[str, object]):
    """Values by name; what has none is the name of an argument."""

    def __init__(self, values: Mapping[str, object], namer: Namer) -> None:
        super().__init__(values)
        self._namer = namer

    def __missing__(self, name: str) -> _Name:
        return _Name(name, self._namer)


class _Name:
    def __init__(self, name: str, namer: Namer) -> None:
        self._name, self._namer = name, namer

    def __format__(self, value: str) -> str:
        return self._namer(self._name, value)


def _argument(name: str, value: str) -> str:
    if not value:
        return name
    return f"{name}={value if value in ('True', 'False', 'None') else repr(value)}"


def _again(template: str, values: Mapping[str, object]) -> Sentence:
    return Sentence(template, **values)
