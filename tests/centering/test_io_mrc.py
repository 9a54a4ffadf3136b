"""MRC stacks, written and read; `mrcfile` is the independent program."""

import mrcfile
import numpy as np
import pytest

from centering.io.atomic import check_output_folder
from centering.io.mrc import MrcStack, create_stack, write_images, write_stack


def stack_file(path, data, *, volume=False, extended=b"", voxel_size=0.0):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(data)
        file.set_volume() if volume else file.set_image_stack()
        file.voxel_size = voxel_size
        if extended:
            file.set_extended_header(np.frombuffer(extended, dtype="V1"))
    return path


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
@pytest.mark.parametrize("volume", [False, True], ids=["stack", "volume"])
def test_every_mode_reads_as_float32(tmp_path, rng, dtype, volume):
    data = rng.integers(0, 100, size=(5, 6, 6)).astype(dtype)
    stack = MrcStack.open(stack_file(tmp_path / "a.mrcs", data, volume=volume, voxel_size=1.5))
    assert (stack.count, stack.shape, stack.dtype) == (5, (6, 6), np.dtype(dtype))
    assert stack.voxel_size == pytest.approx(1.5)
    images = stack.read(np.arange(5))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, data)


def test_images_come_in_the_order_asked_for(tmp_path, rng):
    data = rng.normal(size=(9, 4, 4)).astype(np.float32)
    stack = MrcStack.open(stack_file(tmp_path / "a.mrcs", data, extended=b"x" * 160))
    assert stack.offset == 1024 + 160
    for wanted in ([8, 0, 1, 2, 5, 5], [], [3], [4, 3]):
        np.testing.assert_array_equal(stack.read(np.array(wanted, dtype=int)), data[wanted])


def test_one_image_and_no_voxel_size(tmp_path, rng):
    data = rng.normal(size=(4, 4)).astype(np.float32)
    with mrcfile.new(tmp_path / "one.mrc", data) as file:
        file.header.cella = 0
    stack = MrcStack.open(tmp_path / "one.mrc")
    assert (stack.count, stack.voxel_size) == (1, None)
    np.testing.assert_array_equal(stack.read([0])[0], data)


def test_big_endian_and_careless_headers_are_read(tmp_path, rng):
    data = rng.normal(size=(3, 4, 4)).astype(">f4")
    path = tmp_path / "old.mrcs"
    header = np.zeros(256, dtype=">i4")
    header[:4] = 4, 4, 3, 2  # no MAP, no cell, but a machine stamp
    raw = bytearray(header.tobytes())
    raw[212:216] = b"\x11\x11\x00\x00"
    path.write_bytes(bytes(raw) + data.tobytes())
    np.testing.assert_array_equal(MrcStack.open(path).read([0, 1, 2]), data)


@pytest.mark.parametrize("missing", [1, 4 * 16, 2 * 4 * 16 + 5])
def test_a_truncated_stack_knows_how_much_is_there(tmp_path, rng, missing):
    data = rng.normal(size=(7, 4, 4)).astype(np.float32)
    path = stack_file(tmp_path / "a.mrcs", data)
    path.write_bytes(path.read_bytes()[:-missing])
    whole = 7 - -(-missing // 64)
    stack = MrcStack.open(path)
    assert (stack.count, stack.available) == (7, whole)
    np.testing.assert_array_equal(stack.read(np.arange(whole)), data[:whole])
    with pytest.raises(ValueError, match=f"truncated: its header promises 7 images, {whole} whole images are there"):
        stack.read([0, whole])


def test_a_stack_that_shrinks_while_it_is_read_is_an_error(tmp_path, rng):
    path = stack_file(tmp_path / "a.mrcs", rng.normal(size=(7, 4, 4)).astype(np.float32))
    stack = MrcStack.open(path)
    path.write_bytes(path.read_bytes()[:-70])
    with pytest.raises(ValueError, match="became shorter"):
        stack.read(np.arange(7))


def test_what_is_no_stack_of_real_images_is_refused(tmp_path):
    path = tmp_path / "a.mrcs"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="it has 5 bytes"):
        MrcStack.open(path)
    path.write_bytes(b"text, not an image\n" * 100)
    with pytest.raises(ValueError, match="not an MRC file"):
        MrcStack.open(path)
    stack_file(path, np.zeros((2, 4, 4), dtype=np.complex64))
    with pytest.raises(ValueError, match="complex pixels"):
        MrcStack.open(path)
    header = bytearray(stack_file(path, np.zeros((1, 4, 4), dtype=np.float32)).read_bytes()[:1024])
    header[8:12] = bytes(4)
    path.write_bytes(header)
    with pytest.raises(ValueError, match="empty stack"):
        MrcStack.open(path)
    with pytest.raises(FileNotFoundError):
        MrcStack.open(tmp_path / "none.mrcs")


