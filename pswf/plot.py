"""Pictures of radial functions, spectra, basis images, quadrature rules and comparisons.

Every function draws into the axes it is given, or into new ones, and returns what it drew into.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pswf.arrays import Array
from pswf.checks import check_basis, check_count, check_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pswf.bases.base import RadialBasis
    from pswf.spectra import Spectra
    from pswf.steerable.basis import SteerableBasis
    from pswf.steerable.compare import Approximation
    from pswf.steerable.prolate import PSWF2D

__all__ = ["basis_images", "errors", "quadrature_nodes", "radial_functions", "spectrum"]


def _axes(axes: Axes | None, **subplot: Any) -> Axes:
    if axes is not None:
        return axes
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained", subplot_kw=subplot)[1]


def radial_functions(basis: RadialBasis, orders: Sequence[int] = (0, 1, 2, 3), *, axes: Axes | None = None) -> Axes:
    """Draw radial functions against r.

    Parameters
    ----------
    basis : RadialBasis
    orders : sequence of int, optional
        Which n.
    axes : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        No radial basis; an order that is not an integer or has no function.
    """
    r = np.linspace(0.0, 1.0, 501)
    values = np.asarray(check_basis(basis).evaluate(r))
    orders = [check_integer(n, "orders", 0) for n in orders]
    axes = _axes(axes)
    for n in orders:
        if n >= len(values):
            raise ValueError(f"orders has the value {n!r}; this basis has the functions 0 to {len(values) - 1}")
        axes.plot(r, values[n], label=f"n = {n}")
    axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    name = re.sub(r"\d+\.\d{5,}", lambda number: f"{float(number[0]):.6g}", repr(basis))
    axes.set(xlabel="r / R", ylabel="radial function", title=name, xlim=(0.0, 1.0))
    axes.legend(frameon=False)
    return axes


def spectrum(spectra: Spectra | PSWF2D, *, axes: Axes | None = None) -> Axes:
    r"""Draw the energy concentrations lambda of all functions, with the plunge from 1 to 0.

    The colour is lambda at angular order N (across) and radial order n (up); the line is the semi-classical count
    ``S_N / pi``, ``S_N = sqrt(c^2 - N^2) - N arccos(N / c)``, where lambda passes 1/2.

    Parameters
    ----------
    spectra : Spectra or PSWF2D
        A truncation well below 1 shows both sides of the plunge.  A basis for images shows its own.
    axes : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        Neither of the two.
    """
    from pswf.spectra import Spectra

    given, spectra = spectra, getattr(spectra, "family", spectra)
    if not isinstance(spectra, Spectra):
        raise TypeError(f"spectra is {given!r}; give what pswf.prolate_spectra returns, or a pswf.PSWF2D")
    axes = _axes(axes)
    image = np.zeros((max(spectra.counts), len(spectra.counts)))
    for N, log_concentration in enumerate(spectra.log_concentration):
        image[: len(log_concentration), N] = np.exp(log_concentration)
    drawn = axes.imshow(image, origin="lower", aspect="auto", cmap="viridis", vmin=0.0, vmax=1.0)
    c = spectra.bandlimit
    order = np.linspace(0.0, c, 400)
    plunge = (np.sqrt(c**2 - order**2) - order * np.arccos(order / c)) / np.pi
    axes.plot(order, plunge - 0.5, color="w", linewidth=1.0, label="$S_N/\\pi$")
    axes.set(xlabel="angular order N", ylabel="radial order n", title=f"concentration, c = {c:.4g}")
    axes.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(-0.5, image.shape[0] - 0.5))
    axes.legend(labelcolor="w", frameon=False)
    axes.figure.colorbar(drawn, ax=axes, label="lambda")
    return axes


def basis_images(basis: SteerableBasis, *, orders: int = 5, functions: int = 4) -> Figure:
    """Draw the cosine functions of the first orders as images: N across, n down.

    Parameters
    ----------
    basis : SteerableBasis
    orders, functions : int, optional
        How many N and n; fewer where the basis has fewer.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError
        Not a steerable basis.
    """
    import matplotlib.pyplot as plt

    from pswf.steerable.basis import SteerableBasis

    if not isinstance(basis, SteerableBasis):
        raise TypeError(f"basis is {basis!r}; give a pswf.SteerableBasis, such as pswf.PSWF2D")

    columns = min(check_count(orders, "orders"), len(basis.counts))
    rows = min(check_count(functions, "functions"), max(basis.counts[:columns]))
    figure, grid = plt.subplots(
        rows, columns, figsize=(1.6 * columns, 1.75 * rows), squeeze=False, layout="constrained"
    )
    for n in range(rows):
        for N in range(columns):
            axes = grid[n, N]
            axes.set_axis_off()
            if n >= basis.counts[N]:
                continue
            coefficients = np.zeros(basis.count)
            coefficients[basis.layout.cosines[N].start + n] = 1.0
            image = np.where(basis.disk, basis.evaluate(coefficients), np.nan)
            limit = np.nanmax(np.abs(image))
            axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axes.set_title(f"N = {N}, n = {n}", fontsize=8)
    return figure


def quadrature_nodes(bandlimit: float, *, tol: float = 1e-14, axes: Axes | None = None) -> Axes:
    """Draw the nodes of the generalised Gaussian rule on the disk, trapezoidal in the angle.

    Parameters
    ----------
    bandlimit : float
        Band of the functions to integrate.
    tol : float, optional
        Of the rule.
    axes : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    from pswf.quadrature import disk_quadrature

    axes = _axes(axes)
    radii, weights = disk_quadrature(bandlimit, tol)
    for r in radii:
        # J_m(C r) is negligible from about this m on
        count = int(np.ceil(bandlimit * r + 10.0 * (bandlimit * r + 1.0) ** (1.0 / 3.0)))
        angle = np.arange(count) * (2.0 * np.pi / count)
        axes.plot(r * np.cos(angle), r * np.sin(angle), ".", markersize=2.0, color="C0")
    circle: Array = np.linspace(0.0, 2.0 * np.pi, 361)
    axes.plot(np.cos(circle), np.sin(circle), color="0.6", linewidth=0.8)
    axes.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axes.set_title(f"{len(weights)} radial nodes, band {bandlimit:.4g}, error {tol:.0e}")
    return axes


def errors(comparison: Mapping[str, Approximation], *, axes: Axes | None = None) -> Axes:
    """Draw approximation errors against the number of coefficients.

    Parameters
    ----------
    comparison : mapping of str to Approximation
        As returned by `pswf.compare_bases`.
    axes : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        Not what `pswf.compare_bases` returns.
    """
    from matplotlib.ticker import LogFormatter

    from pswf.steerable.compare import Approximation

    if not isinstance(comparison, Mapping) or not all(isinstance(one, Approximation) for one in comparison.values()):
        raise TypeError(f"comparison is {comparison!r}; give what pswf.compare_bases returns")
    axes = _axes(axes)
    for name, result in comparison.items():
        axes.loglog(result.counts, result.errors, "o-", markersize=3.0, label=name)
    for show in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        show(LogFormatter(labelOnlyBase=False, minor_thresholds=(3, 0.5)))  # 20, 50, 100: these are few decades
    axes.set(xlabel="real coefficients", ylabel="median relative error on the disk")
    axes.grid(visible=True, which="major", color="0.9")
    axes.legend(frameon=False)
    return axes
