"""A network in two stages is the same network, with less memory for each pixel."""

import keras
import numpy as np
import pytest
from skimage import data

from srzoo import zoo
from srzoo.models.geometry import halo_of, peak_bytes_per_pixel, tail_halo_of
from srzoo.models.layers import pixel_shuffle
from srzoo.runtimes import stages
from srzoo.runtimes.exported import Facts
from srzoo.runtimes.keras import keras_network, split_in_stages

PHOTO = data.chelsea()[60:123, 100:171][None].astype(np.float32)


@pytest.mark.parametrize("name", ["edsr-baseline", "srresnet"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pieces_of_the_tail_make_up_what_the_model_gives(name, scale, monkeypatch):
    monkeypatch.setattr(stages, "LEAST_PIECE", 200)
    keras.utils.set_random_seed(0)
    model = zoo.create(f"{name}-x{scale}.blocks2.filters8")
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(layer.kernel * 1.5)
    np.testing.assert_allclose(keras_network(model).run(PHOTO), model.predict(PHOTO, verbose=0), atol=2e-3)


def test_a_piece_is_a_small_part_of_its_tile():
    seen = []

    def tail(features):
        seen.append(features.shape[1] * features.shape[2])
        return np.zeros((1, features.shape[1] * 2, features.shape[2] * 2, 3), np.float32)

    network = stages.two_stages(Facts("any-x2", 2, 9, 100, "float32"), lambda pixels: pixels, tail, 2, 1000)
    network.run(np.zeros((1, 400, 300, 3), np.float32))
    assert max(seen) <= 400 * 300 / stages.PIECES
    assert sum(seen) < 1.2 * 400 * 300  # little is computed twice


def test_beside_a_merged_tail_the_tail_computes_the_borders_alone():
    seen = []

    def tail(features):
        seen.append(features.shape[1] * features.shape[2])
        return np.ones((1, features.shape[1] * 2, features.shape[2] * 2, 3), np.float32)

    def merged(pixels):
        shape = (1, pixels.shape[1] * 2, pixels.shape[2] * 2, 3)
        return np.zeros(shape), pixels[:, :4], pixels[:, -4:], pixels[:, :, :4], pixels[:, :, -4:]

    network = stages.framed(Facts("any-x2", 2, 9, 100, "float32"), merged, tail, 2, 1000)
    sr = network.run(np.zeros((1, 400, 300, 3), np.float32))[0]
    assert not sr[4:-4, 4:-4].any() and sr.sum() == 3 * (800 * 600 - 792 * 592)
    assert max(seen) <= 400 * 300 / stages.PIECES and sum(seen) < 2.2 * 2 * 2 * (400 + 300)
    seen.clear()
    network.run_inside(np.zeros((1, 400, 300, 3), np.float32), (slice(9, 390), slice(9, 290)))
    assert not seen, "a tile amid the picture has none"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 30), (5, 3), (30, 5)])
def test_of_a_picture_no_wider_than_its_borders_all_is_the_tails(height, width, edsr_with_biases):
    model = edsr_with_biases(4)
    pixels = PHOTO[:, :height, :width]
    np.testing.assert_allclose(keras_network(model).run(pixels), model.predict(pixels, verbose=0), atol=2e-3)


@pytest.mark.parametrize(
    "inside", [(slice(0, 63), slice(0, 71)), (slice(9, 40), slice(0, 50)), (slice(30, 31), slice(70, 71))]
)
@pytest.mark.parametrize("name", ["edsr-baseline", "srresnet"])  # whose tail is merged, and is not
def test_a_part_computed_alone_is_that_of_the_whole(name, inside, monkeypatch):
    monkeypatch.setattr(stages, "LEAST_PIECE", 200)
    network = keras_network(zoo.create(f"{name}-x2.blocks1.filters8"))
    part = tuple(slice(2 * each.start, 2 * each.stop) for each in inside)
    np.testing.assert_allclose(network.run_inside(PHOTO, inside)[0][part], network.run(PHOTO)[0][part], atol=1e-3)


@pytest.mark.parametrize(("name", "halo"), [("edsr-baseline-x4", 2), ("srresnet-x4", 3)])
def test_the_tail_looks_a_few_pixels_far_and_the_body_takes_little_memory(name, halo):
    model = zoo.create(name)
    body, _ = split_in_stages(model)
    assert tail_halo_of(model) == halo and halo_of(body) + halo >= halo_of(model)
    assert keras_network(model).bytes_per_pixel < peak_bytes_per_pixel(model) / 4


def test_a_model_with_a_skip_around_its_upsampling_runs_in_one():
    pixels = keras.Input((None, None, 3))
    grown = pixel_shuffle(keras.layers.Conv2D(12, 3, padding="same")(keras.layers.ReLU()(pixels)), 2, "shuffle")
    model = keras.Model(pixels, keras.layers.Add()([grown, keras.layers.UpSampling2D(2)(pixels)]))
    assert split_in_stages(model) is None
    np.testing.assert_allclose(keras_network(model).run(PHOTO), model.predict(PHOTO, verbose=0), atol=1e-3)
