"""Placeholder until the metrics helper writes it."""

import numpy as np


def luma(rgb):
    return np.asarray(rgb, np.float64) @ np.array([65.481, 128.553, 24.966]) / 255 + 16


def psnr_y(hr, sr, shave):
    e = (luma(hr) - luma(sr))[shave:-shave, shave:-shave]
    return float(10 * np.log10(255**2 / np.mean(e * e)))
