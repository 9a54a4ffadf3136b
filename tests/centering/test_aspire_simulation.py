"""``centering simulate``: what it writes as true is true, by the images themselves and by ASPIRE."""

import importlib.util
import sys
from pathlib import Path

import mrcfile
import numpy as np
import processes
import pytest
import starfile
from click.testing import CliRunner

from centering.cli import main

if importlib.util.find_spec("aspire") is None:
    pytest.skip("needs ASPIRE-Python: pip install 'pswf-centering[aspire]'", allow_module_level=True)


def simulate(*options, out="sim", code=0):
    result = CliRunner().invoke(main, ["simulate", "--out", out, "--count", "8", *map(str, options)])
    if code == 0 and result.exception is not None:
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def truth(folder="sim"):
    tables = starfile.read(Path(folder) / "particles.star")
    pixel_size = tables["optics"]["rlnImagePixelSize"].iloc[0]
    return -tables["particles"][["rlnOriginYAngst", "rlnOriginXAngst"]].to_numpy() / pixel_size


def mass(images):
    position = np.arange(images.shape[-1]) - images.shape[-1] // 2
    images = images.astype(np.float64)
    moments = np.stack([images.sum(axis=2) @ position, images.sum(axis=1) @ position], axis=1)
    return moments / images.sum(axis=(1, 2))[:, None]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("size", [48, 49])
def test_the_true_origins_are_where_the_mass_is(size):
    simulate("--size", size, "--max-shift", 7, "--snr", "inf", "--angpix", 2)
    images = mrcfile.read("sim/particles.mrcs")
    assert images.shape == (8, size, size)
    np.testing.assert_allclose(mass(images), truth(), atol=0.01)
    assert 4 < np.abs(truth()).max() <= 7


def test_aspire_reads_it_as_it_was_made():
    from centering.aspire.simulation import simulate as simulation

    from aspire.source import RelionSource  # isort: skip

    simulate("--ctf", "--seed", 3, "--snr", "0.5")
    source, again = (
        simulation(8, max_shift=8, ctf=True, seed=3, snr=0.5),
        RelionSource("sim/particles.star", data_folder=str(Path.cwd())),
    )
    np.testing.assert_allclose(again.images[:].asnumpy(), source.images[:].asnumpy(), rtol=1e-6)
    np.testing.assert_allclose(again.offsets, source.offsets, atol=1e-5)
    np.testing.assert_allclose(again.rotations, source.rotations, atol=1e-5)
    ours = np.array([one.defocus_u for one in source.unique_filters])[source.filter_indices]
    theirs = np.array([one.defocus_u for one in again.unique_filters])[again.filter_indices]
    np.testing.assert_allclose(theirs, ours)
    assert len(set(ours.tolist())) > 1
    assert {one.Cs for one in again.unique_filters} == {2.7}
    assert {one.voltage for one in again.unique_filters} == {300.0}


def test_the_noise_is_as_strong_as_said_and_a_seed_says_all():
    simulate("--snr", "inf", "--ctf", out="clean")
    for out in ("one", "two"):
        simulate("--snr", "0.1", "--ctf", out=out)
    simulate("--snr", "0.1", "--ctf", "--seed", 1, out="other")
    clean, one, two, other = (mrcfile.read(f"{name}/particles.mrcs") for name in ("clean", "one", "two", "other"))
    np.testing.assert_array_equal(one, two)
    assert Path("one/particles.star").read_text().replace("one/", "") == Path("two/particles.star").read_text().replace(
        "two/", ""
    )
    assert np.mean(clean**2) / np.var(one - clean) == pytest.approx(0.1, rel=0.05)
    assert not np.allclose(one, other)
    assert not np.allclose(truth("one"), truth("other"))


def test_a_volume_of_the_user_is_projected_and_resampled():
    z, y, x = np.ogrid[-20:20, -20:20, -20:20]
    density = np.exp(-(x**2 / 8 + y**2 / 12 + z**2 / 18)).astype(np.float32)  # about voxel 20
    with mrcfile.new("map.mrc", density) as file:
        file.voxel_size = 1.25
    simulate("--volume", "map.mrc", "--max-shift", 5, "--snr", "inf")
    np.testing.assert_allclose(mass(mrcfile.read("sim/particles.mrcs")), truth(), atol=0.02)
    assert starfile.read("sim/particles.star")["optics"]["rlnImagePixelSize"].iloc[0] == 1.25
    simulate("--volume", "map.mrc", "--size", 20, "--max-shift", 3, "--snr", "inf", out="small")
    assert starfile.read("small/particles.star")["optics"]["rlnImagePixelSize"].iloc[0] == 2.5
    np.testing.assert_allclose(mass(mrcfile.read("small/particles.mrcs")), truth("small"), atol=0.02)
    simulate("--volume", "map.mrc", "--size", 20, "--angpix", 5, "--snr", "inf", out="asked")
    assert starfile.read("asked/particles.star")["optics"]["rlnImagePixelSize"].iloc[0] == 5.0


def test_compare_reads_the_truth():
    simulate("--snr", "2", "--count", "20")
    command = ["compare", "sim/particles.star", "--radius", "13", "--truth", "sim/particles.star", "-e", "surrogate"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    lines = {line.split("  ")[0]: line.split() for line in result.stdout.splitlines() if line}
    assert float(lines["1 surrogate"][-2]) < 2 < float(lines["no centering"][-2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--count", "0"], "count is 0"),
        (["--size", "-3"], "size is -3"),
        (["--snr", "nan"], "snr is nan"),
        (["--seed", "-1"], "seed is -1"),
        (["--angpix", "0"], "pixel size is 0"),
        (["--max-shift", "32"], "max_shift is 32.0; give at least 0 and less than half the box of 64 pixels"),
        (["--max-shift", "nan"], "max_shift is nan"),
        (["--volume", "gone.mrc"], "'gone.mrc'"),
        (["--volume", "flat.mrc"], "'flat.mrc' holds 1 x 8 x 8 voxels; give a cube"),
        (["--volume", "bare.mrc"], "the header of 'bare.mrc' gives no voxel size"),
        (["--volume", "text.mrc"], "'text.mrc' is not an MRC file"),
        (["--out", "bare.mrc"], "'bare.mrc' is a file"),
        (["--out", "there"], "folder 'there' exists"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(tmp_path, options, words):
    with mrcfile.new("flat.mrc", np.ones((8, 8), dtype=np.float32)):
        pass
    with mrcfile.new("bare.mrc", np.ones((8, 8, 8), dtype=np.float32)):
        pass
    Path("text.mrc").write_text("no map " * 400)
    Path("there").mkdir()
    before = sorted(tmp_path.rglob("*"))
    result = simulate(*options, code=2)
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_without_aspire_it_says_how_to_get_it(tmp_path):
    code = (
        "import sys; sys.modules['aspire'] = None; from centering.cli import main; main(['simulate', '--out', 'sim'])"
    )
    result = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "Error: centering.aspire needs ASPIRE-Python: pip install 'pswf-centering[aspire]'\n"
    assert list(tmp_path.iterdir()) == []
