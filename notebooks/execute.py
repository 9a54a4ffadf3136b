"""Run notebooks from a clean kernel and store their outputs in place, pictures reduced to 96 colors."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent


def execute(path: Path) -> nbformat.NotebookNode:
    """Return the notebook with the outputs of a run from a clean kernel; a cell that raises, raises here."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=840, kernel_name="python3", resources={"metadata": {"path": FOLDER}}).execute()
    return notebook


def shrink(notebook: nbformat.NotebookNode) -> None:
    """Reduce pictures to 96 colors, and drop what changes from run to run."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            if picture:
                image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
                small = io.BytesIO()
                reduced = image.quantize(96, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
                reduced.save(small, "PNG", optimize=True)
                output["data"]["image/png"] = base64.b64encode(small.getvalue()).decode() + "\n"
                output["data"].pop("text/plain", None)


def main(names: list[str]) -> None:
    for path in [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb")):
        notebook = execute(path)
        shrink(notebook)
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
