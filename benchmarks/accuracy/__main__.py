"""Measure how far from the truth every estimator is; write numbers, figures and the page docs/accuracy.md.

python -m benchmarks.accuracy [--quick] [--again] [--out DIR] [--docs DIR]

With the reference data ($CENTERING_DATA) it takes about a quarter of an hour.  Without them, and with --quick, the page
and the figures go beside the numbers, so that those in docs/ stay those of a whole run.
"""

from __future__ import annotations

from benchmarks.common import RESULTS, environment, parser, print_environment, save  # isort: skip  (limits the threads, so before numpy)

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import classes, data, figures, sections
from benchmarks.accuracy.measure import LEVELS, against_noise
from benchmarks.accuracy.page import page

DOCS = RESULTS.parents[1] / "docs"


def measure(quick: bool) -> dict[str, Any]:
    """Return all numbers."""
    folder = data.folder()
    count, draws = (60, 1) if quick else (1000, 4)
    levels = (1 / 10, 1 / 45, 1 / 100) if quick else LEVELS
    results: dict[str, Any] = {"environment": environment(), "quick": quick}

    def step(name: str, value: Any) -> None:
        results[name] = value
        print(f"{name}: done", flush=True)

    step("cost", sections.cost(16 if quick else 512))
    step("synthetic", against_noise(data.gaussians, count, 1, levels))
    step("calibration", sections.calibration(300 if quick else 4000))
    step("asymmetric", sections.asymmetric(*((100, 2) if quick else (500, 10))))
    draw = data.gaussians
    if folder:
        draw = data.ribosome(folder)
        step("ribosome", against_noise(draw, count, draws, levels))
        step("contrast transfer", sections.contrast_transfer(draw, count, draws))
        step("apoferritin", sections.apoferritin(folder, 1 if quick else 5))
        step("fixtures", sections.fixtures(folder))
        step("classes", classes.centers(classes.averages(folder)))
    what = "the ribosome" if folder else "the simulated particle"
    step("outliers", sections.outliers(draw, count, draws) | {"what": what})
    return results


def write(results: dict[str, Any], docs: Path) -> None:
    """Write the page and its figures."""
    pictures = docs / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    titles = {"ribosome": "Projections of a 70S ribosome", "synthetic": "Projections of a simulated particle"}
    for name, title in titles.items():
        if name in results:
            figures.against_noise(results[name], title, pictures / f"accuracy_{name}.png")
    first = "ribosome" if "ribosome" in results else "synthetic"
    figures.first_picture(results[first], titles[first], pictures / "accuracy.png")
    figures.calibration(results["calibration"], pictures / "accuracy_calibration.png")
    if results.get("apoferritin"):
        figures.apoferritin(results["apoferritin"], pictures / "accuracy_apoferritin.png")
    folder = data.folder()
    if "classes" in results and folder:
        classes.montage(classes.averages(folder), results["classes"], pictures / "accuracy_classes.jpg")
    (docs / "accuracy.md").write_text(page(results), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    words = parser(__doc__)
    words.add_argument("--docs", type=Path, metavar="DIR", help="folder for the page and its figures")
    words.add_argument("--again", action="store_true", help="write the page of the numbers measured before")
    options = words.parse_args(arguments)
    if options.again:
        results = json.loads((options.out / "accuracy.json").read_text())["results"]
    else:
        results = measure(options.quick)
        save(options.out, "accuracy", results)
    whole = "ribosome" in results and not results["quick"]
    docs = options.docs or (DOCS if whole else options.out)
    write(results, docs)
    print_environment()
    print(page(results))


if __name__ == "__main__":
    main()
