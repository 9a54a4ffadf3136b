"""What is to be done with a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from centering.engine.contrast import Contrast
from centering.engine.origins import Origins
from centering.estimators.base import Estimator, Fitted
from centering.io.particles import Particles

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
    references : sequence of Fitted
        What was learned from the dataset, where anything was.
    asked : str
        What was asked for: the name of the estimator, where it comes from, and its options.
    together : bool
        Whether every image needs all the others that go through the same estimator.
    title : str
        The estimator in words, for people.
    origins : Origins or None
        The origins that the file states, where it states any.
    """

    particles: Particles
    estimators: Sequence[Estimator]
    members: Index
    radius: Index | None
    contrast: Contrast
    references: Sequence[Fitted] = ()
    asked: str = ""
    together: bool = False
    title: str = ""
    origins: Origins | None = None

    @property
    def warnings(self) -> list[str]:
        """What makes every centre doubtful, a sentence each, without capitals and full stops."""
        origins = [] if self.origins is None else [self.origins.warning()]
        learned = [words for reference in self.references for words in reference.warnings]
        return [*self.particles.warnings, *origins, *learned]
