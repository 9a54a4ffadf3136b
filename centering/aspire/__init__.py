"""Centering inside ASPIRE-Python: an ``ImageSource`` goes in, a centred ``ImageSource`` comes out.

    from centering.aspire import center
    centered = center(source, centering.SurrogateCenter(40))

The only part of this package that imports ASPIRE (tested with 0.14).  The import leaves no trace: ASPIRE's log folder,
exception hook, root log handlers and progress bars are undone; programs that want them import ASPIRE first.

`source` is the source, `simulation` makes stacks with known centres, `loading` imports ASPIRE.
"""

from __future__ import annotations

from centering.aspire import loading  # noqa: F401  (first: it keeps ASPIRE quiet)
from centering.aspire.source import CenteredSource, Recenter, center, estimate, write_coordinates

__all__ = ["CenteredSource", "Recenter", "center", "estimate", "write_coordinates"]
