"""What the commands share: one-sentence errors, options, words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TypeVar

import click

__all__ = ["Commands", "Failure", "estimator_names", "one_sentence", "particle_options", "progress_bar"]

F = TypeVar("F", bound=Callable[..., Any])

estimator_names = ("surrogate", "mass", "median", "phase", "self-convolution")


class Failure(click.ClickException):
    """Bad input: one sentence on standard error and exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence."""
        click.echo(f"Error: {self.format_message()}", file=file, err=file is None)


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


@contextmanager
def one_sentence(*kinds: type[Exception]) -> Iterator[None]:
    """Turn what the library raises about its input into a `Failure`."""
    caught: tuple[type[Exception], ...] = (OSError, ValueError, *kinds)
    try:
        yield
    except caught as error:
        if isinstance(error, OSError) and error.strerror:
            message = f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
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
            click.option("--radius", type=float, metavar="PX", help="Radius of the particle in whole pixels."),
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


def progress_bar(total: int, words: str) -> Any:
    """Return a tqdm bar on standard error with the rate in images per second; silent where that is no terminal."""
    from tqdm import tqdm

    return tqdm(total=total, desc=words, unit="img", unit_scale=total > 10000, disable=None, dynamic_ncols=True)
