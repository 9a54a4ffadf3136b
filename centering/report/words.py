"""What a run found, in words: the verdict, the warnings, what the flags mean."""

from __future__ import annotations

from typing import Any

from centering.engine.job import Job
from centering.results import Flag
from centering.runs.verdict import Verdict
from centering.sentence import Namer, Sentence, retold

__all__ = ["FLAGS", "found_in", "readable", "stated", "told", "verdict", "warnings"]

FLAGS = {
    Flag.BORDER: "the centre lies on the border of the search; the true one may lie beyond",
    Flag.FLAT: "the image or its landscape is constant; no candidate is better than another",
    Flag.NONFINITE: "the image has NaN or infinite pixels and was left where it is",
    Flag.AMBIGUOUS: "another place, a quarter of the radius or more away, is at least a quarter as probable, "
    "or the landscape has several equal minima",
    Flag.NEIGHBOUR: "a second particle, farther away than the radius, explains much of the image",
    Flag.UNREADABLE: "the image is not in its file, which is truncated",
    Flag.OUTLIER: "the image is unlike the particles that were learned: no particle, or another one",
    Flag.ELONGATED: "more than 1.5 times as long as wide; the centre may lie between two bodies that touch",
    Flag.LOPSIDED: "the mass about the centre goes on to one side; the radius may be wrong, or a neighbour touches",
    Flag.UNLEARNED: "nothing was learned that could back the centre: fewer than 100 images, or only noise",
}

_MANY = 0.25


def told(words: Any, namer: Namer | None) -> str:
    """Return a sentence as ``namer`` tells it, or as it is: it names arguments of the library."""
    return str(words if namer is None else retold(words, namer))


def readable(text: str) -> str:
    """Return a name that can be written as UTF-8, whatever bytes it has on disk."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def stated(summary: dict[str, Any]) -> str:
    """Return what every source says of the pixel size."""
    return "; ".join(
        f"{name}: {', '.join(f'{size:.6g}' for size in sizes[:8])} Å" + (" ..." if len(sizes) > 8 else "")
        for name, sizes in summary["pixel_size_stated_A"].items()
    )


def verdict(judged: Verdict, namer: Namer | None = None) -> str:
    """Return the first line of the report: the verdict and its reason."""
    reason = told(judged.reason, namer)
    return f"{judged.word[:1].upper()}{judged.word[1:]}: {reason}."


def found_in(summary: dict[str, Any], *, backed: bool = True) -> str:
    """Return two or three sentences on what was found, from the summary of `centering.runs.outputs.summarize`.

    ``backed``: whether anything was learned that backs the centres, where an estimator learns.
    """
    pixels, angstrom = summary["shift_px"], summary["shift_A"]
    if pixels is None:
        return "No image could be looked at."
    median = f"{pixels['median']:.1f} px" + (f" ({angstrom['median']:.1f} Å)" if angstrom else "")
    sentences = [
        f"Half of the {summary['images']:,} centres found lie more than {median} from the middle of the box, "
        f"and 95 % of them within {pixels['p95']:.1f} px."
    ]
    if origins := summary["origins"]:
        sentences.append(
            f"The file stated centres {origins['stated_median_px']:.2f} px from the middle; those found are "
            f"{origins['apart_median_px']:.2f} px from the stated ones (medians)"
            + (f", and {origins['kept']:,} stated ones were kept." if origins["kept_within_px"] is not None else ".")
        )
    share = summary["flagged_fraction"]
    flagged = f"{100 * share:.1f} % of the centres carry a flag" if share else "No centre carries a flag"
    # a centre without a flag may be wrong all the same
    sentences.append(f"{flagged}." if summary["learned"] else f"{flagged}; the estimator states no uncertainty.")
    if not backed:
        sentences.append("Nothing was learned that could back them.")
    return " ".join(sentences)


def warnings(summary: dict[str, Any], job: Job, namer: Namer | None = None) -> list[str]:
    """Return what a careful user should look at, a sentence each; ``namer`` calls the arguments by their names."""
    found = [f"{words[:1].upper()}{words[1:]}." for words in (told(one, namer) for one in summary["warnings"])]
    flags, count = summary["flags"], summary["images"]
    if not job.contrast.clear:
        words = "The contrast is {contrast}. Look at the pictures, and give {invert:yes} or {invert:no}."
        found.append(told(Sentence(words, contrast=job.contrast), namer))
    if flags.get("border", 0) > _MANY * count:
        words = "{count} centres lie on the border of the search. A smaller {radius}, a larger {max_shift} or a larger "
        found.append(told(Sentence(words + "box widens it.", count=f"{flags['border']:,}"), namer))
    if flags.get("nonfinite", 0):
        found.append(f"{flags['nonfinite']:,} images have NaN or infinite pixels and were left where they are.")
    if flags.get("unreadable", 0):
        found.append(f"{flags['unreadable']:,} images are not in their files, which are truncated.")
    if summary["pixel_size_A"] is None:
        found.append(told(Sentence("The pixel size is not known; lengths are in pixels. Give {pixel_size}."), namer))
    return found
