"""What the contract tests share."""

from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_models import kept

from srzoo import bicubic, zoo
from srzoo.runtimes import calibration


@pytest.fixture
def model(request) -> keras.Model:
    """The tiny model of the parameters `name` and `scale`; not to be changed."""
    return kept(*(request.node.callspec.params[key] for key in ("name", "scale")))


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """LR, uint8 (37, 41, 3): sides that are no multiples."""
    coarse = np.random.default_rng(0).integers(0, 256, (10, 11, 3), np.uint8)
    return bicubic.upscale(coarse, 4)[:37, :41]


@pytest.fixture
def weights(model, tmp_path) -> Path:
    """The model's file of weights."""
    zoo.save_weights(model, tmp_path / "tiny.weights.h5")
    return tmp_path / "tiny.weights.h5"


@pytest.fixture(autouse=True)
def few_crops(monkeypatch):
    monkeypatch.setattr(calibration, "CROPS", 12)
    monkeypatch.setattr(calibration, "CROP", 48)
