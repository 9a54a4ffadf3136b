"""Radial bases by name, those of other distributions included."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import processes
import pytest

from pswf import SteerableBasis, basis_names, compare_bases, make_family

OWN = ("prolate", "Fourier-Bessel", "Dini-Bessel", "Zernike")
PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
SOURCE = Path(__file__).parents[1] / "extensions" / "basis"


def offer(folder: Path, distribution: str, name: str, target: str) -> None:
    """Write what an installed distribution leaves of itself."""
    about = folder / f"{distribution}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[pswf.bases]\n{name} = {target}\n")


def test_names(foreign_basis: Path) -> None:
    names = basis_names()
    assert names[:4] == OWN
    assert "clamped" in names[4:]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", [*OWN, "clamped"])
@pytest.mark.parametrize("c", [1e-3, 1.0, 20.0, 100.0])
def test_a_band_holds_about_so_many_functions(name: str, c: float, foreign_basis: Path) -> None:
    family = make_family(name, c) if name != "prolate" or c > 1.0 else None
    if family is None:
        with pytest.raises(ValueError, match="leaves no function"):
            make_family(name, c)
        return
    orders = [family(N) for N in range(int(c) + 5)]
    counts = [0 if basis is None else len(basis.evaluate(0.5)) for basis in orders]
    assert abs(counts[0] + 2 * sum(counts[1:]) - c**2 / 4) < 2.0 + c


def test_found_from_outside(foreign_basis: Path) -> None:
    """A fresh interpreter that knows of the distribution by its folder alone, and an image told by its functions."""
    code = (
        "import sys, pswf\n"
        f"sys.path.append({str(foreign_basis)!r})\n"
        "print('clamped_polynomials' in sys.modules, *pswf.basis_names())\n"
        "import numpy as np\n"
        "rows, columns = np.mgrid[:24, :24] - 12\n"
        "images = np.exp(-(rows**2 + columns**2) / 18.0)[None]\n"
        "result = pswf.compare_bases(images, [10, 100], names=['Zernike', 'clamped'])\n"
        "print(*result, result['clamped'].errors[1] < 1e-3, 'clamped_polynomials' in sys.modules)\n"
    )
    output = processes.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.splitlines() == [
        "False prolate Fourier-Bessel Dini-Bessel Zernike clamped",
        "Zernike clamped True True",
    ]


def test_the_page_shows_the_distribution_as_it_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, language in (("clamped_polynomials.py", "python"), ("pyproject.toml", "toml")):
        assert f"```{language}\n{(SOURCE / name).read_text(encoding='utf-8')}```" in text


def test_compared_like_the_others(foreign_basis: Path, rng: np.random.Generator) -> None:
    images = rng.standard_normal((2, 16, 16))
    result = compare_bases(images, [12])
    assert tuple(result) == basis_names()
    basis = SteerableBasis(make_family("clamped", 2.0 * np.sqrt(12.0)), 16, dtype=np.float64)
    assert result["clamped"].counts == basis.count
    assert result["clamped"].errors == pytest.approx(np.median(basis.least_squares(images).residual), rel=1e-5)


@pytest.mark.parametrize(
    ("offers", "name", "message"),
    [
        ([], "Gabor", "there is no basis 'Gabor'; give one of prolate, Fourier-Bessel, Dini-Bessel, Zernike"),
        (
            [("thief", "Zernike", "numpy:eye")],
            "Zernike",
            "the basis 'Zernike' is offered by pswf-centering itself and by thief; uninstall all but one",
        ),
        (
            [("one", "twice", "numpy:eye"), ("other", "twice", "numpy:ones")],
            "twice",
            "the basis 'twice' is offered by one and by other; uninstall all but one",
        ),
        (
            [("broken", "gone", "no_such_module:Family")],
            "gone",
            "the basis 'gone' of broken cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (
            [("broken", "gone", "numpy:no_such_name")],
            "gone",
            "the basis 'gone' of broken cannot be loaded: AttributeError: ",
        ),
        (
            [("odd", "number", "math:pi")],
            "number",
            "the basis 'number' of odd gave 3.141592653589793; its entry point must name a function of the bandlimit",
        ),
        (
            [("odd", "root", "math:sqrt")],
            "root",
            "the basis 'root' of odd gave 3.0; its entry point must name a function of the bandlimit",
        ),
    ],
)
def test_bases_that_cannot_be_had(
    offers: list[tuple[str, str, str]], name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for distribution, entry, target in offers:
        offer(tmp_path, distribution, entry, target)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make_family(name, 9.0)
    # one that is broken does not stand in the way of the others
    assert make_family("Dini-Bessel", 9.0)(0) is not None


def test_a_distribution_that_cannot_be_read_does_not_stop_the_others(
    foreign_basis: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, "malformed", "malformed\nno equals sign", "numpy:eye")
    monkeypatch.syspath_prepend(tmp_path)
    assert basis_names() == (*OWN, "clamped")
    assert make_family("clamped", 9.0)(0) is not None


def test_the_name_of_the_learned_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    offer(tmp_path, "rival", "learned", "pswf:FourierBesselFamily")
    monkeypatch.syspath_prepend(tmp_path)
    images = rng.standard_normal((2, 16, 16))
    assert "learned" in compare_bases(images, [12])
    with pytest.raises(ValueError, match="has the name of the learned one"):
        compare_bases(images, [12], learned_from=images)
    assert "learned" in compare_bases(images, [12], names=["Zernike"], learned_from=images)


@pytest.mark.parametrize(("band", "error"), [(0.0, ValueError), ("5", TypeError)])
def test_bands(band: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="bandlimit is"):
        make_family("Zernike", band)
