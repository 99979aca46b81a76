"""What all tests share."""

import logging
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

# Before TensorFlow is imported, or it talks.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker has a core; with threads for all cores they would wait for each other.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Processes that tests start import this checkout, in whatever folder they work.
ROOT = Path(__file__).resolve().parents[1]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
# Networks are prepared where a test is about that, and never in the user's own folder.
os.environ["SRZOO_CACHE"] = "off"

# In a background job of a shell SIGINT is ignored from the start, and a test of Ctrl-C would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same weights in a test whichever tests run before it."""
    # Keras draws the seeds of its weights from here. `keras.utils.set_random_seed` drops all that TensorFlow has
    # compiled, too.
    random.seed(0)


@pytest.fixture(autouse=True)
def logged() -> None:
    """What the package logs reaches `caplog`, also after a command was run in this process."""
    logger = logging.getLogger("srzoo")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A folder of the test's own, which is the working one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def edsr_with_biases() -> Callable:
    """From a scale to a small EDSR whose biases are not zero, as a fresh network's are."""
    import keras

    from srzoo import zoo

    def made(scale: int) -> keras.Model:
        keras.utils.set_random_seed(scale)
        model = zoo.create(f"edsr-baseline-x{scale}.blocks1.filters8")
        for layer in model.layers:
            if isinstance(layer, keras.layers.Conv2D):
                layer.bias.assign(keras.random.normal(layer.bias.shape))
        return model

    return made


@pytest.fixture
def shared_data() -> Path:
    """The folder of benchmarks beside the checkout; a test that needs it is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"the benchmark pictures are not here: {SHARED.name}/ beside the checkout is missing")
    return SHARED


@pytest.fixture(scope="session")
def vgg16_weights(tmp_path_factory) -> Path:
    """A weights file of VGG16 as `keras.applications` reads it, with random weights."""
    import keras  # the process that only hands the tests out to workers needs no TensorFlow

    path = tmp_path_factory.mktemp("vgg") / "vgg16.weights.h5"
    random.seed(0)
    keras.applications.VGG16(include_top=False, weights=None).save_weights(path)
    return path


@pytest.fixture(scope="session")
def alexnet_weights(tmp_path_factory) -> Path:
    """A file of LPIPS's weights for AlexNet, at random, spread as those of a network before its training."""
    import numpy as np

    kernels = ((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256))
    rng, arrays = np.random.default_rng(0), {}
    for i, kernel in enumerate(kernels):
        arrays[f"conv{i}_kernel"] = rng.normal(0, np.sqrt(2 / np.prod(kernel[:3])), kernel).astype(np.float32)
        arrays[f"conv{i}_bias"] = rng.normal(0, 0.1, kernel[-1:]).astype(np.float32)
        arrays[f"head{i}"] = rng.random(kernel[-1], np.float32)
    path = tmp_path_factory.mktemp("lpips") / "alexnet.npz"
    np.savez(path, **arrays)
    return path
