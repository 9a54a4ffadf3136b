"""Files that nobody writes by accident: whatever a reader makes of them is one sentence, printed without its tricks."""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path

import numpy as np
import processes
import pytest
from click.testing import CliRunner
from datafiles import dataset, write_cs

from centering.cli import main
from centering.cli._common import printable
from centering.io.cryosparc import CsFile
from centering.io.opening import open_particles
from centering.io.output_folder import recover
from centering.io.star import StarFile

ROOT = Path(__file__).parents[2]
FIELDS = [("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4")]
HEADERS = [
    *(one * deep + "1" for one in ("-", "~", "not ", "(", "[", "lambda: ") for deep in (90, 250, 5000, 100000)),
    *("1" + "+1" * deep for deep in (500, 5000)),
    *("x" + ".a" * deep for deep in (500, 50000)),
    "{" * 300,
    "{[]: 1}",
    "{{}: 1}",
    "'" * 3000,
    "{1: 2",
    "\\N{",
    "\0",
    "None",
    "\ud800",
    "9" * 5000,
    "{'descr': {}, 'fortran_order': False, 'shape': (6,)}",
    "{'descr': [(5, '<f4')], 'fortran_order': False, 'shape': (6,)}",
    "{'descr': [('a', '<f4', None)], 'fortran_order': False, 'shape': (6,)}",
    "{'descr': [('a', '<f99')], 'fortran_order': False, 'shape': (6,)}",
    "{'descr': [('a', '<f4', (2,) * 50)], 'fortran_order': False, 'shape': (6,)}",
    "{'descr': [('a', '<f4', (-3,))], 'fortran_order': False, 'shape': (6,)}",
    "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (6,)}",
    "{'descr': [('a', '|V0')], 'fortran_order': False, 'shape': (10**15,)}",
    *(
        f"{{'descr': {FIELDS!r}, 'fortran_order': False, 'shape': {shape}}}"
        for shape in ("(2**62,)", "(10**12,)", "(1000000,)", "(-6,)", "(2**64,)", "6", "(True,)", "(6.5,)", "('6',)")
    ),
    f"{{'descr': {[(f'f{k}', '<f4') for k in range(60000)]!r}, 'fortran_order': False, 'shape': (6,)}}",
]


WATCHED = ["--settle", "0.05", "--interval", "0.05", "--until-idle", "0.3"]


def with_header(text: str) -> bytes:
    raw = text.replace("10**15", str(10**15)).replace("10**12", str(10**12)).replace("2**62", str(2**62))
    raw = raw.replace("2**64", str(2**64)).replace("(2,) * 50", repr((2,) * 50))
    encoded = raw.encode("utf-8", errors="surrogatepass") + b"\n"
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(encoded)) + encoded + bytes(6 * 28)


@pytest.mark.parametrize("text", HEADERS, ids=lambda text: re.sub(r"[^ -~]", "?", text[:20]))
def test_whatever_numpy_makes_of_a_header_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.cs"
    path.write_bytes(with_header(text))
    with pytest.raises(ValueError, match=r"p\.cs") as refused:
        CsFile.read(path)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 1000


def test_what_a_header_promises_is_not_allocated(tmp_path: Path) -> None:
    """A gigabyte fits into memory, so that only the length of the file can tell that it is not there."""
    import tracemalloc

    (tmp_path / "p.cs").write_bytes(
        with_header(f"{{'descr': {FIELDS!r}, 'fortran_order': False, 'shape': (40000000,)}}")
    )
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"cannot be read as a \.cs file"):
            CsFile.read(tmp_path / "p.cs")
        assert tracemalloc.get_traced_memory()[1] < 10**8
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["blob/psize_A", "alignments2D/psize_A"])
@pytest.mark.parametrize("value", [np.inf, np.nan, 1e-40, 3e38])
def test_pixel_sizes_that_no_microscope_has_are_refused(tmp_path: Path, name: str, value: float) -> None:
    table = np.ones(2, dtype=[*FIELDS, ("alignments2D/psize_A", "<f4"), ("alignments2D/shift", "<f4", (2,))])
    table["blob/path"], table["blob/idx"] = b"stack.mrcs", [0, 1]
    write_cs(tmp_path / "p.cs", table)
    CsFile.read(tmp_path / "p.cs")
    table[name][1] = value
    write_cs(tmp_path / "p.cs", table)
    with pytest.raises(ValueError, match=f"gives a pixel size of .* Angstrom \\({name}\\)"):
        CsFile.read(tmp_path / "p.cs")


