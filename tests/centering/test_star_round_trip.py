"""The round trip of STAR files of any dialect: what is edited changes, and no other byte.

A file is drawn as pieces of text of which some are cells, so that what an edit must give is known without a parser.
It is read back by gemmi, by starfile where it holds nothing that this one does not know, and by RELION.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import processes
import pytest
import starfile
from hypothesis import given, settings
from hypothesis import strategies as st

from centering.io.star import StarFile

MICROSCOPE = {"rlnVoltage": "300", "rlnSphericalAberration": "2.7", "rlnAmplitudeContrast": "0.1"}
OPTICS = {"rlnOpticsGroup": "1", "rlnOpticsGroupName": "g", "rlnImagePixelSize": "1.5", "rlnImageSize": "64"}
OPTICS |= {"rlnImageDimensionality": "2", **MICROSCOPE}
PLACES = ("rlnOriginXAngst", "rlnOriginYAngst")

words = st.from_regex(r"[A-Za-z0-9+.@/-][A-Za-z0-9+.@/#_'-]{0,9}", fullmatch=True)
words = words.filter(lambda word: not word.lower().startswith(("data_", "loop_", "stop_", "save_", "global_")))
sentences = st.lists(words.map(lambda word: word.replace("'", "")), min_size=2, max_size=3).map(" ".join)
numbers = st.floats(-999, 999).map("{:.4f}".format)
blanks = st.text(" \t", min_size=1, max_size=4)
remarks = st.sampled_from(["# of no use", "#'\"", "# data_x"])


@dataclass(frozen=True)
class Block:
    """One block: its values as they stand, in quotes or not, and the text around them."""

    name: str
    pairs: bool
    between: tuple[str, ...]  # what stands before each label, with its line break
    labels: dict[str, str]  # with what stands behind them
    cells: dict[str, list[str]]
    gaps: tuple[tuple[str, ...], ...]  # of each row: before every cell, and what is behind the last
    notes: tuple[str, ...]  # comments before each row

    def text(self) -> str:
        head = f"data_{self.name}\n" + ("" if self.pairs else "\nloop_\n")
        if self.pairs:
            found = [
                f"{before}_{label}{gap}{self.cells[label][0]}{behind}\n"
                for before, (label, behind), gap in zip(self.between, self.labels.items(), self.gaps[0], strict=False)
            ]
            return head + "".join(found)
        head += "".join(
            f"{before}_{label}{behind}\n"
            for before, (label, behind) in zip(self.between, self.labels.items(), strict=True)
        )
        for row, (gaps, note) in enumerate(zip(self.gaps, self.notes, strict=True)):
            head += note
            head += "".join(gap + self.cells[label][row] for gap, label in zip(gaps, self.labels, strict=False))
            head += gaps[-1] + "\n"
        return head

    def edited(self, columns: dict[str, list[str]]) -> Block:
        """Return the block with other values, in labels of its own or in new ones behind them."""
        new = [label for label in columns if label not in self.labels]
        if not new:
            return replace(self, cells=self.cells | columns)
        last = list(self.labels.values())[-1]
        labels = dict(self.labels)
        for number, label in enumerate(new, len(self.labels) + 1):
            labels[label] = f" #{number}" if "#" in last and not self.pairs else ""
        gaps = []
        for one in self.gaps:
            behind = one[-1].strip()  # a comment stays the last, and blanks at the end of a line go
            ends = [] if self.pairs else [f" {behind}" if behind else ""]
            gaps.append((*one[: len(self.labels)], *[" "] * len(new), *ends))
        between = (*self.between, *[""] * len(new))
        return replace(self, between=between, labels=labels, cells=self.cells | columns, gaps=tuple(gaps))


@st.composite
def blocks(draw, name, columns, rows, *, remarked, pairs=None):
    """Return a block of columns, each a label and a strategy for its values, in any order."""
    pairs = rows == 1 and draw(st.booleans()) if pairs is None else pairs
    labels = draw(st.permutations(list(columns)))
    numbered = draw(st.booleans())
    empty = st.sampled_from(["", "", "", "\n", *(["# a comment\n"] if remarked else [])])
    ends = st.sampled_from(["", "", " ", "\t ", *([" # behind", "\t#"] if remarked else [])])
    gaps = [(draw(st.sampled_from(["", "  "])), *(draw(blanks) for _ in labels[1:]), draw(ends)) for _ in range(rows)]
    if pairs:
        gaps = [tuple(draw(blanks) for _ in labels)]
    behind = [draw(ends) if pairs else f" #{k}" if numbered else draw(st.sampled_from(["", " "])) for k in range(9)]
    return Block(
        name,
        pairs,
        tuple(draw(empty) for _ in labels),
        dict(zip(labels, behind[1:], strict=False)),
        {label: [draw(columns[label]) for _ in range(rows)] for label in labels},
        tuple(gaps),
        tuple(draw(st.sampled_from(["", *(["# a row\n"] if remarked else [])])) for _ in range(rows)),
    )


@st.composite
def files(draw, *, remarked):
    """Return the blocks of a file in any order, and how its lines begin and end."""
    rows = draw(st.integers(1, 4))
    either = words | sentences.map('"{}"'.format) | (sentences.map("'{}'".format) if remarked else words)
    names = st.integers(1, 99).map("{}@a.mrcs".format)
    others = draw(st.dictionaries(st.sampled_from(["rlnMicrographName", "my", "other"]), st.just(either)))
    stale = dict.fromkeys(draw(st.lists(st.sampled_from(PLACES), unique=True)), numbers)
    particles = {"rlnImageName": names, "rlnOpticsGroup": st.just("1"), **others, **stale}
    found = [draw(blocks("particles", particles, rows, remarked=remarked))]
    if draw(st.booleans()):
        optics = {label: st.just(value) for label, value in OPTICS.items()}
        found.append(draw(blocks("optics", optics, 1, remarked=remarked)))
    for name in draw(st.lists(st.sampled_from(["general", "micrographs"]), unique=True)):
        other = blocks(name, {"rlnOne": words, "rlnTwo": either}, draw(st.integers(1, 2)), remarked=remarked)
        found = [*found, draw(other)]
    return draw(st.permutations(found))


def parsed(text: str) -> dict[str, dict[str, list[str]]]:
    """Return the blocks of a file as gemmi reads them."""
    cif = pytest.importorskip("gemmi").cif
    found: dict[str, dict[str, list[str]]] = {}
    for block in cif.read_string(text):
        columns = found.setdefault(block.name, {})
        for item in block:
            if item.pair is not None:
                columns[item.pair[0][1:]] = [cif.as_string(item.pair[1])]
            elif item.loop is not None:
                for k, tag in enumerate(item.loop.tags):
                    values = item.loop.values[k :: item.loop.width()]
                    columns[tag[1:]] = [cif.as_string(value) for value in values]
    return found


def bare(cells: dict[str, list[str]]) -> dict[str, list[str]]:
    return {label: [one[1:-1] if one[0] in "\"'" else one for one in column] for label, column in cells.items()}


def written(value: str) -> str:
    return f'"{value}"' if " " in value else value


@given(st.booleans().flatmap(lambda remarked: st.tuples(st.just(remarked), files(remarked=remarked))), st.data())
def test_what_is_edited_changes_and_no_other_byte(drawn, data):
    remarked, found = drawn
    mark, end = data.draw(st.sampled_from(["", "\ufeff"])), data.draw(st.sampled_from(["\n", "\r\n"]))
    between = data.draw(st.sampled_from(["\n", "\n\n\n"]))
    text = between.join(block.text() for block in found)
    which = data.draw(st.sampled_from([k for k, block in enumerate(found) if block.name in ("particles", "optics")]))
    block = found[which]
    rows = len(next(iter(block.cells.values())))
    labels = [label for label in (*block.labels, "rlnNew", "rlnNewer") if label not in ("rlnImageName",)]
    label = st.sampled_from(labels)
    column = st.lists(words | sentences, min_size=rows, max_size=rows)
    columns = data.draw(st.dictionaries(label, column, max_size=4))
    edited = block.edited({label: list(map(written, column)) for label, column in columns.items()})
    expected = between.join(one.text() for one in [*found[:which], edited, *found[which + 1 :]])
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder, "in.star"), Path(folder, "out.star")
        content = (mark + text).replace("\n", end)
        path.write_bytes((content if data.draw(st.booleans()) else content.rstrip("\r\n")).encode())
        star = StarFile.read(path)
        for one in found:
            table = star.table(one.name)
            assert {label: star.column(table, label) for label in table.columns} == bare(one.cells)
        new = star.with_columns(star.table(block.name), columns)
        new.write(copy)
        # lines end as RELION reads them, the last one too
        assert copy.read_bytes().decode() == mark + expected
        assert new.tables == StarFile.read(copy).tables
        truth = {one.name: bare(one.cells) for one in [*found[:which], edited, *found[which + 1 :]]}
        assert parsed(expected) == truth
        cells = "".join(value for one in truth.values() for column in one.values() for value in column)
        if not (remarked or any(one.pairs or any(one.between) for one in found) or set(cells) & set("#'")):
            copy.write_text(expected)  # starfile takes the mark for a part of the first word
            every = [label for cells in truth.values() for label in cells]
            table = starfile.read(copy, always_dict=True, parse_as_string=every)
            assert {name: one.to_dict("list") for name, one in table.items()} == truth


@pytest.mark.usefixtures("relion")
@settings(max_examples=5)
@given(st.data())
def test_relion_reads_the_origins_that_were_written(data):
    """One process reads many files: joined, they have the rows of all, in order."""
    expected, files = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(data.draw(st.integers(2, 8))):
            rows = data.draw(st.integers(1, 3))
            optics = {label: st.just(value) for label, value in OPTICS.items()}
            stale = dict.fromkeys(data.draw(st.lists(st.sampled_from(PLACES), unique=True)), numbers)
            group = data.draw(st.sampled_from(["1", "1.0", "1.000000"]))
            names = st.sampled_from(["{}@a.mrcs", "{:06d}@a.mrc:mrcs", "{:020d}@b/a.mrcs"])
            name = data.draw(names).format(number + 1)
            columns = {"rlnImageName": st.just(name), "rlnOpticsGroup": st.just(group), **stale}
            pieces = [
                data.draw(blocks("optics", optics, 1, remarked=False)),
                data.draw(blocks("particles", columns, rows, remarked=False)),
            ]
            if data.draw(st.booleans()):
                pieces.append(data.draw(blocks("general", {"rlnOne": words}, 1, remarked=False, pairs=True)))
            text = "\n".join(block.text() for block in data.draw(st.permutations(pieces)))
            path = Path(folder, f"{number}.star")
            path.write_text(data.draw(st.sampled_from(["", "\ufeff"])) + text, encoding="utf-8")
            star = StarFile.read(path)
            move = np.array([data.draw(st.lists(st.floats(-999, 999), min_size=2, max_size=2)) for _ in range(rows)])
            sizes, _ = star.pixel_sizes()
            star.with_origins(move, sizes).write(path)
            expected.append(-1.5 * move)
            files.append(path.name)
        command = ["relion_star_handler", "--combine", "--i", " ".join(files), "--o", "all.star"]
        result = processes.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        table = starfile.read(Path(folder, "all.star"))["particles"]
    origins = np.stack([table["rlnOriginYAngst"], table["rlnOriginXAngst"]], axis=1)
    # RELION writes six digits, or five decimals
    np.testing.assert_allclose(origins, np.concatenate(expected), rtol=1e-5, atol=1e-5)
