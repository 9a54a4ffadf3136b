"""What a run found, in a few lines on standard output, and what is to be looked at, on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centering.cli._common import option, printable, say, tell
from centering.cli._stages import COMPILING, Stages
from centering.sentence import Sentence, retold

if TYPE_CHECKING:
    from centering.engine.job import Job
    from centering.results import Centers

__all__ = ["report"]

_NAMED = 10  # images with non-finite pixels that are named on the terminal; summary.json names them all

_MANY = 0.25  # fraction of centres on the border of the search from which on the user is told


def report(job: Job, centers: Centers, out: str, seconds: float, stages: Stages) -> None:
    """Print the closing summary of a run; the rate is that of the stage "centering", without compiling."""
    from pathlib import Path

    from centering.runs.outputs import OUTPUTS, recorded, summarize
    from centering.runs.verdict import decide

    summary = summarize(job, centers)
    evidence = recorded(Path(out))
    judged = None if evidence is None else decide(job, evidence)
    count, size = summary["images"], summary["image_size_px"]
    sizes = summary["pixel_size_A"]
    pixel = ", ".join(f"{one:.4g}" for one in sizes or []) + " A" if sizes else ""
    lines = {
        "verdict": "none" if judged is None else f"{judged.word}: {retold(judged.reason, option)}",
        "particles": f"{count} of {size} x {size} px",
        "pixel size": f"{pixel} ({summary['pixel_size_source']})" if pixel else summary["pixel_size_source"],
        "contrast": summary["contrast"],
        "estimator": _estimator_words(job, summary),
        "shift": _shift_words(summary),
        **({"origins": _origin_words(summary)} if summary["origins"] else {}),
        "flagged": _flag_words(summary),
        "time": _time_words(seconds, stages),
        "written": f"{Path(out)}/ ({', '.join(sorted(name for name in OUTPUTS if Path(out, name).exists()))})",
    }
    for name, words in lines.items():
        say(f"{name:<11}{printable(words)}")
    if judged is not None and not judged.good and judged.reason not in job.warnings:  # those have been said
        tell("warning", Sentence("the centres are {word}: {reason}", word=judged.word, reason=judged.reason))
    border = summary["flags"].get("border", 0)
    if border > _MANY * count and (judged is None or "border" not in judged.reason):  # that has been said
        widen = "a smaller radius, a larger --max-shift or a larger box widens it"
        tell("warning", f"{border} centres lie on the border of the search; {widen}")
    for kind, words in (
        ("nonfinite_images", "NaN or infinite pixels, left where they are"),
        ("missing_images", "not in the files, which are truncated"),
    ):
        unseen = summary[kind]
        if unseen:
            names = ", ".join(unseen[:_NAMED]) + (f" and {len(unseen) - _NAMED} more" if len(unseen) > _NAMED else "")
            tell("warning", f"{words}: {names}")


def _time_words(seconds: float, stages: Stages) -> str:
    """Return the time and its parts, which add up to it as they are printed."""
    named = {COMPILING: stages.compiled, **stages.spent}
    tenths = {name: round(10 * part) for name, part in named.items()}
    # nothing was left to do where a run is resumed that was finished
    rates = {"centering": f" ({stages.rate:.0f} particles per second)"} if stages.rate > 0 else {}
    parts = [f"{part / 10:.1f} s {name}{rates.get(name, '')}" for name, part in tenths.items() if part or name in rates]
    rest = max(round(10 * seconds) - sum(tenths.values()), 0)
    parts += [f"{rest / 10:.1f} s starting"] if rest else []
    return f"{(sum(tenths.values()) + rest) / 10:.1f} s: {', '.join(parts)}"


def _estimator_words(job: Job, summary: dict[str, Any]) -> str:
    radius = ", ".join(f"{one} px" for one in summary["radius_px"] or [])
    return (job.title or str(summary["estimator"])) + (f", radius={radius}" if radius else "")


def _shift_words(summary: dict[str, Any]) -> str:
    pixels, angstrom = summary["shift_px"], summary["shift_A"]
    if pixels is None:
        return "none: no image could be looked at"
    words = f"median {pixels['median']:.2f} px"
    if angstrom is not None:
        words += f" ({angstrom['median']:.2f} A)"
    return f"{words}, 95 % within {pixels['p95']:.2f} px, largest {pixels['max']:.2f} px"


def _origin_words(summary: dict[str, Any]) -> str:
    found = summary["origins"]
    words = f"stated {found['stated_median_px']:.2f} px, found {found['found_median_px']:.2f} px"
    kept = f"; {found['kept']} kept" if found["kept_within_px"] is not None else ""
    return f"{words}, {found['apart_median_px']:.2f} px apart (medians){kept}"


def _flag_words(summary: dict[str, Any]) -> str:
    kinds = ", ".join(f"{count} {name}" for name, count in summary["flags"].items())
    share = f"{summary['flagged']} of {summary['images']} ({100 * summary['flagged_fraction']:.1f} %)"
    return f"{share}: {kinds}" if kinds else share
