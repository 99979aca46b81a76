"""PSNR and SSIM as super-resolution papers compute them.

Luma is BT.601's in [16, 235], of 8-bit RGB and not itself rounded; as many pixels as the scale are shaved
off each border. Computed in float64.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from srzoo.images import check_pixels

WINDOW = 11
"""Pixels a side of SSIM's window; a picture must have as many left after shaving."""

_MIDDLE = 128


LUMA, LUMA_OF_BLACK = np.array([65.481, 128.553, 24.966]) / 255, 16
"""Of luma: the weights of RGB in [0, 255], and its value for black."""


def luma(rgb: np.ndarray) -> np.ndarray:
    """Luma of ITU-R BT.601, as MATLAB's `rgb2ycbcr` computes it.

    Args:
        rgb: array of shape (..., 3) in [0, 255].

    Returns:
        float64 array of shape (...) in [16, 235].
    """
    return np.asarray(rgb, np.float64) @ LUMA + LUMA_OF_BLACK


def psnr(hr: np.ndarray, sr: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two arrays on the [0, 255] scale; infinite if they are equal.

    Raises:
        ValueError: if their shapes differ.
    """
    _check_shapes(hr, sr)
    error = np.mean(np.square(np.asarray(hr, np.float64) - np.asarray(sr, np.float64)))
    return 10 * math.log10(255**2 / error) if error else math.inf


def mean_db(figures: Sequence[float]) -> float:
    """Mean of the finite PSNRs in dB; infinite if all are. It is infinite where SR equals HR, as in flat pictures."""
    finite = [figure for figure in figures if math.isfinite(figure)]
    return float(np.mean(finite)) if finite else math.inf


def psnr_rgb(hr: np.ndarray, sr: np.ndarray, shave: int) -> float:
    """PSNR in dB over all three channels.

    Args:
        hr: uint8 array of shape (H, W, 3).
        sr: the same shape.
        shave: pixels left out along each border; the scale, by convention.

    Raises:
        ValueError: if the shapes differ, a picture is not 8-bit RGB, or nothing is left after shaving.
    """
    return psnr(*_shaved(hr, sr, shave, 1))


def psnr_y(hr: np.ndarray, sr: np.ndarray, shave: int) -> float:
    """PSNR in dB of the luma, the figure of the papers; arguments and errors as for `psnr_rgb`."""
    hr, sr = _shaved(hr, sr, shave, 1)
    return psnr(luma(hr), luma(sr))


def ssim_y(hr: np.ndarray, sr: np.ndarray, shave: int) -> float:
    """Mean structural similarity of the luma, in [-1, 1].

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004): Gaussian
    window of 11x11, sigma 1.5, K1 = 0.01, K2 = 0.03, on the part where the window fits whole.

    Raises:
        ValueError: the errors of `psnr_rgb`, or if less than a window is left after shaving.
    """
    hr, sr = _shaved(hr, sr, shave, WINDOW)
    return float(ssim_map(luma(hr), luma(sr), _blurred).mean())


def ssim_map(x, y, blurred: Callable):
    """Structural similarity at every place where the window fits whole.

    Args:
        x, y: luma, arrays or tensors.
        blurred: from one of them to the Gaussian's weighted mean at these places.
    """
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    # About the middle of the range: in float32 a variance would lose its digits beside the square of a mean.
    x, y = x - _MIDDLE, y - _MIDDLE
    mean_x, mean_y = blurred(x), blurred(y)
    variances = blurred(x * x) - mean_x**2 + blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    mean_x, mean_y = mean_x + _MIDDLE, mean_y + _MIDDLE
    similar = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return similar / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))


def _blurred(x: np.ndarray) -> np.ndarray:
    """The Gaussian's weighted mean at every place where its window fits whole."""
    from scipy.ndimage import gaussian_filter  # PSNR alone starts without it, half a second sooner

    radius = WINDOW // 2
    return gaussian_filter(x, sigma=1.5, radius=radius)[radius:-radius, radius:-radius]


def _shaved(hr: np.ndarray, sr: np.ndarray, shave: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    check_pair(hr, sr)
    if shave < 0:
        raise ValueError(f"shave must be a number of pixels of at least 0, got {shave}")
    height, width = (side - 2 * shave for side in hr.shape[:2])
    if min(height, width) < least:
        raise ValueError(
            f"a picture of {hr.shape[1]}x{hr.shape[0]} is too small to be measured: with {shave} pixels shaved off "
            f"each border, at least {least}x{least} must be left"
        )
    window = (slice(shave, shave + height), slice(shave, shave + width))
    return hr[window], sr[window]


def check_pair(hr: np.ndarray, sr: np.ndarray) -> None:
    """Raises ValueError unless both are uint8 arrays of one shape (H, W, 3)."""
    _check_shapes(hr, sr)
    # A picture in [0, 1], or one not yet rounded, would give a figure too, and a wrong one.
    check_pixels(hr, "HR")
    check_pixels(sr, "SR")


def _check_shapes(hr: np.ndarray, sr: np.ndarray) -> None:
    if np.shape(hr) != np.shape(sr):
        raise ValueError(f"HR and SR must be of one shape, got {np.shape(hr)} and {np.shape(sr)}")
