"""Public data to try things on: fetched from where their owners publish them, checked by SHA-256.

Nothing is redistributed.  The folder named by ``$CENTERING_DATA`` is looked at first.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt

from centering.io.facts import agree, settle
from centering.io.formats import read_table, reading
from centering.io.image_names import file_of
from centering.io.opening import open_particles
from centering.io.particles import ArrayStack, Particles
from centering.io.table import ParticleTable
from centering.sentence import Sentence

__all__ = ["REGISTRY", "Dataset", "fetch", "open_with_truth", "read_70s"]

_RAW = "https://raw.githubusercontent.com"
_MATLAB = b"MATLAB 5.0 MAT-file"
_PICKER = f"{_RAW}/jianlin-cheng/AutoCryoPicker/HEAD"


@dataclass(frozen=True)
class Dataset:
    """Files that belong together.

    Attributes
    ----------
    about : str
        What it is, in one line.
    terms : str
        Licence of the repository that it comes from.
    files : tuple of (name, URL, SHA-256)
        Names are relative to a folder that carries the name of the dataset.
    """

    about: str
    terms: str
    files: tuple[tuple[str, str, str], ...]


REGISTRY = {
    "70s": Dataset(
        "10 simulated 70S ribosome projections, 185 x 185, with known shifts (MATLAB file)",
        "no licence stated",
        (
            (
                "shifted_70S_proj_10_s4.mat",
                f"{_RAW}/nirsharon/RACER/HEAD/simple_example/shifted_70S_proj_10_s4.mat",
                "bef8295149f3da88033a2799747fcfc97438e601864a7a166c50240c67778779",
            ),
        ),
    ),
    "slicem": Dataset(
        "100 RELION class averages of a mixture of complexes, 96 x 96 (EMPIAR-10268)",
        "MIT",
        (
            (
                "mixture_2D.mrcs",
                f"{_RAW}/marcottelab/SLICEM/HEAD/data/mixture_2D.mrcs",
                "066f38e34cbcced72f53963edf15d30c41ef02a71363e31a7c1225e58bb6f1e5",
            ),
        ),
    ),
    "apoferritin": Dataset(
        "a micrograph of apoferritin, 1200 x 1240 (EMPIAR-10146)",
        "no licence stated",
        (
            (
                "May08_03.13.02.png",
                f"{_PICKER}/cryo-EM%20Dataset/Apoferritin_cryo-EM_Dataset_without_averaging/May08_03.13.02.bin.png",
                "9257ff685ca05a64984800bde9abc626c32bb8071560c7c63a2a023bff6d3deb",
            ),
            (
                "May08_03.13.02_discs_half_size.png",
                f"{_PICKER}/Main%20File/Pre-processing%20Stage/Signle%20Particle%20Detection_Demo/"
                "May08_03.13.02.bin_GT.png",
                "9ef977b1ed8d6513fafe3982e2947696acfec9b5734c7caab8c87b90e30b52ed",
            ),
        ),
    ),
    "empiar_10076": Dataset(
        "7 particles of ribosome assembly intermediates, 320 x 320, dark and off-centre (EMPIAR-10076)",
        "GPL-3.0",
        tuple(
            (name, f"{_RAW}/ml-struct-bio/cryodrgn/HEAD/tests/data/{name}", digest)
            for name, digest in (
                ("empiar_10076_7.star", "d6b80f02a15d65dfc6af2abef1159473ab16a0744efc09efb0aabce2a99cb626"),
                ("empiar_10076_7.mrc", "6503b12593fdf1b28aef73351788fb83c44d935682a03429a51a1fb5d05b9e72"),
                ("empiar_10076_7.cs", "8e1082aaca8c3239ca59d94d8b2f2ce2de474da505264884199206a3abd85967"),
            )
        ),
    ),
    "aspire_relion": Dataset(
        "RELION projections with known origins, and 17 particles with refined origins",
        "GPL-3.0",
        tuple(
            (name, f"{_RAW}/ComputationalCryoEM/ASPIRE-Python/HEAD/tests/saved_test_data/{name}", digest)
            for name, digest in (
                ("sample_particles_relion31.star", "5a9fe46ff1e2b84c78c128e724002c047e5ad0dc86c365f8e50c86947a47f13d"),
                ("sample.mrcs", "cf3f65471ba7cdf27749daeb9f4832867a68eb6fa73bfadf2e97cb029166bc6e"),
                ("rln_proj_64_centered.star", "15deb6d77f18fc647386cf8c003ef20640f4a9d08ae164162a66e2193c1ef139"),
                ("rln_proj_64_centered.mrcs", "300defc434c52f7c8ff206b3540d0f6c3be953f9cf6cd89f70c43d77ee6bcd24"),
                ("rln_proj_64_shifted.star", "ec451ad7e4f0490ddadcac1f5c04993ac7310cefdf94537749a05f9d43656171"),
                ("rln_proj_64_shifted.mrcs", "f81008d22fb78c811b4331890db8084ce957f62f5bec7fd1cd7ebc9c1424c894"),
            )
        ),
    ),
}
"""Datasets by name."""


def fetch(name: str, folder: str | PathLike[str] | None = None) -> list[Path]:
    """Return the files of a dataset, downloaded unless they are there already.

    Parameters
    ----------
    name : str
        A key of `REGISTRY`.
    folder : path, optional
        Where downloads are kept; pooch's cache folder without it.

    Returns
    -------
    list of Path
        All in one folder; first from ``$CENTERING_DATA/<name>`` where a file there has the right hash.

    Raises
    ------
    ValueError
        An unknown name.
    OSError
        A file could not be downloaded, or what came is not the file that is expected.
    """
    if name not in REGISTRY:
        raise ValueError(f"there is no dataset {name!r}; choose one of {', '.join(REGISTRY)}")
    dataset = REGISTRY[name]
    local = os.environ.get("CENTERING_DATA")
    if local and all(_is_file(Path(local) / name / file, digest) for file, _, digest in dataset.files):
        return [Path(local) / name / file for file, _, _ in dataset.files]
    return [_download(name, *entry, folder) for entry in dataset.files]


def open_with_truth(
    path: str | PathLike[str], pixel_size: float | None = None, truth: str | PathLike[str] | None = None
) -> tuple[Particles, npt.NDArray[np.float64] | None]:
    """Open a file of particles, or the MATLAB file of the dataset ``70s``, and say where their centres are known to be.

    Parameters
    ----------
    path : path
        A file of one of `centering.io.formats`; the MATLAB file is known by its content.
    pixel_size : float, optional
        Angstrom per pixel, instead of what the file says.
    truth : path, optional
        A file of particles whose origins or shifts are true: those of the images of the same names in any order, or
        of a stack of another name row by row.

    Returns
    -------
    particles : Particles
    displacement : ndarray, shape (B, 2), float64, or None
        (row, column) in pixels; None where it is not known.

    Raises
    ------
    FileNotFoundError, ValueError
        A file that cannot be used, or a truth that is not that of these particles.
    """
    if _is_matlab(Path(path)):
        if truth is not None:
            raise ValueError(Sentence("{path!r} holds its own true shifts; leave out {truth}", path=fspath(path)))
        return read_70s(path)
    particles = open_particles(path, pixel_size)
    if truth is None:
        return particles, None
    with reading(truth):
        table, verdict = settle(read_table(truth), pixel_size)
    if len(table) != len(particles):
        raise ValueError(f"{fspath(truth)!r} lists {len(table)} particles and {fspath(path)!r} {len(particles)}")
    sizes, own = verdict.values, particles.pixel_size
    if sizes is not None and own is not None and not agree(sizes, own).all():
        row = int(np.flatnonzero(~agree(sizes, own))[0])
        raise ValueError(
            f"{fspath(truth)!r} gives {sizes[row]:.6g} Angstrom per pixel and {fspath(path)!r} {own[row]:.6g}; "
            "give the truth of these images"
        )
    with reading(truth):
        rows = _same_images(table, particles)
        return particles, table.displacements(own if sizes is None else sizes)[rows]


def _same_images(truth: ParticleTable, particles: Particles) -> npt.NDArray[np.int64]:
    """Return the row of ``truth`` that is that of every particle, by the names of the images.

    ValueError: some are in both files and others not, or a stack of another name has others.
    """
    everyone = np.arange(len(particles))
    table = particles.table
    assert table is not None
    for short in (False, True):
        ours, theirs = _keys(table, short), _keys(truth, short)
        if ours == theirs:
            return everyone
        place = {key: row for row, key in enumerate(theirs)}
        if len(place) == len(theirs) and all(key in place for key in ours):
            return np.array([place[key] for key in ours], dtype=np.int64)
    wrong = next((row for row, key in enumerate(ours) if key[1] != theirs[row][1]), None)
    if wrong is None and not {stack for stack, _ in ours} & {stack for stack, _ in theirs}:
        return everyone
    row = next((row for row, key in enumerate(ours) if key not in place), 0) if wrong is None else wrong
    raise ValueError(
        f"{fspath(truth.path)!r} lists other images than {fspath(particles.source)!r}, whose row {row + 1} is "
        f"{table.names[row]!r}; give the truth of these images"
    )


def _keys(table: ParticleTable, short: bool) -> list[tuple[str, int]]:
    """Return the stack without its extension, and without its folder too, and the number of every image."""
    stacks, of, numbers = table.images
    names = [PurePath(file_of(name)).with_suffix("") for name in stacks]
    texts = [one.name if short else fspath(one) for one in names]
    return [(texts[k], number) for k, number in zip(of.tolist(), numbers.tolist(), strict=True)]


def _is_matlab(path: Path) -> bool:
    """Return whether a file begins as those of MATLAB do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MATLAB)) == _MATLAB


