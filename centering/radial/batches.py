"""Where images to learn from come from: an array, a list of batches, or a function that gives them anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import numpy as np
import numpy.typing as npt

from centering.ctf import CTF
from centering.radial.posterior import Observation
from centering.radial.tuning import TUNING
from centering.stack import Images, check_stack

__all__ = ["Batch", "Source", "batches", "check_ctf", "kept", "length", "take"]

Batch = tuple[Images, CTF | None]
Source = Callable[[], Iterable[Any]] | Iterable[Any] | npt.ArrayLike


def batches(source: Source, ctf: CTF | None) -> Callable[[], Iterator[Batch]]:
    """Return a function that gives the finite images in blocks, with their transfer functions, anew at every call.

    Parameters
    ----------
    source : array_like (B, n, n), iterable of batches, or callable
        A batch is an array (b, n, n), or a pair of it and its `CTF`.  A callable returns an iterable of batches at
        every call; an iterable must be one that can be gone through again.
    ctf : CTF, optional
        Of the images of an array, in their order, or one for all images.

    Raises
    ------
    TypeError
        An iterator, which can be gone through only once.
    """
    if callable(source):
        produce = source
    elif hasattr(source, "__next__"):
        raise TypeError(
            f"the images come from an iterator ({type(source).__name__}), which can be read only once; "
            "give a function that returns a new one at every call"
        )
    elif _is_stack(source):
        array: Any = source if hasattr(source, "ndim") else np.asarray(source)
        if ctf is not None:
            check_ctf(ctf, len(array) if array.ndim == 3 else 1)

        def produce() -> Iterable[Any]:
            return [array]
    else:

        def produce() -> Iterable[Any]:
            return source  # type: ignore[return-value]

    def generate() -> Iterator[Batch]:
        first = 0
        for batch in produce():
            images, own = batch if isinstance(batch, tuple) else (batch, None)
            if not hasattr(images, "ndim"):
                images = np.asarray(images)
            count = len(images) if images.ndim == 3 else 1
            if own is not None:
                check_ctf(own, count)
            step = TUNING.block_images if images.ndim == 3 else count
            for start in range(0, max(count, 1), step):
                # memory-mapped stacks are read block by block
                stack, finite = check_stack(images[start : start + step] if images.ndim == 3 else images)
                rows = slice(start, start + step)
                part = own[rows] if own is not None else None
                if part is None and ctf is not None:
                    part = ctf[slice(first + rows.start, first + rows.stop)]
                    check_ctf(part, len(stack))
                if not finite.all():
                    part = part[finite] if part is not None else None
                    stack = stack[finite]
                if len(stack):
                    yield stack, part
            first += count

    return generate


def length(source: Source) -> int | None:
    """Return the number of images where ``source`` says it: an array, or a callable that has a length."""
    if isinstance(source, Sized) and (callable(source) or hasattr(source, "ndim")):
        return len(source)
    return None


def check_ctf(ctf: CTF, count: int) -> None:
    """Raise ValueError unless there is one transfer function per image, or one for all."""
    if len(ctf) not in (1, count):
        raise ValueError(f"there are {len(ctf)} transfer functions for {count} images; give one per image, or one")


def take(generate: Callable[[], Iterator[Batch]], count: int) -> list[Batch]:
    """Return the first blocks, up to ``count`` images or ``sample_bytes`` of `Tuning`."""
    taken: list[Batch] = []
    left, room = count, TUNING.sample_bytes
    for stack, ctf in generate():
        taken.append((stack[:left], None if ctf is None else ctf[:left]))
        left -= len(taken[-1][0])
        room -= stack.nbytes
        if left <= 0 or room <= 0:
            break
    if not taken:
        raise ValueError("no image can be learned from: all have NaN or infinite pixels")
    return taken


def kept(generate: Callable[[], Iterator[Observation]]) -> Callable[[], Iterable[Observation]]:
    """Return ``generate``, or what it generated if that does not take too much memory."""
    store: list[Observation] = []
    size = 0
    complete: bool | None = None

    def again() -> Iterable[Observation]:
        nonlocal size, complete
        if complete:
            yield from store
            return
        first = complete is None
        for observation in generate():
            if first and size <= TUNING.kept_bytes:
                store.append(observation)
                size += observation.coefficients.nbytes
            yield observation
        if first:
            complete = size <= TUNING.kept_bytes
            if not complete:
                store.clear()

    return again


def _is_stack(source: Any) -> bool:
    """Return whether ``source`` holds the images themselves: an array, or a list of rows or of single images."""
    if hasattr(source, "ndim") or hasattr(source, "__array__") or np.isscalar(source):
        return True
    if not isinstance(source, (list, tuple)):
        return False
    return not source or (not isinstance(source[0], tuple) and np.ndim(source[0]) < 3)
