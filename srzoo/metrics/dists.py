"""DISTS, how far apart the structure and the texture of two pictures are: 0 for equal ones, and lower is better.

Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity" (arXiv 2004.07728), section 3. It
forgives texture that is another but of the same kind. Measured on pictures as they are, with nothing shaved; the paper
first shrinks those larger than 256 pixels a side.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from srzoo.images import check_pixels
from srzoo.metrics.fidelity import check_shapes
from srzoo.metrics.weights import (
    VGG16_KERNELS,
    VGG16_LAST,
    VGG16_POOLED,
    check_arrays,
    read_arrays,
    vgg16_convolutions,
)

# Of ImageNet, for RGB in [0, 1].
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)

CHANNELS = (3, *(VGG16_KERNELS[i][-1] for i in VGG16_LAST))
"""Of what is compared: the picture itself, and VGG16's features before each pool and at the end."""

_STABILITY = 1e-6
"""Of both similarities, c1 and c2 of equation 6."""

_EPSILON = 1e-12


def load(path: str | os.PathLike, vgg16: str | os.PathLike) -> "Dists":
    """Loads DISTS.

    Args:
        path: an .npz file with `alpha` and `beta`, one weight a channel of `CHANNELS` in this order: of the similarity
            of means (texture), and of covariances (structure).
        vgg16: VGG16's weights, see `srzoo.metrics.weights.vgg16_convolutions`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file holds something else.
    """
    path = Path(path)
    arrays = read_arrays(path, "DISTS's weights")
    check_arrays(path, arrays, dict.fromkeys(("alpha", "beta"), (sum(CHANNELS),)), "DISTS's weights")
    return Dists(arrays | vgg16_convolutions(Path(vgg16)))


class Dists:
    """Distance between two pictures; `load` makes one. Computes in float32, whatever Keras's dtype policy."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        import tensorflow as tf

        total = arrays["alpha"].sum() + arrays["beta"].sum()
        self._alpha, self._beta = (tf.split(arrays[name] / total, CHANNELS) for name in ("alpha", "beta"))
        self._vgg16 = [(arrays[f"conv{i}_kernel"], arrays[f"conv{i}_bias"]) for i in range(len(VGG16_KERNELS))]
        picture = tf.TensorSpec((None, None, 3), tf.uint8)
        # A signature without sizes: pictures of a benchmark all differ, and each size would be traced anew.
        self._distance = tf.function(self._distance_of, input_signature=[picture, picture])

    def __call__(self, hr: np.ndarray, sr: np.ndarray) -> float:
        """DISTS of two uint8 arrays of one shape (H, W, 3).

        Raises:
            ValueError: if the shapes differ, or a picture is not 8-bit RGB.
        """
        check_shapes(hr, sr)
        check_pixels(hr, "HR")
        check_pixels(sr, "SR")
        return float(self._distance(hr, sr))

    def _distance_of(self, hr, sr):
        """Equations 6 and 7: from two pictures to a scalar."""
        import tensorflow as tf

        total = 0.0
        for features, alpha, beta in zip(self._features(tf.stack([hr, sr])), self._alpha, self._beta, strict=True):
            means = tf.reduce_mean(features, (1, 2), keepdims=True)
            apart = features - means
            covariance = tf.reduce_mean(apart[0] * apart[1], (0, 1))
            variances = tf.reduce_mean(tf.square(apart), (1, 2))
            for weights, product, squares in (
                (alpha, means[0, 0, 0] * means[1, 0, 0], tf.square(means[:, 0, 0])),
                (beta, covariance, variances),
            ):
                similarity = (2 * product + _STABILITY) / (tf.reduce_sum(squares, 0) + _STABILITY)
                # The weights' sum is 1; so equal pictures are at 0, whatever is rounded.
                total += tf.reduce_sum(weights * (1 - similarity))
        return total

    def _features(self, pixels) -> list:
        """From uint8 (N, H, W, 3) to what is compared."""
        import tensorflow as tf

        picture = tf.cast(pixels, tf.float32) / 255
        x, compared = (picture - _MEAN) / _DEVIATION, [picture]
        for i, (kernel, bias) in enumerate(self._vgg16):
            x = tf.nn.relu(tf.nn.conv2d(_pool(x) if i in VGG16_POOLED else x, kernel, 1, "SAME") + bias)
            if i in VGG16_LAST:
                compared.append(x)
        return compared


def _pool(x):
    """L2 pooling by a 3x3 Hanning window at every second place (section 3.1): no aliasing, as of a maximum."""
    import tensorflow as tf

    window = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
    kernel = tf.tile(window[..., None, None], (1, 1, x.shape[-1], 1))
    padded = tf.pad(tf.square(x), [[0, 0], [1, 1], [1, 1], [0, 0]])
    return tf.sqrt(tf.nn.depthwise_conv2d(padded, kernel, (1, 2, 2, 1), "VALID") + _EPSILON)
