"""Landscape and centre of one image: maps and fused against RACER written in NumPy, and a centre of mass.

python benchmarks/bench_landscape.py [--size 185] [--radius 45]
"""

from __future__ import annotations

from benchmarks.common import median_time, parser, print_environment, print_table, save  # isort: skip  (limits the threads, so before numpy)

from collections.abc import Sequence
from functools import partial

import numpy as np
import scipy.fft
import scipy.ndimage

from centering import CenterOfMass, GeometricMedian, PhaseCenter, SelfConvolution, SurrogateCenter
from pswf import PSWF


class Racer:
    """The landscape that RACER computes, step by step: crops, coefficients, averages, weighted rings, distance to 1."""

    def __init__(self, radius: int) -> None:
        self.radius = radius
        offset = np.arange(-radius, radius + 1)
        distance = np.hypot(offset[:, None], offset)
        self.inside = distance <= radius
        basis = PSWF(np.pi * radius, truncation=1e-3)
        scale = np.exp(basis.log_concentration / 2) / (np.sqrt(2 * np.pi) * radius)
        self.samples = basis.evaluate(distance[self.inside] / radius).T * scale
        self.profile = basis.evaluate(np.arange(radius + 1) / radius).T * scale
        rings = [np.count_nonzero((distance >= ring) & (distance < ring + 1)) for ring in range(1, radius + 1)]
        self.rings = np.array([1, *rings])

    def __call__(self, image: np.ndarray) -> np.ndarray:
        image = image - image.min()
        side = 2 * self.radius + 1
        windows = np.lib.stride_tricks.sliding_window_view(image, (side, side))
        signals = np.stack([row[:, self.inside] @ self.samples @ self.profile.T * self.rings for row in windows])
        return np.abs(signals / signals.max() - 1).sum(axis=-1)


def main(arguments: Sequence[str] | None = None) -> None:
    words = parser(__doc__)
    words.add_argument("--size", type=int, default=185)
    words.add_argument("--radius", type=int, default=45)
    options = words.parse_args(arguments)
    size, radius = options.size, options.radius

    axis = np.arange(size) - size // 2
    squared = (axis[:, None] - 3.0) ** 2 + (axis + 5.0) ** 2
    image = np.maximum(0.0, 1.0 - squared / radius**2) + np.random.default_rng(0).normal(size=(size, size))
    single = image.astype(np.float32)

    racer = Racer(radius)
    ours = SurrogateCenter(radius, score="racer", method="maps")
    difference = np.abs(ours.landscape(image)[0] - racer(image)).max()

    def transforms() -> np.ndarray:
        period = scipy.fft.next_fast_len(size, real=True)
        return scipy.fft.irfft2(scipy.fft.rfft2(single, (period, period)))

    maps, direct, fused = (SurrogateCenter(radius, method=method) for method in ("maps", "direct", "fused"))
    cases = {
        "RACER in NumPy, landscape": partial(racer, image),
        "maps, landscape racer": partial(ours.landscape, image),
        "maps, landscape (3.1)": partial(maps.landscape, image),
        "direct, landscape (3.1)": partial(direct.landscape, image),
        "fused, landscape (3.1)": partial(fused.landscape, image),
        "fused, float32 -> centre": partial(fused, single),
        "pyramid, float32 -> centre": partial(SurrogateCenter(radius, search="pyramid"), single),
        "GeometricMedian()": partial(GeometricMedian(), single),
        f"GeometricMedian({radius})": partial(GeometricMedian(radius), single),
        "SelfConvolution()": partial(SelfConvolution(), single),
        "PhaseCenter()": partial(PhaseCenter(), single),
        "CenterOfMass()": partial(CenterOfMass(), single),
        "rfft2 and irfft2, float32": transforms,
        "scipy.ndimage.center_of_mass, float32": partial(scipy.ndimage.center_of_mass, single),
    }
    times = {name: median_time(call) for name, call in cases.items()}
    slowest, mass = times["RACER in NumPy, landscape"], times["scipy.ndimage.center_of_mass, float32"]

    print_environment()
    candidates = (size - 2 * radius) ** 2
    print(f"one image of {size} x {size} pixels, R = {radius}, {candidates} candidates, tables built before;")
    print(f"maps differs from RACER in NumPy by at most {difference:.1e}\n")
    print_table(
        ["what", "ms per image", "RACER in NumPy / this", "this / center_of_mass"],
        [[name, f"{1e3 * t:.3f}", f"{slowest / t:.0f}", f"{t / mass:.2f}"] for name, t in times.items()],
    )
    save(options.out, "landscape", {"size": size, "radius": radius, "seconds": times, "difference": float(difference)})


if __name__ == "__main__":
    main()
