"""The drop-in does what ASPIRE-Python expects of a steerable basis; ASPIRE itself is the oracle.

The first class states, for this basis, the laws that ASPIRE's own test suite demands of its steerable bases.
"""
# ruff: noqa: E402  (ASPIRE is imported after what keeps it quiet, and not at all where it is missing)

from __future__ import annotations

import copy
import functools
import importlib
import importlib.util
import math

import numpy as np
import pytest

if importlib.util.find_spec("aspire") is None:
    pytest.skip("needs ASPIRE-Python: pip install 'pswf-centering[aspire]'", allow_module_level=True)

importlib.import_module("centering.aspire")  # before ASPIRE: it keeps ASPIRE quiet

from aspire.basis import Coef, ComplexCoef, FFBBasis2D, FSPCABasis
from aspire.basis import PSWFBasis2D as AspirePSWF
from aspire.covariance import RotCov2D
from aspire.image import Image
from aspire.noise import WhiteNoiseAdder
from aspire.operators import BlkDiagMatrix, RadialCTFFilter, ScalarFilter
from aspire.source import ArrayImageSource, Simulation
from aspire.utils import gaussian_2d, grid_2d, utest_tolerance
from aspire.volume import AsymmetricVolume

from pswf.aspire import PSWFBasis2D

pytestmark = pytest.mark.filterwarnings("ignore")  # ASPIRE's own

BASES = [(L, dtype) for L in (8, 16, 31, 32) for dtype in (np.float32, np.float64)]


@functools.cache
def make(L: int, dtype: type = np.float64, normalization: str = "adjoint") -> PSWFBasis2D:
    return PSWFBasis2D(L, dtype=dtype, normalization=normalization)


@functools.cache
def projections(L: int, n: int = 48) -> Simulation:
    volume = AsymmetricVolume(L=L, C=1, seed=1, dtype=np.float32).generate()
    return Simulation(n=n, vols=volume, offsets=0, amplitudes=1.0, dtype=np.float32, seed=2)


@pytest.fixture(params=BASES, ids=lambda p: f"{p[0]}-{p[1].__name__}")
def basis(request: pytest.FixtureRequest) -> PSWFBasis2D:
    return make(*request.param)


def random_image(basis: PSWFBasis2D, rng: np.random.Generator, count: int = 1) -> Image:
    return Image(rng.standard_normal((count, basis.nres, basis.nres)).astype(basis.dtype))


def random_coef(basis: PSWFBasis2D, rng: np.random.Generator, count: int = 1) -> Coef:
    return Coef(basis, rng.standard_normal((count, basis.count)).astype(basis.dtype))


