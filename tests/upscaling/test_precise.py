"""Pictures for which 8 bits are too few go through the network in float32."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srzoo.pictures.pixels import Pixels
from srzoo.pictures.sources import Source
from srzoo.runtimes.network import Network
from srzoo.runtimes.wrapped import interruptible, mixed, self_ensemble
from srzoo.upscaling import Upscaler, batch
from srzoo.upscaling.pictures import upscale_in_bands, upscale_pixels
from srzoo.upscaling.sizes import Size

PHOTO = np.random.default_rng(0).integers(0, 250, (20, 30, 3), np.uint8)
SCREEN = np.full_like(PHOTO, 255)
SCREEN[5:9] = PHOTO[5:9]


def repeated(pixels):
    return pixels.repeat(2, axis=1).repeat(2, axis=2)


@pytest.fixture
def upscaler():
    precise = Network("precise", 2, 1, 1, repeated)
    coarse = Network("coarse", 2, 1, 1, lambda pixels: repeated(pixels) - 5, precise=lambda: precise)
    return Upscaler(coarse, memory=100_000)


@pytest.mark.parametrize(
    ("picture", "precise"),
    [
        (PHOTO, False),
        (PHOTO[..., 0].astype(np.uint16) * 257, True),
        (SCREEN, True),
        (np.full((9, 9, 3), 255, np.uint8), True),
    ],
    ids=["photograph", "16 bits", "screenshot", "flat"],
)
def test_sixteen_bits_and_flat_areas_leave_int8(picture, precise, upscaler, tmp_path):
    Image.fromarray(picture).save(tmp_path / "a.png")
    (job,) = batch.plan([Source(tmp_path / "a.png", Path("a.png"))], batch.Results(tmp_path / "out"), Size(2))
    batch.carry_out(job, upscaler, "")
    expected = picture.repeat(2, 0).repeat(2, 1)
    assert np.array_equal(np.asarray(Image.open(job.target)), expected) == precise


def test_the_self_ensemble_goes_with_it():
    network = Network("coarse", 2, 1, 1, repeated, precise=lambda: Network("precise", 2, 1, 1, repeated))
    memory = self_ensemble(network).bytes_per_pixel
    assert interruptible(self_ensemble(network), lambda: None).precise().bytes_per_pixel == memory > 1
    upscaler = Upscaler(network, scale=1.5, self_ensemble=True)
    assert (upscaler.precise.max_pixels, upscaler.precise.scale) == (upscaler.max_pixels, 1.5)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("white", [255, 65535])
def test_areas_of_one_colour_keep_it_whole_and_in_bands(white, grey):
    picture = np.full((40, 30, 3), white, np.uint8 if white == 255 else np.uint16)
    picture[10:14] = np.random.default_rng(0).integers(0, white, (4, 30, 3))
    picture[25:] = white // 5 * 3
    picture = picture[..., 0] if grey else picture
    uneven = Network("uneven", 2, 1, 1, lambda pixels: repeated(pixels) + np.float32([-9, 4, -2]))
    upscaler = Upscaler(uneven, memory=500)
    result = upscale_pixels(upscaler, Pixels(picture)).colour
    expected = picture.repeat(2, 0).repeat(2, 1)
    for kept in (slice(0, 16), slice(32, 46), slice(58, 80)):  # two pixels from what is not white, four from the grey
        np.testing.assert_array_equal(result[kept], expected[kept])
    assert (result[20:28] != expected[20:28]).mean() > 0.9 and np.all(result[50:58] != expected[50:58])
    bands = upscale_in_bands(upscaler, Pixels(picture), (60, 80)).bands()
    np.testing.assert_array_equal(np.concatenate([band.colour for band in bands]), result)


def test_what_a_network_makes_of_one_colour_on_purpose_stays():
    dark = Upscaler(Network("dark", 2, 1, 1, lambda pixels: repeated(pixels) / 2), memory=100_000)
    flat = Pixels(np.full((9, 9, 3), 200, np.uint8))
    assert np.all(upscale_pixels(dark, flat).colour == 100)
    warm = Upscaler(Network("warm", 2, 1, 1, lambda pixels: repeated(pixels) - np.float32([0, 5, 30])), memory=100_000)
    assert np.all(upscale_pixels(warm, flat).colour == (200, 195, 170))


def test_a_network_that_was_asked_for_stays(upscaler):
    asked_for = Upscaler(Network("int8", 2, 1, 1, repeated), memory=100_000)
    assert asked_for.precise is asked_for and upscaler.precise.name == "precise"
    assert upscaler.precise is upscaler.precise


def test_a_network_that_two_upscalers_have_computes_for_one_at_a_time():
    meeting = threading.Barrier(2)

    def alone(pixels):
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(0.1)
            raise AssertionError("two at once")
        return repeated(pixels)

    shared = Network("shared", 2, 1, 1, alone)
    coarse = Network("coarse", 2, 1, 1, repeated, precise=lambda: Network("precise", 2, 1, 1, repeated))
    upscaler = Upscaler(mixed(shared, coarse, 0.5), memory=100_000)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda each: each(PHOTO), (upscaler, upscaler.precise)))
    np.testing.assert_array_equal(*results)
