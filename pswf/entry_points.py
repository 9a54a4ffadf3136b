"""What other distributions offer by the entry points of a group: names are read without loading anything."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib.metadata import EntryPoint, distributions
from typing import Any

__all__ = ["load", "offered"]


def offered(group: str) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by their own names, of the first one of each distribution along the path.

    A distribution whose entry points cannot be read is left out: it must not stop the others.
    """
    points: dict[str, list[EntryPoint]] = defaultdict(list)
    seen: set[str] = set()
    for distribution in distributions():
        try:
            own = list(distribution.entry_points.select(group=group))
            name = re.sub(r"[-_.]+", "-", distribution.name or "").lower() if own else ""
        except Exception:
            continue
        if own and name not in seen:
            seen.add(name)
            for point in own:
                points[point.name].append(point)
    return dict(points)


def load(point: EntryPoint, what: str) -> Any:
    """Return the object that an entry point leads to; ValueError, which begins with ``what``, where there is none."""
    try:
        return point.load()
    except Exception as error:
        raise ValueError(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
