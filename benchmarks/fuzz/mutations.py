"""Mutations of files: bytes at random, and changes that know the structure of what they change."""

from __future__ import annotations

import ast
import random
import struct
from collections.abc import Callable
from typing import Any

from benchmarks.fuzz import inputs

__all__ = ["KINDS", "mutated", "valid"]

WORDS = [
    b"nan", b"inf", b"-1", b"0", b"1e999", b"-1e308", b"1e-320", b"\0", b"\n", b"\r", b"\r\n", b"\t", b" ", b"'", b'"',
    b"#", b"loop_", b"data_", b"data_optics", b"_rln", b"@", b"000000@", b"9" * 21, b"9" * 5000, b"\xff\xfe", b"\xc3",
    b"\x1b[31m", b"\x1b]0;x\x07", b"\x7f", b"\xe2\x80\xae", b"\xc2\x85", b"\xe2\x80\xa8", b"\x0b", b"\x0c", b"\x1c",
    b"stack.mrcs", b"../stack.mrcs", b"/dev/zero", b"/dev/stdin", b".", b"$x_", b"<b>", b"%s{0}", b"_rlnImageName",
    b"\xef\xbb\xbf", b"\xd9\xa1", b"1_0", b"+5", b"0x10", b"--out", b"()", b"," * 20,
]  # fmt: skip

TYPES = [
    "<f4", ">f4", "<f8", "<f2", "<f16", "<u4", ">u4", "<i4", "<u1", "<i8", "<u8", "|b1", "<c8", "|O", "O", "|S0", "|S1",
    "|S20", "|S2000", "|S2000000000", "<U20", "<U1", "<U500000000", "|V0", "|V8", "|V2000000000", "<M8[ns]", "<m8[D]",
    "<M8", "f", "i", "?", "", "abc", "<f4,<f4", "a20", "10f4", "(2,3)f4", "<f4\0", "object", "<f99", "f4" * 4000,
]  # fmt: skip

NAMES = ["", "blob/path", "blob/idx", "a\nb", "\x1b[2J", "\u0661", 5, None, ("t", "n"), "x" * 9999]

LINES = [b"", b"#", b"loop_", b"data_", b"data_optics", b"data_ x", b"_", b"_ x", b";", b"_a #b"]

SHAPES = [
    (), (2,), (3,), (1,), (0,), (-1,), (-2, -3), (2, 3), (2**31,), (2**63 - 1,), (2**64,), (10**30,), (2, 10**9), 2, -2,
    (1.5,), (True,), ("2",), (2,) * 40, [2], None,
]  # fmt: skip


def some_bytes(content: bytes, rng: random.Random) -> bytes:
    """Change one to eight bytes, more often near the beginning."""
    result = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        if result:
            end = rng.choice([len(result), min(len(result), 256)])
            place = rng.randrange(end)
            result[place] = rng.choice([rng.randrange(256), result[place] ^ (1 << rng.randrange(8)), 0, 255, 127, 128])
    return bytes(result)


