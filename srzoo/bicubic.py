"""MATLAB's `imresize(..., 'bicubic')`, the LR images of every published figure are made with.

The kernel is Keys' cubic convolution with a = -0.5 (Keys, "Cubic convolution interpolation for digital image
processing", 1981), widened by the scale when shrinking (antialiasing), on borders that mirror symmetrically.
"""

from typing import TYPE_CHECKING

import numpy as np

from srzoo.degradations.operations import resize
from srzoo.images import to_uint8

if TYPE_CHECKING:
    import tensorflow as tf

_REACH = 2
"""LR pixels beyond a border that the kernel may see."""


def downscale(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Shrinks an image as MATLAB's `imresize(pixels, 1/scale, 'bicubic')` does, rounded to 8 bits.

    Args:
        pixels: uint8 array of shape (height, width, channels), sides multiples of `scale` (see `crop_to_multiple`).
        scale: an integer of at least 1, which changes nothing.

    Returns:
        uint8 array of shape (height / scale, width / scale, channels).

    Raises:
        ValueError: if a side is not a multiple of `scale`, or the arguments are of another kind.
    """
    _check(pixels, scale)
    height, width = pixels.shape[:2]
    if height % scale or width % scale:
        raise ValueError(f"the sides of the image must be multiples of {scale}, got {height}x{width}; crop it first")
    return to_uint8(resize(pixels.astype(np.float32), (height // scale, width // scale), "matlab"))


def upscale(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Enlarges an image as MATLAB's `imresize(pixels, scale, 'bicubic')` does, rounded to 8 bits.

    Args:
        pixels: uint8 array of shape (height, width, channels).
        scale: an integer of at least 1, which changes nothing.

    Returns:
        uint8 array of shape (height * scale, width * scale, channels).

    Raises:
        ValueError: if the arguments are of another kind.
    """
    _check(pixels, scale)
    height, width = pixels.shape[:2]
    return to_uint8(resize(pixels.astype(np.float32), (height * scale, width * scale), "matlab"))


def _check(pixels: np.ndarray, scale: int) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or 0 in pixels.shape:
        raise ValueError(
            "pixels must be a uint8 array of shape (height, width, channels), "
            f"got {pixels.dtype} of shape {pixels.shape}"
        )
    if scale < 1 or scale != int(scale):
        raise ValueError(f"scale must be a whole number of at least 1, got {scale}")


def shrink(pixels: "tf.Tensor", scale: int) -> "tf.Tensor":
    """`downscale` of float32 tensors (N, H, W, C), which is neither rounded nor clipped and has a gradient.

    `tf.image.resize` has the kernel but other borders, so it gets mirrored ones, which are cropped after.
    """
    import tensorflow as tf  # arrays do without

    pixels = mirrored(pixels, _REACH * scale)
    resized = tf.image.resize(pixels, tf.shape(pixels)[1:3] // scale, method="bicubic", antialias=True)
    return resized[:, _REACH:-_REACH, _REACH:-_REACH]


def mirrored(pixels: "tf.Tensor", margin: int) -> "tf.Tensor":
    """Continues tensors (N, H, W, C) at their borders by a number of pixels, which may be more than the sides."""
    import tensorflow as tf

    for axis in (1, 2):
        size = tf.shape(pixels)[axis]
        place = tf.math.floormod(tf.range(-margin, size + margin), 2 * size)
        pixels = tf.gather(pixels, tf.minimum(place, 2 * size - 1 - place), axis=axis)
    return pixels


def crop_to_multiple(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Cuts off the right and bottom rest, so that both sides are multiples of `scale`."""
    height, width = pixels.shape[:2]
    return pixels[: height - height % scale, : width - width % scale]