def read_70s(path: str | PathLike[str]) -> tuple[Particles, npt.NDArray[np.float64]]:
    """Read the MATLAB file of the dataset ``70s``.

    Returns
    -------
    particles : Particles
        Its images, in memory.
    displacement : ndarray, shape (B, 2), float64
        The known (row, column) displacement in pixels: the 129 x 129 patch starts at row ``shifts[0]`` and
        column ``shifts[1]``, counted from 0, and would start at 28 if it were centred.

    Raises
    ------
    ValueError
        Another kind of file.
    """
    from scipy.io import loadmat

    source = Path(path)
    try:
        content = loadmat(source)
        images = content["shifted_projections"].transpose(2, 0, 1)
        shifts = content["shifts"].astype(np.float64).T
    except (KeyError, ValueError, NotImplementedError):
        raise ValueError(
            f"{fspath(source)!r} is not the MATLAB file of the dataset 70s: shifted_projections and shifts expected"
        ) from None
    count, size = images.shape[:2]
    first = np.zeros(count, dtype=np.int64)
    particles = Particles(source, (ArrayStack(images),), first, np.arange(count), size, None, "not known")
    return particles, shifts - (size - 129) // 2


def _is_file(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _download(name: str, file: str, url: str, digest: str, folder: str | PathLike[str] | None) -> Path:
    import pooch  # type: ignore[import-untyped]

    pooch.get_logger().setLevel("ERROR")
    target = Path(folder if folder is not None else pooch.os_cache("pswf-centering")) / name
    try:
        return Path(pooch.retrieve(url, known_hash=f"sha256:{digest}", fname=file, path=target))
    except (OSError, ValueError) as error:
        # requests' own errors are OSErrors; a wrong hash is a ValueError
        reason = "it is not the file expected" if isinstance(error, ValueError) else type(error).__name__
        raise OSError(
            f"could not download {url} ({reason}); check the network, or put the file into "
            f"$CENTERING_DATA/{name}/{file}"
        ) from None
