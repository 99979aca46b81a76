"""LPIPS v0.1, how far apart two pictures look: 0 for equal ones, and lower is better.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (arXiv 1801.03924),
section 3. Papers on super-resolution measure it with AlexNet, on whole RGB pictures, with no pixels shaved.
TensorFlow is imported when a network is loaded, so that the other metrics do without it.
"""

import os
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from srzoo.images import check_pixels
from srzoo.metrics.fidelity import check_shapes

# What ImageNet's networks were trained on, for RGB in [-1, 1]: (pixel - mean) / deviation.
_MEAN = (-0.030, -0.088, -0.188)
_DEVIATION = (0.458, 0.448, 0.450)

_EPSILON = 1e-10

MAX_UNPACKED = 1 << 28
"""Bytes of a file of weights when it is unpacked; VGG16's in float32 are some 59 million."""


@dataclass(frozen=True)
class _Architecture:
    """A stack of convolutions, each with a ReLU after it.

    Attributes:
        name: in words.
        kernels: their shapes, in HWIO.
        stride: of the first convolution; the others have 1.
        paddings: pixels of zeros along each border before a convolution.
        pool: window of the max pools, whose stride is 2.
        pooled: convolutions that have a pool before them.
        compared: convolutions whose features are compared, after the ReLU; a head each.
    """

    name: str
    kernels: tuple[tuple[int, int, int, int], ...]
    stride: int
    paddings: tuple[int, ...]
    pool: int
    pooled: tuple[int, ...]
    compared: tuple[int, ...]

    @property
    def convolution_shapes(self) -> dict[str, tuple[int, ...]]:
        kernels = {f"conv{i}_kernel": shape for i, shape in enumerate(self.kernels)}
        return kernels | {f"conv{i}_bias": shape[-1:] for i, shape in enumerate(self.kernels)}

    @property
    def head_shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"head{i}": self.kernels[at][-1:] for i, at in enumerate(self.compared)}

    @property
    def least(self) -> int:
        """Pixels a side that a picture must have, so that the deepest features have one."""
        side = 1
        for i, padding in reversed(list(enumerate(self.paddings))):
            side = (side - 1) * (1 if i else self.stride) + self.kernels[i][0] - 2 * padding
            if i in self.pooled:
                side = (side - 1) * 2 + self.pool
        return side


_ALEXNET = _Architecture(
    name="AlexNet",
    kernels=((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256)),
    stride=4,
    paddings=(2, 2, 1, 1, 1),
    pool=3,
    pooled=(1, 2),
    compared=(0, 1, 2, 3, 4),
)

_VGG16_CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
_VGG16 = _Architecture(
    name="VGG16",
    kernels=tuple((3, 3, before, after) for before, after in pairwise(_VGG16_CHANNELS)),
    stride=1,
    paddings=(1,) * 13,
    pool=2,
    pooled=(2, 4, 7, 10),
    compared=(1, 3, 6, 9, 12),
)


def load(path: str | os.PathLike, backbone: str | os.PathLike | None = None) -> "Lpips":
    """Loads LPIPS of AlexNet or of VGG16; which of them, the arrays in the file tell.

    Args:
        path: an .npz file. AlexNet: `conv0_kernel` (HWIO) and `conv0_bias` to `conv4_...`, and the heads `head0` to
            `head4`, one weight a channel. VGG16: `head0` to `head4` alone.
        backbone: for VGG16's heads, the file of its convolutions as torchvision trained them, in the layout that
            `keras.applications.VGG16(include_top=False, weights=backbone)` loads. Those that keras.applications
            downloads are Caffe's: their figures would not be LPIPS.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file holds something else, or the backbone is missing or given in vain.
    """
    path = Path(path)
    arrays = _read(path)
    architecture = _ALEXNET if any(name.startswith("conv") for name in arrays) else _VGG16
    heads = architecture.head_shapes
    if architecture is _ALEXNET:
        _check_arrays(path, arrays, architecture, architecture.convolution_shapes | heads)
        if backbone is not None:
            raise ValueError(f"{path} holds AlexNet's convolutions itself: leave the backbone {backbone} out")
    else:
        _check_arrays(path, arrays, architecture, heads)
        if backbone is None:
            raise ValueError(
                f"{path} holds only the heads for VGG16: give the file of VGG16's convolutions as the backbone, too"
            )
        arrays |= _vgg16_convolutions(Path(backbone))
    return Lpips(architecture, arrays)


