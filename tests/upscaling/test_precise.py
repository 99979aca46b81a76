"""Pictures for which 8 bits are too few go through the network in float32."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srzoo.pictures.sources import Source
from srzoo.runtimes.network import Network
from srzoo.upscaling import Upscaler, batch
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


def test_a_network_that_was_asked_for_stays(upscaler):
    asked_for = Upscaler(Network("int8", 2, 1, 1, repeated), memory=100_000)
    assert asked_for.precise is asked_for and upscaler.precise.name == "precise"
    assert upscaler.precise is upscaler.precise
