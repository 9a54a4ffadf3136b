"""Nothing that another user could have written is loaded: numba's cache is unpickled, and the arrays are believed."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import processes
import pytest

from pswf._private import distrust, private_folder
from pswf.cache import load_arrays, store_arrays

OTHER, USER = 54321, 12345

only_root = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root, to make files of another user"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder as a home is: of this user, below folders in which nobody else can write."""
    tmp_path.chmod(0o755)
    return tmp_path


def reason(path: Path) -> str:
    folder, words = private_folder(path)
    assert (folder is None) == bool(words)
    return words


def test_a_folder_is_made_for_this_user_alone(home: Path) -> None:
    before = os.umask(0)
    try:
        folder, words = private_folder(home / "a" / "b")
    finally:
        os.umask(before)
    assert (folder, words) == (home / "a" / "b", "")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (home / "a", home / "a" / "b")] == [0o700, 0o700]
    assert not distrust(home / "a" / "b")
    assert private_folder(home / "a" / "b") == (folder, "")


def test_a_link_is_followed_once(home: Path) -> None:
    (home / "far").mkdir()
    (home / "near").symlink_to(home / "far")
    assert private_folder(home / "near" / "cache") == (home / "far" / "cache", "")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757, 0o770, 0o755])
def test_a_folder_that_is_open_to_others_is_not_used(home: Path, mode: int) -> None:
    (home / "cache").mkdir()
    (home / "cache").chmod(mode)
    assert "others" in reason(home / "cache")


def test_a_folder_that_others_could_put_in_its_place_is_not_used(home: Path) -> None:
    (home / "open" / "deep").mkdir(parents=True)
    (home / "open").chmod(0o777)
    assert "can be written by others" in reason(home / "open" / "deep" / "cache")
    assert not (home / "open" / "deep" / "cache").exists()
    (home / "link").symlink_to(home / "open" / "deep")
    assert "can be written by others" in reason(home / "link" / "cache")
    # as in /tmp: nobody can take away what is another's
    (home / "open").chmod(0o1777)
    assert reason(home / "open" / "deep" / "cache") == ""


def test_a_relative_folder_and_a_file_are_not_used(home: Path) -> None:
    assert "depends on the current folder" in reason(Path("cache"))
    (home / "file").write_text("")
    assert "cannot be used" in reason(home / "file")
    assert "cannot be used" in reason(home / "file" / "cache")


@only_root
def test_a_folder_of_another_user_is_not_used(home: Path) -> None:
    (home / "foreign").mkdir(mode=0o700)
    os.chown(home / "foreign", OTHER, OTHER)
    assert "belongs to another user" in reason(home / "foreign")
    assert "belongs to another user" in reason(home / "foreign" / "cache")
    (home / "link").symlink_to(home / "foreign")
    assert "belongs to another user" in reason(home / "link")
    assert list((home / "foreign").iterdir()) == []


@only_root
def test_the_cache_of_another_user_counts_as_absent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store_arrays(tmp_path, "key", {"a": np.arange(3.0)})
    (path,) = tmp_path.iterdir()
    assert load_arrays(tmp_path, "key") is not None
    os.chown(path, OTHER, OTHER)
    with caplog.at_level(logging.WARNING):
        assert load_arrays(tmp_path, "key") is None
    assert "another user" in caplog.text


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs rights of files")
def test_a_cache_file_that_others_can_write_counts_as_absent(tmp_path: Path) -> None:
    store_arrays(tmp_path, "key", {"a": np.arange(3.0)})
    (path,) = tmp_path.iterdir()
    path.chmod(0o666)
    assert load_arrays(tmp_path, "key") is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"key": "key", "arrays": {"a": ["|O", [1]]}}',
        b'{"key": "key", "arrays": {"a": ["<f8", [-1]]}}',
        b'{"key": "key", "arrays": {"a": ["<f8", [1000000000000000]]}}',
        b'{"key": "key", "arrays": {"a": ["nonsense", [1]]}}',
        b'{"key": "key", "arrays": {"a": 5}}',
        b'{"key": "key"}',
        b"[1]",
        b"[" * 100000,
        b"\xff",
    ],
)
def test_a_digest_that_fits_does_not_make_a_cache_file_good(tmp_path: Path, body: bytes) -> None:
    store_arrays(tmp_path, "key", {"a": np.arange(3.0)})
    (path,) = tmp_path.iterdir()
    content = len(body).to_bytes(8, "little") + body + bytes(16)
    path.write_bytes(b"pswf-arrays-1\n" + hashlib.sha256(content).digest() + content)
    assert load_arrays(tmp_path, "key") is None


