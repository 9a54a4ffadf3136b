"""The cache returns what was put in, or nothing."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import processes
import pytest

from pswf import PSWF2D, prolate_spectra
from pswf.cache import load_arrays, store_arrays

ARRAYS = {
    "a": np.arange(6.0).reshape(2, 3),
    "empty": np.empty((0, 4), dtype=np.float32),
    "scalar": np.array(7, dtype=np.int64),
}


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    store_arrays(folder, "key", ARRAYS)
    found = load_arrays(folder, "key")
    assert found is not None
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        found[name][...] = 0  # writable, and a copy


def test_other_keys_are_not_there(tmp_path: Path) -> None:
    store_arrays(tmp_path, "key", ARRAYS)
    assert load_arrays(tmp_path, "other") is None
    assert load_arrays(tmp_path / "nowhere", "key") is None


def test_a_file_of_another_key_is_not_believed(tmp_path: Path) -> None:
    store_arrays(tmp_path, "key", ARRAYS)
    path = only_file(tmp_path)
    store_arrays(tmp_path, "other", ARRAYS)
    (other,) = set(tmp_path.iterdir()) - {path}
    other.replace(path)
    assert load_arrays(tmp_path, "key") is None


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "empty", "folder"])
def test_damaged_files_count_as_absent(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    store_arrays(tmp_path, "key", ARRAYS)
    path = only_file(tmp_path)
    content = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        flipped = bytearray(content)
        flipped[-1] ^= 1
        path.write_bytes(
            {"truncated": content[:-5], "flipped": bytes(flipped), "foreign": b"hello", "empty": b""}[damage]
        )
    with caplog.at_level(logging.WARNING):
        assert load_arrays(tmp_path, "key") is None
    assert ("is damaged; its contents are computed again" in caplog.text) == (damage != "folder")


def test_every_single_flipped_bit_is_noticed(tmp_path: Path) -> None:
    store_arrays(tmp_path, "key", {"a": np.arange(2.0)})
    path = only_file(tmp_path)
    content = path.read_bytes()
    for i in range(len(content)):
        damaged = bytearray(content)
        damaged[i] ^= 0x10
        path.write_bytes(bytes(damaged))
        assert load_arrays(tmp_path, "key") is None


def test_a_folder_that_cannot_be_written_is_only_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        store_arrays(blocked, "key", ARRAYS)
    assert "cannot be written" in caplog.text


def test_spectra_come_back_the_same_and_are_made_anew_when_damaged(tmp_path: Path) -> None:
    fresh = prolate_spectra(20.0, 0.3)
    for _ in range(2):
        cached = prolate_spectra(20.0, 0.3, cache=tmp_path)
        assert cached.counts == fresh.counts
        for name in ("chi", "log_concentration"):
            for a, b in zip(getattr(cached, name), getattr(fresh, name), strict=True):
                np.testing.assert_array_equal(a, b)
    path = only_file(tmp_path)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    assert prolate_spectra(20.0, 0.3, cache=tmp_path).counts == fresh.counts
    assert path.read_bytes() == good


def test_every_parameter_is_part_of_the_key(tmp_path: Path) -> None:
    for bandlimit, truncation in [(20.0, 1.0), (np.nextafter(20.0, 21.0), 1.0), (20.0, 0.5)]:
        prolate_spectra(bandlimit, truncation, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    image = rng.standard_normal((16, 16))
    expected = PSWF2D(16, dtype=np.float64, cache=tmp_path).evaluate_t(image)

    def forbidden(*_: object) -> None:
        raise AssertionError("the spectra are computed although they are in the cache")

    monkeypatch.setattr("pswf.spectra._order", forbidden)
    np.testing.assert_array_equal(PSWF2D(16, dtype=np.float64, cache=tmp_path).evaluate_t(image), expected)


def test_many_processes_may_write_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pswf import prolate_spectra\n"
        "for _ in range(20):\n"
        "    for c in (5.0, 6.0): print(sum(prolate_spectra(c, cache=sys.argv[1]).counts))\n"
        "    [p.unlink(missing_ok=True) for p in __import__('pathlib').Path(sys.argv[1]).glob('*.pswf')]\n"
    )
    words = [sys.executable, "-c", program, os.fspath(tmp_path)]
    with ExitStack() as stack:
        running = [stack.enter_context(processes.Popen(words, stdout=processes.PIPE, text=True)) for _ in range(3)]
        outputs = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    expected = "".join(f"{sum(prolate_spectra(c).counts)}\n" for c in (5.0, 6.0)) * 20
    assert outputs == {expected}
    assert not list(tmp_path.glob("*.part"))


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    store_arrays(tmp_path, "key", ARRAYS)
    stem = only_file(tmp_path).stem
    old, new, other = tmp_path / f"{stem}abc_12.part", tmp_path / f"{stem}def_34.part", tmp_path / "mine.part"
    for path in (old, new, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (0, 0))
    store_arrays(tmp_path, "key", ARRAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{stem}.pswf", new.name, other.name])