class TestSteerableBasis:
    def test_indices(self, basis: PSWFBasis2D) -> None:
        expected = [
            (ell, sign, k)
            for ell in range(basis.ell_max + 1)
            for sign in ((1,) if ell == 0 else (1, -1))
            for k in range(basis.k_max[ell])
        ]
        listed = zip(basis.angular_indices, basis.signs_indices, basis.radial_indices, strict=True)
        assert [tuple(map(int, entry)) for entry in listed] == expected
        assert basis.count == len(expected)

    def test_off_centre_gaussian(self, basis: PSWFBasis2D) -> None:
        L = basis.nres
        image = gaussian_2d(L, mu=(0.5, 0.75), sigma=L / 8, dtype=basis.dtype)
        back = basis.evaluate(basis.expand(image)).asnumpy()[0]
        rows, columns = np.mgrid[:L, :L] - L // 2
        # the corners are outside of the disk
        disk = np.hypot(rows, columns) <= L // 2
        np.testing.assert_allclose(back[disk], image[disk], atol=1e-2 if L < 31 else 1e-3)

    def test_isotropic_images_have_no_other_orders(self, basis: PSWFBasis2D) -> None:
        coef = basis.expand(gaussian_2d(basis.nres, sigma=basis.nres / 8, dtype=basis.dtype)).asnumpy()
        outside = np.sum(coef[:, basis.angular_indices != 0] ** 2)
        assert outside < 0.01 * np.sum(coef**2)

    @pytest.mark.parametrize("trigonometric", [np.sin, np.cos])
    def test_modulated_images_have_one_order(self, basis: PSWFBasis2D, trigonometric: np.ufunc) -> None:
        L = basis.nres
        if L < 31:
            pytest.skip("too few pixels for the kink in the centre")
        image = gaussian_2d(L, sigma=L / 8, dtype=basis.dtype) * trigonometric(grid_2d(L)["phi"])
        coef = basis.expand(image.astype(basis.dtype)).asnumpy()
        outside = np.sum(coef[:, basis.angular_indices != 1] ** 2)
        assert outside < 0.1 * np.sum(coef**2)

    def test_expand_inverts_evaluate(self, basis: PSWFBasis2D, rng: np.random.Generator) -> None:
        coef = random_coef(basis, rng)
        back = basis.expand(basis.evaluate(coef))
        np.testing.assert_allclose(back.asnumpy(), coef.asnumpy(), atol=utest_tolerance(basis.dtype))

    def test_adjoint(self, basis: PSWFBasis2D, rng: np.random.Generator) -> None:
        coef, image = random_coef(basis, rng), random_image(basis, rng)
        left = np.sum(basis.evaluate(coef).asnumpy() * image.asnumpy(), dtype=np.float64)
        right = np.sum(coef.asnumpy() * basis.evaluate_t(image).asnumpy(), dtype=np.float64)
        scale = np.linalg.norm(coef.asnumpy()) * np.linalg.norm(image.asnumpy())
        assert abs(left - right) < (1e-12 if basis.dtype == np.float64 else 1e-5) * scale

    def test_types(self, basis: PSWFBasis2D) -> None:
        L = basis.nres
        zeros = Image(np.zeros((L, L), dtype=basis.dtype))
        assert isinstance(basis.evaluate(Coef(basis, np.zeros(basis.count, dtype=basis.dtype))), Image)
        for transform in (basis.evaluate_t, basis.expand):
            coef = transform(zeros)
            assert isinstance(coef, Coef)
            assert coef.dtype == basis.dtype
            assert coef.shape == (1, basis.count)
        with pytest.raises(TypeError):
            basis.evaluate(zeros)

    def test_sizes(self, basis: PSWFBasis2D) -> None:
        L = basis.nres
        assert basis.sz == (L, L)
        assert PSWFBasis2D((L, L), dtype=basis.dtype).count == basis.count
        assert PSWFBasis2D(L).dtype == np.float32

    def test_complex_coefficients(self, basis: PSWFBasis2D, rng: np.random.Generator) -> None:
        coef = random_coef(basis, rng, 3)
        values = coef.to_complex()
        assert isinstance(values, ComplexCoef)
        assert values.shape == (3, basis.complex_count)
        np.testing.assert_array_equal(values.to_real().asnumpy(), coef.asnumpy())
        real = values.asnumpy()[:, basis.complex_angular_indices == 0]
        assert not real.imag.any()

    def test_rotation(self, basis: PSWFBasis2D, rng: np.random.Generator) -> None:
        coef = random_coef(basis, rng, 2)
        both = basis.to_real(
            ComplexCoef(basis, basis.complex_rotate(coef.to_complex().asnumpy(), np.array([0.3, -1.0])))
        )
        tolerance = 1e-12 if basis.dtype == np.float64 else 1e-5
        np.testing.assert_allclose(
            basis.rotate(coef, np.array([0.3, -1.0])).asnumpy(), both.asnumpy(), atol=tolerance * 10
        )

    def test_a_quarter_turn_turns_the_pixels(self, basis: PSWFBasis2D, rng: np.random.Generator) -> None:
        if basis.nres % 2 == 0:
            pytest.skip("even images have no pixel centre of rotation but their own")
        image = random_image(basis, rng)
        turned = Image(np.rot90(image.asnumpy(), axes=(1, 2)))
        coef = basis.rotate(basis.evaluate_t(image), math.pi / 2)
        tolerance = 1e-12 if basis.dtype == np.float64 else 1e-4
        np.testing.assert_allclose(coef.asnumpy(), basis.evaluate_t(turned).asnumpy(), atol=tolerance)

    def test_stacks(self, basis: PSWFBasis2D, rng: np.random.Generator) -> None:
        L = basis.nres
        images = Image(rng.standard_normal((2, 3, L, L)).astype(basis.dtype))
        for transform in (basis.evaluate_t, basis.expand):
            coef = transform(images)
            assert coef.shape == (2, 3, basis.count)
        assert basis.evaluate(coef).shape == (2, 3, L, L)

    def test_pixel_size_goes_through(self, basis: PSWFBasis2D) -> None:
        image = Image(np.zeros((basis.nres, basis.nres), dtype=basis.dtype), pixel_size=1.5)
        assert basis.expand(image).pixel_size == 1.5
        assert basis.evaluate(basis.evaluate_t(image)).pixel_size == 1.5

    def test_a_copy_works(self, basis: PSWFBasis2D, rng: np.random.Generator) -> None:
        image = random_image(basis, rng)
        expected = basis.evaluate_t(image).asnumpy()
        np.testing.assert_array_equal(copy.deepcopy(basis).evaluate_t(image).asnumpy(), expected)


