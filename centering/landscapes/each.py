"""What the estimators that look at one image after the other share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from centering.landscapes.minimum import Minimum
from centering.results import Centers, Flag
from centering.stack import Images, normalized

__all__ = ["center_each"]

Array = npt.NDArray[np.float64]


def center_each(
    stack: Images, finite: npt.NDArray[np.bool_], find: Callable[[Array], Minimum], estimator: str
) -> Centers:
    """Return the centres that ``find`` sees in the images ``I - min I``, in float64 and brought to unit size.

    Images that are not finite get the flag NONFINITE, displacement 0 and score NaN; constant images the flag FLAT,
    displacement 0 and score 0.  Neither is shown to ``find``.
    """
    displacement = np.zeros((len(stack), 2))
    score = np.full(len(stack), np.nan)
    flags = np.where(finite, 0, int(Flag.NONFINITE))
    for i in np.flatnonzero(finite):
        image, _ = normalized(stack[i])
        if image.any():
            *displacement[i], score[i], flags[i] = find(image - image.min())
        else:
            score[i], flags[i] = 0.0, int(Flag.FLAT)
    return Centers(displacement, score, flags, None, estimator)