def some_words(content: bytes, rng: random.Random) -> bytes:
    """Put one to four words in the place of some bytes, or between them."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(result) + 1)
        result[place : place + rng.choice([0, 0, 1, 3, 6, 12])] = rng.choice(WORDS)
    return bytes(result)


def cut(content: bytes, rng: random.Random) -> bytes:
    """Leave out the end, the beginning or a piece, or append what is too much."""
    a, b = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return rng.choice([content[:a], content[a:], content[:a] + content[b:], content + content[:a], content + bytes(b)])


def doubled(content: bytes, rng: random.Random) -> bytes:
    """Repeat a piece, or exchange two."""
    a, b, c = sorted(rng.randrange(len(content) + 1) for _ in range(3))
    return rng.choice([content[:b] + content[a:], content[:a] + content[b:c] + content[a:b] + content[c:]])


# ------------------------------------------------------------------------------------------------------ .cs


def _npy(descr: Any, shape: Any, order: Any, body: bytes, *, version: int = 1) -> bytes:
    text = f"{{'descr': {descr!r}, 'fortran_order': {order!r}, 'shape': {shape!r}, }}"
    return _framed(text, body, version)


def _framed(text: str, body: bytes, version: int = 1) -> bytes:
    raw = text.encode("utf-8" if version == 3 else "latin-1", errors="replace") + b"\n"
    if version == 1 and len(raw) > 65535:
        version = 2
    length = struct.pack("<H" if version == 1 else "<I", len(raw))
    return b"\x93NUMPY" + bytes([version, 0]) + length + raw + body


def _parts(content: bytes) -> tuple[list[Any], tuple[int, ...], bytes]:
    length = struct.unpack("<H", content[8:10])[0]
    header = ast.literal_eval(content[10 : 10 + length].decode())
    return list(header["descr"]), header["shape"], content[10 + length :]


def cs_types(content: bytes, rng: random.Random) -> bytes:
    """Give fields other types, shapes and names; the body stays, or follows with zeros."""
    descr, shape, body = _parts(content)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(descr))
        if len(descr[place]) < 2:  # by an earlier turn
            continue
        field = list(descr[place])
        what = rng.randrange(8)
        if what < 3:
            field[1] = rng.choice(TYPES)
        elif what == 3:
            field[2:] = [rng.choice(SHAPES)]
        elif what == 4:
            name = rng.choice(
                ["", "blob/path", "blob/idx", "a\nb", "\x1b[2J", "\u0661", 5, None, ("t", "n"), "x" * 9999]
            )
            field[0] = name
        elif what == 5:
            field[1] = [("a", rng.choice(TYPES)), ("b", "<f4")]
        elif what == 6:
            descr.pop(place)
            if not descr:
                break
            continue
        else:
            field = rng.choice([[], ["x"], [field[0], field[1], (2,), 4], [field]])
        descr[place] = tuple(field)
    body = rng.choice([body, body, body + bytes(4096), bytes(65536)])
    return _npy(descr, shape, False, body, version=rng.choice([1, 1, 2, 3]))


def cs_shape(content: bytes, rng: random.Random) -> bytes:
    """Give the whole another shape or order."""
    descr, shape, body = _parts(content)
    wrong = rng.choice([*SHAPES, (inputs.COUNT - 1,), (3, 2), (2**40,), (10**15,), (2**62,), (-6,), (6, 0), "6", 6.0])
    order = rng.choice([False, False, True, 0, None, "no"])
    return _npy(descr, rng.choice([wrong, wrong, shape]), order, rng.choice([body, b"", bytes(10**5)]))


def cs_header(content: bytes, rng: random.Random) -> bytes:
    """Write a header that NumPy's parser has not been made for."""
    descr, shape, body = _parts(content)
    deep = rng.choice([50, 90, 200, 1000, 5000, 50000])
    nested: Any = "<f4"
    for _ in range(min(deep, 90)):
        nested = [("a", nested)]
    texts = [
        "(" * deep, "[" * deep + "]" * deep, "{" * deep, "-" * deep + "1", "~" * deep + "1", "not " * deep + "1",
        "1" + "+1" * deep, "1" + "**1" * deep, "''" * deep, "'" * deep, "{'descr':" * min(deep, 5000), "\\\n" * deep,
        "(" * 90 + ")" * 90, "lambda: " * deep + "1", "x" + ".a" * deep, "f" + "()" * deep, "9" * deep,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * deep + ")}",
        f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, 'more': 1}}",
        f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': (6L,)}}",
        f"{{'descr': {nested!r}, 'fortran_order': False, 'shape': (6,)}}",
        f"{{'descr': {[*descr, ('n', nested)]!r}, 'fortran_order': False, 'shape': (6,)}}",
        f"{{'descr': {descr * 20!r}, 'fortran_order': False, 'shape': (6,)}}",
        f"{{'descr': {[(f'f{k}', '<f4') for k in range(deep % 9000)]!r}, 'fortran_order': False, 'shape': (6,)}}",
        "{[]: 1}", "{{}: 1}", "{'descr': {}, 'fortran_order': False, 'shape': (6,)}", "1 if 1 else 2", "{**{}}",
        "{'descr': {'names': ['a'], 'formats': ['<f4'], 'offsets': [-4]}, 'fortran_order': False, 'shape': (6,)}",
        "\0", "", "#", "\x0c", "\t\t{}", "  {}", "None", "...", "b'\\x", "'\\N{", "'\\ud800'", "0777", "1e999", "{1: 2",
        "import os", "__import__('os').system('true')",
    ]  # fmt: skip
    result = _framed(rng.choice(texts), body, rng.choice([1, 1, 2, 3]))
    if rng.random() < 0.2:
        result = result[:6] + bytes([rng.randrange(256), rng.randrange(256)]) + result[8:]
    if rng.random() < 0.2:
        result = result[:8] + rng.choice([b"\xff\xff", b"\0\0", b"\xff\xff\xff\x7f", b"\1\0"]) + result[10:]
    return result


