"""Stacks with known centres, made by ASPIRE-Python's ``Simulation``."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from aspire.noise import WhiteNoiseAdder
from aspire.operators import RadialCTFFilter
from aspire.source import Simulation
from aspire.volume import Volume

from centering.io.atomic import check_output_folder
from centering.io.mrc import MrcStack, create_stack, write_images
from centering.io.output_folder import OutputFolder, recover
from centering.io.stack import absolute, numbered
from centering.io.star import StarFile, decimals
from centering.sentence import Sentence
from centering.simulate import GaussianParticle

__all__ = ["OUTPUTS", "simulate", "write_simulation"]

OUTPUTS = ("particles.mrcs", "particles.star")
"""Names of the files that `write_simulation` writes."""

MICROSCOPE = {"rlnVoltage": 300.0, "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.1}
"""Of simulations with contrast transfer: kilovolt, millimetre, fraction."""

DEFOCUS = np.linspace(10000, 25000, 16)
"""Underfoci in Angstrom, one of them for every image."""

_BATCH, _SAMPLE = 256, 500


def simulate(
    count: int,
    *,
    size: int | None = None,
    volume: str | PathLike[str] | None = None,
    pixel_size: float | None = None,
    max_shift: float = 0.0,
    snr: float = np.inf,
    ctf: bool = False,
    seed: int = 0,
) -> Any:
    """Return an ASPIRE ``Simulation`` whose offsets are uniform in a square; the same seed gives the same images.

    Parameters
    ----------
    count : int
        Number of images.
    size : int, optional
        Side of the images in pixels; that of the volume, or 64, without it.  A volume is resampled.
    volume : path, optional
        MRC file of a density map, whose centre is voxel ``n // 2``.  Without it the density is a
        `centering.simulate.GaussianParticle` with a radius of a fifth of the box, its centre of mass in the centre.
    pixel_size : float, optional
        Angstrom per pixel of the images, whatever the header of the volume says; without it what that says, for the
        size that it is resampled to, and 1.5 without a volume.
    max_shift : float
        Rows and columns of the displacement are uniform in [-max_shift, max_shift] pixels.
    snr : float
        Mean square of the signal over the whole box, after the contrast transfer (of the first 500 images), divided
        by the variance of the white noise; infinite: no noise.
    ctf : bool
        Whether every image has a contrast transfer function, of `MICROSCOPE` and one of `DEFOCUS`, with ASPIRE's sign:
        particles are dark.
    seed : int
        Of the angles, displacements, defoci and the noise.

    Raises
    ------
    FileNotFoundError, ValueError
        The volume or a number cannot be used.
    """
    for name, value in {"count": count, "size": size, "snr": snr, "pixel size": pixel_size}.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value!r}; give a positive number")
    if seed < 0:
        raise ValueError(f"seed is {seed!r}; give a whole number of at least 0")
    density = _gaussians(size or 64, pixel_size or 1.5, seed) if volume is None else _volume(volume, size, pixel_size)
    box = density.resolution
    if not 0 <= max_shift < box / 2:
        raise ValueError(f"max_shift is {max_shift!r}; give at least 0 and less than half the box of {box} pixels")
    values = {"voltage": MICROSCOPE["rlnVoltage"], "Cs": MICROSCOPE["rlnSphericalAberration"]}
    values["alpha"] = MICROSCOPE["rlnAmplitudeContrast"]
    options = {
        "n": count,
        "vols": density,
        "offsets": np.random.default_rng(seed).uniform(-max_shift, max_shift, size=(count, 2)),
        "amplitudes": 1.0,
        "unique_filters": [RadialCTFFilter(defocus=defocus, **values) for defocus in DEFOCUS] if ctf else None,
        "seed": seed,
    }
    clean = Simulation(**options)
    if np.isinf(snr):
        return clean
    power = float(np.mean(clean.images[:_SAMPLE].asnumpy() ** 2))
    return Simulation(**options, noise_adder=WhiteNoiseAdder(var=power / snr, seed=seed))


def write_simulation(
    source: Any,
    out: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write what `simulate` returns as ``particles.mrcs`` and ``particles.star``, with true origins and angles.

    Parameters
    ----------
    source : aspire.source.Simulation
    out : path
        The folder; it may exist where ``overwrite`` is true, and otherwise raises FileExistsError.
    progress : callable, optional
        Told the number of images done, after every batch.
    """
    recover(out)
    check_output_folder(out, owned=OUTPUTS, overwrite=overwrite)
    size = source.L
    with OutputFolder(out, owned=OUTPUTS, overwrite=overwrite) as folder:
        stack = folder.results / OUTPUTS[0]
        create_stack(stack, source.n, size, float(source.pixel_size))
        for start in range(0, source.n, _BATCH):
            batch = np.arange(start, min(start + _BATCH, source.n))
            write_images(stack, size, batch, source.images[batch].asnumpy())
            if progress is not None:
                progress(len(batch))
        _true_star(source, Path(out) / OUTPUTS[0]).write(folder.results / OUTPUTS[1])


