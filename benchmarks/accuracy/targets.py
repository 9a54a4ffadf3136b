"""What was asked for, beside what was measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.accuracy.classes import DOUBTFUL
from benchmarks.accuracy.measure import REFERENCE, SURROGATE

Results = dict[str, Any]


def at(result: Results, name: str, level: float) -> Results:
    """Return the errors of an estimator at a level of noise."""
    row: Results = result["rows"][name][int(np.argmin(np.abs(np.array(result["levels"]) - level)))]
    return row


def targets(results: Results) -> list[list[str]]:
    """Return rows: what, asked for, measured, whether it is met."""
    rows: list[list[str]] = []

    def add(what: str, asked: str, measured: str, met: bool) -> None:
        rows.append([what, asked, measured, "yes" if met else "**no**"])

    def most(what: str, limit: float, value: float, unit: str = " px") -> None:
        add(what, f"at most {limit:g}{unit}", f"{value:.2f}{unit}", value <= limit)

    if "ribosome" in results:
        ribosome = results["ribosome"]
        for level, limit in ((1 / 10, 2.2), (1 / 45, 2.3), (1 / 100, 2.9)):
            value = at(ribosome, REFERENCE, level)["median"]
            most(f"70S, SNR 1/{1 / level:.0f}: median", limit, value)
        ratio = at(ribosome, REFERENCE, 1 / 45)["median"] / at(ribosome, SURROGATE, 1 / 45)["median"]
        most("70S, SNR 1/45: median, to that of sCM", 0.4, ratio, " times")
        for level, limit in ((1 / 45, 2.9), (1 / 100, 5.0)):
            most(f"70S, SNR 1/{1 / level:.0f}: RMS", limit, at(ribosome, REFERENCE, level)["rms"])
    if "contrast transfer" in results:
        transfer = results["contrast transfer"]["rows"]
        modelled, flipped = transfer["CTF, modelled"], transfer["CTF, phase flipped"]
        most("70S with CTF, SNR 1/20: median, to that without", 1.25, modelled["median"] / transfer["no CTF"]["median"],
             " times")  # fmt: skip
        most("the same, to phase flipping: median", 1.0, modelled["median"] / flipped["median"], " times")
        most("the same, to phase flipping: RMS", 1.0, modelled["rms"] / flipped["rms"], " times")
    calibration = results["calibration"]
    for probability, low, high in ((0.68, 0.66, 0.70), (0.95, 0.94, 0.96)):
        where = calibration["probabilities"].index(probability)
        inside = calibration["together"][where]
        each = [row["inside"][where] for row in calibration["rows"].values()]
        add(
            f"phantoms: errors inside the {100 * probability:.0f} % ellipse",
            f"{100 * low:.0f} to {100 * high:.0f} %",
            f"{100 * inside:.1f} % ({100 * min(each):.1f} to {100 * max(each):.1f} % by phantom)",
            low <= inside <= high,
        )
    if results.get("apoferritin"):
        found = {(row["size"], row["name"]): row for row in results["apoferritin"]["rows"]}
        for name, words in (("RadialReference(44)", "R = 44"), ('RadialReference("auto")', "R chosen")):
            row = found[128, name]
            most(f"apoferritin, boxes of 128 px, {words}: median", 1.2, row["median"])
            most(f"apoferritin, boxes of 128 px, {words}: 90th percentile", 2.0, row["p90"])
        most("apoferritin, boxes of 96 px, R = 44: median", 2.5, found[96, "RadialReference(44)"]["median"])
    area = min(results["outliers"]["areas"])
    add("empty boxes, SNR 1/20: area under the curve", "at least 0.98", f"{area:.4f}", area >= 0.98)
    if "classes" in results:
        flags = results["classes"]["flags"]
        clear = len(flags) - sum(not flags[k - 1] for k in DOUBTFUL)
        add("class averages: centred, or flagged", f"all {len(flags)}", str(clear), clear == len(flags))
    cost = results["cost"]
    most("cost of an iteration, 128 x 128, to the fused sCM", 3.0, cost["iteration"] / cost["surrogate"], " times")
    return rows
