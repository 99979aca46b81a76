"""From LR pixels to SR pixels with a trained model, tile by tile."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from srzoo.images import check_pixels, to_uint8
from srzoo.models.geometry import halo_of, scale_of
from srzoo.upscaling.tiles import Tile, cut

DEFAULT_MEMORY = 2_000_000_000
"""Bytes for a tile. With it a process that upscales 1920x1080 to 7680x4320 stays below 3 GB."""


@dataclass(frozen=True)
class Network:
    """A trained network in whatever runtime, and what has to be known of it to tile its pictures.

    Attributes:
        name: the model's full name.
        scale: HR pixels a side of an LR pixel.
        halo: LR pixels that it looks far.
        bytes_per_pixel: of memory at its peak, per LR pixel.
        run: from RGB pixels in [0, 255], float32 (1, H, W, 3), to an array of (1, scale H, scale W, 3), not clipped.
    """

    name: str
    scale: int
    halo: int
    bytes_per_pixel: int
    run: Callable[[np.ndarray], np.ndarray]


class Upscaler:
    """Upscales pictures of any size with one model, in bounded memory.

    A picture that does not fit is cut into tiles with a halo; the result is that of the whole picture,
    within one grey level of rounding.

    Args:
        model: a functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to
            (N, scale H, scale W, 3), as `srzoo.load` gives it, or a `Network`.
        memory: bytes that the network may take for a tile. TensorFlow itself (0.6 to 0.9 GB, with what its
            allocator keeps) and the result come on top. The more, the less time is lost on halos.

    Raises:
        ValueError: if the memory is too little for a single pixel and its halo, or the model is of
            another shape or strides.

    Example:
        >>> upscaler = Upscaler(srzoo.load("edsr-baseline-x4"))
        >>> upscaler(np.zeros((180, 320, 3), "uint8")).shape
        (720, 1280, 3)
    """

    def __init__(self, model: keras.Model | Network, memory: int = DEFAULT_MEMORY):
        self._upscale_tile: Callable
        if isinstance(model, Network):
            self.scale, self.halo, bytes_per_pixel = model.scale, model.halo, model.bytes_per_pixel
            self._upscale_tile = model.run
        else:
            self.scale, self.halo, bytes_per_pixel = scale_of(model), halo_of(model), peak_bytes_per_pixel(model)
            # The open height and width let tiles of all sizes share one trace.
            self._upscale_tile = tf.function(
                lambda pixels: model(pixels, training=False),
                input_signature=[tf.TensorSpec((1, None, None, 3), tf.float32)],
            )
        least = (2 * self.halo + 1) ** 2 * bytes_per_pixel
        if memory < least:
            raise ValueError(
                f"memory must be at least {math.ceil(least / 1e6)} MB for {model.name!r}, got {memory / 1e6:g} MB"
            )
        self.max_pixels = int(memory // bytes_per_pixel)

    def __call__(self, pixels: np.ndarray, progress: Callable[[list[Tile]], Iterable[Tile]] = iter) -> np.ndarray:
        """Upscales a picture.

        Args:
            pixels: uint8 array of shape (H, W, 3), RGB, with at least one pixel.
            progress: is given the list of tiles and gives them back one by one, as `tqdm.tqdm` does.

        Returns:
            uint8 array of shape (scale H, scale W, 3), rounded and clipped once.

        Raises:
            ValueError: if the pixels are of another shape or type, or the model's output is not finite.
        """
        check_pixels(pixels)
        height, width = pixels.shape[:2]
        result = np.empty((height * self.scale, width * self.scale, 3), np.uint8)
        for tile in progress(cut(height, width, self.scale, self.halo, self.max_pixels)):
            sr = np.asarray(self._upscale_tile(pixels[tile.source][None].astype(np.float32)))[0]
            result[tile.target] = to_uint8(sr[tile.inside])
        return result


def peak_bytes_per_pixel(model: keras.Model) -> int:
    """Memory that a model's forward pass takes at its peak, in bytes per LR pixel.

    It is the largest layer output, in float32, times how many of that size are alive at once. This was
    measured on TensorFlow 2.21 on a processor, with and without oneDNN: 2.3 times for EDSR (a pixel
    shuffle holds its input and output) and 3.1 for SRResNet (a PReLU adds the parts below and above zero).
    """
    side = 16
    probe = keras.Model(model.inputs, [operation.output for operation in model.operations])
    outputs = probe.compute_output_shape((1, side, side, 3))
    largest = 4 * max(math.prod(shape) for shape in outputs) / side**2
    alive = 3.5 if any(isinstance(operation, keras.layers.PReLU) for operation in model.operations) else 2.5
    return math.ceil(largest * alive)
