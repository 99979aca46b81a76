"""How each paper trained its network, as data."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """The published training of a network.

    Attributes:
        loss: a key of `srzoo.losses.PIXEL_LOSSES`.
        lr_patch: LR pixels a side of a crop; HR has `scale` times as many.
        batch: crops in a batch.
        steps: updates of the weights.
        learning_rate: Adam's, at the start.
        halve_every: steps between two halvings of the learning rate; None: it stays.
        source: where the figures stand.
    """

    loss: str
    lr_patch: int
    batch: int
    steps: int
    learning_rate: float
    halve_every: int | None
    source: str


EDSR = Recipe("l1", 48, 16, 300_000, 1e-4, 200_000, "arXiv 1707.02921, section 4.2")
SRRESNET = Recipe("l2", 24, 16, 1_000_000, 1e-4, None, "arXiv 1609.04802, section 3.2")

RECIPES = {"edsr-baseline": EDSR, "edsr": EDSR, "srresnet": SRRESNET}
"""Name of a model -> its published training."""

AVERAGE = 0.999
"""Decay of the moving average of the weights, which is what is validated and saved. Not in the papers;
common practice since, worth some hundredths of a decibel at their lengths and more in short runs."""

SCHEDULES = ("halving", "cosine")


def learning_rate(schedule: str, peak: float, halve_every: int | None, step: int, progress: float) -> float:
    """The learning rate of a step.

    Args:
        schedule: `halving`, the papers': halved each `halve_every` steps. `cosine`, for short runs: level for
            40 % of the run, then down to a thousandth along a cosine, with a warm-up over the first 100 steps.
        peak: the highest learning rate.
        halve_every: for `halving`; None keeps it level.
        step: updates done so far.
        progress: share of the run that is done, in [0, 1], by steps or by time.
    """
    if schedule == "halving":
        return peak * 0.5 ** (step // halve_every) if halve_every else peak
    if schedule == "cosine":
        fall = max(0.0, progress - 0.4) / 0.6
        return peak * min(1.0, (step + 1) / 100) * max(1e-3, 0.5 * (1 + math.cos(math.pi * min(fall, 1.0))))
    raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}")
