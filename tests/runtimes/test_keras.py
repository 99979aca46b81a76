"""Keras's models of one's own as networks."""

import keras
import numpy as np
import pytest
from keras import layers

from srzoo import Upscaler
from srzoo.runtimes.choice import Choice, choose

LR = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def model_of(*given, size=(None, None, 3)):
    pixels = x = keras.Input(size)
    for layer in given:
        x = layer(x)
    return keras.Model(pixels, x)


def transposed():
    return layers.Conv2DTranspose(3, 4, 2, "same")


def test_a_model_of_one_layer_or_of_the_sequential_kind_upscales(tmp_path):
    functional, sequential = model_of(transposed()), keras.Sequential([keras.Input((None, None, 3)), transposed()])
    sequential.set_weights(functional.get_weights())
    expected = Upscaler(functional)(LR)
    assert expected.shape == (40, 60, 3)
    np.testing.assert_array_equal(Upscaler(sequential)(LR), expected)
    functional.save(tmp_path / "a.keras")
    np.testing.assert_array_equal(Upscaler(choose(Choice(str(tmp_path / "a.keras"))))(LR), expected)


class Own(keras.Model):
    """A model of its own class."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Own, r"expected a functional model, got Own; make it of keras.Model\(inputs, outputs\)"),
        (lambda: 3, "expected a functional model, got int"),
        (lambda: model_of(layers.UpSampling2D((2, 3))), r"it gives \(1, 32, 72, 3\) of \(1, 16, 24, 3\)"),
        (lambda: model_of(layers.Resizing(32, 32)), r"it gives \(1, 32, 32, 3\) of \(1, 16, 24, 3\)"),
        (lambda: model_of(layers.GlobalAveragePooling2D()), r"it gives \(1, 3\) of"),
    ],
)
def test_a_model_that_does_not_upscale_pictures_of_any_size_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        Upscaler(make())
