"""The engine: the same bytes however the work is cut, bounded memory, one thread of BLAS for each worker."""

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import RADIUS, dataset, write_star
from threadpoolctl import ThreadpoolController, threadpool_info

import centering.runs.run
from centering import CenterOfMass
from centering.cli import main
from centering.engine.batches import cut
from centering.engine.estimate import estimate
from centering.engine.job import Job
from centering.io.mrc import write_stack
from centering.io.opening import open_particles
from centering.runs.outputs import preload
from centering.runs.prepare import ESTIMATORS, prepare

OPTIONS = ("particles.star", "--radius", str(RADIUS), "--write-stack")


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    return result


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def undisturbed(project):
    """Return the outputs of a run that nothing disturbs, into ``out``, which is removed again."""
    dataset(project, 40, snr=0.5)
    command("run", *OPTIONS, "--out", "out")
    outputs = contents("out")
    assert {"particles.star", "recentered.mrcs", "summary.json"} <= set(outputs)
    shutil.rmtree("out")
    return outputs


@pytest.mark.parametrize("options", [("-j", 1), ("-j", 3, "--batch-size", 1), ("-j", 2, "--batch-size", 7)])
def test_neither_threads_nor_batches_change_a_byte(undisturbed, options):
    command("run", *OPTIONS, "--out", "out", *options)
    assert contents("out") == undisturbed


def test_nobody_loads_a_library_while_the_pools_of_threads_are_looked_for(project, monkeypatch):
    """The search and an import on another thread could wait for each other for ever."""
    begun, late = threading.Event(), []
    search = ThreadpoolController.__init__

    def preloading():
        begun.set()
        preload()

    def searching(self):
        late.append(begun.wait(0.5))
        search(self)

    monkeypatch.setattr(centering.runs.run, "preload", preloading)
    monkeypatch.setattr(ThreadpoolController, "__init__", searching)
    dataset(project, 8)
    command("run", "particles.star", "--estimator", "mass", "--out", "out")
    assert begun.is_set()
    assert late == [False]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_no_estimator_depends_on_the_batch(project, name):
    star, _ = dataset(project, 31, size=65, snr=0.1)
    job = prepare(open_particles(star), radius=RADIUS, estimator=name)
    whole, *parts = (estimate(job, batch=batch) for batch in (31, 1, 2, 4))
    for part in parts:
        np.testing.assert_array_equal(whole.displacement, part.displacement)
        np.testing.assert_array_equal(whole.score, part.score)
        np.testing.assert_array_equal(whole.flags, part.flags)


def test_batches_follow_the_files_and_keep_radii_apart(project, rng):
    dataset(project, 12)
    order = rng.permutation(12)
    groups = [1, 2] * 6
    star = write_star("shuffled.star", [f"{k + 1}@stack.mrcs" for k in order], groups, (1.5, 3.0))
    job = prepare(open_particles(star), diameter=4 * RADIUS)
    batches = list(cut(job.particles, job.members, np.ones(12, dtype=bool), 4))
    assert [len(batch) for batch in batches] == [4, 2, 4, 2]
    assert [batch.estimator for batch in batches] == [0, 0, 1, 1]
    for estimator in (0, 1):
        places = np.concatenate([batch.places for batch in batches if batch.estimator == estimator])
        assert (np.diff(order[places]) > 0).all()
        assert (job.members[places] == estimator).all()


def test_shuffled_rows_get_their_own_centres(project, rng):
    star, simulation = dataset(project, 12)
    order = rng.permutation(12)
    shuffled = write_star("shuffled.star", [f"{k + 1}@stack.mrcs" for k in order])
    found = [estimate(prepare(open_particles(path), radius=RADIUS), batch=5) for path in (star, shuffled)]
    np.testing.assert_array_equal(found[0].displacement[order], found[1].displacement)
    assert np.median(np.linalg.norm(found[0].displacement - simulation.displacement, axis=1)) < 1


def test_one_thread_of_blas_for_each_worker(project):
    star, _ = dataset(project, 4)
    seen = []

    class Spy(CenterOfMass):
        def __call__(self, images):
            seen.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
            return super().__call__(images)

    before = [library["num_threads"] for library in threadpool_info()]
    particles = open_particles(star)
    job = prepare(particles, estimator="mass")
    estimate(Job(particles, [Spy()], job.members, None, job.contrast), jobs=2, batch=2)
    assert seen
    assert set(seen) == {1}
    assert [library["num_threads"] for library in threadpool_info()] == before


def test_memory_does_not_grow_with_the_stack(project):
    """Batches under way are bounded: far fewer images are in memory at once than there are."""
    write_stack("stack.mrcs", np.ones((400, 8, 8)))
    alive, most = [0], [0]

    class Slow(CenterOfMass):
        def __call__(self, images):
            alive[0] += len(images)
            most[0] = max(most[0], alive[0])
            time.sleep(0.001)
            alive[0] -= len(images)
            return super().__call__(images)

    particles = open_particles("stack.mrcs")
    job = prepare(particles, estimator="mass", invert="no")
    estimate(Job(particles, [Slow()], job.members, None, job.contrast), jobs=2, batch=5)
    assert most[0] == 2 * 5
