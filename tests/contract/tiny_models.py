"""Tiny versions of all registered models, and what is compared with them."""

from functools import cache

import keras
import numpy as np
import pytest

from srzoo import zoo
from srzoo.images import to_uint8
from srzoo.models.geometry import scale_of
from srzoo.models.keras_graph import from_keras
from srzoo.models.registry import MODELS, border_of

SCALES = (1, 2, 4)
"""Those that differ in kind: without upsampling, with one stage of it, with two."""

CASES = [(name, scale) for name, entry in MODELS.items() for scale in SCALES if scale in entry.scales]


def costly(name: str, scale: int) -> bool:
    """Whether what takes seconds is left to the slow tests, as another case has the same layers."""
    builders = [getattr(entry.build, "func", entry.build) for entry in MODELS.values()]
    place = list(MODELS).index(name)
    return scale != 4 or builders[place] in builders[:place]


def _twin(name: str) -> bool:
    """Whether the network is that of an entry before, down to its sizes."""
    place = list(MODELS).index(name)
    return MODELS[name].build in [entry.build for entry in list(MODELS.values())[:place]]


EVERY = [pytest.param(*case, marks=pytest.mark.slow) if _twin(case[0]) else case for case in CASES]
"""The cases, of which those of the same network are left to the slow tests."""

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


def result(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """As `answer`, but uint8, and of a picture that is continued mirrored where the model's entry says so."""
    margin, scale = border_of(from_keras(model)), scale_of(model)
    sr = to_uint8(answer(model, np.pad(pixels, [(margin, margin)] * 2 + [(0, 0)], "symmetric")))
    return sr[margin * scale : len(sr) - margin * scale, margin * scale : sr.shape[1] - margin * scale]
