"""Degraded LR for training, made from HR for each crop, and once for validation pictures."""

from dataclasses import dataclass

import numpy as np

from srzoo.degradations.presets import preset_of
from srzoo.degradations.steps import degrade

MARGIN = 4
"""LR pixels that are degraded beyond a crop on each side, where the picture has them, and cut off then."""

JPEG_BLOCK = 16
"""Pixels of a JPEG block with its chroma: where a crop lies in them is even, as it is in a whole picture's LR."""


@dataclass(frozen=True)
class Degradation:
    """Degradation of LR.

    Attributes:
        preset: a name of `srzoo.degradations.presets.PRESETS`.
        clean: share of crops whose LR stays as the data set has it.
    """

    preset: str
    clean: float = 0.0

    def __post_init__(self):
        preset_of(self.preset)
        if not 0 <= self.clean < 1:
            raise ValueError(f"the share of clean crops must be at least 0 and below 1, got {self.clean:g}")

    def in_words(self, otherwise: str) -> str:
        """Origin of LR; `otherwise`: that of clean crops."""
        clean = f", in {100 * self.clean:g} % of the crops {otherwise}" if self.clean else ""
        return f"made from HR by the degradation {self.preset!r}{clean}"


def degraded_crop(
    lr: np.ndarray,
    hr: np.ndarray,
    corner: tuple[int, int],
    side: int,
    degradation: Degradation,
    rng: np.random.Generator,
) -> np.ndarray:
    """LR of one crop: made from HR, or cut from LR if it stays clean.

    Args:
        lr, hr: a whole pair, uint8 of shapes (h, w, 3) and (scale h, scale w, 3).
        corner: top and left of the crop, in LR pixels.
        side: side of the crop in LR pixels.
        degradation: what becomes of it.
        rng: draws all that is left to chance.

    Returns:
        uint8 of shape (side, side, 3).
    """
    if rng.random() < degradation.clean:
        top, left = corner
        return lr[top : top + side, left : left + side]
    scale = hr.shape[0] // lr.shape[0]
    before = MARGIN + rng.integers(0, JPEG_BLOCK, size=2)
    starts = np.maximum(0, np.array(corner) - before)
    ends = np.minimum(lr.shape[:2], np.array(corner) + side + MARGIN)
    rows, columns = (slice(scale * start, scale * end) for start, end in zip(starts, ends))
    window = degrade(hr[rows, columns], scale, preset_of(degradation.preset).steps, rng)
    top, left = np.array(corner) - starts
    return window[top : top + side, left : left + side]


def degraded_validation(
    pictures: list[tuple[str, np.ndarray, np.ndarray]], degradation: Degradation, seed: int
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Pictures to validate on, with degraded LR in LR's place: the same in each validation, none of them clean.

    Args:
        pictures: (name, lr, hr) of each, uint8.
        degradation: what becomes of LR.
        seed: together with a picture's place in the list, it decides the damage.
    """
    steps = preset_of(degradation.preset).steps
    return [
        (name, degrade(hr, hr.shape[0] // lr.shape[0], steps, np.random.default_rng((seed, 3, i))), hr)
        for i, (name, lr, hr) in enumerate(pictures)
    ]