@pytest.mark.parametrize(
    ("kind", "content"),
    [("<U1", b"\xff" * 4), ([("a", "S3"), ("b", "<f4")], bytes(7)), ("S4", b"dear"), ("<M8[s]", bytes(8))],
)
@pytest.mark.parametrize("name", ["ctf/df2_A", "ctf/phase_shift_rad"])
def test_transfer_functions_that_are_no_numbers_are_refused(tmp_path: Path, name: str, kind, content: bytes) -> None:
    names = ["df1_A", "df2_A", "accel_kv", "cs_mm", "amp_contrast", "phase_shift_rad"]
    fields = [(f"ctf/{one}", kind if f"ctf/{one}" == name else "<f4") for one in names]
    table = np.zeros(1, dtype=[*FIELDS, *fields])
    table["blob/path"], table["blob/psize_A"] = b"stack.mrcs", 1.5
    raw = np.frombuffer(content, dtype=kind)
    table.view(np.uint8)[slice(*_place(table.dtype, name))] = raw.view(np.uint8)
    write_cs(tmp_path / "p.cs", table)
    with pytest.raises(ValueError, match=rf"p\.cs' holds no numbers in {name}; its type is ") as refused:
        CsFile.read(tmp_path / "p.cs").transfer_functions()
    assert len(str(refused.value).splitlines()) == 1


def _place(kind: np.dtype, name: str) -> tuple[int, int]:
    part, offset = kind.fields[name][:2]
    return offset, offset + part.itemsize


@pytest.mark.parametrize("value", ["1e300", "1e-40", "nan", "0", "-1"])
@pytest.mark.parametrize(
    "words",
    [
        ["run", "particles.star", "--estimator", "mass", "--out", "out", "--angpix"],
        ["convert", "particles.star", "out.cs", "--angpix"],
        ["extract-coordinates", "picks.star", "--out", "out.star", "--angpix"],
        ["extract-coordinates", "picks.star", "--out", "out.star", "--mic-angpix"],
        ["apply", "picks.star", "--out", "out", "--angpix"],
    ],
)
def test_pixel_sizes_that_a_user_cannot_mean(tmp_path: Path, monkeypatch, words: list[str], value: str) -> None:
    monkeypatch.chdir(tmp_path)
    star, _ = dataset(tmp_path)
    file = StarFile.read(star).with_origins(np.zeros((6, 2)), np.full(6, 1.5))
    file.with_columns(file.particles, {f"rlnCoordinate{axis}": ["5.0"] * 6 for axis in "XY"}).write("picks.star")
    result = CliRunner().invoke(main, [*words, value])
    assert result.exit_code == 2
    assert f"is {float(value)!r}; give a positive number" in result.stderr


