"""Images of every kind as the SavedModel decodes them, and what it says of those that it refuses."""

import io
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from served import encoded, pixels_of, refusal, serve, worst

from srzoo.exporting.serving_images import decode_image
from srzoo.upscaling import Upscaler


@pytest.mark.parametrize(
    "format, mode, options",
    [
        ("PNG", None, {}),
        ("PNG", "L", {}),
        ("PNG", "LA", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("PNG", "1", {}),
        ("JPEG", None, {"quality": 90}),
        ("JPEG", "L", {}),
        ("BMP", None, {}),
        ("BMP", "L", {}),
        ("BMP", "P", {}),
        ("BMP", "RGBA", {}),
        ("WEBP", None, {"quality": 80}),
        ("WEBP", None, {"lossless": True}),
    ],
)
def test_every_kind_of_image_is_read_as_srzoo_reads_it(small, small_served, picture, format, mode, options, tmp_path):
    content = encoded(picture, format, mode, **options)
    (sr,) = serve(small_served, [content])
    pixels = pixels_of(content, tmp_path)
    assert worst(sr, Upscaler(small)(pixels)) <= 1
    assert worst(decode_image(tf.constant(content)).numpy(), pixels) <= 1


@pytest.mark.parametrize("format, lossless", [("PNG", None), ("WEBP", True), ("WEBP", False)])
def test_alpha_is_dropped(small, small_served, picture, format, lossless, tmp_path):
    alpha = np.tile(np.arange(77, dtype=np.uint8), (59, 1))[..., None]
    options = {} if lossless is None else {"lossless": lossless, "exact": True}
    content = encoded(np.concatenate([picture, alpha], -1), format, **options)
    (sr,) = serve(small_served, [content])
    assert worst(sr, Upscaler(small)(pixels_of(content, tmp_path))) <= 1


def test_sixteen_bits_are_rounded_to_eight(small, small_served, tmp_path):
    content = encoded(np.random.default_rng(1).integers(0, 2**16, (20, 30)).astype(np.uint16))
    (sr,) = serve(small_served, [content])
    assert worst(sr, Upscaler(small)(pixels_of(content, tmp_path))) <= 1


@pytest.mark.parametrize("orientation", range(1, 10))
@pytest.mark.parametrize("order", ["II", "MM"])
def test_a_jpeg_is_turned_upright(small, small_served, picture, orientation, order, tmp_path):
    exif = Image.Exif()
    exif.endian = "<" if order == "II" else ">"
    exif[0x010E], exif[0x0112], exif[0x0131] = "a picture", orientation, "a camera"
    content = encoded(picture, "JPEG", exif=exif.tobytes())
    assert order.encode() in content[:40]
    (sr,) = serve(small_served, [content])
    assert worst(sr, Upscaler(small)(pixels_of(content, tmp_path))) <= 1


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_other_images_with_exif_are_turned_upright_too(small, small_served, picture, format, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(picture, format, exif=exif.tobytes(), icc_profile=bytes(63))  # of an odd length, before EXIF
    (sr,) = serve(small_served, [content])
    assert worst(sr, Upscaler(small)(pixels_of(content, tmp_path))) <= 1 and sr.shape[0] > sr.shape[1]


def test_a_bmp_that_is_compressed_or_whose_colours_have_another_order_is_refused(small, small_served, picture):
    content = bytearray(encoded(np.dstack([picture, picture[..., :1]]), "BMP"))
    content[10], content[30] = 66, 3  # place of the pixels, and that their order is in front of them
    masks = b"\0\0\xff\0", b"\0\xff\0\0", b"\xff\0\0\0"
    usual, other = (content[:54] + b"".join(order) + content[54:] for order in (masks, masks[::-1]))
    assert worst(serve(small_served, [bytes(usual)])[0], Upscaler(small)(picture)) <= 1
    runs = bytearray(encoded(picture, "BMP", "P"))
    runs[30] = 1  # says that they are compressed
    assert all("cannot be decoded" in refusal(small_served, [bytes(each)]) for each in (other, runs))


def test_a_jpeg_of_segments_without_end_is_refused(small, small_served, picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    content, comment = encoded(picture, "JPEG", exif=exif.tobytes()), b"\xff\xfe\x00\x08Exif\0\0"
    video = 250 * (b"\xff\xda" + bytes(1 << 14))  # which phones write behind a photo
    (sr,) = serve(small_served, [content[:2] + 400 * comment + b"\xff\xff" + content[2:] + video])
    assert worst(sr, Upscaler(small)(pixels_of(content, tmp_path))) <= 1
    progressive = encoded(picture, "JPEG", progressive=True)
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    for endless in (content[:2] + 50_000 * comment + content[2:], progressive[:-2] + 300 * last + progressive[-2:]):
        assert "image 0 of the batch, counted from 0, cannot be decoded" in refusal(small_served, [endless])


def test_images_of_different_sizes_and_kinds_share_a_batch(small, small_served, picture):
    parts = [picture, picture[:9, :31], picture[3:4, 5:6], picture[:, 10:12]]
    results = serve(small_served, [encoded(part, format) for part, format in zip(parts, ("PNG", "BMP", "PNG", "BMP"))])
    upscaler = Upscaler(small)
    assert all(worst(sr, upscaler(part)) <= 1 for sr, part in zip(results, parts))


def test_an_empty_batch_is_refused(small_served):
    assert refusal(small_served, []) == "the batch is empty; send at least one image"


@pytest.mark.parametrize("content", [b"", b"\0", b"hello, world", b"RIFF", b"GIF89a" + bytes(100)])
def test_what_is_no_image_is_refused_with_its_index(small_served, picture, content):
    expected = "image 1 of the batch, counted from 0, is not a PNG, JPEG, BMP or WebP; send one of these"
    assert refusal(small_served, [encoded(picture), content]) == expected


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "WEBP"])
@pytest.mark.parametrize("kept", [12, 20, 40, 300, -40])
def test_an_image_that_is_cut_short_is_refused_with_its_index(small_served, picture, format, kept):
    reason = refusal(small_served, [encoded(picture), encoded(picture), encoded(picture, format)[:kept]])
    assert reason.startswith("image 2 of the batch, counted from 0, ")
    # The first twelve bytes of the others say what they are, and nothing more.
    assert "cannot be decoded, because it is damaged, cut short or of an unusual kind; send it again" in reason


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "WEBP"])
def test_bytes_that_were_changed_never_crash_it(small_served, picture, format):
    random, content = np.random.default_rng(2), np.frombuffer(encoded(picture[:12, :14], format), np.uint8)
    for _ in range(25):
        changed = content.copy()
        changed[random.integers(2, len(content), 4)] = random.integers(0, 256, 4)
        try:
            serve(small_served, [changed.tobytes()])
        except tf.errors.InvalidArgumentError as error:
            assert "image 0 of the batch, counted from 0," in error.message


