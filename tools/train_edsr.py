"""Trains EDSR-baseline on a processor in about a third of the time that train.py takes, with the same options:

    python tools/train_edsr.py photos/ --optimizer muon --learning-rate 5e-4 --patch 96 --minutes 120

The run is one of train.py, which can go on with it. Only the gradient is computed in another way (`tools/winograd`): in
float32, equal to TensorFlow's up to rounding. It needs g++.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import winograd

from srzoo.cli import run, train
from srzoo.losses import PIXEL_LOSSES
from srzoo.models.geometry import scale_of
from srzoo.training.steps import PixelStep

DEFAULTS = ("--model", "edsr-baseline", "--precision", "float32")


class WinogradStep(PixelStep):
    """`PixelStep` of EDSR with 64 filters, but for where the gradient comes from.

    Args:
        model, loss, optimizer: as for `PixelStep`.

    Raises:
        ValueError: for another network, or another loss than L1 and L2.
    """

    def __init__(self, model, loss, optimizer: str = "adam"):
        super().__init__(model, loss, optimizer)
        self._squared = loss is PIXEL_LOSSES["l2"]
        if not self._squared and loss is not PIXEL_LOSSES["l1"]:
            raise ValueError("this trains with --loss l1 or l2 only; train.py knows more")
        self._blocks = sum(layer.name.endswith("_conv2") for layer in model.layers)
        self._network: winograd.Network | None = None
        shapes = [tuple(each.shape) for each in model.trainable_variables]
        self._scale = scale_of(model)
        if shapes != winograd.shapes(self._blocks, self._scale):
            raise ValueError(f"this trains EDSR with 64 filters only, got {model.name}; train.py knows more")

    def gradients(self, lr, hr):
        variables = self.model.trainable_variables
        weights = tf.concat([tf.reshape(each, [-1]) for each in variables], 0)
        loss, gradient = tf.numpy_function(self._loss, [weights, lr, hr], (tf.float32, tf.float32))
        parts = tf.split(tf.ensure_shape(gradient, weights.shape), [each.shape.num_elements() for each in variables])
        loss = tf.ensure_shape(loss, ())
        return loss, [tf.reshape(part, each.shape) for part, each in zip(parts, variables, strict=True)]

    def _loss(self, weights, lr, hr):
        if self._network is None:
            self._network = winograd.Network(self._blocks, lr.shape[1], self._scale)
        loss, gradient = self._network.loss(weights, lr, hr, self._squared)
        return np.float32(loss), gradient


def main() -> int:
    return train.main([*DEFAULTS, *sys.argv[1:]], pixel_step=WinogradStep)


if __name__ == "__main__":
    run(main)
