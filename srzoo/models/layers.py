"""Layers that Keras has not. Keras only: no backend's own names."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("srzoo")
class DepthToSpace(layers.Layer):
    """`keras.ops.depth_to_space` for Keras 3.12, the last that Python 3.10 can install, which lacks it."""

    def __init__(self, scale: int, **options):
        super().__init__(**options)
        self.scale = scale

    def call(self, x):
        batch, height, width, channels = ops.shape(x)
        s, rest = self.scale, channels // self.scale**2
        x = ops.reshape(x, (batch, height, width, s, s, rest))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (batch, height * s, width * s, rest))

    def compute_output_shape(self, shape):
        grown = [None if side is None else side * self.scale for side in shape[1:3]]
        return (shape[0], *grown, shape[3] // self.scale**2)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def pixel_shuffle(x, scale: int, name: str):
    """`srzoo.models.graph.pixel_shuffle`, of tensors."""
    if hasattr(ops, "depth_to_space"):
        return ops.depth_to_space(x, scale, data_format="channels_last")
    return DepthToSpace(scale, name=name)(x)


@keras.saving.register_keras_serializable("srzoo")
class PixelUnshuffle(layers.Layer):
    """Moves space into channels: (N, H, W, C) -> (N, ceil(H / factor), ceil(W / factor), C factor^2).

    The reverse of `pixel_shuffle`, with the same order of channels. What is missing to a multiple of the factor is
    mirrored, as Real-ESRGAN does (arXiv 2107.10833, section 3.4 has the shuffle).
    """

    def __init__(self, factor: int, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        for axis in (1, 2):
            length = ops.shape(x)[axis]
            # Of positive numbers alone: ONNX rounds quotients towards zero.
            place = ops.arange((length + self.factor - 1) // self.factor * self.factor)
            mirrored = ops.maximum(2 * length - 2 - place, 0)
            x = ops.take(x, ops.where(place < length, place, mirrored), axis=axis)
        batch, height, width, channels = ops.shape(x)
        f = self.factor
        x = ops.reshape(x, (batch, height // f, f, width // f, f, channels))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (batch, height // f, width // f, f * f * channels))

    def compute_output_shape(self, shape):
        shrunk = [None if side is None else -(-side // self.factor) for side in shape[1:3]]
        return (shape[0], *shrunk, shape[3] * self.factor**2)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("srzoo")
class CropTo(layers.Layer):
    """Crops SR to `scale` times the size of LR: [(N, H', W', C), (N, H, W, 3)] -> (N, scale H, scale W, C)."""

    def __init__(self, scale: int, **options):
        super().__init__(**options)
        self.scale = scale

    def call(self, both):
        sr, lr = both
        height, width = ops.shape(lr)[1:3]
        return sr[:, : self.scale * height, : self.scale * width]

    def compute_output_shape(self, shapes):
        (batch, _, _, channels), (_, *sides, _) = shapes
        return (batch, *(None if side is None else side * self.scale for side in sides), channels)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
