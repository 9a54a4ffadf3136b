"""The best shift and turn together, in a steerable basis, where a turn is a phase."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from centering.alignment.disk import Disk
from centering.alignment.shifts import Match, ShiftSearch, derivatives
from centering.alignment.tuning import TUNING
from centering.fourier import Complex, climb
from pswf.arrays import Array
from pswf.steerable.prolate import PSWF2D

__all__ = ["TurnSearch", "highest_angle"]


class TurnSearch:
    """All turns and all shifts up to a limit.

    The vector of an image holds its inner products with the prolate functions of the disk whose band is that of the
    images, real parts, then imaginary parts; a turn multiplies those of order N by ``exp(i N angle)``.  A first look
    takes every candidate shift at every one of ``count`` angles; from the best of them, all angles at that shift and
    all shifts at that angle in turn, twice; then Newton's method for all three.

    Parameters
    ----------
    disk : Disk
    candidates : ndarray, shape (h,)
        As in `ShiftSearch`.
    count : int
        Number of angles of the first look.
    settled : float
        A step of Newton's method, in pixels, after which it ends.
    """

    def __init__(self, disk: Disk, candidates: npt.NDArray[np.int64], count: int, settled: float) -> None:
        self.disk, self.settled = disk, settled
        self.shifts = ShiftSearch(disk, candidates)
        self.angles = np.arange(count) * (2.0 * np.pi / count)
        self.basis = PSWF2D(2 * disk.radius + 1, bandlimit_ratio=2.0 / disk.wavelength, dtype=np.float64)
        self.orders = self.basis.layout.complex_angular_indices
        self.scale = np.where(self.orders, np.sqrt(2.0), 1.0)  # the negative orders
        # few functions of low frequency: for them a table is faster than transforms, as images come one by one
        functions = self.basis.to_complex(self.basis.evaluate(np.eye(self.basis.count))[:, disk.inside].T).T
        functions *= self.scale[:, None]
        # one by one: all of them as images could take more memory than the stack
        templates = [disk.template(values).ravel() for values in (*functions.real, *functions.imag)]
        self.table = np.array(templates).view(np.float64)

    @property
    def length(self) -> int:
        """Length of the vectors."""
        return len(self.table)

    def vector(self, low: Complex, match: Match) -> Array:
        """Return the vector of an image that was moved and turned to the reference."""
        return self.turned(self.seen(low, match.displacement), -match.angle)

    def seen(self, low: Complex, displacement: Array) -> Array:
        """Return the vector of an image that was moved, but not turned."""
        weighted = self.disk.moved(low, displacement) * self.disk.weights / self.disk.size**2
        result: Array = self.table @ weighted.ravel().view(np.float64)
        return result

    def template(self, vector: Array) -> Complex:
        """Return the low frequencies of the image whose inner product with a moved image is that of the vectors."""
        result: Complex = (vector @ self.table).view(np.complex128)
        return result.reshape(*vector.shape[:-1], *self.disk.passed.shape)

    def aligned(self, low: Complex, match: Match) -> Array:
        """Return the whole image (n, n), moved and turned to the reference: by cubic splines, it is only looked at."""
        cosine, sine = math.cos(match.angle), math.sin(match.angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        middle = np.full(2, self.disk.size // 2)
        image = self.shifts.aligned(low, match)
        return np.asarray(ndimage.affine_transform(image, turn, middle - turn @ middle, mode="grid-wrap"))

    def picture(self, vector: Array) -> Array:
        """Return the picture (2R+1, 2R+1) of a vector."""
        return np.asarray(self.basis.evaluate(self.basis.to_real(_complex(vector) / self.scale)))

    def turned(self, vector: Array, angle: npt.ArrayLike) -> Array:
        """Return the vectors of a picture turned by angles in radians, counterclockwise, along leading axes."""
        phase = np.exp(1j * np.multiply.outer(angle, self.orders))
        coefficients = _complex(vector) * phase
        return np.concatenate([coefficients.real, coefficients.imag], axis=-1)

    def best(self, low: Complex, reference: Array) -> Match:
        """Return where the image fits the reference best."""
        templates = self.template(self.turned(reference, self.angles))
        correlation = self.shifts.correlation(low * templates.conj())
        _, i, j = np.unravel_index(int(correlation.argmax()), correlation.shape)
        match = Match(self.shifts.candidates[[i, j]].astype(np.float64), 0.0, False)
        for _ in range(TUNING.alternations):
            angle = self.best_angle(low, reference, match.displacement)
            match = self.shifts.highest(low * self.template(self.turned(reference, angle)).conj())._replace(angle=angle)
        return match if match.border else self.climb(low, reference, match)

    def climb(self, low: Complex, reference: Array, start: Match) -> Match:
        """Return the highest point of the correlation over shifts and turns near a point, by Newton's method.

        The point is returned where there is no hill, or its top is farther than a pixel, or a wavelength at the rim.
        """
        reach = np.array([1.0, 1.0, self.disk.wavelength / self.disk.radius])

        def slopes(point: Array) -> tuple[Array, Array]:
            coefficients = _complex(self.turned(reference, point[2]))
            turns = np.stack([coefficients * (1j * self.orders) ** power for power in range(3)])
            templates = self.template(np.concatenate([turns.real, turns.imag], axis=1))
            value, first, second = derivatives(self.disk, low * templates.conj(), point)
            gradient = np.array([value[1, 0], value[0, 1], first[0, 0]])
            curvature = np.array(
                [
                    [value[2, 0], value[1, 1], first[1, 0]],
                    [value[1, 1], value[0, 2], first[0, 1]],
                    [first[1, 0], first[0, 1], second[0, 0]],
                ]
            )
            return gradient, curvature

        point = climb(slopes, np.array([*start.displacement, start.angle]), reach=reach, settled=self.settled * reach)
        return Match(point[:2], float(point[2]), start.border)

    def best_angle(self, low: Complex, reference: Array, displacement: Array) -> float:
        """Return the angle in radians at which the image about ``displacement`` fits the reference best."""
        products = _complex(self.seen(low, displacement)) * _complex(reference).conj()
        real, imaginary = (np.bincount(self.orders, part) for part in (products.real, products.imag))
        return highest_angle(real + 1j * imaginary)


def _complex(vector: Array) -> Complex:
    """Return the complex coefficients whose real and imaginary parts a vector holds."""
    half = vector.shape[-1] // 2
    result: Complex = vector[..., :half] + 1j * vector[..., half:]
    return result


def highest_angle(series: Complex) -> float:
    """Return the angle in [-pi, pi] at which ``Re sum_N series[N] exp(-i N angle)`` is largest.

    A fine grid, then Newton's method.
    """
    order = np.arange(len(series))
    points = TUNING.angle_oversampling * len(series)
    step = 2.0 * np.pi / points

    def slopes(angle: Array) -> tuple[Array, Array]:
        terms = series * np.exp(-1j * order * angle)
        return np.array([(order * terms).imag.sum()]), np.array([[-(order**2 * terms).real.sum()]])

    start = np.array([step * int(np.fft.fft(series, points).real.argmax())])
    return math.remainder(climb(slopes, start, reach=step, settled=TUNING.angle_tolerance)[0], 2.0 * math.pi)
