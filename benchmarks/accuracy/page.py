"""docs/accuracy.md, of nothing but the numbers that were measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.accuracy.classes import DOUBTFUL
from benchmarks.accuracy.measure import KNOWN, REFERENCE, ROTATION, SURROGATE
from benchmarks.accuracy.targets import at, targets
from benchmarks.common import markdown_table

Results = dict[str, Any]


def sentence(results: Results) -> str:
    """Return what the README says: one sentence, with the numbers of the tables."""
    name = "ribosome" if "ribosome" in results else "synthetic"
    what = {"ribosome": "projections of a 70S ribosome", "synthetic": "projections of a simulated particle"}[name]
    ours, theirs = (at(results[name], row, 1 / 45)["median"] for row in (REFERENCE, SURROGATE))
    return (
        f"On {what} at a signal-to-noise ratio of 1/45 the radial reference, learned from the images that it centres, "
        f"is {ours:.1f} px off the centre (median), the surrogate centre of mass {theirs:.1f} px."
    )


def page(results: Results) -> str:
    """Return the page as Markdown."""
    return "\n\n".join(_paragraphs(results)) + "\n"


def _paragraphs(results: Results) -> Iterator[str]:
    yield "# Accuracy"
    yield (
        "This page is written by `make accuracy` (`python -m benchmarks.accuracy`); every number and every figure "
        "comes from that run. Errors are distances in pixels from centres that are known."
    )
    yield sentence(results)
    if "ribosome" not in results:
        yield "Without the reference data (`CENTERING_DATA`) only what can be simulated was measured."
    yield "## What was asked for"
    yield markdown_table(["what", "asked for", "measured", "met"], targets(results))
    if "ribosome" in results:
        yield "## A ribosome in noise"
        yield from _ribosome(results["ribosome"])
    yield "## A simulated particle in noise"
    yield (
        "The same with a sum of Gaussians, centred at its centre of mass and projected without any interpolation "
        f"(`centering.simulate`); {_draws(results['synthetic'])}."
    )
    yield "![Error against SNR, simulated particle](figures/accuracy_synthetic.png)"
    yield _levels(results["synthetic"])
    if "contrast transfer" in results:
        yield "## Contrast transfer"
        yield from _transfer(results["contrast transfer"])
    yield "## Are the stated uncertainties true?"
    yield from _calibration(results["calibration"])
    yield from _asymmetric(results["asymmetric"])
    if results.get("apoferritin"):
        yield "## A real micrograph"
        yield from _apoferritin(results["apoferritin"])
    if "fixtures" in results:
        yield "## RELION's projections, and refined particles"
        yield from _fixtures(results["fixtures"])
    yield "## Empty boxes"
    yield from _outliers(results["outliers"])
    if "classes" in results:
        yield "## Class averages"
        yield from _classes(results["classes"])
    yield "## Cost"
    yield from _cost(results["cost"])
    yield "## Where this was measured"
    yield "\n".join(f"* {name}: {value}" for name, value in results["environment"].items())


def _draws(result: Results) -> str:
    return f"{result['draws']} draws of {result['count']} images each" if result["draws"] > 1 else (
        f"{result['count']} images"
    )  # fmt: skip


def _both(row: Results) -> str:
    return f"{row['median']:.2f} ({row['rms']:.2f})"


def _levels(result: Results) -> str:
    header = ["median (RMS) in px, SNR", *(f"1/{1 / level:.0f}" for level in result["levels"])]
    order = [name for name in result["rows"] if name not in (REFERENCE, KNOWN, ROTATION)]
    rows = [[name, *map(_both, result["rows"][name])] for name in (*order, REFERENCE, KNOWN, ROTATION)]
    return markdown_table(header, rows)


def _ribosome(result: Results) -> Iterator[str]:
    yield (
        f"The 70S map, centred at its centre of mass: {_draws(result)}, shifts uniform in ±12 px, boxes of 129 px, "
        "R = 32, white noise. SNR = |signal|² / |noise|² over 65 x 65 pixels, image by image. `SurrogateCenter`, "
        "`RadialReference` and `ReferenceFreeAlignment` look at displacements up to 14 px, the others at all. Only "
        "`sCM (3.1)` and the radial reference see all draws, the others the first."
    )
    yield "![Error against SNR, 70S ribosome](figures/accuracy_ribosome.png)"
    yield _levels(result)
    medians = result["rows"][REFERENCE]
    spread = ", ".join(
        f"{min(row['medians']):.2f} to {max(row['medians']):.2f} at 1/{1 / level:.0f}"
        for level, row in zip(result["levels"], medians, strict=True)
    )
    if result["draws"] > 1:
        yield f"From draw to draw the median of the radial reference varies: {spread}."
    yield (
        f"Two rows say what limits it. *{KNOWN}*: the profile is not learned, but taken from the true centres. "
        f"*{ROTATION}*: a map without symmetry has no centre that its projections could agree about; the point about "
        f"which they look most alike when turned lies {result['offset']:.1f} px (in three dimensions) from the centre "
        "of mass. Errors from that point are what noise does; the rest is the distance of two definitions of a centre, "
        "which no amount of signal removes."
    )


def _transfer(result: Results) -> Iterator[str]:
    yield (
        f"The map at SNR 1/20, 300 kV, Cs 2 mm, defocus uniform in 1.4 to 4.7 um, 5 Å per pixel, {_draws(result)}. "
        "The SNR is that of the image seen through the microscope."
    )
    free = result["rows"]["no CTF"]["median"]
    rows = [
        [name, f"{row['median']:.2f}", f"{row['rms']:.2f}", f"{row['p90']:.2f}", f"{row['median'] / free:.2f}"]
        for name, row in result["rows"].items()
    ]
    yield markdown_table(["", "median (px)", "RMS (px)", "90th percentile (px)", "median / without CTF"], rows)


def _calibration(result: Results) -> Iterator[str]:
    yield (
        "Radially symmetric phantoms in white noise, boxes of 48 px, shifts of ±6 px: for them the model holds, and "
        f"the errors must lie inside the ellipse of the reported covariance as often as it says. {result['count']} "
        f"images of each; chance alone gives 68 % a deviation of {100 * np.sqrt(0.68 * 0.32 / result['count']):.1f} %."
    )
    yield "![Stated and true coverage](figures/accuracy_calibration.png)"
    where = [result["probabilities"].index(p) for p in (0.68, 0.95)]

    def percent(inside: Sequence[float]) -> list[str]:
        return [f"{100 * inside[k]:.1f} %" for k in where]

    rows = [
        [name, f"{row['noise']:g}", f"{row['rms']:.2f}", *percent(row["inside"])]
        for name, row in result["rows"].items()
    ]
    rows.append(["together", "", "", *percent(result["together"])])
    yield markdown_table(["phantom of height 1", "noise", "RMS error (px)", "inside 68 %", "inside 95 %"], rows)


def _asymmetric(result: Results) -> Iterator[str]:
    yield (
        f"Particles without symmetry: {result['particles']} random sums of Gaussians, {result['count']} images of "
        "each, boxes of 65 px, R = 18, shifts of ±6 px, errors about the centre of mass. What they have beyond their "
        "radial profiles counts as noise of its own spectrum (the default), or not (`structure=False`): then the "
        "stated uncertainty is that of the noise alone."
    )
    header = ["SNR", *(f"{level:g}" if level >= 1 else f"1/{1 / level:.0f}" for level in result["levels"])]
    rows = []
    for name, values in result["rows"].items():
        rows.append([f"RMS error (px), {name}", *(f"{row['rms']:.2f}" for row in values)])
        rows += [[f"inside {part} %, {name}", *(f"{100 * row[part]:.1f} %" for row in values)] for part in ("68", "95")]
    yield markdown_table(header, rows)
    yield (
        "This holds on average over particles; of one whose centre of rotation lies away from its centre of mass, as "
        "that of the ribosome, errors about the centre of mass are larger than what is stated."
    )


def _apoferritin(result: Results) -> Iterator[str]:
    boxes = {row["size"]: row["boxes"][0] for row in result["rows"]}
    yield (
        "Apoferritin on a real micrograph (EMPIAR-10146), dark and crowded; boxes are cut again with shifts of ±12 px "
        f"around ring-refined centres, {' and '.join(f'{n} boxes of {size} px' for size, n in boxes.items())} in each "
        f"of {result['draws']} draws, each learned from on its own. The surrogate centre gets inverted images."
    )
    yield "![Errors on the micrograph](figures/accuracy_apoferritin.png)"
    rows = [
        [
            f"{row['size']}", f"`{row['name']}`", ", ".join(map(str, sorted(set(row["radii"])))),
            f"{row['median']:.2f}", f"{row['p90']:.2f}", f"{row['rms']:.2f}",
        ]
        for row in result["rows"]
    ]  # fmt: skip
    yield markdown_table(["box", "estimator", "R chosen", "median (px)", "90th percentile (px)", "RMS (px)"], rows)


def _fixtures(result: Results) -> Iterator[str]:
    count, few = result["projections"], result["particles"]
    learned = result["rows"][REFERENCE]["refined"]["median"]
    yield (
        f"{count} noise-free projections by RELION, {count // 2} of them shifted by origins that are exact. Origins "
        "refer to the centre of the map's box, wherever its mass is, so every estimator has an error of its own there; "
        f"but between the two copies of a projection the centre has to move by the origin. And {few} real particles, "
        "compared with the origins that refinement gave them, which are all below 1 px: the middle of the box, to "
        "which noise pulls the centre of mass, is the best answer there. So few and so noisy images are not enough to "
        f"learn from: the radial reference is {learned:.0f} px off (median) and states {result['stated']:.0f} px, "
        "because what it learned is the noise of these images. Give it a hundred or more."
    )
    rows = [
        [name, f"{np.median(row['origin']):.2f}", f"{np.median(row['move']):.2f}", f"{row['refined']['median']:.1f}"]
        for name, row in result["rows"].items()
    ]
    header = ["median error (px)", "from the origin", "of the move", f"of {few} refined particles"]
    yield markdown_table(header, rows)


def _outliers(result: Results) -> Iterator[str]:
    areas, flagged, wrongly = (np.array(result[key]) for key in ("areas", "flagged", "wrongly"))
    yield (
        f"One box in ten of {result['count']} holds noise alone, at SNR 1/{1 / result['snr']:.0f} "
        f"({result['what']}). The score ranks a particle above an empty box with probability "
        f"{areas.mean():.4f} (area under the curve; the least of {len(areas)} draws: {areas.min():.4f}). The flag "
        f"`outlier` is on {100 * flagged.mean():.1f} % of the empty boxes and on {100 * wrongly.mean():.1f} % of the "
        "others."
    )


def _classes(result: Results) -> Iterator[str]:
    flagged = [f"{k + 1} ({', '.join(names)})" for k, names in enumerate(result["flags"]) if names]
    apart = np.array(result["apart"])
    far = [f"{k + 1} ({apart[k]:.0f} px)" for k in np.argsort(-apart)[:8]]
    yield (
        f'{len(apart)} class averages (EMPIAR-10268), several off centre, with neighbours. `RadialReference("auto")` '
        f"chose R = {result['radius']} and flags {', '.join(flagged) or 'none'}. The surrogate centre of mass, "
        f"R = {result['surrogate_radius']}, is farthest from it in {', '.join(far)}, and flags "
        f"{', '.join(str(k + 1) for k in result['surrogate_flagged']) or 'none'}."
    )
    doubted = [f"{k} ({', '.join(result['flags'][k - 1]) or 'no flag'})" for k in DOUBTFUL]
    yield (
        f"Looked at one by one, the centres of {', '.join(doubted)} are to be doubted: in all but the first three a "
        "second body touches the particle, and the centre lies between the two. All others are centred."
    )
    yield "![All class averages with both centres](figures/accuracy_classes.jpg)"


def _cost(result: Results) -> Iterator[str]:
    yield (
        f"{result['count']} images of {result['size']} x {result['size']} float32, R = {result['radius']}, all "
        "candidates, one thread, in the same run."
    )
    base = result["surrogate"]
    rows = [
        [words, f"{1e3 * result[key]:.3f}", f"{result[key] / base:.2f}"]
        for words, key in (
            ("fused sCM, centre", "surrogate"),
            ("radial reference, one iteration of learning", "iteration"),
            ("radial reference, centre by what was learned", "centering"),
            ("radial reference, all: start, 8 iterations, centre", "whole"),
        )
    ]
    yield markdown_table(["what", "ms per image", "to the fused sCM"], rows)
