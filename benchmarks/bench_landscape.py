"""Landscape and centre of one image: maps and fused against RACER written in NumPy, and a centre of mass.

python -m benchmarks.bench_landscape [--size 185] [--radius 45]
"""

from __future__ import annotations

from benchmarks.common import median_time, parser, print_environment, print_table, save  # isort: skip  (limits the threads, so before numpy)

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import scipy.fft
import scipy.ndimage

from centering import CenterOfMass, GeometricMedian, PhaseCenter, SelfConvolution, SurrogateCenter
from pswf import PAPER_TRUNCATION, PSWF


class Racer:
    """The landscape that RACER computes, step by step: crops, coefficients, averages, weighted rings, distance to 1."""

    def __init__(self, radius: int) -> None:
        self.radius = radius
        offset = np.arange(-radius, radius + 1)
        distance = np.hypot(offset[:, None], offset)
        self.inside = distance <= radius
        basis = PSWF(np.pi * radius, truncation=PAPER_TRUNCATION)
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


LEVELS = (np.inf, 1.0, 1 / 10, 1 / 30, 1 / 100, 0.0)
"""Signal-to-noise ratios: from images without noise to noise alone."""


def against_noise(size: int, radius: int, rounds: int = 25) -> list[dict[str, float]]:
    """Time fused sCM, float32 to sub-pixel centre, against a centre of mass and one pair of transforms.

    A row for each of `LEVELS`, 16 images in a stack and image by image, seconds an image.  Calls alternate, so that all
    see the same machine; medians of the processor's time, which other programs on the machine disturb least.
    """
    rng = np.random.default_rng(0)
    axis = np.arange(size) - size // 2
    place = rng.uniform(-size / 16, size / 16, size=(16, 2, 1, 1))
    squared = (axis[:, None] - place[:, 0]) ** 2 + (axis - place[:, 1]) ** 2
    signal = np.maximum(0.0, 1.0 - squared / radius**2)
    power = (signal**2).sum(axis=(1, 2)).mean() / (np.pi * radius**2)
    noise = rng.normal(size=signal.shape)
    estimator = SurrogateCenter(radius)
    rows = []
    for snr in LEVELS:
        mixed = noise if snr == 0 else signal + np.sqrt(power / snr) * noise
        images = np.ascontiguousarray(mixed, dtype=np.float32)
        calls = {
            "stack": partial(estimator, images),
            "one": lambda images=images: [estimator(image) for image in images],
            "mass": lambda images=images: [scipy.ndimage.center_of_mass(image) for image in images],
            "pair": lambda images=images: [transforms(image) for image in images],
        }
        times: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                start = time.process_time()
                call()
                times[name].append((time.process_time() - start) / len(images))
        row = {key: float(np.median(t)) for key, t in times.items()}
        rows.append({"size": size, "radius": radius, "snr": snr if np.isfinite(snr) else -1.0} | row)
    return rows


def transforms(image: np.ndarray) -> np.ndarray:
    """Return the image after one real transform to the next good length and back, on one thread."""
    shape = (scipy.fft.next_fast_len(len(image), real=True),) * 2
    return scipy.fft.irfft2(scipy.fft.rfft2(image, shape, workers=1), shape, workers=1)


NOISE_HEADER = [
    "n", "R", "SNR", "in a stack (us)", "alone (us)", "center_of_mass (us)", "transforms (us)",
    "stack / center_of_mass", "stack / transforms", "alone / transforms",
]  # fmt: skip


def noise_table(rows: Sequence[dict[str, float]]) -> list[list[str]]:
    """Return the rows of `against_noise` in words."""
    names = {-1.0: "clean", 0.0: "noise only"}
    return [
        [
            *(str(row[key]) for key in ("size", "radius")),
            names.get(row["snr"]) or f"1/{1 / row['snr']:.0f}",
            *(f"{1e6 * row[key]:.0f}" for key in ("stack", "one", "mass", "pair")),
            *(f"{row[a] / row[b]:.2f}" for a, b in (("stack", "mass"), ("stack", "pair"), ("one", "pair"))),
        ]
        for row in rows
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    words = parser(__doc__)
    words.add_argument("--size", type=int, default=185)
    words.add_argument("--radius", type=int, default=45)
    options = words.parse_args(arguments)
    size, radius = (65, 16) if options.quick else (options.size, options.radius)

    axis = np.arange(size) - size // 2
    squared = (axis[:, None] - 3.0) ** 2 + (axis + 5.0) ** 2
    image = np.maximum(0.0, 1.0 - squared / radius**2) + np.random.default_rng(0).normal(size=(size, size))
    single = image.astype(np.float32)

    racer = Racer(radius)
    ours = SurrogateCenter(radius, score="racer", method="maps")
    difference = np.abs(ours.landscape(image)[0] - racer(image)).max()

    maps, direct, fused = (SurrogateCenter(radius, method=method) for method in ("maps", "direct", "fused"))
    values = maps.landscape(image)
    agreement = np.abs(fused.landscape(image) - values).max() / np.ptp(values)
    apart = np.hypot(*(fused(single).displacement - maps(single).displacement)[0])
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
        "rfft2 and irfft2, float32": partial(transforms, single),
        "scipy.ndimage.center_of_mass, float32": partial(scipy.ndimage.center_of_mass, single),
    }
    times = {name: median_time(call) for name, call in cases.items()}
    slowest, mass = times["RACER in NumPy, landscape"], times["scipy.ndimage.center_of_mass, float32"]

    print_environment()
    candidates = (size - 2 * radius) ** 2
    print(f"one image of {size} x {size} pixels, R = {radius}, {candidates} candidates, tables built before;")
    print(f"maps differs from RACER in NumPy by at most {difference:.1e};")
    print(f"fused from maps by {agreement:.1e} of the range of the landscape, {apart:.1e} px in the centre\n")
    print_table(
        ["what", "ms per image", "RACER in NumPy / this", "this / center_of_mass"],
        [[name, f"{1e3 * t:.3f}", f"{slowest / t:.0f}", f"{t / mass:.2f}"] for name, t in times.items()],
    )
    others = () if options.quick else ((128, 44), (256, 60))
    noisy = [row for n, r in ((size, radius), *others) for row in against_noise(n, r, 5 if options.quick else 25)]
    print("\nfused sCM, float32 to sub-pixel centre, in stacks of 16 and image by image, at several noise levels\n")
    print_table(NOISE_HEADER, noise_table(noisy))
    result = {"size": size, "radius": radius, "seconds": times, "difference": float(difference), "noise": noisy}
    save(options.out, "landscape", result | {"agreement": float(agreement), "apart": float(apart)})


if __name__ == "__main__":
    main()
