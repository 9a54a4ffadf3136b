"""Is the verdict of a run right?  Twenty stacks, good and bad ones of every kind, and any number of drawn ones.

python -m benchmarks.verdict [--drawn N] [--seed S] [--only WORDS]

The twenty need the reference data (the folder named by CENTERING_DATA).  Thresholds were chosen by drawn stacks
(seeds 0 to 199) and by those of the twenty that are not "held out".  What is drawn is called good where the median
error of the centres is at most half of what it is without centering, and bad where something was done to make it so;
what is neither (a good set-up in too much noise) is counted apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from centering import CTF, simulate
from centering.engine.estimate import estimate
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.io.stack import numbered
from centering.io.star import StarFile
from centering.runs.evidence import Evidence, gather
from centering.runs.prepare import prepare
from centering.runs.verdict import Verdict, decide
from centering.simulate.volumes import project

Array = np.ndarray[Any, np.dtype[Any]]
Random = np.random.Generator

ANGSTROM = 3.0  # a pixel of what is simulated

CLOUDS = ("30S", "IgG", "micelle", "virus")


@dataclass(frozen=True)
class Stack:
    """Images, or the file that lists them, and what a run is told of them."""

    images: Array | Path
    radius: int
    options: dict[str, Any] = field(default_factory=dict)
    truth: Array | None = None
    ctf: CTF | None = None


# ---- particles ----


def data() -> Path:
    """Return the folder of the reference data."""
    return Path(os.environ["CENTERING_DATA"])


def clean(kind: str, count: int, size: int, radius: float, shift: float, random: Random) -> tuple[Array, Array]:
    """Return projections without noise, and where their centres of mass are."""
    displacement = random.uniform(-shift, shift, (count, 2))
    frames = simulate.rotations(count, random)
    if kind == "gaussians":
        particle = simulate.GaussianParticle.random(radius, seed=random)
        return particle.project(frames, displacement, size).astype(np.float32), displacement
    if kind == "70S":
        import mrcfile

        volume = mrcfile.read(data() / "70s" / "clean70SRibosome_vol_65p.mrc")
        return project(volume, frames, displacement, size), displacement
    cloud = np.load(data() / "particles" / f"{kind}.npz")
    points, weights, scale = cloud["points"], cloud["weights"], radius / float(cloud["radius"])
    if len(points) > 6000:
        chosen = random.choice(len(points), 6000, replace=False)
        points, weights = points[chosen], weights[chosen] / weights[chosen].sum()
        points = points - weights @ points
    images = np.empty((count, size, size), np.float32)
    for image, frame, place in zip(images, frames, displacement, strict=True):
        image[:] = spots(scale * points @ frame[:2].T + place + size // 2, weights, size)
    width = max(1.0, float(cloud["blur"]) * scale)
    frequency = np.fft.fftfreq(size)[:, None] ** 2 + np.fft.rfftfreq(size) ** 2
    blurred = np.fft.rfft2(images) * np.exp(-2 * np.pi**2 * width**2 * frequency)
    return np.fft.irfft2(blurred, s=(size, size)).astype(np.float32), displacement


def spots(places: Array, weights: Array, size: int) -> Array:
    """Return an image (size, size) with the weights at the places, shared by the four pixels about each."""
    whole = np.floor(places).astype(int)
    part = places - whole
    image = np.zeros(size * size)
    for down in (0, 1):
        for right in (0, 1):
            row, column = whole[:, 0] + down, whole[:, 1] + right
            share = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1]) * weights
            inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
            image += np.bincount((row * size + column)[inside], share[inside], minlength=size * size)
    return image.reshape(size, size)


def noise(shape: tuple[int, ...], random: Random, colour: float = 0.0) -> Array:
    """Return noise of deviation 1, with ``1 + colour`` times the power at the lowest frequencies."""
    white = random.standard_normal(shape, dtype=np.float32)
    frequency = np.hypot(np.fft.fftfreq(shape[-1])[:, None], np.fft.rfftfreq(shape[-1]))
    factor = np.sqrt(1 + colour * np.exp(-((frequency / 0.08) ** 2)))
    coloured = np.fft.irfft2(np.fft.rfft2(white) * factor, s=shape[-2:]).astype(np.float32)
    return coloured / coloured.std()


def noisy(images: Array, radius: int, snr: float, random: Random, colour: float = 0.0) -> Array:
    """Add noise, ``snr = |signal|^2 / |noise|^2`` over 2 R + 1 pixels squared."""
    deviation = np.sqrt((images**2).sum(axis=(1, 2)).mean() / (2 * radius + 1) ** 2 / snr)
    return (images + deviation * noise(images.shape, random, colour)).astype(np.float32)


def defocused(images: Array, random: Random) -> tuple[Array, CTF]:
    """Return images as a microscope shows them, and the transfer functions."""
    ctf = CTF(random.uniform(10_000, 30_000, len(images)), ANGSTROM, voltage=300.0, spherical_aberration=2.7)
    size = images.shape[-1]
    transfer = ctf.transfer(np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)))
    return np.fft.irfft2(np.fft.rfft2(images) * transfer, s=(size, size)).astype(np.float32), ctf


def simulated(
    kind: str,
    snr: float,
    *,
    seed: int = 0,
    count: int = 300,
    size: int = 64,
    radius: int = 16,
    taken: int | None = None,
    shift: float = 8.0,
    colour: float = 0.0,
    dark: bool = False,
    ctf: bool = False,
    **options: Any,
) -> Stack:
    """Return a stack of which everything is known; ``taken`` is the radius that the run is told."""
    random = np.random.default_rng(seed)
    images, truth = clean(kind, count, size, radius, shift, random)
    transfer = None
    if ctf:
        images, transfer = defocused(images, random)
    images = noisy(images, radius, snr, random, colour) * np.float32(-1 if dark else 1)
    return Stack(images, radius if taken is None else taken, options, truth, transfer)


def apoferritin(size: int, shift: int, radius: int, *, seed: int = 0, **options: Any) -> Stack:
    """Return boxes of a real micrograph about known particles, or about nothing where ``shift`` is negative."""
    import matplotlib.image

    random = np.random.default_rng(seed)
    micrograph = matplotlib.image.imread(data() / "apoferritin" / "May08_03.13.02.png").astype(np.float32)
    if shift < 0:
        first, truth = random.integers(0, np.array(micrograph.shape) - size, (150, 2)), None
    else:
        path = data().resolve().parent / "reference" / "apoferritin_centres.csv"
        centers = np.loadtxt(path, delimiter=",", comments="#", dtype=int)
        moved = random.integers(-shift, shift + 1, centers.shape)
        first = centers - moved - size // 2
        whole = ((first >= 0) & (first + size <= micrograph.shape)).all(axis=1)
        first, truth = first[whole], moved[whole].astype(float)
    boxes = np.array([micrograph[row : row + size, column : column + size] for row, column in first])
    return Stack(boxes, radius, options, truth)


def junk(kind: str, count: int, size: int, radius: int, random: Random, **options: Any) -> Stack:
    """Return images of no particles."""
    axis = np.arange(size) - size // 2
    if kind == "edges":  # of the carbon
        angle, offset = random.uniform(0, 2 * np.pi, count), random.uniform(-size / 2, size / 2, count)
        across = np.cos(angle)[:, None, None] * axis[:, None] + np.sin(angle)[:, None, None] * axis
        images = 1 / (1 + np.exp(-(across + offset[:, None, None]) / 2)) + noise((count, size, size), random)
    elif kind == "fibres":
        angle, offset = random.uniform(0, np.pi, count), random.uniform(-size / 2, size / 2, count)
        across = np.cos(angle)[:, None, None] * axis[:, None] + np.sin(angle)[:, None, None] * axis
        images = np.exp(-((across + offset[:, None, None]) ** 2) / 18) + noise((count, size, size), random)
    elif kind == "ramps":  # of the ice
        slope = random.standard_normal((count, 2)) / size
        images = slope[:, :1, None] * axis[:, None] + slope[:, 1:, None] * axis
        images = images + 0.5 * noise((count, size, size), random)
    elif kind == "clumps":
        images = noise((count, size, size), random)
        for image in images:
            for _ in range(int(random.integers(1, 6))):
                row, column = random.uniform(-size / 2, size / 2, 2)
                width, height = random.uniform(size / 32, size / 6), random.uniform(0.3, 1.5)
                image += height * np.exp(-((axis[:, None] - row) ** 2 + (axis - column) ** 2) / (2 * width**2))
    elif kind == "hot pixels":
        images = noise((count, size, size), random)
        images[np.arange(count), random.integers(0, size, count), random.integers(0, size, count)] += 40
    else:
        frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
        frequency[0, 0] = 1.0
        white = np.fft.rfft2(random.standard_normal((count, size, size)))
        images = np.fft.irfft2(white / frequency, s=(size, size))
    return Stack(images.astype(np.float32), radius, options)


def pure_noise(count: int, size: int, radius: int, seed: int, colour: float = 0.0, **options: Any) -> Stack:
    """Return images of nothing."""
    return Stack(noise((count, size, size), np.random.default_rng(seed), colour), radius, options)


def listed(name: str, radius: int, **options: Any) -> Stack:
    """Return the particles of a file of the reference data."""
    return Stack(data() / name, radius, options)


# ---- twenty stacks ----

EMPIAR, REFINED = "empiar_10076/empiar_10076_7.star", "aspire_relion/sample_particles_relion31.star"
REFERENCE = {"estimator": "radial-reference"}

TWENTY: dict[str, tuple[bool, bool, Callable[[], Stack]]] = {
    # good?, held out?
    "Gaussians, 1/10": (True, False, lambda: simulated("gaussians", 1 / 10)),
    "30S, coloured noise": (True, False, lambda: simulated("30S", 1 / 10, colour=3.0)),
    "IgG, 1/3": (True, False, lambda: simulated("IgG", 1 / 3, radius=20)),
    "virus, dark, reference": (True, False, lambda: simulated("virus", 1 / 40, dark=True, **REFERENCE)),
    "apoferritin, real": (True, False, lambda: apoferritin(128, 12, 44)),
    "class averages, real": (True, False, lambda: listed("slicem/mixture_2D.mrcs", 30)),
    "apoferritin, real, reference": (True, True, lambda: apoferritin(144, 15, 44, seed=5, **REFERENCE)),
    "70S, 1/5": (True, True, lambda: simulated("70S", 1 / 5, size=129, radius=32, shift=12.0, seed=6)),
    "micelle, defocused, reference": (
        True, True,
        lambda: simulated("micelle", 1 / 5, size=96, radius=24, shift=10.0, ctf=True, seed=7, **REFERENCE),
    ),
    "Gaussians, alignment": (
        True, True, lambda: simulated("gaussians", 1 / 5, count=150, size=72, radius=18, seed=8, estimator="alignment"),
    ),
    "noise": (False, False, lambda: pure_noise(1000, 64, 16, 0)),
    "diameter 25 A for 250 A, real": (False, False, lambda: listed(EMPIAR, 10)),
    "diameter 2.5 A for 250 A, real": (False, False, lambda: listed(EMPIAR, 1)),
    "learned from 7, real": (False, False, lambda: listed(EMPIAR, 95, **REFERENCE)),
    "30S, wrong contrast": (False, False, lambda: simulated("30S", 1 / 5, invert="yes")),
    "virus, centred already": (False, False, lambda: simulated("virus", 1 / 20, shift=0.3)),
    "refined, real": (False, True, lambda: listed(REFINED, 60)),
    "apoferritin, real, wrong contrast": (False, True, lambda: apoferritin(128, 12, 44, seed=9, invert="no")),
    "fibres": (False, True, lambda: junk("fibres", 250, 80, 20, np.random.default_rng(10))),
    "ten times the diameter": (
        False, True, lambda: simulated("micelle", 1 / 3, size=160, radius=6, taken=60, shift=5.0, count=200, seed=11),
    ),
}  # fmt: skip


# ---- drawn stacks ----

WRONG = ("a tenth", "one pixel", "ten times", "contrast", "centred", "noise", "junk", "few")
JUNK = ("edges", "ramps", "clumps", "hot pixels", "1/f")


def drawn(seed: int) -> tuple[str, Stack]:
    """Return what is wrong with a stack, "" where nothing is, and the stack; as wide as particles and noise go."""
    random = np.random.default_rng(seed)
    size = int(random.choice([48, 64, 80, 96]))
    radius = int(random.uniform(0.18, 0.33) * size)
    kinds = ("gaussians", "70S", *CLOUDS) if "CENTERING_DATA" in os.environ else ("gaussians",)
    kind = str(random.choice(kinds))
    if kind == "70S":
        size, radius = 128, 32
    wrong = str(random.choice(["", "", "", "", "", "", "", *WRONG]))
    options: dict[str, Any] = {"estimator": str(random.choice(["surrogate"] * 3 + ["radial-reference", "median"]))}
    count = int(random.choice([100, 200, 400]))
    if wrong == "noise":
        return wrong, pure_noise(count, size, radius, seed, float(random.choice([0.0, 3.0, 10.0])), **options)
    if wrong == "junk":
        return wrong, junk(str(random.choice(JUNK)), count, size, radius, random, **options)
    set_up: dict[str, Any] = {
        "shift": min(random.uniform(0.2, 0.6) * radius, (size - 1) / 2 - radius),
        "colour": float(random.choice([0.0, 0.0, 3.0])),
        "ctf": bool(random.random() < 0.3),
        "dark": bool(random.random() < 0.3),
    }
    taken = radius
    if wrong == "":
        taken = max(2, round(radius * float(random.choice([0.85, 1.0, 1.0, 1.15]))))
    elif wrong == "a tenth":
        taken = max(1, radius // 10)
    elif wrong == "one pixel":
        taken = 1
    elif wrong == "ten times":
        kind, radius = "gaussians" if kind == "70S" else kind, max(4, radius // 5)
        size, set_up["shift"] = 2 * size, 0.5 * radius
        taken = min(10 * radius, (size - 1) // 2 - 3)
    elif wrong == "contrast":
        options["invert"] = "no" if set_up["dark"] else "yes"
    elif wrong == "centred":
        set_up["shift"] = float(random.choice([0.0, 0.3]))
    elif wrong == "few":
        count, options["estimator"] = int(random.integers(5, 30)), "radial-reference"
    snr = float(10 ** random.uniform(-1.7, 1.0))
    return wrong, simulated(
        kind, snr, seed=seed, count=count, size=size, radius=radius, taken=taken, **set_up, **options
    )


# ---- what is said of them ----


def judge(stack: Stack, folder: Path) -> tuple[Verdict, Evidence, float]:
    """Return what a run says, and its error over that without centering (NaN where it is not known)."""
    path = stack.images if isinstance(stack.images, Path) else folder / "stack.mrcs"
    if not isinstance(stack.images, Path):
        write_stack(path, stack.images, ANGSTROM)
        if stack.ctf is not None:
            count, size = stack.images.shape[:2]
            names = numbered(str(path), count)
            pixels = np.full(count, ANGSTROM)
            path = folder / "stack.star"
            StarFile.new(path, names, size=size, pixel_size=pixels, ctf=stack.ctf).write(path)
    job = prepare(open_particles(path), radius=stack.radius, **stack.options)
    centers = estimate(job)
    evidence = gather(job, centers)
    ratio = np.nan
    if stack.truth is not None:
        error, before = (np.hypot(*(found - stack.truth).T) for found in (centers.displacement, 0.0 * stack.truth))
        ratio = float(np.median(error) / max(np.median(before), 1e-9))
    return decide(job, evidence), evidence, ratio


def twenty(only: str) -> None:
    """Print the verdicts on the twenty stacks."""
    right = 0
    chosen = {
        name: what for name, what in TWENTY.items() if only in ("held out" if what[1] else "seen") or only in name
    }
    for name, (good, held_out, make) in chosen.items():
        with tempfile.TemporaryDirectory() as folder:
            verdict, _, _ = judge(make(), Path(folder))
        correct = verdict.good == good
        right += correct
        words = "good" if good else "bad"
        print(
            f"{'right' if correct else 'WRONG'}  {words:<5}{'*' if held_out else ' '} {name:<36}{verdict}", flush=True
        )
    print(f"{right} of {len(chosen)} are right; * held out while the method was chosen")


def draws(count: int, first: int) -> Iterator[tuple[int, str, str, Verdict, Evidence, float]]:
    """Yield what is said of drawn stacks: seed, what they are, what is wrong, verdict, evidence, error."""
    for seed in range(first, first + count):
        wrong, stack = drawn(seed)
        with tempfile.TemporaryDirectory() as folder:
            verdict, evidence, ratio = judge(stack, Path(folder))
        what = "bad" if wrong else "good" if ratio <= 0.5 else "useless" if ratio >= 0.9 else "neither"
        yield seed, what, wrong, verdict, evidence, ratio


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--drawn", type=int, default=0, metavar="N", help="so many drawn stacks instead")
    words.add_argument("--seed", type=int, default=1000, help="of the first of them")
    words.add_argument(
        "--only", default="", help="those of the twenty with these words in their names; or seen, held out"
    )
    options = words.parse_args(arguments)
    if not options.drawn:
        twenty(options.only)
        return
    counts: Counter[tuple[str, str]] = Counter()
    for seed, what, wrong, verdict, _, ratio in draws(options.drawn, options.seed):
        counts[what, verdict.word] += 1
        if what != "neither" and verdict.good != (what == "good"):
            print(
                f"seed {seed}: {what}, {wrong or 'nothing wrong'}, error {ratio:.2f} of before: {verdict}", flush=True
            )
    print("\n".join(f"{what:<8} called {word:<15} {number:>4}" for (what, word), number in sorted(counts.items())))


if __name__ == "__main__":
    main()