def test_an_image_over_the_limit_is_refused_before_it_is_decoded(small_served, picture):
    head = bytearray(encoded(picture)[:60])
    head[16:24] = (60_000).to_bytes(4, "big") + (50_000).to_bytes(4, "big")
    expected = "image 0 of the batch, counted from 0, has 60000x50000 pixels, expected 6000 at most; send a smaller one"
    assert refusal(small_served, [bytes(head)]).startswith(expected)


@pytest.mark.parametrize("format, options", [("JPEG", {}), ("BMP", {}), ("WEBP", {}), ("WEBP", {"lossless": True})])
def test_the_limit_is_on_the_pixels_of_each_image(small_served, format, options):
    fits, over = np.zeros((60, 100, 3), np.uint8), np.zeros((61, 100, 3), np.uint8)
    assert serve(small_served, [encoded(fits, format, **options)] * 2)[1].shape == (120, 200, 3)
    reason = refusal(small_served, [encoded(fits, format, **options), encoded(over, format, **options)])
    assert "image 1 of the batch, counted from 0, has 100x61 pixels, expected 6000 at most" in reason


def test_the_limit_holds_for_a_webp_with_alpha(small_served):
    content = encoded(np.random.default_rng(3).integers(0, 256, (61, 100, 4), np.uint8), "WEBP", quality=80)
    assert b"VP8X" in content and "has 100x61 pixels" in refusal(small_served, [content])


@pytest.mark.parametrize("format", ["WEBP", "PNG"])
def test_an_animation_is_refused(small_served, format):
    frames, file = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")], io.BytesIO()
    frames[0].save(file, format, save_all=True, append_images=frames[1:])
    expected = "image 0 of the batch, counted from 0, is an animation; send a still image"
    assert refusal(small_served, [file.getvalue()]) == expected


def test_a_png_of_a_single_frame_is_no_animation(small_served, picture):
    content = encoded(picture)
    control = b"acTL" + (1).to_bytes(4, "big") + bytes(4)
    chunk = (8).to_bytes(4, "big") + control + zlib.crc32(control).to_bytes(4, "big")
    (sr,) = serve(small_served, [content[:33] + chunk + content[33:]])
    np.testing.assert_array_equal(sr, serve(small_served, [content])[0])


def test_a_bmp_from_top_to_bottom_is_read(small, small_served, picture):
    content = bytearray(encoded(np.ascontiguousarray(picture[::-1]), "BMP"))
    content[22:26] = (-59).to_bytes(4, "little", signed=True)
    assert worst(serve(small_served, [bytes(content)])[0], Upscaler(small)(picture)) <= 1
