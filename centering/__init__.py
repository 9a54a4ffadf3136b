"""Where is the centre of this noisy image?

Everything public is imported on first use, so that ``import centering`` stays light.

The flow, and the order of imports: leaves < `landscapes` < `radial`, `alignment` < `estimators` < `io` < `engine` <
`runs` < `report`, `watching`, `tools`, `paper`, `simulate`, `aspire` < `cli`.  A module imports what stands to its
left.

`landscapes` hold a number for every candidate centre.  `radial` and `alignment` are the methods that learn a
reference from the images.  `estimators` find the centres of a stack.  `io` reads and writes files.  `engine` takes
any number of images through an estimator; `runs` makes a folder of results of that, and `report` the page on it.
`watching` centres stacks as they arrive; `tools` are the other commands; `cli` is the command line of all.
`simulate` makes particles with known centres, `paper` the figures of the paper; `aspire` is the plug-in for
ASPIRE-Python.

The leaves: `results` (what an estimator returns), `stack` (images as the kernels want them), `shift` (moving images),
`ctf` (contrast transfer functions), `checks` (of arguments), `fourier` (sums of waves, and the climb to their peak),
`plot` (figures), `threads` (of other libraries), `progress` (how far a long computation has come), `sentence` (messages
that name arguments), `_moved` (modules that had other names).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from centering._moved import MOVED, install, moved

if TYPE_CHECKING:
    __version__: str

    from centering.alignment.result import Alignment as Alignment
    from centering.ctf import CTF as CTF
    from centering.estimators.base import Estimator as Estimator
    from centering.estimators.mass import CenterOfMass as CenterOfMass
    from centering.estimators.median import GeometricMedian as GeometricMedian
    from centering.estimators.phase import PhaseCenter as PhaseCenter
    from centering.estimators.radial_reference import RadialReference as RadialReference
    from centering.estimators.reference_free import ReferenceFreeAlignment as ReferenceFreeAlignment
    from centering.estimators.self_convolution import SelfConvolution as SelfConvolution
    from centering.estimators.surrogate import SurrogateCenter as SurrogateCenter
    from centering.landscapes.grid import candidates as candidates
    from centering.landscapes.landscape import landscape as landscape
    from centering.landscapes.score import Score as Score
    from centering.radial.fitted import FittedReference as FittedReference
    from centering.results import Centers as Centers
    from centering.results import Flag as Flag

_HOMES = {
    "Alignment": "centering.alignment.result",
    "CTF": "centering.ctf",
    "CenterOfMass": "centering.estimators.mass",
    "Centers": "centering.results",
    "Estimator": "centering.estimators.base",
    "FittedReference": "centering.radial.fitted",
    "Flag": "centering.results",
    "GeometricMedian": "centering.estimators.median",
    "PhaseCenter": "centering.estimators.phase",
    "RadialReference": "centering.estimators.radial_reference",
    "ReferenceFreeAlignment": "centering.estimators.reference_free",
    "Score": "centering.landscapes.score",
    "SelfConvolution": "centering.estimators.self_convolution",
    "SurrogateCenter": "centering.estimators.surrogate",
    "candidates": "centering.landscapes.grid",
    "landscape": "centering.landscapes.landscape",
}

install()
__all__ = [*sorted(_HOMES), "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in MOVED:
        return moved(name)
    if name == "__version__":
        return import_module("pswf").__version__
    if name not in _HOMES:
        raise AttributeError(f"module 'centering' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
