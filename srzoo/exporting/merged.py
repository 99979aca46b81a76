"""A network for export whose linear tail is merged into one convolution (`srzoo.runtimes.linear_tail`)."""

import keras
from keras import ops

from srzoo.models.geometry import scale_of, tail_halo_of
from srzoo.runtimes.keras import split_in_stages, tail_merged


def with_merged_tail(model: keras.Model) -> keras.Model:
    """Builds the network that infers as `model` does, with fewer multiplications.

    Args:
        model: a functional model in float32.

    Returns:
        A new model of the same name that shares its layers; `model` itself if its tail cannot be merged.
    """
    merged, parts = tail_merged(model), split_in_stages(model)
    if merged is None or parts is None:
        return model
    body, tail = parts
    sr = FramedTail(tail, merged, tail_halo_of(model), scale_of(model))(body.outputs[0])
    return keras.Model(model.inputs[0], sr, name=model.name)


class FramedTail(keras.layers.Layer):
    """SR of a merged tail, framed by that of the tail itself, which pads its own way at the borders."""

    def __init__(self, tail: keras.Model, merged: keras.Model, reach: int, scale: int):
        super().__init__(name="sr")
        self.tail, self.merged, self.reach, self.scale = tail, merged, reach, scale

    def call(self, features):
        height, width = ops.shape(features)[1:3]
        band, kept = 2 * self.reach, self.reach * self.scale
        top, bottom = self.tail(features[:, :band]), self.tail(features[:, -band:])
        left, right = self.tail(features[:, :, :band]), self.tail(features[:, :, -band:])
        rows, columns = self._amid(height), self._amid(width)
        middle = self.merged(features)[:, rows, columns]
        right = right[:, rows, ops.shape(right)[2] - self._last(width) :]
        middle = ops.concatenate([left[:, rows, :kept], middle, right], 2)
        return ops.concatenate([top[:, :kept], middle, bottom[:, ops.shape(bottom)[1] - self._last(height) :]], 1)

    def _amid(self, length) -> slice:
        """SR pixels between the bands; none if the first band takes all."""
        return slice(self.reach * self.scale, ops.maximum(length - self.reach, self.reach) * self.scale)

    def _last(self, length):
        """SR pixels of the last band, which takes what the first one leaves."""
        return ops.maximum(ops.minimum(length - self.reach, self.reach), 0) * self.scale

    def compute_output_shape(self, shape):
        return self.merged.compute_output_shape(shape)