class TestAgainstAspire:
    """Same order and sign as ASPIRE's class, whose own errors are some 1e-5."""

    @pytest.mark.parametrize("L", [8, 16, 33, 48])
    def test_the_same_numbers(self, L: int, rng: np.random.Generator) -> None:
        """With no option given, as after a change of one import."""
        ours, theirs = PSWFBasis2D(L, dtype=np.float64), AspirePSWF(L, dtype=np.float64)
        for name in ("angular_indices", "radial_indices", "signs_indices", "complex_angular_indices", "k_max"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_array_equal(ours.complex_radial_indices, theirs.radial_indices[theirs.signs_indices >= 0])
        np.testing.assert_array_equal(ours._pos, theirs._pos)
        np.testing.assert_array_equal(ours._neg, theirs._neg)
        np.testing.assert_allclose(ours.alpha_nn, theirs.alpha_nn, atol=1e-4 * np.abs(ours.alpha_nn).max())
        images = random_image(ours, rng, 3)
        expected = theirs.evaluate_t(images).asnumpy()
        np.testing.assert_allclose(ours.evaluate_t(images).asnumpy(), expected, atol=1e-4 * np.abs(expected).max())
        coef = rng.standard_normal((3, ours.count))
        expected = theirs.evaluate(Coef(theirs, coef)).asnumpy()
        got = ours.evaluate(Coef(ours, coef)).asnumpy()
        np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())

    def test_the_same_expansion(self, rng: np.random.Generator) -> None:
        ours, theirs = PSWFBasis2D(16), AspirePSWF(16)
        images = random_image(ours, rng, 2)
        expected = theirs.expand(images).asnumpy()
        np.testing.assert_allclose(ours.expand(images).asnumpy(), expected, atol=1e-3 * np.abs(expected).max())

    def test_the_adjoint_differs_in_scale_alone(self, rng: np.random.Generator) -> None:
        one, other = make(16), make(16, normalization="aspire")
        images = random_image(one, rng, 2)
        scale = np.where(one.angular_indices > 0, math.sqrt(2.0), 1.0)
        expected = other.evaluate_t(images).asnumpy() * scale
        np.testing.assert_allclose(one.evaluate_t(images).asnumpy(), expected, atol=1e-12)

    @pytest.mark.parametrize("normalization", ["adjoint", "aspire"])
    def test_expand_inverts_evaluate(self, normalization: str, rng: np.random.Generator) -> None:
        basis = make(16, normalization=normalization)
        coef = random_coef(basis, rng, 2)
        np.testing.assert_allclose(basis.expand(basis.evaluate(coef)).asnumpy(), coef.asnumpy(), atol=1e-10)

    def test_reflections_are_those_of_aspire(self, rng: np.random.Generator) -> None:
        ours, theirs = make(17), AspirePSWF(17, dtype=np.float64)
        image = random_image(ours, rng)
        reflected = [
            b.evaluate(b.rotate(b.expand(image), 0.4, refl=np.array([True]))).asnumpy() for b in (ours, theirs)
        ]
        np.testing.assert_allclose(*reflected, atol=1e-3)

    def test_shifts_are_those_of_the_images(self) -> None:
        basis = make(33)
        image = Image(gaussian_2d(33, mu=(1.0, 2.0), sigma=2.5, dtype=np.float64))
        moved = basis.evaluate(basis.shift(basis.expand(image), np.array([[2.0, -1.0]]))).asnumpy()
        # shift goes through evaluate_t, which is nearly the inverse of evaluate
        np.testing.assert_allclose(moved, image.shift(np.array([[2.0, -1.0]])).asnumpy(), atol=1e-4)


