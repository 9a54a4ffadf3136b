"""What is said where nothing was learned: too few images, or only noise; and what is stated where all is clear."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import write_star
from symmetric import disc, distances, gaussian, ring, stack

from centering import Flag, RadialReference
from centering.cli import main
from centering.io.mrc import write_stack

REFERENCE = ("--estimator", "radial-reference", "--radius", "10")


def squares(centers, truth):
    """Return the squared errors in units of the stated covariances, 2 each on average where they are true."""
    error = centers.displacement - truth
    return np.einsum("bi,bij,bj->b", error, np.linalg.inv(centers.covariance), error)


@pytest.mark.parametrize("count", [1, 2, 7, 17, 99])
def test_noise_is_not_centred_with_certainty(count, rng):
    """Whatever a particle's place was, noise does not know it: a Gaussian prior of a sixth of the box."""
    size, found = 48, []
    for _ in range(1 if count > 20 else 4):
        centers = RadialReference(12)(rng.standard_normal((count, size, size)).astype(np.float32))
        assert centers.has(Flag.UNLEARNED).all()
        found.append(squares(centers, np.clip(rng.normal(0, size / 6, (count, 2)), -12, 12)))
    # 3000 from 1 image, 60 to 500 from 2 and 10 from 7 when images judged themselves
    assert np.median(np.concatenate(found)) < 4.0
    assert np.mean(np.concatenate(found)) < 8.0


@pytest.mark.parametrize("count", [1, 2, 7, 17])
def test_noise_is_not_centred_by_what_other_noise_taught(count, rng):
    fitted = RadialReference(12).fit(rng.standard_normal((count, 48, 48)))
    centers = fitted(rng.standard_normal((40, 48, 48)))
    assert centers.has(Flag.UNLEARNED).all()
    assert np.mean(squares(centers, np.clip(rng.normal(0, 8, (40, 2)), -12, 12))) < 6.0


@pytest.mark.parametrize("prior", ["learned", 3.0])
def test_a_few_clear_images_keep_what_they_know(rng, prior):
    images, truth = stack(rng, 260, 40, gaussian(3), shift=5, noise=1.0)
    few, many = (RadialReference(9, prior=prior)(images[:count]) for count in (20, 260))
    assert few.has(Flag.UNLEARNED).all()
    assert not many.has(Flag.UNLEARNED).any()
    sigma, true = (np.sqrt(np.median(one.covariance[:20, 0, 0])) for one in (few, many))
    assert 0.9 * true < sigma < 1.3 * true
    assert 0.8 < np.mean(squares(few, truth[:20])) < 3.5


def test_transfer_functions_and_profiles_are_left_out_as_well(rng):
    from centering import CTF

    noise = rng.standard_normal((12, 40, 40))
    ctf = CTF(rng.uniform(8000, 20000, 12), 3.0)
    for options in ({"ctf": ctf}, {"profiles": 2}, {"structure": False, "prior": "flat"}):
        centers = RadialReference(9, **options)(noise)
        assert np.median(np.trace(centers.covariance, axis1=1, axis2=2) / 2) > 9.0
        assert centers.has(Flag.UNLEARNED).all()


def test_a_hundred_images_that_show_something_are_enough(rng, caplog):
    images, _ = stack(rng, 100, 32, gaussian(3), shift=3, noise=0.5)
    with caplog.at_level(logging.WARNING, "centering"):
        enough = RadialReference(8, iterations=3)(images)
    assert not caplog.records
    assert not enough.has(Flag.UNLEARNED).any()
    with caplog.at_level(logging.WARNING, "centering"):
        short = RadialReference(8, iterations=3)(images[:99])
    assert "few images to learn from (99)" in caplog.text
    assert short.has(Flag.UNLEARNED).all()
    np.testing.assert_allclose(short.displacement, enough.displacement[:99], atol=0.1)


def test_each_image_is_judged_by_itself(rng):
    images, _ = stack(rng, 12, 32, gaussian(3), shift=3, noise=0.5)
    fitted = RadialReference(8, iterations=3).fit(images)
    whole = fitted(images)
    for i in (0, 11):
        np.testing.assert_array_equal(fitted(images[i]).covariance[0], whole.covariance[i])


