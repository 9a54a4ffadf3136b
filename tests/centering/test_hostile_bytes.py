"""Files with some bytes changed are read, or refused in one sentence; nothing else happens."""

import os
import random

import numpy as np
import pytest
from datafiles import dataset

from centering.io.mrc import MrcStack, create_stack
from centering.io.opening import open_particles
from centering.runs.prepare import prepare

TOKENS = [
    b"nan",
    b"-1",
    b"1e999",
    b"\0",
    b"\n",
    b"'",
    b'"',
    b"#",
    b" ",
    b"loop_",
    b"data_",
    b"_rln",
    b"@",
    b"9" * 21,
    b"\xff",
    b"\r",
]
FIELDS = [
    ("uid", "<u8"), ("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4"),
    ("alignments2D/shift", "<f4", (2,)), ("alignments2D/psize_A", "<f4"), ("alignments2D/class", "<u4"),
    ("alignments2D/pose", "<f4"),
]  # fmt: skip


def change(content, rng, *, header=None, words=0.0):
    """Return a copy with one to four bytes, or words in their place, that are others."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(header or len(result))
        if rng.random() < words:
            result[place : place + rng.randint(0, 6)] = rng.choice(TOKENS)
        else:
            result[place] = rng.randrange(256)
    return bytes(result)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path, 6)
    table = np.zeros(6, dtype=FIELDS)
    table["blob/path"], table["blob/idx"], table["blob/psize_A"], table["blob/shape"] = (
        b"stack.mrcs",
        np.arange(6),
        1.5,
        48,
    )
    with (tmp_path / "particles.cs").open("wb") as file:
        np.save(file, table)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "options"),
    [("particles.star", {"words": 0.7}), ("particles.cs", {"words": 0.1}), ("stack.mrcs", {"header": 100})],
)
def test_changed_bytes(project, name, options):
    content, rng = (project / name).read_bytes(), random.Random(1)
    changed = project / f"changed{(project / name).suffix}"
    read, refused = 0, []
    for _ in range(250):
        changed.write_bytes(change(content, rng, **options))
        try:
            particles = open_particles(changed)
            if len(particles) * particles.size**2 < 10**6:
                prepare(particles, estimator="mass")
            if particles.star is not None:
                particles.star.with_origins(np.zeros((len(particles), 2)), particles.pixel_size)
            read += 1
        except (ValueError, FileNotFoundError) as error:
            refused.append(str(error))
    assert read > 10
    assert len(refused) > 10
    assert max(len(words.splitlines()) for words in refused) == 1


def promise(path, count):
    content = bytearray(path.read_bytes())
    content[8:12] = count.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("count", [10**4 + 1, 10**5, 10**6, 10**6 + 1, 2**31 - 1])
def test_a_header_cannot_ask_for_all_memory_and_time(project, count):
    """A stack of six images whose header says far more, for each of which a row would be made."""
    promise(project / "stack.mrcs", count)
    for name in ("stack.mrcs", "particles.star"):
        with pytest.raises(ValueError, match=f"its header promises {count} images, 6 are there"):
            open_particles(project / name)


@pytest.mark.parametrize("count", [7, 600, 10**4])
def test_a_stack_that_is_truncated_within_reason_is_read_as_far_as_it_goes(project, count):
    promise(project / "stack.mrcs", count)
    particles = open_particles(project / "stack.mrcs")
    assert len(particles) == count
    assert particles.readable.sum() == 6


def test_a_stack_of_a_million_images(tmp_path):
    """A pixel each; and cut to one in a hundred, below which a truncation is no longer believed."""
    path = tmp_path / "stack.mrcs"
    create_stack(path, 10**6, 1)
    particles = open_particles(path)
    assert len(particles) == 10**6
    assert particles.readable.all()
    os.truncate(path, 1024 + 4 * 10**4)
    assert MrcStack.open(path).available == 10**4
    os.truncate(path, 1024 + 4 * (10**4 - 1))
    with pytest.raises(ValueError, match="its header promises 1000000 images, 9999 are there"):
        MrcStack.open(path)
