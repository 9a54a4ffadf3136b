"""Bad input to every public name: the type of the error, and a sentence that quotes the value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pswf import (
    PSWF,
    DiniBessel,
    FourierBessel,
    FourierBesselFamily,
    Zernike,
    ZernikeFamily,
    disk_quadrature,
    gauss_legendre,
    prolate_spectra,
)
from pswf.checks import check_unit_interval

NAN, INF = float("nan"), float("inf")

CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: PSWF(0.0), ValueError, "bandlimit is 0.0; give a finite number above 0"),
    (lambda: PSWF(-3), ValueError, "bandlimit is -3; give a finite number above 0"),
    (lambda: PSWF(NAN), ValueError, "bandlimit is nan; give a finite number above 0"),
    (lambda: PSWF(INF), ValueError, "bandlimit is inf; give a finite number above 0"),
    (lambda: PSWF(1e300), ValueError, "bandlimit is 1e+300; the largest that is supported is 1e+06"),
    (lambda: PSWF(1e-200), ValueError, "bandlimit is 1e-200; the smallest that is supported is 1e-70"),
    (lambda: PSWF(10**400), ValueError, "bandlimit is beyond the range of doubles; give a finite number above 0"),
    (lambda: PSWF(5.0, 10**7), ValueError, "angular_order is 10000000; the largest that is supported is 1000000"),
    (lambda: disk_quadrature(1e300), ValueError, "bandlimit is 1e+300; the largest that is supported is 1e+06"),
    (lambda: FourierBesselFamily(1e300), ValueError, "bandlimit is 1e+300; the largest that is supported is 1e+06"),
    (lambda: prolate_spectra(1e300), ValueError, "bandlimit is 1e+300; the largest that is supported is 1e+06"),
    (lambda: PSWF("5"), TypeError, "bandlimit is '5'; give a positive real number"),
    (lambda: PSWF(None), TypeError, "bandlimit is None; give a positive real number"),
    (lambda: PSWF(1j), TypeError, "bandlimit is 1j; give a positive real number"),
    (lambda: PSWF(np.array([1.0, 2.0])), TypeError, "bandlimit is array([1., 2.]); give a positive real number"),
    (lambda: PSWF(5.0, -(10**7)), ValueError, "angular_order is -10000000; the largest that is supported is 1000000"),
    (lambda: PSWF(5.0, 1.0), TypeError, "angular_order is 1.0; give an integer"),
    (lambda: PSWF(5.0, "1"), TypeError, "angular_order is '1'; give an integer"),
    (lambda: PSWF(5.0, count=0), ValueError, "count is 0; give an integer of at least 1"),
    (lambda: PSWF(5.0, count=2.5), TypeError, "count is 2.5; give an integer of at least 1"),
    (lambda: PSWF(5.0, truncation=0.0), ValueError, "truncation is 0.0; give a finite number above 0"),
    (lambda: PSWF(5.0, truncation=-1), ValueError, "truncation is -1; give a finite number above 0"),
    (lambda: PSWF(5.0, truncation=NAN), ValueError, "truncation is nan; give a finite number above 0"),
    (
        lambda: PSWF(5.0, truncation=1e9),
        ValueError,
        "truncation 1000000000.0 leaves no function of order 0 at bandlimit 5; give a smaller truncation",
    ),
    (
        lambda: PSWF(5.0, 80),
        ValueError,
        "truncation 1.0 leaves no function of order 80 at bandlimit 5; give a smaller truncation",
    ),
    (lambda: FourierBessel(0), ValueError, "count is 0; give an integer of at least 1"),
    (lambda: FourierBessel(3.0), TypeError, "count is 3.0; give an integer of at least 1"),
    (lambda: FourierBessel(3, "2"), TypeError, "angular_order is '2'; give an integer"),
    (lambda: Zernike(-1), ValueError, "count is -1; give an integer of at least 1"),
    (lambda: Zernike(3, 0.5), TypeError, "angular_order is 0.5; give an integer"),
    (lambda: gauss_legendre(0), ValueError, "count is 0; give an integer of at least 1"),
    (lambda: gauss_legendre(4.0), TypeError, "count is 4.0; give an integer of at least 1"),
    (lambda: disk_quadrature(0), ValueError, "bandlimit is 0; give a finite number above 0"),
    (lambda: disk_quadrature(NAN), ValueError, "bandlimit is nan; give a finite number above 0"),
    (lambda: disk_quadrature(5.0, 1e-16), ValueError, "tol is 1e-16; give a tolerance between 1e-15 and 0.1"),
    (lambda: disk_quadrature(5.0, 0.5), ValueError, "tol is 0.5; give a tolerance between 1e-15 and 0.1"),
    (lambda: disk_quadrature(5.0, 0), ValueError, "tol is 0; give a finite number above 0"),
    (lambda: disk_quadrature(5.0, "tight"), TypeError, "tol is 'tight'; give a positive real number"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES, ids=[message for *_, message in CASES])
def test_bad_arguments(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$") as caught:
        call()
    assert caught.type is error


@pytest.mark.parametrize("make", [lambda: PSWF(5.0), lambda: FourierBessel(3), lambda: Zernike(3)])
@pytest.mark.parametrize("method", ["evaluate", "derivative"])
@pytest.mark.parametrize(
    ("r", "error", "quoted"),
    [
        (1.5, ValueError, "1.5"),
        ([0.5, -0.25], ValueError, "-0.25"),
        (NAN, ValueError, "nan"),
        ([[0.0, INF]], ValueError, "inf"),
        (2, ValueError, "2.0"),
        (0.5j, TypeError, "complex128"),
        ("0.5", TypeError, "<U3"),
        ([None], TypeError, "object"),
    ],
)
def test_bad_radii(make: Callable[[], Any], method: str, r: Any, error: type[Exception], quoted: str) -> None:
    with pytest.raises(
        error, match=rf"^r has the (value|type) {re.escape(quoted)}; give (real )?distances in \[0, 1\]"
    ):
        getattr(make(), method)(r)


def test_numpy_scalars_are_numbers() -> None:
    expected = PSWF(5.0, 2, count=3).chi
    np.testing.assert_array_equal(PSWF(np.float64(5.0), np.int64(2), count=np.int32(3)).chi, expected)
    np.testing.assert_array_equal(PSWF(np.float32(5.0), 2, count=3).chi, expected)
    np.testing.assert_array_equal(PSWF(5, 2, count=3).chi, expected)


def test_checked_radii_are_not_copied() -> None:
    r = np.array([0.0, 1.0])
    assert check_unit_interval(r) is r


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: PSWF(1e6), "functions of bandlimit 1e+06 and order 0 would take "),
        (lambda: PSWF(5.0, count=10**9), "1000000000 functions of bandlimit 5 and order 0 would take 8e+09 GB"),
        (lambda: disk_quadrature(1e6), "functions of bandlimit 1e+06 and order 0 would take "),
        (lambda: gauss_legendre(10**15), "a rule of 1000000000000000 nodes would take 1.6e+07 GB"),
        (lambda: Zernike(10**9), "the coordinates of 1000000000 functions would take 8e+09 GB"),
        (lambda: FourierBessel(10**9), "the coordinates of 1000000000 functions would take 8e+09 GB"),
        (lambda: DiniBessel(10**9), "the coordinates of 1000000000 functions would take 8e+09 GB"),
        (lambda: ZernikeFamily(10**9)(0), "the coordinates of 500000001 functions would take 2e+09 GB"),
        (lambda: prolate_spectra(1e6), "the spectra of bandlimit 1e+06 would take 2e+03 GB"),
    ],
)
def test_memory_that_cannot_be_had(call: Callable[[], Any], what: str) -> None:
    with pytest.raises(ValueError, match=re.escape(what)) as caught:
        call()
    assert re.search(r"GB of memory, this machine has [\d.]+; give a smaller (count|bandlimit)", str(caught.value))
