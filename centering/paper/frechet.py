r"""Means and medians of weighted points: what "centre" means, in one formula.

For points ``p_i`` with weights ``w_i >= 0`` the Frechet function of order q is ``F_q(x) = sum_i w_i d(p_i, x)^q``.
Order 2 is the Frechet variance; its minimiser is the centre of mass.  Order 1 gives the geometric median.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pswf.arrays import Array

__all__ = ["frechet_function", "frechet_mean", "frechet_median", "pixels"]


def frechet_function(points: npt.ArrayLike, weights: npt.ArrayLike, x: npt.ArrayLike, order: float = 2.0) -> Array:
    """Return ``F_q(x) = sum_i w_i d(p_i, x)^q``.

    Parameters
    ----------
    points : array_like, shape (n, D)
    weights : array_like, shape (n,)
        Not negative, not all zero.
    x : array_like, shape (..., D)
        Where the function is wanted.
    order : float
        q > 0: 2 for the Frechet variance, 1 for the sum of distances.

    Returns
    -------
    ndarray, shape (...)
        In units of the weights times length to the power q.

    Raises
    ------
    ValueError
        Shapes that do not fit, or weights that are negative or all zero.

    Examples
    --------
    >>> print(frechet_function([[0.0], [2.0]], [1.0, 3.0], [[1.0], [1.5]]))
    [4. 3.]
    """
    position, weight = _check(points, weights)
    at = np.asarray(x, dtype=np.float64)
    if at.ndim == 0 or at.shape[-1] != position.shape[1]:
        raise ValueError(f"x has shape {at.shape}; give (..., {position.shape[1]}), as many coordinates as the points")
    result = np.empty(at.shape[:-1])
    for index in np.ndindex(result.shape):
        result[index] = weight @ np.linalg.norm(position - at[index], axis=1) ** order
    return result


def frechet_mean(points: npt.ArrayLike, weights: npt.ArrayLike) -> Array:
    """Return the minimiser of the Frechet variance, shape (D,): the centre of mass ``sum w p / sum w``.

    ``sum_i w_i |p_i - x|^2 = W |x - m|^2 + sum_i w_i |p_i - m|^2`` with ``W = sum w`` and m the centre of mass: the
    second term does not depend on x, and the first is least at x = m.

    Raises
    ------
    ValueError
        As `frechet_function`.

    Examples
    --------
    >>> print(frechet_mean(*pixels([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]])))
    [2.  1.5]
    """
    position, weight = _check(points, weights)
    mean: Array = weight @ position / weight.sum()
    return mean


def frechet_median(points: npt.ArrayLike, weights: npt.ArrayLike, *, tolerance: float = 1e-10) -> Array:
    """Return the minimiser of the sum of distances, shape (D,): the geometric median.

    Weiszfeld's iteration in the form of Vardi and Zhang (PNAS 97 (2000) 1423), which does not stop at a point of
    the data that is not the median.

    Parameters
    ----------
    points, weights :
        As `frechet_function`.
    tolerance : float
        The iteration ends when a step is shorter than this part of the extent of the points.

    Raises
    ------
    ValueError
        As `frechet_function`.

    Examples
    --------
    >>> print(frechet_median([[0.0], [1.0], [10.0]], [1, 1, 1]).round(6))
    [1.]
    """
    position, weight = _check(points, weights)
    position, weight = position[weight > 0], weight[weight > 0]
    x = frechet_mean(position, weight)
    extent = float(np.linalg.norm(position - x, axis=1).max())
    if extent == 0.0:
        return x
    for _ in range(10_000):
        distance = np.linalg.norm(position - x, axis=1)
        here = distance <= 1e-14 * extent
        pull = np.where(here, 0.0, weight / np.where(here, 1.0, distance))
        target = pull @ position / pull.sum()
        # the weight of a point that x sits on holds x back
        force = float(np.linalg.norm(pull @ (position - x)))
        held = float(weight[here].sum())
        stay = 1.0 if held >= force else held / force
        step = (1.0 - stay) * (target - x)
        x = x + step
        if np.linalg.norm(step) <= tolerance * extent:
            break
    return x


def pixels(image: npt.ArrayLike) -> tuple[Array, Array]:
    """Return the positions (row, column), shape (n, 2), and the values, shape (n,), of the pixels of an image.

    The image may have any shape; positions count from 0.
    """
    values = np.asarray(image, dtype=np.float64)
    return np.argwhere(np.ones(values.shape, dtype=bool)).astype(np.float64), values.ravel()


def _check(points: npt.ArrayLike, weights: npt.ArrayLike) -> tuple[Array, Array]:
    position = np.asarray(points, dtype=np.float64)
    weight = np.asarray(weights, dtype=np.float64)
    if position.ndim != 2 or weight.shape != position.shape[:1]:
        raise ValueError(f"points have shape {position.shape} and weights {weight.shape}; give (n, D) and (n,)")
    if not (weight >= 0).all() or not 0 < weight.sum() < np.inf:
        raise ValueError(
            f"weights lie between {weight.min():g} and {weight.max():g}; "
            "give finite numbers of at least 0, not all of them 0"
        )
    return position, weight
