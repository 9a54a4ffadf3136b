"""What a command knows of an estimator before it makes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["EstimatorSpec", "Option", "number_or", "yes_or_no"]

_TAKEN = {"particles", "diameter", "radius", "estimator", "invert", "ctf", "progress"}


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of an estimator, beside its radius.

    Attributes
    ----------
    name : str
        The keyword that `EstimatorSpec.make` takes it by.
    help : str
        What it says, in a few words.
    kind : callable, optional
        Makes its value of a text, or raises ValueError.
    """

    name: str
    help: str
    kind: Callable[[str], object] = float


@dataclass(frozen=True, kw_only=True)
class EstimatorSpec:
    """An entry of the registry: how an estimator is made, and what it is like.

    Attributes
    ----------
    name : str
        What a command asks for: ``radial-reference``.
    title : str
        What a sentence calls it: "radial reference".
    make : callable
        ``make(radius, **options)`` returns the `Estimator`, or the `Learner` of one.  The radius is a whole number of
        pixels, None where none was given, "auto" where ``auto_radius`` allows that.
    options : tuple of Option
        What ``make`` takes beside the radius.
    needs_radius : bool
        Whether there must be a radius.
    auto_radius : bool
        Whether the radius may be "auto": chosen from the images.
    learns : bool
        Whether ``make`` returns a `Learner`.
    together : bool
        Whether the images of a stack are each other's reference, so that all of them are needed at once.
    landscape : bool
        Whether the estimator, or what has been learned, has a method ``landscape``.
    uncertainty : bool
        Whether its centres have covariances.
    source : str
        The distribution that it comes from, with its version; "" for this one.  Filled in by the registry.

    Raises
    ------
    ValueError
        An option with the name of a parameter of `centering.runs.prepare.prepare`.
    """

    name: str
    title: str
    make: Callable[..., Any]
    options: tuple[Option, ...] = ()
    needs_radius: bool = False
    auto_radius: bool = False
    learns: bool = False
    together: bool = False
    landscape: bool = False
    uncertainty: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        taken = [option.name for option in self.options if option.name in _TAKEN]
        if taken:
            raise ValueError(f"the option {taken[0]!r} is that of every run; give it another name")

    @property
    def option_names(self) -> str:
        """The names of the options, in words."""
        return ", ".join(option.name for option in self.options) or "none"

    def accepts(self, name: str) -> bool:
        """Return whether there is an option of this name."""
        return any(option.name == name for option in self.options)

    def parse(self, name: str, text: str) -> object:
        """Return the value of an option that was given as a text.

        Raises
        ------
        ValueError
            No such option, or a text that is no value of it.
        """
        for option in self.options:
            if option.name == name:
                try:
                    return option.kind(text)
                except ValueError:
                    raise ValueError(f"{name} is {text!r}; it is {option.help}") from None
        raise ValueError(f"the estimator {self.name} has no option {name!r}; it has {self.option_names}")


def number_or(*words: str, kind: Callable[[str], float] = float) -> Callable[[str], object]:
    """Return what makes a number of a text, or leaves it where it is one of some words."""
    return lambda text: text if text in words else kind(text)


def yes_or_no(text: str) -> bool:
    """Return whether a text says yes; raise ValueError where it says neither yes nor no."""
    if text.lower() not in ("yes", "true", "1", "no", "false", "0"):
        raise ValueError(text)
    return text.lower() in ("yes", "true", "1")
