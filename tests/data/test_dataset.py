"""Pairs of LR and HR for `fit`."""

import numpy as np
import pytest

import srzoo
from srzoo import bicubic
from srzoo.data.sample import sample_path
from srzoo.images import write_image
from srzoo.pictures.reading import read_image


@pytest.fixture
def photos(tmp_path):
    photo = read_image(sample_path("astronaut.png"))
    for i in range(3):
        write_image(tmp_path / f"{i}.png", photo[100 * i : 100 * i + 50, :70])
    return tmp_path


def arrays(dataset, count):
    return [(lr.numpy(), hr.numpy()) for lr, hr in dataset.take(count)]


def test_pairs_are_what_models_take_and_give(photos):
    dataset = srzoo.data.pairs(photos, 2, 32, 4)
    for lr, hr in arrays(dataset, 3):
        assert lr.shape == (4, 16, 16, 3) and hr.shape == (4, 32, 32, 3)
        assert lr.dtype == hr.dtype == np.float32 and hr.max() > 200 and np.array_equal(hr, np.rint(hr))


def test_what_is_validated_on_is_whole_and_not_trained_on(photos):
    ((lr, hr),) = arrays(srzoo.data.pairs(photos, 2, 32, 4, split="validation"), 9)
    assert hr.shape == (1, 50, 70, 3)
    assert np.array_equal(lr[0], bicubic.downscale(hr[0].astype(np.uint8), 2))
    colours = {tuple(pixel) for pixel in hr.reshape(-1, 3)}
    trained = {tuple(pixel) for _, crop in arrays(srzoo.data.pairs(photos, 2, 50, 1), 4) for pixel in crop[0, 10]}
    assert len(trained - colours) > 0.5 * len(trained)


def test_what_is_too_small_for_the_metrics_is_not_validated_on(tmp_path):
    photo = read_image(sample_path("astronaut.png"))
    for name, side in (("train/HR/a", 50), ("valid/HR/b", 50), ("valid/HR/c", 14)):
        write_image(tmp_path / f"{name}.png", photo[:side, :side])
    ((_, hr),) = arrays(srzoo.data.pairs(tmp_path, 2, 32, 1, split="validation"), 9)
    assert hr.shape == (1, 50, 50, 3)


def test_lr_is_degraded_anew_for_each_crop_and_alike_in_each_validation(photos):
    given = {"scale": 2, "patch": 32, "batch": 2, "degrade": "real"}
    (noisy, hr), (other, _) = arrays(srzoo.data.pairs(photos, **given), 2)
    clean = [bicubic.downscale(each.astype(np.uint8), 2) for each in hr]
    assert np.abs(noisy - clean).mean() > 4 and not np.array_equal(noisy, other)
    first, second = (arrays(srzoo.data.pairs(photos, **given, split="validation"), 1)[0] for _ in range(2))
    assert np.array_equal(first[0], second[0])


def test_an_unknown_split_is_refused(photos):
    with pytest.raises(ValueError, match="split must be one of train, validation, got 'test'"):
        srzoo.data.pairs(photos, split="test")
