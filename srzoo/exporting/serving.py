"""A network as a SavedModel with the signatures that TensorFlow Serving offers to its clients.

All that an image needs from its bytes to the bytes of its upscaled PNG is in the graph, so neither srzoo nor Keras is
there to load and run it. Requests that cannot be served end in INVALID_ARGUMENT, with the reason.
"""

import math
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from srzoo.exporting.serving_images import check_image, decode_image
from srzoo.exporting.serving_tiles import TiledNetwork, upscale_batch, upscale_tiled
from srzoo.runtimes import exported
from srzoo.runtimes.tiles import least_area
from srzoo.upscaling.upscaler import DEFAULT_MEMORY

DEFAULT_MAX_PIXELS = 16_000_000
"""Largest image that a client may send, in pixels."""

WARMUP = "tf_serving_warmup_requests"
"""Name within `assets.extra` of the file of requests that TensorFlow Serving sends to itself on loading."""


def write_saved_model(
    model: keras.Model,
    folder: Path,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    memory: int = DEFAULT_MEMORY,
    facts: exported.Facts | None = None,
) -> None:
    """Writes one version of a model, which TensorFlow Serving looks for in `<name>/<version>/`.

    The signatures take images of any height and width:

    - `serving_default`: `image_bytes`, string (N,), encoded images (PNG, JPEG, BMP, WebP) whose sizes may differ, to
      `sr_bytes`, string (N,), PNG files.
    - `pixels`: `pixels`, uint8 (N, H, W, 3), RGB, to `sr`, uint8 (N, scale H, scale W, 3), rounded.
    - `float`: `pixels`, float32 (N, H, W, 3) in [0, 255], to `sr`, float32 (N, scale H, scale W, 3), neither rounded
      nor clipped. It neither tiles nor limits anything: memory grows with N, H and W.

    A request for each signature is written too, which TensorFlow Serving sends to itself before it says that it is
    ready, so that the first caller does not wait for a first run.

    Args:
        model: model from `srzoo.load`.
        folder: new folder.
        max_pixels: largest image for the first two signatures. At scale 8 it is never more than 11
            million, because TensorFlow encodes no larger PNG.
        memory: bytes that the network may take for a tile, as in `srzoo.Upscaler`. Requests take turns, a tile each,
            so it is taken once, however many are served at the same time.
        facts: facts of the network; default: read off the model.

    Raises:
        ValueError: if the memory is too little for a single pixel and its halo, or the model is no upscaler.
    """
    facts = facts or exported.facts_of(model, "saved_model", "float32")
    tile = memory // facts.bytes_per_pixel
    largest_png = (2**31 - 1) // (3 * facts.scale**2)
    max_pixels = min(max_pixels, largest_png)
    if facts.halo is None:
        max_pixels = min(max_pixels, tile)
    least = 1 if facts.halo is None else least_area(facts.halo, facts.alignment)
    if tile < least:
        needed = math.ceil(least * facts.bytes_per_pixel / 1e6)
        raise ValueError(f"memory must be at least {needed} MB for {facts.name!r}, got {memory / 1e6:g} MB; allow more")
    module = _module(model, facts, tile, max_pixels)
    signatures = {"serving_default": module.serve_bytes, "pixels": module.serve_pixels, "float": module.serve_float}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    _write_warmup(folder, model.name, side=min(64, math.isqrt(max_pixels)))


def _module(model: keras.Model, facts: exported.Facts, tile: int, max_pixels: int) -> tf.Module:
    module = tf.Module()
    # A SavedModel saves the variables that its module holds. The model itself would bring Keras along.
    module.weights = [variable.value for variable in model.variables]
    images = tf.TensorSpec((None, None, None, 3), tf.float32, name="pixels")

    # A function of its own, or the file holds the network once for each signature.
    @tf.function(input_signature=[images], autograph=False)
    def run(pixels):
        # oneDNN's convolution that is fused with an addition keeps the summand in its kernel (TensorFlow 2.21): of two
        # that run at a time one adds the other's, or the server dies. `tf.CriticalSection` cannot be saved.
        lock = tf.raw_ops.MutexLock(mutex=tf.raw_ops.MutexV2(shared_name=f"{model.name}_network"))
        with tf.control_dependencies([lock]):
            sr = model(tf.identity(pixels), training=False)
        with tf.control_dependencies([sr]):
            released = tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
        with tf.control_dependencies([released]):
            return tf.identity(sr)

    module.network = run
    network = TiledNetwork(module.network, facts.scale, facts.halo, tile, facts.alignment, facts.border)

    def upscale_one(content: tf.Tensor) -> tf.Tensor:
        return tf.io.encode_png(upscale_tiled(decode_image(content)[None], network)[0])

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")], autograph=False)
    def serve_bytes(image_bytes):
        count = tf.shape(image_bytes)[0]
        some = tf.debugging.Assert(count > 0, ["the batch is empty; send at least one image"])
        # All are checked before the first is upscaled, so that the last one's damage is not reported after minutes.
        with tf.control_dependencies([some]):
            checked = tf.map_fn(
                lambda image: check_image(*image, max_pixels),
                (tf.range(count), image_bytes),
                fn_output_signature=tf.bool,
                parallel_iterations=1,
            )
        with tf.control_dependencies([checked]):
            return {"sr_bytes": tf.map_fn(upscale_one, tf.identity(image_bytes), parallel_iterations=1)}

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="pixels")], autograph=False)
    def serve_pixels(pixels):
        shape = tf.shape(pixels, tf.int64)
        given = tf.strings.format("the batch has the shape {}, expected ", shape)
        some = tf.debugging.Assert(tf.reduce_all(shape > 0), [tf.strings.join([given, "no side of 0"])])
        few = tf.debugging.Assert(
            shape[1] * shape[2] <= max_pixels,
            [tf.strings.join([given, f"at most {max_pixels} pixels an image; send smaller ones, or parts of them"])],
        )
        with tf.control_dependencies([some, few]):
            return {"sr": upscale_batch(tf.identity(pixels), network)}

    @tf.function(input_signature=[images], autograph=False)
    def serve_float(pixels):
        return {"sr": module.network(pixels)}

    module.serve_bytes, module.serve_pixels, module.serve_float = serve_bytes, serve_pixels, serve_float
    return module


def _write_warmup(folder: Path, name: str, side: int) -> None:
    """Writes one request for each signature, with a square of `side` pixels, for a server to run before it is ready."""
    ramp = np.linspace(0, 255, side * side * 3).astype(np.uint8).reshape(side, side, 3)
    inputs = {
        "serving_default": {"image_bytes": tf.io.encode_png(ramp)[None]},
        "pixels": {"pixels": ramp[None]},
        "float": {"pixels": ramp[None].astype(np.float32)},
    }
    extra = folder / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / WARMUP)) as file:
        for signature, tensors in inputs.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = name, signature
            for key, value in tensors.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            file.write(log.SerializeToString())
