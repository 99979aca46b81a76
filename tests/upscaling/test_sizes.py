"""Results of any size: of exactly that size, in the picture's own depth, with all that it holds."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from skimage import data

from srzoo.images import write_image
from srzoo.pictures.pixels import Pixels
from srzoo.runtimes.network import Network
from srzoo.upscaling import Upscaler, pictures
from srzoo.upscaling.pictures import upscale_pixels
from srzoo.upscaling.sizes import Size, passes, shrunk

PHOTO = data.chelsea()[100:161, 150:237]
ALPHA = np.clip(np.arange(61)[:, None] * 6 + np.zeros(87, int) - 30, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        (Size(1.5), (450, 300)),
        (Size(2.005), (602, 401)),
        (Size(width=1000), (1000, 667)),
        (Size(height=1000), (1500, 1000)),
        (Size(width=1000, height=667), (1000, 667)),
        (Size(width=1000, height=666), (1000, 666)),
        (Size(width=1000, height=1000, fit=True), (1000, 667)),
        (Size(width=3000, height=500, fit=True), (750, 500)),
        (Size(16), (4800, 3200)),
    ],
)
def test_the_other_side_follows_and_sizes_are_exact(asked, size):
    assert asked.of(300, 200) == size


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            Size(width=1000, height=1000),
            "1000x1000 has another aspect than the picture's 300x200; give --fit for 1000x667",
        ),
        (Size(width=1000, height=665), "1000x665 has another aspect"),
        (Size(width=200), "200x133 is 0.667 times the picture's 300x200; expected 1 to 16"),
        (Size(width=5000), "5000x3333 is 16.7 times the picture's 300x200"),
        (Size(width=1_200_000), "1200000x800000 is 4000 times the picture's 300x200"),
    ],
)
def test_an_aspect_is_never_changed_and_pictures_are_not_made_smaller(asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        asked.of(300, 200)


def test_a_network_is_chosen_by_the_scale_as_given_or_by_the_larger_factor():
    # 20 pixels become 40 of both, but the record of a result tells the network of the scale.
    assert [Size(scale).factor(20, 20) for scale in (2, 2.01)] == [2, 2.01]
    assert Size(width=401).factor(300, 200) == 401 / 300
    assert Size(height=301).factor(300, 200) == 301 / 200


def test_a_network_is_applied_once_or_twice():
    assert [passes(4, (10, 10), (40, side)) for side in (15, 40, 41, 160)] == [1, 1, 2, 2]
    assert Size(width=600, height=401).factor(300, 200) == 401 / 200  # so that it is applied once
    with pytest.raises(ValueError, match="90x90 is more than a network of scale 2 gives if it is applied twice"):
        passes(2, (10, 10), (90, 90))


KINDS = {
    "rgb": Pixels(PHOTO),
    "grey": Pixels(PHOTO[..., 1]),
    "rgba": Pixels(PHOTO, ALPHA),
    "16 bits and alpha": Pixels(PHOTO.astype(np.uint16) * 257 + 3, ALPHA.astype(np.uint16) * 257),
    "floats": Pixels(PHOTO.astype(np.float32)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(40, 28), (22, 16), (87, 60), (1, 1), (86, 61)])
def test_in_bands_the_same_picture_comes_out_as_at_once(kind, size):
    pixels = KINDS[kind]
    (at_once,) = shrunk([pixels], pixels.size, size)
    tops = [0, 3, 4, 20, 45, 61]
    bands = [pixels.map(lambda array, a=a, b=b: array[a:b]) for a, b in pairwise(tops)]
    parts = list(shrunk(bands, pixels.size, size))
    joined = np.concatenate([part.channels() for part in parts])
    assert joined.shape[:2] == size[::-1] and joined.dtype == pixels.colour.dtype
    np.testing.assert_allclose(joined, at_once.channels(), atol=1 if joined.dtype != np.float32 else 1e-3)


def test_it_is_pillows_antialiased_bicubic():
    (result,) = shrunk([Pixels(PHOTO)], (87, 61), (40, 28))
    expected = Image.fromarray(PHOTO).resize((40, 28), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(result.colour, np.asarray(expected))
    kinds = PHOTO.astype(np.uint16) * 257, PHOTO.astype(np.float32)
    deep, floats = (next(shrunk([Pixels(colour)], (87, 61), (40, 28))).colour for colour in kinds)
    np.testing.assert_allclose(floats, expected, atol=1)
    np.testing.assert_allclose(deep / 257, floats, atol=0.5 / 256)


def test_alpha_never_overshoots():
    step = np.where(np.arange(87) < 40, 100, 150).astype(np.uint8) * np.ones((61, 1), np.uint8)
    (result,) = shrunk([Pixels(PHOTO, step)], (87, 61), (66, 46))
    assert result.alpha is not None and (result.alpha.min(), result.alpha.max()) == (100, 150)


@pytest.mark.parametrize("scale", [1, 1.5, 2, 3, 4, 2.7])
def test_an_upscaler_gives_any_scale(repeating, scale):
    network = repeating_network()
    result = Upscaler(network, 100_000, scale)(PHOTO)
    assert result.shape == (round(61 * scale), round(87 * scale), 3)
    # What repeats pixels, brought down, is the picture itself, blurred by half a pixel at most.
    small = np.asarray(Image.fromarray(result).resize((87, 61), Image.Resampling.BOX), int)
    assert np.abs(small - PHOTO).mean() < 6
    if scale in (2, 4):
        np.testing.assert_array_equal(result, PHOTO.repeat(scale, 0).repeat(scale, 1))


def repeating_network():
    return Network("repeating-x2", 2, 1, 1, lambda pixels: pixels.repeat(2, axis=1).repeat(2, axis=2))


def test_floats_come_in_any_scale_too():
    result = Upscaler(repeating_network(), scale=1.5).unrounded(PHOTO.astype(np.float32))
    assert result.dtype == np.float32 and result.shape == (92, 130, 3)
    between = PHOTO + np.float32(0.25)
    twice = Upscaler(repeating_network(), scale=4).unrounded(between)
    np.testing.assert_allclose(twice[::4, ::4], between, atol=0.01)


def test_a_scale_that_the_network_does_not_reach_is_refused():
    with pytest.raises(ValueError, match="more than a network of scale 2 gives"):
        Upscaler(repeating_network(), scale=5)


def test_edges_of_transparency_have_no_fringe_in_the_second_pass_either():
    def smooth(pixels):
        twice = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge").repeat(2, axis=1).repeat(2, axis=2)
        return (twice[:, 1:-3, 1:-3] + twice[:, 3:-1, 3:-1]) / 2

    colour, alpha = np.zeros((12, 12, 3), np.uint8), np.zeros((12, 12), np.uint8)
    colour[4:8, 4:8], alpha[4:8, 4:8] = (250, 200, 40), 255  # black lies under what nobody sees
    result = upscale_pixels(Upscaler(Network("smooth-x2", 2, 1, 1, smooth)), Pixels(colour, alpha), size=(48, 48))
    assert np.all(result.colour[result.alpha > 0] == (250, 200, 40)) and np.all(result.alpha[20:28, 20:28] == 255)


def test_what_is_opaque_and_what_is_clear_stay_so_in_16_bits(repeating):
    deep = PHOTO.astype(np.uint16) * 257
    half = np.where(np.arange(87) < 40, 0, 65535).astype(np.uint16) * np.ones((61, 1), np.uint16)
    result = upscale_pixels(repeating, Pixels(deep, half), size=(131, 92))
    assert result.alpha is not None and result.colour.dtype == result.alpha.dtype == np.uint16
    assert np.all(result.alpha[:, :58] == 0) and np.all(result.alpha[:, 64:] == 65535)


def test_a_large_result_is_written_in_bands_and_is_the_same(tmp_path, resolve, monkeypatch):
    write_image(tmp_path / "cat.png", PHOTO)
    whole = resolve("cat.png", size=Size(width=231)).array()
    monkeypatch.setattr(pictures, "LARGE", 0)
    np.testing.assert_array_equal(resolve("cat.png", size=Size(width=231)).array(), whole)
    assert whole.shape == (162, 231, 3)


def test_frames_of_an_animation_come_in_the_size_that_is_asked_for(tmp_path, resolve):
    frames = [Image.fromarray(np.roll(PHOTO, shift, 1)) for shift in (0, 20, 40)]
    frames[0].save(tmp_path / "cat.gif", save_all=True, append_images=frames[1:], duration=70, loop=0)
    done = resolve("cat.gif", size=Size(1.5))
    assert [done.image(frame).size for frame in range(3)] == [(130, 92)] * 3
    assert done.image().n_frames == 3


def test_a_turned_photograph_gets_the_width_that_is_seen(tmp_path, resolve):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PHOTO).save(tmp_path / "cat.jpg", exif=exif)
    assert resolve("cat.jpg", size=Size(width=100)).image().size == (100, 143)


def test_resolution_follows_the_factor(tmp_path, resolve):
    exif = Image.Exif()
    exif[0x8769] = {0xA20E: 2000.0, 0xA20F: 2000.0, 0xA002: 87}
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2
    Image.fromarray(PHOTO).save(tmp_path / "cat.jpg", exif=exif, dpi=(300, 300))
    done = resolve("cat.jpg", size=Size(width=131)).image()
    read = done.getexif()
    assert [float(read[tag]) for tag in (282, 283)] == pytest.approx([300 * 131 / 87, 300 * 92 / 61], abs=0.01)
    inner = read.get_ifd(0x8769)
    assert float(inner[0xA20E]) == pytest.approx(2000 * 131 / 87, abs=0.01) and inner[0xA002] == 131
    assert done.info["dpi"][0] == pytest.approx(452, abs=1)
    Image.fromarray(PHOTO).save(tmp_path / "cat.png", dpi=(72, 72))
    assert resolve("cat.png").image().info["dpi"] == pytest.approx((144, 144), abs=0.1)
