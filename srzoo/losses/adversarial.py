"""Adversarial losses: scalars from the discriminator's float32 logits of HR ("real") and SR ("fake") crops.

(N, 1), or of any shape from N on if it judges parts; all count alike.

All from logits: a sigmoid in half precision is 1 from a logit of 8 on, and its logarithm has no gradient left.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keras import ops


@dataclass(frozen=True)
class AdversarialLoss:
    """Losses of the two networks.

    Attributes:
        discriminator: function from (real, fake) logits to the discriminator's loss.
        generator: function from (real, fake) logits to the generator's loss.
        gradient_penalty: weight of (|gradient of the logit by the pixels on [0, 1]| - 1)^2 in the discriminator's loss.
        norm: default normalisation of the discriminator, see `srzoo.models.discriminator`.
        relative: whether a logit counts by how far it is above the mean of the others'.
    """

    discriminator: Callable
    generator: Callable
    gradient_penalty: float = 0.0
    norm: str = "batch"
    relative: bool = False

    def probabilities(self, real, fake):
        """The discriminator's mean probabilities that HR and SR are photographs."""
        if self.relative:
            real, fake = real - ops.mean(fake), fake - ops.mean(real)
        return ops.mean(ops.sigmoid(real)), ops.mean(ops.sigmoid(fake))


def _cross_entropy(logits, real: bool):
    """Mean binary cross-entropy, -log D or -log(1 - D)."""
    return ops.mean(ops.softplus(-logits if real else logits))


def _tell_apart(real, fake):
    """-log D(real) - log(1 - D(fake)) (Goodfellow et al., arXiv 1406.2661, section 3)."""
    return _cross_entropy(real, True) + _cross_entropy(fake, False)


VANILLA = AdversarialLoss(_tell_apart, lambda real, fake: _cross_entropy(fake, True))
"""SRGAN's, -log D(fake) (arXiv 1609.04802, equation 6): the non-saturating form."""

MINIMAX = AdversarialLoss(_tell_apart, lambda real, fake: -_cross_entropy(fake, False))
"""log(1 - D(fake)), the discriminator's own value: weak gradients while the discriminator is ahead."""

LEAST_SQUARES = AdversarialLoss(
    lambda real, fake: 0.5 * (ops.mean(ops.square(real - 1)) + ops.mean(ops.square(fake))),
    lambda real, fake: 0.5 * ops.mean(ops.square(fake - 1)),
)
"""Mao et al., "Least Squares Generative Adversarial Networks" (arXiv 1611.04076), equation 9."""

HINGE = AdversarialLoss(
    lambda real, fake: ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake)),
    lambda real, fake: -ops.mean(fake),
)
"""Lim and Ye, "Geometric GAN" (arXiv 1705.02894), section 3."""

WASSERSTEIN = AdversarialLoss(
    lambda real, fake: ops.mean(fake) - ops.mean(real),
    lambda real, fake: -ops.mean(fake),
    gradient_penalty=10.0,
    norm="none",
)
"""Gulrajani et al., "Improved Training of Wasserstein GANs" (arXiv 1704.00028), equation 3."""


def _relativistic(more, less):
    """Distance of `more` from being above the mean of `less`, and of `less` from being below the mean of `more`."""
    return _cross_entropy(more - ops.mean(less), True) + _cross_entropy(less - ops.mean(more), False)


RELATIVISTIC = AdversarialLoss(_relativistic, lambda real, fake: _relativistic(fake, real), relative=True)
"""Relativistic average (Jolicoeur-Martineau, arXiv 1807.00734), as in ESRGAN (arXiv 1809.00219, equations 1 and 2)."""

ADVERSARIAL_LOSSES = {
    "vanilla": VANILLA,
    "minimax": MINIMAX,
    "least-squares": LEAST_SQUARES,
    "hinge": HINGE,
    "wasserstein": WASSERSTEIN,
    "relativistic": RELATIVISTIC,
}
