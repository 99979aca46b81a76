"""DISTS, how far apart the structure and the texture of two pictures are: 0 for equal ones, and lower is better.

Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity" (arXiv 2004.07728), section 3. It
forgives texture that is another but of the same kind. Measured on pictures as they are, with nothing shaved; the paper
first shrinks those larger than 256 pixels a side.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from srzoo.metrics.fidelity import check_pair
from srzoo.metrics.weights import VGG16_KERNELS, VGG16_LAST, VGG16_POOLED, check_arrays, read_arrays, vgg16_convolutions

# Of ImageNet, for RGB in [0, 1].
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)

CHANNELS = (3, *(VGG16_KERNELS[i][-1] for i in VGG16_LAST))
"""Channels of the compared maps: the picture itself, and VGG16's features before each pool and at the end."""

_STABILITY = 1e-6
"""Constants of both similarities, c1 and c2 of equation 6."""

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
        from keras import ops

        total = arrays["alpha"].sum() + arrays["beta"].sum()
        ends = np.cumsum(CHANNELS)[:-1]
        self._alpha, self._beta = (np.split(arrays[name] / total, ends) for name in ("alpha", "beta"))
        convolutions = [[arrays[f"conv{i}_{part}"] for part in ("kernel", "bias")] for i in range(len(VGG16_KERNELS))]
        self._vgg16 = [[ops.convert_to_tensor(array, "float32") for array in pair] for pair in convolutions]

    def __call__(self, hr: np.ndarray, sr: np.ndarray) -> float:
        """DISTS of two uint8 arrays of one shape (H, W, 3).

        Raises:
            ValueError: if the shapes differ, or a picture is not 8-bit RGB.
        """
        check_pair(hr, sr)
        from keras import ops

        return float(ops.convert_to_numpy(self.distances(hr[None], sr[None]))[0])

    def distances(self, hr, sr):
        """Equations 6 and 7: from two batches (N, H, W, 3) of pixels in [0, 255] to (N,), unchecked."""
        from keras import ops

        total = 0.0
        # Apart, so that a loss has no gradient to compute with respect to HR.
        compared = (self._features(hr), self._features(sr), self._alpha, self._beta)
        for of_hr, of_sr, alpha, beta in zip(*compared, strict=True):
            mean_hr, mean_sr = ops.mean(of_hr, (1, 2)), ops.mean(of_sr, (1, 2))
            of_hr, of_sr = of_hr - mean_hr[:, None, None], of_sr - mean_sr[:, None, None]
            covariance = ops.mean(of_hr * of_sr, (1, 2))
            variances = ops.mean(ops.square(of_hr), (1, 2)) + ops.mean(ops.square(of_sr), (1, 2))
            for weights, product, squares in (
                (alpha, mean_hr * mean_sr, ops.square(mean_hr) + ops.square(mean_sr)),
                (beta, covariance, variances),
            ):
                similarity = (2 * product + _STABILITY) / (squares + _STABILITY)
                # The weights' sum is 1; so equal pictures are at 0, whatever is rounded.
                total += ops.sum(ops.convert_to_tensor(weights) * (1 - similarity), axis=-1)
        return total

    def _features(self, pixels) -> list:
        """Turns (N, H, W, 3) into the compared maps."""
        from keras import ops

        picture = ops.cast(pixels, "float32") / 255
        x, compared = (picture - ops.convert_to_tensor(_MEAN)) / ops.convert_to_tensor(_DEVIATION), [picture]
        for i, (kernel, bias) in enumerate(self._vgg16):
            x = _pool(x) if i in VGG16_POOLED else x
            x = ops.relu(ops.conv(x, kernel, 1, "same", data_format="channels_last") + bias)
            if i in VGG16_LAST:
                compared.append(x)
        return compared


def _pool(x):
    """L2 pooling by a 3x3 Hanning window at every second place (section 3.1). It does not alias as a maximum does."""
    from keras import ops

    window = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
    kernel = np.tile(window[..., None, None], (1, 1, x.shape[-1], 1))
    padded = ops.pad(ops.square(x), [[0, 0], [1, 1], [1, 1], [0, 0]])
    return ops.sqrt(ops.depthwise_conv(padded, kernel, 2, "valid", data_format="channels_last") + _EPSILON)
