"""As an External job of RELION: its arguments, and the files by which it follows a job."""

from pathlib import Path

import pytest
import starfile
from click.testing import CliRunner
from datafiles import RADIUS, dataset

from centering.cli import main
from centering.io.relion_job import FAILURE, SUCCESS

JOB = Path("External/job001")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project folder."""
    monkeypatch.chdir(tmp_path)
    dataset(tmp_path, 8)
    return tmp_path


def external(*arguments):
    # the arguments that relion_pipeliner 3.1.3 gives
    options = ["--o", f"{JOB}/", "--in_parts", "particles.star"]
    return CliRunner().invoke(main, ["run", *options, *map(str, arguments)])


def test_a_finished_job_says_so_and_names_its_particles(project):
    JOB.mkdir(parents=True)
    (JOB / "note.txt").write_text("made by RELION")
    (JOB / FAILURE).touch()  # of an earlier attempt
    result = external("--radius", RADIUS, "--j", 1)
    assert result.exit_code == 0, result.output
    assert (JOB / SUCCESS).exists()
    assert not (JOB / FAILURE).exists()
    nodes = starfile.read(JOB / "RELION_OUTPUT_NODES.star")
    assert nodes["rlnPipeLineNodeName"].tolist() == [f"{JOB}/particles.star"]
    assert nodes["rlnPipeLineNodeType"].tolist() == [3]
    assert (JOB / "note.txt").exists()
    tables = starfile.read(JOB / "job_pipeline.star")
    assert tables["pipeline_input_edges"]["rlnPipeLineEdgeFromNode"].tolist() == ["particles.star"]
    assert tables["pipeline_output_edges"]["rlnPipeLineEdgeToNode"].tolist() == [f"{JOB}/particles.star"]


def test_a_job_that_failed_says_so(project):
    JOB.mkdir(parents=True)
    result = external()  # no size of the particle
    assert result.exit_code == 2
    assert "--diameter" in result.output
    assert (JOB / FAILURE).exists()
    assert not (JOB / SUCCESS).exists()


def test_input_is_named_once(project):
    arguments = ["run", "particles.star", "--in_parts", "particles.star", "--radius", "9", "--out", "out"]
    assert "INPUT and --in_parts" in CliRunner().invoke(main, arguments).output
    assert "give INPUT" in CliRunner().invoke(main, ["run", "--radius", "9", "--out", "out"]).output
    assert not Path("out").exists()
