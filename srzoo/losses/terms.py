"""The terms of the generator's loss in GAN training, by their names.

A new term is its function here, and its name in `srzoo.recipes.TERMS`; flags, settings and the log follow.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from srzoo import bicubic
from srzoo.losses.perceptual import ContentLoss
from srzoo.losses.pixel import PIXEL_LOSSES, grid, l1
from srzoo.metrics import dists, lpips


def consistency(hr, sr, scale: int):
    """Mean absolute error of SR and HR, both shrunk by MATLAB's bicubic: what LR-PSNR measures (arXiv 2103.04039).

    Args:
        hr, sr: float32 (N, H, W, 3) in [0, 255], H and W multiples of the scale.
        scale: scale of the generator.

    Returns:
        (N,), on the [0, 1] scale.
    """
    return l1(bicubic.shrink(hr, scale), bicubic.shrink(sr, scale))


def _content(settings) -> Callable:
    return ContentLoss(
        settings.content,
        settings.vgg,
        settings.vgg_preprocessing,
        settings.activation,
        settings.distance,
        settings.feature_scale,
    )


def _distance(settings, term: str, file: str, load: Callable) -> Callable:
    path = getattr(settings, term)
    if not path or settings.vgg_preprocessing != "torchvision":
        raise ValueError(
            f"--{term}-weight compares features of torchvision's VGG16: give {file} as --{term} FILE, which `srzoo "
            "import` makes, and --vgg FILE --vgg-preprocessing torchvision"
        )
    return load(path, settings.vgg).distances


TERMS: dict[str, Callable[[Any, int], Callable]] = {
    "content": lambda settings, scale: _content(settings),
    "perceptual": lambda settings, scale: _distance(settings, "perceptual", "LPIPS's heads for VGG16", lpips.load),
    "dists": lambda settings, scale: _distance(settings, "dists", "DISTS's weights", dists.load),
    "pixel": lambda settings, scale: PIXEL_LOSSES[settings.pixel],
    "grid": lambda settings, scale: partial(grid, scale=scale),
    "consistency": lambda settings, scale: partial(consistency, scale=scale),
}
"""Name -> from a run's settings (`srzoo.training.settings.Settings`) and the scale to a function of (hr, sr) that gives
(N,). The adversarial term is the discriminator's: `ADVERSARIAL_LOSSES`."""
