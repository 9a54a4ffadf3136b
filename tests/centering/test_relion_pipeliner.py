"""RELION's own pipeliner runs and follows External jobs of ``centering run``, and goes on with their output."""

import sys
import sysconfig
from pathlib import Path

import numpy as np
import processes
import pytest
import starfile
from datafiles import RADIUS, dataset

EXTERNAL, SELECT, PARTICLES = 99, 7, 3  # RELION's numbers for two kinds of jobs, and for a STAR file of particles
SCHEDULED, FINISHED, FAILED = 1, 2, 3

EXECUTABLE = Path(sysconfig.get_path("scripts")) / "centering"

pytestmark = pytest.mark.usefixtures("relion")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a RELION project folder with eight particles; return what is true of them."""
    if not EXECUTABLE.exists():
        pytest.fail(f"{EXECUTABLE} is missing: install the package into {sys.prefix}")
    monkeypatch.chdir(tmp_path)
    # an empty project, as the first start of the graphical interface makes it
    Path("default_pipeline.star").write_text("\ndata_pipeline_general\n\n_rlnPipeLineJobCounter 1\n\n")
    return dataset(tmp_path, 8)[1]


def pipeliner(*arguments):
    # it waits for ever where the pipeline is locked
    processes.run(["relion_pipeliner", *arguments], stdin=processes.DEVNULL, check=True)


def schedule(kind, **options):
    rows = "".join(f'{name} "{value}"\n' for name, value in options.items())
    Path("todo.star").write_text(
        f"\ndata_job\n\n_rlnJobType {kind}\n_rlnJobIsContinue 0\n\n"
        f"data_joboptions_values\n\nloop_\n_rlnJobOptionVariable\n_rlnJobOptionValue\n{rows}\n"
    )
    pipeliner("--addJobFromStar", "todo.star")


def schedule_centering(radius=RADIUS):
    parameters = {"radius": radius, "invert": "no"}
    options = {f"param{k}_label": label for k, label in enumerate(parameters, 1)}
    options |= {f"param{k}_value": value for k, value in enumerate(parameters.values(), 1)}
    schedule(EXTERNAL, fn_exe=f"{EXECUTABLE} run", in_part="particles.star", nr_threads=1, do_queue="No", **options)


def execute(job):
    pipeliner("--RunJobs", f"{job}/", "--schedule", job.replace("/", "_"), "--sec_wait_after", "0")


def pipeline():
    """Return the status of every job, the type of every node, and the edges, as RELION sees them."""
    tables = starfile.read("default_pipeline.star", always_dict=True)
    jobs, nodes = tables["pipeline_processes"], tables["pipeline_nodes"]
    edges = set(map(tuple, tables["pipeline_input_edges"].to_numpy().tolist()))
    if "pipeline_output_edges" in tables:
        edges |= set(map(tuple, tables["pipeline_output_edges"].to_numpy().tolist()))
    return (
        dict(zip(jobs["rlnPipeLineProcessName"], jobs["rlnPipeLineProcessStatus"], strict=True)),
        dict(zip(nodes["rlnPipeLineNodeName"], nodes["rlnPipeLineNodeType"], strict=True)),
        edges,
    )


def test_relion_runs_the_job_to_its_end_and_the_next_job_on_its_particles(project):
    schedule_centering()
    assert pipeline()[0] == {"External/job001/": SCHEDULED}
    execute("External/job001")
    assert Path("External/job001/RELION_JOB_EXIT_SUCCESS").exists()
    status, nodes, edges = pipeline()
    assert status == {"External/job001/": FINISHED}
    assert nodes == {"particles.star": PARTICLES, "External/job001/particles.star": PARTICLES}
    assert edges == {
        ("particles.star", "External/job001/"),
        ("External/job001/", "External/job001/particles.star"),
    }

    # a job of RELION's own takes the node: it splits the particles into halves
    schedule(SELECT, fn_data="External/job001/particles.star", do_split="Yes", split_size=4, nr_split=-1, do_queue="No")
    execute("Select/job002")
    status, nodes, edges = pipeline()
    assert status == {"External/job001/": FINISHED, "Select/job002/": FINISHED}
    assert ("External/job001/particles.star", "Select/job002/") in edges
    halves = [starfile.read(f"Select/job002/particles_split{k}.star") for k in (1, 2)]
    assert [len(half["particles"]) for half in halves] == [4, 4]
    pixel_size = halves[0]["optics"]["rlnImagePixelSize"].item()
    origins = np.concatenate([half["particles"][["rlnOriginYAngst", "rlnOriginXAngst"]] for half in halves])
    error = np.hypot(*(-origins / pixel_size - project.displacement).T)
    assert np.median(error) < 1.5  # sCM of a particle without symmetry, noise-free
    assert np.median(np.hypot(*project.displacement.T)) > 4


def test_relion_is_told_of_a_job_that_failed(project):
    schedule_centering(radius=900)
    execute("External/job001")
    status, nodes, _ = pipeline()
    assert status == {"External/job001/": FAILED}
    assert nodes == {"particles.star": PARTICLES}
    # what RELION's interface shows of the job
    assert "radius 900" in Path("External/job001/run.err").read_text()
