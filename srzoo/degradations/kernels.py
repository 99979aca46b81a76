"""Blur kernels of Real-ESRGAN (Wang et al., arXiv 2107.10833, section 3.1) and its sinc filter (section 3.3)."""

import numpy as np
from scipy.special import j1


def gaussian(
    size: int, sigma: tuple[float, float], angle: float = 0.0, beta: float = 1.0, plateau: bool = False
) -> np.ndarray:
    """A Gaussian kernel, a generalised one or a plateau.

    With C the covariance and r = x' C^-1 x, its values are in proportion to exp(-r^beta / 2), and to
    1 / (1 + r^beta) for a plateau.

    Args:
        size: pixels a side, odd.
        sigma: standard deviations in pixels along the two axes, above 0; equal ones make it isotropic.
        angle: rotation of the axes in radians.
        beta: 1 is a plain Gaussian; less is more peaked, more is flatter.
        plateau: whether the kernel is a plateau.

    Returns:
        float32 of shape (size, size), of sum 1.
    """
    x, y = _offsets(size)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    power = ((along / sigma[0]) ** 2 + (across / sigma[1]) ** 2) ** beta
    return _of_sum_one(1 / (1 + power) if plateau else np.exp(-power / 2))


def sinc(size: int, cutoff: float) -> np.ndarray:
    """The ideal low-pass filter, cut off at a square: what rings and overshoots at edges.

    Args:
        size: pixels a side, odd.
        cutoff: the highest frequency that passes, in radians a pixel, in (0, pi].

    Returns:
        float32 of shape (size, size), of sum 1.
    """
    x, y = _offsets(size)
    distance = np.hypot(x, y)
    centre = size // 2
    distance[centre, centre] = 1.0
    kernel = cutoff / (2 * np.pi * distance) * j1(cutoff * distance)
    kernel[centre, centre] = cutoff**2 / (4 * np.pi)  # the limit at 0
    return _of_sum_one(kernel)


def _offsets(size: int) -> tuple[np.ndarray, np.ndarray]:
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a kernel's size must be odd and at least 1, got {size}")
    places = np.arange(size) - size // 2.0
    x, y = np.meshgrid(places, places)
    return x, y


def _of_sum_one(kernel: np.ndarray) -> np.ndarray:
    return (kernel / kernel.sum()).astype(np.float32)
