"""Dask: the same bytes on workers as on threads, and a worker that dies loses nothing."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import RADIUS, dataset

from centering import CenterOfMass
from centering.cli import main
from centering.engine.cluster import Cluster
from centering.engine.estimate import estimate
from centering.io.opening import open_particles
from centering.job import Job, prepare

dask = pytest.importorskip("dask", reason="needs the extra distributed")
distributed = pytest.importorskip("distributed", reason="needs the extra distributed")

COUNT = 30
RUN = ("run", "particles.star", "--radius", RADIUS, "--write-stack", "--out", "out", "--batch-size", 2)


class Mortal(CenterOfMass):
    """A centre of mass that leaves its process number behind, and that takes its time."""

    def __call__(self, images):
        Path(f"process-{os.getpid()}").touch()
        time.sleep(0.05)
        return super().__call__(images)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a project folder with a small dataset, in which the workers work too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    dataset(tmp_path, COUNT)
    return tmp_path


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + result.stderr
    return result


def contents():
    return {path.name: path.read_bytes() for path in Path("out").iterdir()}


def test_workers_of_this_machine_and_of_a_scheduler_write_the_same_bytes_as_threads(project):
    command(*RUN)
    threads = contents()
    shutil.rmtree("out")
    command(*RUN, "--workers", 2)
    assert contents() == threads
    shutil.rmtree("out")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as running:
        command(*RUN, "--scheduler", running.scheduler_address)
    assert contents() == threads


def test_a_worker_killed_in_the_middle_loses_nothing(project):
    particles = open_particles("particles.star")
    plain = prepare(particles, estimator="mass")
    job = Job(particles, [Mortal()], plain.members, None, plain.contrast)
    killed = []

    def progress(count):
        if count and not killed:
            killed.extend(int(path.name.split("-")[1]) for path in Path().glob("process-*"))
            os.kill(killed[0], signal.SIGKILL)

    with Cluster(workers=2) as cluster:
        found = estimate(job, cluster=cluster, batch=1, progress=progress)
    np.testing.assert_array_equal(found.displacement, estimate(plain).displacement)
    assert killed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--workers", 0), "the number of workers is 0; give at least 1"),
        (("--workers", 1, "--scheduler", "tcp://127.0.0.1:1"), "either a number of workers"),
        (("--workers", 1, "-j", 2), "give one of them"),
        (("--scheduler", "tcp://127.0.0.1:1"), "127.0.0.1:1"),
        (("--scheduler", "nonsense://"), "nonsense"),
    ],
)
def test_what_is_no_cluster_is_one_error(project, options, words):
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        result = command(*RUN, *options, code=2)
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("out").exists()


def test_without_dask_the_command_says_what_to_install(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install 'pswf-centering[distributed]'" in command(*RUN, "--workers", 1, code=2).stderr
