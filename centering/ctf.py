"""The contrast transfer function of the microscope, as far as a radial template sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from centering._moved import from_file

__all__ = ["CTF"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CTF:
    r"""Contrast transfer functions of B images.

    ``H(k) = sin(arcsin(A) + phase + pi wavelength defocus k^2 - pi/2 Cs wavelength^3 k^4)``, k in cycles per Angstrom:
    positive (equal to the amplitude contrast A) at the lowest frequencies for underfocus.

    A radial template is blind to astigmatism: the mean of the two defoci counts.

    Parameters
    ----------
    defocus : array_like, shape (B,) or scalar
        Underfocus in Angstrom, the mean of ``rlnDefocusU`` and ``rlnDefocusV``.
    pixel_size : array_like
        Angstrom per pixel; this and the following are numbers or one per image.
    voltage : array_like, optional
        In kilovolt.
    spherical_aberration : array_like, optional
        Cs in millimetre.
    amplitude_contrast : array_like, optional
        Between 0 and 1.
    phase_shift : array_like, optional
        Of a phase plate, in degrees.

    Raises
    ------
    ValueError
        Values that are not finite, lengths that do not fit together, a pixel size or voltage that is not positive, an
        amplitude contrast outside [0, 1].

    Examples
    --------
    >>> from centering import CTF
    >>> ctf = CTF([15000.0, 30000.0], pixel_size=1.77, spherical_aberration=2.0)
    >>> len(ctf), ctf.transfer([0.0]).round(3).tolist()
    (2, [[0.1], [0.1]])
    """

    defocus: npt.ArrayLike
    pixel_size: npt.ArrayLike
    voltage: npt.ArrayLike = 300.0
    spherical_aberration: npt.ArrayLike = 2.7
    amplitude_contrast: npt.ArrayLike = 0.1
    phase_shift: npt.ArrayLike = 0.0

    def __post_init__(self) -> None:
        names = [field.name for field in fields(self)]
        given = {name: np.asarray(getattr(self, name), dtype=np.float64) for name in names}
        for name, value in given.items():
            if value.ndim > 1 or not np.isfinite(value).all():
                raise ValueError(f"{name} has shape {value.shape} or is not finite; give numbers, one or one per image")
        lengths = {value.size for value in given.values() if value.size != 1}
        if len(lengths) > 1:
            raise ValueError(f"the values are given for {sorted(lengths)} images; give one, or one per image, of each")
        count = lengths.pop() if lengths else 1
        for name, value in given.items():
            object.__setattr__(self, name, np.broadcast_to(value.ravel(), (count,)).copy())
        for name in ("pixel_size", "voltage"):
            if not (self._array(name) > 0).all():
                raise ValueError(f"{name} is {float(self._array(name).min())!r}; give a positive number")
        contrast = self._array("amplitude_contrast")
        if not ((contrast >= 0) & (contrast <= 1)).all():
            raise ValueError(
                f"amplitude_contrast is {float(contrast[np.abs(contrast - 0.5).argmax()])!r}; give 0 to 1, often 0.1"
            )

    @classmethod
    def from_star(cls, star: Any, pixel_size: npt.ArrayLike | None = None) -> CTF:
        """Read a STAR file: `centering.io.star.StarFile.transfer_functions` does it now."""
        found: CTF = from_file("CTF.from_star", "centering.io.star.StarFile", star, pixel_size)
        return found

    @classmethod
    def from_cs(cls, file: Any, pixel_size: npt.ArrayLike | None = None) -> CTF:
        """Read a ``.cs`` file: `centering.io.cryosparc.CsFile.transfer_functions` does it now."""
        found: CTF = from_file("CTF.from_cs", "centering.io.cryosparc.CsFile", file, pixel_size)
        return found

    @staticmethod
    def concatenate(parts: Sequence[CTF]) -> CTF:
        """Join the functions of consecutive batches."""
        names = [field.name for field in fields(CTF)]
        return CTF(*(np.concatenate([part._array(name) for part in parts]) for name in names))

    def __len__(self) -> int:
        return len(self._array("defocus"))

    def __getitem__(self, index: slice | npt.NDArray[Any]) -> CTF:
        """Return the functions of some of the images; where one function serves all images, that one."""
        if len(self) == 1:
            return self
        return CTF(*(self._array(field.name)[index] for field in fields(self)))

    def transfer(self, frequency: npt.ArrayLike) -> Array:
        """Return H, shape (B, *frequency.shape), at frequencies in cycles per pixel."""
        square = np.asarray(frequency, dtype=np.float64) ** 2
        shape = (len(self), *(1,) * square.ndim)
        voltage = 1e3 * self._array("voltage")
        # relativistic electrons: h / sqrt(2 m e V (1 + e V / 2 m c^2)) in Angstrom
        wavelength = 12.2642598 / np.sqrt(voltage * (1.0 + 0.978475598e-6 * voltage))
        pixel = self._array("pixel_size")
        quadratic = np.pi * wavelength * self._array("defocus") / pixel**2
        quartic = 0.5 * np.pi * 1e7 * self._array("spherical_aberration") * wavelength**3 / pixel**4
        offset = np.arcsin(self._array("amplitude_contrast")) + np.deg2rad(self._array("phase_shift"))
        phase = offset.reshape(shape) + quadratic.reshape(shape) * square - quartic.reshape(shape) * square**2
        return np.sin(phase)

    def _array(self, name: str) -> Array:
        value: Array = getattr(self, name)
        return value
