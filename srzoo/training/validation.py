"""How good the averaged weights are on pictures that are not trained on."""

import keras
import numpy as np
import tensorflow as tf

from srzoo.images import to_uint8
from srzoo.metrics import psnr_y
from srzoo.models.geometry import scale_of


class Validation:
    """Scores a generator on held-out pictures.

    Args:
        model: the generator.
        pictures: (name, lr, hr) of each, uint8.
    """

    def __init__(self, model: keras.Model, pictures: list[tuple[str, np.ndarray, np.ndarray]]):
        self.scale = scale_of(model)
        self.pictures = pictures
        # One trace for pictures of all sizes.
        self._sr = tf.function(
            lambda lr: model(tf.cast(lr, tf.float32), training=False),
            input_signature=[tf.TensorSpec((1, None, None, 3), tf.uint8)],
        )

    def sr(self, lr: np.ndarray) -> np.ndarray:
        return to_uint8(self._sr(lr[None])[0].numpy())

    def __call__(self) -> float:
        """Mean PSNR-Y in dB, `scale` pixels shaved, 8-bit."""
        return float(np.mean([psnr_y(hr, self.sr(lr), self.scale) for _, lr, hr in self.pictures]))

    def sample(self) -> np.ndarray:
        """LR (enlarged by repeating pixels), SR and HR of the first picture side by side, uint8."""
        _, lr, hr = self.pictures[0]
        return np.concatenate([lr.repeat(self.scale, 0).repeat(self.scale, 1), self.sr(lr), hr], axis=1)
