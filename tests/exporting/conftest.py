"""What the tests of exports share."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from served import LIMIT, MEMORY, NAME

from srzoo import bicubic, zoo
from srzoo.exporting.serving import write_saved_model


@pytest.fixture(scope="session")
def small() -> keras.Model:
    keras.utils.set_random_seed(0)
    return zoo.create(NAME)


@pytest.fixture(scope="session")
def small_saved(small, tmp_path_factory) -> Path:
    """`small` as a SavedModel, with little memory and a low limit."""
    folder = tmp_path_factory.mktemp("saved") / "1"
    write_saved_model(small, folder, max_pixels=LIMIT, memory=MEMORY)
    return folder


@pytest.fixture(scope="session")
def small_served(small_saved):
    return tf.saved_model.load(str(small_saved))


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    return bicubic.upscale(coarse, 8)[:59, :77]
