"""The types of arrays that the modules speak of."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Indices", "Real"]

Array = npt.NDArray[np.float64]
"""Double precision, in which everything is computed that is not a whole image."""

Real = npt.NDArray[Any]
"""float32 or float64: pixels and coefficients in the precision of their basis."""

Indices = npt.NDArray[np.int64]
