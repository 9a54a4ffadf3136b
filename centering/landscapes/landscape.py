"""The landscape of the surrogate centre of mass, by name of its score and of its method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from centering.checks import check_choice, check_radius
from centering.landscapes.direct import direct
from centering.landscapes.fused import fused
from centering.landscapes.maps import maps
from centering.landscapes.plan import Plan
from centering.landscapes.score import Score, check_score
from centering.stack import Images, check_stack, normalized
from pswf.bases.base import RadialBasis

__all__ = ["METHODS", "check_choice", "landscape", "landscapes"]

Array = npt.NDArray[np.float64]

METHODS: dict[str, Callable[[Array, Plan], tuple[Array, float]]] = {"direct": direct, "maps": maps, "fused": fused}
"""The ways to compute a landscape; they return it with the 1 / E that it was normalised by."""


def landscape(
    images: npt.ArrayLike,
    radius: int,
    *,
    score: str | Score = "cumulative",
    basis: RadialBasis | None = None,
    method: str = "maps",
    max_shift: float | None = None,
) -> Array:
    r"""Landscape of the surrogate centre of mass: least at the best candidate.

    About every candidate p the disk of radius R is averaged over rotations, ``A_p(l) = sum_n alpha_n(p) psi_n(l)``;
    with the rings of w_l pixels, ``u_p[rho] = sum_{l<=rho} w_l A_p(l)`` is the energy inside radius rho, and
    ``L(p) = sum_rho |u_p[rho] / E_max - 1|`` (3.1), rho = 0..R, ``E_max = max_p u_p[R]``: the earlier the energy is
    gathered, the smaller L.  The images are made non-negative first (``I - min I``).

    Parameters
    ----------
    images : array_like, shape (B, n, n) or (n, n)
    radius : int
        R, radius of the particle in pixels, at least 1; its disk of 2R + 1 pixels must fit into the image.
    score : {"cumulative", "paper", "racer"} or Score, optional
        ``"cumulative"`` is equation (3.1).  ``"paper"`` is (3.1) with the rotational averages as the paper computes
        them: prolate functions truncated at 1e-3, plain sums over the pixels.  ``"racer"`` is what the authors'
        released code computes: the averages of the paper with coefficients weighted by lambda_n (where the basis has
        them), rings ``l <= d < l + 1`` counted on the whole square, no cumulative sum, and E the maximum over all
        candidates and rings.  These two are for reproduction.  A `Score` is a variant of your own.
    basis : RadialBasis, optional
        By default prolate functions at the Nyquist frequency and the constant, for ``"paper"`` and ``"racer"`` the
        prolate functions of the paper; see `pswf.AngularZero`.
    method : {"maps", "direct", "fused"}, optional
        ``"direct"``: Algorithm 3.1 line by line, candidates in parallel.  ``"maps"``: the same from maps of
        ``alpha_n(p)`` by FFT.  ``"fused"``: one correlation with the kernel of ``sum_rho u_p[rho]``, and one for E.
        It leaves out the absolute value and therefore *equals (3.1) where no* ``u_p[rho]`` *exceeds* ``E_max``, and
        is a lower bound elsewhere: it lacks ``2 sum_rho max(0, u_p[rho] / E_max - 1)``.  With non-negative images
        and a basis that follows them well no excess occurs; where it does, ask for ``"maps"``.  (`SurrogateCenter`
        checks its minimum and does so by itself.)  For scores with one normaliser for all rings, such as
        ``"racer"``, there is no excess, but that normaliser needs all maps: ``"fused"`` is then the same as
        ``"maps"``.
    max_shift : float, optional
        Only candidates displaced by at most this many pixels along either axis.

    Returns
    -------
    ndarray, shape (B, h, w), float64
        Dimensionless, whatever the type of the images (all arithmetic is in double precision).  Axes (row, column)
        as given by `candidates`.  NaN for an image with NaN or infinite pixels; R + 1 everywhere for a constant one.

    Raises
    ------
    TypeError
        Complex or non-numeric images, or a basis without ``evaluate``.
    ValueError
        Images that are not square or empty; a radius below 1 or too large; an unknown score or method; a negative
        ``max_shift``; a basis with values of the wrong shape.

    See Also
    --------
    centering.candidates : the axes of the landscape
    centering.SurrogateCenter : its minimum; keeps the tables that this function builds at every call

    Notes
    -----
    The paper's truncation keeps prolate functions that hardly live on the disk; with the ring weights they count the
    few pixels at d = R much more than their neighbours, and below R = 15 or so ``score="paper"`` puts one bright pixel
    R away.  The median error on ten projections of a 70S ribosome at a signal-to-noise ratio of 1/20, with ``"paper"``
    and by default, is 1.5 and 1.2 px at R = 11 (binned by 4), 1.4 and 1.2 px at R = 22 (binned by 2), 1.52 and 1.47 px
    at R = 45.

    References
    ----------
    A. Heimowitz, N. Sharon, A. Singer, Centering noisy images with application to cryo-EM, SIAM J. Imaging Sci. 14
    (2021) 689, doi:10.1137/20M1365946.

    Examples
    --------
    >>> import numpy as np
    >>> from centering import candidates, landscape
    >>> image = np.zeros((32, 32))
    >>> image[13:22, 7:16] = 1.0  # 9 x 9 pixels about (17, 11); the centre pixel is (16, 16)
    >>> surface = landscape(image, 7)[0]
    >>> surface.shape
    (18, 18)
    >>> i, j = np.unravel_index(surface.argmin(), surface.shape)
    >>> rows, columns = candidates(size=32, radius=7)
    >>> print(rows[i], columns[j])
    1 -5
    """
    compute = METHODS[check_choice(method, "method", METHODS)]
    chosen = check_score(score)
    stack, finite = check_stack(images)
    disk = chosen.disk(check_radius(radius, stack.shape[-1]), basis)
    plan = Plan(stack.shape[-1], disk, chosen, max_shift)
    return landscapes(stack, finite, plan.shape, lambda image: compute(image, plan)[0])


def landscapes(
    stack: Images,
    finite: npt.NDArray[np.bool_],
    shape: tuple[int, int],
    compute: Callable[[Array], Array],
    *,
    degree: int = 0,
) -> Array:
    """Return ``compute(I - min I)`` for every image, shape (B, *shape); NaN where an image is not finite.

    ``compute`` sees the images brought to unit size; what it returns goes as the power ``degree``, 0 or 1, of the size.
    """
    result = np.full((len(stack), *shape), np.nan)
    for i in np.flatnonzero(finite):
        image, exponent = normalized(stack[i])
        values = compute(image - image.min())
        result[i] = np.ldexp(values, exponent) if degree else values
    return result
