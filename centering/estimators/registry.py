"""The estimators by name: those of this package, and those that other distributions offer.

Another distribution offers one by an entry point of the group ``centering.estimators``, which leads to an
`EstimatorSpec`; see docs/extending.md.  Names are read without loading anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

from centering.estimators.spec import EstimatorSpec
from centering.sentence import Sentence, argument
from pswf.entry_points import load, offered

__all__ = [
    "BUILT_IN",
    "GROUP",
    "accepted",
    "check_given",
    "estimator_names",
    "find",
    "made",
    "make_estimator",
    "usable",
]

GROUP = "centering.estimators"

BUILT_IN = {
    "surrogate": "centering.estimators.surrogate:ESTIMATOR",
    "racer": "centering.estimators.surrogate:RACER",
    "radial-reference": "centering.estimators.radial_reference:ESTIMATOR",
    "mass": "centering.estimators.mass:ESTIMATOR",
    "median": "centering.estimators.median:ESTIMATOR",
    "phase": "centering.estimators.phase:ESTIMATOR",
    "self-convolution": "centering.estimators.self_convolution:ESTIMATOR",
    "alignment": "centering.estimators.reference_free:ESTIMATOR",
}
"""Where the estimators of this package are defined, by name."""


def estimator_names() -> tuple[str, ...]:
    """Return the names of all estimators: first those of this package, then those of others."""
    return (*BUILT_IN, *sorted(offered(GROUP).keys() - BUILT_IN.keys()))


def find(name: str) -> EstimatorSpec:
    """Return what is known of the estimator called ``name``.

    Raises
    ------
    ValueError
        No such name, one that two distributions offer, or an entry point that cannot be loaded.
    """
    points = offered(GROUP).get(name, [])
    if not points and name not in BUILT_IN:
        raise ValueError(f"there is no estimator {name!r}; choose one of {', '.join(estimator_names())}")
    sources = [*(["pswf-centering itself"] if name in BUILT_IN else []), *sorted(map(_source, points))]
    if len(sources) > 1:
        raise ValueError(f"the estimator {name!r} is offered by {' and by '.join(sources)}; uninstall all but one")
    if not points:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: EstimatorSpec = getattr(import_module(module), attribute)
        return found
    spec = load(points[0], f"the estimator {name!r} of {sources[0]}")
    if not isinstance(spec, EstimatorSpec):
        raise ValueError(
            f"the estimator {name!r} of {sources[0]} is a {type(spec).__name__}; its entry point must name an "
            "EstimatorSpec"
        )
    return replace(spec, name=name, source=sources[0])


def usable(names: Iterable[str]) -> tuple[list[EstimatorSpec], list[str]]:
    """Return the specs of those estimators that can be found, and a sentence on each of the others."""
    found, broken = [], []
    for name in names:
        try:
            found.append(find(name))
        except ValueError as error:  # noqa: PERF203
            broken.append(str(error))
    return found, broken


def accepted(spec: EstimatorSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given; None, or False where there is no such option: not given.

    Raises
    ------
    ValueError
        The estimator does not have one of them.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in [name for name in given if not spec.accepts(name)]:
        if given.pop(name) is False:
            continue
        having = [one.name for one in usable(estimator_names())[0] if one.accepts(name)]
        if not having:
            raise ValueError(f"no estimator has an option {name!r}; {spec.name} has {spec.option_names}")
        raise ValueError(
            Sentence(
                "{option} is an option of the estimator{s} {having}; {name} has none",
                option=argument(name),
                s="s" * (len(having) > 1),
                having=_listed(having),
                name=spec.name,
            )
        )
    return given


def check_given(spec: EstimatorSpec, radius: float | str | None) -> None:
    """Raise ValueError for a radius that is missing, or "auto" where it is not chosen from the images."""
    if radius is None and spec.needs_radius:
        raise ValueError(
            Sentence(
                "the {title} needs the size of the particle: give {diameter} (Angstrom) or {radius} (pixels{auto})",
                title=spec.title,
                auto=", or auto" if spec.auto_radius else "",
            )
        )
    if not isinstance(radius, str) or (radius == "auto" and spec.auto_radius):
        return
    if radius != "auto":
        raise ValueError(f"radius is {radius!r}; give a number of pixels, or auto")
    having = [one.name for one in usable(estimator_names())[0] if one.auto_radius]
    raise ValueError(
        Sentence(
            "{radius:auto} is for the estimator{s} {having}, which learn{es} the radius with the profile; "
            "the estimator {name} takes a number",
            s="s" * (len(having) > 1),
            es="s" * (len(having) == 1),
            having=_listed(having),
            name=spec.name,
        )
    )


def make_estimator(name: str, radius: int | str | None, **options: Any) -> Any:
    """Return the estimator called ``name``, or the learner of one, for particles of ``radius`` pixels.

    Parameters
    ----------
    name : str
        One of `estimator_names`.
    radius : int, "auto" or None
        See `EstimatorSpec`.
    **options
        Those of its `EstimatorSpec`; None: not given.

    Raises
    ------
    ValueError
        An unknown name, a missing radius, or an option that this estimator does not have.
    """
    spec = find(name)
    given = accepted(spec, options)
    check_given(spec, radius)
    return made(spec, radius, given)


def made(spec: EstimatorSpec, radius: float | str | None, options: Mapping[str, Any]) -> Any:
    """Return the estimator, or the learner, of these options; raise ValueError where it is none."""
    try:
        result = spec.make(radius, **options)
    except (TypeError, ValueError, OSError, MemoryError):
        raise
    except Exception as error:
        if not spec.source:
            raise
        raise ValueError(
            f"the estimator {spec.name!r} of {spec.source} cannot be made: {type(error).__name__}: {error}"
        ) from error
    for name in ("fit", "learn_from", "seed", "correction", "needs_ctf") if spec.learns else ("__call__",):
        if not hasattr(result, name):
            raise ValueError(
                f"the estimator {spec.name!r} of {spec.source} has no {name}; see centering.estimators.base"
            )
    return result


def _listed(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _source(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
