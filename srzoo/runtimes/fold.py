"""Batch normalisation folded into the convolutions before it: the same function with fewer layers.

At inference a batch normalisation is y = x * gain + shift with two constants a channel. After a convolution
without activation, the gain can be multiplied into the kernel and the shift becomes the bias.
"""

from collections import Counter

import keras
import numpy as np
from keras import layers

from srzoo.models.keras_graph import from_keras
from srzoo.runtimes.openvino import gain_and_shift, without_zero_border


def fold_batch_norm(model: keras.Model, crop_kernels: bool = False) -> keras.Model:
    """Builds the network that infers as `model` does, without its batch normalisations and in float32.

    Args:
        model: a functional model. A batch normalisation stays where it is unless it follows a `Conv2D` that has
            no activation and whose output goes nowhere else.
        crop_kernels: whether kernels lose the borders that are 0 (`srzoo.runtimes.openvino.without_zero_border`). It
            saves time, but `srzoo.models.registry.border_of` no longer knows the network by its convolutions.

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
    arrays = {layer.name: _arrays_of(layer, folded.get(layer.name), crop_kernels) for layer in model.layers}

    def in_float32(operation: keras.Operation) -> keras.Operation:
        config = operation.get_config()
        # Operations that are no layers, such as the pixel shuffle, have no dtype of their own.
        if isinstance(operation, keras.Layer):
            config["dtype"] = "float32"
        if operation.name in folded:
            config["use_bias"] = True
        if type(operation) is layers.Conv2D:
            config["kernel_size"] = arrays[operation.name][0].shape[:2]
        return type(operation).from_config(config)

    def call(operation: keras.Operation, *inputs, **options):
        return inputs[0] if operation.name in gone else operation(*inputs, **options)

    result = keras.models.clone_model(model, clone_function=in_float32, call_function=call)
    for layer in model.layers:
        if layer.name not in gone and layer.weights:
            result.get_layer(layer.name).set_weights(arrays[layer.name])
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


def _arrays_of(layer: keras.Layer, norm: layers.BatchNormalization | None, crop_kernels: bool) -> list[np.ndarray]:
    """Its weights in the new model, with the batch normalisation after it."""
    arrays = _folded_weights(layer, norm) if norm else layer.get_weights()
    if crop_kernels and type(layer) is layers.Conv2D and layer.padding == "same" and {*layer.strides} == {1}:
        arrays[0] = without_zero_border(arrays[0])
    return arrays


def _folded_weights(conv: layers.Conv2D, norm: layers.BatchNormalization) -> list[np.ndarray]:
    """Kernel and bias of `norm(conv(x))`; computed in float64, so that only one rounding is added."""
    gain, shift = gain_and_shift(norm.get_weights(), norm.epsilon, norm.scale, norm.center)
    if conv.use_bias:
        shift = shift + np.asarray(conv.bias, np.float64) * gain
    kernel = np.asarray(conv.kernel, np.float64) * gain
    return [kernel.astype(np.float32), shift.astype(np.float32)]
