"""A Keras model as a `Network`. Keras's backend runs it, which takes seconds to import."""

import math

import keras

from srzoo.models.geometry import alignment_of, halo_of, scale_of, split_at_growth
from srzoo.models.registry import border_of
from srzoo.runtimes import stages
from srzoo.runtimes.network import Network


def keras_network(model: keras.Model) -> Network:
    """Makes a network of a functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to larger ones.

    Where the model can be split, it runs in two stages (`srzoo.runtimes.stages`).

    Raises:
        ValueError: if the model does not upscale.
    """
    scale, halo, borders = scale_of(model), halo_of(model), (alignment_of(model), border_of(model.name))
    parts = split_at_growth(model)
    if parts is None:
        return Network(model.name, scale, halo, peak_bytes_per_pixel(model), _compiled(model), *borders)
    body, tail = parts
    tail_halo = halo_of(tail)
    assert tail_halo is not None  # of the tail that `split_at_growth` gives
    run = stages.two_stages(_compiled(body), _compiled(tail), scale, tail_halo, stages.LEAST_PIECE)
    result = 3 * 4 * scale**2
    # Of the body's layers more are alive at once: the long skip, the block's own, and what its convolutions make.
    alive = 6 if any(isinstance(operation, keras.layers.PReLU) for operation in body.operations) else 5
    names = {operation.name for operation in body.operations}
    largest = max(size for name, size in _output_bytes(model).items() if name in names)
    memory = largest * alive + peak_bytes_per_pixel(model) / stages.PIECES + result
    return Network(model.name, scale, halo, math.ceil(memory), run, *borders)


def _compiled(model: keras.Model):
    if keras.config.backend() != "tensorflow":
        return model.predict_on_batch  # JAX compiles it for each size
    import tensorflow as tf

    # The open height and width let tiles of all sizes share one trace.
    shape = tf.TensorSpec((1, None, None, model.input_shape[-1]), model.inputs[0].dtype)
    return tf.function(lambda values: model(values, training=False), input_signature=[shape])


def peak_bytes_per_pixel(model: keras.Model) -> int:
    """Memory that a model's forward pass takes at its peak, in bytes per LR pixel, if it runs in one.

    It is the largest layer output, in float32, times how many of that size are alive at once. This was measured on
    TensorFlow 2.21 on a processor, with and without oneDNN: 2.3 times for EDSR (a pixel shuffle holds its input and
    output), 3.1 for SRResNet (a PReLU adds the parts below and above zero), 3.6 for RRDB at x2 and 4.3 for the compact
    network, whose peak is not in a shuffle alone.
    """
    kinds = {type(operation).__name__ for operation in model.operations}
    alive = 4.5
    if "DepthToSpace" in kinds and "UpSampling2D" not in kinds:
        alive = 3.5 if "PReLU" in kinds else 2.5
    return math.ceil(max(_output_bytes(model).values()) * alive)


def _output_bytes(model: keras.Model) -> dict[str, float]:
    """Operation -> bytes of its output per LR pixel, in float32."""
    side = 16
    probe = keras.Model(model.inputs, [operation.output for operation in model.operations])
    outputs = probe.compute_output_shape((1, side, side, 3))
    return {operation.name: 4 * math.prod(shape) / side**2 for operation, shape in zip(model.operations, outputs)}