@pytest.mark.parametrize(("count", "words"), [(17, "few images to learn from (17)"), (120, "hardly likelier")])
def test_the_run_says_that_nothing_was_learned(tmp_path, monkeypatch, rng, count, words):
    monkeypatch.chdir(tmp_path)
    write_stack("stack.mrcs", rng.standard_normal((count, 32, 32)).astype(np.float32))
    result = CliRunner().invoke(main, ["run", "stack.mrcs", *REFERENCE, "--out", "out", "-j", "1"])
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.stderr.splitlines() if words in line)
    assert line.startswith("warning: ")
    summary = json.loads(Path("out/summary.json").read_text())
    assert words in summary["warnings"][0]
    assert summary["flags"]["unlearned"] == summary["flagged"] == count
    page = Path("out/report.html").read_text()
    assert words.lower() in page.lower()
    assert "Nothing was learned that could back them." in page
    assert "No centre" not in page


def test_a_wrong_radius_is_not_called_certain(tmp_path, monkeypatch):
    """A disk that is much smaller than a ring settles on its rim, and no flag says so: nothing may deny the doubt."""
    monkeypatch.chdir(tmp_path)
    write_stack("stack.mrcs", ring(12, 1.5)(distances(48, np.zeros((3, 2)))).astype(np.float32), 2.0)
    result = CliRunner().invoke(main, ["run", "stack.mrcs", "--radius", "5", "--out", "out", "-j", "1"])
    assert result.exit_code == 0, result.output
    page = Path("out/report.html").read_text()
    assert "the estimator states no uncertainty" in page
    assert "in doubt" not in page


def test_compare_and_classes_say_it_too(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    images, _ = stack(rng, 12, 32, gaussian(3), shift=2, noise=0.3, dtype=np.float32)
    write_stack("stack.mrcs", images, 2.0)
    names = [f"{k:06d}@stack.mrcs" for k in range(1, 13)]
    write_star(Path("data.star"), names, rlnClassNumber=np.arange(1, 13), rlnAnglePsi=np.zeros(12))
    for arguments in (
        ("compare", "stack.mrcs", "--radius", "10", "-e", "radial-reference", "-e", "mass"),
        ("classes", "stack.mrcs", "data.star", *REFERENCE, "--out", "out"),
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        assert "warning: few images to learn from (12)" in result.stderr
    assert Path("out/classes.csv").read_text().count("unlearned") == 12


@pytest.mark.parametrize("snr", [4, 100])
@pytest.mark.parametrize(
    "profile", [gaussian(6), lambda distance: 1 / (1 + np.exp((distance - 14.5) / 1.2))], ids=["gaussian", "soft disc"]
)
def test_clear_images_of_particles_that_fill_their_box_state_what_they_are_off_by(rng, profile, snr):
    """They stated 0.003 px where they were off by 0.02: what lay beyond the band was taken off the noise."""
    truth = rng.normal(0, 3, (100, 2))
    clean = profile(distances(48, truth))
    images = clean + rng.standard_normal(clean.shape) * clean.std() / np.sqrt(snr)
    centers = RadialReference(16)(images)
    inside = ~centers.has(Flag.BORDER)
    assert inside.sum() > 95
    assert 1.2 < np.mean(squares(centers, truth)[inside]) < 4.0


@pytest.mark.parametrize("profile", [ring(9, 2), gaussian(3), disc(10)], ids=["ring", "gaussian", "disc"])
def test_clear_images_state_what_they_are_off_by(rng, profile):
    """When templates at whole pixels were compared with them they stated 0.014 px, and 0.03 px without any noise."""
    truth = rng.uniform(-5, 5, (110, 2))
    clean = profile(distances(48, truth))
    images = clean + 0.01 * rng.standard_normal(clean.shape)
    centers = RadialReference(15, structure=False)(images)
    stated = np.sqrt(np.median(centers.covariance[:, 0, 0]))
    true = np.sqrt(np.mean((centers.displacement - truth) ** 2))
    assert 0.6 * true < stated < 1.6 * true
    centers = RadialReference(15)(clean)
    assert np.sqrt(np.mean((centers.displacement - truth) ** 2)) < 0.003
    assert 0.003 < np.sqrt(np.median(centers.covariance[:, 0, 0])) < 0.02