def cs_values(content: bytes, rng: random.Random) -> bytes:
    """Put values into rows that no particle has: NaN, infinity, huge numbers, names that are none."""
    import io

    import numpy as np

    table = np.load(io.BytesIO(content)).copy()
    for _ in range(rng.randint(1, 3)):
        name = rng.choice(table.dtype.names)
        kind, rows = table.dtype[name].base.kind, rng.choice([slice(None), slice(0, 1), slice(2, 4)])
        if kind == "f":
            table[name][rows] = rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, -1.0, 1e20, -0.0])
        elif kind == "u":
            table[name][rows] = rng.choice([0, 1, 5, 6, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
        else:
            table[name][rows] = rng.choice([*WORDS, b"", b">", b">>", b"stack.mrcs\0x", b"a\nb", b"\xff\xff"])[:20]
    file = io.BytesIO()
    np.save(file, table[rng.choice([slice(None), slice(0, 0), slice(0, 1), slice(None, None, -1)])])
    return file.getvalue()


# ---------------------------------------------------------------------------------------------------- STAR


def star_lines(content: bytes, rng: random.Random) -> bytes:
    """Leave out, repeat, move or empty whole lines."""
    lines = content.split(b"\n")
    for _ in range(rng.randint(1, 4)):
        a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
        what = rng.randrange(6)
        if what == 0 and len(lines) > 2:
            lines.pop(a)
        elif what == 1:
            lines.insert(b, lines[a])
        elif what == 2:
            lines[a], lines[b] = lines[b], lines[a]
        elif what == 3:
            lines[a] = rng.choice(
                [b"", b"#", b"loop_", b"data_", b"data_optics", b"data_ x", b"_", b"_ x", b";", b"_a #b"]
            )
        elif what == 4:
            lines = lines[: max(a, 2)]
        else:
            lines[a] += rng.choice([b" x", b"\t#", b" '", b' "', b"\r", b" \\", b"\x1c", b"\x85", b" 1 2 3"])
    return rng.choice([b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\n\n"]).join(lines)


def star_values(content: bytes, rng: random.Random) -> bytes:
    """Put words in the place of whole values, of one row or of all."""
    lines = content.split(b"\n")
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(lines))
        values = lines[place].split(b" ")
        column = rng.randrange(len(values))
        word = rng.choice([*WORDS, b"x" * 10**6, b"1" * 10**5, b"(" * 1000, b"''", b'""', b"'a b'", b'"a\'b"'])
        for k in range(len(lines)) if rng.random() < 0.3 else [place]:
            others = lines[k].split(b" ")
            if len(others) == len(values):
                others[column] = word
                lines[k] = b" ".join(others)
    return b"\n".join(lines)


def star_encoding(content: bytes, rng: random.Random) -> bytes:
    """Write the text in another encoding, with a mark in front, or with NUL bytes."""
    text = content.decode()
    return rng.choice(
        [
            text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-32"), b"\xef\xbb\xbf" + content,
            content.replace(b" ", b"\0"), content.replace(b" ", "\u00a0".encode()), content.replace(b" ", b"\x1f"),
            content.replace(b"\n", "\u2028".encode()), content.replace(b"stack", b"st\xe4ck"),
            content.replace(b" ", b"  \t "), content + bytes(1000), bytes(1000) + content,
        ]
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------------- MRC

PLACES = {0: "nx", 4: "ny", 8: "nz", 12: "mode", 28: "mx", 32: "my", 36: "mz", 88: "ispg", 92: "nsymbt"}
COUNTS = [0, 1, -1, 2, 3, 5, 7, 16, 32, 101, 255, 600, 601, 1024, 2**15, 2**16, 2**24, 2**31 - 1, -(2**31)]
COUNTS += [10**4, 10**4 + 1, 10**5, 10**6, 10**6 + 1]


def mrc_header(content: bytes, rng: random.Random) -> bytes:
    """Put other whole numbers into the header."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place = rng.choice(list(PLACES))
        value = rng.randrange(-1, 20) if place == 12 and rng.random() < 0.7 else rng.choice(COUNTS)
        struct.pack_into(rng.choice("<<<>") + "i", result, place, value)
    if rng.random() < 0.2:
        result[212:216] = rng.choice([b"\0\0\0\0", b"\x11\x11\0\0", b"\x44\x44\0\0", b"DA\0\0", b"\xff\xff\xff\xff"])
    if rng.random() < 0.1:
        result[208:212] = rng.choice([b"\0\0\0\0", b"map ", b"MAPI"])
    return bytes(result)


def mrc_floats(content: bytes, rng: random.Random) -> bytes:
    """Put odd numbers into the cell of the header, or into the pixels."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        place = rng.choice([40, 44, 48, 52, rng.randrange(1024, len(result) - 4)])
        value = rng.choice([float("nan"), float("inf"), -1.0, 0.0, 3e38, -3e38, 1e-44, 1e10])
        struct.pack_into("<f", result, place, value)
    return bytes(result)


Mutation = Callable[[bytes, random.Random], bytes]

_ANY: list[Mutation] = [some_bytes, some_words, cut, doubled]
KINDS: dict[str, list[Mutation]] = {
    "cs": [cs_types, cs_types, cs_types, cs_shape, cs_header, cs_header, cs_values, cs_values, *_ANY],
    "star": [star_lines, star_lines, star_values, star_values, star_encoding, *_ANY],
    "mrc": [mrc_header, mrc_header, mrc_header, mrc_floats, *_ANY],
}


def valid(kind: str, rng: random.Random) -> bytes:
    """Return the bytes of a file that is as it should be."""
    if kind == "cs":
        return inputs.cs()
    if kind == "star":
        return inputs.star(rng)
    return inputs.mrc(rng.choice([0, 1, 2, 2, 6, 12]), rng.choice("<<>"), rng.choice([0, 0, 64, 1024]))


def mutated(kind: str, seed: str) -> tuple[bytes, str]:
    """Return the bytes of a mutated file, the same ones for the same seed, and what was done to it."""
    rng = random.Random(seed)
    mutation = rng.choice(KINDS[kind])
    content = mutation(valid(kind, rng), rng)
    if rng.random() < 0.1:
        content = some_bytes(content, rng)
    return content, mutation.__name__
