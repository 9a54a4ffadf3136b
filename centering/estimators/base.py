"""What an estimator is, and what one that learns is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy.typing as npt

from centering.results import Centers, Surface

if TYPE_CHECKING:
    from centering.ctf import CTF
    from centering.plot import Drawing
    from centering.progress import Progress
    from centering.radial.batches import Source

__all__ = ["LEARN_FROM", "Estimator", "Fitted", "Learner", "make_ready", "surface"]

LEARN_FROM = 2000
"""Images that a reference is learned from, unless told: more of them hardly change it."""


@runtime_checkable
class Estimator(Protocol):
    """A callable that finds the centre of every image of a stack.

    Laws, tested for every estimator: the displacement follows a translation and a rotation of the image
    by 90 degrees, and does not change when the pixels are multiplied by a positive number.  An estimator that has no
    model of its own uncertainty returns no covariance, and its docstring says so.

    One whose images need each other says ``together = True``, and is then called with all of them at once.  It may also
    have a method ``surface(image, *, ctf=None) -> Surface | None``: the landscape of one image (n, n), for
    the report; and a method ``make_ready(size)``, which builds tables and compiles kernels for images of that size.
    """

    def __call__(self, images: npt.ArrayLike) -> Centers:
        """Estimate the centres of ``images``, shape (B, n, n) or (n, n)."""
        ...


class Fitted(Estimator, Protocol):
    """An estimator that was learned: it judges every image on its own."""

    @property
    def radius(self) -> int | None:
        """Radius of the particle in pixels, None where it has none."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """Why its centres are doubtful, sentences without capitals and full stops."""
        ...

    def __call__(self, images: npt.ArrayLike, *, ctf: CTF | None = None) -> Centers:
        """Estimate the centres; ``ctf`` is only given where the `Learner` has a ``correction``."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return what was learned, ready for JSON."""
        ...

    def sentences(self) -> Sequence[str]:
        """Return sentences, without capitals and full stops, on what was learned."""
        ...

    def drawings(self, others: Sequence[Any] = ()) -> Sequence[Drawing]:
        """Return figures of what was learned, together with ``others`` that the same `Learner` has learned.

        The first one is also written as ``reference.png`` and ``reference.svg``.
        """
        ...


class Learner(Protocol):
    """What learns an estimator from images.

    Attributes
    ----------
    learn_from : int or None
        A run learns from so many images, drawn at random; None: from all.
    seed : int
        Seed of that draw.
    correction : str
        What is done about contrast transfer functions, in words: "phases flipped".  "": it takes none.
    needs_ctf : str
        The argument that asks for transfer functions; "" where it does without.
    """

    @property
    def learn_from(self) -> int | None: ...  # noqa: D102

    @property
    def seed(self) -> int: ...  # noqa: D102

    @property
    def correction(self) -> str: ...  # noqa: D102

    @property
    def needs_ctf(self) -> str: ...  # noqa: D102

    def fit(self, images: Source, *, ctf: CTF | None = None, progress: Progress | None = None) -> Fitted:
        """Learn from images.

        Parameters
        ----------
        images : array_like (B, n, n), or callable
            The images, or a function that returns an iterable of pairs at every call: images (b, n, n) and their `CTF`
            or None.
        ctf : CTF, optional
            Of the images of an array.
        progress : callable, optional
            ``progress(message, total) -> advance(n)``; see `centering.progress.Progress`.
        """
        ...


def surface(estimator: Estimator, image: npt.ArrayLike, ctf: CTF | None = None) -> Surface | None:
    """Return the landscape of one image (n, n), None where the estimator has none or cannot use the image."""
    show = getattr(estimator, "surface", None)
    if show is None:
        return None
    found: Surface | None = show(image) if ctf is None else show(image, ctf=ctf)
    return found


def make_ready(estimator: Estimator, size: int) -> None:
    """Let an estimator compile its kernels and build its tables for images of ``size`` x ``size`` pixels."""
    ready = getattr(estimator, "make_ready", None)
    if ready is not None:
        ready(size)
