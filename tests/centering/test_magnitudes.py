"""Finite pixels of any magnitude through the estimators that learn from all images together."""

import numpy as np
import pytest
from symmetric import gaussian, stack

from centering import Flag, RadialReference, ReferenceFreeAlignment
from centering.stack import moderate

SIZE, COUNT = 32, 12
IMAGES, TRUTH = stack(np.random.default_rng(3), COUNT, SIZE, gaussian(3), shift=4, noise=0.2)
ESTIMATORS = [
    RadialReference(8, iterations=2, max_shift=7),
    ReferenceFreeAlignment(8, max_shift=7, sweeps=2),
]


def seen(centers):
    """Return the centres that nothing but the number of images speaks against."""
    return (centers.flags & ~int(Flag.UNLEARNED)) == 0


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=["reference", "alignment"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_and_offset_change_no_centre(estimator, dtype):
    plain = estimator(IMAGES.astype(dtype))
    exponents = [-126, -100, 60, 120] if dtype is np.float32 else [-1000, -500, 510, 1010]
    for exponent in exponents:
        scaled = estimator(np.ldexp(IMAGES.astype(dtype), exponent))
        np.testing.assert_array_equal(scaled.flags, plain.flags)
        # below 2^-126 some digits of float32 are gone
        np.testing.assert_allclose(scaled.displacement, plain.displacement, atol=1e-2)
    np.testing.assert_allclose(estimator(IMAGES.astype(dtype) + 100).displacement, plain.displacement, atol=1e-2)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=["reference", "alignment"])
@pytest.mark.parametrize("kind", ["scale", "hot", "denormal", "constant", "zero"])
@pytest.mark.parametrize("draw", range(3))
def test_one_image_of_any_magnitude_harms_no_other(estimator, kind, draw):
    rng = np.random.default_rng([draw, *kind.encode()])
    dtype = (np.float32, np.float64)[draw % 2]
    limit = 38 if dtype is np.float32 else 307
    images = IMAGES.astype(dtype)
    power = (limit, int(rng.integers(-limit, limit)), -limit)[draw]
    if kind == "scale":
        images[3] *= dtype(10.0) ** dtype(power - np.sign(power))
    elif kind == "hot":
        images[(3, *rng.integers(0, SIZE, 2))] = dtype(10.0) ** power
    elif kind == "denormal":
        images[3] = np.sign(images[3]) * np.finfo(dtype).smallest_subnormal
    else:
        images[3] = 0 if kind == "zero" else dtype(10.0) ** power
    centers = estimator(images)
    assert np.isfinite(centers.displacement).all()
    near = np.hypot(*(centers.displacement - TRUTH).T) < 1.0
    others = np.arange(COUNT) != 3
    assert near[others].all()
    assert seen(centers)[others].all()
    if centers.covariance is not None:
        assert np.isfinite(centers.covariance[seen(centers)]).all()
    if kind == "scale":
        assert near[3]
    if kind in ("constant", "zero"):
        assert centers.has(Flag.FLAT)[3]


@pytest.mark.parametrize("exponent", [*range(-120, 128, 13), 127])
def test_nothing_is_rounded(exponent, rng):
    images = rng.integers(-(2**20), 2**20, (2, 3, 3)).astype(np.float32)
    images = np.ldexp(images, np.array([exponent - 20, 0])[:, None, None])
    scaled = moderate(images)
    assert scaled.dtype == np.float32
    back = np.frexp(np.abs(images).max(axis=(1, 2)))[1] - np.frexp(np.abs(scaled).max(axis=(1, 2)))[1]
    np.testing.assert_array_equal(np.ldexp(scaled, back[:, None, None]), images)
    np.testing.assert_array_equal(scaled[1], images[1])
