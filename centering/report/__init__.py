"""The report of a run: one HTML file that needs nothing else, and its figures as PNG and SVG.

`page` puts it together from the sections of `stack` (all particles), `particles` (single ones) and `learned` (what was
learned from them).  `charts` and `pictures` draw; `words` says what a run found.
"""

from __future__ import annotations

from centering.report.page import write_report

__all__ = ["write_report"]
