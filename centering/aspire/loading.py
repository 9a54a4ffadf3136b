"""Import ASPIRE-Python without what its import does to the program."""

from __future__ import annotations

from pswf.loading import load_aspire

__all__: list[str] = []

load_aspire("centering.aspire", "aspire.source")
