"""The fast transforms against the definition, and against each other."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from whole_images import dense_matrix, make_basis

from pswf import PSWF2D, SteerableBasis
from pswf.steerable.transform import _chunks
from pswf.threads import thread_count


@pytest.mark.parametrize("size", [2, 3, 8, 31, 32, 65])
def test_fast_and_dense_transforms_agree(size: int, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", size)
    dense = dense_matrix(basis)
    images = rng.standard_normal((3, size, size))
    expected = np.einsum("bij,kij->bk", images, dense)
    assert np.abs(basis.evaluate_t(images) - expected).max() < 1e-11 * np.abs(expected).max()
    coefficients = rng.standard_normal((3, basis.count))
    expected = np.einsum("bk,kij->bij", coefficients, dense)
    assert np.abs(basis.evaluate(coefficients) - expected).max() < 1e-11 * np.abs(expected).max()


@pytest.mark.parametrize("size", [20, 21])
def test_fast_and_dense_transforms_agree_for_every_family(basis_name: str, size: int, rng: np.random.Generator) -> None:
    basis = make_basis(basis_name, size)
    dense = dense_matrix(basis)
    image = rng.standard_normal((size, size))
    expected = np.einsum("ij,kij->k", image, dense)
    assert np.abs(basis.evaluate_t(image) - expected).max() < 1e-11 * np.abs(expected).max()
    coefficients = rng.standard_normal(basis.count)
    expected = np.einsum("k,kij->ij", coefficients, dense)
    assert np.abs(basis.evaluate(coefficients) - expected).max() < 1e-11 * np.abs(expected).max()


@pytest.mark.parametrize("size", [17, 64, 128])
def test_adjoint(size: int, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", size)
    coefficients = rng.standard_normal((5, basis.count))
    images = rng.standard_normal((5, size, size))
    drawn = basis.evaluate(coefficients)
    left = np.einsum("bij,bij->b", drawn, images)
    right = np.einsum("bk,bk->b", coefficients, basis.evaluate_t(images))
    scale = np.linalg.norm(drawn, axis=(1, 2)) * np.linalg.norm(images, axis=(1, 2))
    assert (np.abs(left - right) / scale).max() < 1e-12


def test_single_precision_is_good_to_its_last_digits(rng: np.random.Generator) -> None:
    images = rng.standard_normal((4, 64, 64))
    exact, single = make_basis("PSWF2D", 64), make_basis("PSWF2D", 64, "float32")
    coefficients = single.evaluate_t(images)
    assert coefficients.dtype == np.float32
    assert np.linalg.norm(coefficients - exact.evaluate_t(images)) < 5e-5 * np.linalg.norm(coefficients)
    drawn = single.evaluate(coefficients)
    assert drawn.dtype == np.float32
    assert np.linalg.norm(drawn - exact.evaluate(coefficients)) < 5e-5 * np.linalg.norm(drawn)


@pytest.mark.parametrize("shape", [(), (1,), (2,), (5,), (2, 3), (0,), (3, 0)])
def test_leading_axes_are_kept_and_images_do_not_depend_on_each_other(
    shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    basis = make_basis("PSWF2D", 16)
    images = rng.standard_normal((*shape, 16, 16))
    coefficients = basis.evaluate_t(images)
    assert coefficients.shape == (*shape, basis.count)
    drawn = basis.evaluate(coefficients)
    assert drawn.shape == images.shape
    for index in np.ndindex(shape):
        np.testing.assert_allclose(coefficients[index], basis.evaluate_t(images[index]), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(drawn[index], basis.evaluate(coefficients[index]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_bright_image_does_not_spoil_its_neighbour(dtype: str, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 16, dtype)
    images = rng.standard_normal((2, 16, 16))
    images[0] *= 1e12
    alone = basis.evaluate_t(images[1])
    together = basis.evaluate_t(images)[1]
    assert np.abs(together - alone).max() < 1e3 * np.finfo(dtype).eps * np.abs(alone).max()
    coefficients = rng.standard_normal((2, basis.count))
    coefficients[0] *= 1e12
    alone = basis.evaluate(coefficients[1])
    together = basis.evaluate(coefficients)[1]
    assert np.abs(together - alone).max() < 1e3 * np.finfo(dtype).eps * np.abs(alone).max()


def test_pixels_outside_of_the_disk_play_no_part(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 17)
    image = rng.standard_normal((17, 17))
    marked = np.where(basis.disk, image, np.nan)
    np.testing.assert_array_equal(basis.evaluate_t(marked), basis.evaluate_t(image))
    assert not basis.evaluate(rng.standard_normal(basis.count))[~basis.disk].any()


@pytest.mark.parametrize(("size", "pixels"), [(2, 3), (3, 5), (4, 11), (5, 13)])
def test_the_disk_of_tiny_images(size: int, pixels: int) -> None:
    # even sizes lack the last row and column of the odd ones
    assert make_basis("PSWF2D", size).disk.sum() == pixels


def test_input_is_not_changed_and_integers_are_images_too(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 16)
    images = rng.integers(0, 9, (2, 16, 16))
    kept = images.copy()
    from_integers = basis.evaluate_t(images)
    np.testing.assert_array_equal(images, kept)
    real = images.astype(np.float64)
    np.testing.assert_array_equal(basis.evaluate_t(real), from_integers)
    np.testing.assert_array_equal(real, kept)
    coefficients = from_integers.copy()
    basis.evaluate(coefficients)
    np.testing.assert_array_equal(coefficients, from_integers)


def test_zero_images_have_zero_coefficients() -> None:
    basis = make_basis("PSWF2D", 16)
    assert not basis.evaluate_t(np.zeros((2, 16, 16))).any()
    assert not basis.evaluate(np.zeros(basis.count)).any()


def test_many_threads_may_share_a_basis(rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 32)
    images = rng.standard_normal((6, 4, 32, 32))
    expected = [basis.evaluate_t(stack) for stack in images]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            for got, want in zip(pool.map(basis.evaluate_t, images), expected, strict=True):
                np.testing.assert_array_equal(got, want)


def test_a_basis_survives_pickling(rng: np.random.Generator) -> None:
    basis = PSWF2D(12, dtype=np.float64)
    image = rng.standard_normal((12, 12))
    expected = basis.evaluate_t(image)
    copy = pickle.loads(pickle.dumps(basis))
    np.testing.assert_array_equal(copy.evaluate_t(image), expected)


def test_a_plain_function_is_a_family(rng: np.random.Generator) -> None:
    class Power:
        def __init__(self, order: int) -> None:
            self.order = order

        def evaluate(self, r: np.ndarray) -> np.ndarray:
            return (np.sqrt(2.0 * self.order + 2.0) * np.asarray(r) ** self.order)[None]

    basis = SteerableBasis(lambda N: Power(N) if N < 5 else None, 24, dtype=np.float64)
    assert basis.counts == (1,) * 5
    image = rng.standard_normal((24, 24))
    expected = np.einsum("ij,kij->k", image, dense_matrix(basis))
    np.testing.assert_allclose(basis.evaluate_t(image), expected, rtol=0, atol=1e-12)


def test_orders_without_functions_are_skipped(rng: np.random.Generator) -> None:
    whole = make_basis("PSWF2D", 24)

    class Nothing:
        def evaluate(self, r: np.ndarray) -> np.ndarray:
            return np.empty((0, *np.shape(r)))

    basis = SteerableBasis(lambda N: None if N > 6 else (Nothing() if N % 2 else whole.family(N)), 24, dtype="f8")
    assert basis.counts[1::2] == (0, 0, 0)
    image = rng.standard_normal((24, 24))
    expected = np.einsum("ij,kij->k", image, dense_matrix(basis))
    np.testing.assert_allclose(basis.evaluate_t(image), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        basis.expand(basis.evaluate(expected)), expected, rtol=0, atol=1e-11 * np.abs(expected).max()
    )


@pytest.mark.parametrize(("value", "expected"), [("1", 1), ("0", 1), ("many", None), ("", None), ("9999", None)])
def test_number_of_threads(value: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    available = thread_count()
    assert available >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert thread_count() == (available if expected is None else expected)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_work_is_shared_evenly_and_in_pairs(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pswf.steerable.transform.thread_count", lambda: threads)
    for images in (0, 1, 2, 3, 16, 33, 100, 1000):
        chunks = _chunks(images)
        assert [i for chunk in chunks for i in range(images)[chunk]] == list(range(images))
        sizes = [chunk.stop - chunk.start for chunk in chunks]
        assert all(size % 2 == 0 and size <= 16 for size in sizes[:-1])
        # no thread has more than its share, rounded up to pairs
        assert max(sizes, default=0) <= max(2, 2 * -(-images // (2 * threads)))


def test_one_thread_and_many_give_the_same(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    basis = make_basis("PSWF2D", 24)
    images = rng.standard_normal((9, 24, 24))
    results = []
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        coefficients = basis.evaluate_t(images)
        results.append((coefficients, basis.evaluate(coefficients)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
