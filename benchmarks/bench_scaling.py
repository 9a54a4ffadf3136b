"""Time per image against the side n of the images, the radius R and the number B of images in a stack.

python -m benchmarks.bench_scaling [--out DIR]
"""

from __future__ import annotations

from benchmarks.common import median_time, parser, print_environment, print_table, save  # isort: skip  (before numpy)

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from centering import SurrogateCenter
from centering.plot import BLUE, VERMILION
from centering.plot import save as save_figure

SHARE = 0.24  # R / n of the first series
METHODS = ("fused", "maps")


def stack(count: int, size: int, radius: int) -> np.ndarray:
    """Return noisy round particles, float32, one seed for each size."""
    rng = np.random.default_rng(size)
    axis = np.arange(size) - size // 2
    shift = rng.uniform(-size / 16, size / 16, size=(count, 2, 1, 1))
    squared = (axis[:, None] - shift[:, 0]) ** 2 + (axis - shift[:, 1]) ** 2
    return (np.maximum(0, 1 - squared / radius**2) + rng.normal(size=squared.shape)).astype(np.float32)


def seconds_per_image(method: str, size: int, radius: int, count: int) -> float:
    images, estimator = stack(count, size, radius), SurrogateCenter(radius, method=method)
    return median_time(lambda: estimator(images), seconds=0.5, least=3) / count


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    series = {
        "n": [(n, round(SHARE * n), 4) for n in (64, 91, 128, 185, 256, 362, 512, 724, 1024)],
        "R": [(256, radius, 8) for radius in (8, 16, 32, 48, 64, 80, 96)],
        "B": [(185, 45, count) for count in (1, 2, 4, 8, 16, 32, 64)],
    }
    if options.quick:
        series = {"n": [(n, round(SHARE * n), 2) for n in (64, 91)], "R": [(64, 8, 2), (64, 16, 2)],
                  "B": [(64, 16, 1), (64, 16, 4)]}  # fmt: skip
    results = {
        name: [
            {"n": n, "R": radius, "B": count}
            | {
                method: seconds_per_image(method, n, radius, count)
                for method in METHODS
                if method == "fused" or n * count <= 2100  # the slow one where it takes no minutes
            }
            for n, radius, count in cases
        ]
        for name, cases in series.items()
    }
    print_environment()
    rows = [
        [name, *(str(row[key]) for key in "nRB"), *(f"{1e3 * row[m]:.3f}" if m in row else "-" for m in METHODS)]
        for name, cases in results.items()
        for row in cases
    ]
    print_table(["against", "n", "R", "B", "fused, ms per image", "maps, ms per image"], rows)
    first, last = results["n"][0], results["n"][-1]
    grows = last["fused"] / first["fused"]
    allowed = (last["n"] / first["n"]) ** 2 * np.log(last["n"]) / np.log(first["n"])
    span = f"n = {first['n']} to {last['n']} at fixed R / n"
    print(f"\nfused, {span}: {grows:.0f} times; n^2 log n grows {allowed:.0f} times")
    save(options.out, "scaling", results)
    draw(results, options.out / "scaling.png")


def draw(results: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw the three series side by side, in logarithmic scales."""
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    styles = dict(zip(METHODS, ((BLUE, "o-"), (VERMILION, "s--")), strict=True))
    for ax, (name, rows) in zip(figure.subplots(1, 3), results.items(), strict=True):
        for method, (color, style) in styles.items():
            shown = [row for row in rows if method in row]
            x, y = [row[name] for row in shown], [1e3 * row[method] for row in shown]
            ax.loglog(x, y, style, color=color, label=method)
        fixed = [f"{key} = {rows[0][key]}" for key in "nRB" if key != name and rows[0][key] == rows[-1][key]]
        if name == "n":
            n = np.array([row["n"] for row in rows], dtype=float)
            law = n**2 * np.log(n)
            ax.loglog(n, 1e3 * rows[0]["fused"] * law / law[0], "k:", label="n² log n")
            fixed = [f"R = {SHARE} n", *fixed]
        ax.set(xlabel={"n": "n (px)", "R": "R (px)", "B": "B (images)"}[name], title=", ".join(fixed))
        ax.set_xticks([row[name] for row in rows], [str(row[name]) for row in rows], fontsize=8, rotation=45)
        ax.minorticks_off()
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
    figure.axes[0].set_ylabel("ms per image, one thread")
    save_figure(figure, path)


if __name__ == "__main__":
    main()
