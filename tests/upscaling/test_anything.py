"""`srzoo.upscale`: pictures of whatever kind, and back in the same kind."""

import keras
import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

import srzoo
from srzoo import zoo
from srzoo.upscaling import Upscaler

PHOTO = data.chelsea()[100:121, 150:177]


@pytest.fixture(scope="module")
def upscaler():
    keras.utils.set_random_seed(0)
    return Upscaler(zoo.create("edsr-baseline-x2.blocks1.filters4"))


ARRAYS = {
    "rgb": PHOTO,
    "grey": PHOTO[..., 0],
    "grey with a channel": PHOTO[..., :1],
    "rgba": np.dstack([PHOTO, PHOTO[..., 0]]),
    "16 bits": PHOTO.astype(np.uint16) * 257,
    "batch": np.stack([PHOTO, PHOTO[::-1]]),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_comes_back_in_its_kind(upscaler, kind):
    array = ARRAYS[kind]
    result = srzoo.upscale(array, upscaler)
    channels = array.shape[2:] if array.ndim == 3 else array.shape[3:]
    assert result.dtype == array.dtype and result.shape == (*array.shape[: array.ndim == 4], 42, 54, *channels)
    rgb = result[0] if kind == "batch" else result
    if kind in ("rgb", "batch"):
        np.testing.assert_array_equal(rgb, upscaler(PHOTO))


@pytest.mark.parametrize("white, dtype", [(1, np.float32), (255, np.float32), (255, np.float16)])
def test_floats_whose_white_is_told_come_back_as_floats(upscaler, white, dtype):
    photo = PHOTO.astype(np.float32)
    photo[5, 5], photo[9, 9], photo[9, 5] = -20, 300, 255
    result = srzoo.upscale((photo * (white / 255)).astype(dtype), upscaler, white=white)
    assert result.dtype == dtype
    expected = np.clip(upscaler.unrounded(np.clip(photo, 0, 255)), 0, 255)
    np.testing.assert_allclose(
        result.astype(np.float32) * (255 / white), expected, atol=0.02 if dtype == np.float32 else 0.1
    )


def test_the_order_of_bytes_makes_no_difference_and_results_may_be_changed(upscaler):
    given = PHOTO.astype(">u2") * 257
    result = srzoo.upscale(given, upscaler, scale=1.5)
    np.testing.assert_array_equal(result, srzoo.upscale(given.astype("u2"), upscaler, scale=1.5))
    assert result.dtype == np.uint16 and result.flags.writeable
    assert srzoo.upscale(PHOTO, upscaler, scale=1.5).flags.writeable


def test_an_images_colour_profile_goes_with_it(upscaler, tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(PHOTO).save(tmp_path / "cat.jpg", icc_profile=icc)
    for given in (tmp_path / "cat.jpg", Image.open(tmp_path / "cat.jpg")):
        srzoo.upscale(given, upscaler).save(tmp_path / "large.png")
        with Image.open(tmp_path / "large.png") as large:
            assert large.info["icc_profile"] == icc
    with Image.open(tmp_path / "cat.jpg") as grey:
        assert "icc_profile" not in srzoo.upscale(grey.convert("L"), upscaler).info


def test_images_paths_and_tensors(upscaler, tmp_path):
    image = Image.fromarray(np.dstack([PHOTO, PHOTO[..., 0]]))
    image.save(tmp_path / "cat.png")
    for given in (image, str(tmp_path / "cat.png"), tmp_path / "cat.png"):
        result = srzoo.upscale(given, upscaler, scale=1.5)
        assert (result.mode, result.size) == ("RGBA", (40, 32))
    np.testing.assert_array_equal(srzoo.upscale(keras.ops.convert_to_tensor(PHOTO), upscaler), upscaler(PHOTO))
    assert srzoo.upscale(PHOTO, upscaler, width=50).shape == (39, 50, 3)


@pytest.mark.parametrize(
    ("picture", "options", "sentence"),
    [
        (PHOTO / 255, {}, r"Call srzoo.upscale\(picture, white=1\) or 255"),
        (np.full((9, 9), np.nan), {"white": 1}, "the picture holds NaN or infinite values"),
        (np.full((9, 9), np.inf), {"white": 1}, "the picture holds NaN or infinite values"),
        (Image.fromarray(PHOTO[..., 0]).convert("I"), {}, r"in \[0, 255\] or in .* picture.convert\('L'\) or 'I;16'"),
        (PHOTO.astype(int), {}, "got int64, white=None; give values from 0 to 255 as uint8, from 0 to 65535 as"),
        (PHOTO.astype(np.float32), {"white": 1}, r"from 0 to white=1, got \d+ to \d+; give their own white"),
        ("photo.png", {"white": 1}, "white=1 is for arrays of floats; a path or an image tells it itself, so leave it"),
        (PHOTO / 127.5 - 1, {"white": 1}, "from 0 to white=1, got -0.9.* to 0.8"),
        (b"\x89PNG", {}, "a Pillow image or an array of numbers, got bytes; PIL.Image.open reads"),
        (["a.png", "b.png"], {}, "got list; .*several paths are given one by one"),
        (
            np.moveaxis(PHOTO, 2, 0),
            {},
            r"channels come last, got \(3, 21, 27\); give numpy.transpose\(picture, \(1, 2, 0",
        ),
        (np.zeros((1, 3, 9, 9), np.uint8), {}, r"give numpy.transpose\(picture, \(0, 2, 3, 1"),
        (np.zeros(5, np.uint8), {}, r"expected a picture of shape .* got \(5,\)"),
        ("missing.png", {}, "missing.png: no such file"),
        (PHOTO, {"scale": 2, "width": 90}, "--scale was given beside a size in pixels; leave out one of the two"),
        (PHOTO, {"width": 90, "fit": True}, "--fit needs both sides; .*in Python: width and height"),
        (PHOTO, {"scale": 17}, "the scale must be from 1 to 16, got 17"),
        (PHOTO, {"scale": float("nan")}, "the scale must be from 1 to 16, got nan"),
        (PHOTO, {"scale": "2"}, "the scale must be a number, and width and height whole numbers; got scale '2',"),
        (PHOTO, {"width": 90.5}, "width and height whole numbers; got scale None, width 90.5, height None"),
        (PHOTO, {"height": 0}, "width and height must be at least 1, got 0"),
        (PHOTO, {"restore": 0.5}, "options of Upscaler; give them to the one that is the model"),
        (PHOTO, {"width": 50, "height": 50}, "has another aspect than the picture's 27x21"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_helps(upscaler, picture, options, sentence):
    with pytest.raises((ValueError, OSError), match=sentence):
        srzoo.upscale(picture, upscaler, **options)


def test_an_upscaler_takes_names_and_says_what_it_is(tmp_path):
    path = tmp_path / "tiny.weights.h5"
    zoo.save_weights(zoo.create("edsr-baseline-x2.blocks1.filters4"), path)
    upscaler = Upscaler(path, scale=1.5)
    assert repr(upscaler) == "Upscaler('edsr-baseline-x2.blocks1.filters4', scale=1.5, memory=2 GB)"
    assert upscaler(PHOTO).shape == (32, 40, 3)
    with pytest.raises(
        FileNotFoundError, match="no trained weights ship for 'edsr-basline'.*did you mean 'edsr-baseline'"
    ):
        Upscaler("edsr-basline")
    with pytest.raises(ValueError, match="the scale must be a number"):
        Upscaler("edsr-baseline", scale="2")
    with pytest.raises(ValueError, match="restore must be from 0 to 1, and without a model; got '0.5' and 'edsr-basel"):
        Upscaler(restore="0.5")
    with pytest.raises(
        ValueError, match=r"got uint8 of shape \(21, 27\); srzoo.upscale\(picture, upscaler\) takes other"
    ):
        upscaler(PHOTO[..., 0])


def test_the_package_offers_what_there_is():
    assert {"Upscaler", "create", "list_models", "load", "upscale", "__version__"} <= set(dir(srzoo))
    assert all(hasattr(srzoo, name) for name in dir(srzoo))
    with pytest.raises(AttributeError, match="'lod'; it has Upscaler, create"):
        _ = srzoo.lod