def test_a_written_stack_is_a_valid_mrc_file(tmp_path, rng, capsys):
    images = rng.normal(size=(5, 6, 6))
    write_stack(tmp_path / "a.mrcs", images, 1.25)
    write_stack(tmp_path / "b.mrcs", images, 1.25)
    assert mrcfile.validate(tmp_path / "a.mrcs"), capsys.readouterr().out
    with mrcfile.open(tmp_path / "a.mrcs") as file:
        np.testing.assert_array_equal(file.data, images.astype(np.float32))
        assert file.is_image_stack()
        assert file.voxel_size.x == pytest.approx(1.25)
    assert (tmp_path / "a.mrcs").read_bytes() == (tmp_path / "b.mrcs").read_bytes()


def test_a_stack_is_written_in_any_order(tmp_path, rng):
    images = rng.normal(size=(6, 4, 4)).astype(np.float32)
    path = tmp_path / "a.mrcs"
    create_stack(path, 6, 4)
    for part in ([4, 5], [0, 3], [2, 1]):
        write_images(path, 4, np.array(part), images[part])
    np.testing.assert_array_equal(MrcStack.open(path).read(np.arange(6)), images)
    assert MrcStack.open(path).voxel_size is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mrcs"]


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("power cut")

    monkeypatch.setattr("centering.io.mrc.write_images", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        write_stack(tmp_path / "a.mrcs", np.zeros((6, 4, 4)))
    assert list(tmp_path.iterdir()) == []


IMOD = 1146047817


def bytes_file(path, images, *, order="<", stamp=0, flags=0, span=(0.0, -1.0)):
    """Write bytes as a file of mode 0 with IMOD's stamp and flags, and the least and largest pixel."""
    header = np.zeros(256, dtype=f"{order}i4")
    header[:4] = (images.shape[2], images.shape[1], len(images), 0)
    header[38:40] = stamp, flags
    header.view(f"{order}f4")[19:21] = span
    raw = bytearray(header.tobytes())
    raw[208:216] = b"MAP " + (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    path.write_bytes(bytes(raw) + images.tobytes())
    return MrcStack.open(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("stamp", "flags", "span", "unsigned", "doubt"),
    [
        (0, 0, (0, -1), False, ""),  # MRC2014
        (IMOD, 0, (0, -1), True, ""),
        (IMOD, 1, (0, -1), False, ""),
        (IMOD, 4, (0, 255), True, ""),
        (IMOD, 5, (-128, 127), False, ""),
        (
            IMOD,
            0,
            (-12, 99),
            True,
            "IMOD's flag says unsigned bytes, which is believed, and its header says pixels from -12",
        ),
        (
            IMOD,
            1,
            (3, 200),
            False,
            "IMOD's flag says signed bytes, which is believed, and its header says pixels from 3 to 200",
        ),
        (
            0,
            0,
            (2, 255),
            True,
            "bytes of unknown sign (MRC mode 0), read as unsigned: its header says pixels from 2 to 255",
        ),
        (0, 0, (-5, 90), False, ""),
        (0, 0, (0, 127), False, ""),
        (0, 0, (0, 3000), False, ""),  # of the floats that these were made from
        (0, 0, (np.nan, np.inf), False, ""),
        (7, 0, (0, -1), False, ""),
    ],
)
def test_bytes_have_a_sign_unless_the_header_says_otherwise(tmp_path, rng, order, stamp, flags, span, unsigned, doubt):
    images = rng.integers(0, 256, size=(3, 6, 6)).astype(np.uint8)
    stack = bytes_file(tmp_path / "a.mrcs", images, order=order, stamp=stamp, flags=flags, span=span)
    np.testing.assert_array_equal(stack.read(np.arange(3)), images if unsigned else images.view(np.int8))
    assert [doubt in words for words in stack.doubts] == [True] * bool(doubt)


def test_a_file_longer_than_its_header_says(tmp_path, rng):
    path = stack_file(tmp_path / "a.mrcs", rng.normal(size=(4, 6, 6)).astype(np.float32), extended=b"x" * 100)
    assert MrcStack.open(path).doubts == []
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(3 * 4 * 36))
    assert MrcStack.open(path).count == 4
    [words] = MrcStack.open(path).doubts
    assert "promises 4 images, and 7 are there; the 3 more are left out" in words
    path.write_bytes(whole + bytes(17))
    [words] = MrcStack.open(path).doubts
    assert "is 17 bytes longer than its header says" in words
    # an extended header whose length is not stated moves every image
    path.write_bytes(whole[:92] + bytes(4) + whole[96:])
    [words] = MrcStack.open(path).doubts
    assert "all images are displaced" in words


def test_an_output_folder_is_checked_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError, match="is a file"):
        check_output_folder(tmp_path / "file", owned=["a"], overwrite=True)
    with pytest.raises(FileExistsError, match="exists; give another one"):
        check_output_folder(tmp_path / "folder", owned=["a"])
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    with pytest.raises(ValueError, match="overwrite its own input"):
        check_output_folder(tmp_path / "link", owned=["a"], inputs=[tmp_path / "folder" / "a"], overwrite=True)
    check_output_folder(tmp_path / "folder", owned=["a"], inputs=[tmp_path / "b"], overwrite=True)
