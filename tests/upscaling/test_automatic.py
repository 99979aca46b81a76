"""Which network `auto` takes, and what it says."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

import srzoo
from srzoo import bicubic, shipped
from srzoo.images import to_uint8
from srzoo.names import parse
from srzoo.pictures.damage import DAMAGING_QUALITY
from srzoo.runtimes import choice
from srzoo.runtimes.network import Network
from srzoo.upscaling.automatic import advice, suited


@pytest.fixture(scope="module")
def photograph():
    return bicubic.downscale(data.coffee(), 2)


def test_a_clean_picture_gets_the_network_of_the_scale(photograph, tmp_path):
    path = tmp_path / "cup.png"
    Image.fromarray(photograph).save(path)
    assert suited(path, 4) == ("edsr-baseline-x4", "edsr-baseline-x4, because it has no damage")
    assert suited(path, 2)[0] == "edsr-baseline-x2"


def test_a_damaged_picture_gets_the_network_for_it(photograph, tmp_path):
    path = tmp_path / "cup.jpg"
    Image.fromarray(photograph).save(path, quality=40)
    assert suited(path, 4) == ("edsr-real-x4", "edsr-real-x4, because it has JPEG of quality 40")
    for quality, name in ((DAMAGING_QUALITY, "edsr-real-x4"), (DAMAGING_QUALITY + 1, "edsr-baseline-x4")):
        Image.fromarray(photograph[:32, :32]).save(path, quality=quality)  # too few pixels to tell themselves
        assert suited(path, 4)[0] == name
    noisy = photograph + np.random.default_rng(0).normal(0, 20, photograph.shape)
    Image.fromarray(to_uint8(noisy)).save(path, quality=DAMAGING_QUALITY, subsampling=0)
    assert f"JPEG of quality {DAMAGING_QUALITY}, noise of 1" in suited(path, 4)[1]


def test_who_did_not_ask_for_auto_is_told_of_bad_jpeg(photograph, tmp_path):
    for name, quality in (("fair.jpg", 76), ("bad.jpg", 75), ("lossless.png", 0)):
        Image.fromarray(photograph).save(tmp_path / name, quality=quality)
    assert advice(tmp_path / "bad.jpg") == ["has JPEG of quality 75, which --model auto would remove"]
    assert advice(tmp_path / "fair.jpg") == advice(tmp_path / "lossless.png") == []


def test_grey_pictures_of_16_bits_are_looked_at_too(photograph, tmp_path):
    path = tmp_path / "cup.png"
    Image.fromarray(photograph[..., 1].astype("uint16") * 257).save(path)
    assert suited(path, 4)[0] == "edsr-baseline-x4"


@pytest.fixture
def named(monkeypatch):
    """Networks that repeat pixels: that for clean pictures as they are, that for damaged ones inverted."""

    def chosen(asked):
        inverted = 255 * asked.source.startswith(shipped.FOR_DAMAGED) if asked.restore is None else 255 * asked.restore
        scale = parse(asked.source).scale
        return Network(asked.source, scale, 1, 1, lambda lr: abs(inverted - lr.repeat(scale, 1).repeat(scale, 2)))

    monkeypatch.setattr(choice, "choose", chosen)


def test_in_python_auto_looks_at_each_picture(named, photograph, tmp_path):
    file = io.BytesIO()
    Image.fromarray(photograph).save(file, "JPEG", quality=40)
    (tmp_path / "cup.jpg").write_bytes(file.getvalue())
    damaged = np.asarray(Image.open(file))
    upscaler = srzoo.Upscaler("auto")
    assert repr(upscaler).startswith("Upscaler('auto'")
    for upscale in (upscaler, upscaler.unrounded, lambda array: srzoo.upscale(array, model="auto")):
        np.testing.assert_array_equal(upscale(photograph)[::4, ::4], photograph)
        np.testing.assert_array_equal(upscale(damaged)[::4, ::4], 255 - damaged)
    assert srzoo.Upscaler("auto", scale=3)(damaged).shape == (3 * damaged.shape[0], 3 * damaged.shape[1], 3)
    mean = srzoo.Upscaler("auto", self_ensemble=True)
    assert mean.suited(damaged).max_pixels == mean.max_pixels < upscaler.max_pixels
    for scale in (4, 2):
        of_file = np.asarray(srzoo.upscale(tmp_path / "cup.jpg", "auto", scale))
        np.testing.assert_array_equal(of_file[::scale, ::scale], 255 - damaged)


def test_in_python_restore_is_a_dial_without_a_model(named, photograph):
    for share, expected in ((0, photograph), (1, 255 - photograph)):
        np.testing.assert_array_equal(srzoo.upscale(photograph, restore=share)[::4, ::4], expected)
    for arguments in ({"restore": 1.5}, {"restore": 0.5, "model": "edsr-gan"}):
        with pytest.raises(ValueError, match="restore must be from 0 to 1, and without a model; got"):
            srzoo.upscale(photograph, **arguments)
