"""Dask: the same bytes on workers as on threads, and a worker that dies loses nothing."""

import contextlib
import os
import shutil
import signal
import socket
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
from centering.engine.job import Job
from centering.engine.safety import check_stamps, located
from centering.io.identity import stamps
from centering.io.opening import open_particles
from centering.runs.prepare import prepare

dask = pytest.importorskip("dask", reason="needs the extra distributed")
distributed = pytest.importorskip("distributed", reason="needs the extra distributed")

COUNT = 30
RUN = ("run", "particles.star", "--radius", RADIUS, "--write-stack", "--out", "out", "--batch-size", 2)
QUICK = ("run", "particles.star", "--estimator", "mass", "--write-stack", "--out", "out", "--batch-size", 10)


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
        (("--workers", 1, "--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"), "give all four"),
        (("--scheduler", "tls://127.0.0.1:1", "--tls-ca", "a"), "give all four"),
        (("--scheduler", "tcp://127.0.0.1:1", "--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"), "takes none"),
        (("--scheduler", "tls://127.0.0.1:1", "--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"), "'a'"),
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


def test_workers_of_this_machine_are_nobody_elses(project):
    """Loopback alone would keep out other machines, and no other user of this one."""
    psutil = pytest.importorskip("psutil")
    pytest.importorskip("cryptography", reason="needs the package cryptography, of the extra distributed")
    with Cluster(workers=1) as cluster:
        assert cluster.doubts == ()
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        ears = [one for process in processes for one in process.net_connections("tcp") if one.status == "LISTEN"]
        assert len(ears) >= 2
        assert {one.laddr.ip for one in ears} == {"127.0.0.1"}
        address = cluster.client.scheduler.address
        strangers = [None, distributed.Security.temporary()]
        for address_tried, security in zip((address.replace("tls://", "tcp://"), address), strangers, strict=True):
            with pytest.raises((OSError, TypeError)), dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
                distributed.Client(address_tried, security=security, set_as_default=False, timeout="2s").close()
        assert cluster.client.submit(os.getpid).result() != os.getpid()


def test_two_commands_on_one_machine_do_not_share_a_port(project):
    """A port that is taken is a warning of Dask's, and a stranger's server beside ours."""
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # taken already: as good
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        result = command(*QUICK, "--workers", 1)
    assert "8787" not in result.stderr


def test_without_cryptography_the_user_is_told(project, monkeypatch):
    for name in ("cryptography", "cryptography.x509"):
        monkeypatch.setitem(sys.modules, name, None)
    words = command(*QUICK, "--workers", 1).stderr
    assert "warning: other users of this machine can reach the workers" in words
    assert "pip install" in words


@pytest.fixture
def certificates(tmp_path):
    """Return certificates that know each other, and the options of the command that say where they lie."""
    pytest.importorskip("cryptography", reason="needs the package cryptography, of the extra distributed")
    security, options = distributed.Security.temporary(), []
    for option, text in (
        ("ca", security.tls_ca_file),
        ("cert", security.tls_client_cert),
        ("key", security.tls_client_key),
    ):
        path = tmp_path / f"{option}.pem"
        path.write_text(text)
        options += [f"--tls-{option}", path]
    return security, options


def test_a_scheduler_with_tls(project, certificates):
    security, options = certificates
    command(*QUICK)
    threads = contents()
    shutil.rmtree("out")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, protocol="tls://", security=security, dashboard_address=None
    ) as running:
        assert "warning" not in command(*QUICK, "--scheduler", running.scheduler_address, *options).stderr
        assert contents() == threads
        shutil.rmtree("out")
        # without certificates, with those of somebody else, with what is none
        other = distributed.Security.temporary()
        (project / "ca.pem").write_text(other.tls_ca_file)
        (project / "cert.pem").write_text(other.tls_client_cert)
        (project / "key.pem").write_text(other.tls_client_key)
        with dask.config.set({"distributed.comm.timeouts.connect": "2s"}):
            for given in ((), options):
                words = command(*QUICK, "--scheduler", running.scheduler_address, *given, code=2).stderr
                assert words.startswith("Error: ")
                assert len(words.splitlines()) == 1
                assert ("asks for certificates; give --tls-ca" in words) == (not given)
        (project / "key.pem").write_text("no key")
        words = command(*QUICK, "--scheduler", running.scheduler_address, *options, code=2).stderr
        assert "not an authority, a certificate and its key" in words
        assert not Path("out").exists()


def test_workers_in_another_folder_center_the_images_of_the_command(project, monkeypatch):
    """Their folder holds another stack of the same name; before names were absolute it was taken, with exit code 0."""
    command(*QUICK)
    threads = contents()
    shutil.rmtree("out")
    elsewhere = project / "elsewhere"
    elsewhere.mkdir()
    dataset(elsewhere, COUNT, seed=99)
    monkeypatch.chdir(elsewhere)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as running:
        monkeypatch.chdir(project)
        result = command(*QUICK, "--scheduler", running.scheduler_address)
    assert contents() == threads
    assert f"warning: the scheduler {running.scheduler_address} does not ask who is there" in result.stderr


@pytest.mark.parametrize("what", ["size", "time of change", "header", "gone"])
def test_a_worker_notices_another_file_of_the_same_name(project, what):
    particles = located(open_particles("particles.star"))
    known, path = dict(stamps(particles.files[1:])), Path("stack.mrcs")
    (name,) = map(str, known)
    assert name == str(project / "stack.mrcs")
    check_stamps(particles, known)
    state, content = path.stat(), bytearray(path.read_bytes())
    if what == "gone":
        path.unlink()
    elif what == "size":
        path.write_bytes(content + b"x")
    elif what == "header":
        content[1000] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    else:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    with pytest.raises((ValueError, FileNotFoundError), match="the same files under the same names") as found:
        check_stamps(particles, known)
    assert name in str(found.value)
    assert (what in str(found.value)) == (what != "gone")


def test_a_stack_that_is_replaced_while_workers_are_busy_ends_the_run(project):
    particles = open_particles("particles.star")
    plain = prepare(particles, estimator="mass")
    job = Job(particles, [Mortal()], plain.members, None, plain.contrast)

    def progress(count):
        if count == 1:
            content = bytearray(Path("stack.mrcs").read_bytes())
            content[-4:] = b"\0\0\0\0"
            Path("stack.mrcs").write_bytes(content)

    with Cluster(workers=1) as cluster, pytest.raises(ValueError, match="or has just changed: its time of change is"):
        estimate(job, cluster=cluster, batch=1, progress=progress)
