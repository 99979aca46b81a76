"""Distances between SR and HR: for arrays, and for `compile(metrics=...)`."""

from srzoo.metrics.fidelity import luma, psnr, psnr_rgb, psnr_y, ssim_y

_KERAS = ("DISTS", "LPIPS", "PSNRY", "SSIMY")

__all__ = ["luma", "psnr", "psnr_rgb", "psnr_y", "ssim_y"]


def __getattr__(name: str):
    # Keras takes seconds to import, which the figures of arrays need not wait for.
    if name not in _KERAS:
        raise AttributeError(f"module 'srzoo.metrics' has no attribute {name!r}")
    from srzoo.metrics import keras

    return getattr(keras, name)
