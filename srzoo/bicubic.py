"""MATLAB's `imresize(..., 'bicubic')`, the LR images of every published figure are made with.

The kernel is Keys' cubic convolution with a = -0.5 (Keys, "Cubic convolution interpolation for digital
image processing", 1981), widened by the scale when shrinking (antialiasing), on borders that mirror
symmetrically. `tf.image.resize` has this kernel but other borders, so the image is padded first and
the surplus cropped after.
"""

import numpy as np
import tensorflow as tf

_SUPPORT = 2  # radius of Keys' kernel, in samples of the coarser grid


def _resize_mirrored(pixels: tf.Tensor, up: int, down: int) -> tf.Tensor:
    """Resizes (..., H, W, C) by up/down; one of both is 1, and H and W are multiples of `down`."""
    margin = (_SUPPORT + 1) * down
    for axis in (-3, -2):
        size = tf.shape(pixels)[axis]
        index = tf.math.floormod(tf.range(-margin, size + margin), 2 * size)
        pixels = tf.gather(pixels, tf.minimum(index, 2 * size - 1 - index), axis=axis)
    shape = tf.shape(pixels)[-3:-1] * up // down
    resized = tf.image.resize(tf.cast(pixels, tf.float32), shape, method="bicubic", antialias=True)
    crop = margin * up // down
    return resized[..., crop:-crop, crop:-crop, :]


def shrink(pixels: tf.Tensor, scale: int) -> tf.Tensor:
    """`downscale` of float32 (N, H, W, C), which is neither rounded nor clipped and has a gradient."""
    return _resize_mirrored(pixels, 1, scale)


def _to_uint8(pixels: tf.Tensor) -> tf.Tensor:
    # The same rule as images.to_uint8, as a graph.
    return tf.saturate_cast(tf.round(pixels), tf.uint8)


@tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.uint8), tf.TensorSpec((), tf.int32)])
def downscale_tensor(pixels, scale):
    """`downscale` for tensors, to be called inside a tf.data pipeline; sides must be multiples of `scale`."""
    return _to_uint8(_resize_mirrored(pixels, 1, scale))


@tf.function(input_signature=[tf.TensorSpec((None, None, None), tf.uint8), tf.TensorSpec((), tf.int32)])
def _upscale_tensor(pixels, scale):
    return _to_uint8(_resize_mirrored(pixels, scale, 1))


def _check(pixels: np.ndarray, scale: int) -> None:
    # TensorFlow would cut floating-point pixels down to whole ones without a word.
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or 0 in pixels.shape:
        raise ValueError(
            "pixels must be a uint8 array of shape (height, width, channels), "
            f"got {pixels.dtype} of shape {pixels.shape}"
        )
    if scale < 1 or scale != int(scale):
        raise ValueError(f"scale must be a whole number of at least 1, got {scale}")


def downscale(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Shrinks an image as MATLAB's `imresize(pixels, 1/scale, 'bicubic')` does, rounded to 8 bits.

    Args:
        pixels: uint8 array of shape (height, width, channels), sides multiples of `scale`
            (see `crop_to_multiple`).
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
    return downscale_tensor(pixels, scale).numpy()


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
    return _upscale_tensor(pixels, scale).numpy()


def crop_to_multiple(pixels: np.ndarray, scale: int) -> np.ndarray:
    """Cuts off the right and bottom rest, so that both sides are multiples of `scale`."""
    height, width = pixels.shape[:2]
    return pixels[: height - height % scale, : width - width % scale]
