"""The files that are mutated: tiny, valid, and of every variety that the readers know."""

from __future__ import annotations

import io
import random
import struct

import numpy as np

COUNT, SIZE = 6, 16

FIELDS = [
    ("uid", "<u8"), ("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)), ("blob/psize_A", "<f4"),
    ("ctf/df1_A", "<f4"), ("ctf/df2_A", "<f4"), ("ctf/accel_kv", "<f4"), ("ctf/cs_mm", "<f4"),
    ("ctf/amp_contrast", "<f4"), ("ctf/phase_shift_rad", "<f4"),
    ("alignments2D/shift", "<f4", (2,)), ("alignments2D/psize_A", "<f4"), ("alignments2D/class", "<u4"),
    ("alignments2D/pose", "<f4"), ("alignments3D/shift", "<f4", (2,)), ("alignments3D/pose", "<f4", (3,)),
    ("alignments3D_multi/shift", "<f4", (2, 2)), ("alignments3D_multi/psize_A", "<f4", (2,)),
    ("location/micrograph_path", "S16"), ("location/micrograph_shape", "<u4", (2,)),
    ("location/center_x_frac", "<f4"), ("location/center_y_frac", "<f4"), ("ctf/exp_group_id", "<u4"),
]  # fmt: skip


def images() -> np.ndarray:
    """Return a bright spot that is somewhere else in every image."""
    y, x = np.mgrid[:SIZE, :SIZE]
    places = 7.5 + np.random.default_rng(3).uniform(-2.0, 2.0, (COUNT, 2))
    return np.exp(-0.2 * ((y - places[:, :1, None]) ** 2 + (x - places[:, 1:, None]) ** 2)).astype(np.float32)


def mrc(mode: int = 2, order: str = "<", extended: int = 0) -> bytes:
    """Return an MRC stack of `images`."""
    kind = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}[mode]
    pixels = (images() * (1 if kind[0] == "f" else 100)).astype(order + kind)
    header = bytearray(1024)
    struct.pack_into(f"{order}10i", header, 0, SIZE, SIZE, COUNT, mode, 0, 0, 0, SIZE, SIZE, COUNT)
    struct.pack_into(f"{order}6f", header, 40, *[1.5 * SIZE] * 2, 1.5 * COUNT, 90.0, 90.0, 90.0)
    struct.pack_into(f"{order}3i3f2i", header, 64, 1, 2, 3, 0.0, 1.0, 0.3, 0, extended)
    header[208:216] = b"MAP " + (b"DD\0\0" if order == "<" else b"\x11\x11\0\0")
    return bytes(header) + bytes(extended) + pixels.tobytes()


def cs() -> bytes:
    """Return a ``.cs`` file of particles, with all that the readers look at."""
    table = np.zeros(COUNT, dtype=FIELDS)
    table["uid"], table["blob/idx"] = np.arange(COUNT) + 10, np.arange(COUNT)
    table["blob/path"], table["blob/shape"], table["blob/psize_A"] = b">stack.mrcs", SIZE, 1.5
    table["ctf/df1_A"], table["ctf/df2_A"], table["ctf/accel_kv"] = 15000.0, 14000.0, 300.0
    table["ctf/cs_mm"], table["ctf/amp_contrast"] = 2.7, 0.1
    table["alignments2D/shift"], table["alignments2D/psize_A"] = np.arange(2 * COUNT).reshape(COUNT, 2) / 8, 1.5
    table["alignments2D/class"], table["alignments2D/pose"] = np.arange(COUNT) % 3, 0.5
    table["alignments3D_multi/psize_A"], table["location/micrograph_path"] = 1.5, b">mic.mrc"
    table["location/micrograph_shape"], table["location/center_x_frac"] = [400, 600], 0.5
    table["location/center_y_frac"] = np.arange(COUNT) / COUNT
    file = io.BytesIO()
    np.save(file, table)
    return file.getvalue()


MICROGRAPHS = "data_\n\nloop_\n_rlnMicrographName\n_rlnMicrographPixelSize\n'a mic.mrc' 1.5\nmic.mrc 0.75\n"


def star(rng: random.Random) -> bytes:
    """Return a STAR file of RELION 3.0 or 3.1, with all that the readers look at."""
    recent = rng.random() < 0.7
    unit = "Angst" if recent else ""
    columns = {
        "rlnImageName": [f"{k:06d}@stack.mrcs" for k in range(1, COUNT + 1)],
        "rlnCoordinateX": [f"{100 * k}.5" for k in range(COUNT)],
        "rlnCoordinateY": [f"{90 * k}.25" for k in range(COUNT)],
        f"rlnOriginX{unit}": [f"{k - 2}.75" for k in range(COUNT)],
        f"rlnOriginY{unit}": [f"{2 - k}.5" for k in range(COUNT)],
        "rlnClassNumber": [f"{1 + k % 3}" for k in range(COUNT)],
        "rlnAnglePsi": [f"{60 * k}.0" for k in range(COUNT)],
        "rlnDefocusU": ["15000.0"] * COUNT,
        "rlnDefocusV": ["14000.0"] * COUNT,
        "rlnMicrographName": ["'a mic.mrc'" if k % 2 else "mic.mrc" for k in range(COUNT)],
    }
    microscope = {"rlnVoltage": "300.0", "rlnSphericalAberration": "2.7", "rlnAmplitudeContrast": "0.1"}
    lines = ["# version 30001"] if recent else []
    if recent:
        optics = {"rlnOpticsGroup": "1", "rlnOpticsGroupName": "one", "rlnImagePixelSize": "1.5", **microscope}
        if rng.random() < 0.3:
            lines += ["", "data_optics", "", *(f"_{label} {value}" for label, value in optics.items()), "", ""]
        else:
            lines += ["", "data_optics", "", "loop_", *(f"_{label} #{k}" for k, label in enumerate(optics, 1))]
            lines += [" ".join(optics.values()), "", ""]
        columns["rlnOpticsGroup"] = ["1"] * COUNT
        columns["rlnOriginXPriorAngst"] = ["1.5"] * COUNT
    else:
        columns |= {label: [value] * COUNT for label, value in microscope.items()}
        columns |= {"rlnDetectorPixelSize": ["15.0"] * COUNT, "rlnMagnification": ["100000.0"] * COUNT}
    lines += ["data_particles" if recent else "data_", "", "loop_"]
    lines += [f"_{label} #{k}" for k, label in enumerate(columns, 1)]
    lines += [" ".join(row) for row in zip(*columns.values(), strict=True)]
    return "\n".join([*lines, ""]).encode()
