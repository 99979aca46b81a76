"""MATLAB's imresize: against its own pictures, against its formula, and at its borders."""

import numpy as np
import pytest

from srzoo import bicubic
from srzoo.data.sample import sample_path
from srzoo.pictures.reading import read_image


def keys(t):
    t = np.abs(t)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def imresize_matrix(size: int, up: int, down: int) -> np.ndarray:
    """MATLAB's weights along one side, dense: Keys' kernel, widened when shrinking, mirrored borders."""
    out, width = size * up // down, max(1, down)
    matrix = np.zeros((out, size))
    for i in range(out):
        centre = (i + 0.5) * down / up - 0.5
        taps = np.arange(int(np.floor(centre - 2 * width)), int(np.ceil(centre + 2 * width)) + 1)
        weights = keys((taps - centre) / width)
        mirrored = np.concatenate([np.arange(size), np.arange(size)[::-1]])[taps % (2 * size)]
        np.add.at(matrix[i], mirrored, weights / weights.sum())
    return matrix


def imresize(pixels, up, down):
    rows, columns = (imresize_matrix(side, up, down) for side in pixels.shape[:2])
    return np.clip(np.rint(np.einsum("ab,bcd,ec->aed", rows, pixels.astype(float), columns, optimize=True)), 0, 255)


PHOTO = read_image(sample_path("coffee.png"))[:96, :120]


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("direction", ["downscale", "upscale"])
def test_it_is_matlabs_formula_on_every_pixel(direction, scale):
    ours = getattr(bicubic, direction)(PHOTO, scale)
    expected = imresize(PHOTO, *((1, scale) if direction == "downscale" else (scale, 1)))
    difference = np.abs(ours - expected)
    assert difference.max() <= 1  # a value at .5 may round either way
    assert (difference > 0).mean() < 1e-3


def test_lr_is_within_one_grey_level_of_matlabs_on_all_119_benchmark_pictures(shared_data):
    files = sorted((shared_data / "data" / "benchmark").glob("*/HR/*.png"))
    assert len(files) == 119
    for file in files:
        lr = read_image(file.parents[1] / "LR_x4" / file.name)
        difference = np.abs(bicubic.downscale(read_image(file), 4).astype(int) - lr)
        assert difference.max() <= 1, file


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 3), (3, 1), (5, 7)])
def test_pictures_of_a_few_pixels_are_mirrored_as_often_as_the_kernel_reaches(shape):
    lr = PHOTO[: shape[0], : shape[1]]
    assert np.abs(bicubic.upscale(lr, 4) - imresize(lr, 4, 1)).max() <= 1
    hr = PHOTO[: 4 * shape[0], : 4 * shape[1]]
    assert np.abs(bicubic.downscale(hr, 4) - imresize(hr, 1, 4)).max() <= 1


@pytest.mark.parametrize("shape", [(4, 4, 3), (4, 8, 3), (12, 4, 1), (8, 400, 3)])
def test_a_flat_picture_stays_flat_however_small(shape):
    flat = np.full(shape, 201, np.uint8)
    assert (bicubic.downscale(flat, 4) == 201).all()
    assert (bicubic.upscale(flat[:1, :1], 4) == 201).all()


def test_a_mirrored_picture_gives_the_mirrored_result():
    np.testing.assert_array_equal(bicubic.downscale(PHOTO[:, ::-1], 4), bicubic.downscale(PHOTO, 4)[:, ::-1])


def test_sides_that_are_no_multiples_are_refused():
    with pytest.raises(ValueError, match="multiples of 4, got 95x120"):
        bicubic.downscale(PHOTO[:95], 4)


@pytest.mark.parametrize("resize", [bicubic.downscale, bicubic.upscale])
@pytest.mark.parametrize("pixels", [PHOTO / 255, PHOTO[..., 0], PHOTO[:0]])
def test_what_is_no_8_bit_picture_is_refused(resize, pixels):
    with pytest.raises(ValueError, match=r"must be a uint8 array of shape \(height, width, channels\), got"):
        resize(pixels, 4)


@pytest.mark.parametrize("resize", [bicubic.downscale, bicubic.upscale])
def test_the_scale_1_changes_nothing(resize):
    np.testing.assert_array_equal(resize(PHOTO, 1), PHOTO)


@pytest.mark.parametrize("resize", [bicubic.downscale, bicubic.upscale])
@pytest.mark.parametrize("scale", [-2, 0, 2.5])
def test_a_scale_that_is_no_whole_number_of_at_least_one_is_refused(resize, scale):
    with pytest.raises(ValueError, match=f"scale must be a whole number of at least 1, got {scale}"):
        resize(PHOTO, scale)


def test_cropping_leaves_multiples():
    assert bicubic.crop_to_multiple(PHOTO[:95, :118], 4).shape == (92, 116, 3)
