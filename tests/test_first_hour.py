"""The first hour of somebody who has nothing but the README: its commands work as they are printed, in order."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner

from centering import simulate
from centering.cli import main
from centering.io.mrc import write_stack
from centering.io.opening import open_particles

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("centering")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [text for language, text in re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", README) if not language]
SETTING_UP = ("make ", "pip ", "python3 -m venv ", ". ")
COUNT, SIZE, PIXEL, RADIUS = 120, 64, 5.0, 25

OPTICS = """data_optics

loop_
_rlnOpticsGroup
_rlnOpticsGroupName
_rlnImagePixelSize
_rlnMicrographOriginalPixelSize
_rlnImageSize
_rlnImageDimensionality
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
1 opticsGroup1 {pixel} {pixel} {size} 2 300 2.7 0.1

data_particles

loop_
_rlnImageName
_rlnMicrographName
_rlnCoordinateX
_rlnCoordinateY
_rlnClassNumber
_rlnAnglePsi
_rlnOpticsGroup
"""
ROW = "{k:06d}@Extract/job012/stack.mrcs mic.mrc 500 600 {one} 0 1\n"


def commands(*programs, of=BLOCKS):
    """Return the command lines of some blocks, without remarks and without what sets up the environment."""
    lines = [line.partition("  #")[0].strip() for block in of for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith(SETTING_UP) and line.startswith(programs or "")]


def run(line):
    """Run a line as it stands; one that goes on until Ctrl-C gets that once there are results."""
    words = shlex.split(line)
    if words[0] != "centering":
        processes.run(words, check=True, capture_output=True, text=True)
    elif words[1] == "watch":
        with processes.Popen([PROGRAM, *words[1:]]) as process:
            while process.poll() is None and not Path("live/particles.star").exists():
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait() == 0, line
    else:
        t0 = time.process_time()
        result = CliRunner().invoke(main, words[1:])
        print(line, time.process_time() - t0)
        assert result.exit_code == 0, f"{line}: {result.output}"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a project of the reader's own: particles of 250 Angstrom, and their class averages."""
    monkeypatch.chdir(tmp_path)
    found = simulate.particles(COUNT, SIZE, radius=RADIUS, max_shift=6, snr=0.2, seed=3)
    Path("Extract/job012").mkdir(parents=True)
    write_stack("Extract/job012/stack.mrcs", found.images, PIXEL)
    write_stack("run_it025_classes.mrcs", found.images[:5], PIXEL)
    rows = "".join(ROW.format(k=k + 1, one=k % 5 + 1) for k in range(COUNT))
    text = OPTICS.format(pixel=PIXEL, size=SIZE) + rows
    for name in ("particles.star", "run_it025_data.star"):
        Path(name).write_text(text, encoding="utf-8")
    return found.displacement


def test_every_block_is_known():
    """A new block of commands is one that these tests run."""
    firsts = [line.split()[0] for line in commands()]
    assert set(firsts) == {"centering", "relion_star_handler", "from", 'center(RelionSource("particles.star"),'}


def test_every_command_works_as_printed(project):
    lines = commands("centering", "relion", of=[block for block in BLOCKS if "J12" not in block])
    assert len(lines) >= 8
    for line in lines:
        if line.startswith("centering") or shutil.which(line.split()[0]):
            run(line)
    assert Path("centered/report.html").is_file()
    merit = starfile.read("centered/particles.star")["particles"]["rlnParticleFigureOfMerit"].to_numpy()
    assert 0 < np.count_nonzero(merit >= 1.4) < COUNT
    if Path("selected.star").exists():
        selected = starfile.read("selected.star")["particles"]
        np.testing.assert_array_equal(selected["rlnParticleFigureOfMerit"], merit[merit >= 1.4])
    off = {}
    for name in ("centered", "learned"):
        particles = open_particles(f"{name}/particles.star")
        off[name] = np.median(np.hypot(*(particles.table.displacements(particles.pixel_size) - project).T))
    assert off["centered"] < 3
    assert off["learned"] < 3


@pytest.mark.usefixtures("project")
def test_every_command_for_cryosparc_works_as_printed():
    Path("J12").mkdir()
    run("centering convert particles.star J12/particles.cs")
    lines = commands("centering", of=[block for block in BLOCKS if "J12" in block])
    assert len(lines) == 3
    for line in lines:
        run(line)
    assert len(np.load("back.cs")) == COUNT
