"""Networks run in any of Keras's backends, whatever keras.json says of channels."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import srzoo


def on_backend(backend: str, folder: Path, out: Path) -> tuple[dict, dict]:
    """Pixels by name, and figures and refusals, from a process in which Keras has that backend."""
    script = Path(__file__).with_name("on_backend.py")
    env = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, script, folder, out], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    arrays = dict(np.load(out))
    return arrays, json.loads(str(arrays.pop("told")))


@pytest.fixture(scope="module")
def by_tensorflow(tmp_path_factory, picture):
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(picture).save(folder / "picture.png")
    (folder / "photos").mkdir()
    for i in range(2):
        Image.fromarray(picture[i:]).save(folder / "photos" / f"{i}.png")
    srzoo.save_weights(srzoo.create("compact", scale=2, blocks=2, filters=16), folder / "compact.weights.h5")
    srzoo.create("rrdb", scale=2, blocks=1, filters=8, growth=4).save(folder / "rrdb.keras")
    return folder, on_backend("tensorflow", folder, folder / "tensorflow.npz")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    waves = 127 + 120 * np.sin(np.add.outer(np.arange(90) / 3, np.arange(120) / 7)[..., None] + np.arange(3))
    return waves.astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_backend_gives_the_pixels_that_tensorflow_gives(backend, by_tensorflow):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    folder, (expected, about) = by_tensorflow
    pixels, told = on_backend(backend, folder, folder / f"{backend}.npz")
    assert pixels.keys() == expected.keys()
    assert max(np.abs(pixels[name].astype(int) - expected[name]).max() for name in expected) <= 1
    assert told["figures"] == pytest.approx(about["figures"], abs=2e-3)
    assert about["refused"] == ["", ""]
    assert all(
        f"needs Keras's TensorFlow backend, but Keras runs on {backend}; set" in each for each in told["refused"]
    )
