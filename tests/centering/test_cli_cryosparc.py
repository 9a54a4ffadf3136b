"""``.cs`` in, ``.cs`` out, by the command; and what comes from strangers stays where it belongs."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datafiles import RADIUS, SIZE, simulated

from centering.cli import main
from centering.io.mrc import write_stack
from centering.io.star import StarFile

COUNT = 8


def command(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder of cryoSPARC with two pixel sizes, the second stack in another job."""
    monkeypatch.chdir(tmp_path)
    simulation = simulated(COUNT)
    fields = [
        ("uid", "<u8"), ("blob/path", "S60"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)),
        ("blob/psize_A", "<f4"), ("ctf/df1_A", "<f4"), ("alignments2D/shift", "<f4", (2,)),
        ("alignments2D/psize_A", "<f4"), ("alignments2D/class", "<u4"),
    ]  # fmt: skip
    table = np.zeros(COUNT, dtype=fields)
    table["uid"] = np.arange(COUNT) * 10**18
    table["blob/shape"] = SIZE
    table["ctf/df1_A"] = np.random.default_rng(1).uniform(1e4, 2e4, COUNT)
    table["alignments2D/shift"] = 99.0
    table["alignments2D/psize_A"] = 4.0
    for group, psize in enumerate((1.5, 2.0)):
        members = np.arange(group, COUNT, 2)
        Path(f"J{group + 1}/extract").mkdir(parents=True)
        write_stack(f"J{group + 1}/extract/stack.mrcs", simulation.images[members])
        table["blob/path"][members] = f">J{group + 1}/extract/stack.mrcs"
        table["blob/idx"][members] = np.arange(len(members))
        table["blob/psize_A"][members] = psize
    with Path("J2/particles.cs").open("wb") as file:
        np.save(file, table)
    return simulation


def test_run_centres_a_cs_file_and_keeps_every_other_byte(project):
    before = Path("J2/particles.cs").read_bytes()
    words = command("run", "J2/particles.cs", "--radius", RADIUS, "--out", "out")
    assert "1.5, 2 A" in words
    assert Path("J2/particles.cs").read_bytes() == before
    old, new = np.load("J2/particles.cs"), np.load("out/particles.cs")
    assert old.dtype == new.dtype
    for name in old.dtype.names:
        if name != "alignments2D/shift":
            assert old[name].tobytes() == new[name].tobytes()
    found = -new["alignments2D/shift"][:, ::-1] * 4.0 / old["blob/psize_A"][:, None]
    assert np.median(np.linalg.norm(found - project.displacement, axis=1)) < 1.0
    # the STAR file beside it says the same
    star = StarFile.read("out/particles.star")
    np.testing.assert_allclose(star.displacements(old["blob/psize_A"].astype(float)), found, atol=1e-4)
    assert star.column(star.particles, "rlnImageName")[1] == f"000001@{Path.cwd()}/J2/extract/stack.mrcs"


def test_apply_reads_the_shifts_of_a_cs_file(project):
    command("run", "J2/particles.cs", "--radius", RADIUS, "--out", "out")
    command("apply", "out/particles.cs", "--out", "moved")
    command("run", "out/particles.star", "--radius", RADIUS, "--out", "again", "--write-stack")
    one, two = (Path(f"{folder}/recentered.mrcs").read_bytes()[1024:] for folder in ("moved", "again"))
    np.testing.assert_allclose(np.frombuffer(one, "<f4"), np.frombuffer(two, "<f4"), atol=1e-5)


def test_a_missing_stack_and_a_wrong_index_are_one_sentence(project):
    table = np.load("J2/particles.cs")
    for name, value, words in [
        ("blob/path", b">J9/gone.mrcs", "stack 'J9/gone.mrcs'"),
        ("blob/idx", 77, "asks for image 78"),
    ]:
        bad = table.copy()
        bad[name][3] = value
        with Path("bad.cs").open("wb") as file:
            np.save(file, bad)
        output = command("run", "bad.cs", "--radius", RADIUS, "--out", "out", code=2)
        assert words in output
        assert "Traceback" not in output
        assert not Path("out").exists()


def test_paths_in_a_file_do_not_move_the_output(project, tmp_path):
    """Stacks may lie anywhere, but everything that is written lies in --out."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "J1/extract/stack.mrcs").rename(outside / "stack.mrcs")
    table = np.load("J2/particles.cs")
    table["blob/path"][::2] = b">J1/../outside/stack.mrcs"
    with Path("p.cs").open("wb") as file:
        np.save(file, table)
    before = set(tmp_path.rglob("*"))
    command("run", "p.cs", "--radius", RADIUS, "--out", "results", "--write-stack")
    after = {path for path in tmp_path.rglob("*") if tmp_path / "results" not in (path, *path.parents)}
    assert after - before == set()
