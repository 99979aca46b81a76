"""Pixel losses: a value for each crop, (N,), from float32 pixels (N, H, W, 3) in [0, 255], on the [0, 1] scale.

Keras's `fit` takes their mean, weighted by `sample_weight` if there is one. On [0, 1] a loss, and with it the loss
scaling of float16, is of the same size as in the published code.
"""

from collections.abc import Callable

import numpy as np
from keras import ops
from keras.saving import register_keras_serializable

ROUNDING = 1 / (12 * 255**2)
"""Mean squared error of rounding to 8 bits, on the [0, 1] scale: with it a PSNR stays below 59 dB."""

GRID_PART = 8
"""Cells a side of the parts that `grid` looks at: few, because the pattern changes with the texture."""


@register_keras_serializable("srzoo")
def l1(hr, sr):
    """Mean absolute error, EDSR's (arXiv 1707.02921, section 4.2)."""
    return ops.mean(ops.abs(sr - hr), axis=(1, 2, 3)) / 255


@register_keras_serializable("srzoo")
def l2(hr, sr):
    """Mean squared error, SRResNet's (arXiv 1609.04802, equation 4)."""
    return ops.mean(ops.square((sr - hr) / 255), axis=(1, 2, 3))


@register_keras_serializable("srzoo")
def charbonnier(hr, sr):
    """Mean of sqrt(error^2 + epsilon^2), epsilon 1e-3: a smooth L1 (Lai et al., arXiv 1704.03915, section 3.3)."""
    return ops.mean(ops.sqrt(ops.square((sr - hr) / 255) + 1e-6), axis=(1, 2, 3))


@register_keras_serializable("srzoo")
def psnr(hr, sr):
    """Minus each crop's PSNR, in dB, as NAFNet's code has it (arXiv 2204.04676).

    A crop's gradient is relative to its own error. So clean crops count among damaged ones, which L1 and L2 leave to
    the worst. `ROUNDING` bounds it where a crop has no error.
    """
    return 10 / np.log(10) * ops.log(l2(hr, sr) + ROUNDING)


def grid(hr, sr, scale: int):
    """Mean squared error of the pattern that repeats in every cell of `scale` x `scale` pixels, a cell to an LR pixel.

    In parts of `GRID_PART` x `GRID_PART` cells the error is averaged over the cells, so that only what they have in
    common is left: the checkerboard of a pixel shuffle that treats a cell's pixels unequally (Odena et al.,
    "Deconvolution and Checkerboard Artifacts", 2016). The mean over the cell, which is colour, is left out.

    Args:
        hr: float32 (N, H, W, 3) in [0, 255], H and W multiples of the scale and at least `GRID_PART` cells.
        sr: the same.
        scale: scale of the generator.

    Returns:
        (N,), on the [0, 1] scale.
    """
    batch, height, width, _ = ops.shape(hr)
    rows, columns = height // scale, width // scale
    error = ops.reshape((sr - hr) / 255, (batch, rows, scale, columns, scale, 3))
    cells = ops.reshape(ops.transpose(error, (0, 1, 3, 2, 4, 5)), (batch, rows, columns, scale**2, 3))
    pattern = ops.reshape(cells - ops.mean(cells, axis=3, keepdims=True), (batch, rows, columns, 3 * scale**2))
    means = ops.average_pool(pattern, GRID_PART, GRID_PART // 2, "valid", data_format="channels_last")
    return ops.mean(ops.square(means), axis=(1, 2, 3))


SHARPENED_BLUR, SHARPENED_SIGMA, SHARPENED_WEIGHT, SHARPENED_FROM = 51, 8.0, 0.5, 10.0
"""Constants of `sharpened`: side of the blur in pixels, its deviation, the weight, and grey levels of an edge, as
in the published code of Real-ESRGAN (arXiv 2107.10833)."""


def sharpened(hr):
    """HR after unsharp masking, which makes edges harder and leaves what is nearly flat as it is.

    What differs from the blurred picture by more than `SHARPENED_FROM` is moved away from it by `SHARPENED_WEIGHT` of
    the difference; the mask of these places is blurred too.

    Args:
        hr: float32 (N, H, W, 3) in [0, 255], more than `SHARPENED_BLUR` // 2 pixels a side.

    Returns:
        The same shape and range.
    """
    detail = hr - _blurred(hr)
    mask = _blurred(ops.cast(ops.abs(detail) > SHARPENED_FROM, "float32"))
    return hr + mask * (ops.clip(hr + SHARPENED_WEIGHT * detail, 0, 255) - hr)


def _blurred(pixels):
    reach = SHARPENED_BLUR // 2
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SHARPENED_SIGMA) ** 2)
    kernel = np.repeat((taps / taps.sum()).astype("float32")[:, None, None, None], 3, axis=2)
    padded = ops.pad(pixels, [(0, 0), (reach, reach), (reach, reach), (0, 0)], mode="reflect")
    for along in (kernel, kernel.transpose(1, 0, 2, 3)):
        padded = ops.depthwise_conv(padded, along, padding="valid", data_format="channels_last")
    return padded


def against_sharpened(loss: Callable) -> Callable:
    """The same loss of (hr, sr), with sharpened HR."""
    return lambda hr, sr: loss(sharpened(hr), sr)


PIXEL_LOSSES = {"l1": l1, "l2": l2, "charbonnier": charbonnier, "psnr": psnr}
"""Name -> loss(hr, sr)."""
