"""The registry of public data, without a network."""

import functools
import hashlib
import http.server
import socket
import threading

import numpy as np
import pytest

from centering.tools import datasets


@pytest.mark.parametrize("name", datasets.REGISTRY)
def test_reference_data_are_found_by_their_hash(centering_data, name):
    paths = datasets.fetch(name)
    assert {path.parent for path in paths} == {centering_data / name}
    assert [path.name for path in paths] == [file for file, _, _ in datasets.REGISTRY[name].files]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Register a data set whose one file is served over HTTP from this machine; return where it lies."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    (tmp_path / "web").mkdir()
    content = b"some pixels"
    (tmp_path / "web" / "file.bin").write_bytes(content)
    handler = functools.partial(Quiet, directory=tmp_path / "web")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{httpd.server_port}/file.bin"
        entry = datasets.Dataset("a test", "none", (("file.bin", url, hashlib.sha256(content).hexdigest()),))
        monkeypatch.setitem(datasets.REGISTRY, "test", entry)
        monkeypatch.delenv("CENTERING_DATA", raising=False)
        yield tmp_path / "web" / "file.bin"
        httpd.shutdown()


def test_a_file_is_downloaded_once_and_checked(server, tmp_path):
    (path,) = datasets.fetch("test", tmp_path / "cache")
    assert path == tmp_path / "cache" / "test" / "file.bin"
    assert path.read_bytes() == server.read_bytes()
    server.unlink()
    assert datasets.fetch("test", tmp_path / "cache") == [path]


def test_another_file_than_expected_is_refused(server, tmp_path):
    server.write_bytes(b"something else")
    with pytest.raises(OSError, match="it is not the file expected"):
        datasets.fetch("test", tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*.bin")) == []


def test_a_local_file_with_another_content_is_not_taken(server, tmp_path, monkeypatch):
    (tmp_path / "local" / "test").mkdir(parents=True)
    (tmp_path / "local" / "test" / "file.bin").write_bytes(b"stale")
    monkeypatch.setenv("CENTERING_DATA", str(tmp_path / "local"))
    assert datasets.fetch("test", tmp_path / "cache") == [tmp_path / "cache" / "test" / "file.bin"]


def test_an_unreachable_network_is_one_clear_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("CENTERING_DATA", raising=False)
    with socket.socket() as unused:  # bound, but nobody listens
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file.bin"
        entry = datasets.Dataset("a test", "none", (("file.bin", url, "0" * 64),))
        monkeypatch.setitem(datasets.REGISTRY, "test", entry)
        with pytest.raises(OSError, match=r"could not download http.*; check the network, or put") as caught:
            datasets.fetch("test", tmp_path / "cache")
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="no dataset 'nothing'"):
        datasets.fetch("nothing")


def test_the_70s_set_comes_with_its_truth(centering_data, images_70s, truth_70s):
    particles, displacement = datasets.read_70s(centering_data / "70s" / "shifted_70S_proj_10_s4.mat")
    np.testing.assert_array_equal(displacement, truth_70s)
    np.testing.assert_array_equal(displacement[[0, 1, 6]], [[18, 16], [22, -19], [2, 22]])
    np.testing.assert_array_equal(particles.read(np.arange(10)), images_70s.astype(np.float32))


def test_another_matlab_file_is_refused(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "other.mat", {"x": np.zeros(3)})
    (tmp_path / "text.mat").write_text("nothing like a MATLAB file, but long enough to look for a header " * 9)
    for name in ("other.mat", "text.mat"):
        with pytest.raises(ValueError, match="is not the MATLAB file of the dataset 70s"):
            datasets.read_70s(tmp_path / name)
