"""Every notebook runs from a clean kernel, its own assertions included, with and without the reference data."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path

import pytest

# a notebook may take minutes where the machine has other work, and so may compiling for it
pytestmark = pytest.mark.timeout(900)

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
WITH_DATA = ["06_ribosome", "07_cryo_em", "08_reference_free_alignment", "09_aspire"]


@pytest.fixture
def execute(monkeypatch):
    """Return what runs a notebook; the kernel warns of what the notebook's author cannot help."""
    pytest.importorskip("nbclient", reason="notebooks need the extra 'notebooks'")
    pytest.importorskip("ipykernel", reason="notebooks need the extra 'notebooks'")
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")

    def run(path):
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(notebook, timeout=840, kernel_name="python3", resources={"metadata": {"path": FOLDER}})
        client.execute()
        return notebook

    return run


def texts(notebook):
    return "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))


@pytest.fixture
def aspire(request):
    """Skip the notebook on ASPIRE where it is not installed; looking for it, not importing it, leaves no trace."""
    if "09_aspire" in request.node.name and importlib.util.find_spec("aspire") is None:
        pytest.skip("notebook 9 needs ASPIRE-Python: pip install 'pswf-centering[aspire]'")


@pytest.mark.usefixtures("aspire")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_its_numbers_hold(path, execute):
    if path.stem in WITH_DATA and not os.environ.get("CENTERING_DATA"):
        pytest.skip("without the reference data it runs in the test below")
    execute(path)


@pytest.mark.usefixtures("aspire")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", WITH_DATA)
def test_notebook_without_the_reference_data_says_so(name, execute, monkeypatch):
    monkeypatch.delenv("CENTERING_DATA", raising=False)
    assert "SIMULATED" in texts(execute(FOLDER / f"{name}.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_notebook_is_executed_and_small(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert path.stat().st_size < 250_000
    words = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert re.match(rf"# {int(path.stem[:2])}\. .*\?", words[0]), "the question comes first"
    assert words[-1].count("**Finding.**") == 1, "the finding comes last"


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 6
