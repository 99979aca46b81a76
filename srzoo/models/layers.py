"""Pieces that the networks share. Keras only: no backend's own names."""

import keras
from keras import layers, ops

STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""The factors of the pixel-shuffle stages that make up each scale."""


def upsampling_stages(scale: int) -> tuple[int, ...]:
    """The factors of the pixel-shuffle stages for a scale; raises ValueError for one that has none."""
    if scale not in STAGES:
        raise ValueError(f"scale must be one of {sorted(STAGES)}, got {scale!r}")
    return STAGES[scale]


def conv(filters: int, kernel_size: int, name: str, **options) -> layers.Conv2D:
    """A convolution that keeps the image's size, started as PyTorch does: uniform, variance 1 / (3 fan_in).

    The published networks were trained from this start. It is a third of Glorot's variance, which keeps
    the sum over many residual blocks without batch normalisation small.
    """
    start = keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")
    return layers.Conv2D(filters, kernel_size, padding="same", kernel_initializer=start, name=name, **options)


@keras.saving.register_keras_serializable("srzoo")
class DepthToSpace(layers.Layer):
    """`keras.ops.depth_to_space` for Keras before 3.15, the last that Python 3.10 can install being 3.12."""

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
    """Moves channels into space: (N, H, W, C scale^2) -> (N, H scale, W scale, C).

    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", section 2.2 (arXiv 1609.05158). The order of channels is
    TensorFlow's: sub-pixel row, sub-pixel column, channel.
    """
    if hasattr(ops, "depth_to_space"):
        return ops.depth_to_space(x, scale)
    return DepthToSpace(scale, name=name)(x)
