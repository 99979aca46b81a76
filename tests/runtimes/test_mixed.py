"""Two networks as one."""

import numpy as np
import pytest

from srzoo import zoo
from srzoo.runtimes.choice import Choice, choose
from srzoo.runtimes.keras import keras_network
from srzoo.runtimes.network import Network
from srzoo.runtimes.wrapped import mixed
from srzoo.upscaling import Upscaler


def of_value(value, halo, alignment=1):
    return Network(
        "flat", 2, halo, 100, lambda pixels: np.full((1, 2 * pixels.shape[1], 2 * pixels.shape[2], 3), value), alignment
    )


def test_pixels_are_mixed_and_tiles_suit_both():
    network = mixed(of_value(10.0, 3, 2), of_value(50.0, 7, 3), 0.25)
    assert network.run(np.zeros((1, 4, 4, 3), np.float32)).mean() == 20
    assert (network.halo, network.alignment) == (7, 6)
    assert mixed(of_value(0, None), of_value(0, 7), 0.5).halo is None


@pytest.fixture(scope="module")
def lr():
    return np.random.default_rng(0).integers(0, 256, (12, 14, 3), np.uint8)


@pytest.mark.parametrize("restore, name", [(0, "edsr-baseline-x4"), (1, "edsr-real-x4")])
def test_the_ends_of_restore_are_the_networks_for_clean_and_for_damaged_pictures(lr, restore, name, monkeypatch):
    monkeypatch.setenv("SRZOO_CACHE", "off")
    model = choose(Choice("edsr-real-x4", "float32", restore=restore), [])
    np.testing.assert_array_equal(Upscaler(model)(lr), Upscaler(zoo.load(name))(lr))


def test_between_them_restore_is_the_mean_of_both_results(lr, monkeypatch):
    monkeypatch.setenv("SRZOO_CACHE", "off")
    half = choose(Choice("edsr-real-x4", "float32", restore=0.5), [])
    ends = [
        keras_network(zoo.load(name)).run(lr[None].astype(np.float32)) for name in ("edsr-baseline-x4", "edsr-real-x4")
    ]
    np.testing.assert_allclose(half.run(lr[None].astype(np.float32)), np.mean(ends, axis=0), atol=1e-3)
