"""Small data sets on disk for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import starfile
from pandas import DataFrame

from centering import simulate
from centering.io.mrc import write_stack

SIZE, RADIUS = 48, 9


def simulated(count, *, size=SIZE, max_shift=8.0, seed=1, **options):
    """Return a stack of particles without symmetry whose displacement is known, noise-free unless told."""
    return simulate.particles(count, size, radius=RADIUS, max_shift=max_shift, seed=seed, **options)


def write_cs(path, table):
    """Write a structured array as cryoSPARC does; `numpy.save` would add ``.npy`` to the name."""
    with Path(path).open("wb") as file:
        np.save(file, table)


def write_star(path, names, groups=None, pixel_sizes=(1.5,), **columns):
    """Write a STAR file of RELION 3.1 with ``starfile`` and return its path; values of ``groups`` count from 1."""
    optics = DataFrame(
        {
            "rlnOpticsGroup": range(1, len(pixel_sizes) + 1),
            "rlnOpticsGroupName": [f"group{k}" for k in range(1, len(pixel_sizes) + 1)],
            "rlnImagePixelSize": list(map(float, pixel_sizes)),
            "rlnImageSize": SIZE,
            "rlnImageDimensionality": 2,
            "rlnVoltage": 300.0,
            "rlnSphericalAberration": 2.7,
            "rlnAmplitudeContrast": 0.1,
        }
    )
    groups = [1] * len(names) if groups is None else groups
    particles = DataFrame({"rlnImageName": names, "rlnOpticsGroup": groups, **columns})
    starfile.write({"optics": optics, "particles": particles}, path)
    return path


def dataset(folder, count=6, **options):
    """Write a simulated stack and its STAR file; return the path of the STAR file and the simulation."""
    simulation = simulated(count, **options)
    write_stack(folder / "stack.mrcs", simulation.images)
    names = [f"{k:06d}@stack.mrcs" for k in range(1, count + 1)]
    return write_star(folder / "particles.star", names), simulation
