"""What is to be done with a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from centering.engine.contrast import Contrast
from centering.estimators.base import Estimator
from centering.io.particles import Particles

if TYPE_CHECKING:
    from centering.radial.fitted import FittedReference

__all__ = ["Job"]

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Job:
    """What is to be done with a dataset: made by `prepare`, before anything is written.

    Attributes
    ----------
    particles : Particles
        The dataset.
    estimators : sequence of Estimator
        One for every distinct radius.
    members : ndarray, shape (B,), int64
        Which of the estimators each particle goes through.
    radius : ndarray, shape (B,), int64, or None
        Radius in pixels of each particle; None where the estimator needs none and none was given.
    contrast : Contrast
        Whether the pixels are inverted.
    references : sequence of FittedReference
        What was learned from the dataset, where anything was.
    """

    particles: Particles
    estimators: Sequence[Estimator]
    members: Index
    radius: Index | None
    contrast: Contrast
    references: Sequence[FittedReference] = ()

    @property
    def warnings(self) -> list[str]:
        """What makes every centre doubtful, a sentence each, without capitals and full stops."""
        return [words for reference in self.references for words in reference.warnings]
