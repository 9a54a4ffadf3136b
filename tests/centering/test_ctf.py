"""Contrast transfer functions, and references learned through them."""

from __future__ import annotations

import numpy as np
import pytest
from symmetric import disc, distances, inside
from test_radial_reference import errors

from centering import CTF, RadialReference
from centering.io.cryosparc import CsFile
from centering.io.star import StarFile

OPTICS = {"pixel_size": 1.77, "spherical_aberration": 2.0}


def test_zeros_lie_where_the_phase_is_a_multiple_of_pi():
    """Without aberration and amplitude contrast: k^2 = m / (wavelength defocus)."""
    wavelength = 0.0196875  # of 300 kV electrons in Angstrom, 1.96875 pm
    ctf = CTF(20000.0, 1.0, spherical_aberration=0.0, amplitude_contrast=0.0)
    zeros = np.sqrt(np.arange(1, 5) / (wavelength * 20000.0))
    np.testing.assert_allclose(ctf.transfer(zeros), 0.0, atol=1e-3)
    assert (np.sign(ctf.transfer(zeros - 1e-3)) == [[1, -1, 1, -1]]).all()


def test_aberration_and_phase_plate_shift_the_phase():
    k = np.linspace(0.0, 0.25, 50)
    wavelength = 0.0196875
    plain = CTF(15000.0, 2.0, spherical_aberration=2.0, amplitude_contrast=0.0).transfer(k)
    f = k / 2.0
    phase = np.pi * wavelength * 15000 * f**2 - 0.5 * np.pi * 2e7 * wavelength**3 * f**4
    np.testing.assert_allclose(plain[0], np.sin(phase), atol=2e-3)
    plate = CTF(15000.0, 2.0, spherical_aberration=2.0, amplitude_contrast=0.0, phase_shift=90.0).transfer(k)
    np.testing.assert_allclose(plate[0], np.cos(phase), atol=2e-3)


def test_defocus_in_pixels_is_what_counts():
    k = np.linspace(0, 0.5, 20)
    fine = CTF(10000.0, 1.0, spherical_aberration=0.0).transfer(k)
    coarse = CTF(40000.0, 2.0, spherical_aberration=0.0).transfer(k)
    np.testing.assert_allclose(fine, coarse, atol=1e-12)


def test_parts_and_concatenation():
    ctf = CTF([1e4, 2e4, 3e4], 1.5, voltage=[200.0, 300.0, 300.0])
    k = np.linspace(0, 0.4, 9)
    assert len(ctf) == 3
    np.testing.assert_array_equal(ctf[1:].transfer(k), ctf.transfer(k)[1:])
    np.testing.assert_array_equal(CTF.concatenate([ctf[:1], ctf[1:]]).transfer(k), ctf.transfer(k))
    one = CTF(1e4, 1.5)
    assert len(one[5:9]) == 1


STAR_31 = """
data_optics

loop_
_rlnOpticsGroup
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
_rlnImagePixelSize
2 300 2.7 0.07 1.25
1 200 2.0 0.1 2.5

data_particles

loop_
_rlnImageName
_rlnDefocusU
_rlnDefocusV
_rlnOpticsGroup
_rlnPhaseShift
1@a.mrcs 10000 12000 1 0
2@a.mrcs 20000 20000 2 90
"""

STAR_30 = """
data_

loop_
_rlnImageName
_rlnDefocusU
_rlnDefocusV
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
_rlnDetectorPixelSize
_rlnMagnification
1@a.mrcs 10000 12000 200 2.0 0.1 5 20000
"""


def test_star_columns_of_both_versions_are_read(tmp_path):
    k = np.linspace(0, 0.4, 9)
    first = CTF(11000.0, 2.5, 200.0, 2.0, 0.1)
    second = CTF(20000.0, 1.25, 300.0, 2.7, 0.07, 90.0)
    (tmp_path / "new.star").write_text(STAR_31)
    found = StarFile.read(tmp_path / "new.star").transfer_functions()
    np.testing.assert_allclose(found.transfer(k), np.concatenate([first.transfer(k), second.transfer(k)]))
    (tmp_path / "old.star").write_text(STAR_30)
    np.testing.assert_allclose(StarFile.read(tmp_path / "old.star").transfer_functions().transfer(k), first.transfer(k))
    given = StarFile.read(tmp_path / "old.star").transfer_functions(pixel_size=5.0)
    np.testing.assert_allclose(given.transfer(k), CTF(11000.0, 5.0, 200.0, 2.0, 0.1).transfer(k))


