"""A graph as a Keras model, and a Keras model as a graph."""

import math
from collections.abc import Callable
from typing import Any

import keras

from srzoo.backend import channels_last
from srzoo.models import layers
from srzoo.models.graph import Graph, Layer

SIDE = 16
"""Pixels of a picture by which the sizes of a Keras model's layers are found."""


@channels_last()
def to_keras(graph: Graph) -> keras.Model:
    """Builds a functional model with fresh weights; layers without a dtype of their own have Keras's policy."""
    made: dict[Layer, Any] = {}
    for layer in graph.layers:
        given = [made[each] for each in layer.inputs]
        if layer.kind == "InputLayer":
            made[layer] = keras.Input(name=layer.name, **layer.options)
        elif layer.kind == "DepthToSpace":
            made[layer] = layers.pixel_shuffle(given[0], layer.options["block_size"], layer.name)
        else:
            kind = getattr(layers, layer.kind, None) or getattr(keras.layers, layer.kind)
            made[layer] = kind(name=layer.name, **layer.options)(given if len(given) > 1 else given[0])
    return keras.Model(made[graph.pixels], made[graph.output], name=graph.name)


def from_keras(model: keras.Model) -> Graph:
    """Reads the graph of any functional model from one input; layers that are used twice are in it twice."""
    sizes = _sizes(model)

    def recorded(operation: keras.Operation) -> Callable:
        def call(*given: Any, **options: Any) -> list[Layer]:
            inputs = [each for each in keras.tree.flatten((given, options)) if isinstance(each, Layer)]
            made = Layer(_kind(operation), operation.name, tuple(inputs), *sizes[operation.name], _options(operation))
            return [made] * len(keras.tree.flatten(operation.output))

        return call

    start = Layer("InputLayer", model.inputs[0].name, (), int(model.inputs[0].shape[-1] or 1), 1.0)
    return Graph(model.name, start, keras.tree.flatten(model._run_through_graph([start], recorded))[0])


def _sizes(model: keras.Model) -> dict[str, tuple[int, float]]:
    """Operation -> channels of its output, and the output's sides of the picture's."""
    channels = model.inputs[0].shape[-1] or 1
    operations = model.operations
    outputs = [keras.tree.flatten(operation.output)[0] for operation in operations]
    shapes = keras.Model(model.inputs, outputs).compute_output_shape((1, SIDE, SIDE, channels))
    return {
        operation.name: (int(shape[-1]), math.sqrt(math.prod(shape) / shape[-1]) / SIDE)
        for operation, shape in zip(operations, shapes)
    }


def _kind(operation: Any) -> str:
    """Its class; with the module if that or its activation's is another's, as a name alone tells nothing then."""
    kind, activation = type(operation), getattr(operation, "activation", None)
    modules = [kind.__module__, *([getattr(activation, "__module__", "")] if activation else [])]
    ours = all(module.split(".")[0] in ("keras", "srzoo") for module in modules)
    return kind.__name__ if ours else f"{kind.__module__}.{kind.__name__}"


def _options(operation: Any) -> dict[str, Any]:
    """Its attributes, of which the activation is a name."""
    options = {key: value for key, value in vars(operation).items() if not key.startswith("_")}
    activation = options.get("activation")
    name = getattr(activation, "__name__", type(activation).__name__)
    return {**options, "activation": name} if activation else options


def arrays_of(model: keras.Model) -> dict[str, list]:
    """Name of a layer -> its weights, in Keras's order."""
    return {layer.name: layer.get_weights() for layer in model.layers}
