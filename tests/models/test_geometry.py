"""How far a network looks is read off its graph, and what is not known is taken to look everywhere."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from srzoo.models.geometry import (
    MOST_HALO,
    alignment_of,
    features_of,
    halo_of,
    peak_bytes_per_pixel,
    radius_of,
    tail_halo_of,
)
from srzoo.models.keras_graph import from_keras
from srzoo.models.registry import MODELS, build, build_graph
from srzoo.names import parse


def convolved(x, size=3, filters=4, **options):
    return layers.Conv2D(filters, size, padding="same", **options)(x)


def network(body, filters=4) -> keras.Model:
    pixels = keras.Input((None, None, 3))
    return keras.Model(pixels, body(convolved(pixels, 1, filters)))


@pytest.mark.parametrize(
    ("name", "radius"),
    [
        ("edsr-baseline-x4", 36),
        ("srresnet-x4", 40),
        ("edsr-x4", 68),
        ("rrdb-x4", 349),  # head and body, 23 times 15, and 1 / 2 + 3 / 4 after the pixels were repeated
        ("compact-x4", 34),
    ],
)
def test_the_radius_is_that_of_the_papers_network(name, radius):
    network = build_graph(parse(f"{name}.filters4"))
    assert radius_of(network) == radius and halo_of(network) == min(radius, MOST_HALO)


@pytest.mark.parametrize(("scale", "alignment"), [(4, 1), (2, 2), (1, 4)])
def test_pixels_that_are_shuffled_into_channels_give_the_alignment_and_a_wider_halo(scale, alignment):
    network = build_graph(parse(f"rrdb-x{scale}.filters4"))
    assert alignment_of(network) == alignment and halo_of(network) == MOST_HALO * alignment


def twice(x):
    layer = layers.Conv2D(4, 3, padding="same")
    return layer(layer(x))


KNOWN = {
    "the longest of parallel paths": (lambda x: layers.Add()([convolved(x, 7), convolved(convolved(x))]), 3),
    "a layer that is used twice": (twice, 2),
    "dilated": (lambda x: convolved(x, dilation_rate=3), 3),
    "even kernels": (lambda x: convolved(x, 4), 2),
    "depthwise": (lambda x: layers.DepthwiseConv2D(5, padding="same")(x), 2),
    "separable": (lambda x: layers.SeparableConv2D(4, 5, padding="same")(x), 2),
    "transposed": (lambda x: layers.Conv2DTranspose(4, 4, strides=2, padding="same")(x), 2),
    "bilinear": (lambda x: layers.UpSampling2D(2, interpolation="bilinear")(x), 1),
    "pooled with stride 1": (lambda x: layers.AveragePooling2D(3, 1, padding="same")(x), 1),
    "normalised by channel": (lambda x: layers.LayerNormalization()(layers.BatchNormalization()(x)), 0),
    "channels that are joined and weighed": (lambda x: layers.Concatenate()([x, ops.sigmoid(convolved(x, 1)) * x]), 0),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_what_lies_beyond_the_radius_does_not_matter_and_what_lies_within_is_counted(kind):
    body, radius = KNOWN[kind]
    model, middle = network(body), 9
    assert radius_of(model) == radius
    lr = np.random.default_rng(0).random((1, 19, 19, 3), np.float32)
    far = lr.copy()
    far[:, :, middle + radius + 1 :] = 0
    far[:, :, : middle - radius] = 0
    scale = model.compute_output_shape((1, 19, 19, 3))[1] // 19
    part = slice(middle * scale, (middle + 1) * scale)
    np.testing.assert_allclose(np.asarray(model(far))[:, :, part], np.asarray(model(lr))[:, :, part], atol=1e-5)


@keras.saving.register_keras_serializable("test")
class Add(layers.Layer):
    """A stranger's layer with the name of one that is known."""

    def call(self, x):
        return x + ops.mean(x, (1, 2), keepdims=True)


def mean_of_all(x):
    return x - ops.mean(x)


WHOLE = {
    "global pooling": lambda x: layers.Multiply()([x, layers.GlobalAveragePooling2D(keepdims=True)(x)]),
    "reductions": lambda x: x - ops.mean(x, (1, 2), keepdims=True),
    "strides": lambda x: layers.UpSampling2D(2)(convolved(x, strides=2)),
    "strided pooling": lambda x: layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x)),
    "normalisation over space": lambda x: layers.GroupNormalization(2)(x),
    "normalisation of rows": lambda x: ops.softmax(x, 1),
    "transposed axes": lambda x: ops.transpose(x, (0, 2, 1, 3)),
    "side by side": lambda x: layers.Concatenate(axis=2)([x, x]),
    "bicubic": lambda x: layers.UpSampling2D(2, interpolation="bicubic")(x),
    "enlarged in one direction": lambda x: layers.UpSampling2D((2, 1))(x),
    "transposed and dilated": lambda x: layers.Conv2DTranspose(4, 3, padding="same", dilation_rate=2)(x),
    "transposed and padded": lambda x: layers.Conv2DTranspose(4, 3, 2, padding="same", output_padding=1)(x),
    "no padding": lambda x: layers.Conv2D(4, 3)(layers.ZeroPadding2D(1)(x)),
    "a stranger's layer": lambda x: Add()(x),
    "a stranger's activation": lambda x: layers.Activation(mean_of_all)(x),
    "several outputs": lambda x: ops.split(x, 2, axis=1)[0],
}


@pytest.mark.parametrize("kind", WHOLE)
def test_a_network_that_looks_everywhere_or_that_is_not_known_must_see_the_whole_picture(kind):
    assert halo_of(network(WHOLE[kind])) is None


@pytest.mark.parametrize(("name", "tail"), [("edsr-baseline-x4", 2), ("srresnet-x4", 3), ("rrdb-x4", 2)])
def test_the_tail_begins_where_the_network_enlarges(name, tail):
    network = build_graph(parse(f"{name}.filters4"))
    features = features_of(network)
    assert (features.channels, features.size_ratio) == (4, 1) and tail_halo_of(network) == tail


@pytest.mark.parametrize("name", ["compact-x4", "compact-x1", "rrdb-x2", "rrdb-x1"])
def test_networks_with_a_way_around_that_place_stay_in_one(name):
    assert features_of(build_graph(parse(f"{name}.blocks1.filters4"))) is None


@pytest.mark.parametrize("skip", [False, True])
def test_a_picture_that_is_added_to_the_result_is_a_way_around(skip):
    pixels = keras.Input((None, None, 3))
    sr = convolved(layers.UpSampling2D(2)(convolved(convolved(pixels, 7))), filters=3)
    model = keras.Model(pixels, layers.Add()([layers.UpSampling2D(2)(pixels), sr]) if skip else sr)
    assert (features_of(model) is None) == skip


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_of_an_entry_is_that_of_its_keras_model(name):
    described = build_graph(parse(f"{name}-x4.blocks1.filters4"))
    read = from_keras(build(parse(f"{name}-x4.blocks1.filters4")))
    measures = radius_of, alignment_of, tail_halo_of, peak_bytes_per_pixel
    assert [measure(described) for measure in measures] == [measure(read) for measure in measures]
    assert sorted(layer.kind for layer in described.layers) == sorted(layer.kind for layer in read.layers)
