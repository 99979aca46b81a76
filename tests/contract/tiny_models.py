"""Tiny versions of all registered models, and what is compared with them."""

from functools import cache

import keras
import numpy as np
import pytest

from srzoo import zoo
from srzoo.models.registry import MODELS

SCALES = (1, 2, 4)
"""Those that differ in kind: without growth, with one stage of it, with two."""

CASES = [(name, scale) for name, entry in MODELS.items() for scale in SCALES if scale in entry.scales]


def costly(name: str, scale: int) -> bool:
    """Whether what takes seconds is left to the slow tests, as another case has the same layers."""
    builders = [getattr(entry.build, "func", entry.build) for entry in MODELS.values()]
    place = list(MODELS).index(name)
    return scale == 2 or builders[place] in builders[:place]


FAST_AND_SLOW = [pytest.param(*case, marks=pytest.mark.slow) if costly(*case) else case for case in CASES]


def sizes(name: str) -> dict[str, int]:
    """The published whole numbers brought down: one block, channels to 8, what is small already to 2."""
    published = MODELS[name].published().items()
    return {key: 1 if key == "blocks" else 8 if each > 16 else 2 for key, each in published if type(each) is int}


def tiny(name: str, scale: int) -> keras.Model:
    """A model of whose layers each matters to the picture, and whose pictures are near LR's, as trained ones are."""
    model = zoo.create(name, scale, **sizes(name))
    random = np.random.default_rng(0)
    for weight in model.weights:
        kind = weight.path.rpartition("/")[2]
        if kind in ("alpha", "gamma", "beta", "moving_mean", "moving_variance"):
            weight.assign(random.uniform(0.2, 0.8, weight.shape))
        elif kind == "kernel":
            weight.assign(random.normal(0, 0.7 / np.sqrt(np.prod(weight.shape[:3])), weight.shape))
    return model


@cache
def kept(name: str, scale: int) -> keras.Model:
    return tiny(name, scale)


def answer(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """SR, float32 (H, W, 3), of LR, uint8 (H, W, 3)."""
    return np.asarray(model(pixels[None].astype(np.float32), training=False))[0]
