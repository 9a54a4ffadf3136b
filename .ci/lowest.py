"""Print pip constraints that pin every dependency to the lowest version that pyproject.toml allows.

    python .ci/lowest.py > lowest.txt
    python -m pip install --constraint lowest.txt --editable '.[dev]'

Programs that only look at the sources (ruff, mypy and the like) are left out: their versions say nothing of users.
"""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
_TOOLS = {"ruff", "mypy", "typos", "import-linter", "pre-commit"}
_REQUIREMENT = re.compile(r'"([A-Za-z0-9._-]+)>=([0-9][0-9.]*)[^"]*"')


def lowest(text: str) -> dict[str, str]:
    """Return the lowest version of every package that the project asks for."""
    # Python 3.10 has no tomllib
    project = text.partition("[project]\n")[2].partition("[project.scripts]")[0]
    found = dict(_REQUIREMENT.findall(project.partition("dependencies = [")[2]))
    return {name: version for name, version in sorted(found.items()) if name not in _TOOLS}


if __name__ == "__main__":
    for name, version in lowest(PROJECT.read_text(encoding="utf-8")).items():
        print(f"{name}=={version}")
