"""The report of a run: one HTML file that needs nothing else, and its figures as PNG and SVG."""

from __future__ import annotations

from centering.report.page import write_report

__all__ = ["write_report"]
