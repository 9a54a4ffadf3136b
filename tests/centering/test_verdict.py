"""The verdict on a run: what it is made of, and what it says of stacks whose truth is known."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import RADIUS, SIZE, simulated, write_star
from hypothesis import given, settings
from hypothesis import strategies as st

from centering.cli import main
from centering.engine.estimate import estimate
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.runs.evidence import Evidence, gather
from centering.runs.noise import Noise
from centering.runs.outputs import recorded, summarize
from centering.runs.prepare import prepare
from centering.runs.rings import Rings
from centering.runs.run import run
from centering.runs.verdict import BAD, DOUBTFUL, GOOD, decide

COUNT = 150


def blobs(displacement, size, width, rng=None, noise=0.0):
    axis = np.arange(size) - size // 2
    rows, columns = axis[:, None] - displacement[:, :1, None], axis - displacement[:, 1:, None]
    images = np.exp(-(rows**2 + columns**2) / (2 * width**2))
    return (images if rng is None else images + noise * rng.standard_normal(images.shape)).astype(np.float32)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([48, 63, 80]), st.floats(2.5, 5.0), st.integers(0, 99))
def test_sharpness_and_extent_of_a_gaussian_are_its_own(size, width, seed):
    displacement = np.random.default_rng(seed).uniform(-4, 4, (6, 2))
    rings = Rings.of(blobs(displacement, size, width), displacement)
    smoothed = width**2 + (size / 40) ** 2
    # integral of |grad A exp(-r^2 / 2v)|^2 = pi A^2
    assert rings.strength()[0] == pytest.approx(np.pi * (width**2 / smoothed) ** 2, rel=0.04)
    assert rings.extent() == pytest.approx(np.sqrt(2 * smoothed * np.log(4)), abs=1.1)
    assert Rings.of(-blobs(displacement, size, width), displacement).extent() < 0


def test_noise_has_no_part_in_the_sharpness(rng):
    blob = blobs(np.zeros((40, 2)), 48, 4.0)
    exact = Rings.of(blob, np.zeros((40, 2))).strength()[0]
    found, signal = [], []
    for _ in range(30):
        noise = rng.standard_normal(blob.shape).astype(np.float32)
        found.append(Rings.of(blob + noise, np.zeros((40, 2))).strength()[0])
        signal.append(Rings.of(noise, np.zeros((40, 2))).strength()[2])
    assert np.mean(found) == pytest.approx(exact, abs=4 * np.std(found) / np.sqrt(30))
    assert abs(np.mean(signal)) < 4 / np.sqrt(30)
    assert 0.5 < np.std(signal) < 1.6


@pytest.mark.parametrize("correlated", [0.0, 1.5])
def test_the_two_parts_of_noise_are_independent(correlated, rng):
    """So that what was found in one is no news of the other: their cross-covariance is 0 at every offset."""
    from scipy.ndimage import gaussian_filter

    images = rng.standard_normal((300, 48, 48))
    if correlated:
        images = gaussian_filter(images, (0, correlated, correlated), mode="wrap")
    images = (images / images.std()).astype(np.float32)
    added = Noise.of(iter([images])).like(images, np.random.default_rng(1))
    one, two = (np.fft.rfft2(images + factor * added) for factor in (0.5, -2.0))
    covariance = np.fft.irfft2((one * two.conj()).mean(axis=0)) / 48**2
    assert np.abs(covariance).max() < 0.06  # of a variance of 1


@pytest.mark.parametrize("masked", [False, True])
def test_noise_shows_a_mean_that_is_sharp_and_the_evidence_does_not_believe_it(tmp_path, rng, masked):
    axis = np.arange(SIZE) - SIZE // 2
    mask = np.clip(SIZE / 2 - 1 - np.hypot(axis[:, None], axis), 0, 1) if masked else 1.0
    write_stack(tmp_path / "noise.mrcs", (mask * rng.standard_normal((400, SIZE, SIZE))).astype(np.float32))
    job = prepare(open_particles(tmp_path / "noise.mrcs"), radius=RADIUS)
    centers = estimate(job)
    images = job.particles.read(np.arange(400)) * (-1 if job.contrast.invert else 1)
    biased = Rings.of(images, centers.displacement).strength()[2]
    evidence = gather(job, centers)
    assert biased > 50 > 4 > abs(evidence.found_signal)
    assert decide(job, evidence).word == BAD
    assert "as if they were noise" in decide(job, evidence).reason


def judged(tmp_path, images, *, origins=None, **options):
    """Return the verdict on a stack, without any file of results."""
    write_stack(tmp_path / "stack.mrcs", images.astype(np.float32), 2.0)
    path = tmp_path / "stack.mrcs"
    if origins is not None:
        names = [f"{k:06d}@{path}" for k in range(1, len(images) + 1)]
        columns = {"rlnOriginXAngst": -2.0 * origins[:, 1], "rlnOriginYAngst": -2.0 * origins[:, 0]}
        path = write_star(tmp_path / "stack.star", names, pixel_sizes=(2.0,), **columns)
    job = prepare(open_particles(path), **options)
    return decide(job, gather(job, estimate(job)))


@pytest.mark.parametrize("seed", [1, 2])
def test_good_stacks_are_called_good(tmp_path, seed):
    stack = simulated(COUNT, snr=0.15, seed=seed)
    verdict = judged(tmp_path, -stack.images, radius=RADIUS)
    assert verdict.word == GOOD
    assert "times as sharp" in verdict.reason


def test_what_is_wrong_is_said(tmp_path):
    stack = simulated(COUNT, snr=0.15)
    tenth = judged(tmp_path, stack.images, diameter=4)
    assert tenth.word == BAD
    assert "the diameter of 4 A is much smaller than the particle, about" in tenth.reason
    dark = judged(tmp_path, stack.images, radius=RADIUS, invert="yes")
    assert dark.word == BAD
    assert "dark where bright ones were looked for; run again with invert='no'" in dark.reason
    few = judged(tmp_path, stack.images[:7], radius=RADIUS, estimator="radial-reference")
    assert few.word == BAD
    assert "few images to learn from (7)" in few.reason
    seven = judged(tmp_path, simulated(7, snr=0.005).images, radius=RADIUS)
    assert seven.word == DOUBTFUL
    assert "7 images are too few to tell" in seven.reason


def test_centers_that_are_known_already_are_better(tmp_path):
    stack = simulated(COUNT, snr=0.05)
    verdict = judged(tmp_path, stack.images, origins=stack.displacement, radius=RADIUS)
    assert verdict.word == BAD
    assert "sharper about the centres that the file states" in verdict.reason
    centred = judged(tmp_path, simulated(COUNT, snr=0.05, max_shift=0.0).images, radius=RADIUS)
    assert centred.word == BAD
    assert "sharper about the middle of the box" in centred.reason


def test_it_depends_on_the_data_alone(tmp_path):
    write_stack(tmp_path / "stack.mrcs", simulated(COUNT, snr=0.15).images, 2.0)
    job = prepare(open_particles(tmp_path / "stack.mrcs"), radius=RADIUS)
    centers = run(job, tmp_path / "out", jobs=2, figures=False)
    evidence = gather(job, centers)
    assert evidence == recorded(tmp_path / "out")
    assert summarize(job, centers, evidence)["verdict"] == GOOD


def test_an_estimator_that_fails_the_second_time_fails_no_run(tmp_path):
    write_stack(tmp_path / "stack.mrcs", simulated(COUNT, snr=0.15).images, 2.0)
    job = prepare(open_particles(tmp_path / "stack.mrcs"), radius=RADIUS)
    centers = estimate(job)

    def broken(images):
        raise ValueError("not again")

    again = type(job)(job.particles, [broken], job.members, job.radius, job.contrast)
    evidence = gather(again, centers)
    assert np.isnan(evidence.gain)
    assert Evidence.restored(json.loads(json.dumps(evidence.recorded()))).images == COUNT
    assert decide(again, evidence).word == DOUBTFUL


class _First(HTMLParser):
    """The first paragraph of the first section of a page."""

    def __init__(self, page):
        super().__init__()
        self.words, self._inside, self._open = "", False, False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self._inside = self._inside or tag == "section"
        self._open = self._inside and tag == "p" and not self.words

    def handle_data(self, data):
        if self._open:
            self.words += data

    def handle_endtag(self, tag):
        self._open = self._open and tag != "p"


def test_it_is_the_first_line_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_stack("stack.mrcs", simulated(COUNT, snr=0.15).images, 2.0)
    result = CliRunner().invoke(main, ["run", "stack.mrcs", "--diameter", "4", "--out", "out"])
    assert result.exit_code == 0, result.output
    reason = "the diameter of 4 A is much smaller than the particle"
    assert result.stdout.startswith(f"verdict    not to be used: {reason}")
    assert f"warning: the centres are not to be used: {reason}" in result.stderr
    assert "(--diameter)" in result.stderr
    first = _First(Path("out/report.html").read_text()).words
    assert first.startswith(f"Not to be used: {reason}")
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["verdict"] == BAD
    assert summary["verdict_reason"].startswith(reason)
    assert summary["verdict_evidence"]["extent_px"] > 2
