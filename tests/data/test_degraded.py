"""Degraded LR in the pipeline of training."""

import numpy as np
import pytest

from srzoo.data.cache import PairCache
from srzoo.data.degraded import Degradation, degraded_crop, degraded_validation
from srzoo.data.items import pair_from_hr
from srzoo.data.pipeline import Crops, batches
from srzoo.data.sample import sample_path
from srzoo.degradations import presets
from srzoo.degradations.presets import PRESETS, Preset
from srzoo.degradations.steps import Chain, Jpeg, ToLr
from srzoo.pictures.reading import read_image

PHOTO = read_image(sample_path("coffee.png"))
LR, HR = pair_from_hr(PHOTO, 4)
CROPS = Crops(scale=4, patch=64, batch=4, degradation=Degradation("real", clean=0.25))


@pytest.fixture
def cache():
    cache = PairCache(10**9)
    cache.append(LR, HR)
    return cache


def take(dataset, count):
    return [(lr.numpy(), hr.numpy()) for lr, hr in dataset.take(count)]


def test_a_resumed_run_sees_the_same_degradations(cache):
    whole, resumed = take(batches(cache, CROPS), 6), take(batches(cache, CROPS, start=3), 3)
    for (lr, hr), (lr_again, hr_again) in zip(whole[3:], resumed, strict=True):
        np.testing.assert_array_equal(lr, lr_again)
        np.testing.assert_array_equal(hr, hr_again)


def test_hr_is_cut_where_it_is_cut_without_degradations(cache):
    plain = Crops(scale=4, patch=64, batch=4)
    for (lr, hr), (clean, same) in zip(take(batches(cache, CROPS), 3), take(batches(cache, plain), 3), strict=True):
        np.testing.assert_array_equal(hr, same)
        assert (lr != clean).any()


def test_parts_of_a_batch_make_up_the_whole(cache):
    ((whole, _),) = take(batches(cache, CROPS), 1)
    parts = [take(batches(cache, CROPS, part=slice(k, k + 2)), 1)[0][0] for k in (0, 2)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_share_of_clean_crops_is_cut_from_lr():
    degradation, clean = Degradation("jpeg", 0.25), LR[20:36, 30:46]
    same = [
        np.array_equal(degraded_crop(LR, HR, (20, 30), 16, degradation, np.random.default_rng(seed)), clean)
        for seed in range(200)
    ]
    assert 30 < sum(same) < 70


@pytest.mark.parametrize("corner", ((0, 0), (20, 30), (LR.shape[0] - 16, LR.shape[1] - 16)))
def test_a_crop_is_what_the_whole_picture_has_there(corner, monkeypatch):
    """Borders of a crop are no borders of a picture: the margin is as wide as MATLAB's kernel sees."""
    monkeypatch.setitem(presets.PRESETS, "jpeg", Preset(ToLr(("matlab",)), "", ""))
    crop = degraded_crop(LR, HR, corner, 16, Degradation("jpeg"), np.random.default_rng(0))
    np.testing.assert_array_equal(crop, LR[corner[0] : corner[0] + 16, corner[1] : corner[1] + 16])


def test_jpegs_blocks_begin_anywhere_in_a_crop(monkeypatch):
    monkeypatch.setitem(presets.PRESETS, "jpeg", Preset(Chain((ToLr(("matlab",)), Jpeg((30, 30)))), "", ""))
    edges = np.zeros(16)
    for seed in range(64):
        crop = degraded_crop(LR, HR, (40, 60), 24, Degradation("jpeg"), np.random.default_rng(seed)).astype(float)
        edges[np.abs(np.diff(crop.mean(-1), axis=1)).mean(0)[:16].argmax()] += 1
    assert (edges > 0).sum() >= 8


def test_pictures_to_validate_on_are_degraded_once_and_never_clean():
    pictures = [("a", LR, HR), ("b", LR, HR)]
    first, again = (degraded_validation(pictures, Degradation("real", 0.9), seed=1) for _ in range(2))
    for (name, lr, hr), (_, lr_again, _) in zip(first, again, strict=True):
        np.testing.assert_array_equal(lr, lr_again)
        assert name in "ab" and hr is HR and lr.shape == LR.shape and (lr != LR).any()
    assert (first[0][1] != first[1][1]).any()


def test_an_unknown_preset_and_a_share_of_one_are_refused():
    with pytest.raises(ValueError, match=f"one of {', '.join(PRESETS)}, got 'fog'"):
        Degradation("fog")
    with pytest.raises(ValueError, match="at least 0 and below 1, got 1"):
        Degradation("real", 1.0)
