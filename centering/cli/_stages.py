"""What a command is at, in words and bars on standard error; compiling is named, and kept out of every rate."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

import click

from centering.cli._common import progress_bar

__all__ = ["COMPILING", "Stages"]

COMPILING = "compiling (first run only)"

_SOON = 1.0  # seconds; what is over sooner needs no words where nobody watches


class Stages:
    """The stages of a command: a bar for each on a terminal, elsewhere a line for each that takes a second or more.

    A context manager.  While kernels are compiled, which happens once after an installation, the words are
    `COMPILING`, and the clock of the bar stands still.

    Attributes
    ----------
    compiled : float
        Seconds that compiling took so far.
    rate : float
        Particles per second of the last stage with a bar, compiling left out; what was done before it began, which its
        first update tells, does not count.
    counted : float
        Seconds of that stage up to its last image, compiling left out.
    """

    def __init__(self) -> None:
        self.compiled, self.rate, self.counted = 0.0, float("nan"), 0.0
        self._watched = sys.stderr is not None and sys.stderr.isatty()  # None: closed
        self._lock = threading.RLock()
        self._bar: Any = None
        self._timers: dict[str, threading.Timer] = {}
        self._listener: Any = None
        self._begun, self._depth, self._said, self._words = 0.0, 0, False, ""

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()
        if self._listener is not None:
            from numba.core import event

            event.unregister("numba:compile", self._listener)  # type: ignore[no-untyped-call, unused-ignore]
            self._listener = None

    def begin(self, words: str, total: int | None = None, *, then: str | None = None) -> Callable[[int], object]:
        """End the stage before, and begin one: ``progress(message, total) -> advance(n)``.

        See `centering.progress.Progress`.  ``then`` names the stage that begins by
        itself when all images are done.
        """
        self._end()
        self._listen()
        if self._watched:
            self._bar = progress_bar(total, words)
        else:
            self._later(words, click.echo, (words,), {"err": True})
        start, compiled = perf_counter(), self.compiled
        before: int | None = None
        done = 0

        def update(count: int) -> None:
            nonlocal before, done
            before = count if before is None else before
            done += count
            self.counted = max(perf_counter() - start - (self.compiled - compiled), 0.0)
            self.rate = (done - before) / max(self.counted, 1e-3)
            if self._bar is not None:
                self._bar.update(count)
            if then is not None and done == total:
                rate = self.rate
                self.begin(then, 0)
                self.rate = rate

        return update

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _later(self, name: str, *call: Any) -> None:
        """Say something unless what it names is over very soon."""
        timer = threading.Timer(_SOON, *call)
        timer.daemon = True
        self._timers[name] = timer
        timer.start()

    def _still_compiling(self) -> None:
        with self._lock:
            self._timers.pop(COMPILING, None)
            if self._depth and not self._said:
                self._said = True
                click.echo(COMPILING, err=True)

    def _listen(self) -> None:
        """Be told when numba compiles, which it does on any thread, one at a time; not when it loads what it has."""
        if self._listener is not None or "numba" not in sys.modules:
            return
        from numba.core import event

        stages = self

        class Listener(event.Listener):  # type: ignore[misc, unused-ignore]
            def on_start(self, _: Any) -> None:
                stages._compiling(1)

            def on_end(self, _: Any) -> None:
                stages._compiling(-1)

        self._listener = Listener()
        event.register("numba:compile", self._listener)  # type: ignore[no-untyped-call, unused-ignore]

    def _compiling(self, change: int) -> None:
        with self._lock:
            self._depth += change
            bar = self._bar
            if change == 1 and self._depth == 1:
                self._begun = perf_counter()
                if bar is not None:
                    self._words = bar.desc
                    bar.set_description(COMPILING)
                elif not self._watched and not self._said and COMPILING not in self._timers:
                    self._later(COMPILING, self._still_compiling)
            elif change == -1 and self._depth == 0:
                seconds = perf_counter() - self._begun
                self.compiled += seconds
                if bar is not None and bar.desc.startswith(COMPILING):
                    bar.desc = self._words
                    bar.start_t += seconds
                    bar.last_print_t += seconds
