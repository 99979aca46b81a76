"""LPIPS v0.1, how far apart two pictures look: 0 for equal ones, and lower is better.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (arXiv 1801.03924),
section 3. Papers on super-resolution measure it with AlexNet, on whole RGB pictures, with no pixels shaved.
Keras is imported when a network is loaded, so that the other metrics do without it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srzoo.metrics.fidelity import check_pair
from srzoo.metrics.weights import VGG16_KERNELS, VGG16_LAST, VGG16_POOLED, check_arrays, read_arrays, vgg16_convolutions

# What ImageNet's networks were trained on, for RGB in [-1, 1]: (pixel - mean) / deviation.
_MEAN = (-0.030, -0.088, -0.188)
_DEVIATION = (0.458, 0.448, 0.450)

_EPSILON = 1e-10


@dataclass(frozen=True)
class Architecture:
    """A stack of convolutions, each with a ReLU after it.

    Attributes:
        name: name for people.
        kernels: their shapes, in HWIO.
        stride: stride of the first convolution; the others have 1.
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
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the arrays in its file: the heads, and AlexNet's convolutions. VGG16's are in another file."""
        shapes: dict[str, tuple[int, ...]] = {f"head{i}": self.kernels[at][-1:] for i, at in enumerate(self.compared)}
        for i, kernel in enumerate(self.kernels if self.name == "AlexNet" else ()):
            shapes |= {f"conv{i}_kernel": kernel, f"conv{i}_bias": kernel[-1:]}
        return shapes

    @property
    def least(self) -> int:
        """Pixels a side that a picture must have, so that the deepest features have one."""
        side = 1
        for i, padding in reversed(list(enumerate(self.paddings))):
            side = (side - 1) * (1 if i else self.stride) + self.kernels[i][0] - 2 * padding
            if i in self.pooled:
                side = (side - 1) * 2 + self.pool
        return side


ALEXNET = Architecture(
    name="AlexNet",
    kernels=((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256)),
    stride=4,
    paddings=(2, 2, 1, 1, 1),
    pool=3,
    pooled=(1, 2),
    compared=(0, 1, 2, 3, 4),
)

VGG16 = Architecture(
    name="VGG16", kernels=VGG16_KERNELS, stride=1, paddings=(1,) * 13, pool=2, pooled=VGG16_POOLED, compared=VGG16_LAST
)


def load(path: str | os.PathLike, backbone: str | os.PathLike | None = None) -> "Lpips":
    """Loads LPIPS with AlexNet or VGG16; the arrays in the file decide which.

    Args:
        path: an .npz file. AlexNet: `conv0_kernel` (HWIO) and `conv0_bias` to `conv4_...`, and the heads `head0` to
            `head4`, one weight a channel. VGG16: `head0` to `head4` alone.
        backbone: file of torchvision's VGG16 convolutions, for VGG16's heads, in the layout that
            `keras.applications.VGG16(include_top=False, weights=backbone)` loads. Those that keras.applications
            downloads are Caffe's: their figures would not be LPIPS.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file holds something else, or the backbone is missing or given in vain.
    """
    path = Path(path)
    arrays = read_arrays(path, "LPIPS's weights")
    architecture = ALEXNET if any(name.startswith("conv") for name in arrays) else VGG16
    check_arrays(path, arrays, architecture.shapes, f"LPIPS's weights for {architecture.name}")
    if architecture is ALEXNET and backbone is not None:
        raise ValueError(f"{path} holds AlexNet's convolutions itself: leave the backbone {backbone} out")
    if architecture is VGG16:
        if backbone is None:
            raise ValueError(
                f"{path} holds only the heads for VGG16: give the file of VGG16's convolutions as the backbone, too"
            )
        arrays |= vgg16_convolutions(Path(backbone))
    return Lpips(architecture, arrays)


class Lpips:
    """Distance between two pictures; `load` makes one.

    Computes in float32, whatever Keras's dtype policy.

    Attributes:
        name: name of the network, `AlexNet` or `VGG16`.
        least: pixels a side that a picture must have.
    """

    def __init__(self, architecture: Architecture, arrays: Mapping[str, np.ndarray]):
        from keras import ops

        self.name = architecture.name
        self.least = architecture.least
        self._architecture = architecture
        self._arrays = {name: ops.convert_to_tensor(array, "float32") for name, array in arrays.items()}

    def __call__(self, hr: np.ndarray, sr: np.ndarray) -> float:
        """LPIPS of two uint8 arrays of one shape (H, W, 3), at least 0.

        Raises:
            ValueError: if the shapes differ, a picture is not 8-bit RGB, or it is too small for the network.
        """
        check_pair(hr, sr)
        if min(hr.shape[:2]) < self.least:
            raise ValueError(
                f"a picture of {hr.shape[1]}x{hr.shape[0]} is too small for LPIPS of {self.name}: "
                f"at least {self.least}x{self.least} pixels are needed"
            )
        from keras import ops

        return float(ops.convert_to_numpy(self.distances(hr[None], sr[None]))[0])

    def distances(self, hr, sr):
        """Section 3.1, equation 1: from two batches (N, H, W, 3) of pixels in [0, 255] to (N,), unchecked."""
        from keras import ops

        total = 0.0
        # Apart, so that a loss has no gradient to compute with respect to HR.
        for i, pair in enumerate(zip(self._features(hr), self._features(sr), strict=True)):
            of_hr, of_sr = (x / (ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True)) + _EPSILON) for x in pair)
            apart = ops.sum(ops.square(of_hr - of_sr) * self._arrays[f"head{i}"], axis=-1)
            total += ops.mean(apart, axis=(1, 2))
        return total

    def _features(self, pixels) -> list:
        """Turns (N, H, W, 3) into the compared features."""
        from keras import ops

        architecture = self._architecture
        x = (ops.cast(pixels, "float32") / 127.5 - 1 - ops.convert_to_tensor(_MEAN)) / ops.convert_to_tensor(_DEVIATION)
        compared = []
        for i, padding in enumerate(architecture.paddings):
            if i in architecture.pooled:
                x = ops.max_pool(x, architecture.pool, 2, "valid", data_format="channels_last")
            # By hand: "same" is lopsided where there is a stride.
            x = ops.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
            stride = 1 if i else architecture.stride
            x = ops.conv(x, self._arrays[f"conv{i}_kernel"], stride, "valid", data_format="channels_last")
            x = ops.relu(x + self._arrays[f"conv{i}_bias"])
            if i in architecture.compared:
                compared.append(x)
        return compared
