"""Put the report together; everything that comes from a file is escaped here."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from html import escape
from importlib import resources
from os import PathLike, fspath
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from centering.engine.job import Job
from centering.io.atomic import replacing
from centering.report import particles, stack
from centering.report.learned import learned
from centering.report.words import FLAGS, found_in, readable, stated, told, verdict, warnings
from centering.results import Centers, Flag
from centering.runs.evidence import Evidence, gather
from centering.runs.outputs import summarize
from centering.runs.verdict import Verdict, decide
from centering.sentence import Namer

__all__ = ["write_report"]


def write_report(
    folder: str | PathLike[str],
    job: Job,
    centers: Centers,
    evidence: Evidence | None = None,
    *,
    command: Sequence[str] = (),
    notes: Sequence[str] = (),
    namer: Namer | None = None,
) -> None:
    """Write ``report.html`` and its figures, as PNG and SVG, into ``folder``; equal runs give equal bytes.

    Parameters
    ----------
    folder, job, centers
        As in `centering.runs.outputs.write_outputs`.
    evidence : Evidence, optional
        What the images say about the centres; gathered here without it.
    command : sequence of str
        The command line that gives this result.
    notes : sequence of str
        Further sentences for the section on how the result was made.
    namer : callable, optional
        How the reader calls arguments, see `centering.sentence`; as the library does without it.
    """
    target = Path(folder)
    evidence = gather(job, centers) if evidence is None else evidence
    summary = summarize(job, centers, evidence)
    seen = np.flatnonzero(~centers.has(Flag.NONFINITE | Flag.UNREADABLE))
    sections: dict[str, tuple[str, str]] = {}
    if len(seen):
        before, after, count = stack.means(job, centers, seen)
        sections = {
            "particles": ("Before and after", particles.montage(job, centers, seen)),
            "shifts": ("Shifts", stack.shifts(job, centers, seen)),
            "mean": ("Mean image", stack.mean(target, job, before, after, count, evidence)),
            "doubtful": ("Most doubtful", particles.doubtful(job, centers, seen)),
        }
    sections = {"summary": ("Summary", _summary(summary, job, decide(job, evidence), namer)), **sections}
    if job.references:
        sections["learned"] = ("What was learned", learned(target, job, centers))
    sections["flags"] = ("Flags", _flags(summary))
    remarks = (*summary["notes"], *notes)
    sections["how"] = ("How it was made", _how(summary, command, [told(one, namer) for one in remarks]))
    template = Template(resources.files(__package__).joinpath("template.html").read_text(encoding="utf-8"))
    page = template.substitute(
        name=escape(readable(job.particles.source.name)),
        estimator=escape(job.title or summary["estimator"]),
        links="".join(f'<li><a href="#{key}">{title}</a></li>' for key, (title, _) in sections.items()),
        sections="\n".join(
            f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>\n{body}</section>'
            for key, (title, body) in sections.items()
        ),
        program=escape(summary["program"]),
    )
    with replacing(target / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")


def _summary(summary: dict[str, Any], job: Job, judged: Verdict, namer: Namer | None) -> str:
    shift, angstrom = summary["shift_px"], summary["shift_A"]
    facts = {
        "particles": f"{summary['images']:,}",
        "box": f"{summary['image_size_px']} px",
        "pixel size": ", ".join(f"{size:.4g} Å" for size in summary["pixel_size_A"] or []) or "not known",
    }
    if summary["radius_px"]:
        facts["radius"] = ", ".join(f"{radius} px" for radius in summary["radius_px"])
    if shift:
        facts["median shift"] = f"{shift['median']:.2f} px" + (f" · {angstrom['median']:.1f} Å" if angstrom else "")
        facts["95 % within"] = f"{shift['p95']:.1f} px"
    facts["flagged"] = f"{summary['flagged']:,} ({100 * summary['flagged_fraction']:.1f} %)"
    rows = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())
    found = warnings(summary, job, namer)
    box = ""
    if found:
        items = "".join(f"<li>{escape(readable(one))}</li>" for one in found)
        box = f'<div class="warnings" role="note"><h3>Worth a look</h3><ul>{items}</ul></div>'
    contrast = summary["contrast"]
    first = escape(readable(verdict(judged, namer)))
    kind = "good" if judged.good else "bad"
    backed = not any(reference.warnings for reference in job.references)
    told_first = f'<p class="verdict {kind}">{first}</p><p>{escape(found_in(summary, backed=backed))}</p>'
    return (
        f'{told_first}{box}<dl class="facts">{rows}</dl>'
        f'<p class="soft" style="margin-top:.9rem">{escape(contrast[0].upper() + contrast[1:])}.</p>'
    )


def _flags(summary: dict[str, Any]) -> str:
    counts = summary["flags"]
    if not counts:
        return "<p>No centre carries a flag.</p>"
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td class="number">{counts[name]:,}</td>'
        f'<td class="number">{100 * counts[name] / summary["images"]:.1f} %</td><td>{FLAGS[flag]}</td></tr>'
        for flag in FLAGS
        if (name := (flag.name or "").lower()) in counts
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table of flags"><table><thead><tr>'
        '<th scope="col">flag</th><th scope="col">particles</th><th scope="col">share</th><th scope="col">meaning</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="soft" style="margin-top:.8rem">The flags of every particle are in <code>centers.csv</code>.</p>'
    )


def _how(summary: dict[str, Any], command: Sequence[str], notes: Sequence[str]) -> str:
    import shlex

    import scipy

    line = f"<pre>{escape(readable(shlex.join(command)))}</pre>" if command else ""
    versions = {
        "program": summary["program"],
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "input": fspath(summary["input"]),
        "pixel size": summary["pixel_size_source"],
        **({"every pixel size stated": stated(summary)} if summary["pixel_size_stated_A"] else {}),
        "estimator": summary["estimator"],
    }
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(readable(value))}</td></tr>'
        for name, value in versions.items()
    )
    remarks = "".join(f"<li>{escape(readable(note))}</li>" for note in notes)
    return (
        f'{line}<div class="scroll" tabindex="0" role="region" aria-label="Versions and input"><table><tbody>{rows}'
        f"</tbody></table></div>{f'<ul>{remarks}</ul>' if remarks else ''}"
    )
