"""The site that ``make docs`` builds: strictly, whole, and without a network."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from importlib.metadata import distributions
from pathlib import Path

import processes
import pytest

DOCS = Path(__file__).parents[1] / "docs"
NEEDED = ("Sphinx", "furo", "myst-nb", "sphinx-mathjax-offline")

PAGE = r"""# A page

{py:class}`pswf.PSWF` has $\psi_{N,n}$, and

$$\int_0^1 R_m R_n\, r\, dr = \delta_{mn}. \tag{P.1}$$

```{eval-rst}
.. autoclass:: pswf.PSWF
   :members:
```
"""


@pytest.fixture(scope="module")
def check():
    """Return the program that `make docs` runs on the site."""
    spec = importlib.util.spec_from_file_location("check_site", DOCS / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of a site of one page, built with the settings of the real one."""
    if missing := set(NEEDED) - {distribution.name for distribution in distributions()}:
        pytest.skip(f"needs {', '.join(sorted(missing))}: pip install 'pswf-centering[docs]'")
    source = tmp_path_factory.mktemp("source")
    (source / "docs").mkdir()
    (source / "docs" / "index.md").write_text(PAGE, encoding="utf-8")
    site = tmp_path_factory.mktemp("built") / "site"
    options = ["-q", "-W", "--keep-going", "-c", str(DOCS), "-d", str(source / "trees"), "-b", "html"]
    done = processes.run(
        [sys.executable, "-m", "sphinx", *options, str(source), str(site)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return site


def test_it_begins_at_its_root_and_nothing_in_it_leads_nowhere(site, check):
    assert 'url=docs/index.html"' in (site / "index.html").read_text(encoding="utf-8")
    assert check.faults(site) == []


def test_equations_are_drawn_without_a_network(site, tmp_path):
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("CENTERING_REQUIRE_PROGRAMS"):
            pytest.fail("chromium is not installed, and CENTERING_REQUIRE_PROGRAMS is set")
        pytest.skip("needs Chromium: chromium is not installed")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path}"]
    # nothing listens there: whatever asks a network fails at once
    options += [
        "--disable-background-networking",
        "--proxy-server=127.0.0.1:9",
        "--virtual-time-budget=4000",
        "--dump-dom",
    ]
    address = (site / "docs" / "index.html").as_uri()
    page = processes.run([program, *options, address], check=True, capture_output=True, text=True, timeout=120).stdout
    assert len(re.findall(r"<mjx-container[^>]*>\s*<svg", page)) == 2
    assert not re.search(r"data-mjx-error|<merror", page)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">', "page.html leads to gone.html, which is not there"),
        ('<a href="#gone">', "page.html leads to #gone, a place that this page does not have"),
        ('<a href="page.html#gone">', "page.html leads to page.html#gone, a place that this page does not have"),
        ('<img src="gone.png">', "page.html leads to gone.png, which is not there"),
        ('<script src="https://cdn.example/mathjax.js"></script>', "page.html fetches https://cdn.example/mathjax.js"),
        ('<script src="//cdn.example/mathjax.js"></script>', "page.html fetches //cdn.example/mathjax.js"),
        ('<link rel="stylesheet" href="http://cdn.example/a.css">', "page.html fetches http://cdn.example/a.css"),
        ('<meta http-equiv="refresh" content="0; url=gone.html">', "page.html leads to gone.html, which is not there"),
        ('<a id="here" href="#here">', None),
        ('<a href="https://doi.org/10.1137/20M1365946">', None),
        ('<img src="data:image/png;base64,AAAA">', None),
        ('<a href="page.html?q=1">', None),
    ],
)
def test_what_is_wrong_with_a_page_is_said(body, fault, tmp_path, check):
    (tmp_path / "page.html").write_text(f"<html>{body}</html>", encoding="utf-8")
    assert check.faults(tmp_path) == ([] if fault is None else [fault])


def test_a_folder_without_pages_is_no_site(tmp_path, check):
    assert check.faults(tmp_path) == [f"{tmp_path} has no page"]