def _true_star(source: Any, stack: Path) -> StarFile:
    """Return true origins and angles as a STAR file that names the images of ``stack``."""
    names = numbered(absolute(stack), source.n)
    sizes = np.full(source.n, float(source.pixel_size))
    filters = [one for one in source.unique_filters if isinstance(one, RadialCTFFilter)]
    star = StarFile.new(stack, names, size=source.L, pixel_size=sizes, microscope=MICROSCOPE if filters else None)
    angles = np.rad2deg(source.angles)
    columns = {f"rlnAngle{name}": decimals(angles[:, k]) for k, name in enumerate(("Rot", "Tilt", "Psi"))}
    if filters:
        defocus = np.array([one.defocus_u for one in filters])[source.filter_indices]
        columns |= {"rlnDefocusU": decimals(defocus), "rlnDefocusV": decimals(defocus)}
        columns["rlnDefocusAngle"] = decimals(np.zeros(source.n))
    # ASPIRE's offsets (x, y) have RELION's sign
    star = star.with_origins(-np.asarray(source.offsets, dtype=np.float64)[:, ::-1], sizes)
    return star.with_columns(star.particles, columns)


def _gaussians(size: int, pixel_size: float, seed: int) -> Volume:
    """Return a density without symmetry whose centre of mass is the voxel ``size // 2``, axes (z, y, x)."""
    particle = GaussianParticle.random(size / 5, seed=seed)
    position = np.stack(np.meshgrid(*[np.arange(size) - size // 2] * 3, indexing="ij"), axis=-1).astype(np.float32)
    density = np.zeros((size,) * 3, dtype=np.float32)
    for weight, mean, covariance in zip(particle.weights, particle.means, particle.covariances, strict=True):
        offset = position - mean.astype(np.float32)
        distance = np.einsum("...i,ij,...j->...", offset, np.linalg.inv(covariance).astype(np.float32), offset)
        density += np.float32(weight / np.sqrt(np.linalg.det(covariance))) * np.exp(-0.5 * distance)
    return Volume(density, pixel_size=pixel_size)


def _volume(path: str | PathLike[str], size: int | None, pixel_size: float | None) -> Volume:
    """Read a density map, as what ASPIRE resamples to ``size``."""
    stack, name = MrcStack.open(path), fspath(path)
    if stack.shape != (stack.count, stack.count):
        shape = " x ".join(map(str, (stack.count, *stack.shape)))
        raise ValueError(f"{name!r} holds {shape} voxels; give a cube")
    density = stack.read(np.arange(stack.count))
    if not np.isfinite(density).all() or not density.any():
        raise ValueError(f"{name!r} has voxels that are not finite, or nothing but zeros")
    voxel_size = pixel_size * (size or stack.count) / stack.count if pixel_size else stack.voxel_size
    if voxel_size is None:
        raise ValueError(Sentence("the header of {name!r} gives no voxel size; give it ({pixel_size})", name=name))
    volume = Volume(density, pixel_size=voxel_size)
    return volume if size in (None, volume.resolution) else volume.downsample(size)
