"""Turn the JSON files of the benchmarks into docs/benchmarks.md and its figure.

python -m benchmarks.report [--out DIR] [--docs DIR]
"""

from __future__ import annotations

from benchmarks.common import RESULTS, markdown_table, parser  # isort: skip  (limits the threads, so before numpy)

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_basis import HEADER as BASIS
from benchmarks.bench_basis import row as basis_row
from benchmarks.bench_landscape import NOISE_HEADER, noise_table
from benchmarks.bench_scaling import METHODS, draw
from benchmarks.bench_star import HEADER as STAR
from benchmarks.bench_star import row as star_row

DOCS = RESULTS.parents[1] / "docs"
RACER = 6.0
"""Seconds that the authors' program takes in Octave for one image of 185 x 185, R = 45, one core."""

Results = dict[str, Any]


def page(results: dict[str, Results], environment: dict[str, str]) -> str:
    """Return the page as Markdown; ``results`` by the names of the files."""
    return "\n\n".join(_paragraphs(results, environment)) + "\n"


def _paragraphs(results: dict[str, Results], environment: dict[str, str]) -> Iterator[str]:
    yield "# Speed"
    yield (
        "This page is written by `make bench` (`python -m benchmarks`); every number comes from that run. Times are "
        "medians after a warm-up, on one thread unless said otherwise; ratios are between times of the same run."
    )
    yield "\n".join(f"* {name}: {value}" for name, value in environment.items())
    yield "## What was asked for"
    yield markdown_table(["what", "asked for", "measured", "met"], targets(results))
    yield "## One image"
    yield from _landscape(results["landscape"])
    yield "## Against the size of images, the radius and the number of images"
    yield from _scaling(results["scaling"])
    yield "## Whole runs"
    yield from _engine(results["engine"])
    yield "## A large STAR file"
    yield from _star(results["star"])
    yield "## Whole-image bases"
    yield "All processors; every implementation in a process of its own. ASPIRE-Python's classes in the same run."
    yield markdown_table(BASIS, [basis_row(result) for result in results["basis_float32"]])


def targets(results: dict[str, Results]) -> list[list[str]]:
    """Return rows: what, asked for, measured, whether it is met."""
    landscape, engine, star = results["landscape"], results["engine"], results["star"]
    seconds, runs = landscape["seconds"], engine["runs"]
    fused = seconds["fused, float32 -> centre"]
    run = runs["centering run, from disk"]
    rows: list[list[str]] = []

    def most(what: str, limit: float, value: float, unit: str = "", digits: str = ".2f") -> None:
        rows.append([what, f"at most {limit:g}{unit}", f"{value:{digits}}{unit}", _yes(value <= limit)])

    def least(what: str, limit: float, value: float, unit: str = "", digits: str = ".2f") -> None:
        rows.append([what, f"at least {limit:,g}{unit}", f"{value:{digits}}{unit}", _yes(value >= limit)])

    size = f"{landscape['size']} x {landscape['size']} float32, R = {landscape['radius']}"
    most(f"fused sCM, {size}: to `scipy.ndimage.center_of_mass`", 1.0,
         fused / seconds["scipy.ndimage.center_of_mass, float32"])  # fmt: skip
    noise = landscape["noise"]
    most("the same, images without noise, in stacks of 16", 1.0, noise[0]["stack"] / noise[0]["mass"])
    worst = max(row["stack"] / row["pair"] for row in noise if row["snr"] >= 0)
    most("fused sCM in stacks of 16 to one `rfft2` and `irfft2`, the worst of all noise levels and sizes", 1.0, worst)
    least(f"the first against RACER in Octave ({RACER:g} s an image)", 20000, RACER / fused, " times", ",.0f")
    most("fused against `maps`: landscape, of its range", 1e-4, landscape["agreement"], digits=".1e")
    most("fused against `maps`: centre", 0.02, landscape["apart"], " px", ".4f")
    for way in ("open", "mmap"):
        loop = runs[f"loop, mrcfile.{way}, from disk"]["seconds"]
        what = f"`centering run`, {engine['count']} particles, two threads: to a loop over `mrcfile.{way}`"
        most(what, 1.5, run["seconds"] / loop)
    most("peak memory of that run", 1000, run["peak_MB"], " MB", ".0f")
    if engine["many"]:
        grown = 100 * (runs["centering run, many"]["peak_MB"] / run["peak_MB"] - 1)
        most(f"the same with {engine['many']} particles: more", 5, grown, " %", "+.1f")
    most(f"STAR file of {star['rows']} rows: read, origins set, written", 60, star["seconds"], " s", ".1f")
    most("peak memory of that", 4000, star["peak_MB"], " MB", ".0f")
    most("the same to gemmi, of 10 or 26 columns", 2, max(one["centering"] / one["gemmi"] for one in star["cases"]))
    least("1 to 2 workers, compute-bound", 1.7, engine["workers"]["1"] / engine["workers"]["2"], " times")
    limits = {128: (1, 60, 2), 256: (5, 300, 12), 512: (40, 1200, None)}
    for case in results["basis_float32"]:
        if case["name"] == "pswf.PSWF2D" and case["size"] in limits:
            build, megabytes, transform = limits[case["size"]]
            most(f"`PSWF2D({case['size']})`: build", build, case["build"], " s")
            most("its peak memory", megabytes, case["memory"], " MB", ".0f")
            for way in ("evaluate_t", "evaluate") if transform else ():
                most(f"`{way}`, an image", transform, 1e3 * case[way], " ms")
    grows, allowed = growth(results["scaling"]["n"])
    rows.append(["cost against n at fixed R / n", f"at most {allowed:.0f} times (n² log n)", f"{grows:.0f} times",
                 _yes(grows <= allowed)])  # fmt: skip
    return rows


