"""What the commands share: one-sentence errors, options, words."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from centering.engine.job import Job

__all__ = [
    "Commands",
    "Failure",
    "NumberOr",
    "estimator_names",
    "one_sentence",
    "particle_options",
    "printable",
    "progress_bar",
    "say",
    "say_warnings",
    "tell",
]

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST = 800  # characters of a message

estimator_names = ("surrogate", "radial-reference", "mass", "median", "phase", "self-convolution")


class Failure(click.ClickException):
    """Bad input: one sentence on standard error and exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence."""
        click.echo(f"Error: {printable(self.format_message())}", file=file, err=file is None)


def printable(words: str) -> str:
    """Return a message as one line that a terminal only shows, however long or odd what it quotes from a file.

    Control characters, line ends and marks that turn the direction of the text are escaped as `repr` does; bytes of
    names that are no UTF-8 stay, and are printed as they are.
    """
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST - 200]} ... {words[-190:]}"
    if words.isprintable():
        return words
    return "".join(one if one.isprintable() or "\udc80" <= one <= "\udcff" else repr(one)[1:-1] for one in words)


def tell(kind: str, words: str) -> None:
    """Print a ``note:`` or a ``warning:`` on standard error."""
    click.echo(f"{kind}: {printable(words)}", err=True)


def say(words: str) -> None:
    """Print what a command that has done its work has to say; a reader that has gone, as ``head`` does, is no error."""
    try:
        click.echo(words)
    except BrokenPipeError:
        # nothing more goes there, also when the process ends
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class NumberOr(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on only
    """A number, or one of some words."""

    name = "number"

    def __init__(self, *words: str, kind: Callable[[str], float] = float) -> None:
        self.words, self.kind = words, kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number or the word."""
        if value in self.words or isinstance(value, (int, float)):
            return value
        try:
            return self.kind(value)
        except ValueError:
            number = "whole number" if self.kind is int else "number"
            self.fail(f"{value!r} is not a {number}, nor {' or '.join(self.words)}", param, ctx)


class Commands(click.Group):
    """A group whose usage errors are one sentence too."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else ctx.command_path
            message = error.format_message().rstrip(".")
            raise Failure(f"{message}; see '{where} --help'") from None
        except OSError as error:  # of a terminal or file that takes no more words: click knows closed pipes only
            if error.errno == errno.EPIPE:
                raise
            words = error.strerror or str(error)
            if error.filename is not None:
                raise Failure(f"{words}: {error.filename!r}") from None
            raise Failure(f"standard output cannot be written: {words}") from None


@contextmanager
def one_sentence(*kinds: type[Exception]) -> Iterator[None]:
    """Turn what the library raises about its input into a `Failure`."""
    caught: tuple[type[Exception], ...] = (OSError, ValueError, MemoryError, *kinds)
    try:
        yield
    except caught as error:
        if isinstance(error, OSError) and error.strerror:
            message = f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
        elif isinstance(error, MemoryError):
            message = f"not enough memory{f': {error}' if str(error) else ''}"
        else:
            message = str(error)
        raise Failure(message) from error


def particle_options(function: F) -> F:
    """Add the options that describe the particles, shared by several commands."""
    for option in reversed(
        [
            click.option(
                "--angpix", type=float, metavar="A", help="Pixel size in Angstrom, instead of what the files say."
            ),
            click.option("--diameter", type=float, metavar="A", help="Diameter of the particle in Angstrom."),
            click.option(
                "--radius",
                type=NumberOr("auto"),
                metavar="PX",
                help="Radius of the particle in whole pixels; auto, for radial-reference: chosen from the images.",
            ),
            click.option(
                "--invert",
                type=click.Choice(["auto", "yes", "no"]),
                default="auto",
                help="Invert the pixels, because particles must be bright; auto looks at the images.",
            ),
        ]
    ):
        function = option(function)
    return function


def say_warnings(job: Job) -> None:
    """Say on standard error what makes every centre of a job doubtful."""
    found = [] if job.contrast.clear else [f"contrast is {job.contrast}; check it, and say --invert yes or no"]
    for words in (*found, *job.warnings):
        tell("warning", words)


def progress_bar(total: int | None, words: str) -> Any:
    """Return a tqdm bar on standard error with the rate in images per second; silent where that is no terminal.

    ``total`` is None where it is not known, 0 where nothing is counted.
    """
    from tqdm import tqdm

    if total == 0:
        return tqdm(desc=words, bar_format="{desc}", leave=False, disable=None)
    return tqdm(total=total, desc=words, unit="img", unit_scale=(total or 0) > 10000, disable=None, dynamic_ncols=True)
