"""Names of version 0.1.0 that users have written down keep working, and say where they went."""

from __future__ import annotations

import json
import sys

from processes import run

from centering._moved import MOVED

CODE = """
import json, sys, warnings
from importlib import import_module
import centering
found = {}
for old in json.loads(sys.argv[1]):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        module = import_module(f"centering.{old}")
    words = [str(one.message) for one in said if one.category is DeprecationWarning]
    found[old] = [module.__name__, module.__spec__.name, words[-1]]
    same = import_module(module.__name__) is module
    assert same, old
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    assert centering.datasets.__name__ == "centering.tools.datasets"
    from centering.reference.waves import Waves
    from centering import RadialReference
assert Waves is import_module("centering.radial.waves").Waves
print(json.dumps(found))
"""


def test_every_old_module_is_the_new_one_and_says_so() -> None:
    done = run([sys.executable, "-c", CODE, json.dumps(list(MOVED))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for old, (name, spec, words) in json.loads(done.stdout).items():
        assert name == spec == f"centering.{MOVED[old]}"
        assert words == f"centering.{old} is centering.{MOVED[old]} now"
