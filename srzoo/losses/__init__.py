"""What is minimised: losses between pixels, between features, and of the adversarial game."""

from srzoo.losses.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from srzoo.losses.perceptual import PREPROCESSING, ContentLoss
from srzoo.losses.pixel import PIXEL_LOSSES, charbonnier, grid, l1, l2

__all__ = [
    "ADVERSARIAL_LOSSES",
    "PIXEL_LOSSES",
    "PREPROCESSING",
    "AdversarialLoss",
    "ContentLoss",
    "charbonnier",
    "grid",
    "l1",
    "l2",
]
