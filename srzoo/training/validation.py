"""Validation of the averaged weights on pictures outside the training."""

import logging
import math
from collections.abc import Callable
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from srzoo import bicubic
from srzoo.images import to_uint8
from srzoo.metrics import psnr_y
from srzoo.metrics.fidelity import mean_db
from srzoo.models.geometry import scale_of

LOGGER = logging.getLogger(__name__)


class Validation:
    """Scores a generator on held-out pictures.

    Args:
        model: the generator.
        pictures: (name, lr, hr) of each, uint8.
        best_by: the score that the best weights are kept by, `psnr_y` or `lpips`; None: the newest are the best.
        lpips: function from (hr, sr) to the distance, such as a `srzoo.metrics.lpips.Lpips`; None: no LPIPS.
    """

    def __init__(
        self,
        model: keras.Model,
        pictures: list[tuple[str, np.ndarray, np.ndarray]],
        best_by: str | None = "psnr_y",
        lpips: Callable[[np.ndarray, np.ndarray], float] | None = None,
    ):
        self.scale = scale_of(model)
        self.pictures = pictures
        self.best_by = best_by
        self.lpips = lpips
        self._equal_were_named = False
        # One trace for pictures of all sizes.
        self._sr = tf.function(
            lambda lr: model(tf.cast(lr, tf.float32), training=False),
            input_signature=[tf.TensorSpec((1, None, None, 3), tf.uint8)],
        )

    def pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(hr, sr) of each picture, uint8; raises FloatingPointError if SR is not finite."""
        pairs = []
        for _, lr, hr in self.pictures:
            sr = self._sr(lr[None])[0].numpy()
            if not np.isfinite(sr).all():
                raise FloatingPointError
            pairs.append((hr, to_uint8(sr)))
        return pairs

    @cached_property
    def bicubic(self) -> float:
        """Bicubic's PSNR-Y on the same pictures, in dB: what any network has to beat. The mean is that of `score`."""
        return mean_db([psnr_y(hr, bicubic.upscale(lr, self.scale), self.scale) for _, lr, hr in self.pictures])

    def score(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
        """Means over `pairs`: `psnr_y` in dB (`scale` pixels shaved, 8-bit), and `lpips` if it is scored.

        The mean leaves out an infinite PSNR, which says nothing about the network, and names its picture once.
        """
        figures = [psnr_y(hr, sr, self.scale) for hr, sr in pairs]
        equal = [name for (name, _, _), figure in zip(self.pictures, figures) if math.isinf(figure)]
        if equal and not self._equal_were_named:
            self._equal_were_named = True
            LOGGER.warning(
                "left out of the mean PSNR, because SR equals HR (in flat pictures it does): %s", ", ".join(equal)
            )
        scores = {"psnr_y": mean_db(figures)}
        if self.lpips:
            scores["lpips"] = float(np.mean([self.lpips(hr, sr) for hr, sr in pairs]))
        return scores

    def is_better(self, scores: dict[str, float], best: float) -> bool:
        """Whether weights with these scores are to be kept rather than those of the best score so far (NaN: none)."""
        if self.best_by is None or not np.isfinite(best):
            return True
        return scores[self.best_by] < best if self.best_by == "lpips" else scores[self.best_by] > best

    def sample(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """LR (enlarged by repeating pixels), SR and HR of the first picture side by side, uint8."""
        _, lr, _ = self.pictures[0]
        hr, sr = pairs[0]
        return np.concatenate([lr.repeat(self.scale, 0).repeat(self.scale, 1), sr, hr], axis=1)
