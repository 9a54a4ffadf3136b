"""``python -m centering`` is the command ``centering``."""

from __future__ import annotations

from centering.cli import main

if __name__ == "__main__":
    main(prog_name="centering")
