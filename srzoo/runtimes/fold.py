"""Batch normalisation folded into the convolutions before it: the same function with fewer layers.

At inference a batch normalisation is y = x * gain + shift with two constants a channel. After a convolution
without activation, the gain can be multiplied into the kernel and the shift becomes the bias.
"""

from collections import Counter

import keras
import numpy as np
from keras import layers

from srzoo.models.keras_graph import from_keras
from srzoo.runtimes.openvino import gain_and_shift


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Builds the network that infers as `model` does, without its batch normalisations and in float32.

    Args:
        model: a functional model. A batch normalisation stays where it is unless it follows a `Conv2D` that has
            no activation and whose output goes nowhere else.

    Returns:
        A new model of the same name, equal in inference mode but for float32's rounding, with a bias in place of each
        batch normalisation; `model` itself stays as it is. Without any to fold, a copy in float32.

    Example:
        >>> folded = fold_batch_norm(srzoo.create("srresnet"))
        >>> any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)
        False
    """
    folded = _foldable(model)
    gone = {norm.name for norm in folded.values()}

    def in_float32(operation: keras.Operation) -> keras.Operation:
        config = operation.get_config()
        # Operations that are no layers, such as the pixel shuffle, have no dtype of their own.
        if isinstance(operation, keras.Layer):
            config["dtype"] = "float32"
        if operation.name in folded:
            config["use_bias"] = True
        return type(operation).from_config(config)

    def call(operation: keras.Operation, *inputs, **options):
        return inputs[0] if operation.name in gone else operation(*inputs, **options)

    result = keras.models.clone_model(model, clone_function=in_float32, call_function=call)
    for layer in model.layers:
        if layer.name in folded:
            result.get_layer(layer.name).set_weights(_folded_weights(layer, folded[layer.name]))
        elif layer.name not in gone and layer.weights:
            result.get_layer(layer.name).set_weights(layer.get_weights())
    return result


def _foldable(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """Name of a convolution -> the batch normalisation that can be folded into it."""
    graph = from_keras(model)
    users = Counter(each.name for layer in graph.layers for each in layer.inputs)
    norms = [each for each in graph.layers if each.kind == "BatchNormalization" and each.get("axis") in (-1, 3)]
    pairs = [(norm.inputs[0], model.get_layer(norm.name)) for norm in norms]
    return {
        conv.name: norm
        for conv, norm in pairs
        if conv.kind == "Conv2D" and conv.get("activation") == "linear" and users[conv.name] == 1
    }


def _folded_weights(conv: layers.Conv2D, norm: layers.BatchNormalization) -> list[np.ndarray]:
    """Kernel and bias of `norm(conv(x))`; computed in float64, so that only one rounding is added."""
    gain, shift = gain_and_shift(norm.get_weights(), norm.epsilon, norm.scale, norm.center)
    if conv.use_bias:
        shift = shift + np.asarray(conv.bias, np.float64) * gain
    kernel = np.asarray(conv.kernel, np.float64) * gain
    return [kernel.astype(np.float32), shift.astype(np.float32)]