def test_shifts_beyond_every_box_are_refused(tmp_path: Path) -> None:
    star, _ = dataset(tmp_path)
    particles = open_particles(star)
    file = StarFile.read(star)
    far = np.zeros((len(particles), 2))
    for value in (np.nan, np.inf, 1e7):
        far[2, 1] = value
        with pytest.raises(ValueError, match="holds a shift of"):
            file.with_origins(far, particles.pixel_size)
    far[2, 1] = 1e5
    moved = file.with_origins(far, particles.pixel_size)
    np.testing.assert_allclose(moved.displacements(particles.pixel_size), far)
    with pytest.raises(ValueError, match="holds a shift of"):
        moved.displacements(particles.pixel_size / 1e3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "_rlnOpticsGroup #2\n",
            "_rlnOpticsGroup #2\n_rln\x1b]0;owned\x07\x1b[2J #3\n_rln\x1b]0;owned\x07\x1b[2J #4\n",
        ),
        ("_rlnImageName", "_rlnImageName\u202e"),
        ("data_particles", "data_\x1b[31mparticles"),
        ("000001@stack.mrcs", "000001@sta\x1b[31m\x9bck.mrcs"),
    ],
)
def test_a_message_about_a_file_does_not_talk_to_the_terminal(tmp_path: Path, monkeypatch, old: str, new: str) -> None:
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path)
    Path("hostile.star").write_text(Path("particles.star").read_text().replace(old, new), encoding="utf-8")
    assert Path("hostile.star").read_text(encoding="utf-8") != Path("particles.star").read_text()
    for arguments in (
        ["run", "hostile.star", "--estimator", "mass", "--out", "out"],
        ["apply", "hostile.star", "-o", "o"],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code in (0, 2)
        for line in (result.stdout + result.stderr).splitlines():
            assert line.isprintable()


def test_messages_are_one_line_of_bearable_length() -> None:
    assert printable("plain words, \u00e9 and \u4e2d too") == "plain words, \u00e9 and \u4e2d too"
    assert printable("a\x1b[2J\nb\x07\x9b\u202e\u2028") == "a\\x1b[2J\\nb\\x07\\x9b\\u202e\\u2028"
    assert printable("st\udce4ck") == "st\udce4ck"  # a byte of a name that is no UTF-8
    long = printable("first " + "x" * 10**6 + " last")
    assert long.startswith("first xxx")
    assert long.endswith("xxx last")
    assert len(long) < 1000


def test_too_little_memory_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    """A stack of one image of 40 GB, all holes, read by a process that may have 4."""
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, 100000, 100000, 1, 2)
    header[208:216] = b"MAP DD\0\0"
    with (tmp_path / "huge.mrcs").open("wb") as file:
        file.write(header)
        file.truncate(1024 + 4 * 10**10)
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); "
    code = limit + "from centering.cli import main; main(sys.argv[1:])"
    result = processes.run(
        [sys.executable, "-c", code, "run", "huge.mrcs", "--estimator", "mass", "--out", "out"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("Error: not enough memory")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to make a file of another user")
@pytest.mark.parametrize("options", [[], ["--resume"], ["--resume", "--overwrite"]])
def test_the_journal_of_another_user_is_not_believed(tmp_path: Path, monkeypatch, options: list[str]) -> None:
    """Made before our run, in a folder in which all may write: with --resume its centres would be ours."""
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path)
    journal = Path(".out.partial/journal")
    journal.parent.mkdir()
    (journal.parent / "lock").touch()  # as every working folder has
    journal.write_bytes(b"{}\n")
    os.chown(journal, 54321, 54321)
    result = CliRunner().invoke(main, ["run", "particles.star", "--estimator", "mass", "--out", "out", *options])
    assert result.exit_code == 2
    assert "belongs to another user" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to make a file of another user")
@pytest.mark.parametrize(
    "name", ["lock", "journal", "finished", "moving", "old", "results", "results/recentered.mrcs", "other", "."]
)
@pytest.mark.parametrize(
    "words",
    [
        ["run", "particles.star", "--estimator", "mass", "--out", "out"],
        ["run", "particles.star", "--estimator", "mass", "--out", "out", "--overwrite"],
        ["run", "particles.star", "--estimator", "mass", "--out", "out", "--resume"],
        ["apply", "centred.star", "--out", "out", "--overwrite"],
        ["classes", "stack.mrcs", "classified.star", "--estimator", "mass", "--out", "out", "--overwrite"],
        ["watch", "stacks", "--estimator", "mass", "--out", "watched", *WATCHED],
        [],
    ],
    ids=lambda words: " ".join([*words[:1], *words[5:]]) or "recover",
)
def test_nothing_of_another_user_in_a_working_folder_is_used(
    tmp_path: Path, monkeypatch, words: list[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    star, _ = dataset(tmp_path)
    StarFile.read(star).with_origins(np.zeros((6, 2)), np.full(6, 1.5)).write("centred.star")
    file = StarFile.read("centred.star")
    columns = {"rlnClassNumber": ["1"] * 6, "rlnAnglePsi": ["0.0"] * 6}
    file.with_columns(file.particles, columns).write("classified.star")
    Path("stacks").mkdir()
    Path("stacks/a.mrcs").write_bytes(Path("stack.mrcs").read_bytes())
    place = Path("watched/stacks/.a.mrcs.partial" if "watch" in words else ".out.partial")
    if "watch" in words:
        assert CliRunner().invoke(main, words).exit_code == 0
        os.utime("stacks/a.mrcs", (0, 0))  # it has changed, and is to be centred again
    (place / "results").mkdir(parents=True)
    (place / "old").mkdir()
    for one in ("lock", "results/recentered.mrcs"):
        (place / one).touch()
    if not (place / name).exists():
        (place / name).write_bytes(b"{}\n")
    os.chown(place / name, 54321, 54321)
    before = {path: path.is_dir() or path.read_bytes() for path in place.rglob("*")}
    if words:
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 2, result.output
        errors = [
            line for line in result.stderr.splitlines() if not line.startswith(("note:", "warning:", "watching "))
        ]
        assert len(errors) == 1, errors
        assert "belongs to another user" in errors[0]
    else:
        recover("out")
    assert {path: path.is_dir() or path.read_bytes() for path in place.rglob("*")} == before
    assert not Path("out").exists()


@pytest.mark.skipif(not (ROOT / "benchmarks" / "fuzz").is_dir(), reason="needs the folder benchmarks")
def test_a_random_sample_of_mutated_files_through_every_command() -> None:
    """The whole of it: ``python -m benchmarks.fuzz``."""
    result = processes.run(
        [sys.executable, "-m", "benchmarks.fuzz", "--count", "36", "--seed", "random", "--figures", "0"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]
    assert re.search(r"^cs +refused", result.stdout, re.MULTILINE)
