"""Losses between pixels, between features, and of GAN training."""

from srzoo.losses.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from srzoo.losses.perceptual import PREPROCESSING, ContentLoss
from srzoo.losses.pixel import PIXEL_LOSSES, against_sharpened, charbonnier, grid, l1, l2, psnr, sharpened
from srzoo.losses.terms import TERMS, consistency

__all__ = [
    "ADVERSARIAL_LOSSES",
    "PIXEL_LOSSES",
    "PREPROCESSING",
    "TERMS",
    "AdversarialLoss",
    "ContentLoss",
    "against_sharpened",
    "charbonnier",
    "consistency",
    "grid",
    "l1",
    "l2",
    "psnr",
    "sharpened",
]
