"""What a command is at, in words and bars on standard error; compiling is named, and kept out of every rate."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import click

from centering.cli._common import progress_bar

__all__ = ["COMPILING", "Stages"]

COMPILING = "compiling (first run only)"

_SOON = 0.7  # seconds; what is over sooner needs no words where nobody watches
_PATIENCE = 1.0  # the same for the first stage, in which a file is refused in one sentence or not at all
_AT_WORK = 0.6  # seconds of this process, without which the machine is busy and the first stage is not yet long
_TOO_LONG = 6.0  # seconds after which it is, whatever keeps it
_SILENCE = 25.0  # seconds after which a line is said where nobody watches


class Stages:
    """The stages of a command: a bar for each on a terminal, elsewhere a line for each that is not over very soon.

    A context manager.  While kernels are compiled, which happens once after an installation, the words are
    `COMPILING`, and the clock of the bar stands still.  Where there is no terminal, as in a batch queue, a line every
    half minute says how far the stage has come.

    Attributes
    ----------
    compiled : float
        Seconds that compiling took so far.
    rate : float
        Particles per second of the last stage with a bar, compiling left out; what was done before it began, which its
        first update tells, does not count.
    spent : dict of str to float
        Seconds of every stage, compiling left out, in the order in which they began.
    """

    def __init__(self) -> None:
        self.compiled, self.rate = 0.0, float("nan")
        self.spent: dict[str, float] = {}
        self._watched = sys.stderr is not None and sys.stderr.isatty()  # None: closed
        self._lock = threading.RLock()
        self._bar: Any = None
        self._timers: dict[str, threading.Timer] = {}
        self._listener: Any = None
        self._begun, self._depth, self._said, self._words = 0.0, 0, False, ""
        self._stage, self._since, self._compiled_before = "", 0.0, 0.0
        self._spoken = perf_counter()
        self._total: int | None = 0
        self._done = 0

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
        self._listen()
        if not total and words == self._stage and not self._total:
            return lambda count: None  # it goes on
        self._end()
        first = not self.spent
        self.spent.setdefault(words, 0.0)  # before anything that Ctrl-C may end
        self._stage, self._since, self._compiled_before = words, perf_counter(), self.compiled
        self._total, self._done = total, 0
        if self._watched:
            self._bar = progress_bar(total, words)
        else:
            silent = perf_counter() - self._spoken
            if first:
                self._later(words, _PATIENCE, self._say_first, words, perf_counter(), process_time())
            else:
                self._later(words, min(_SOON, max(2 * _SOON - silent, 0.0)), self._say, words)
            self._again()
        before: int | None = None

        def update(count: int) -> None:
            nonlocal before
            if self._stage != words:
                return
            before = count if before is None else before
            self._done += count
            self.rate = (self._done - before) / max(self._seconds(), 1e-3)
            if self._bar is not None:
                self._bar.update(count)
            if then is not None and self._done == total:
                rate = self.rate
                self.begin(then, 0)
                self.rate = rate

        return update

    def _seconds(self) -> float:
        """Return the seconds of the stage so far, compiling left out."""
        return max(perf_counter() - self._since - (self.compiled - self._compiled_before), 0.0)

    def _end(self) -> None:
        with self._lock:
            if self._stage:
                self.spent[self._stage] += self._seconds()
                self._stage = ""
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _later(self, name: str, seconds: float, call: Callable[..., object], *arguments: object) -> None:
        """Call something unless the stage is over by then."""
        timer = threading.Timer(seconds, call, arguments)
        timer.daemon = True
        self._timers[name] = timer
        timer.start()

    def _say(self, words: str) -> None:
        with self._lock:
            if self._stage:  # else it has just ended
                click.echo(words, err=True)
                self._spoken = perf_counter()
                self._again()

    def _say_first(self, words: str, start: float, worked: float) -> None:
        """Say the first words, but not while a busy machine keeps a file from being refused."""
        with self._lock:
            if process_time() - worked >= _AT_WORK or perf_counter() - start >= _TOO_LONG:
                self._say(words)
            elif self._stage == words:
                self._later(words, 0.3, self._say_first, words, start, worked)

    def _again(self) -> None:
        """Let a line be said when nothing has been for a while."""
        waiting = self._timers.pop("", None)
        if waiting is not None:
            waiting.cancel()
        self._later("", max(self._spoken + _SILENCE - perf_counter(), 0.0), self._how_far)

    def _how_far(self) -> None:
        stage, total, done = self._stage, self._total, self._done
        if not stage:
            return
        seconds = self._seconds()
        words = f"{stage}: {_lasting(seconds)} so far"
        if self._depth:
            words = f"{COMPILING}: {_lasting(self.compiled + perf_counter() - self._begun)} so far"
        elif total and done:
            words = f"{stage}: {done} of {total}, {done / max(seconds, 1e-3):.3g} per second"
            words += f", about {_lasting(seconds * (total - done) / done)} left"
        self._say(words)

    def _still_compiling(self) -> None:
        with self._lock:
            self._timers.pop(COMPILING, None)
            if self._depth and not self._said:
                self._said = True
                self._say(COMPILING)

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
                    self._later(COMPILING, _SOON, self._still_compiling)
            elif change == -1 and self._depth == 0:
                seconds = perf_counter() - self._begun
                self.compiled += seconds
                if bar is not None and bar.desc.startswith(COMPILING):
                    bar.desc = self._words
                    bar.start_t += seconds
                    bar.last_print_t += seconds


def _lasting(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
