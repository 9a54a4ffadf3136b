"""Comparisons and pictures of bases: what they show is what was computed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import processes
import pytest
from whole_images import draw_stack, make_basis

from pswf import PSWF, Zernike, basis_names, compare_bases, disk_quadrature, plot, prolate_spectra

mpl.use("Agg")
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


class TestCompareBases:
    def test_every_basis_improves_with_its_count(self, rng: np.random.Generator, foreign_basis: Path) -> None:
        result = compare_bases(draw_stack(rng, 32, 4), [300, 30, 100], learned_from=draw_stack(rng, 32, 30))
        assert list(result) == [*basis_names(), "learned"]
        assert {"prolate", "Fourier-Bessel", "Dini-Bessel", "Zernike", "clamped"} < set(result)
        for approximation in result.values():
            assert (np.diff(approximation.errors) < 0).all()
            # as many as asked for, to what a basis offers
            np.testing.assert_allclose(approximation.counts, [30, 100, 300], rtol=0.3)
        # the learned functions know where blobs lie
        assert result["learned"].errors[0] < 0.8 * result["prolate"].errors[0]
        # prolate functions waste nothing beyond the band or the disk; polynomials crowd at the edge
        assert result["prolate"].errors[-1] < 0.5 * result["Zernike"].errors[-1]

    def test_errors_are_relative_residuals(self, rng: np.random.Generator) -> None:
        images = draw_stack(rng, 24, 3)
        result = compare_bases(images, [40])
        from pswf import SteerableBasis

        basis = SteerableBasis(prolate_spectra(2 * np.sqrt(40)), 24, dtype=np.float64)
        functions = basis.evaluate(np.eye(basis.count))[:, basis.disk]
        rest = images[:, basis.disk].T - functions.T @ np.linalg.lstsq(functions.T, images[:, basis.disk].T)[0]
        expected = np.linalg.norm(rest, axis=0) / np.linalg.norm(images[:, basis.disk], axis=1)
        assert result["prolate"].errors[0] == pytest.approx(np.median(expected), rel=1e-6)
        assert result["prolate"].counts[0] == basis.count

    def test_any_basis(self, rng: np.random.Generator) -> None:
        images = draw_stack(rng, 24, 2)
        fixed = make_basis("PSWF2D", 24)
        bases = {"mine": prolate_spectra, "fixed": fixed}
        result = compare_bases(images, [20, 60], names=["prolate", "Zernike"], bases=bases)
        assert list(result) == ["prolate", "Zernike", "mine", "fixed"]
        np.testing.assert_array_equal(result["mine"].errors, result["prolate"].errors)
        assert result["fixed"].counts == [fixed.count]
        assert result["fixed"].errors == pytest.approx(np.median(fixed.least_squares(images).residual), rel=1e-4)

    @pytest.mark.parametrize(
        ("name", "basis", "error", "message"),
        [
            ("Zernike", prolate_spectra, ValueError, "'Zernike' is among the names and among the bases"),
            ("learned", prolate_spectra, ValueError, "'learned' has the name of the learned one"),
            ("odd", 3, TypeError, "the basis 'odd' gave 3; give a function of the bandlimit"),
            ("odd", lambda c: Zernike(3), TypeError, r"the basis 'odd' gave Zernike\(3, 0\); give a function of"),
            ("odd", make_basis("PSWF2D", 24), ValueError, "this basis is for"),
        ],
    )
    def test_what_is_no_basis(self, name: str, basis: object, error: type[Exception], message: str) -> None:
        images = np.ones((1, 8, 8))
        with pytest.raises(error, match=message):
            compare_bases(images, [3], names=["Zernike"], bases={name: basis}, learned_from=images)

    @pytest.mark.parametrize("shape", [(8, 8), (2, 8, 9), (0, 8, 8)])
    def test_stacks_only(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"give a stack \(B, L, L\)"):
            compare_bases(np.zeros(shape), [10])

    def test_counts_are_positive(self) -> None:
        with pytest.raises(ValueError, match="counts is 0; give an integer of at least 1"):
            compare_bases(np.zeros((1, 8, 8)), [10, 0])


class TestPlot:
    def test_radial_functions(self) -> None:
        basis = PSWF(20.0, 1, count=4)
        axes = plot.radial_functions(basis, (0, 3))
        lines = [line for line in axes.get_lines() if str(line.get_label()).startswith("n = ")]
        for line, n in zip(lines, (0, 3), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), basis.evaluate(line.get_xdata())[n])

    def test_radial_functions_that_are_not_there(self) -> None:
        with pytest.raises(ValueError, match="orders has the value 9; this basis has the functions 0 to 3"):
            plot.radial_functions(PSWF(20.0, count=4), (0, 9))

    def test_spectrum(self) -> None:
        spectra = prolate_spectra(30.0, 1e-3)
        axes = plot.spectrum(spectra)
        shown = np.asarray(axes.get_images()[0].get_array())
        assert shown[0, 0] == pytest.approx(1.0)
        for N, part in enumerate(spectra.log_concentration):
            np.testing.assert_allclose(shown[: len(part), N], np.exp(part))
        # the line passes through the plunge
        line = axes.get_lines()[0]
        height = float(np.interp(10.0, line.get_xdata(), line.get_ydata()))
        assert shown[int(np.floor(height)) - 1, 10] > 0.5 > shown[int(np.ceil(height)) + 1, 10]

    def test_spectrum_of_a_basis_for_images(self) -> None:
        basis = make_basis("PSWF2D", 16)
        one, other = (plot.spectrum(given).get_images()[0].get_array() for given in (basis, basis.family))
        np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize(
        ("draw", "given", "message"),
        [
            (plot.spectrum, 3, "spectra is 3; give what pswf.prolate_spectra returns, or a pswf.PSWF2D"),
            (plot.spectrum, PSWF(9.0, count=2), r"spectra is PSWF\(9.0.*; give what pswf.prolate_spectra returns"),
            (plot.spectrum, make_basis("Zernike", 16), "spectra is SteerableBasis.*; give what pswf.prolate_spectra"),
            (plot.radial_functions, 3, "basis is 3; give an object with a method evaluate"),
            (plot.basis_images, PSWF(9.0, count=2), "basis is PSWF.*; give a pswf.SteerableBasis"),
            (plot.errors, [1.0], r"comparison is \[1.0\]; give what pswf.compare_bases returns"),
            (plot.errors, {"a": 1.0}, "give what pswf.compare_bases returns"),
        ],
    )
    def test_what_cannot_be_drawn(self, draw: Callable[[object], object], given: object, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            draw(given)
        assert not plt.get_fignums()

    def test_basis_images(self) -> None:
        basis = make_basis("PSWF2D", 16)
        figure = plot.basis_images(basis, orders=3, functions=2)
        shown = np.asarray(figure.axes[1].get_images()[0].get_array())
        coefficients = np.zeros(basis.count)
        coefficients[(basis.angular_indices == 1) & (basis.radial_indices == 0) & (basis.sign_indices > 0)] = 1.0
        np.testing.assert_allclose(shown[basis.disk], basis.evaluate(coefficients)[basis.disk])
        assert len(figure.axes) == 6

    def test_bases_with_few_functions(self) -> None:
        figure = plot.basis_images(make_basis("PSWF2D", 3), orders=50, functions=50)
        assert len(figure.axes) == len(make_basis("PSWF2D", 3).counts) * max(make_basis("PSWF2D", 3).counts)

    def test_quadrature_nodes(self) -> None:
        axes = plot.quadrature_nodes(25.0, tol=1e-10)
        radii, _ = disk_quadrature(25.0, 1e-10)
        circles = axes.get_lines()[:-1]
        drawn = [np.hypot(line.get_xdata(), line.get_ydata()) for line in circles]
        np.testing.assert_allclose([r[0] for r in drawn], radii)
        # enough angles for the band of every circle
        assert all(len(r) > 25.0 * r[0] for r in drawn)

    def test_errors_into_given_axes(self, rng: np.random.Generator) -> None:
        _, axes = plt.subplots()
        result = compare_bases(draw_stack(rng, 16, 2), [10, 30])
        assert plot.errors(result, axes=axes) is axes
        assert [line.get_label() for line in axes.get_lines()] == list(result)


def test_pictures_are_not_needed_for_numbers() -> None:
    code = "import pswf.plot, sys; assert 'matplotlib' not in sys.modules"
    processes.run([sys.executable, "-c", code], check=True)


def test_a_missing_finufft_is_one_sentence() -> None:
    code = (
        "import sys; sys.modules['finufft'] = None\n"
        "import pswf\n"
        "try: pswf.PSWF2D(8)\n"
        "except ImportError as error: print(error)\n"
    )
    output = processes.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output == "whole-image bases need finufft: pip install 'pswf-centering[steerable]'\n"


def test_a_missing_aspire_is_one_sentence() -> None:
    code = (
        "import sys; sys.modules['aspire'] = None\ntry: import pswf.aspire\nexcept ImportError as error: print(error)\n"
    )
    output = processes.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output == "pswf.aspire needs ASPIRE-Python: pip install 'pswf-centering[aspire]'\n"


@pytest.mark.parametrize(
    "name",
    [
        "pswf.spectra",
        "pswf.bases.dini",
        "pswf.steerable.basis",
        "pswf.steerable.blocks",
        "pswf.steerable.prolate",
        "pswf.steerable.compare",
    ],
)
def test_examples_in_the_documentation(name: str) -> None:
    import doctest
    from importlib import import_module

    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
