"""Small disks for the tests, where mounting them is allowed."""

from __future__ import annotations

import processes
import pytest


def full_disk(place, size):
    """Mount a small disk, or skip where that is not allowed."""
    place.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
    if processes.run(options, capture_output=True, check=False).returncode:
        place.rmdir()
        pytest.skip("needs the right to mount a small disk")