class TestFilters:
    def test_closed_form_against_filtered_images(self) -> None:
        source = projections(32)
        basis = make(32)
        ctf = RadialCTFFilter(200, defocus=1.5e4, Cs=2.0, alpha=0.1)
        images = Image(source.images[:4].asnumpy().astype(np.float64), pixel_size=8.0)
        matrix = basis.filter_to_basis_mat(ctf, pixel_size=8.0)
        assert isinstance(matrix, BlkDiagMatrix)
        assert len(matrix) == 2 * basis.ell_max + 1
        got = matrix.apply(basis.evaluate_t(images).asnumpy().T).T
        expected = basis.evaluate_t(images.filter(ctf)).asnumpy()
        assert np.linalg.norm(got - expected) < 0.02 * np.linalg.norm(expected)

    @pytest.mark.parametrize("normalization", ["adjoint", "aspire"])
    def test_closed_form_against_the_dense_way(self, normalization: str) -> None:
        basis = make(16, normalization=normalization)
        closed = basis.filter_to_basis_mat(ScalarFilter(dim=2, value=3.0))
        dense = basis.filter_to_basis_mat(ScalarFilter(dim=2, value=3.0), method="expand", pixel_size=None)
        assert isinstance(dense, BlkDiagMatrix)
        # the concentrated functions; a constant filter loses what leaks from the band
        block, whole = closed[0][:3, :3], dense[0][:3, :3]
        np.testing.assert_allclose(block, whole, atol=0.05)

    def test_both_signs_have_the_same_block(self) -> None:
        matrix = make(16).filter_to_basis_mat(RadialCTFFilter(200, defocus=1.5e4), pixel_size=8.0)
        for ell in range(1, make(16).ell_max + 1):
            np.testing.assert_array_equal(matrix[2 * ell - 1], matrix[2 * ell])


