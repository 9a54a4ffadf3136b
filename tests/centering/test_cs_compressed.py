"""cryoSPARC's compressed format, as cryosparc-tools writes and reads it: what comes in so goes out so."""

import sys
from pathlib import Path

import numpy as np
import pytest
from datafiles import write_cs

from centering.io.cryosparc import CsFile

FIELDS = [
    ("uid", "<u8"), ("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4"),
    ("alignments3D_multi/shift", "<f4", (3, 2)), ("alignments2D/shift", "<f4", (2,)), ("alignments2D/psize_A", "<f4"),
    ("location/micrograph_path", "S24"), ("other/anything", "<f8", (2, 2)), ("other/small", "u1"),
]  # fmt: skip


@pytest.fixture
def dataset():
    """Return the class of cryosparc-tools."""
    reason = "needs cryosparc-tools: pip install 'pswf-centering[cryosparc]'"
    return pytest.importorskip("cryosparc.dataset", reason=reason).Dataset


@pytest.fixture
def table():
    rng = np.random.default_rng(2)
    result = np.zeros(30, dtype=FIELDS)
    for name in result.dtype.names:
        if result.dtype[name].base.kind == "f":
            result[name] = rng.normal(size=result[name].shape)
    result["uid"] = rng.integers(2**63, size=30)
    result["blob/path"] = [f">J1/stack{k // 12}.mrc" for k in range(30)]
    result["blob/idx"] = np.arange(30) % 12
    result["blob/shape"] = 48
    result["blob/psize_A"], result["alignments2D/psize_A"] = 1.5, 3.0
    result["location/micrograph_path"] = [f"J2/m{k % 5}.mrc" for k in range(30)]
    result["other/small"] = np.arange(30)
    return result


def test_what_cryosparc_tools_has_compressed_is_read_and_written_so(tmp_path, dataset, table):
    from cryosparc.dataset import CSDAT_FORMAT

    dataset(table).save(str(tmp_path / "p.cs"), format=CSDAT_FORMAT)
    write_cs(tmp_path / "plain.cs", table)
    cs, plain = CsFile.read(tmp_path / "p.cs"), CsFile.read(tmp_path / "plain.cs")
    assert cs.names == plain.names
    for name in table.dtype.names:
        np.testing.assert_array_equal(cs.table[name], table[name])
    moves = np.random.default_rng(0).normal(size=(30, 2))
    cs.with_shifts(moves).write(tmp_path / "new.cs")
    assert (tmp_path / "new.cs").read_bytes()[:6] == (tmp_path / "p.cs").read_bytes()[:6] == b"\x95CSDAT"
    new, expected = dataset.load(str(tmp_path / "new.cs")), plain.with_shifts(moves).table
    assert list(new.fields()) == list(table.dtype.names)
    for name in table.dtype.names:
        # cryosparc-tools returns text as such
        theirs = np.array([one.encode() for one in new[name]]) if table.dtype[name].kind == "S" else new[name]
        np.testing.assert_array_equal(theirs, expected[name])
    np.testing.assert_allclose(CsFile.read(tmp_path / "new.cs").displacements(), moves, atol=1e-5)


def test_without_cryosparc_tools_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "p.cs").write_bytes(b"\x95CSDAT....")
    monkeypatch.setitem(sys.modules, "cryosparc", None)
    with pytest.raises(ValueError, match=r"p\.cs' is in .* pip install 'pswf-centering\[cryosparc\]' to read it") as no:
        CsFile.read(tmp_path / "p.cs")
    assert "\n" not in str(no.value)


@pytest.mark.parametrize("damage", ["cut", "rows", "text", "header"])
def test_a_broken_file_is_one_sentence(tmp_path, dataset, table, damage):
    """Of a broken file, compiled code of cryosparc-tools 5.0 reads memory that is not its own."""
    from cryosparc.dataset import CSDAT_FORMAT

    path = tmp_path / "p.cs"
    dataset(table).save(str(path), format=CSDAT_FORMAT)
    raw = path.read_bytes()
    text = raw.index(b"}") + 1 + 4 + 8 * 30 + 4 + 24  # behind the lengths of uid and of blob/path
    broken = {
        "cut": raw[: len(raw) // 2],
        "rows": raw.replace(b'"length": 30', b'"length": 99'),
        "text": raw[:text] + b"\xff" * 6 + raw[text + 6 :],
        "header": raw[:6] + b"\xff\xff\xff\xff" + raw[10:],
    }
    path.write_bytes(broken[damage])
    with pytest.raises(ValueError, match=r"p\.cs' ") as caught:
        CsFile.read(path)
    assert "\n" not in str(caught.value)


def test_no_module_of_the_current_folder_is_loaded(tmp_path, monkeypatch, dataset, table):
    from cryosparc.dataset import CSDAT_FORMAT

    monkeypatch.chdir(tmp_path)
    dataset(table).save("p.cs", format=CSDAT_FORMAT)
    for name in ("cryosparc", "numpy", "json"):
        Path(f"{name}.py").write_text("import os; os.mkdir('loaded')")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert len(CsFile.read("p.cs")) == 30
    assert not Path("loaded").exists()
