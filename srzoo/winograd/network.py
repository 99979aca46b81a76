"""The loss of EDSR and its gradient from `edsr.cc`, in float32."""

import ctypes
import functools
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from srzoo.models.edsr import DIV2K_MEAN
from srzoo.models.graph import STAGES
from srzoo.pictures.waiting import threads

SOURCE = Path(__file__).with_name("edsr.cc")
COMPILER = "g++"
MEAN = np.array(DIV2K_MEAN, "float32") / 255
LOSSES = ("l1", "l2", "psnr")
"""Names in `srzoo.losses.PIXEL_LOSSES`, in the order of the source's `Loss`."""

_FLOATS = np.ctypeslib.ndpointer("float32", flags="C_CONTIGUOUS")


@functools.cache
def compiled() -> ctypes.CDLL:
    """The compiled source.

    Raises:
        OSError: without a compiler that takes it.
    """
    if shutil.which(COMPILER) is None:
        raise OSError(f"{SOURCE.name} is compiled on first use, and {COMPILER} is missing; install it")
    # Threads that wait for work would otherwise spin beside TensorFlow's.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with tempfile.TemporaryDirectory(prefix="srzoo-") as folder:
        target = Path(folder) / "edsr.so"
        # No -ffast-math: it would change how the whole process treats the smallest numbers.
        # The dialect is that of g++ 11 by default; older ones know it from 7 on.
        command = [COMPILER, "-std=gnu++17", "-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC"]
        done = subprocess.run([*command, "-o", target, SOURCE], capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"{COMPILER} cannot compile {SOURCE} on {platform.machine()}: {done.stderr.strip()[-300:]}")
        library = ctypes.CDLL(str(target))
    library.network_new.restype = ctypes.c_void_p
    library.network_new.argtypes = 4 * [ctypes.c_int]
    library.network_delete.argtypes = [ctypes.c_void_p]
    library.network_weights.restype = ctypes.c_long
    library.network_weights.argtypes = [ctypes.c_void_p]
    library.network_step.restype = ctypes.c_double
    library.network_step.argtypes = [ctypes.c_void_p, *3 * [_FLOATS], ctypes.c_int, ctypes.c_int, _FLOATS]
    return library


def shapes(blocks: int, scale: int) -> list[tuple[int, ...]]:
    """Shapes of the weights: kernel (height, width, in, out) and bias of each convolution, in forward order."""
    stages = [(64, 64 * factor**2) for factor in STAGES[scale]]
    channels = [(3, 64), *(2 * blocks + 1) * [(64, 64)], *stages, (64, 3)]
    return [shape for given, made in channels for shape in ((3, 3, given, made), (made,))]


class Edsr:
    """EDSR with 64 filters, for crops of one size.

    Args:
        blocks: residual blocks.
        side: LR pixels a side of a crop, a multiple of 4.
        scale: 2, 3, 4 or 8.

    Raises:
        ValueError: if the side is no multiple of 4.
        OSError: without a compiler that takes the source.
    """

    def __init__(self, blocks: int, side: int, scale: int):
        if side < 4 or side % 4:
            raise ValueError(f"the side of an LR crop must be a multiple of 4, got {side}")
        self._library = compiled()
        count = threads() or len(os.sched_getaffinity(0))
        self._network = self._library.network_new(blocks, side, scale, count)
        self.weights = self._library.network_weights(self._network)

    def __del__(self):
        if hasattr(self, "_network"):
            self._library.network_delete(self._network)

    def loss_and_gradient(self, weights: np.ndarray, lr: np.ndarray, hr: np.ndarray, loss: str):
        """The loss of a batch, and its gradient.

        Args:
            weights: float32 (weights,), those of `shapes` one after the other.
            lr: uint8 (N, side, side, 3).
            hr: uint8 (N, scale side, scale side, 3).
            loss: one of `LOSSES`.

        Returns:
            The loss on pixels in [0, 1], as those of `srzoo.losses` are, and float32 (weights,).
        """
        lr, hr = (np.float32(pixels) / 255 - MEAN for pixels in (lr, hr))
        gradient = np.empty(self.weights, "float32")
        place = LOSSES.index(loss)
        value = self._library.network_step(self._network, np.float32(weights), lr, hr, len(lr), place, gradient)
        return value, gradient
