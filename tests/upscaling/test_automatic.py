"""Which network `auto` takes, and what it says."""

import pytest
from PIL import Image
from skimage import data

from srzoo import bicubic
from srzoo.upscaling.automatic import suited


@pytest.fixture(scope="module")
def photograph():
    return bicubic.downscale(data.coffee(), 2)


def test_a_clean_picture_gets_the_network_of_the_scale(photograph, tmp_path):
    path = tmp_path / "cup.png"
    Image.fromarray(photograph).save(path)
    assert suited(path, 4) == ("edsr-baseline-x4", "edsr-baseline-x4, as it has no damage")
    assert suited(path, 2)[0] == "edsr-baseline-x2"


def test_a_damaged_picture_gets_the_network_for_it(photograph, tmp_path):
    path = tmp_path / "cup.jpg"
    Image.fromarray(photograph).save(path, quality=40)
    assert suited(path, 4) == ("edsr-real-x4", "edsr-real-x4, as it has JPEG of quality 40")


def test_grey_pictures_of_16_bits_are_looked_at_too(photograph, tmp_path):
    path = tmp_path / "cup.png"
    Image.fromarray(photograph[..., 1].astype("uint16") * 257).save(path)
    assert suited(path, 4)[0] == "edsr-baseline-x4"