class TestPipelines:
    def test_covariance_denoises_as_well_as_fourier_bessel(self) -> None:
        volume = AsymmetricVolume(L=64, C=1, seed=0, dtype=np.float32).generate()
        clean = Simulation(n=256, vols=volume, offsets=0, amplitudes=1.0, dtype=np.float32, seed=3)
        truth = clean.projections[:].asnumpy()
        variance = 2.0 * float(np.mean(truth**2))
        noisy = Simulation(
            n=256,
            vols=volume,
            offsets=0,
            amplitudes=1.0,
            dtype=np.float32,
            seed=3,
            noise_adder=WhiteNoiseAdder(var=variance, seed=4),
        ).images[:]
        errors = {}
        for kind in (FFBBasis2D, PSWFBasis2D):
            basis = kind(64, dtype=np.float32)
            estimate = RotCov2D(basis).get_cwf_coefs(basis.evaluate_t(noisy), noise_var=variance)
            errors[kind] = float(np.sum((basis.evaluate(estimate).asnumpy() - truth) ** 2))
        assert errors[PSWFBasis2D] <= errors[FFBBasis2D]
        assert errors[PSWFBasis2D] < 0.1 * variance * truth.size

    def test_covariance_with_ctf(self) -> None:
        pixel_size = 8.0
        volume = AsymmetricVolume(L=32, C=1, seed=0, pixel_size=pixel_size, dtype=np.float32).generate()
        filters = [RadialCTFFilter(200, defocus=d, Cs=2.0, alpha=0.1) for d in (1.5e4, 2.0e4, 2.5e4)]
        settings = {"n": 64, "vols": volume, "offsets": 0, "amplitudes": 1.0, "dtype": np.float32, "seed": 3}
        clean = Simulation(unique_filters=filters, **settings)
        truth = clean.projections[:].asnumpy()
        variance = float(np.mean(clean.clean_images[:].asnumpy() ** 2))
        noisy = Simulation(unique_filters=filters, noise_adder=WhiteNoiseAdder(var=variance, seed=4), **settings)
        basis = make(32, np.float32)
        matrices = [basis.filter_to_basis_mat(f, pixel_size=pixel_size) for f in filters]
        estimate = RotCov2D(basis).get_cwf_coefs(
            basis.evaluate_t(noisy.images[:]), matrices, noisy.filter_indices, noise_var=variance
        )
        error = np.sum((basis.evaluate(estimate).asnumpy() - truth) ** 2)
        assert error < 0.1 * np.sum(truth**2)

    def test_bispectrum_does_not_see_rotations(self) -> None:
        basis = make(31)
        image = Image(projections(31).images[0].asnumpy().astype(np.float64))
        turned = Image(np.rot90(image.asnumpy(), axes=(1, 2)))
        one, other = (
            basis.calculate_bispectrum(
                basis.evaluate_t(x).to_complex(), freq_cutoff=3, flatten=True, filter_nonzero_freqs=True
            )
            for x in (image, turned)
        )
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(one, other, atol=1e-9 * np.abs(one).max())

    def test_steerable_pca_and_class_averages(self) -> None:
        from aspire.classification import BFSRAverager2D, RIRClass2D

        # few particles, many in-plane rotations each: neighbours exist
        base = projections(32).images[:6].asnumpy()
        basis = make(32, np.float32)
        coef = Coef(basis, np.repeat(basis.expand(Image(base)).asnumpy(), 8, axis=0))
        angles = np.tile(np.arange(8) * 2 * np.pi / 8, 6)
        images = basis.evaluate(basis.rotate(coef, angles)).asnumpy()
        noise = 0.1 * np.std(images) * np.random.default_rng(0).standard_normal(images.shape)
        source = ArrayImageSource(Image((images + noise).astype(np.float32)), pixel_size=1.0)
        fspca = FSPCABasis(source, basis, noise_var=float(np.var(noise)), components=40)
        assert fspca.count > 0
        classifier = RIRClass2D(
            source, fspca, fspca_components=40, bispectrum_components=20, n_nbor=4, large_pca_implementation="legacy",
            nn_implementation="legacy", bispectrum_implementation="legacy",
        )  # fmt: skip
        classes, reflections, _ = classifier.classify()
        own = np.arange(48) // 8
        assert np.mean(own[classes] == own[:, None]) > 0.8
        averager = BFSRAverager2D(basis, source, n_angles=36, radius=2)
        averages = averager.average(classes[::8], reflections[::8]).asnumpy()
        disk = np.s_[:, 8:24, 8:24]
        for average, clean in zip(averages, images[::8], strict=True):
            correlation = np.corrcoef(average[disk[1:]].ravel(), clean[disk[1:]].ravel())[0, 1]
            assert correlation > 0.9


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 1}, ValueError, "size is 1; give at least 2 pixels"),
        ({"size": (8, 9)}, ValueError, "images must be square"),
        ({"size": 8, "dtype": np.int32}, TypeError, "give float32 or float64"),
        ({"size": 8, "gamma_trunc": 0}, ValueError, "gamma_trunc is 0; give a finite number above 0"),
        ({"size": 8, "gamma_trunc": 1e30}, ValueError, "leaves no function"),
        ({"size": 8, "beta": -1}, ValueError, "beta is -1"),
        ({"size": 8, "normalization": "other"}, ValueError, "normalization is 'other'; give 'adjoint' or 'aspire'"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PSWFBasis2D(**arguments)