# compiles one kernel of ours as another user, who can write neither beside the code nor, unless told, at home;
# everything that compiling loads is loaded before, since that user may not be able to read the interpreter's files
COMPILE = """
import os, sys, warnings
import numpy as np, numba, platformdirs, encodings.idna, grp, pwd
from numba import njit
@njit(nogil=True, error_model="numpy")
def toy(x):
    return x + 1.0
toy(1.0)
from numba.core import caching
sys.path.insert(0, os.environ["COPY"])
sys.modules.pop("pswf", None)
user = int(os.environ["AS_USER"])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
os.umask(0o022)
from pswf.jit import jit
sys.path.insert(0, os.environ["COPY"] + "/pswf")
import kernel_of_this_test
print(kernel_of_this_test.kernel(2.0), kernel_of_this_test.kernel.stats.cache_misses)
"""


@pytest.fixture
def installation() -> Iterator[Path]:
    """Return a place with an installation that only root can write, and a folder ``tmp`` as /tmp is."""
    # not below pytest's folders, which nobody else may enter
    with tempfile.TemporaryDirectory() as name:
        yield installed(Path(name))


def installed(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    source = Path(__file__).parents[2] / "pswf"
    copy = tmp_path / "site" / "pswf"
    copy.mkdir(parents=True)
    for name in ("__init__.py", "jit.py", "_private.py"):
        if (source / name).exists():
            (copy / name).write_bytes((source / name).read_bytes())
    (copy / "kernel_of_this_test.py").write_text(
        "from pswf.jit import jit\n\n\n@jit\ndef kernel(x):\n    return x * 3.0\n"
    )
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    return tmp_path


def compiled(place: Path, **environment: str) -> processes.CompletedProcess:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_", "PYTHONPATH"))}
    given |= {"COPY": str(place / "site"), "AS_USER": str(USER), "TMPDIR": str(place / "tmp"), "HOME": "/nonexistent"}
    result = processes.run(
        [sys.executable, "-B", "-c", COMPILE], env=given | environment, capture_output=True, text=True, timeout=120,
        cwd="/",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[0] == "6.0"
    return result


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@only_root
def test_compiled_code_is_not_kept_where_another_user_has_made_a_folder(installation: Path) -> None:
    """A name that could be guessed, made before we come, in a place where all may write: we neither read nor write."""
    planted = installation / "tmp" / f"pswf-numba-{USER}"
    planted.mkdir()
    planted.chmod(0o777)
    os.chown(planted, OTHER, OTHER)
    result = compiled(installation)
    assert files(installation / "tmp") == []
    assert "compiled code is not kept" in result.stderr
    assert "NUMBA_CACHE_DIR" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@only_root
def test_compiled_code_is_kept_in_the_users_own_cache_folder(installation: Path) -> None:
    home = installation / "home"
    home.mkdir(mode=0o755)
    os.chown(home, USER, USER)
    assert compiled(installation, HOME=str(home)).stderr == ""
    kept = files(home / ".cache" / "pswf-centering" / "numba")
    assert {path.suffix for path in kept} == {".nbi", ".nbc"}
    assert {path.stat().st_uid for path in kept} == {USER}
    assert stat.S_IMODE((home / ".cache" / "pswf-centering" / "numba").stat().st_mode) == 0o700
    # the second time nothing is compiled
    assert "Counter()" in compiled(installation, HOME=str(home)).stdout.replace("{}", "Counter()")


@only_root
def test_the_users_own_word_counts(installation: Path) -> None:
    told = installation / "told"
    told.mkdir()
    os.chown(told, USER, USER)
    assert compiled(installation, NUMBA_CACHE_DIR=str(told)).stderr == ""
    assert {path.suffix for path in files(told)} == {".nbi", ".nbc"}


@only_root
@pytest.mark.parametrize("how", ["foreign", "open"])
def test_the_cache_beside_the_code_is_used_only_where_nobody_else_can_write(installation: Path, how: str) -> None:
    package = installation / "site" / "pswf"
    for path in (package, package / "__pycache__"):
        path.mkdir(exist_ok=True)
        os.chown(path, USER, USER)
    compiled(installation)
    assert {path.suffix for path in files(package / "__pycache__")} == {".nbi", ".nbc"}
    for path in files(package / "__pycache__"):
        path.unlink()
    if how == "open":
        (package / "__pycache__").chmod(0o777)
    else:
        os.chown(package / "__pycache__", OTHER, OTHER)
        (package / "__pycache__").chmod(0o777)
    compiled(installation)
    assert files(package / "__pycache__") == []
