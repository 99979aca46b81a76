"""Folded, a network is the same function with fewer layers."""

import keras
import numpy as np
import pytest
from keras import layers

from srzoo import zoo
from srzoo.backend import dtype_policy
from srzoo.runtimes.fold import fold_batch_norm


def pixels(height, width):
    return np.random.default_rng(1).integers(0, 256, (1, height, width, 3)).astype(np.float32)


def run(model, given):
    return np.asarray(model(given, training=False))


def test_a_convolution_whose_output_goes_elsewhere_too_keeps_its_batch_normalisation():
    given = keras.Input((None, None, 3))
    x = layers.Conv2D(3, 3, padding="same", name="shared")(given)
    y = layers.Add()([x, layers.BatchNormalization(name="after_shared")(x)])
    y = layers.Conv2D(3, 3, padding="same", activation="relu", name="active")(y)
    y = layers.BatchNormalization(name="after_active")(y)
    y = layers.Conv2D(3, 3, padding="same", name="plain")(y)
    model = keras.Model(given, layers.BatchNormalization(name="after_plain", scale=False, center=False)(y))
    for layer in model.layers:
        layer.set_weights([np.random.default_rng(0).uniform(0.5, 2, w.shape) for w in layer.get_weights()])
    folded = fold_batch_norm(model)
    left = [layer.name for layer in folded.layers if isinstance(layer, layers.BatchNormalization)]
    assert left == ["after_shared", "after_active"]
    np.testing.assert_allclose(run(folded, pixels(8, 9)), run(model, pixels(8, 9)), rtol=1e-4, atol=1e-3)


def test_a_batch_normalisation_of_rows_stays_after_its_convolution():
    given = keras.Input((16, 16, 3))
    rows = layers.BatchNormalization(axis=1, moving_mean_initializer=keras.initializers.RandomUniform(0, 9))
    model = keras.Model(given, layers.Conv2D(3, 3, padding="same")(rows(layers.Conv2D(16, 1)(given))))
    np.testing.assert_allclose(run(fold_batch_norm(model), pixels(16, 16)), run(model, pixels(16, 16)), atol=1e-3)


@pytest.mark.parametrize(("size", "strides"), [((5, 7), 1), ((6, 4), 1), ((5, 5), 2)])
def test_a_kernels_border_of_zeros_goes_where_the_convolution_stays_the_same(size, strides):
    given = keras.Input((None, None, 3))
    model = keras.Model(given, layers.Conv2D(4, size, strides, padding="same", name="wide")(given))
    kernel, bias = model.get_layer("wide").get_weights()
    kernel[:1] = kernel[-2:] = kernel[:, :1] = kernel[:, -1:] = 0
    model.get_layer("wide").set_weights([kernel, bias])
    folded = fold_batch_norm(model, crop_kernels=True)
    left = tuple(side - 2 for side in size) if strides == 1 else size
    assert folded.get_layer("wide").kernel_size == left
    np.testing.assert_allclose(run(folded, pixels(8, 9)), run(model, pixels(8, 9)), rtol=1e-5, atol=1e-4)


def test_a_network_in_mixed_precision_becomes_one_in_float32():
    with dtype_policy("mixed_bfloat16"):
        model = zoo.create("srresnet", blocks=1, filters=4)
    assert {layer.compute_dtype for layer in fold_batch_norm(model).layers} == {"float32"}
