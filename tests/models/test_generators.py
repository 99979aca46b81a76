"""What every generator of the zoo promises, and what the papers say of each."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from srzoo import zoo
from srzoo.models.geometry import halo_of
from srzoo.models.layers import DepthToSpace, pixel_shuffle
from srzoo.models.registry import MODELS, build_graph, by_name, recognise
from srzoo.names import parse

SMALL = {"blocks": 2, "filters": 8}


def pixels(*shape):
    return np.random.default_rng(0).uniform(0, 255, shape).astype("float32")


def test_edsr_baseline_has_the_published_number_of_parameters():
    assert zoo.create("edsr-baseline", scale=4).count_params() == 1_517_571


def test_edsr_has_the_published_43_million_parameters():
    assert zoo.create("edsr", scale=4).count_params() == 43_089_923


def test_rrdb_has_the_published_number_of_parameters():
    assert zoo.create("rrdb", scale=4).count_params() == 16_697_987


def test_compact_has_the_parameters_of_its_published_files():
    assert zoo.create("compact", scale=4).count_params() == 1_213_296  # realesr-general-x4v3
    assert zoo.create("compact", scale=4, blocks=16).count_params() == 621_424  # realesr-animevideov3


def test_srresnet_has_the_parameters_of_the_papers_figure():
    head, prelu = 9 * 9 * 3 * 64 + 64, 64
    block = 2 * (3 * 3 * 64 * 64 + 4 * 64) + prelu  # two convolutions without bias, each with its BN
    body = 3 * 3 * 64 * 64 + 4 * 64
    stage = 3 * 3 * 64 * 256 + 256 + prelu
    tail = 9 * 9 * 64 * 3 + 3
    expected = head + prelu + 16 * block + body + 2 * stage + tail
    assert zoo.create("srresnet", scale=4).count_params() == expected == 1_552_771


def test_edsr_has_no_batch_normalisation():
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in zoo.create("edsr-baseline").layers)


def test_srresnet_stays_within_the_pixel_range():
    model = zoo.create("srresnet", **SMALL)
    model.get_layer("tail").bias.assign([50.0, -50.0, 0.0])
    sr = np.asarray(model(pixels(1, 6, 6, 3)))
    assert sr.min() >= 0 and sr.max() <= 255


def test_edsr_with_a_silent_tail_gives_the_div2k_mean():
    model = zoo.create("edsr-baseline", **SMALL)
    tail = model.get_layer("tail")
    tail.kernel.assign(np.zeros(tail.kernel.shape))
    np.testing.assert_allclose(np.asarray(model(pixels(1, 4, 4, 3)))[0, 0, 0], [114.444, 111.4605, 103.02], rtol=1e-5)


def test_the_residuals_of_the_full_edsr_are_scaled_by_a_tenth():
    for options, scale in (({}, 0.1), ({"residual_scaling": 2}, 2)):
        scalings = [each for each in zoo.create("edsr", **SMALL, **options).layers if each.name.endswith("_scaling")]
        assert [each.scale for each in scalings] == [scale, scale]


def test_networks_start_and_normalise_as_those_of_pytorch():
    model = zoo.create("srresnet", blocks=1, filters=32)
    kernel = np.asarray(model.get_layer("block1_conv1").kernel)
    assert np.abs(kernel).max() <= (9 * 32) ** -0.5 and abs(kernel.std() * (3 * 9 * 32) ** 0.5 - 1) < 0.05
    (slopes,) = {float(each) for layer in model.layers if isinstance(layer, layers.PReLU) for each in layer.alpha[0, 0]}
    norms = {(each.momentum, each.epsilon) for each in model.layers if isinstance(each, layers.BatchNormalization)}
    assert slopes == 0.25 and norms == {(0.9, 1e-5)}


@pytest.mark.parametrize("name", ["edsr-baseline", "edsr"])
def test_of_networks_that_differ_in_size_the_published_one_is_recognised_first(name):
    shapes = [shape for layer in build_graph(parse(name)).layers for shape in layer.shapes if len(shape) == 4]
    assert recognise(shapes)[0].base == name


@pytest.mark.parametrize("name", ["edsr-baseline", "srresnet"])
def test_nothing_beyond_the_halo_reaches_a_pixel(name):
    model = zoo.create(name, **SMALL)
    halo, side = halo_of(model), 2 * halo_of(model) + 5
    middle = side // 2
    lr = pixels(1, side, side, 3)
    far, near = lr.copy(), lr.copy()
    far[:, :, middle + halo + 1 :] = 0
    near[:, :, middle + 1 :] = 0
    sr = np.asarray(model(lr))[:, :, middle * 4 : middle * 4 + 4]
    np.testing.assert_allclose(np.asarray(model(far))[:, :, middle * 4 : middle * 4 + 4], sr, atol=1e-3)
    assert np.abs(np.asarray(model(near))[:, :, middle * 4 : middle * 4 + 4] - sr).max() > 1e-3


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="'edsr-baseline' is built for the scales 2, 3, 4, 8, got 5"):
        zoo.create("edsr-baseline", scale=5)


def test_pixel_shuffle_puts_channels_side_by_side():
    x = np.arange(4, dtype="float32").reshape(1, 1, 1, 4)
    np.testing.assert_array_equal(np.asarray(pixel_shuffle(x, 2, "shuffle"))[0, :, :, 0], [[0, 1], [2, 3]])


def test_the_layer_for_older_keras_shuffles_as_keras_own_operation_does():
    x = pixels(2, 3, 5, 27)
    inputs = keras.Input((None, None, 27))
    model = keras.Model(inputs, DepthToSpace(3)(inputs))
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(pixel_shuffle(x, 3, "shuffle")))
    assert model.output_shape == (None, None, None, 3)


@pytest.mark.parametrize("name", ["edsr", "My_net", "mine-x4"])
def test_a_new_entry_needs_a_name_of_its_own_that_people_can_type(name):
    entries = MODELS.values()
    with pytest.raises(ValueError, match=f"'{name}' (needs a name of its own|is no model's name)"):
        by_name([*entries, replace(MODELS["edsr"], name=name)])
    assert by_name(entries) == MODELS
