"""A network as a LiteRT file (`.tflite`) for phones and small boards, in five precisions."""

import tempfile
import zipfile
from collections.abc import Callable, Container
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from srzoo.exporting.merged import FramedTail
from srzoo.models.keras_graph import from_keras
from srzoo.models.layers import DepthToSpace
from srzoo.runtimes.exported import ENTRY, LAID_OUT, Facts, to_json
from srzoo.runtimes.openvino import coarse

LITERT_PRECISIONS = ("float32", "float16", "dynamic", "int8", "int16x8")


def write_litert(model: keras.Model, path: Path, precision: str, crops: list[np.ndarray], facts: Facts) -> None:
    """Writes a `.tflite` file with one signature, `lr` to `sr`, whose batch, height and width are open.

    Its input and output are float32 pixels in [0, 255] in all precisions; only LiteRT's built-in operations are used.

    Args:
        model: model in float32.
        path: the file.
        precision: `float32`; `float16`: weights of half the size, computed in float32 where the device wants it;
            `dynamic`: weights of 8 bits, values quantised when the network runs; `int8`: weights and values of 8 bits
            throughout; `int16x8`: weights of 8 bits and values of 16.
        crops: uint8 arrays of shape (H, W, 3) on which the ranges of `int8` and `int16x8` are found; no other
            precision reads them.
        facts: facts that the file carries.
    """
    replaced = _in_16_bits(coarse(from_keras(model))) if precision == "int16x8" else _convertible
    model = keras.models.clone_model(model, clone_function=replaced)
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


class _PReLU(keras.layers.PReLU):
    """In operations that LiteRT has for 16 bits."""

    def call(self, inputs):
        return self.alpha * inputs + (1 - self.alpha) * tf.nn.relu(inputs)


class _Fine(keras.layers.Conv2D):
    """Of a kernel of two parts, rounded and what rounding leaves; in 8 bits each, they are as good as one of 15."""

    def convolution_op(self, inputs, kernel):
        rows = kernel.shape[0]
        if rows <= LAID_OUT or {*self.strides, *self.dilation_rate, self.groups} != {1} or self.padding != "same":
            return self._in_two_parts(inputs, kernel)
        # One row of the kernel at a time: the channels of `sums` are what each row adds to the pixels.
        sums = self._in_two_parts(inputs, tf.concat(tf.unstack(kernel), -1)[None])
        sums = tf.pad(sums, ((0, 0), ((rows - 1) // 2, rows // 2), (0, 0), (0, 0)))
        height = tf.shape(inputs)[1]
        return sum(part[:, row : row + height] for row, part in enumerate(tf.split(sums, rows, -1)))

    def _in_two_parts(self, inputs, kernel):
        step = tf.reduce_max(tf.abs(kernel), (0, 1, 2)) / 127
        rounded = tf.round(tf.math.divide_no_nan(kernel, step)) * step
        return super().convolution_op(inputs, rounded) + super().convolution_op(inputs, kernel - rounded)


def _in_16_bits(coarse: Container[str]) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
    """Replaces layers whose operation LiteRT has in no 16 bits, and the convolutions that are not coarse."""

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if type(layer).__name__ == "DepthToSpace":
            return DepthToSpace(getattr(layer, "block_size", None) or layer.scale)
        if isinstance(layer, FramedTail):
            tail, merged = (
                keras.models.clone_model(each, clone_function=replaced) for each in (layer.tail, layer.merged)
            )
            return FramedTail(tail, merged, layer.reach, layer.scale)
        if type(layer) is keras.layers.PReLU:
            made = _PReLU.from_config(layer.get_config())
        elif type(layer) is keras.layers.Conv2D and layer.name not in coarse:
            made = _Fine.from_config(layer.get_config())
        else:
            return _convertible(layer)
        made.build(layer.input.shape)
        made.set_weights(layer.get_weights())
        return made

    return replaced


def _convert(converter: tf.lite.TFLiteConverter, precision: str, crops: list[np.ndarray]) -> bytes:
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif precision == "int8":
        converter.representative_dataset = lambda: ([crop[None].astype(np.float32)] for crop in crops)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    elif precision == "int16x8":
        # 16 bits have room for twice the contrast of the crops, and so for pictures unlike them. With that room a
        # quarter of the pixels suffices, and LiteRT takes minutes for all.
        coarser = [crop[None, ::2, ::2].astype(np.float32) for crop in crops]
        converter.representative_dataset = lambda: ([2 * crop - 128] for crop in coarser)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        # For its own sums of 64 bits LiteRT has only a reference kernel, which takes ten times as long.
        converter._experimental_full_integer_quantization_bias_type = tf.int32
    return converter.convert()
