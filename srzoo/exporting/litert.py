"""A network as a LiteRT file (`.tflite`) for phones and small boards, in four precisions."""

import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srzoo.runtimes.exported import ENTRY, Facts, to_json

LITERT_PRECISIONS = ("float32", "float16", "dynamic", "int8")


def write_litert(model: keras.Model, path: Path, precision: str, crops: list[np.ndarray], facts: Facts) -> None:
    """Writes a `.tflite` file with one signature, `lr` to `sr`, whose batch, height and width are open.

    Its input and output are float32 pixels in [0, 255] in all precisions; only LiteRT's built-in operations are used.

    Args:
        model: model in float32.
        path: the file.
        precision: `float32`; `float16`: weights of half the size, computed in float32 where the device wants it;
            `dynamic`: weights of 8 bits, values quantised when the network runs; `int8`: weights and values of 8 bits
            throughout.
        crops: uint8 arrays of shape (H, W, 3) on which the ranges of `int8` are found; no other precision reads them.
        facts: facts that the file carries.
    """
    model = keras.models.clone_model(model, clone_function=_convertible)
    # As `model.export(format="litert")` does, which Keras before 3.13 lacks and which lets in operations that are not
    # built in.
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda lr: {"sr": model(lr, training=False)},
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="lr")],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        path.write_bytes(_convert(tf.lite.TFLiteConverter.from_saved_model(folder), precision, crops))
    # A zip at the end is the format's own way to pack files with a model.
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(ENTRY, to_json(facts))


class _Nearest(keras.layers.UpSampling2D):
    """Keras's own is of repetitions, after which LiteRT's converter no longer knows the channels."""

    def call(self, inputs):
        sides = tf.shape(inputs)[1:3] * self.size
        return tf.raw_ops.ResizeNearestNeighbor(images=inputs, size=sides, half_pixel_centers=True)


def _convertible(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer itself, weights and all, but for nearest neighbours."""
    if type(layer) is keras.layers.UpSampling2D and layer.interpolation == "nearest":
        return _Nearest.from_config(layer.get_config())
    return layer


def _convert(converter: tf.lite.TFLiteConverter, precision: str, crops: list[np.ndarray]) -> bytes:
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif precision == "int8":
        converter.representative_dataset = lambda: ([crop[None].astype(np.float32)] for crop in crops)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()
