"""Files with the weights of metrics, checked: `.npz`, and VGG16's convolutions as `keras.applications` reads them."""

import warnings
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srzoo.tables import first_line

if TYPE_CHECKING:
    import keras

MAX_UNPACKED = 1 << 28
"""Bytes of a file of weights when it is unpacked; VGG16's in float32 are some 59 million."""

_VGG16_CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
VGG16_KERNELS = tuple((3, 3, before, after) for before, after in pairwise(_VGG16_CHANNELS))
"""Shapes of VGG16's kernels, in HWIO."""

VGG16_POOLED = (2, 4, 7, 10)
"""VGG16's convolutions with a pool before them."""

VGG16_LAST = (1, 3, 6, 9, 12)
"""VGG16's last convolutions before each pool: relu1_2, 2_2, 3_3, 4_3 and 5_3."""


def read_arrays(path: Path, what: str) -> dict[str, np.ndarray]:
    """Reads an .npz file.

    Args:
        path: the file.
        what: name of the network, for messages.

    Returns:
        float32 arrays by name.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is something else, or unpacks to more than `MAX_UNPACKED` bytes.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected an .npz file of {what}")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED:
            raise ValueError(f"it unpacks to {unpacked} bytes, expected {MAX_UNPACKED} at most")
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name], np.float32) for name in file.files}
    # An .npy file gives an array, which is no context manager.
    # A header may declare any shape, for which NumPy takes memory before it reads.
    except (OSError, EOFError, ValueError, TypeError, AttributeError, MemoryError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not an .npz file of {what} ({error})") from error


def check_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], what: str
) -> None:
    """Raises ValueError unless the arrays are those of the shapes, and finite."""
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
        raise ValueError(f"{path}: not {what}: {reason}")


def vgg16_convolutions(path: Path) -> dict[str, np.ndarray]:
    """`conv0_kernel` (HWIO), `conv0_bias` to `conv12_...` of VGG16, float32.

    Args:
        path: weights as torchvision trained them, in the layout that `keras.applications.VGG16(include_top=False,
            weights=path)` loads. Those that keras.applications downloads are Caffe's, which no metric here is made of.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected VGG16's weights without dense layers")
    # In the order of the layers: kernel, bias, kernel, ...
    return {
        f"conv{i // 2}_{('kernel', 'bias')[i % 2]}": array.astype(np.float32)
        for i, array in enumerate(load_vgg(path, "VGG16").get_weights())
    }


def load_vgg(path: Path, name: str) -> "keras.Model":
    """`VGG16` or `VGG19` of keras.applications, without dense layers; raises ValueError for a file of anything else."""
    import keras

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns of layers that it leaves at their random start
            return getattr(keras.applications, name)(include_top=False, weights=str(path))
    except Exception as error:
        raise ValueError(f"{path}: not {name}'s weights without dense layers ({first_line(error)})") from error
