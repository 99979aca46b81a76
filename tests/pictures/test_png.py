"""PNG files as other readers see them: the same pixels, and not larger than Pillow's."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw
from skimage import data

from srzoo.pictures import png as writer
from srzoo.pictures.metadata import Metadata
from srzoo.pictures.pixels import Bands, Pixels, from_channels
from srzoo.pictures.png import BLOCK, png, png_chunks, write_png
from srzoo.pictures.stills import of_format

RANDOM = np.random.default_rng(0)


def pillows_size(array: np.ndarray) -> int:
    written = io.BytesIO()
    Image.fromarray(array).save(written, "PNG")
    return len(written.getvalue())


def drawing() -> np.ndarray:
    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    for i in range(0, 640, 16):
        draw.rectangle((i, i // 2, i + 60, i // 2 + 90), outline="black", fill=(i % 256, 128, 255 - i % 256))
        draw.text((i, 300), "grid", "black")
    return np.array(image)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (50, 1), (37, 53)])
def test_every_kind_of_pixels_comes_back(channels, kind, height, width):
    array = RANDOM.integers(0, np.iinfo(kind).max + 1, (height, width, channels)).astype(kind)
    # TensorFlow's reader, as Pillow has no 16-bit colours, knows no grey with alpha and gives it as RGBA.
    seen, order = (4, [0, 0, 0, 1]) if channels == 2 else (channels, [*range(channels)])
    read = tf.io.decode_png(png(from_channels(array), Metadata()), channels=seen, dtype=tf.as_dtype(kind))
    np.testing.assert_array_equal(read, array[..., order])


@pytest.mark.parametrize("name", ["photograph", "drawing", "noise", "one colour"])
def test_all_rows_of_many_blocks_come_back_in_a_small_file(name):
    array = {
        "photograph": data.astronaut(),
        "drawing": drawing(),
        "noise": RANDOM.integers(0, 256, (512, 512, 3)).astype(np.uint8),
        "one colour": np.full((700, 900, 3), (7, 90, 200), np.uint8),
    }[name]
    assert array.nbytes > 2 * BLOCK
    content = png(Pixels(array), Metadata())
    np.testing.assert_array_equal(Image.open(io.BytesIO(content)), array)
    assert len(content) < 1.1 * pillows_size(array)


def test_encoders_take_no_more_threads_than_they_may(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    pools = []
    monkeypatch.setattr(writer, "ThreadPoolExecutor", lambda count: pools.append(count) or ThreadPoolExecutor(count))
    png(Pixels(data.astronaut()), Metadata())
    assert pools == [3] and of_format("AVIF", Metadata(), False, 95)["max_threads"] == 3


def test_of_bands_the_same_file_comes():
    photo = data.astronaut()
    bands = Bands((512, 512), False, False, False, (Pixels(photo[top : top + 77]) for top in range(0, 512, 77)))
    written = io.BytesIO()
    write_png(written, bands, Metadata())
    assert written.getvalue() == png(Pixels(photo), Metadata())


def test_the_chunks_are_as_the_specification_asks():
    """Checksums of chunks and of the pixels' stream, and one stream in which each row has its filter's number."""
    photo = data.astronaut()
    content = png(Pixels(photo), Metadata(text={"Author": "somebody"}, dpi=(300, 300)))
    chunks = png_chunks(content)
    names = [name for name, _ in chunks]
    assert names[0] == b"IHDR" and names[-1] == b"IEND" and names.index(b"pHYs") < names.index(b"IDAT")
    for name, whole in chunks:
        assert struct.unpack(">I", whole[-4:])[0] == zlib.crc32(name + whole[8:-4])
    # `decompress` checks the stream's own checksum.
    stream = zlib.decompress(b"".join(whole[8:-4] for name, whole in chunks if name == b"IDAT"))
    rows = np.frombuffer(stream, np.uint8).reshape(512, 1 + 3 * 512)
    assert set(rows[:, 0]) <= {1, 2, 3}
