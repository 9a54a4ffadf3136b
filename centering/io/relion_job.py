"""Being an External job of RELION: the files by which its pipeline follows a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from centering.io.atomic import flush_folder, replacing
from centering.io.star_table import quote

__all__ = ["FAILURE", "PARTICLES", "SUCCESS", "relion_job"]

SUCCESS, FAILURE = "RELION_JOB_EXIT_SUCCESS", "RELION_JOB_EXIT_FAILURE"

PARTICLES = 3
"""RELION's number for a node that is a STAR file of particles."""

_PROCESS = 99  # RELION's number for an External job
_FINISHED, _FAILED = 2, 3


@contextmanager
def relion_job(folder: str | PathLike[str], *, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Iterator[None]:
    """Tell RELION's pipeline how the work inside the ``with`` block ended.

    Writes ``RELION_JOB_EXIT_SUCCESS``, ``RELION_OUTPUT_NODES.star`` and ``job_pipeline.star`` at its end, or
    ``RELION_JOB_EXIT_FAILURE`` after an error, which goes on.

    Parameters
    ----------
    folder : path
        The folder of the job, which RELION has made.
    inputs, outputs : mapping of str to int
        Files that the job reads and writes, relative to the project folder, and the numbers of their types.
    """
    target = Path(folder)
    for name in (SUCCESS, FAILURE):
        (target / name).unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        if target.is_dir():
            with suppress(OSError):  # the error that goes on says more
                _pipeline(target, inputs, {}, _FAILED)
            with suppress(OSError):
                (target / FAILURE).touch()
        raise
    nodes = "".join(f"{quote(name)} {kind}\n" for name, kind in outputs.items())
    with replacing(target / "RELION_OUTPUT_NODES.star") as temporary:
        temporary.write_text(f"data_output_nodes\n\nloop_\n_rlnPipeLineNodeName\n_rlnPipeLineNodeType\n{nodes}")
    _pipeline(target, inputs, outputs, _FINISHED)
    (target / SUCCESS).touch()
    flush_folder(target)


def _pipeline(target: Path, inputs: Mapping[str, int], outputs: Mapping[str, int], status: int) -> None:
    """Write ``job_pipeline.star`` where RELION has not written its own."""
    path = target / "job_pipeline.star"
    if path.exists():
        return
    job = f"{target}/"
    tables = {
        "pipeline_processes": (
            ("rlnPipeLineProcessName", "rlnPipeLineProcessAlias", "rlnPipeLineProcessType", "rlnPipeLineProcessStatus"),
            [f"{quote(job)} None {_PROCESS} {status}"],
        ),
        "pipeline_nodes": (
            ("rlnPipeLineNodeName", "rlnPipeLineNodeType"),
            [f"{quote(name)} {kind}" for name, kind in {**inputs, **outputs}.items()],
        ),
        "pipeline_input_edges": (
            ("rlnPipeLineEdgeFromNode", "rlnPipeLineEdgeProcess"),
            [f"{quote(name)} {quote(job)}" for name in inputs],
        ),
        "pipeline_output_edges": (
            ("rlnPipeLineEdgeProcess", "rlnPipeLineEdgeToNode"),
            [f"{quote(job)} {quote(name)}" for name in outputs],
        ),
    }
    text = "data_pipeline_general\n\n_rlnPipeLineJobCounter 2\n"
    for name, (labels, rows) in tables.items():
        if rows:
            columns = "".join(f"_{label}\n" for label in labels)
            text += f"\ndata_{name}\n\nloop_\n{columns}" + "".join(f"{row}\n" for row in rows)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
