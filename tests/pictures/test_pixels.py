"""From Pillow's images to arrays: kinds, turns, and colours that nobody sees."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageOps
from skimage import data

from srzoo.pictures.pixels import Pixels, bleed, from_pillow, to_pillow, upright

PHOTO = np.ascontiguousarray(data.chelsea()[100:120, 150:180])


@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        *(("1", 1), ("L", 1), ("LA", 2), ("La", 2), ("P", 3), ("PA", 4), ("RGB", 3), ("RGBA", 4), ("RGBa", 4)),
        *(("RGBX", 3), ("CMYK", 3), ("YCbCr", 3), ("HSV", 3)),
    ],
)
def test_each_of_pillows_modes_becomes_grey_or_rgb_with_alpha_or_without(mode, channels):
    image = Image.fromarray(PHOTO)
    for step in {"La": ("LA", "La"), "RGBa": ("RGBA", "RGBa"), "PA": ("RGBA", "PA")}.get(mode, (mode,)):
        image = image.convert(step)
    pixels, _ = from_pillow(image)
    assert pixels.channels().shape == (20, 30, channels) and not pixels.deep


@pytest.mark.parametrize("kind", ["<u2", ">u2"])
def test_16_bits_are_taken_in_either_order_of_bytes(kind):
    values = np.array([[0, 258, 65535]], np.uint16)
    image = Image.frombytes("I;16B" if kind == ">u2" else "I;16", (3, 1), values.astype(kind).tobytes())
    np.testing.assert_array_equal(from_pillow(image)[0].colour, values)


def test_the_transparent_level_of_16_bit_grey_becomes_alpha():
    image = Image.fromarray(np.array([[0, 258, 65535]], np.uint16))
    image.info["transparency"] = 258
    np.testing.assert_array_equal(from_pillow(image)[0].alpha, [[65535, 0, 65535]])


@pytest.mark.parametrize("value", [-1, 65536])
def test_integers_beyond_16_bits_are_refused(value):
    with pytest.raises(ValueError, match="32-bit integer pixels beyond 0 to 65535 have no known range"):
        from_pillow(Image.fromarray(np.array([[0, value]], np.int32)))


@pytest.mark.parametrize("orientation", range(9))
def test_turns_are_those_of_pillow(orientation):
    image = Image.fromarray(PHOTO)
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    turned = upright(Pixels(PHOTO, PHOTO[..., 0]), orientation)
    np.testing.assert_array_equal(turned.colour, expected)
    np.testing.assert_array_equal(turned.alpha, expected[..., 0])


def test_a_picture_on_white_shows_what_a_screen_does():
    pixels = Pixels(np.array([[0, 100, 7]], np.uint8), np.array([[255, 128, 0]], np.uint8))
    np.testing.assert_array_equal(pixels.on_white()[0, :, 0], [0, 177, 255])
    alpha = np.arange(256)
    shown = Pixels(np.full((1, 256), 100, np.uint8), alpha[None].astype(np.uint8)).on_white()[0, :, 0]
    np.testing.assert_array_equal(shown, np.rint(255 - 155 * alpha / 255))


def test_16_bits_become_the_nearest_8():
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(Pixels(levels).in_8_bits().colour, np.rint(levels / 257))
    np.testing.assert_array_equal(Pixels(levels).on_white()[..., 0], np.rint(levels / 257))


@pytest.mark.parametrize("channel", range(3))
def test_a_palette_is_grey_only_if_all_three_channels_are_alike(channel):
    colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    image = Image.fromarray(PHOTO[..., 0]).convert("P")
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(from_pillow(image)[0].colour, PHOTO[..., 0])
    colours[200, channel] = 7
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(from_pillow(image)[0].colour, colours[PHOTO[..., 0]])


@strategies.composite
def transparent_pictures(draw):
    height, width, channels = (draw(strategies.integers(1, most)) for most in (17, 17, 3))
    dtype = draw(strategies.sampled_from([np.uint8, np.uint16]))
    colour = draw(arrays.arrays(dtype, (height, width, 3) if channels > 1 else (height, width)))
    return Pixels(colour, draw(arrays.arrays(dtype, (height, width), elements=strategies.sampled_from([0, 1, 255]))))


@hypothesis.settings(deadline=None)
@hypothesis.given(pixels=transparent_pictures())
def test_filling_leaves_the_visible_and_invents_no_colour(pixels):
    filled, seen = bleed(pixels), pixels.alpha > 0
    assert filled.shape == pixels.colour.shape and filled.dtype == pixels.colour.dtype
    np.testing.assert_array_equal(filled[seen], pixels.colour[seen])
    if seen.any() and not seen.all():
        hidden = filled[~seen]
        assert np.all(hidden >= pixels.colour[seen].min(axis=0)) and np.all(hidden <= pixels.colour[seen].max(axis=0))


def test_each_hidden_pixel_takes_the_colour_of_what_is_near():
    colour = np.zeros((8, 16), np.uint8)
    colour[:, 0], colour[:, 15] = 50, 200
    alpha = np.zeros_like(colour)
    alpha[:, [0, 15]] = 255
    filled = bleed(Pixels(colour, alpha))
    assert np.all(filled[:, :8] == 50) and np.all(filled[:, 8:] == 200)


@pytest.mark.parametrize("channels", [(20, 30), (20, 30, 3)])
@pytest.mark.parametrize("alpha", [None, PHOTO[..., 0]])
def test_8_bit_pixels_survive_the_way_to_pillow_and_back(channels, alpha):
    pixels = Pixels(PHOTO if len(channels) == 3 else PHOTO[..., 1], alpha)
    back, note = from_pillow(to_pillow(pixels))
    np.testing.assert_array_equal(back.channels(), pixels.channels())
    assert note is None
