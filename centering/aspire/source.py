"""Sources with known centres."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from aspire.image import Image
from aspire.image.xform import LinearXform
from aspire.source import ImageSource
from aspire.source.coordinates import CoordinateSource
from aspire.source.image import IndexedSource

from centering.engine.contrast import detect_contrast
from centering.estimators.base import Estimator
from centering.io.atomic import replacing
from centering.results import Centers, Flag
from centering.shift import shift_images

__all__ = ["CenteredSource", "Recenter", "center", "estimate", "write_coordinates"]

logger = logging.getLogger(__name__)

_SAMPLE = 500  # images that decide the contrast
_BLOCK = 64  # images that are learned from at a time: what is learned does not depend on a batch size

Float64 = npt.NDArray[np.float64]


class Recenter(LinearXform):  # type: ignore[misc, unused-ignore]
    """An ASPIRE ``Xform`` that moves every image of a source by its own displacement.

    Unlike ``aspire.image.xform.Shift`` it takes this package's sign and axis order, and works on integer pixels.

    Parameters
    ----------
    displacement : ndarray, shape (n, 2)
        (row, column) in pixels, object centre minus ``L // 2``, by the index of the image in its source.  Content
        is moved by its negative, in Fourier space (`centering.shift.shift_images`).
    """

    def __init__(self, displacement: npt.ArrayLike) -> None:
        super().__init__()
        self.displacement = np.array(displacement, dtype=np.float64)
        if self.displacement.ndim != 2 or self.displacement.shape[1] != 2:
            raise ValueError(f"displacement has shape {self.displacement.shape}; give (row, column) pairs, (n, 2)")

    def _forward(self, im: Any, indices: Any) -> Any:
        return _moved(im, -self.displacement[indices])

    def _adjoint(self, im: Any, indices: Any) -> Any:
        return _moved(im, self.displacement[indices])


class CenteredSource(IndexedSource):  # type: ignore[misc, unused-ignore]
    """A source with known centres; made by `center`.

    Its offsets are what is still to be moved: the estimate in mode "metadata", the remainder in mode "shift".  The
    whole estimate stands in the metadata ``_centeringOriginXAngst``, ``_centeringOriginYAngst`` (sign and unit of
    ``_rlnOriginXAngst``), ``_centeringScore`` and ``_centeringFlags``, which ``save`` writes.

    Parameters
    ----------
    source : ImageSource
        The images as they are.
    centers : Centers
        One centre for every image of ``source``, before any move.
    moved : ndarray, shape (n, 2)
        (row, column) in pixels that ``source`` was already moved by; the object is at ``displacement - moved``.
    shift : ndarray, shape (n, 2)
        (row, column) in pixels that the content is to be moved by, negated; the rest becomes the offsets.

    Attributes
    ----------
    centers : Centers
    """

    def __init__(self, source: Any, centers: Centers, moved: Float64, shift: Float64) -> None:
        super().__init__(source, np.arange(source.n))
        self.centers = centers
        self._mutable = True
        if source.dtype.kind != "f":
            self.dtype = np.dtype(np.float32)
        self.offsets = _offsets(centers.displacement - moved - shift)
        origin = _offsets(centers.displacement) * self.pixel_size
        self.set_metadata(["_centeringOriginXAngst", "_centeringOriginYAngst"], origin)
        self.set_metadata("_centeringScore", centers.score)
        self.set_metadata("_centeringFlags", centers.flags)
        if shift.any():
            self.generation_pipeline.add_xform(Recenter(shift))
        self._mutable = False


def estimate(source: Any, estimator: Estimator, *, invert: str = "auto", batch_size: int = 512) -> Centers:
    """Estimate the centre of every image of an ASPIRE source, with the pixels as they are.

    Parameters
    ----------
    source : aspire.source.ImageSource
    estimator : Estimator or Learner
        For example ``centering.SurrogateCenter(40)``; the radius is in pixels of this source.  One that learns, such
        as `centering.RadialReference`, learns from all images of the source, or as many as its ``learn_from`` says.
    invert : {"auto", "yes", "no"}
        Whether dark particles are made bright for the estimator; ``auto`` looks at a sample and says in the log
        what it found.
    batch_size : int
        Images in memory at a time; an estimator that aligns images to each other gets all of them.

    Returns
    -------
    Centers
        ``displacement`` is (row, column) in pixels; ASPIRE's offsets (x, y) are ``-displacement[:, ::-1]``.

    Raises
    ------
    TypeError
        Not an ASPIRE source.
    ValueError
        An unknown ``invert``, or a batch size below 1.
    """
    if not isinstance(source, ImageSource):
        raise TypeError(f"source is {type(source).__name__}; give an aspire ImageSource, for example a RelionSource")
    if invert not in ("auto", "yes", "no"):
        raise ValueError(f"invert is {invert!r}; choose 'auto', 'yes' or 'no'")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; give at least 1")
    _pixels(source.images[np.arange(1)])  # class averages know how many they are after the first
    sign = -1 if invert == "yes" else 1
    if invert == "auto":
        sample = np.unique(np.linspace(0, source.n - 1, _SAMPLE).astype(np.int64))
        radius = getattr(estimator, "radius", None)
        radius = source.L / 4 if radius is None or isinstance(radius, str) else float(radius)  # "auto"
        contrast = detect_contrast(_batches(source, sample, batch_size), max(radius, 1.0))
        logger.log(logging.INFO if contrast.clear else logging.WARNING, "contrast: %s", contrast)
        sign = -1 if contrast.invert else 1
    find = _learned(source, estimator, sign)
    step = source.n if getattr(estimator, "together", False) else batch_size
    centers = Centers.concatenate([find(sign * images) for images in _batches(source, np.arange(source.n), step)])
    unlearned = int(centers.has(Flag.UNLEARNED).sum())
    if unlearned:
        words = "%d of %d centres carry the flag UNLEARNED: nothing was learned that could back them"
        logger.warning(words, unlearned, len(centers))
    return centers


def _batches(source: Any, indices: npt.NDArray[np.int64], size: int) -> Iterator[Any]:
    """Yield the images of these indices, ``size`` at a time."""
    for start in range(0, len(indices), size):
        yield _pixels(source.images[indices[start : start + size]])


def _learned(source: Any, estimator: Any, sign: int) -> Estimator:
    """Return what an estimator that learns has learned from the whole source, or from a draw; any other one itself."""
    if not hasattr(estimator, "fit"):
        return cast("Estimator", estimator)
    chosen = np.random.default_rng(estimator.seed).permutation(source.n)[: estimator.learn_from]
    return cast("Estimator", estimator.fit(lambda: (sign * images for images in _batches(source, chosen, _BLOCK))))


def center(
    source: Any,
    estimator: Estimator,
    *,
    mode: str = "shift",
    whole_pixels: bool = False,
    invert: str = "auto",
    batch_size: int = 512,
) -> CenteredSource:
    """Center an ASPIRE source; ``source`` itself is not changed.

    Parameters
    ----------
    source : aspire.source.ImageSource
        Any source: RELION files, arrays, simulations, slices, class averages.  The picks of a ``CoordinateSource``
        are corrected by whole pixels and its particles extracted anew, as far as the micrograph reaches, unless it
        has been cached or resized; `write_coordinates` writes the corrected picks.
    estimator : Estimator
        For example ``centering.SurrogateCenter(40)``; the radius is in pixels of this source.
    mode : {"shift", "metadata"}
        "shift" moves the pixels, which class averaging, covariance estimation and everything else sees, and leaves
        offsets of zero.  "metadata" leaves the pixels and sets the offsets, which reconstruction reads.
    whole_pixels : bool
        In mode "shift", move by whole pixels only and leave the fraction in the offsets: nothing is interpolated.
    invert, batch_size
        As in `estimate`.

    Returns
    -------
    CenteredSource
        With the metadata and filters of ``source``; earlier offsets are replaced, because the displacement is
        measured on the pixels as they are.

    Raises
    ------
    TypeError, ValueError
        As `estimate`, or an unknown mode.
    """
    if mode not in ("shift", "metadata"):
        raise ValueError(f"mode is {mode!r}; choose 'shift' or 'metadata'")
    centers = estimate(source, estimator, invert=invert, batch_size=batch_size)
    nothing = np.zeros_like(centers.displacement)
    if mode == "metadata":
        return CenteredSource(source, centers, nothing, nothing)
    moved = nothing
    if isinstance(source, CoordinateSource) and source._cached_im is None and source._original_resolution == source.L:
        source, moved = _extracted_anew(source, centers.displacement)
    rest = centers.displacement - moved
    return CenteredSource(source, centers, moved, np.rint(rest) if whole_pixels else rest)


def write_coordinates(source: Any, folder: str | PathLike[str]) -> list[Path]:
    """Write the picks of a centred ``CoordinateSource``, one STAR file for each micrograph.

    Parameters
    ----------
    source : CenteredSource
        Made by `center` from a ``CoordinateSource``, in mode "shift".
    folder : path
        Where to write ``<micrograph>.star``; it is made where missing, and no existing file is replaced.

    Returns
    -------
    list of Path
        The files; ``aspire.source.CentersCoordinateSource`` and RELION read them.

    Raises
    ------
    ValueError
        The source has no picks, or two micrographs have the same name.
    FileExistsError
        A file is there already.
    """
    if not source.has_metadata(["_rlnCoordinateX", "_rlnCoordinateY", "__mrc_filepath"]):
        raise ValueError(f"{source!r} has no corrected picks; give what center() made of a CoordinateSource")
    micrographs = np.atleast_1d(source.get_metadata("__mrc_filepath")).astype(str)
    picks = np.atleast_2d(source.get_metadata(["_rlnCoordinateX", "_rlnCoordinateY"])).astype(np.float64)
    names = {path: Path(path).stem for path in dict.fromkeys(micrographs.tolist())}
    if len(set(names.values())) < len(names):
        raise ValueError("two micrographs have the same file name; write their picks from separate sources")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for path, name in names.items():
        file = target / f"{name}.star"
        if file.exists():
            raise FileExistsError(f"{fspath(file)!r} exists; give another folder")
        x, y = picks[micrographs == path].T
        rows = (f"{one:.6f} {other:.6f}" for one, other in zip(x.tolist(), y.tolist(), strict=True))
        lines = ["data_", "", "loop_", "_rlnCoordinateX #1", "_rlnCoordinateY #2", *rows, ""]
        with replacing(file) as temporary:
            temporary.write_text("\n".join(lines), encoding="ascii")
        written.append(file)
    return written


def _pixels(im: Any) -> npt.NDArray[Any]:
    """Return the pixels of an ASPIRE Image, as floating-point numbers."""
    images: npt.NDArray[Any] = im.asnumpy()
    return images if images.dtype.kind == "f" else images.astype(np.float32)


def _moved(im: Any, shift: Float64) -> Any:
    return Image(shift_images(_pixels(im), shift), pixel_size=im.pixel_size)


def _offsets(displacement: Float64) -> Float64:
    """Return ASPIRE's offsets (x, y) in pixels: the object is at (L // 2 - y, L // 2 - x)."""
    return -displacement[:, ::-1] + 0.0  # no negative zeros


def _extracted_anew(source: Any, displacement: Float64) -> tuple[Any, Float64]:
    """Return a copy of a ``CoordinateSource`` with its boxes moved by whole pixels, and the moves (row, column)."""
    boxes = np.array([box for _, box in source.particles], dtype=np.int64)
    shapes = np.array(source.mrc_shapes)[[micrograph for micrograph, _ in source.particles]]
    corner = boxes[:, [1, 0]]
    # the last corner that ASPIRE itself accepts
    new = np.clip(corner + np.rint(displacement).astype(np.int64), 0, shapes - boxes[:, [3, 2]] - 1)
    result = copy.deepcopy(source)
    result.particles = [
        (micrograph, [int(column), int(row), *box[2:]])
        for (micrograph, box), (row, column) in zip(source.particles, new, strict=True)
    ]
    result._mutable = True
    result.set_metadata(["_rlnCoordinateX", "_rlnCoordinateY"], new[:, ::-1] + boxes[:, 2:] // 2)
    result._mutable = False
    return result, (new - corner).astype(np.float64)
