"""A radius that is wrong for the object is flagged where the image shows it, and right ones are left alone.

CENTERING_SWEEP=N draws N images instead of a few.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

from centering import Flag, SurrogateCenter
from centering.landscapes.lopsided import lopsided

SWEEP = int(os.environ.get("CENTERING_SWEEP", "0"))


def distance(size, place):
    axis = np.arange(size) - size // 2
    return np.hypot(axis[:, None] - place[0], axis - place[1])


def draw(rng, kind, outer, size, place):
    """Return an object of this outer radius that has its centre of mass at the place by symmetry."""
    d = distance(size, place)
    if kind == "ring":
        wall = rng.uniform(0.08, 0.3) * outer
        return np.exp(-2 * ((d - outer + wall) / wall) ** 2)
    if kind == "disc":
        return 1 / (1 + np.exp(np.clip(2 * (d - outer), -50, 50)))
    if kind == "shell":
        hole = rng.uniform(0.6, 0.9) * outer
        return np.sqrt(np.maximum(outer**2 - d**2, 0)) - np.sqrt(np.maximum(hole**2 - d**2, 0))
    if kind == "ball":
        return np.sqrt(np.maximum(outer**2 - d**2, 0))
    return np.exp(-2 * (d / outer) ** 2)


def cases(rng, count, kinds, least, most):
    """Yield errors in parts of R, and centres; R from ``least`` to ``most`` times the right one, SNR 1/50 to clean."""
    for _ in range(count):
        outer = rng.uniform(6, 30)
        radius = max(2, round(outer * np.exp(rng.uniform(np.log(least), np.log(most)))))
        size = int(2 * max(outer, radius) + 6 + rng.uniform(0, 2.5) * outer)
        room = 0.8 * (size / 2 - max(outer, radius) - 2)
        place = rng.uniform(-room, room, 2)
        image = draw(rng, rng.choice(kinds), outer, size, place)
        snr = np.inf if rng.random() < 0.2 else np.exp(rng.uniform(np.log(1 / 50), np.log(30)))
        image = image + image.std() / np.sqrt(snr) * rng.normal(size=image.shape)
        centers = SurrogateCenter(radius)(image)
        yield np.hypot(*(centers.displacement[0] - place)) / radius, snr, centers


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("snr", [np.inf, 10.0, 1.0])
@pytest.mark.parametrize(("outer", "radius"), [(20, 10), (20, 14), (28, 12)])
def test_a_centre_on_the_wall_of_a_ring_is_flagged(outer, radius, snr, dtype, rng):
    for _ in range(5):
        place = rng.uniform(-6, 6, 2)
        image = np.exp(-((distance(96, place) - outer) ** 2) / 8)
        image = (image + image.std() / np.sqrt(snr) * rng.normal(size=image.shape)).astype(dtype)
        for method in ("fused", "maps"):
            centers = SurrogateCenter(radius, method=method)(image)
            assert np.hypot(*(centers.displacement[0] - place)) > 0.5 * radius
            assert centers.flags[0] != 0


def test_good_centres_are_seldom_flagged():
    rng = np.random.default_rng(5)
    kinds = ["ring", "disc", "shell", "ball", "blob"]
    drawn = list(cases(rng, max(SWEEP, 300), kinds, 0.3, 2.0))
    good = [centers.has(Flag.LOPSIDED)[0] for error, _, centers in drawn if error < 0.1]
    assert len(good) > 0.4 * len(drawn)
    assert np.mean(good) < 0.01


def test_a_radius_far_too_small_is_flagged():
    rng = np.random.default_rng(6)
    drawn = list(cases(rng, max(SWEEP, 300), ["ring", "disc", "shell"], 0.4, 0.8))
    for least, share in ((1.0, 0.8), (0.1, 0.65)):
        wrong = [centers.flags[0] != 0 for error, snr, centers in drawn if error > 0.3 and snr > least]
        assert len(wrong) > 20
        assert np.mean(wrong) > share


def test_noise_alone_is_not_judged(rng):
    centers = SurrogateCenter(15)(rng.normal(size=(1000 + SWEEP, 64, 64)).astype(np.float32))
    assert not centers.has(Flag.LOPSIDED).any()


def test_a_neighbour_behind_a_gap_is_not_the_object(rng):
    for turn in rng.uniform(0, 2 * np.pi, 20):
        away = 34 * np.array([np.cos(turn), np.sin(turn)])
        image = draw(rng, "disc", 12, 120, (2, -3)) + draw(rng, "disc", 12, 120, (2 + away[0], away[1] - 3))
        centers = SurrogateCenter(13, max_shift=8)(image + 0.2 * rng.normal(size=image.shape))
        assert centers.flags[0] == 0


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_scale_and_offset_change_no_verdict(scale, rng):
    rings = np.stack([np.exp(-((distance(80, rng.uniform(-6, 6, 2)) - 18) ** 2) / 8) for _ in range(10)])
    plain = SurrogateCenter(10)(rings)
    assert plain.has(Flag.LOPSIDED).any()
    np.testing.assert_array_equal(SurrogateCenter(10)(rings * scale).flags, plain.flags)
    np.testing.assert_array_equal(SurrogateCenter(10)(rings + 1e4).flags, plain.flags)


def test_a_faint_image_on_a_large_background_is_judged_alike_in_both_precisions():
    """One unit in the last place is all there is: sums in single precision lost it, and the flag with it."""
    rng = np.random.default_rng(4)
    low = np.float32(0.006749667)
    stack = np.where(rng.random((200, 45, 45)) < 0.5, low, np.nextafter(low, np.float32(1)))
    stack[::2, :, 30:] = low
    found, expected = SurrogateCenter(16)(stack), SurrogateCenter(16, method="maps")(stack.astype(np.float64))
    np.testing.assert_array_equal(found.flags, expected.flags)


def contradicted(image, center, radius):
    """Return whether the mass about a centre lies to one side of it: the definition, disk by disk and ring by ring."""
    size, side = len(image), max(1, radius // 5)
    count = size // side
    first = (size - count * side) // 2
    coarse = (
        image[first : first + count * side, first : first + count * side].reshape(count, side, count, side).sum((1, 3))
    )
    edge = coarse[np.pad(np.zeros((count - 2, count - 2), bool), 1, constant_values=True)]
    coarse = coarse - np.median(edge)
    noise = max(1.4826 * np.median(np.abs(edge - np.median(edge))), 1e-6 * np.abs(coarse).max())
    offset = 1.25 * noise / np.sqrt(len(edge))
    exact = (np.asarray(center) + size // 2 - first - (side - 1) / 2) / side
    row, column = np.ogrid[:count, :count]
    place = np.clip(np.rint(exact), 0, count - 1)
    away = np.hypot(row - place[0], column - place[1])
    # counted on a plane that does not end with the image
    axis = np.arange(-2 * count, 2 * count + 1)
    plane = np.hypot(axis[:, None], axis)
    within, reach = 0.0, radius / side
    while True:
        disk, pixels = coarse * (away < reach), np.count_nonzero(plane < reach)
        moment = np.hypot((disk * (row - exact[0])).sum(), (disk * (column - exact[1])).sum())
        second = (np.broadcast_to(axis, plane.shape)[plane < reach] ** 2).sum()
        mass = disk.sum()
        clear = moment > 4.5 * noise * np.sqrt(second) and mass > 4.5 * np.hypot(
            noise * np.sqrt(pixels), offset * pixels
        )
        if clear and moment > 0.15 * radius / side * mass:
            return True
        within, reach = reach, 1.35 * reach
        if within * side * 1.35 > 0.6 * size * (1 + 1e-12):
            return False
        ring = coarse[(away >= within) & (away < reach)].sum() / np.count_nonzero((plane >= within) & (plane < reach))
        number = np.count_nonzero((plane >= within) & (plane < reach))
        if not (ring > 3 * np.hypot(noise / np.sqrt(number), offset) and ring * pixels > 0.15 * mass):
            return False


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_verdict_is_that_of_the_definition(dtype):
    rng = np.random.default_rng(8)
    seen = []
    for _ in range(max(SWEEP // 10, 8)):
        radius, size = int(rng.integers(3, 24)), int(rng.integers(60, 110))
        kinds, outer = ["ring", "disc", "shell", "ball", "blob"], rng.uniform(0.6, 2.0) * radius
        stack = np.stack([draw(rng, rng.choice(kinds), outer, size, rng.uniform(-8, 8, 2)) for _ in range(10)])
        stack += rng.choice([0, 0.01, 0.1, 0.5]) * rng.normal(size=stack.shape)
        stack = stack.astype(dtype)
        centers = SurrogateCenter(radius)(stack)
        expected = [contradicted(i.astype(float), c, radius) for i, c in zip(stack, centers.displacement, strict=True)]
        np.testing.assert_array_equal(lopsided(stack, centers.displacement, radius), expected)
        plain = (centers.flags & ~int(Flag.LOPSIDED)) == 0
        np.testing.assert_array_equal(centers.has(Flag.LOPSIDED)[plain], np.array(expected)[plain])
        limited = SurrogateCenter(radius, max_shift=size // 2 - radius - 1)(stack)
        plain &= (limited.flags & ~int(Flag.LOPSIDED)) == 0
        np.testing.assert_array_equal(limited.flags[plain], centers.flags[plain])
        seen += expected
    assert 0.1 < np.mean(seen) < 0.9
