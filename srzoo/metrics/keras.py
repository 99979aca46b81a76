"""PSNR, SSIM, LPIPS and DISTS for `compile(metrics=...)`: the figures of `srzoo evaluate`, in any of Keras's backends.

HR is what is true and SR what is predicted, both (N, H, W, 3), RGB in [0, 255]. SR is rounded and clipped to 8 bits
first; each picture has a figure, and the result is their mean. Of HR in [0, 1] it is NaN, as a graph raises no error.
"""

import os
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from srzoo.metrics import dists, lpips
from srzoo.metrics.fidelity import LUMA, LUMA_OF_BLACK, WINDOW, ssim_map

_REGISTERED = keras.saving.register_keras_serializable("srzoo")


class _MeanOverPictures(keras.metrics.Mean):
    """Mean of a figure of each picture, without infinite ones, where SR equals HR; infinite if all are."""

    least = 1
    """Pixels a side that must be left of a picture."""

    def __init__(self, name: str, shave: int = 0, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if shave < 0:
            raise ValueError(f"shave must be a number of pixels of at least 0, got {shave}")
        self.shave = shave

    def figures(self, hr, sr):
        """From float32 whole numbers in [0, 255], shaved, (N, H, W, 3) to (N,)."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        hr, sr = (ops.stop_gradient(ops.cast(each, "float32")) for each in (y_true, y_pred))
        in_unit = ops.all(hr <= 1) & ops.any(hr != ops.round(hr))
        hr, sr = (ops.clip(ops.round(each), 0, 255) for each in (hr, sr))
        self._check(hr.shape, sr.shape)
        inside = slice(self.shave, -self.shave or None)
        figures = ops.where(in_unit, np.nan, self.figures(hr[:, inside, inside], sr[:, inside, inside]))
        equal = ops.isinf(figures)
        counted = ops.cast(ops.logical_not(equal), self.dtype)
        weights = counted if sample_weight is None else counted * ops.cast(sample_weight, self.dtype)
        super().update_state(ops.where(equal, 0.0, figures), weights)

    def result(self):
        return ops.where(self.count > 0, super().result(), np.inf)

    def _check(self, hr: tuple, sr: tuple) -> None:
        # Sides that are not known before the pictures come are None.
        if len(hr) != 4 or any(x != y for x, y in zip(hr, sr) if None not in (x, y)):
            raise ValueError(f"{self.name}: HR and SR must be of one shape (N, H, W, 3), got {hr} and {sr}")
        least = self.least + 2 * self.shave
        if any(side is not None and side < least for side in hr[1:3]):
            raise ValueError(f"{self.name}: pictures must have at least {least}x{least} pixels, got {hr[2]}x{hr[1]}")


class _OfLuma(_MeanOverPictures):
    """One of the figures that shave pixels off each border, by convention as many as the scale."""

    def get_config(self):
        return {**super().get_config(), "shave": self.shave}


def _luma(rgb):
    # A product of matrices may be computed in less than float32 on a GPU.
    return ops.sum(rgb * ops.convert_to_tensor(LUMA, "float32"), axis=-1) + LUMA_OF_BLACK


@_REGISTERED
class PSNRY(_OfLuma):
    """PSNR of luma in dB, the figure of the papers (`srzoo.metrics.psnr_y`).

    Args:
        shave: pixels left out along each border; the scale, by convention.
        name, dtype: the arguments of any Keras metric.

    Raises:
        ValueError: for a negative `shave`; in use, for HR and SR of different shapes or too small ones.

    Example:
        >>> model.compile("adam", "mean_absolute_error", metrics=[srzoo.metrics.PSNRY(shave=4)])
    """

    def __init__(self, shave: int, name: str = "psnr_y", dtype=None):
        super().__init__(name, shave, dtype)

    def figures(self, hr, sr):
        error = ops.mean(ops.square(_luma(hr) - _luma(sr)), axis=(1, 2))
        return -10 * ops.log10(error / 255**2)


@_REGISTERED
class SSIMY(_OfLuma):
    """Structural similarity of luma (`srzoo.metrics.ssim_y`); arguments and errors as of `PSNRY`."""

    least = WINDOW

    def __init__(self, shave: int, name: str = "ssim_y", dtype=None):
        super().__init__(name, shave, dtype)

    def figures(self, hr, sr):
        return ops.mean(ssim_map(_luma(hr), _luma(sr), _blurred), axis=(1, 2))


def _blurred(luma):
    """The Gaussian's weighted mean, (N, H, W), where its window fits whole."""
    # Sums: a convolution may be computed in less than float32 on a GPU.
    taps = np.exp(-0.5 * (np.arange(WINDOW) - WINDOW // 2) ** 2 / 1.5**2)
    taps, end = (taps / taps.sum()).tolist(), WINDOW - 1
    luma = sum(tap * luma[:, i : i - end or None] for i, tap in enumerate(taps))
    return sum(tap * luma[:, :, i : i - end or None] for i, tap in enumerate(taps))


class _OfNetwork(_MeanOverPictures):
    """A distance that a network measures, on RGB, with nothing shaved; its weights come from files."""

    def __init__(self, load: Callable, name: str, dtype, **files: str | os.PathLike | None):
        super().__init__(name, dtype=dtype)
        self.files = {key: file and os.fspath(file) for key, file in files.items()}
        self.network = load(*files.values())

    def figures(self, hr, sr):
        return self.network.distances(hr, sr)

    def get_config(self):
        return {**super().get_config(), **self.files}


@_REGISTERED
class LPIPS(_OfNetwork):
    """LPIPS of RGB, nothing shaved; lower is better (`srzoo.metrics.lpips`).

    Args:
        weights, backbone: files, as `srzoo.metrics.lpips.load` takes them.
        name, dtype: the arguments of any Keras metric.

    Raises:
        FileNotFoundError, ValueError: the errors of `srzoo.metrics.lpips.load`; in use, HR and SR of
            different shapes or too small ones.
    """

    def __init__(
        self, weights: str | os.PathLike, backbone: str | os.PathLike | None = None, name: str = "lpips", dtype=None
    ):
        super().__init__(lpips.load, name, dtype, weights=weights, backbone=backbone)
        self.least = self.network.least


@_REGISTERED
class DISTS(_OfNetwork):
    """DISTS of RGB, nothing shaved; lower is better (`srzoo.metrics.dists`).

    Args:
        weights, vgg16: files, as `srzoo.metrics.dists.load` takes them.
        name, dtype: the arguments of any Keras metric.

    Raises:
        FileNotFoundError, ValueError: the errors of `srzoo.metrics.dists.load`; in use, HR and SR of different shapes.
    """

    def __init__(self, weights: str | os.PathLike, vgg16: str | os.PathLike, name: str = "dists", dtype=None):
        super().__init__(dists.load, name, dtype, weights=weights, vgg16=vgg16)
