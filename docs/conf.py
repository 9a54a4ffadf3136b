"""Settings of the documentation: ``make docs``."""

from __future__ import annotations

import re
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "pswf-centering"
author = copyright = "the pswf-centering authors"  # noqa: A001
version = release = installed(project)

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
# the source folder is that of the repository: so links between pages and notebooks hold on a forge, too
include_patterns = ["docs/*.md", "notebooks/*.ipynb"]
root_doc = "docs/index"
html_theme = "furo"
html_title = "pswf-centering"

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
# notebooks are stored with their outputs, and run by the tests
nb_execution_mode = "off"

autodoc_typehints = "none"  # the docstrings say more: shapes, units, signs
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "code"


def escape_stars(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep the star of ``(count, *r.shape)``, where it is not marked as code, from being read as emphasis."""
    for k, line in enumerate(lines):
        parts = line.split("``")
        parts[::2] = [re.sub(r"(?<!\\)\*(?=\w+\.shape)", r"\\*", part) for part in parts[::2]]
        lines[k] = "``".join(parts)


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", escape_stars)
