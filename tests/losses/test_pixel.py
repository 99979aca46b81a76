"""Each loss against its formula."""

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from srzoo import bicubic
from srzoo.losses import PIXEL_LOSSES, against_sharpened, consistency, grid, l1, sharpened

HR = np.array([[[[255.0, 0.0, 51.0]]]], "float32")
SR = np.array([[[[204.0, 0.0, 153.0]]]], "float32")
ERRORS = np.array([0.2, 0.0, 0.4])  # on the [0, 1] scale


def mean(values):
    return float(np.mean(values))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", np.mean(ERRORS)),
        ("l2", np.mean(ERRORS**2)),
        ("charbonnier", np.mean(np.sqrt(ERRORS**2 + 1e-3**2))),
        ("psnr", 10 * np.log10(np.mean(ERRORS**2) + 1 / 12 / 255**2)),
    ],
)
def test_a_pixel_loss_is_its_formula_on_the_unit_scale(name, expected):
    assert mean(PIXEL_LOSSES[name](HR, SR)) == pytest.approx(expected, rel=1e-5)


def test_the_psnr_loss_is_that_of_each_crop_and_stays_finite_where_one_is_right():
    alone, both = PIXEL_LOSSES["psnr"](HR, SR), PIXEL_LOSSES["psnr"](np.concatenate([HR, HR]), np.concatenate([SR, HR]))
    assert np.asarray(both) == pytest.approx([mean(alone), -58.92], abs=0.01)


@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_keras_weighs_the_crops_of_a_batch(name):
    pixels = keras.Input((1, 1, 3))
    model = keras.Model(pixels, keras.layers.Identity()(pixels))
    model.compile(loss=PIXEL_LOSSES[name])
    batch = np.concatenate([SR, HR]), np.concatenate([HR, HR])
    weighted = model.evaluate(*batch, sample_weight=np.array([2.0, 0.0]), verbose=0)
    assert weighted == pytest.approx(mean(PIXEL_LOSSES[name](HR, SR)), rel=1e-5)


def test_the_grid_loss_is_the_power_of_what_all_cells_have_in_common():
    random = np.random.default_rng(0)
    hr = random.uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    cell = random.normal(0, 5, (4, 4, 3))
    cell -= cell.mean((0, 1))
    pattern = np.tile(cell, (24, 24, 1)).astype("float32")
    assert mean(grid(hr, hr + pattern, 4)) == pytest.approx(np.mean((cell / 255) ** 2), rel=1e-3)
    # A colour is no pattern, and errors that differ from cell to cell are averaged away, to a 64th of their power.
    assert mean(grid(hr, hr + np.float32([9, -4, 2]), 4)) == pytest.approx(0, abs=1e-9)
    noise = random.normal(0, 5, hr.shape).astype("float32")
    assert mean(grid(hr, hr + noise, 4)) == pytest.approx((5 / 255) ** 2 / 64 * 15 / 16, rel=0.2)


def test_the_grid_loss_finds_a_pattern_that_changes_its_sign_across_the_picture():
    hr = np.zeros((1, 96, 160, 3), "float32")
    pattern = np.tile(np.where(np.arange(4) % 2, 5.0, -5.0)[:, None], (24, 160))[..., None].astype("float32")
    pattern[:48, 80:] *= -1
    assert mean(grid(hr, hr + pattern, 4)) > 0.7 * (5 / 255) ** 2


def test_consistency_is_zero_where_sr_shrinks_to_what_hr_does():
    hr = np.random.default_rng(0).uniform(0, 255, (2, 32, 24, 3)).astype("float32")
    assert mean(consistency(hr, hr, 4)) == 0
    # A shift of all pixels is one of LR's; a pattern within each cell is none.
    assert mean(consistency(hr, hr + 5, 4)) == pytest.approx(5 / 255, rel=1e-4)
    pattern = np.tile(np.float32([[1, -1], [-1, 1]]), (16, 12))[None, :, :, None]
    assert mean(consistency(hr, hr + 5 * pattern, 4)) < 0.1 / 255


def test_consistency_shrinks_as_matlab_does():
    hr = np.random.default_rng(0).integers(0, 256, (32, 24, 3), "uint8")
    shrunk = np.asarray(bicubic.shrink(np.float32(hr)[None], 4))[0]
    np.testing.assert_allclose(np.clip(shrunk, 0, 255), bicubic.downscale(hr, 4), atol=0.501)


def test_sharpening_is_unsharp_masking_where_the_difference_is_no_noise():
    hr = data.astronaut()[:96, 200:328].astype("float32")

    def blurred(pixels):
        return gaussian_filter(pixels, (8, 8, 0), mode="mirror", radius=(25, 25, 0))

    detail = hr - blurred(hr)
    mask = blurred((np.abs(detail) > 10).astype("float32"))
    expected = mask * np.clip(hr + 0.5 * detail, 0, 255) + (1 - mask) * hr
    found = np.asarray(sharpened(hr[None]))[0]
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert np.abs(found - hr).max() > 10
    assert mean(against_sharpened(l1)(hr[None], found[None])) == pytest.approx(0, abs=1e-7)


def test_sharpening_leaves_what_is_nearly_flat():
    noise = np.random.default_rng(0).normal(128, 2, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_array_equal(sharpened(noise), noise)
