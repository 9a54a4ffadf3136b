"""Can the centres of a run be used?  One of three words, the reason, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from centering.engine.job import Job
from centering.runs.evidence import SIGNAL, Evidence
from centering.sentence import Sentence

__all__ = ["BAD", "DOUBTFUL", "GOOD", "Verdict", "decide"]

GOOD, DOUBTFUL, BAD = "good", "doubtful", "not to be used"

# measured on drawn stacks by benchmarks.verdict
_GAIN, _CERTAIN = 1.15, 2.0  # of good centres, at least
_SMALL, _SMALLISH, _LARGE = 1.6, 1.4, 0.25  # extent of the mean particle over the radius
_BORDER, _MOST = 0.25, 0.5  # parts of the centres on the border of the search
_UNCERTAIN = 0.75  # what noise does to the centres, over their shifts
_FEW = 30  # images that say little about a mean
_WIDER = 1.5  # radius of a particle over the distance at which its mean has fallen to a quarter: 1.0 to 2.0


@dataclass(frozen=True)
class Verdict:
    """What becomes of a run.

    Attributes
    ----------
    word : str
        `GOOD`, `DOUBTFUL` or `BAD`.
    reason : str
        Why, and what to do about it: without a capital and a full stop.
    """

    word: str
    reason: str

    @property
    def good(self) -> bool:
        """Whether nothing speaks against the centres."""
        return self.word == GOOD

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


def decide(job: Job, evidence: Evidence) -> Verdict:
    """Return the verdict on a run: the first reason against its centres, the worst ones first."""
    for word, reasons in ((BAD, _against(job, evidence)), (DOUBTFUL, _doubts(job, evidence))):
        for reason in reasons:
            return Verdict(word, reason)
    before = _stated(evidence)
    if evidence.appeared:
        return Verdict(GOOD, f"the mean image shows a particle about the centres found, and none about {before}")
    words = f"about the centres found the mean particle is {evidence.gain:.2g} times as sharp as about {before}"
    return Verdict(GOOD, f"{words}; noise moves half of them by {evidence.noise_px:.1f} px or more")


def _against(job: Job, evidence: Evidence) -> Iterator[str]:
    """Yield what makes the centres useless."""
    if not evidence.images:
        yield "no image could be looked at"
        return
    ratio = _ratio(job, evidence)
    lost = evidence.gain_certainty < -_CERTAIN
    if ratio > _SMALL:
        yield _size(job, evidence, "much smaller than")
    if ratio < _LARGE and (lost or evidence.border > _BORDER):
        yield _size(job, evidence, "much larger than")
    if evidence.flagged == 1.0:
        yield from (words for reference in job.references for words in reference.warnings)
    if evidence.bright == 0 and (lost or not _better(evidence)):
        opposite = Sentence("{invert:no}") if job.contrast.invert else Sentence("{invert:yes}")
        words = "the particles are dark where bright ones were looked for; run again with {opposite}"
        yield Sentence(words, opposite=opposite)
    if evidence.found_signal <= SIGNAL and evidence.stated_signal <= SIGNAL and evidence.images >= _FEW:
        yield (
            "the images have nothing in common about their centres, as if they were noise; check the file, "
            "the diameter and the contrast"
        )
    if lost:
        words = "the mean particle was sharper about {before}: the centres found are worse than to do nothing"
        yield Sentence(words, before=_stated(evidence))
    if evidence.border > _MOST or (evidence.appeared and evidence.border > _BORDER):
        yield _on_border(evidence)


def _doubts(job: Job, evidence: Evidence) -> Iterator[str]:
    """Yield what makes the centres doubtful."""
    few = evidence.images < _FEW
    yield from (words for reference in job.references for words in reference.warnings)
    if math.isnan(evidence.found_signal):
        yield "the estimator failed when it was asked again, so that nothing is known about its centres"
    if few and not _better(evidence):
        words = "{images} too few to tell whether the centres are right; look at every one of them"
        if evidence.stated_centers:
            words = "{images} too few to tell whether the centres are better than those that the file states"
        yield Sentence(words, images="1 image is" if evidence.images == 1 else f"{evidence.images} images are")
    if evidence.appeared and not few:
        yield f"the mean of the images shows nothing about {_stated(evidence)}; look whether they are particles"
    if evidence.border > _BORDER:
        yield _on_border(evidence)
    ratio = _ratio(job, evidence)
    if ratio > _SMALLISH:
        yield _size(job, evidence, "smaller than")
    if ratio < _LARGE:
        yield _size(job, evidence, "much larger than")
    if not _better(evidence):
        words = "the mean particle is hardly sharper about the centres found than about {before}"
        gain = f" (factor {evidence.gain:.2f})" if math.isfinite(evidence.gain) else ""
        yield Sentence(words + "{gain}; they may be no better", before=_stated(evidence), gain=gain)
    if evidence.noise_px > _UNCERTAIN * evidence.shift_px:
        yield (
            f"noise moves half of the centres by {evidence.noise_px:.1f} px or more, and their median shift is "
            f"{evidence.shift_px:.1f} px; they may be no better than to do nothing"
        )


def _better(evidence: Evidence) -> bool:
    return (evidence.appeared or evidence.gain >= _GAIN) and evidence.gain_certainty >= _CERTAIN


def _stated(evidence: Evidence) -> str:
    return "the centres that the file states" if evidence.stated_centers else "the middle of the box"


def _on_border(evidence: Evidence) -> str:
    words = "{share:.0f} % of the centres lie on the border of the search, the true ones beyond it; "
    more = "a smaller {radius}, a larger {max_shift} or a larger box widens it, if these are particles at all"
    return Sentence(words + more, share=100 * evidence.border)


def _ratio(job: Job, evidence: Evidence) -> float:
    """Return the extent of the mean particle over the radius that was taken; NaN where either is not known."""
    return math.nan if job.radius is None else evidence.extent_px / float(np.median(job.radius))


def _size(job: Job, evidence: Evidence, than: str) -> str:
    """Return what is wrong with the radius, or the diameter where lengths are known, and about what would be right."""
    assert job.radius is not None
    pixel_size = job.particles.typical_pixel_size
    taken, better = float(np.median(job.radius)), _WIDER * evidence.extent_px
    if pixel_size is None:
        words = "the radius of {taken:.0f} px is {than} that of the particle, about {better:.0f} px; "
        return Sentence(words + "run again with about that ({radius})", taken=taken, than=than, better=max(better, 1.0))
    words = "the diameter of {taken:.3g} A is {than} the particle, about {better:g} A across; "
    across = float(f"{2 * pixel_size * better:.2g}")
    again = "run again with about that ({diameter})"
    return Sentence(words + again, taken=2 * pixel_size * taken, than=than, better=across)