class Lpips:
    """Distance between two pictures; `load` makes one.

    Computes in float32, whatever Keras's dtype policy.

    Attributes:
        name: of the network, `AlexNet` or `VGG16`.
        least: pixels a side that a picture must have.
    """

    def __init__(self, architecture: _Architecture, arrays: Mapping[str, np.ndarray]):
        import tensorflow as tf

        self.name = architecture.name
        self.least = architecture.least
        self._architecture = architecture
        self._arrays = {name: tf.constant(array, tf.float32) for name, array in arrays.items()}
        picture = tf.TensorSpec((None, None, 3), tf.uint8)
        # A signature without sizes: pictures of a benchmark all differ, and each size would be traced anew.
        self._distance = tf.function(self._distance_of, input_signature=[picture, picture])

    def __call__(self, hr: np.ndarray, sr: np.ndarray) -> float:
        """LPIPS of two uint8 arrays of one shape (H, W, 3), at least 0.

        Raises:
            ValueError: if the shapes differ, a picture is not 8-bit RGB, or it is too small for the network.
        """
        check_shapes(hr, sr)
        check_pixels(hr, "HR")
        check_pixels(sr, "SR")
        if min(hr.shape[:2]) < self.least:
            raise ValueError(
                f"a picture of {hr.shape[1]}x{hr.shape[0]} is too small for LPIPS of {self.name}: "
                f"at least {self.least}x{self.least} pixels are needed"
            )
        return float(self._distance(hr, sr))

    def _distance_of(self, hr, sr):
        """Section 3.1, equation 1: from two pictures to a scalar."""
        import tensorflow as tf

        total = 0.0
        for i, features in enumerate(self._features(tf.stack([hr, sr]))):
            norm = tf.sqrt(tf.reduce_sum(tf.square(features), axis=-1, keepdims=True))
            unit = features / (norm + _EPSILON)
            apart = tf.square(unit[0] - unit[1]) @ self._arrays[f"head{i}"][:, None]
            total += tf.reduce_mean(apart)
        return total

    def _features(self, pixels) -> list:
        """From uint8 (N, H, W, 3) to the compared features."""
        import tensorflow as tf

        architecture = self._architecture
        x = (tf.cast(pixels, tf.float32) / 127.5 - 1 - _MEAN) / _DEVIATION
        compared = []
        for i, padding in enumerate(architecture.paddings):
            if i in architecture.pooled:
                x = tf.nn.max_pool2d(x, architecture.pool, 2, "VALID")
            # By hand: TensorFlow's own padding is lopsided where there is a stride.
            x = tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
            x = tf.nn.conv2d(x, self._arrays[f"conv{i}_kernel"], 1 if i else architecture.stride, "VALID")
            x = tf.nn.relu(x + self._arrays[f"conv{i}_bias"])
            if i in architecture.compared:
                compared.append(x)
        return compared


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected an .npz file of LPIPS's weights")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED:
            raise ValueError(f"it unpacks to {unpacked} bytes, of which {MAX_UNPACKED} are likely at most")
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name], np.float32) for name in file.files}
    # An .npy file gives an array, which is no context manager.
    # A header may declare any shape, for which NumPy takes memory before it reads.
    except (OSError, EOFError, ValueError, TypeError, AttributeError, MemoryError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not an .npz file of LPIPS's weights ({error})") from error


def _check_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], architecture: _Architecture, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    reason = None
    if arrays.keys() != shapes.keys():
        reason = f"expected the arrays {', '.join(sorted(shapes))}, got {', '.join(sorted(arrays)) or 'none'}"
    else:
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                reason = f"{name} must be of shape {shape}, got {arrays[name].shape}"
            elif not np.isfinite(arrays[name]).all():
                reason = f"{name} holds NaN or infinite values"
    if reason:
        raise ValueError(f"{path}: not LPIPS's weights for {architecture.name}: {reason}")


def _vgg16_convolutions(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected VGG16's weights without dense layers")
    import keras

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns of layers that it leaves at their random start
            network = keras.applications.VGG16(include_top=False, weights=str(path))
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path}: not VGG16's weights without dense layers ({reason})") from error
    # In the order of the layers: kernel, bias, kernel, ...
    return {
        f"conv{i // 2}_{('kernel', 'bias')[i % 2]}": array.astype(np.float32)
        for i, array in enumerate(network.get_weights())
    }
