"""What all tests share."""

import os
from pathlib import Path

import pytest

# Before TensorFlow is imported, or it talks.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same weights in a test whichever tests run before it."""
    keras.utils.set_random_seed(0)


@pytest.fixture
def shared_data() -> Path:
    """The folder of benchmarks beside the checkout; a test that needs it is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"the benchmark pictures are not here: {SHARED.name}/ beside the checkout is missing")
    return SHARED
