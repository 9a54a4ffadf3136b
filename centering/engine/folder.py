"""The hidden folder in which a run works: one run at a time, resumable, and complete when it shows its name."""

from __future__ import annotations

from collections.abc import Collection
from os import PathLike, fspath
from typing import Any

from centering.engine.journal import Journal
from centering.io import publishing
from centering.io.identity import ChangedError
from centering.io.output_folder import OutputFolder
from centering.io.publishing import Stage
from centering.sentence import Sentence

__all__ = ["RunFolder"]


class RunFolder(OutputFolder):
    """An `OutputFolder` with a `journal`, so that a run that was interrupted can be continued.

    It stays when the process is killed, and after an error if anything was finished.  Results appear when `publish` is
    called.

    Parameters
    ----------
    out, owned
        As for an `OutputFolder`.
    identity : dict
        What the run is, ready for JSON.  An interrupted run is only continued if it had the same.
    keep : collection of str
        Names of the results that an interrupted run has filled as far as its journal says; all others are made anew.
    resume : bool
        Whether an interrupted run is continued; without one a new run begins.
    overwrite : bool
        Whether ``out`` may exist, and an interrupted run is thrown away.

    Raises
    ------
    FileExistsError
        ``out`` exists, another process works in it, or it holds an interrupted run and neither ``resume`` nor
        ``overwrite`` says what to do with that.
    ValueError
        The interrupted run was another one: its input or its options have changed.
    """

    def __init__(
        self,
        out: str | PathLike[str],
        *,
        owned: Collection[str],
        identity: dict[str, Any],
        keep: Collection[str] = (),
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        super().__init__(out, owned=owned, overwrite=overwrite)
        self.identity, self.keep, self.resume = identity, keep, resume

    def __enter__(self) -> RunFolder:
        super().__enter__()
        return self

    @property
    def journal(self) -> Journal:
        """What is finished."""
        return Journal(self.path / publishing.JOURNAL)

    @property
    def finished(self) -> bool:
        """Whether all results are there."""
        return publishing.stage(self.path, self.out) != Stage.WORKING

    def _settle(self) -> None:
        """Continue what is there, throw it away, or refuse."""
        begun = self._worth_keeping()
        if begun and self.resume:
            changed = _difference(self.journal.identity() or {}, self.identity)
            if changed:
                raise ValueError(
                    Sentence(
                        "the interrupted run in {out!r} cannot be continued: {changed}; "
                        "start again with {overwrite:True}",
                        out=fspath(self.out.name),
                        changed=changed,
                    )
                )
            if not self.finished:
                self._go_on()
            return
        if begun and not self.overwrite:
            self.journal.identity()  # whose it is, or why it cannot be read, is said before what to do with it
            raise FileExistsError(self._interrupted())
        self._start()
        self.journal.start(self.identity)

    def _go_on(self) -> None:
        """Cut off what was not written to its end."""
        self.journal.cut()
        self.results.mkdir(exist_ok=True)
        for path in self.results.iterdir():
            if path.name not in self.keep:
                path.unlink()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # what was found in files that are others now is of no use
        keep = kind is not None and not issubclass(kind, ChangedError) and self._worth_keeping()
        self._leave(keep=keep)


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say in words what the first difference between two runs is, nothing where they are the same."""
    old, new = before.get("files", {}), now["files"]
    for path in [*old, *new]:
        if old.get(path) != new.get(path):
            return f"{path!r} has changed since" if path in old and path in new else f"{path!r} is not in both runs"
    for name in [*before, *now]:
        if before.get(name) != now.get(name):
            return f"its {name} was {before.get(name)!r} and is now {now.get(name)!r}"
    return ""
