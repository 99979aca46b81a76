"""PSNR and SSIM against closed forms, published figures and another implementation."""

import math

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from srzoo.data.sample import sample_path
from srzoo.metrics import luma, psnr, psnr_rgb, psnr_y, ssim_y
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("astronaut.png"))[:97, :120]
NOISY = np.clip(PHOTO + np.random.default_rng(0).normal(0, 12, PHOTO.shape), 0, 255).astype(np.uint8)


def test_luma_is_matlabs_for_black_white_and_the_primaries():
    colours = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    np.testing.assert_allclose(luma(np.array(colours)), [16, 235, 81.481, 144.553, 40.966], atol=1e-3)


def test_an_error_of_one_grey_level_everywhere_is_48_decibels():
    assert psnr(np.full((9, 9), 7.0), np.full((9, 9), 8.0)) == pytest.approx(20 * math.log10(255))


def test_an_error_of_one_in_rgb_is_smaller_in_luma_as_its_range_is_smaller():
    sr = PHOTO.clip(1) - 1
    sr, hr = sr.astype(np.uint8), PHOTO.clip(1)
    assert psnr_rgb(hr, sr, 4) == pytest.approx(20 * math.log10(255))
    assert psnr_y(hr, sr, 4) == pytest.approx(20 * math.log10(255 * 255 / 219))


def test_equal_pictures_have_infinite_psnr_and_an_ssim_of_one():
    assert psnr_y(PHOTO, PHOTO, 4) == psnr_rgb(PHOTO, PHOTO, 4) == math.inf
    assert ssim_y(PHOTO, PHOTO, 4) == 1


def test_shaved_pixels_do_not_count():
    sr = PHOTO.copy()
    sr[:4], sr[-4:], sr[:, :4], sr[:, -4:] = 0, 0, 0, 0
    assert psnr_y(PHOTO, sr, 4) == math.inf
    assert math.isfinite(psnr_y(PHOTO, sr, 3))


def test_ssim_of_two_flat_pictures_is_the_ratio_of_their_means_alone():
    hr, sr = (np.full((20, 20, 3), level, np.uint8) for level in (50, 90))
    x, y, c1 = luma(hr[0, 0]), luma(sr[0, 0]), 2.55**2
    assert ssim_y(hr, sr, 4) == pytest.approx((2 * x * y + c1) / (x**2 + y**2 + c1), abs=1e-9)


def test_ssim_is_that_of_another_implementation():
    _, similarity = structural_similarity(
        luma(PHOTO),
        luma(NOISY),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    # Theirs pads the borders; only where the window fits whole are both the same.
    assert ssim_y(PHOTO, NOISY, 0) == pytest.approx(similarity[5:-5, 5:-5].mean(), abs=1e-9)


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"one shape, got \(97, 120, 3\) and \(96, 120, 3\)"):
        psnr_y(PHOTO, PHOTO[:96], 4)


@pytest.mark.parametrize("metric", [psnr_y, psnr_rgb, ssim_y])
@pytest.mark.parametrize("pixels", [PHOTO / 255, PHOTO[..., 0], PHOTO[..., :2]])
def test_what_is_no_8_bit_rgb_is_refused(metric, pixels):
    with pytest.raises(ValueError, match=r"HR must be a uint8 array of shape \(height, width, 3\), got"):
        metric(pixels, pixels, 4)


def test_a_negative_shave_is_refused():
    with pytest.raises(ValueError, match="shave must be a number of pixels of at least 0, got -1"):
        psnr_y(PHOTO, NOISY, -1)


@pytest.mark.parametrize("metric", [psnr_y, psnr_rgb, ssim_y])
def test_figures_are_plain_floats(metric):
    assert type(metric(PHOTO, NOISY, 4)) is type(metric(PHOTO, PHOTO, 4)) is float


@pytest.mark.parametrize(("metric", "side"), [(psnr_y, 8), (psnr_rgb, 8), (ssim_y, 18)])
def test_a_picture_with_nothing_left_to_measure_is_refused(metric, side):
    with pytest.raises(ValueError, match=f"{side + 2}x{side} is too small"):
        metric(PHOTO[:side, : side + 2], PHOTO[:side, : side + 2], 4)
    metric(PHOTO[: side + 1, : side + 1], NOISY[: side + 1, : side + 1], 4)
