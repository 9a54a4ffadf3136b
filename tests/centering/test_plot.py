"""Figures show the numbers they are given."""

import matplotlib as mpl
import numpy as np
import pytest
from datafiles import RADIUS, simulated
from matplotlib.image import imread

from centering import plot


@pytest.fixture
def simulation():
    return simulated(5, snr=0.5)


def centers_drawn(ax):
    return [tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() == "o"]


def test_montage_marks_the_centres_before_and_after(simulation):
    figure = plot.montage(
        simulation.images, simulation.displacement, radius=RADIUS, truth=simulation.displacement, pixel_size=2.0
    )
    before, after = figure.axes[:5], figure.axes[5:]
    for ax, (row, column) in zip(before, simulation.displacement, strict=True):
        np.testing.assert_allclose(centers_drawn(ax), [(24 + column, 24 + row)])
        circle = ax.patches[0]
        np.testing.assert_allclose((*circle.center, circle.radius), (24 + column, 24 + row, RADIUS))
        assert ax.yaxis_inverted()  # row 0 on top, as the pixels
    for ax in after:
        np.testing.assert_allclose(centers_drawn(ax), [(24, 24)])
    # the scale bar: a round number of Angstrom, as long as it says
    bar = next(line for line in before[0].lines if line.get_solid_capstyle() == "butt" and line.get_marker() == "None")
    assert np.ptp(bar.get_xdata()) * 2.0 == 20.0
    assert before[0].texts[0].get_text() == "20 Å"


def test_after_centering_the_pixels_are_in_the_middle(simulation):
    clean = simulated(5)
    figure = plot.montage(clean.images, clean.displacement)
    for ax in figure.axes[5:]:
        picture = ax.images[0].get_array()
        rows, columns = np.indices(picture.shape) - 24
        assert abs((picture * rows).sum() / picture.sum()) < 0.5
        assert abs((picture * columns).sum() / picture.sum()) < 0.5


def test_montage_names_flags_and_survives_an_empty_selection(simulation):
    figure = plot.montage(simulation.images[:2], simulation.displacement[:2], flags=np.array([0, 3]))
    assert [ax.get_xlabel().count("border, flat") for ax in figure.axes[2:]] == [0, 1]
    assert plot.montage(simulation.images[:0], simulation.displacement[:0]).axes == []


@pytest.mark.parametrize(("count", "pixel_size"), [(0, None), (1, None), (100, 1.5), (5000, 1.5)])
def test_histogram_counts_every_particle(rng, count, pixel_size):
    displacement = rng.normal(scale=4, size=(count, 2))
    figure = plot.shift_histogram(displacement, pixel_size=pixel_size)
    ax = figure.axes[1]
    assert sum(patch.get_height() for patch in ax.patches) == count
    assert "px" in ax.get_xlabel()
    if count:
        assert ax.get_legend().get_texts()[0].get_text() == f"median {np.median(np.hypot(*displacement.T)):.1f} px"


def test_error_figure_is_the_share_of_particles_within_a_distance():
    errors = {"none": np.array([4.0, 1.0, 2.0, 3.0]), "found": np.array([0.5, 0.1, 0.2, 0.4])}
    figure = plot.error_figure(errors, np.zeros((8, 8)), np.eye(8))
    line = figure.axes[0].lines[0]
    for distance, share in [(0.9, 0), (1.0, 25), (2.5, 50), (3.9, 75), (4.0, 100)]:
        index = np.searchsorted(line.get_xdata(), distance, side="right") - 1
        assert line.get_ydata()[index] == share


def test_saved_figures_are_equal_and_global_state_is_untouched(tmp_path, simulation):
    backend = mpl.rcParams._get_backend_or_none()
    for name in ("a.png", "b.png"):
        plot.save(plot.shift_histogram(simulation.displacement), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert imread(tmp_path / "a.png").shape[1] > 1000
    assert mpl.rcParams._get_backend_or_none() == backend
