"""Settings of the documentation: ``make docs``."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, files
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
# site/index.html leads there
templates_path = ["templates"]
html_additional_pages = {"index": "start.html"}
html_theme = "furo"
html_title = "pswf-centering"


def mathjax() -> Path:
    """Return the script that draws equations, of an installed package: the pages need no network."""
    package = "sphinx-mathjax-offline"
    try:
        (script,) = (file for file in files(package) or () if file.name == "tex-svg-full.js")
    except (PackageNotFoundError, ValueError):
        raise SystemExit(f"the pages need the file tex-svg-full.js of {package}: pip install -e '.[docs]'") from None
    return Path(str(script.locate()))


html_static_path = [str(mathjax())]
mathjax_path = mathjax().name
mathjax3_config = {"svg": {"scale": 0.9}}
highlight_language = "none"  # most are commands; Python says so

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
# notebooks are stored with their outputs, and run by the tests
nb_execution_mode = "off"

autodoc_mock_imports = ["aspire"]  # the plug-ins are described without it
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


def name_what_is_described(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let source code lead to what describes it: of a module described by two names viewcode knows the first."""
    described = app.env.get_domain("py").objects  # type: ignore[attr-defined]
    module = page.removeprefix("_modules/").replace("/", ".")

    def right(link: re.Match[str]) -> str:
        name = link[1] if link[1] in described else module + link[1][link[1].index(".") :]
        return f'#{name}">[docs]'

    if page.startswith("_modules/"):
        context["body"] = re.sub(r'#([\w.]+)">\[docs\]', right, context["body"])


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", escape_stars)
    app.connect("html-page-context", name_what_is_described)
