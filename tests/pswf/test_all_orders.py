"""All angular orders at once: the functions of 256 and 512 pixel images against multiprecision, and the counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from pswf import PSWF, Spectra, prolate_spectra

CASES = [(size, part) for size in (256, 512) for part in range(5)]


@cache
def spectra_of(size: int) -> Spectra:
    return prolate_spectra(np.pi * (size // 2), 1.0)


def random_functions(size: int, count: int) -> list[tuple[int, int]]:
    rng = np.random.default_rng(size)
    counts = np.array(spectra_of(size).counts)
    pairs = [(N, n) for N, number in enumerate(counts) for n in range(number)]
    return [pairs[i] for i in rng.choice(len(pairs), count, replace=False)]


@pytest.mark.parametrize(("size", "part"), CASES)
def test_functions_of_large_images(size: int, part: int, exact_prolate: Callable[..., Any]) -> None:
    family = spectra_of(size)
    for N, n in random_functions(size, 25)[5 * part : 5 * part + 5]:
        basis = family(N)
        exact = exact_prolate(family.bandlimit, N, n, edge=False)
        # where the function lives, the edge and a value deep in the centre where r^N alone underflows
        inner = min(1.0, N / family.bandlimit)
        r = np.array([0.5 * inner, inner, 0.5 * (inner + 1.0), 0.999, 1.0])
        values = basis.evaluate(r)[n]
        largest = np.abs(basis.evaluate(np.linspace(0.0, 1.0, 400))[n]).max()
        expected = np.array([float(x) for x in exact.values(r)[0]])
        # no zeros before the turning point, so positive there: the sign of the reference comes from the edge, where
        # some functions are 1e-30
        expected *= np.sign(expected[0])
        assert np.abs(values - expected).max() < 1e-12 * largest, (N, n)
        if family.log_concentration[N][n] < -1e-6:
            assert family.log_concentration[N][n] == pytest.approx(exact.log_lambda, abs=1e-12)


@pytest.mark.parametrize("truncation", [1e-6, 1e-3, 1.0, 30.0, 1e3, 1.001e3, 1e5, 1e9])
def test_counts_are_those_of_every_order_alone(truncation: float) -> None:
    family = prolate_spectra(40.0, truncation)
    for N in range(len(family.counts)):
        alone = PSWF(40.0, N, truncation=truncation)
        assert alone.count == family.counts[N]
        np.testing.assert_allclose(family.log_concentration[N], alone.log_concentration, rtol=0, atol=1e-13)
        np.testing.assert_allclose(family.chi[N], alone.chi, rtol=1e-14)
        ours, theirs = family(N).coordinates, alone.coordinates
        size = min(ours.shape[1], theirs.shape[1])
        np.testing.assert_allclose(ours[:, :size], theirs[:, :size], rtol=0, atol=1e-13)
        assert max(np.abs(part[:, size:]).max(initial=0.0) for part in (ours, theirs)) < 1e-13
    with pytest.raises(ValueError, match="leaves no function"):
        PSWF(40.0, len(family.counts), truncation=truncation)
    assert family(len(family.counts)) is None


@pytest.mark.parametrize("bandlimit", [0.5, 10.0, 100.0])
def test_concentrations_add_up_to_the_area(bandlimit: float) -> None:
    family = prolate_spectra(bandlimit, 1e-9)
    both_signs = [1.0] + [2.0] * (len(family.counts) - 1)
    total = math.fsum(
        weight * math.fsum(np.exp(part)) for weight, part in zip(both_signs, family.log_concentration, strict=True)
    )
    assert total == pytest.approx(bandlimit**2 / 4, rel=1e-12)


@pytest.mark.parametrize(
    ("bandlimit", "truncation", "message"),
    [
        (0.0, 1.0, "bandlimit is 0.0; give a finite number above 0"),
        (np.nan, 1.0, "bandlimit is nan"),
        (5.0, 0.0, "truncation is 0.0; give a finite number above 0"),
        (5.0, 1e9, "truncation 1000000000.0 leaves no function at bandlimit 5; give a smaller truncation"),
        (1e-3, 1.0, "truncation 1.0 leaves no function at bandlimit 0.001"),
    ],
)
def test_spectra_that_cannot_be(bandlimit: float, truncation: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prolate_spectra(bandlimit, truncation)
