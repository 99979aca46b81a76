"""The papers' trainings, as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """The published training of a network.

    Attributes:
        loss: a key of `srzoo.losses.PIXEL_LOSSES`, or of `OBJECTIVES` for GAN training.
        lr_patch: LR pixels a side of a crop; HR has `scale` times as many.
        batch: crops in a batch.
        steps: updates of the weights.
        learning_rate: Adam's, at the start.
        halve_every: steps between two halvings of the learning rate, or the steps of each; None: it stays.
        schedule: a name of `SCHEDULES`.
        source: where the figures stand.
        degrade: a preset of `srzoo.degradations` that LR is made by; None: it is as the data set has it.
    """

    loss: str
    lr_patch: int
    batch: int
    steps: int
    learning_rate: float
    halve_every: int | tuple[int, ...] | None
    schedule: str
    source: str
    degrade: str | None = None


EDSR = Recipe("l1", 48, 16, 300_000, 1e-4, 200_000, "halving", "arXiv 1707.02921, section 4.2")
SRRESNET = Recipe("l2", 24, 16, 1_000_000, 1e-4, None, "halving", "arXiv 1609.04802, section 3.2")
RRDB = Recipe("l1", 32, 16, 1_000_000, 2e-4, 200_000, "halving", "arXiv 1809.00219, section 4.1")
ESRGAN = Recipe(
    "esrgan", 32, 16, 400_000, 1e-4, (50_000, 100_000, 200_000, 300_000), "halving", "arXiv 1809.00219, section 4.1"
)
REAL_ESRNET = Recipe("l1", 64, 48, 1_000_000, 2e-4, None, "halving", "arXiv 2107.10833, section 4.1", "real")
REAL_ESRGAN = Recipe("real-esrgan", 64, 48, 400_000, 1e-4, None, "halving", "arXiv 2107.10833, section 4.1", "real")
SRGAN = Recipe("srgan-vgg54", 24, 16, 200_000, 1e-4, None, "tenth", "arXiv 1609.04802, section 3.2")

AVERAGE = 0.999
"""Decay of the moving average of the weights, which is what is validated and saved. Not in the papers;
common practice since, worth some hundredths of a decibel at their lengths and more in short runs."""

FEATURE_SCALE = 1 / 12.75
"""Factor on VGG's features. It brings their squared error to that of pixels (arXiv 1609.04802, section 3.2)."""


TERMS = {
    "content": "weight of the loss on VGG's features",
    "perceptual": "weight of LPIPS as a loss (arXiv 1801.03924)",
    "dists": "weight of DISTS as a loss (arXiv 2004.07728)",
    "adversarial": "weight of the generator's adversarial loss, 1e-3 in SRGAN",
    "pixel": "weight of a loss on pixels",
    "grid": "weight of a loss against checkerboards; no paper has it",
    "consistency": "weight of a loss that compares SR, reduced, with LR; no paper has it",
}
"""Terms of the generator's loss in GAN training -> what each is for. `srzoo.losses.TERMS` has the functions."""


@dataclass(frozen=True)
class Objective:
    """The generator's loss in GAN training.

    Attributes:
        content: layer -> weight, see `srzoo.losses.ContentLoss`, as are the next three.
        weights: term -> weight; terms that are not named are left out.
        activation: `after` or `before` the ReLU.
        distance: distance between features, `l1` or `l2`.
        feature_scale: factor on the features.
        adversarial: a key of `srzoo.losses.ADVERSARIAL_LOSSES`.
        pixel: a key of `srzoo.losses.PIXEL_LOSSES`.
        discriminator_head: see `srzoo.models.discriminator`.
    """

    content: Mapping[str, float]
    weights: Mapping[str, float]
    activation: str = "after"
    distance: str = "l2"
    feature_scale: float = FEATURE_SCALE
    adversarial: str = "vanilla"
    pixel: str = "l2"
    discriminator_head: str = "pool"


_SRGAN = {"content": 1.0, "adversarial": 1e-3}
_ESRGAN: dict[str, Any] = {"activation": "before", "distance": "l1", "feature_scale": 1.0, "pixel": "l1"}

OBJECTIVES = {
    # arXiv 1609.04802, equations 3 to 6 and section 3.2.
    "srgan-vgg22": Objective({"vgg22": 1.0}, _SRGAN),
    "srgan-vgg54": Objective({"vgg54": 1.0}, _SRGAN),
    # The same with the mean squared error of pixels added.
    "per-pix": Objective({"vgg54": 1.0}, {**_SRGAN, "pixel": 1.0}),
    # ESRGAN, arXiv 1809.00219, equation 3 and section 4.1.
    "esrgan": Objective(
        {"vgg54": 1.0}, {"content": 1.0, "adversarial": 5e-3, "pixel": 1e-2}, adversarial="relativistic", **_ESRGAN
    ),
    # Real-ESRGAN, arXiv 2107.10833, sections 3.4 and 4.1.
    "real-esrgan": Objective(
        {"vgg12": 0.1, "vgg22": 0.1, "vgg34": 1.0, "vgg44": 1.0, "vgg54": 1.0},
        {"content": 1.0, "adversarial": 0.1, "pixel": 1.0},
        discriminator_head="unet",
        **_ESRGAN,
    ),
}
"""Name -> what is minimised."""

SCHEDULES = ("halving", "cosine", "anneal", "tenth")


def learning_rate(
    schedule: str, peak: float, halve_every: int | Sequence[int] | None, step: int, progress: float
) -> float:
    """The learning rate of a step.

    Args:
        schedule: `halving`, the papers': halved each `halve_every` steps, or at those. `cosine`, for short runs: level
            for 40 % of the run, then down to a thousandth along a cosine, with a warm-up over the first 100 steps.
            `anneal`, for weights that are trained already: the same cosine from the first step on.
            `tenth`, SRGAN's: a tenth from half of the run on.
        peak: the highest learning rate.
        halve_every: steps between two halvings, or the step of each, for `halving`; None keeps the rate level.
        step: updates done so far.
        progress: share of the run that is done, in [0, 1], by steps or by time.
    """
    if schedule == "halving":
        halvings = step // halve_every if isinstance(halve_every, int) else sum(step >= at for at in halve_every or ())
        return peak * 0.5**halvings
    if schedule in ("cosine", "anneal"):
        level = 0.4 if schedule == "cosine" else 0.0
        fall = max(0.0, progress - level) / (1 - level)
        return peak * min(1.0, (step + 1) / 100) * max(1e-3, 0.5 * (1 + math.cos(math.pi * min(fall, 1.0))))
    if schedule == "tenth":
        return peak * (0.1 if progress >= 0.5 else 1.0)
    raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}")