def growth(cases: Sequence[Results]) -> tuple[float, float]:
    """Return how many times the fused path costs more for the largest images, and how many times n^2 log n grows."""
    first, last = cases[0], cases[-1]
    allowed = (last["n"] / first["n"]) ** 2 * np.log(last["n"]) / np.log(first["n"])
    return last["fused"] / first["fused"], float(allowed)


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _landscape(result: Results) -> Iterator[str]:
    size, radius = result["size"], result["radius"]
    yield (
        f"{size} x {size} pixels, R = {radius}, {(size - 2 * radius) ** 2} candidates, tables built before. *RACER in "
        f"NumPy* is a transcription of the authors' program, from which `maps` differs by {result['difference']:.1e}."
    )
    seconds = result["seconds"]
    slowest, mass = seconds["RACER in NumPy, landscape"], seconds["scipy.ndimage.center_of_mass, float32"]
    rows = [[name, f"{1e3 * t:.3f}", f"{slowest / t:,.0f}", f"{t / mass:.2f}"] for name, t in seconds.items()]
    yield markdown_table(["what", "ms per image", "RACER in NumPy / this", "this / center_of_mass"], rows)
    yield (
        "Fused sCM, float32 to sub-pixel centre, in stacks of 16 images and image by image, beside a centre of mass "
        "and one `rfft2` and `irfft2` of SciPy, float32, to the next good length; processor time. The transform of the "
        "image and back is the largest part, whatever the noise:"
    )
    yield markdown_table(NOISE_HEADER, noise_table(result["noise"]))


def _scaling(result: Results) -> Iterator[str]:
    yield "![Time per image against n, R and B](figures/benchmarks_scaling.png)"
    rows = [
        [name, *(str(case[key]) for key in "nRB"), *(f"{1e3 * case[m]:.3f}" if m in case else "" for m in METHODS)]
        for name, cases in result.items()
        for case in cases
    ]
    yield markdown_table(["against", "n", "R", "B", *(f"{method}, ms per image" for method in METHODS)], rows)


def _engine(result: Results) -> Iterator[str]:
    yield (
        "Particles of 256 x 256 float32, R = 60, two threads; whole programs, from their start to their end. The loop "
        "reads every image and takes its minimum and mean."
    )
    rows = []
    for label, run in result["runs"].items():
        count = result["many"] if label.endswith("many") else result["count"]
        loops = (result["runs"].get(f"loop, mrcfile.{way}, {label.split(', ')[-1]}") for way in ("open", "mmap"))
        ratios = [f"{run['seconds'] / loop['seconds']:.2f}" if loop else "" for loop in loops]
        rows.append([str(count), label, f"{run['seconds']:.2f}", *ratios, f"{run['peak_MB']:.0f}"])
    yield markdown_table(["particles", "what", "s", "to mrcfile.open", "to mrcfile.mmap", "peak MB"], rows)
    one, two = result["workers"]["1"], result["workers"]["2"]
    yield (
        f'Compute-bound (`method="maps"`), one to two threads: {one:.2f} s to {two:.2f} s, {one / two:.2f} times. Two '
        "processes that share nothing, at once, give "
        f"{2 * one / result['workers']['apart']:.2f} times the work of one."
    )
    if result["many"]:
        runs = result["runs"]
        few, many = runs["centering run, from disk"]["seconds"], runs["centering run, many"]["seconds"]
        more = 1e3 * (many - few) / (result["many"] - result["count"])
        each = [1e3 * runs[f"loop, mrcfile.{way}, from disk"]["seconds"] / result["count"] for way in ("open", "mmap")]
        yield (
            f"A run has a fixed price, most of it the report and its figures: from {result['count']} to "
            f"{result['many']} particles each further one takes {more:.2f} ms. The loops take {each[0]:.2f} ms "
            f"(`mrcfile.open`) and {each[1]:.2f} ms (`mrcfile.mmap`) for each."
        )


def _star(result: Results) -> Iterator[str]:
    yield f"{result['rows']} rows: read, origins set, written; gemmi does the same."
    yield markdown_table(STAR, [star_row(one) for one in result["cases"]])


def main(arguments: Sequence[str] | None = None) -> None:
    words = parser(__doc__)
    words.add_argument("--docs", type=Path, default=DOCS, metavar="DIR", help="folder for the page and its figure")
    options = words.parse_args(arguments)
    names = ("landscape", "scaling", "engine", "star", "basis_float32")
    files = {name: json.loads((options.out / f"{name}.json").read_text()) for name in names}
    results = {name: content["results"] for name, content in files.items()}
    pictures = options.docs / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    draw(results["scaling"], pictures / "benchmarks_scaling.png")
    text = page(results, files["landscape"]["environment"])
    (options.docs / "benchmarks.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
