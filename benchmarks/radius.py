"""Measure how the error depends on the radius given: sCM, the local median, and the radial reference with CTF.

python -m benchmarks.radius [--quick] [--out DIR]

With the reference data ($CENTERING_DATA) the 70S map and particles of known structures are measured beside the sum of
Gaussians.  R is given as a part of the true radius, the distance of the farthest point from the centre of mass.
"""

from __future__ import annotations

from benchmarks.common import parser, print_environment, print_table, save  # isort: skip  (limits the threads, so before numpy)

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import data
from benchmarks.accuracy.measure import distances
from centering import GeometricMedian, RadialReference, SurrogateCenter
from centering.simulate import rotations

Array = np.ndarray[Any, np.dtype[Any]]

Drawn = tuple[Callable[[int, int], data.Projections], int, float]

BOX, SHIFT, REACH = 128, 12, 14
PARTS = (0.5, 0.65, 0.8, 1.0, 1.15, 1.25, 1.4, 1.6, 2.0)


def cloud(file: Path, box: int = BOX) -> Drawn:
    """Return a function that projects a cloud of points, its radius in pixels, and Angstrom per pixel."""
    held = np.load(file)
    points, weights = held["points"].astype(np.float32), held["weights"].astype(np.float32)
    blur = float(held["blur"])

    def draw(count: int, seed: int) -> data.Projections:
        rng = np.random.default_rng(seed)
        displacement = rng.uniform(-SHIFT, SHIFT, (count, 2))
        frames = rotations(count, rng)[:, :2]
        axis = (np.arange(box) - box // 2).astype(np.float32)
        clean = np.empty((count, box, box), np.float32)
        for image, frame, shift in zip(clean, frames, displacement, strict=True):
            places = (points @ frame.T + shift).astype(np.float32)
            rows, columns = (np.exp(-0.5 * ((places[:, k, None] - axis) / blur) ** 2) for k in (0, 1))
            np.matmul((rows * weights[:, None]).T, columns, out=image)
        return data.Projections(clean, displacement, frames)

    return draw, int(held["radius"]), float(held["angstrom_per_pixel"])


def particles(folder: Path | None) -> dict[str, Drawn]:
    """Return what is measured: how it is drawn, its radius in pixels, and Angstrom per pixel."""
    found: dict[str, Drawn] = {"Gaussians": (data.gaussians, data.RADIUS, data.PIXEL_SIZE)}
    if folder:
        found["70S"] = (data.ribosome(folder), data.RADIUS, data.PIXEL_SIZE)
        for name in ("30S", "IgG", "micelle", "virus"):
            file = folder / "particles" / f"{name}.npz"
            if file.exists():
                found[name] = cloud(file)
    return found


def against_radius(
    draw: Callable[[int, int], data.Projections], radius: int, pixel_size: float, snr: float, count: int, seed: int
) -> dict[str, list[float | None]]:
    """Return median errors in pixels, estimator by estimator, for the `PARTS` of the radius; None: no room."""
    views = draw(count, seed)
    side = 2 * radius + 1
    plain = data.noisy(views.clean, snr, seed, side=side)
    filtered, ctf = data.defocused(views.clean, seed, pixel_size)
    seen = data.noisy(filtered, snr, seed + 1, side=side)
    rows: dict[str, list[float | None]] = {"sCM": [], "median": [], "radial reference": [], "the same, with CTF": []}
    for part in PARTS:
        given = max(2, round(part * radius))
        room = 2 * (given + SHIFT) < views.clean.shape[-1]
        for name, estimator, images in (
            ("sCM", SurrogateCenter(given, max_shift=REACH), plain),
            ("median", GeometricMedian(given), plain),
            ("radial reference", RadialReference(given, max_shift=REACH), plain),
            ("the same, with CTF", RadialReference(given, max_shift=REACH, ctf=ctf), seen),
        ):
            error = float(np.median(distances(estimator(images).displacement, views.displacement))) if room else None
            rows[name].append(error)
    return rows


def table(rows: dict[str, list[float | None]]) -> list[list[str]]:
    """Return the rows of a table: pixels, and how many times the best of its row the worst from 0.8 to 1.6 is."""
    lines = []
    for name, errors in rows.items():
        asked = [error for part, error in zip(PARTS, errors, strict=True) if error is not None and 0.8 <= part <= 1.6]
        shown = ["-" if error is None else f"{error:.2f}" for error in errors]
        lines.append([name, *shown, f"{max(asked) / min(asked):.2f}" if asked else "-"])
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__).parse_args(arguments)
    count, levels = (100, (0.1,)) if options.quick else (500, (0.1, 0.03))
    results: dict[str, Any] = {}
    print_environment()
    for name, (draw, radius, pixel_size) in particles(data.folder()).items():
        for snr in levels:
            rows = against_radius(draw, radius, pixel_size, snr, count, 0)
            results[f"{name}, {snr}"] = rows
            print(f"{name}, R = {radius} px, SNR {snr}, median error in px, R / true radius")
            print_table(["", *map(str, PARTS), "worst / best, 0.8 to 1.6"], table(rows))
            print(flush=True)
    save(options.out, "radius", {"parts": PARTS, "rows": results})


if __name__ == "__main__":
    main()