@pytest.mark.parametrize("kind", ["path", "words", "file"])
def test_constructors_of_before_work_and_say_where_they_went(tmp_path, kind):
    """`CTF` knows no files any more; ``from_star`` and ``from_cs`` are those of version 0.1.0."""
    convert = {"path": lambda reader, path: path, "words": lambda reader, path: str(path)}.get(
        kind, lambda reader, path: reader.read(path)
    )
    (tmp_path / "table.txt").write_text(STAR_30)
    with pytest.warns(DeprecationWarning, match=r"CTF\.from_star .*StarFile\.read.path.\.transfer_functions") as said:
        found = CTF.from_star(convert(StarFile, tmp_path / "table.txt"), pixel_size=5.0)
    assert said[0].filename == __file__
    np.testing.assert_allclose(found.transfer(0.1), CTF(11000.0, 5.0, 200.0, 2.0, 0.1).transfer(0.1))
    names = ["df1_A", "df2_A", "accel_kv", "cs_mm", "amp_contrast"]
    fields = [("blob/path", "S9"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4"), *((f"ctf/{n}", "<f4") for n in names)]
    with (tmp_path / "p.cs").open("wb") as file:
        np.save(file, np.array([(b"a.mrcs", 0, 2.5, 1e4, 12e3, 200, 2, 0.1)], dtype=fields))
    with pytest.warns(DeprecationWarning, match=r"CTF\.from_cs .*CsFile\.read.path.\.transfer_functions"):
        found = CTF.from_cs(convert(CsFile, tmp_path / "p.cs"))
    np.testing.assert_allclose(found.transfer(0.1), CTF(11000.0, 2.5, 200.0, 2.0, 0.1).transfer(0.1), rtol=1e-6)


def test_star_file_without_the_columns_is_named(tmp_path):
    (tmp_path / "a.star").write_text(STAR_30.replace("rlnDefocusV", "rlnDefocusAngle"))
    with pytest.raises(ValueError, match="rlnDefocusV"):
        StarFile.read(tmp_path / "a.star").transfer_functions()
    (tmp_path / "b.star").write_text(STAR_30.replace("rlnVoltage", "rlnOther"))
    with pytest.raises(ValueError, match="rlnVoltage"):
        StarFile.read(tmp_path / "b.star").transfer_functions()
    (tmp_path / "c.star").write_text(STAR_30.replace("rlnMagnification", "rlnOther"))
    with pytest.raises(ValueError, match="pixel size"):
        StarFile.read(tmp_path / "c.star").transfer_functions()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (([1e4, 2e4], [1.0, 1.0, 1.0]), r"\[2, 3\] images"),
        (([1e4, np.nan], 1.0), "defocus"),
        ((1e4, 0.0), "pixel_size is 0.0"),
        ((1e4, 1.0, -300.0), "voltage is -300.0"),
        ((1e4, 1.0, 300.0, 2.7, 7.0), "amplitude_contrast is 7.0"),
        (([[1e4]], 1.0), r"\(1, 1\)"),
    ],
)
def test_bad_values_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        CTF(*values)


@pytest.fixture(scope="module")
def defocus_series():
    """Return discs seen through 200 different transfer functions, without and with them."""
    rng = np.random.default_rng(4)
    size, count = 64, 200
    displacement = rng.uniform(-6, 6, (count, 2))
    clean = disc(10)(distances(size, displacement))
    ctf = CTF(rng.uniform(14000, 47000, count), 5.0, spherical_aberration=2.0)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    filtered = np.fft.irfft2(np.fft.rfft2(clean) * ctf.transfer(frequency), s=(size, size))
    noise = 0.35 * rng.standard_normal(clean.shape)
    return clean + noise, filtered + noise, ctf, displacement


def test_template_with_transfer_beats_flipped_phases_and_nothing(defocus_series):
    _, images, ctf, displacement = defocus_series
    options = {"max_shift": 8, "iterations": 6}
    modelled = RadialReference(16, ctf=ctf, **options)(images)
    flipped = RadialReference(16, ctf=ctf, phase_flip=True, **options)(images)
    ignored = RadialReference(16, **options)(images)
    rms = [np.sqrt(np.mean(errors(c, displacement) ** 2)) for c in (modelled, flipped, ignored)]
    assert rms[0] < rms[1] < rms[2]
    assert inside(modelled, displacement, 0.68) == pytest.approx(0.68, abs=0.12)
    assert modelled.score.mean() > flipped.score.mean() > ignored.score.mean()


def test_learned_profile_is_free_of_the_transfer(defocus_series):
    free, images, ctf, _ = defocus_series
    plain = RadialReference(14, max_shift=8).fit(free).profile(np.arange(14))[0]
    corrected = RadialReference(14, max_shift=8).fit(images, ctf=ctf).profile(np.arange(14))[0]
    plain, corrected = plain - plain.mean(), corrected - corrected.mean()
    assert np.corrcoef(plain, corrected)[0, 1] > 0.97


def test_transfer_may_come_with_the_batches_or_be_one_for_all(defocus_series):
    _, images, ctf, _ = defocus_series
    options = {"max_shift": 8, "iterations": 2}
    whole = RadialReference(14, ctf=ctf, **options).fit(images)
    batched = RadialReference(14, **options).fit([(images[:70], ctf[:70]), (images[70:], ctf[70:])])
    np.testing.assert_allclose(batched.coefficients, whole.coefficients, atol=1e-7)
    one = CTF(30000.0, 5.0)
    many = CTF(np.full(200, 30000.0), 5.0)
    first, second = (RadialReference(14, ctf=each, **options)(images) for each in (one, many))
    np.testing.assert_allclose(first.displacement, second.displacement, atol=1e-9)
    found = whole(images[:40], ctf=ctf[:40]).displacement
    np.testing.assert_array_equal(whole(images[10:12], ctf=ctf[10:12]).displacement, found[10:12])


def test_wrong_number_of_functions_is_refused(defocus_series):
    _, images, ctf, _ = defocus_series
    with pytest.raises(ValueError, match="3 transfer functions for 40 images"):
        RadialReference(14, ctf=ctf[:3])(images[:40])
    with pytest.raises(ValueError, match="3 transfer functions for 40 images"):
        RadialReference(14).fit([(images[:40], ctf[:3])])
    fitted = RadialReference(14, iterations=1).fit(images[:40])
    with pytest.raises(ValueError, match="3 transfer functions for 40 images"):
        fitted(images[:40], ctf=ctf[:3])
