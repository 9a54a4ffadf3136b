"""What the commands share: one-sentence errors, options, words."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import click

from centering.sentence import message as said
from centering.sentence import retold

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from centering.engine.job import Job
    from centering.io.particles import Particles

__all__ = [
    "Commands",
    "EstimatorName",
    "Failure",
    "NumberOr",
    "angpix_option",
    "ctf_option",
    "estimator_options",
    "jobs_option",
    "keep_names_option",
    "one_sentence",
    "option",
    "out_option",
    "overwrite_option",
    "particle_options",
    "printable",
    "progress_bar",
    "refuse_doubts",
    "say",
    "say_warnings",
    "stack_options",
    "strict_option",
    "tell",
    "warn",
]

F = TypeVar("F", bound=Callable[..., Any])

_LONGEST = 800  # characters of a message

_WORDS = {
    "pixel_size": "--angpix",
    "micrograph_pixel_size": "--mic-angpix",
    "average_pixel_size": "--average-angpix",
    "replace_refined": "--yes",
    "keep_within": "--keep-origins-within",
    "certificates": "--tls-ca, --tls-cert and --tls-key",
}
"""Options that do not have the name of the argument that they are."""


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


def option(name: str, value: str) -> str:
    """Return how an argument of the library, with a value or without, is given on the command line."""
    words = _WORDS.get(name, "--" + name.replace("_", "-"))
    return words if value in ("", "True") else f"{words} {value}"


def tell(kind: str, words: str) -> None:
    """Print a ``note:`` or a ``warning:`` on standard error."""
    click.echo(f"{kind}: {printable(retold(words, option))}", err=True)


def warn(words: str, *, strict: bool = False) -> None:
    """Print a ``warning:`` on standard error, or with ``strict`` raise it as a `Failure`."""
    if strict:
        raise Failure(f"{retold(words, option)} (a warning, and --strict)")
    tell("warning", words)


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


class EstimatorName(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on only
    """The name of an estimator; which there are is found out when it is needed, and nothing is loaded for it."""

    name = "name"

    @property
    def _choice(self) -> click.Choice[str]:
        from centering.estimators.registry import estimator_names

        return click.Choice(estimator_names())

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return the names, for the help."""
        return self._choice.get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, if it is one."""
        return self._choice.convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so."""
        return self._choice.shell_complete(ctx, param, incomplete)


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
            message = retold(said(error), option)
        raise Failure(message) from error


out_option = click.option(
    "--out", "-o", type=click.Path(), required=True, metavar="DIR", help="Folder for the results."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace the results of an earlier run in DIR.")
angpix_option = click.option(
    "--angpix", type=float, metavar="A", help="Pixel size in Angstrom, instead of what the files say."
)
strict_option = click.option(
    "--strict", is_flag=True, help="Take a warning about the input for an error, before anything is written."
)
keep_names_option = click.option(
    "--keep-names", is_flag=True, help="Leave image names relative to the current folder, not absolute."
)
ctf_option = click.option(
    "--ctf",
    type=click.Choice(["auto", "no"]),
    default="auto",
    help="Learn free of the contrast transfer functions that INPUT states.",
)
jobs_option = click.option(
    "-j", "jobs", type=click.IntRange(min=1), metavar="N", help="Threads.  [default: one per processor]"
)


def particle_options(function: F) -> F:
    """Add the options that describe the particles, shared by several commands."""
    return _particle_options(function, "; auto, for radial-reference: from the images")


def stack_options(function: F) -> F:
    """Add the same options to a command that sees one stack at a time, and says so where the radius is ``auto``."""
    return _particle_options(function, "")


def _particle_options(function: F, auto: str) -> F:
    words = f"Radius of the particle in whole pixels, and no more{auto}."
    radius = click.option("--radius", type=NumberOr("auto"), metavar="PX", help=words)
    invert = click.option(
        "--invert",
        type=click.Choice(["auto", "yes", "no"]),
        default="auto",
        help="Invert the pixels, because particles must be bright; auto looks at the images.",
    )
    diameter = click.option("--diameter", type=float, metavar="A", help="Diameter of the particle in Angstrom.")
    return angpix_option(diameter(radius(invert(function))))


def estimator_options(function: F) -> F:
    """Add the options that say which estimator is used, and how; ``settings`` are the values of ``--set``, by name."""

    @click.option(
        "--max-shift", type=float, metavar="PX", help="Farthest shift searched, in pixels.  [default: the box]"
    )
    @click.option("--estimator", type=EstimatorName(), default="surrogate", help="How the centre is found.")
    @click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="Another option of the estimator; repeat for several.",
    )
    @wraps(function)
    def parsed(*, settings: tuple[str, ...], **given: Any) -> Any:
        with one_sentence():
            values = _parsed(given["estimator"], settings, given)
        return function(**given, settings=values)

    return cast("F", parsed)


def _parsed(estimator: str, settings: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of ``--set``, by name."""
    if not settings:
        return {}
    from centering.estimators.registry import find

    spec = find(estimator)
    values: dict[str, Any] = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not separator:
            raise ValueError(f"--set {setting!r} has no value; give NAME=VALUE")
        value = spec.parse(name, text.strip())
        if name in values or not (given.get(name) is None or given[name] is False):
            raise ValueError(f"{name} is given twice; give it once")
        values[name] = value
    return values


def say_warnings(job: Job, *, strict: bool = False) -> None:
    """Say on standard error what makes every centre of a job doubtful; with ``strict`` raise the first of it.

    What becomes of origins that are there already is no error where the user has decided it.
    """
    found = [] if job.contrast.clear else [f"contrast is {job.contrast}; check it, and say --invert yes or no"]
    origins = job.origins
    decided = origins.warning() if origins is not None and origins.decided else None
    for words in (*found, *job.warnings):
        warn(words, strict=strict and words != decided)


def refuse_doubts(particles: Particles) -> None:
    """Raise what ``--strict`` does not take in the files of some particles: doubts, and images that are missing."""
    found = particles.warnings if particles.readable.all() else (*particles.warnings, particles.notes[0])
    for words in found:
        warn(words, strict=True)


def progress_bar(total: int | None, words: str) -> Any:
    """Return a tqdm bar on standard error with the rate in images per second; silent where that is no terminal.

    ``total`` is None where it is not known, 0 where nothing is counted.
    """
    from tqdm import tqdm

    if total == 0:
        return tqdm(desc=words, bar_format="{desc}", leave=False, disable=None)
    return tqdm(total=total, desc=words, unit="img", unit_scale=(total or 0) > 10000, disable=None, dynamic_ncols=True)
