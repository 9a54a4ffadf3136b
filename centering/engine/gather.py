"""Put the centres of batches, in whatever order they come, into the order of the particles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from centering.results import Centers, Flag

__all__ = ["Gathered"]


class Gathered:
    """The centres of ``count`` particles; those never added have displacement 0, score NaN and the flag UNREADABLE."""

    def __init__(self, count: int) -> None:
        self.done = np.zeros(count, dtype=np.bool_)
        self._displacement = np.zeros((count, 2))
        self._score = np.full(count, np.nan)
        self._flags = np.full(count, int(Flag.UNREADABLE), dtype=np.int64)
        self._covariance: npt.NDArray[np.float64] | None = None
        self._bare = False  # whether some batch came without covariances
        self._name = (count, "")  # of the estimator of the first particle

    def add(self, places: npt.NDArray[np.int64], centers: Centers) -> None:
        """Add one batch; adding it twice changes nothing."""
        self.done[places] = True
        self._displacement[places] = centers.displacement
        self._score[places] = centers.score
        self._flags[places] = centers.flags
        if centers.covariance is None:
            self._bare = True
        else:
            if self._covariance is None:
                self._covariance = np.full((len(self.done), 2, 2), np.nan)
            self._covariance[places] = centers.covariance
        self._name = min(self._name, (int(places.min()), centers.estimator))

    def centers(self) -> Centers:
        """Return all that was added; covariances only where every batch had them."""
        covariance = None if self._bare else self._covariance
        return Centers(self._displacement, self._score, self._flags, covariance, self._name[1])
