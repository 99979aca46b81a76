"""What validation says of weights."""

import numpy as np
import pytest

from srzoo import zoo
from srzoo.training.validation import Validation

RNG = np.random.default_rng(0)
MODEL = zoo.create("edsr-baseline-x2.blocks1.filters4")


@pytest.fixture(scope="module")
def validation():
    names = ("photo", "white", "grey")
    return Validation(MODEL, [(name, None, None) for name in names])


def pairs(noise):
    photo = RNG.integers(20, 236, (32, 32, 3), np.uint8)
    white, grey = (np.full((32, 32, 3), level, np.uint8) for level in (255, 128))
    return [(photo, photo + np.uint8(noise)), (white, white), (grey, grey)]


def test_flat_pictures_are_left_out_of_the_mean_and_named_once(validation, caplog):
    for _ in range(2):
        scores = validation.score(pairs(noise=1))
        assert 48 < scores["psnr_y"] < 50  # luma is of [16, 235]: 20 log10(255 / 0.859)
    assert caplog.text.count("left out of the mean PSNR") == 1 and "white, grey" in caplog.text


def test_as_many_pixels_as_the_scale_are_shaved_off_each_border(validation):
    (photo, sr), *_ = pairs(noise=0)
    for width, infinite in ((2, True), (3, False)):
        framed = np.zeros_like(sr)
        framed[width:-width, width:-width] = photo[width:-width, width:-width]
        assert np.isinf(validation.score([(photo, framed)])["psnr_y"]) == infinite


@pytest.mark.parametrize(("best_by", "better", "worse"), [("psnr_y", 31, 30), ("lpips", 0.1, 0.2)])
def test_only_a_better_score_replaces_the_best(best_by, better, worse):
    judge = Validation(MODEL, [], best_by)
    assert judge.is_better({best_by: better}, worse)
    assert not judge.is_better({best_by: worse}, better) and not judge.is_better({best_by: worse}, worse)


def test_a_flat_picture_does_not_make_bicubic_unbeatable():
    photo, white = (hr for hr, _ in pairs(noise=0)[:2])
    pictures = [("photo", photo[::2, ::2], photo), ("white", white[::2, ::2], white)]
    known, alone = (Validation(MODEL, given).bicubic for given in (pictures, pictures[:1]))
    assert known == alone < 40


def test_a_flat_picture_does_not_keep_better_weights_from_being_kept(validation):
    worse, better = (validation.score(pairs(noise))["psnr_y"] for noise in (9, 1))
    assert validation.is_better({"psnr_y": better}, worse) and not validation.is_better({"psnr_y": worse}, better)
    assert validation.is_better({"psnr_y": worse}, np.inf)  # of a run of an earlier version
