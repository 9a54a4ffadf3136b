"""Columns of a run's judgement in a STAR file hold what this run knows, also where an earlier one has written them."""

from pathlib import Path

import numpy as np
import pytest

from centering.io.star import StarFile
from centering.results import Centers, Flag
from centering.runs.judgement import FLAGS, MERIT, SCORE, SIGMA, with_judgement

COUNT = 5


def star(columns=(), version=31):
    """Return a STAR file of RELION 3.0 or 3.1 with further columns."""
    names = [f"{k}@a.mrcs" for k in range(1, COUNT + 1)]
    made = StarFile.new(Path("p.star"), names, size=8, pixel_size=None if version == 30 else np.full(COUNT, 1.5))
    return made.with_columns(made.particles, dict(columns))


def centers(*, score=True, covariance=True, flags=0):
    values = 1.0 + np.arange(COUNT) / 3 if score else np.full(COUNT, np.nan)
    uncertain = np.tile(4.0 * np.eye(2), (COUNT, 1, 1)) if covariance else None
    return Centers(np.zeros((COUNT, 2)), values, np.full(COUNT, int(flags)), uncertain)


def numbers(file, label):
    return file.numbers(file.particles, label)


@pytest.mark.parametrize("version", [30, 31])
def test_a_second_run_leaves_nothing_of_the_first(version):
    sizes = None if version == 30 else np.full(COUNT, 1.5)
    label = SIGMA if version == 30 else f"{SIGMA}Angst"
    first = with_judgement(star(version=version), centers(flags=Flag.BORDER), sizes)
    assert numbers(first, label) == pytest.approx(2.0 if version == 30 else 3.0)
    second = with_judgement(first, centers(score=False, covariance=False), sizes)
    assert second.particles.columns == first.particles.columns
    for name in (MERIT, SCORE, label):
        assert not numbers(second, name).any()
    assert set(second.column(second.particles, FLAGS)) == {"none"}


def test_the_uncertainty_in_the_other_unit_follows():
    first = with_judgement(star(), centers(), None)
    second = with_judgement(first, centers(), np.full(COUNT, 2.5))
    assert numbers(second, SIGMA) == pytest.approx(2.0)
    assert numbers(second, f"{SIGMA}Angst") == pytest.approx(5.0)
    third = with_judgement(second, centers(), None)
    assert not numbers(third, f"{SIGMA}Angst").any()


def test_a_figure_of_merit_of_somebody_else_stays_in_every_run():
    theirs = ["0.25"] * COUNT
    found = star({MERIT: theirs})
    for _ in range(3):
        found = with_judgement(found, centers(), None)
        assert found.column(found.particles, MERIT) == theirs


def test_our_own_is_known_by_the_score_beside_it_as_relion_writes_both():
    first = with_judgement(star(), centers(), None)
    rewritten = first.with_columns(first.particles, {MERIT: [f"{one:12.6f}" for one in numbers(first, MERIT)]})
    second = with_judgement(rewritten, centers(score=False), None)
    assert not numbers(second, MERIT).any()


def test_what_is_not_known_is_zero(rng):
    uncertain = np.full((COUNT, 2, 2), np.inf)
    found = with_judgement(
        star(), Centers(np.zeros((COUNT, 2)), np.ones(COUNT), np.zeros(COUNT, np.int64), uncertain), None
    )
    assert not numbers(found, SIGMA).any()
