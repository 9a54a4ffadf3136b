"""Figures show the numbers they are given."""

import numpy as np
import pytest

from centering.paper import figures
from centering.paper.figures import Surface


def marks(ax):
    """Return where centres are marked, (row, column), without the white edges."""
    return {tuple(line.get_xydata()[0][::-1]) for line in ax.lines}


def test_images_mark_displacements_from_the_center_pixel():
    panels = {"a": np.zeros((20, 31)), "b": np.ones((20, 31))}
    figure = figures.images(panels, {"a": {"mass": (1, 2), "median": (-3, 0.5)}, "b": {"median": (0, 0)}}, circle=4)
    first, second = figure.axes
    assert marks(first) == {(11, 17), (7, 15.5)}
    assert marks(second) == {(10, 15)}
    assert [circle.radius for circle in first.patches] == [4]
    assert first.yaxis_inverted()
    assert "px" in first.get_xlabel()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mass", "median"]
    # a kind looks alike in every panel
    assert {line.get_mec() for line in second.lines} < {line.get_mec() for line in first.lines}


def test_images_fill_rows_and_share_grey_scales():
    panels = {str(k): np.full((8, 8), float(k)) for k in range(5)}
    figure = figures.images(panels, columns=3, shared=True)
    assert [ax.get_title() for ax in figure.axes] == ["0", "1", "2", "3", "4", ""]
    assert figure.axes[1].images[0].get_clim() == (0, 4)
    assert not figure.axes[5].axison


def test_landscapes_lie_where_their_candidates_are():
    values = np.arange(20.0).reshape(4, 5)
    values[2, 1] = -1
    surface = Surface(values, np.arange(-2, 2), np.arange(-1, 4))
    assert surface.minimum == (0, 0)
    figure = figures.landscapes(np.zeros((16, 16)), {"least": surface}, truth=(3, -2))
    image, landscape, _ = figure.axes
    assert marks(image) == {(8, 8), (11, 6)}
    assert marks(landscape) == {(8, 8)}
    # candidate (-2, -1) is the pixel (6, 7)
    assert landscape.images[0].get_extent() == [6.5, 11.5, 9.5, 5.5]


@pytest.mark.parametrize("half_width", [None, 12.0])
def test_error_bars_are_percentiles(half_width):
    draws = np.stack([np.arange(101.0), np.full(101, 3.0)])
    figure = figures.error_bars([1.0, 0.1], {"a": draws}, half_width=half_width)
    ax = figure.axes[0]
    line, _, (bars,) = ax.containers[0]
    np.testing.assert_allclose(line.get_ydata(), (50, 3))
    np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], [(10, 90), (3, 3)])
    assert "px" in ax.get_ylabel()
    assert ax.xaxis_inverted()


def test_curves_are_told_apart_without_color():
    figure = figures.curves([1, 2], {"a": [1, 2], "b": [2, 3]}, xlabel="x (px)", ylabel="y", scale=("linear", "log"))
    first, second = figure.axes[0].lines
    np.testing.assert_array_equal(second.get_ydata(), (2, 3))
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()
    assert figure.axes[0].get_yscale() == "log"


def test_ring_correlations_are_averaged_over_the_images():
    correlations = {"with": np.array([[1.0, 0.5], [0.5, 0.0]]), "without": np.zeros((3, 2))}
    ax = figures.ring_correlations(correlations, 8).axes[0]
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [(1 / 8, 0.75), (2 / 8, 0.25)])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["with (mean 0.50)", "without (mean 0.00)"]
    assert "1/px" in ax.get_xlabel()


def test_picks_are_marked_where_they_are():
    figure = figures.picks(np.zeros((30, 40)), {"pick": [(3, 4), (20, 35)], "corrected": [(5, 6)]})
    assert marks(figure.axes[0]) == {(3, 4), (20, 35), (5, 6)}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["pick", "corrected"]


def test_numbers_that_are_counted_have_whole_ticks():
    ticks = figures.curves([1, 2, 3], {"a": [1, 2, 3]}, xlabel="sweep", ylabel="y (px)").axes[0].get_xticks()
    np.testing.assert_array_equal(ticks, np.rint(ticks))


def test_table_has_a_row_for_every_image():
    lines = figures.shift_table([[1, 2], [3, 4]], {"found": [[1, 2.254], [3, 8]]}).splitlines()
    assert lines[0] == "| image | known | found |"
    assert lines[2:] == ["| 1 | 1, 2 | 1, 2.25 |", "| 2 | 3, 4 | 3, 8 |", "| median error (px) | | 2.13 |"]
