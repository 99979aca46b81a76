"""A Keras model as a `Network`. Keras's backend runs it, which takes seconds to import."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import keras

from srzoo.models.geometry import features_of, scale_of
from srzoo.models.keras_graph import arrays_of, from_keras, to_keras
from srzoo.runtimes import stages
from srzoo.runtimes.linear_tail import merged_tail
from srzoo.runtimes.network import Network


def keras_network(model: keras.Model) -> Network:
    """Makes a network of a functional or sequential model from RGB pixels in [0, 255], (N, H, W, 3), to larger ones.

    Where the model can be split, it runs in two stages (`srzoo.runtimes.stages`).

    Raises:
        ValueError: if it is another kind of model, or does not upscale.
    """
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    if not hasattr(model, "operations"):
        raise ValueError(
            f"expected a functional model, got {type(model).__name__}; make it of keras.Model(inputs, outputs)"
        )
    scale_of(model)  # or it is refused
    facts, tail_halo = stages.staged_facts_of(from_keras(model), "float32")
    if parts := split_in_stages(model):
        body, tail = map(_compiled, parts)
        # A kernel that was merged in float32 would be rounded again in mixed precision.
        merged = tail_merged(model) if parts[0].outputs[0].dtype == "float32" else None
        if merged:
            run = _with_borders(body, _compiled(merged), 2 * tail_halo)
            network = stages.framed(facts, run, tail, tail_halo, stages.LEAST_PIECE)
        else:
            network = stages.two_stages(facts, body, tail, tail_halo, stages.LEAST_PIECE)
    else:
        network = facts.network(_compiled(model))
    return replace(network, in_machine_memory=runs_in_machine_memory(model))


def runs_in_machine_memory(model: keras.Model) -> bool:
    """Whether a model computes in the machine's memory, not in that of a GPU, whatever Keras's backend."""
    return all("cpu" in str(weight.value.device).lower() for weight in model.weights[:1])


def split_in_stages(model: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """Splits a generator at `srzoo.models.geometry.features_of` into (body, tail), which share its layers."""
    layer = features_of(model)
    if layer is None:
        return None
    features = next(each for each in model.operations if each.name == layer.name).output
    body = keras.Model(model.inputs[0], features, name=f"{model.name}_body")
    return body, keras.Model(features, model.outputs[0], name=f"{model.name}_tail")


def tail_merged(model: keras.Model) -> keras.Model | None:
    """The tail of a model as `srzoo.runtimes.linear_tail.merged_tail` merges it, or None if it cannot be merged."""
    merged = merged_tail(from_keras(model), arrays_of(model))
    if merged is None:
        return None
    graph, arrays = merged
    tail = to_keras(graph)
    tail.set_weights([array for layer in graph.layers for array in arrays.get(layer.name, ())])
    return tail


def _with_borders(body: Callable, merged: Callable, band: int) -> Callable:
    """What `srzoo.runtimes.stages.framed` takes, of a body and a merged tail."""

    def run(pixels):
        features = body(pixels)
        rows, columns = (features[:, :band], features[:, -band:]), (features[:, :, :band], features[:, :, -band:])
        return merged(features), *rows, *columns

    return run


def _compiled(model: keras.Model):
    if keras.config.backend() != "tensorflow":
        return model.predict_on_batch  # JAX compiles it for each size
    import tensorflow as tf

    function = tf.function(lambda values: model(values, training=False))

    # TensorFlow takes the next model's for another of the same function and warns, but not of concrete ones.
    @cache
    def traced(*sides: int | None) -> Callable:
        shape = tf.TensorSpec((1, *sides, model.input_shape[-1]), model.inputs[0].dtype)
        return function.get_concrete_function(shape)

    @cache
    def open_sides() -> bool:
        """Whether tiles of all sizes share one trace, as they do but with Keras's bilinear UpSampling2D."""
        try:
            return bool(traced(None, None))
        except tf.errors.OperatorNotAllowedInGraphError:
            return False

    return lambda values: traced(*((None, None) if open_sides() else values.shape[1:3]))(values)
