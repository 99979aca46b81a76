"""Pixel losses: scalars from float32 pixels in [0, 255], computed on the [0, 1] scale.

On [0, 1] a loss, and with it the loss scaling of float16, is of the same size as in the published code.
"""

from keras import ops


def l1(hr, sr):
    """Mean absolute error, EDSR's (arXiv 1707.02921, section 4.2)."""
    return ops.mean(ops.abs(sr - hr)) / 255


def l2(hr, sr):
    """Mean squared error, SRResNet's (arXiv 1609.04802, equation 4)."""
    return ops.mean(ops.square((sr - hr) / 255))


def charbonnier(hr, sr):
    """Mean of sqrt(error^2 + epsilon^2), epsilon 1e-3: a smooth L1 (Lai et al., arXiv 1704.03915, section 3.3)."""
    return ops.mean(ops.sqrt(ops.square((sr - hr) / 255) + 1e-6))


PIXEL_LOSSES = {"l1": l1, "l2": l2, "charbonnier": charbonnier}
"""Name -> loss(hr, sr)."""
